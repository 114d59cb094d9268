//! Promise on paper before touching the world: every call that changes a cloud goes through here.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shiftgate_model::{Capacity, EffectRecord, ErrorClass, EventKind, Group, GroupId, Hold, Holding, StepError, StoreError};

use super::{Cx, Heeds, Stop};

impl Cx<'_> {
    /// The intent is recorded, the lock is still ours, the world is touched, the outcome is recorded. An effect whose
    /// outcome is on record is not tried again. `act` is told whether an earlier attempt may have touched the world.
    pub(super) async fn effect<T, F>(&self, name: &str, intent: Value, act: impl FnOnce(bool) -> F) -> Result<T, Stop>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, Stop>>,
    {
        self.once(name, intent, |attempted| async move {
            self.still_ours().await?;
            act(attempted).await
        })
        .await
    }

    /// A fact that is looked up once and holds for the whole run: the first value recorded is the value.
    pub(super) async fn fact<T, F>(&self, name: &str, look: impl FnOnce() -> F) -> Result<T, Stop>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, Stop>>,
    {
        self.once(name, json!({}), |_| look()).await
    }

    /// Intent on record, then `act`, then its outcome on record; the recorded outcome where there is one.
    async fn once<T, F>(&self, name: &str, intent: Value, act: impl FnOnce(bool) -> F) -> Result<T, Stop>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, Stop>>,
    {
        let effect = self.ports.ledger.intend(self.run, self.step, name, &intent).await?;
        if let Some(outcome) = effect.outcome {
            return decode(self, name, outcome);
        }
        let value = act(effect.attempted).await?;
        let outcome = serde_json::to_value(&value).map_err(|e| unreadable(self, name, &e))?;
        self.ports.ledger.settle(self.run, self.step, name, &outcome).await?;
        Ok(value)
    }

    /// Stops when another process has taken the run over, or another run the family.
    pub(super) async fn still_ours(&self) -> Result<(), Stop> {
        let Holding { account, family, hold } = self.lock();
        if self.ports.locks.holds(account, family, self.run, hold).await? { Ok(()) } else { Err(self.taken_over()) }
    }

    fn lock(&self) -> Holding<'_> {
        let hold = Hold { fence: self.fence, term: self.term };
        Holding { account: &self.settings.account, family: &self.plan.setup.family, hold }
    }

    /// The lock that is written under, so that nothing of a successor's is overwritten; none at the end of a run, which comes after
    /// all that is done under its lock.
    pub(super) fn holding(&self) -> Option<Holding<'_>> {
        (self.heeds != Heeds::Nothing).then(|| self.lock())
    }

    /// What is done for this run is done by another process now, or its family is another run's.
    pub(super) fn taken_over(&self) -> Stop {
        let family = self.plan.setup.family.as_str();
        let message = format!("this process no longer holds the lock of group family `{family}` for its run");
        StepError::new(ErrorClass::Drift, message)
            .hint("another run or another worker has taken over; look at `shiftgate runs`")
            .into()
    }

    /// Brings a group to `wanted`, when it is not there yet, and when nobody else has changed it since this run last did. An
    /// autoscaler may have moved the target between the same bounds: more than wanted is let be, less is raised again.
    pub(super) async fn resize(&self, live: &Group, original: Capacity, wanted: Capacity) -> Result<(), Stop> {
        let id = &live.id;
        self.say(EventKind::CapacityFound { group: id.clone(), capacity: live.capacity }).await?;
        let record = self.ports.ledger.record(self.run).await?;
        let prefix = capacity_effect(id);
        let name = next_name(&record, self.step.as_str(), &prefix, &json!(wanted));
        if live.capacity == wanted {
            self.effect(&name, json!(wanted), |_| async { Ok(wanted) }).await?;
            self.say(EventKind::CapacityUnchanged { group: id.clone(), capacity: wanted }).await?;
            return Ok(());
        }
        let expected = expected(record.iter().filter(|entry| is_of(entry, &prefix)), original);
        let Some(last) = expected.first() else { return Ok(()) };
        if !expected.iter().any(|capacity| capacity.same_bounds(&live.capacity)) {
            self.drifted(StepError::drift(id, *last, live.capacity)).await?;
        }
        if last == &wanted && wanted.same_bounds(&live.capacity) && live.capacity.target > wanted.target {
            self.say(EventKind::CapacityUnchanged { group: id.clone(), capacity: live.capacity }).await?;
            return Ok(());
        }
        self.say(EventKind::CapacityRequested { group: id.clone(), capacity: wanted }).await?;
        self.effect(&name, json!(wanted), |_| async {
            self.ports.groups.set_capacity(id, wanted).await?;
            Ok(wanted)
        })
        .await?;
        self.say(EventKind::CapacityAccepted { group: id.clone() }).await?;
        Ok(())
    }
}

