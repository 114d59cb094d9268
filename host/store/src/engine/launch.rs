//! Starts runs, one interpreter each: under which name in the journal, and whether under a further one. Next: `follow`.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::runtime::OrchestrationStatus;
use duroxide::{Client, ClientError};
use shiftgate_engine::{INTERPRETER, INTERPRETER_VERSION, ORDERS, rollback_decided};
use shiftgate_model::{Ending, RunId, StoreError};
use shiftgate_workflow::Plan;

use super::{Engine, EngineError, EngineOptions, Input, ending};
use crate::fault;
use crate::journal::Journal;
use crate::record::Record;

impl Engine {
    /// Starts a run, or goes on with it; nothing happens to one that runs, or that came to its end.
    ///
    /// A run that stopped before its end, was aborted, was given up for an order, or is to be rolled back after its success, is
    /// interpreted anew under a further name in the journal: its steps find in the ledger what they did before. Two hosts that
    /// launch a run at once launch it once. A run of a database that is to be rolled back and still goes forward there turns
    /// back by itself: see docs/adr/0011-postgresql-for-many-hosts.md.
    ///
    /// # Errors
    /// The journal or the record cannot be read or written.
    pub async fn launch(&self, run: &RunId, plan: &Plan) -> Result<(), EngineError> {
        let input = Input { run: run.clone(), plan: plan.clone() };
        let text = serde_json::to_string(&input);
        let text = text.map_err(|error| self.failed(format!("write the plan of run {run} down"), error.to_string()))?;
        self.launch_text(run, text).await
    }

    /// The same without an engine, for a run of a database: its workers do all the rest. Nobody is waited for.
    ///
    /// # Errors
    /// The record is in a directory, or the database cannot be read or written.
    pub async fn submit(record: &Record, run: &RunId, plan: &Plan) -> Result<(), EngineError> {
        let action = || format!("launch run {run}");
        let place = record.at().to_string();
        if !record.is_shared() {
            return Err(fault::of(action(), place, "runs of a directory have no workers").into());
        }
        let input = Input { run: run.clone(), plan: plan.clone() };
        let text = serde_json::to_string(&input).map_err(|error| fault::of(action(), &place, error.to_string()))?;
        let journal = Arc::new(Journal::open(&record.journal(run), EngineOptions::default().patience).await?);
        let client = Client::new(Arc::clone(&journal) as Arc<dyn Provider>);
        let one_host = record.launching(run).await?;
        let latest = latest(&client, run).await.map_err(|error| fault::of(action(), &place, error.to_string()))?;
        if let Some(instance) = fresh(record, run, latest.as_ref()).await? {
            record.reopen(run).await?;
            let started = client.start_orchestration_versioned(&instance, INTERPRETER, INTERPRETER_VERSION, text).await;
            started.map_err(|error| fault::of(action(), &place, error.to_string()))?;
        }
        drop(one_host);
        journal.close().await;
        Ok(())
    }

    pub(crate) async fn launch_text(&self, run: &RunId, input: String) -> Result<(), EngineError> {
        let _one_at_a_time = self.launching.lock().await;
        let _one_host = self.record.launching(run).await?;
        let latest = self.latest(run).await?;
        let fresh = fresh(&self.record, run, latest.as_ref()).await?;
        if let Some(instance) = &fresh {
            self.record.reopen(run).await?;
            let started = self.client.start_orchestration_versioned(instance, INTERPRETER, INTERPRETER_VERSION, input).await;
            started.map_err(|error| self.client_failed(format!("launch run {run}"), &error))?;
            self.begun(instance).await?;
        }
        if let Some((number, OrchestrationStatus::Running { .. })) = &latest
            && self.journal.is_shared()
            && rollback_decided(&self.record, run).await?.is_some()
        {
            self.wake(&name(run, *number)).await?;
        }
        let instance = fresh.unwrap_or_else(|| name(run, latest.map_or(1, |(number, _)| number)));
        self.driven.with(|runs| runs.insert(run.clone(), instance));
        Ok(())
    }

    /// The newest name of a run in the journal, by its number, and how that stands; none when it has none.
    pub(super) async fn latest(&self, run: &RunId) -> Result<Option<(u32, OrchestrationStatus)>, EngineError> {
        let latest = latest(&self.client, run).await;
        Ok(latest.map_err(|error| self.client_failed(format!("read how run {run} stands"), &error))?)
    }

    /// Waits until the first turn of an instance is in the journal: a signal sent before it would be dropped.
    pub(super) async fn begun(&self, instance: &str) -> Result<(), StoreError> {
        self.until(instance, "launch", |status| !matches!(status, OrchestrationStatus::NotFound)).await
    }

    /// Waits until an instance that was given up is over: the run's next name is free then.
    pub(super) async fn over(&self, instance: &str) -> Result<(), StoreError> {
        self.until(instance, "turn back", |status| !matches!(status, OrchestrationStatus::Running { .. })).await
    }

    async fn until(&self, instance: &str, to: &str, there: fn(&OrchestrationStatus) -> bool) -> Result<(), StoreError> {
        let (mut turns, mut faults) = (self.journal.written(), self.journal.faults());
        while !there(&self.status(instance).await?) {
            tokio::select! {
                _ = turns.changed() => {}
                () = self.a_moment() => {}
                _ = faults.changed() => {
                    let reason = faults.borrow_and_update().clone().unwrap_or_default();
                    return Err(self.failed(format!("{to} {instance}"), reason));
                }
            }
        }
        Ok(())
    }

    /// Wakes an instance that waits, so that its step looks at the record.
    async fn wake(&self, instance: &str) -> Result<(), StoreError> {
        let sent = self.client.enqueue_event(instance, ORDERS, "rollback").await;
        sent.map_err(|error| self.client_failed(format!("wake {instance} for its rollback"), &error))
    }
}

/// The same, for whoever has a client only.
pub(super) async fn latest(client: &Client, run: &RunId) -> Result<Option<(u32, OrchestrationStatus)>, ClientError> {
    let mut latest = None;
    for number in 1.. {
        match client.get_orchestration_status(&name(run, number)).await? {
            OrchestrationStatus::NotFound => break,
            status => latest = Some((number, status)),
        }
    }
    Ok(latest)
}

/// The name under which a run is to be interpreted (anew); none while it goes on, and when it has come to its end.
async fn fresh(record: &Record, run: &RunId, latest: Option<&(u32, OrchestrationStatus)>) -> Result<Option<String>, StoreError> {
    Ok(match latest {
        None => Some(name(run, 1)),
        Some((number, OrchestrationStatus::Failed { .. })) => Some(name(run, number + 1)),
        Some((number, OrchestrationStatus::Completed { output, .. })) => {
            let again = match ending(output) {
                Some(Ending::Aborted | Ending::Stuck) => true,
                Some(Ending::Succeeded) => rollback_decided(record, run).await?.is_some(),
                Some(Ending::Failed | Ending::RolledBack) | None => false,
            };
            again.then(|| name(run, number + 1))
        }
        Some(_) => None,
    })
}

/// The name of a run in the journal: the run's own, then `<run>~2`, `<run>~3`, …
pub(super) fn name(run: &RunId, number: u32) -> String {
    if number == 1 { run.to_string() } else { format!("{run}~{number}") }
}

/// The run that has this name in the journal: a run's id has no `~`.
pub(super) fn run_of(instance: &str) -> RunId {
    RunId::new(instance.split('~').next().unwrap_or(instance))
}
