//! duroxide's journal in one SQLite file, which one process has for itself.
//!
//! duroxide's own provider has no way to wait for work: each of its workers would ask every few milliseconds, and a
//! waiting run would keep a core busy. [`Journal`] stands before it and adds what one process can know: it wakes a worker
//! when work was put in, lets one worker ask while the others queue behind it, and sleeps until the next timer. It
//! changes nothing of what is stored, and knows no run. Next: `engine`.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};
use shiftgate_model::StoreError;
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::{Instant, timeout_at};

use crate::file::{self, Exclusive, NotExclusive};
use crate::{fault, provider};

/// How long a worker sleeps at most before it asks the file again: for leases that ran out, and clocks that were set.
const PATIENCE: Duration = Duration::from_secs(1);

/// The journal of one engine.
pub(crate) struct Journal {
    file: SqliteProvider,
    // One writer at a time: duroxide's transactions read before they write, and two at once end in `database is locked`.
    writer: Mutex<()>,
    activities: Lane,
    turns: Lane,
    written: watch::Sender<u64>,
    endings: watch::Sender<u64>,
    faults: watch::Sender<Option<String>>,
    place: String,
    // Kept as long as any of duroxide's tasks keeps the journal: nobody else opens the file before the last one is gone.
    _exclusive: Exclusive,
}

/// One kind of work: who asks for it next, and whether there may be some.
#[derive(Default)]
struct Lane {
    gate: Mutex<()>,
    ready: Notify,
}

type Fetched<T> = Result<Option<(T, String, u32)>, ProviderError>;

impl Journal {
    /// Opens the journal, and makes it (for its owner only) where it is missing.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        const ACTION: &str = "open the engine's journal";
        let place = path.display().to_string();
        if let Some(directory) = path.parent() {
            file::make_directory(directory)?;
        }
        let exclusive = match Exclusive::take(ACTION, &path.with_extension("lock")) {
            Ok(exclusive) => exclusive,
            Err(NotExclusive::Taken(Some(process))) => {
                return Err(fault::of(ACTION, place, format!("process {process} has it open")));
            }
            Err(NotExclusive::Taken(None)) => return Err(fault::of(ACTION, place, "another engine has it open")),
            Err(NotExclusive::Fault(error)) => return Err(error),
        };
        file::touch(ACTION, path)?;
        file::try_database(ACTION, path).await?;
        let file = provider::open(ACTION, path).await?;
        forget_leases(&file).await.map_err(|error| fault::of_database(ACTION, &place, &error))?;
        Ok(Self {
            file,
            writer: Mutex::new(()),
            activities: Lane::default(),
            turns: Lane::default(),
            written: watch::Sender::new(0),
            endings: watch::Sender::new(0),
            faults: watch::Sender::new(None),
            place,
            _exclusive: exclusive,
        })
    }

    /// Ticks when a run in the journal has taken a turn.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Ticks when a run in the journal has come to an end.
    pub(crate) fn endings(&self) -> watch::Receiver<u64> {
        self.endings.subscribe()
    }

    /// The last fault of the disk or the file, in words; it changes with every new one.
    pub(crate) fn faults(&self) -> watch::Receiver<Option<String>> {
        self.faults.subscribe()
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &sqlx::SqlitePool {
        self.file.get_pool()
    }

    /// The file's name.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Makes sure that what was written is on the disk. duroxide leaves that to the system, which is right for all that
    /// can be done again, and wrong before the record says that the journal has something.
    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        let _writer = self.writer.lock().await;
        let synced = self.file.checkpoint().await;
        synced.map_err(|error| fault::of_database("write the engine's journal", &self.place, &error))
    }

    /// The names of what has begun in the journal and has not come to an end.
    pub(crate) async fn unfinished(&self) -> Result<Vec<String>, StoreError> {
        let running = self.file.list_instances_by_status("Running").await;
        running.map_err(|error| fault::of("look for unfinished runs", &self.place, error.message))
    }

    /// Drops what is queued for an instance: activities, timers, signals. Before any worker is started, that is all of it.
    pub(crate) async fn drop_work(&self, instance: &str) -> Result<(), StoreError> {
        let _writer = self.writer.lock().await;
        let dropped = drop_work(&self.file, instance).await;
        dropped.map_err(|error| fault::of_database(format!("drop the work of {instance}"), &self.place, &error))
    }

    /// Closes the file. Whoever asks for work afterwards is told so.
    pub(crate) async fn close(&self) {
        self.file.get_pool().close().await;
    }

    /// One write to the file. duroxide tries again for ever, and only its log says why: a full disk would look like a run
    /// that hangs, so faults of the disk are kept.
    async fn write<T>(&self, write: impl Future<Output = Result<T, ProviderError>> + Send) -> Result<T, ProviderError> {
        let _writer = self.writer.lock().await;
        let result = write.await;
        if let Err(error) = &result
            && let Some(reason) = fault::sqlite_message_reason(&error.message)
        {
            self.faults.send_replace(Some(reason));
        }
        result
    }

    /// As [`Journal::write`], for the asking of a worker: a fault that may pass is no work. duroxide's own pause after
    /// many of them overflows (2 to the power of their number).
    async fn ask<T>(&self, fetch: impl Future<Output = Fetched<T>> + Send) -> Fetched<T> {
        match self.write(fetch).await {
            Err(error) if error.is_retryable() => {
                tracing::debug!(%error, "the journal could not be asked for work");
                Ok(None)
            }
            other => other,
        }
    }

    /// When the next timer is due, [`PATIENCE`] at most.
    async fn next_turn(&self) -> Instant {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let due: Option<i64> = sqlx::query_scalar("SELECT MIN(visible_at) FROM orchestrator_queue WHERE visible_at > $1")
            .bind(now)
            .fetch_one(self.file.get_pool())
            .await
            .unwrap_or_default();
        let wait = due.and_then(|due| u64::try_from(due.saturating_sub(now)).ok()).map_or(PATIENCE, Duration::from_millis);
        Instant::now() + wait.min(PATIENCE)
    }
}

