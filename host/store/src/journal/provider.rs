//! The journal as duroxide asks for it: what is asked for is passed on, and each write wakes the workers that it is for.
//! It adds nothing else. Next: `crate::engine`.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};
use tokio::time::{Instant, timeout_at};

use super::{Fetched, Journal};

#[async_trait]
impl Provider for Journal {
    fn name(&self) -> &str {
        self.store.name()
    }

    fn version(&self) -> &str {
        self.store.version()
    }

    async fn fetch_orchestration_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&DispatcherCapabilityFilter>,
    ) -> Fetched<OrchestrationItem> {
        let _turn = self.turns.gate.lock().await;
        let deadline = Instant::now() + poll_timeout;
        loop {
            let fetched = self.ask(|| self.store.fetch_orchestration_item(lock_timeout, poll_timeout, filter)).await?;
            if fetched.is_some() || Instant::now() >= deadline {
                return Ok(fetched);
            }
            let next = self.next_turn().await.min(deadline);
            // Too late is as good as woken: both ask again.
            let _ = timeout_at(next, self.turns.ready.notified()).await;
        }
    }

    async fn fetch_work_item(
        &self,
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&SessionFetchConfig>,
        tag_filter: &TagFilter,
    ) -> Fetched<WorkItem> {
        let _turn = self.activities.gate.lock().await;
        let deadline = Instant::now() + poll_timeout;
        loop {
            let fetched = self.ask(|| self.store.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter)).await?;
            if fetched.is_some() || Instant::now() >= deadline {
                return Ok(fetched);
            }
            let next = self.next_activity().min(deadline);
            let _ = timeout_at(next, self.activities.ready.notified()).await;
        }
    }

    async fn ack_orchestration_item(
        &self,
        lock_token: &str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> Result<(), ProviderError> {
        let ended = metadata.status.is_some();
        let acknowledge = || {
            self.store.ack_orchestration_item(
                lock_token,
                execution_id,
                history_delta.clone(),
                worker_items.clone(),
                orchestrator_items.clone(),
                metadata.clone(),
                cancelled_activities.clone(),
            )
        };
        self.write(acknowledge).await?;
        // Always both: the run is free for messages that came meanwhile, and a timer may be due before the one waited for.
        self.activities.ready.notify_one();
        self.turns.ready.notify_one();
        self.written.send_modify(|count| *count = count.wrapping_add(1));
        if ended {
            self.endings.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }

    async fn abandon_orchestration_item(
        &self,
        lock_token: &str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> Result<(), ProviderError> {
        let abandoned = self.write(|| self.store.abandon_orchestration_item(lock_token, delay, ignore_attempt)).await;
        self.turns.ready.notify_one();
        abandoned
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.store.read(instance).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.store.read_with_execution(instance, execution_id).await
    }

    async fn append_with_execution(&self, instance: &str, execution_id: u64, events: Vec<Event>) -> Result<(), ProviderError> {
        self.write(|| self.store.append_with_execution(instance, execution_id, events.clone())).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.write(|| self.store.enqueue_for_worker(item.clone())).await?;
        self.activities.ready.notify_one();
        Ok(())
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.write(|| self.store.ack_work_item(token, completion.clone())).await?;
        self.turns.ready.notify_one();
        Ok(())
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.write(|| self.store.renew_work_item_lock(token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        self.store.renew_session_lock(owner_ids, extend_for, idle_timeout).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.store.cleanup_orphaned_sessions(idle_timeout).await
    }

    async fn abandon_work_item(&self, token: &str, delay: Option<Duration>, ignore_attempt: bool) -> Result<(), ProviderError> {
        let abandoned = self.write(|| self.store.abandon_work_item(token, delay, ignore_attempt)).await;
        self.activities.ready.notify_one();
        abandoned
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.write(|| self.store.renew_orchestration_item_lock(token, extend_for)).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.write_until(|| self.store.enqueue_for_orchestrator(item.clone(), delay), self.deadline()).await?;
        self.turns.ready.notify_one();
        Ok(())
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.store.as_management_capability()
    }

    async fn get_custom_status(&self, instance: &str, last: u64) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        self.store.get_custom_status(instance, last).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        self.store.get_kv_value(instance, key).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.store.get_kv_all_values(instance).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.store.get_instance_stats(instance).await
    }
}
