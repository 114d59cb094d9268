//! Gives up what the journal holds of runs that are to be rolled back since: it would go on forwards, or wait for a vote. So
//! it is with a run that is to be aborted, and that an interpreter began which hears no orders.
//!
//! This comes before any worker is started. An activity that was under way when its process was killed runs again as soon
//! as there is a worker, and two interpreters of one run would then act at once. What is given up is the way, not what
//! was done on it: that is on record, and the run's next name in the journal begins with the rollback.
//!
//! In a database this does nothing: what is unfinished there is in the hands of living workers. Each step looks at the
//! record before it does anything, so such a run turns back by itself with its next step; a launch, and the forwarder,
//! wake one that waits.

use duroxide::providers::Provider;
use duroxide::{Client, Event, EventKind};
use shiftgate_engine::{Order, goes_back, open_orders, rollback_decided};
use shiftgate_model::{Ledger as _, RunId, StoreError};

use super::launch::run_of;
use crate::adapter::VERSIONS;
use crate::fault;
use crate::journal::Journal;
use crate::record::Record;

/// The names in the journal that were given up: each comes to its end with its next turn.
pub(super) async fn give_up(journal: &Journal, client: &Client, record: &Record) -> Result<Vec<String>, StoreError> {
    let mut given_up = Vec::new();
    for instance in journal.unfinished().await? {
        let run = run_of(&instance);
        let effects = record.record(&run).await?;
        let aborts = open_orders(&effects).iter().any(|open| open.order == Order::Abort);
        let goes_back = rollback_decided(record, &run).await?.is_some();
        if !aborts && !goes_back {
            continue;
        }
        let history = history(journal, &instance, &run).await?;
        if !(goes_back && goes_forward(&history) || aborts && is_deaf(&history)) {
            continue;
        }
        journal.drop_work(&instance).await?;
        let cancelled = client.cancel_instance(&instance, "an operator ordered otherwise").await;
        cancelled.map_err(|error| fault::of(format!("turn run {run} back"), journal.place(), error.to_string()))?;
        given_up.push(instance);
    }
    Ok(given_up)
}

async fn history(journal: &Journal, instance: &str, run: &RunId) -> Result<Vec<Event>, StoreError> {
    let history = journal.read(instance).await;
    history.map_err(|error| fault::of(format!("read how far run {run} is"), journal.place(), error.to_string()))
}

/// Whether an interpreter began the run that hears no orders while it waits.
fn is_deaf(history: &[Event]) -> bool {
    let begun_by = history.iter().find_map(|event| match &event.kind {
        EventKind::OrchestrationStarted { version, .. } => Some(version.as_str()),
        _ => None,
    });
    VERSIONS.iter().any(|(version, hears_orders)| begun_by == Some(*version) && !hears_orders)
}

/// Whether an interpreter is past its beginning, where it would take up the decision, and has not turned back by itself.
fn goes_forward(history: &[Event]) -> bool {
    let mut replies = history.iter().filter_map(|event| match &event.kind {
        EventKind::ActivityCompleted { result } => Some(result),
        _ => None,
    });
    let began = replies.clone().next().is_some();
    began && !replies.any(|reply| goes_back(reply))
}