/// Gives up the leases of a process that is gone, so that its run goes on at once instead of when they run out.
///
/// duroxide leases work by time, because many processes may share its store. Here the file is this process's alone
/// ([`Exclusive`]), so every lease in it is of a process that has ended. A lease is the three columns that
/// `abandon_work_item` and `abandon_orchestration_item` clear, no more; the count of attempts stays.
async fn forget_leases(file: &SqliteProvider) -> Result<(), sqlx::Error> {
    let mut tx = file.get_pool().begin().await?;
    for statement in [
        "UPDATE worker_queue SET lock_token = NULL, locked_until = NULL WHERE lock_token IS NOT NULL",
        "UPDATE orchestrator_queue SET lock_token = NULL, locked_until = NULL WHERE lock_token IS NOT NULL",
        "DELETE FROM instance_locks",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The rows that duroxide's own deletion of an instance takes from its two queues.
async fn drop_work(file: &SqliteProvider, instance: &str) -> Result<(), sqlx::Error> {
    let mut tx = file.get_pool().begin().await?;
    for statement in ["DELETE FROM worker_queue WHERE instance_id = $1", "DELETE FROM orchestrator_queue WHERE instance_id = $1"]
    {
        sqlx::query(statement).bind(instance).execute(&mut *tx).await?;
    }
    tx.commit().await
}

#[async_trait]
impl Provider for Journal {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn version(&self) -> &str {
        self.file.version()
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
            let fetched = self.ask(self.file.fetch_orchestration_item(lock_timeout, poll_timeout, filter)).await?;
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
            let fetched = self.ask(self.file.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter)).await?;
            if fetched.is_some() || Instant::now() >= deadline {
                return Ok(fetched);
            }
            let next = (Instant::now() + PATIENCE).min(deadline);
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
        let acknowledged = self.file.ack_orchestration_item(
            lock_token,
            execution_id,
            history_delta,
            worker_items,
            orchestrator_items,
            metadata,
            cancelled_activities,
        );
        self.write(acknowledged).await?;
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
        let abandoned = self.write(self.file.abandon_orchestration_item(lock_token, delay, ignore_attempt)).await;
        self.turns.ready.notify_one();
        abandoned
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        self.file.read(instance).await
    }

    async fn read_with_execution(&self, instance: &str, execution_id: u64) -> Result<Vec<Event>, ProviderError> {
        self.file.read_with_execution(instance, execution_id).await
    }

    async fn append_with_execution(&self, instance: &str, execution_id: u64, events: Vec<Event>) -> Result<(), ProviderError> {
        self.write(self.file.append_with_execution(instance, execution_id, events)).await
    }

    async fn enqueue_for_worker(&self, item: WorkItem) -> Result<(), ProviderError> {
        self.write(self.file.enqueue_for_worker(item)).await?;
        self.activities.ready.notify_one();
        Ok(())
    }

    async fn ack_work_item(&self, token: &str, completion: Option<WorkItem>) -> Result<(), ProviderError> {
        self.write(self.file.ack_work_item(token, completion)).await?;
        self.turns.ready.notify_one();
        Ok(())
    }

    async fn renew_work_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.write(self.file.renew_work_item_lock(token, extend_for)).await
    }

    async fn renew_session_lock(
        &self,
        owner_ids: &[&str],
        extend_for: Duration,
        idle_timeout: Duration,
    ) -> Result<usize, ProviderError> {
        self.file.renew_session_lock(owner_ids, extend_for, idle_timeout).await
    }

    async fn cleanup_orphaned_sessions(&self, idle_timeout: Duration) -> Result<usize, ProviderError> {
        self.file.cleanup_orphaned_sessions(idle_timeout).await
    }

    async fn abandon_work_item(&self, token: &str, delay: Option<Duration>, ignore_attempt: bool) -> Result<(), ProviderError> {
        let abandoned = self.write(self.file.abandon_work_item(token, delay, ignore_attempt)).await;
        self.activities.ready.notify_one();
        abandoned
    }

    async fn renew_orchestration_item_lock(&self, token: &str, extend_for: Duration) -> Result<(), ProviderError> {
        self.write(self.file.renew_orchestration_item_lock(token, extend_for)).await
    }

    async fn enqueue_for_orchestrator(&self, item: WorkItem, delay: Option<Duration>) -> Result<(), ProviderError> {
        self.write(self.file.enqueue_for_orchestrator(item, delay)).await?;
        self.turns.ready.notify_one();
        Ok(())
    }

    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.file.as_management_capability()
    }

    async fn get_custom_status(&self, instance: &str, last: u64) -> Result<Option<(Option<String>, u64)>, ProviderError> {
        self.file.get_custom_status(instance, last).await
    }

    async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>, ProviderError> {
        self.file.get_kv_value(instance, key).await
    }

    async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>, ProviderError> {
        self.file.get_kv_all_values(instance).await
    }

    async fn get_instance_stats(&self, instance: &str) -> Result<Option<SystemStats>, ProviderError> {
        self.file.get_instance_stats(instance).await
    }
}
