//! What an operator orders of a run: to stop, to go back, to try again, to take what others changed for good.
//!
//! An order is on record before anything hears of it, under a step of its own in the ledger, and open until somebody heeds
//! it or takes it back. Who heeds: the steps, at their begin and in every wait (`steps::heed`). Who carries it to a run that
//! waits: `store`. A rollback that was ordered is decided as well: such a run never goes forward again.

use serde_json::{Value, json};
use shiftgate_model::{EffectRecord, Ledger, RunId, StepId, StoreError};

/// The step under which orders are on record.
pub const OPERATOR: &str = "operator";
/// The step under which the decision to roll back is on record.
const ROLLBACK: &str = "rollback";
/// That decision.
const DECIDED: &str = "decided";

/// What may be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stop where it stands; nothing is put back.
    Abort,
    /// Put everything back.
    Rollback,
    /// Try the step again that a person is asked about.
    Retry,
    /// When the run goes on, what others have changed under it is taken for good.
    AcceptDrift,
}

impl Order {
    /// The word that its names on record begin with.
    const fn word(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
            Self::AcceptDrift => "accept-drift",
        }
    }

    /// Whether an effect on record is an order of this kind.
    fn is(self, effect: &str) -> bool {
        effect.strip_prefix(self.word()).is_some_and(|rest| rest.starts_with(' '))
    }
}

/// An order that nobody has heeded or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// What is ordered.
    pub order: Order,
    /// Who, and why, in a sentence.
    pub reason: String,
    /// Its name on record.
    pub(crate) effect: String,
}

/// Records an order; nothing happens when the same is open already. A rollback is decided with it.
///
/// # Errors
/// The record cannot be written; nothing is ordered then.
pub async fn give_order(ledger: &dyn Ledger, run: &RunId, order: Order, reason: &str) -> Result<(), StoreError> {
    if order == Order::Rollback {
        decide_rollback(ledger, run, reason).await?;
    }
    let record = ledger.record(run).await?;
    let given = || of_operator(&record).filter(|entry| order.is(&entry.effect));
    if given().any(|entry| entry.outcome.is_none()) {
        return Ok(());
    }
    let effect = format!("{} {}", order.word(), given().count() + 1);
    ledger.intend(run, &StepId::new(OPERATOR), &effect, &json!(reason)).await?;
    Ok(())
}

/// Closes every open order of some kinds: it was heeded, or it is taken back.
///
/// # Errors
/// The record cannot be read or written.
pub async fn close_orders(ledger: &dyn Ledger, run: &RunId, orders: &[Order], how: &str) -> Result<(), StoreError> {
    close(ledger, run, orders, json!(how)).await
}

pub(crate) async fn close(ledger: &dyn Ledger, run: &RunId, orders: &[Order], how: Value) -> Result<(), StoreError> {
    for open in open_orders(&ledger.record(run).await?).into_iter().filter(|open| orders.contains(&open.order)) {
        ledger.settle(run, &StepId::new(OPERATOR), &open.effect, &how).await?;
    }
    Ok(())
}

/// The orders that are open, in the order in which they were given.
#[must_use]
pub fn open_orders(record: &[EffectRecord]) -> Vec<OpenOrder> {
    let kinds = [Order::Abort, Order::Rollback, Order::Retry, Order::AcceptDrift];
    let open = of_operator(record).filter(|entry| entry.outcome.is_none()).filter_map(|entry| {
        let order = kinds.into_iter().find(|order| order.is(&entry.effect))?;
        let reason = entry.intent.as_str().unwrap_or_default().to_owned();
        Some(OpenOrder { order, reason, effect: entry.effect.clone() })
    });
    open.collect()
}

/// Whether the run that began under `fence` takes drift for good: an order for it is open, or was heeded by that very begin.
pub(crate) fn accepts_drift(record: &[EffectRecord], fence: i64) -> bool {
    of_operator(record)
        .filter(|entry| Order::AcceptDrift.is(&entry.effect))
        .any(|entry| entry.outcome.as_ref().is_none_or(|outcome| *outcome == json!(fence)))
}

fn of_operator(record: &[EffectRecord]) -> impl Iterator<Item = &EffectRecord> {
    record.iter().filter(|entry| entry.step.as_str() == OPERATOR)
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

pub(crate) fn decision(record: &[EffectRecord]) -> Option<String> {
    let entry = record.iter().find(|entry| entry.step.as_str() == ROLLBACK && entry.effect == DECIDED)?;
    entry.intent.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(effect: &str, outcome: Option<Value>) -> EffectRecord {
        EffectRecord { step: StepId::new(OPERATOR), effect: effect.into(), intent: json!("ann asked for it"), outcome }
    }

    #[test]
    fn an_order_is_open_until_it_is_heeded() {
        let record =
            [entry("abort 1", Some(json!("heeded"))), entry("abort 2", None), entry("retry 1", None), entry("aborted 3", None)];
        let open: Vec<_> = open_orders(&record).into_iter().map(|open| (open.order, open.effect)).collect();
        assert_eq!(open, [(Order::Abort, "abort 2".to_owned()), (Order::Retry, "retry 1".to_owned())]);
    }

    #[test]
    fn drift_is_accepted_by_one_begin_only() {
        assert!(!accepts_drift(&[], 1));
        assert!(accepts_drift(&[entry("accept-drift 1", None)], 1));
        assert!(accepts_drift(&[entry("accept-drift 1", Some(json!(2)))], 2));
        assert!(!accepts_drift(&[entry("accept-drift 1", Some(json!(2)))], 3));
    }
}
