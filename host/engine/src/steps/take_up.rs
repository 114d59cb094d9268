//! What a run that begins (again) takes up from its record: what its steps found, and whether it was being rolled back.
//!
//! A run that was aborted gave its lock away. When another run has changed something of the family since, the record no
//! longer says what is there, and the run does not go on. One that only looked, and was refused, is in nobody's way.

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
/// How the names of the effects begin that change something in a cloud.
const CHANGES: [&str; 5] = ["create", "capacity ", "route ", "name ", "delete "];

/// The facts that the run goes on with, now that the lock is its own under `fence`.
pub(crate) async fn take_up(cx: &Cx<'_>, fence: i64) -> Result<Facts, Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let before = record.iter().filter_map(|entry| began(&entry.effect)).max();
    if let Some(before) = before.filter(|before| fence > before.saturating_add(1))
        && let Some(other) = changed_since(cx, before).await?
    {
        let family = cx.plan.setup.family.as_str();
        let message = format!("run {other} has worked on group family `{family}` since this one stopped");
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

/// Another run that has had the lock after `fence`, and has changed something, or begun to. When it did is not on record:
/// one that changed something earlier, and then only began again, counts too.
async fn changed_since(cx: &Cx<'_>, fence: i64) -> Result<Option<RunId>, StoreError> {
    let ledger = &cx.ports.ledger;
    let others = ledger.of_others(&cx.settings.account, &cx.plan.setup.family, cx.run, BEGAN).await?;
    for (other, effect) in others {
        let later = began(&effect).is_some_and(|began| began > fence);
        if later && ledger.record(&other).await?.iter().any(|entry| changes(&entry.effect)) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

fn began(effect: &str) -> Option<i64> {
    effect.strip_prefix(BEGAN)?.parse().ok()
}

fn changes(effect: &str) -> bool {
    CHANGES.iter().any(|beginning| effect.starts_with(beginning))
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

/// Why the run is to be rolled back; none when nobody has decided that.
///
/// # Errors
/// The record cannot be read.
pub async fn rollback_decided(ledger: &dyn Ledger, run: &RunId) -> Result<Option<String>, StoreError> {
    Ok(decision(&ledger.record(run).await?))
}

/// Whether a step has come to its end, on record.
///
/// # Errors
/// The record cannot be read.
pub async fn has_ended(ledger: &dyn Ledger, run: &RunId, step: &StepId) -> Result<bool, StoreError> {
    let record = ledger.record(run).await?;
    Ok(record.iter().any(|entry| entry.step == *step && entry.effect == OUTPUT && entry.outcome.is_some()))
}

fn decision(record: &[EffectRecord]) -> Option<String> {
    let entry = record.iter().find(|entry| entry.step.as_str() == ROLLBACK && entry.effect == DECIDED)?;
    entry.intent.as_str().map(str::to_owned)
}