/// Whether an entry is a write of the thing that `prefix` names: `capacity sig-1`, and `capacity sig-1 2` for a later one.
pub(super) fn is_of(entry: &EffectRecord, prefix: &str) -> bool {
    match entry.effect.strip_prefix(prefix) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(' ').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())),
        None => false,
    }
}

/// The name of the next effect that writes a thing. A thing may be written more than once in a step, when it is put back,
/// when an autoscaler moved it, or when the step is tried again: each write has its own entry, and the last one is gone on
/// with while its outcome is not known.
pub(super) fn next_name(record: &[EffectRecord], step: &str, prefix: &str, intent: &Value) -> String {
    let of_step: Vec<_> = record.iter().filter(|entry| entry.step.as_str() == step && is_of(entry, prefix)).collect();
    match of_step.last() {
        None => prefix.to_owned(),
        Some(last) if last.outcome.is_none() && last.intent == *intent => last.effect.clone(),
        Some(_) => format!("{prefix} {}", of_step.len() + 1),
    }
}

/// The name of the effect that writes a group's capacity.
pub(super) fn capacity_effect(id: &GroupId) -> String {
    format!("capacity {id}")
}

/// What a thing may be now if nobody but this run has touched it, the latest first: what was last written, and what was
/// there before while it is not known whether the write arrived. `entries` are the writes of that one thing, oldest first.
pub(super) fn expected<'r, T: DeserializeOwned>(
    entries: impl DoubleEndedIterator<Item = &'r EffectRecord>,
    original: T,
) -> Vec<T> {
    let mut expected = Vec::new();
    for entry in entries.rev() {
        if let Ok(written) = serde_json::from_value(entry.intent.clone()) {
            expected.push(written);
        }
        if entry.outcome.is_some() {
            return expected;
        }
    }
    expected.push(original);
    expected
}

/// Reads a recorded outcome.
pub(super) fn decode<T: DeserializeOwned>(cx: &Cx<'_>, effect: &str, outcome: Value) -> Result<T, Stop> {
    serde_json::from_value(outcome).map_err(|e| unreadable(cx, effect, &e))
}

/// The record holds something that this program does not read.
pub(super) fn unreadable(cx: &Cx<'_>, effect: &str, error: &serde_json::Error) -> Stop {
    Stop::Store(StoreError {
        action: format!("read the outcome of `{effect}` of step `{}`", cx.step),
        place: "the effect ledger".into(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_model::StepId;

    fn entry(step: &str, capacity: Capacity, settled: bool) -> EffectRecord {
        EffectRecord {
            step: StepId::new(step),
            effect: "capacity sig-1".into(),
            intent: json!(capacity),
            outcome: settled.then(|| json!(capacity)),
        }
    }

    #[test]
    fn every_write_has_an_entry_and_an_unknown_one_is_gone_on_with() {
        let [one, two] = [1, 2].map(Capacity::pinned);
        let name = |record: &[EffectRecord], wanted: Capacity| next_name(record, "a", "capacity sig-1", &json!(wanted));
        let numbered = |number: &str, capacity, settled| EffectRecord {
            effect: format!("capacity sig-1{number}"),
            ..entry("a", capacity, settled)
        };
        assert_eq!(name(&[], one), "capacity sig-1");
        // Its outcome is not known: the same write goes on, another one is an entry of its own.
        let unknown = [entry("a", one, false)];
        assert_eq!(name(&unknown, one), "capacity sig-1");
        assert_eq!(name(&unknown, two), "capacity sig-1 2");
        // Its outcome was never known, it was put back, and the step is tried again.
        let put_back = [numbered("", one, false), numbered(" 2", two, true)];
        assert_eq!(name(&put_back, one), "capacity sig-1 3");
        assert!(!is_of(&numbered("1", one, true), "capacity sig-1"));
    }

    #[test]
    fn a_write_of_unknown_outcome_leaves_two_possible_worlds() {
        let original = Capacity { minimum: 0, target: 4, maximum: 10 };
        let [one, two] = [1, 2].map(Capacity::pinned);
        let after = |record: &[EffectRecord]| expected(record.iter(), original);
        assert_eq!(after(&[]), [original]);
        assert_eq!(after(&[entry("a", one, true)]), [one]);
        assert_eq!(after(&[entry("a", one, false)]), [one, original]);
        assert_eq!(after(&[entry("a", one, true), entry("b", two, false)]), [two, one]);
    }
}
