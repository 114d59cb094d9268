//! Carries ballots from the record into the runs that an engine drives. `shiftgate approve` is another process, and writes
//! to the record only; here each ballot goes on to the step that asked, once. In a database every worker carries ballots of
//! every run: its own at once, and those of others when they were left lying. What a ballot says is not looked at.
//! Next: `crate::record`, where ballots lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duroxide::Client;
use duroxide::runtime::OrchestrationStatus;
use shiftgate_model::{RunId, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::launch::name;
use crate::fault;
use crate::journal::Journal;
use crate::record::{CastBallot, Record};

/// How often the record is asked for ballots while a run is driven.
const BALLOT_PERIOD: Duration = Duration::from_millis(200);

/// How long a ballot of a run that another worker launched is left to that worker.
const LEFT_LYING: Duration = Duration::from_secs(1);

/// The runs that this engine drives, and the name that each has in the journal.
#[derive(Default)]
pub(super) struct Driven(Mutex<HashMap<RunId, String>>);

impl Driven {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut HashMap<RunId, String>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn instance(&self, run: &RunId) -> Option<String> {
        self.with(|runs| runs.get(run).cloned())
    }
}

/// Carries ballots from the record into the runs that are driven here, and notes each as consumed once it is on the disk.
/// A crash between the two carries one in twice; its `id` tells.
pub(super) struct Forwarder {
    pub(super) record: Record,
    pub(super) client: Client,
    pub(super) journal: Arc<Journal>,
    pub(super) driven: Arc<Driven>,
}

impl Forwarder {
    /// Until it is told to stop.
    pub(super) async fn forward_until(self, stop: CancellationToken) {
        let mut lying = HashMap::new();
        while stop.run_until_cancelled(tokio::time::sleep(BALLOT_PERIOD)).await.is_some() {
            if self.driven.with(|runs| runs.is_empty()) && !self.journal.is_shared() {
                continue;
            }
            let forwarded = match self.journal.is_shared() {
                // A database that is away keeps a ballot for long; whoever stops does not wait for it.
                true => stop.run_until_cancelled(self.forward(&mut lying)).await.unwrap_or(Ok(())),
                false => self.forward(&mut lying).await,
            };
            if let Err(error) = forwarded {
                tracing::warn!(%error, "ballots wait; trying again");
            }
        }
    }

    /// `lying` is since when ballots of others' runs were seen.
    async fn forward(&self, lying: &mut HashMap<(RunId, u64), Instant>) -> Result<(), StoreError> {
        let waiting = self.record.ballots_waiting().await?;
        lying.retain(|(run, id), _| waiting.iter().any(|cast| cast.run == *run && cast.id == *id));
        for cast in waiting {
            let own = self.driven.instance(&cast.run);
            let instance = if !self.journal.is_shared() {
                own
            } else if own.is_some() || since(lying, &cast).elapsed() >= LEFT_LYING {
                // Another worker may have launched the run anew under a further name.
                self.running(&cast.run).await?
            } else {
                None
            };
            let Some(instance) = instance else { continue };
            let sent = self.client.enqueue_event(&instance, cast.step.as_str(), payload(&cast)).await;
            sent.map_err(|error| fault::of("carry a ballot", self.journal.place(), error.to_string()))?;
            self.journal.sync().await?;
            self.record.consume(&cast.run, cast.id).await?;
        }
        Ok(())
    }

    /// The name under which a run is interpreted now; none while it is not, and a ballot for it waits.
    async fn running(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let mut found = None;
        for number in 1.. {
            let status = self.client.get_orchestration_status(&name(run, number)).await;
            match status.map_err(|error| fault::of("look for who asked", self.journal.place(), error.to_string()))? {
                OrchestrationStatus::NotFound => break,
                OrchestrationStatus::Running { .. } => found = Some(name(run, number)),
                OrchestrationStatus::Completed { .. } | OrchestrationStatus::Failed { .. } => found = None,
            }
        }
        Ok(found)
    }
}

/// Since when a ballot was seen.
fn since(lying: &mut HashMap<(RunId, u64), Instant>, cast: &CastBallot) -> Instant {
    *lying.entry((cast.run.clone(), cast.id)).or_insert_with(Instant::now)
}

/// A ballot as a run receives it: the ballot's own fields, and its `id`.
fn payload(cast: &CastBallot) -> String {
    let ballot = &cast.ballot;
    serde_json::json!({
        "id": cast.id,
        "subject": ballot.subject,
        "vote": ballot.vote,
        "at": ballot.at,
        "comment": ballot.comment,
        "bound_digest": ballot.bound_digest,
    })
    .to_string()
}
