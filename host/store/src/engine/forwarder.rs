//! Carries ballots and the word of orders from the record into runs. `shiftgate approve` and `shiftgate abort` are other
//! processes, and write to the record only; here each ballot goes on to the step that asked, once, and a run that waits hears
//! that there is an order. In a database every worker does so for every run: for its own at once, and for those of others when
//! something was left lying. What ballots and orders say is not looked at. Next: `crate::record`, where they lie.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duroxide::Client;
use duroxide::runtime::OrchestrationStatus;
use shiftgate_engine::ORDERS;
use shiftgate_model::{RunId, StoreError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::launch::{latest, name};
use crate::fault;
use crate::journal::Journal;
use crate::record::{CastBallot, Record};

/// How often the record is asked while a run is driven.
const PERIOD: Duration = Duration::from_millis(200);

/// How long a ballot or an order of a run that another worker launched is left to that worker.
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

/// What the forwarder has come across.
#[derive(Default)]
struct Seen {
    ballots: HashMap<(RunId, u64), Instant>,
    orders: HashMap<(RunId, String), Instant>,
    told: HashSet<(String, String)>,
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
        let mut seen = Seen::default();
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            if self.driven.with(|runs| runs.is_empty()) && !self.journal.is_shared() {
                continue;
            }
            let forwarded = match self.journal.is_shared() {
                // A database that is away keeps a ballot for long; whoever stops does not wait for it.
                true => stop.run_until_cancelled(self.forward(&mut seen)).await.unwrap_or(Ok(())),
                false => self.forward(&mut seen).await,
            };
            if let Err(error) = forwarded {
                tracing::warn!(%error, "ballots and orders wait; trying again");
            }
        }
    }

    async fn forward(&self, seen: &mut Seen) -> Result<(), StoreError> {
        self.tell_of_orders(seen).await?;
        self.forward_ballots(seen).await
    }

    /// Each open order is told once by each engine: who hears of it twice finds it heeded.
    async fn tell_of_orders(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let open = self.record.orders_open().await?;
        let known: HashSet<_> = open.iter().collect();
        seen.orders.retain(|key, _| known.contains(key));
        for (run, order) in open {
            let key = (run, order);
            let since = *seen.orders.entry(key.clone()).or_insert_with(Instant::now);
            let Some(instance) = self.instance(&key.0, since).await? else { continue };
            if seen.told.contains(&(instance.clone(), key.1.clone())) {
                continue;
            }
            let sent = self.client.enqueue_event(&instance, ORDERS, &key.1).await;
            sent.map_err(|error| fault::of("tell a run of an order", self.journal.place(), error.to_string()))?;
            seen.told.insert((instance, key.1));
        }
        Ok(())
    }

    async fn forward_ballots(&self, seen: &mut Seen) -> Result<(), StoreError> {
        let waiting = self.record.ballots_waiting().await?;
        seen.ballots.retain(|(run, id), _| waiting.iter().any(|cast| cast.run == *run && cast.id == *id));
        for cast in waiting {
            let since = *seen.ballots.entry((cast.run.clone(), cast.id)).or_insert_with(Instant::now);
            let Some(instance) = self.instance(&cast.run, since).await? else { continue };
            let sent = self.client.enqueue_event(&instance, cast.step.as_str(), payload(&cast)).await;
            sent.map_err(|error| fault::of("carry a ballot", self.journal.place(), error.to_string()))?;
            self.journal.sync().await?;
            self.record.consume(&cast.run, cast.id).await?;
        }
        Ok(())
    }

    /// To whom something for a run goes that was seen at `since`; none when it is another's, or nobody's yet, and waits.
    async fn instance(&self, run: &RunId, since: Instant) -> Result<Option<String>, StoreError> {
        let own = self.driven.instance(run);
        if !self.journal.is_shared() {
            return Ok(own);
        }
        if own.is_none() && since.elapsed() < LEFT_LYING {
            return Ok(None);
        }
        // Another worker may have launched the run anew under a further name.
        self.running(run).await
    }

    /// The name under which a run is interpreted now; none while it is not, and a ballot for it waits.
    async fn running(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let latest = latest(&self.client, run).await;
        let latest = latest.map_err(|error| fault::of("look for who asked", self.journal.place(), error.to_string()))?;
        Ok(match latest {
            Some((number, OrchestrationStatus::Running { .. })) => Some(name(run, number)),
            Some(_) | None => None,
        })
    }
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
