//! Follows runs: how they stand, when they end, and what they are told. Next: `forwarder`.

use std::time::Duration;

use duroxide::runtime::OrchestrationStatus;
use shiftgate_model::{Ending, RunId, StoreError};
use tokio::time::{Instant, sleep};

use super::launch::name;
use super::{Engine, EngineError, ending};

/// How often a database is asked how a run stands: another worker may have taken its last turn.
const LOOK: Duration = Duration::from_millis(250);

impl Engine {
    /// Waits until a run has come to its end.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] when the run gave up; [`EngineError::Store`] as soon as a file cannot be written, or when a
    /// database was away for [`EngineOptions::patience`](super::EngineOptions): duroxide goes on trying, so the caller may
    /// wait again, or stop the engine and resume later.
    pub async fn ended(&self, run: &RunId) -> Result<Ending, EngineError> {
        let (mut endings, mut faults) = (self.journal.endings(), self.journal.faults());
        let instance = match self.driven.instance(run) {
            Some(instance) => instance,
            None => self.named(run).await?,
        };
        loop {
            match self.status(&instance).await? {
                OrchestrationStatus::Completed { output, .. } => {
                    self.driven.with(|runs| runs.remove(run));
                    return ending(&output).ok_or_else(|| EngineError::Stopped {
                        run: run.clone(),
                        reason: format!("its end cannot be read: `{output}`"),
                    });
                }
                OrchestrationStatus::Failed { details, .. } => {
                    self.driven.with(|runs| runs.remove(run));
                    return Err(EngineError::Stopped { run: run.clone(), reason: details.display_message() });
                }
                OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound => {}
            }
            tokio::select! {
                _ = endings.changed() => {}
                () = self.a_moment() => {}
                _ = faults.changed() => {
                    let reason = faults.borrow_and_update().clone().unwrap_or_default();
                    return Err(self.failed(format!("record the progress of run {run}"), reason).into());
                }
            }
        }
    }

    /// What the run last said of where it is; none when it said nothing yet, or was never launched here.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn standing(&self, run: &RunId) -> Result<Option<String>, EngineError> {
        Ok(match self.latest(run).await? {
            Some((_, OrchestrationStatus::Running { custom_status, .. })) => custom_status,
            Some((
                _,
                OrchestrationStatus::Completed { custom_status, .. } | OrchestrationStatus::Failed { custom_status, .. },
            )) => custom_status,
            Some((_, OrchestrationStatus::NotFound)) | None => None,
        })
    }

    /// Sends a signal to a run; it is kept until the run waits for it.
    ///
    /// # Errors
    /// The run was never launched (for a file: by this engine), or the journal cannot be written.
    pub async fn signal(&self, run: &RunId, name: &str, payload: &str) -> Result<(), EngineError> {
        let instance = match self.driven.instance(run) {
            Some(instance) => instance,
            None if self.journal.is_shared() => self.named(run).await?,
            None => return Err(EngineError::NotLaunched(run.clone())),
        };
        let sent = self.client.enqueue_event(&instance, name, payload).await;
        Ok(sent.map_err(|error| self.client_failed(format!("signal run {run}"), &error))?)
    }

    /// How an instance stands. A database that is away is asked again until the patience is over.
    pub(super) async fn status(&self, instance: &str) -> Result<OrchestrationStatus, StoreError> {
        let action = || format!("read how {instance} stands");
        let began = Instant::now();
        loop {
            // A pool whose database is away keeps whoever asks for half a minute.
            let reached = self.journal.reach().await;
            let last = match reached {
                true => match self.client.get_orchestration_status(instance).await {
                    Ok(status) => return Ok(status),
                    Err(error) if !self.journal.is_shared() => return Err(self.client_failed(action(), &error)),
                    Err(error) => error.to_string(),
                },
                false => "no connection".to_owned(),
            };
            if began.elapsed() >= self.patience.duration() {
                return Err(self.journal.why_away(action(), last).await);
            }
            sleep(LOOK).await;
        }
    }

    /// The newest name of a run in the journal.
    async fn named(&self, run: &RunId) -> Result<String, EngineError> {
        let latest = self.latest(run).await?;
        latest.map(|(number, _)| name(run, number)).ok_or_else(|| EngineError::NotLaunched(run.clone()))
    }

    /// Until it is time to look at a database again; for ever for a file, which nobody else writes to.
    pub(super) async fn a_moment(&self) {
        match self.journal.is_shared() {
            true => sleep(LOOK).await,
            false => std::future::pending().await,
        }
    }
}
