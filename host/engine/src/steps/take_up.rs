//! What a run that begins (again) takes up from its record: what its steps found, and whether it was being rolled back.
//!
//! A run that was aborted gave its lock away. When another run has worked on the family since, the record no longer says
//! what is there, and the run does not go on.

use serde_json::json;
use shiftgate_model::{EffectRecord, ErrorClass, Ledger, RunId, StepError, StepId, StoreError};

use super::{Cx, OUTPUT, Stop, effect};
use crate::Facts;

/// The step under which the decision to roll back is on record.
const ROLLBACK: &str = "rollback";
/// That decision.
const DECIDED: &str = "decided";
/// The fencing number of each time that the run began.
const BEGAN: &str = "began ";

/// The facts that the run goes on with, now that the lock is its own under `fence`.
pub(crate) async fn take_up(cx: &Cx<'_>, fence: i64) -> Result<Facts, Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let before = record.iter().filter(|entry| entry.step == *cx.step);
    let before = before.filter_map(|entry| entry.effect.strip_prefix(BEGAN)?.parse::<i64>().ok()).max();
    if before.is_some_and(|before| fence > before.saturating_add(1)) {
        let message =
            format!("another run has worked on group family `{}` since this one stopped", cx.plan.setup.family.as_str());
        let hint = "its record no longer says what is there: look at `shiftgate runs`, and start a new run";
        return Err(StepError::new(ErrorClass::Drift, message).hint(hint).into());
    }
    cx.fact(&format!("{BEGAN}{fence}"), || async { Ok(()) }).await?;
    let found = record.iter().rev().find(|entry| entry.effect == OUTPUT && entry.outcome.is_some());
    let facts = match found.and_then(|entry| entry.outcome.clone()) {
        Some(outcome) => effect::decode(cx, OUTPUT, outcome)?,
        None => Facts::default(),
    };
    Ok(Facts { fence, rolling_back: decision(&record), ..facts })
}

/// Records that the run is rolled back, before anything is done for it: a run that goes on from here goes on with the
/// rollback, never forward.
///
/// # Errors
/// The record cannot be written; nothing is decided then.
pub async fn decide_rollback(ledger: &dyn Ledger, run: &RunId, reason: &str) -> Result<(), StoreError> {
    let step = StepId::new(ROLLBACK);
    ledger.intend(run, &step, DECIDED, &json!(reason)).await?;
    ledger.settle(run, &step, DECIDED, &json!(reason)).await
}

/// Why the run is rolled back; none when nobody has decided that.
pub(crate) async fn decided(cx: &Cx<'_>) -> Result<Option<String>, StoreError> {
    Ok(decision(&cx.ports.ledger.record(cx.run).await?))
}

fn decision(record: &[EffectRecord]) -> Option<String> {
    let entry = record.iter().find(|entry| entry.step.as_str() == ROLLBACK && entry.effect == DECIDED)?;
    entry.intent.as_str().map(str::to_owned)
}
