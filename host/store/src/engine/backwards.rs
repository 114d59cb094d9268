//! Gives up what the journal holds of runs that are to be rolled back since: it would go on forwards, or wait for a vote.
//!
//! This comes before any worker is started. An activity that was under way when its process was killed runs again as soon
//! as there is a worker, and two interpreters of one run would then act at once. What is given up is the way, not what
//! was done on it: that is on record, and the run's next name in the journal begins with the rollback.
//!
//! In a database this does nothing: what is unfinished there is in the hands of living workers. Each step looks at the
//! record before it does anything, so such a run turns back by itself with its next step; a launch wakes one that waits
//! for a vote.

use duroxide::providers::Provider;
use duroxide::{Client, EventKind};
use shiftgate_engine::{goes_back, rollback_decided};
use shiftgate_model::{RunId, StoreError};

use super::launch::run_of;
use crate::fault;
use crate::journal::Journal;
use crate::record::Record;

/// The names in the journal that were given up: each comes to its end with its next turn.
pub(super) async fn give_up(journal: &Journal, client: &Client, record: &Record) -> Result<Vec<String>, StoreError> {
    let mut given_up = Vec::new();
    for instance in journal.unfinished().await? {
        let run = run_of(&instance);
        if rollback_decided(record, &run).await?.is_none() || !goes_forward(journal, &instance, &run).await? {
            continue;
        }
        journal.drop_work(&instance).await?;
        let cancelled = client.cancel_instance(&instance, "the run is rolled back").await;
        cancelled.map_err(|error| fault::of(format!("turn run {run} back"), journal.place(), error.to_string()))?;
        given_up.push(instance);
    }
    Ok(given_up)
}

/// Whether an interpreter is past its beginning, where it would take up the decision, and has not turned back by itself.
async fn goes_forward(journal: &Journal, instance: &str, run: &RunId) -> Result<bool, StoreError> {
    let history = journal.read(instance).await;
    let history = history.map_err(|error| fault::of(format!("read how far run {run} is"), journal.place(), error.to_string()))?;
    let mut replies = history.iter().filter_map(|event| match &event.kind {
        EventKind::ActivityCompleted { result } => Some(result),
        _ => None,
    });
    let began = replies.clone().next().is_some();
    Ok(began && !replies.any(|reply| goes_back(reply)))
}
