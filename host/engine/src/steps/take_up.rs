//! What a run that begins (again) takes up from its record: what its steps found, and whether it was being rolled back.
//!
//! A run that was aborted gave its lock away. When another run has changed something of the family since, the record no
//! longer says what is there, and the run does not go on. One that only looked, and was refused, is in nobody's way.

use serde_json::json;
use shiftgate_model::{EffectRecord, ErrorClass, RunId, StepError, StoreError};

use super::{Cx, OUTPUT, Stop, effect};
use crate::Facts;
use crate::orders::{self, Order};

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
    let accept_drift = orders::accepts_drift(&record, fence);
    orders::close(cx.ports.ledger.as_ref(), cx.run, &[Order::AcceptDrift], json!(fence)).await?;
    Ok(Facts { fence, rolling_back: orders::decision(&record), accept_drift, ..found(cx, &record)? })
}

/// What the steps of the run have found, as the last one that ended left it on record.
pub(crate) fn found(cx: &Cx<'_>, record: &[EffectRecord]) -> Result<Facts, Stop> {
    let ended = record.iter().rev().find(|entry| entry.effect == OUTPUT && entry.outcome.is_some());
    match ended.and_then(|entry| entry.outcome.clone()) {
        Some(outcome) => effect::decode(cx, OUTPUT, outcome),
        None => Ok(Facts::default()),
    }
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
