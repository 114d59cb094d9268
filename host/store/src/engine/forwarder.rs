//! Carries ballots and the word of orders from the record into the runs that an engine drives. `shiftgate approve` and
//! `shiftgate abort` are other processes, and write to the record only; here each ballot goes on to the step that asked, once,
//! and a run that waits hears that there is an order. What they say is not looked at.
//! Next: `crate::record`, where ballots lie.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duroxide::Client;
use shiftgate_engine::ORDERS;
use shiftgate_model::{RunId, StoreError};
use tokio_util::sync::CancellationToken;

use crate::fault;
use crate::journal::Journal;
use crate::record::{CastBallot, Record};

/// How often the record is asked while a run is driven.
const PERIOD: Duration = Duration::from_millis(200);

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
        let mut told = HashSet::new();
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            if self.driven.with(|runs| runs.is_empty()) {
                continue;
            }
            let forwarded = match self.tell_of_orders(&mut told).await {
                Ok(()) => self.forward_ballots().await,
                fault => fault,
            };
            if let Err(error) = forwarded {
                tracing::warn!(%error, "ballots and orders wait; trying again");
            }
        }
    }

    /// Each open order is told once by each engine: who hears of it twice finds it heeded.
    async fn tell_of_orders(&self, told: &mut HashSet<(String, String)>) -> Result<(), StoreError> {
        for (run, order) in self.record.orders_open().await? {
            let Some(instance) = self.driven.instance(&run) else { continue };
            if told.contains(&(instance.clone(), order.clone())) {
                continue;
            }
            let sent = self.client.enqueue_event(&instance, ORDERS, &order).await;
            sent.map_err(|error| fault::of("tell a run of an order", self.journal.place(), error.to_string()))?;
            told.insert((instance, order));
        }
        Ok(())
    }

    async fn forward_ballots(&self) -> Result<(), StoreError> {
        for cast in self.record.ballots_waiting().await? {
            let Some(instance) = self.driven.instance(&cast.run) else { continue };
            let sent = self.client.enqueue_event(&instance, cast.step.as_str(), payload(&cast)).await;
            sent.map_err(|error| fault::of("carry a ballot", self.journal.place(), error.to_string()))?;
            self.journal.sync().await?;
            self.record.consume(&cast.run, cast.id).await?;
        }
        Ok(())
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
