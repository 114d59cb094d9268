//! The record of a rehearsal, in memory: ledger, locks, events, and the calls that would be made, by step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::{
    Acquired, Baseline, CallKey, Effect, EffectRecord, EffectToken, Ending, Event, EventKind, Events, Evidence, EvidenceLog,
    Family, Hold, Holding, Ledger, Locks, Parked, Parking, Report, RunId, StepError, StepId, StoreError, Timestamp,
};
use shiftgate_workflow::Plan;

use super::PlannedCall;
use crate::Runs;

/// Takes notes; see the module.
pub(super) struct Notes {
    plan: Arc<Plan>,
    /// The record of earlier runs.
    before: Arc<dyn Ledger>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    effects: Vec<EffectRecord>,
    calls: Vec<(StepId, PlannedCall)>,
    /// The step that the last event belongs to.
    step: Option<StepId>,
    failure: Option<(StepId, StepError)>,
}

impl Notes {
    pub(super) fn new(plan: Arc<Plan>, before: Arc<dyn Ledger>) -> Self {
        Self { plan, before, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call of the step under way.
    pub(super) fn call(&self, call: PlannedCall) {
        let mut state = self.state();
        if let Some(step) = state.step.clone() {
            state.calls.push((step, call));
        }
    }

    /// The calls of a step, in order.
    pub(super) fn calls(&self, step: &StepId) -> Vec<PlannedCall> {
        self.state().calls.iter().filter(|(of, _)| of == step).map(|(_, call)| call.clone()).collect()
    }

    /// The step that failed, and why.
    pub(super) fn failure(&self) -> Option<(StepId, StepError)> {
        self.state().failure.clone()
    }

    /// What setup found.
    pub(super) fn observed(&self) -> Value {
        let state = self.state();
        let found = state.effects.iter().find(|entry| entry.effect == crate::steps::ORIGINAL);
        found.and_then(|entry| entry.outcome.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Ledger for Notes {
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError> {
        let mut state = self.state();
        let token = EffectToken::new(format!("{run}/{step}/{effect}"));
        if let Some(entry) = state.effects.iter().find(|entry| entry.step == *step && entry.effect == effect) {
            return Ok(Effect { token, outcome: entry.outcome.clone(), attempted: entry.outcome.is_none() });
        }
        let entry = EffectRecord { step: step.clone(), effect: effect.to_owned(), intent: intent.clone(), outcome: None };
        state.effects.push(entry);
        Ok(Effect { token, outcome: None, attempted: false })
    }

    async fn settle(&self, _run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(entry) = state.effects.iter_mut().find(|entry| entry.step == *step && entry.effect == effect) {
            entry.outcome.get_or_insert_with(|| outcome.clone());
        }
        Ok(())
    }

    async fn record(&self, _run: &RunId) -> Result<Vec<EffectRecord>, StoreError> {
        Ok(self.state().effects.clone())
    }

    async fn known(&self, effect: &str) -> Result<bool, StoreError> {
        self.before.known(effect).await
    }

    async fn of_others(
        &self,
        account: &str,
        family: &Family,
        run: &RunId,
        beginning: &str,
    ) -> Result<Vec<(RunId, String)>, StoreError> {
        self.before.of_others(account, family, run, beginning).await
    }
}

#[async_trait]
impl Locks for Notes {
    async fn acquire(&self, _account: &str, _family: &Family, _run: &RunId) -> Result<Acquired, StoreError> {
        Ok(Acquired::Held { fence: 1 })
    }

    async fn enter(&self, _account: &str, _family: &Family, _run: &RunId, _fence: i64) -> Result<Option<i64>, StoreError> {
        Ok(Some(1))
    }

    async fn holds(&self, _account: &str, _family: &Family, _run: &RunId, _hold: Hold) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release(&self, _account: &str, _family: &Family, _run: &RunId) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Events for Notes {
    async fn append(&self, _run: &RunId, step: Option<&StepId>, _key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        let mut state = self.state();
        state.step = step.cloned();
        if let (Some(step), EventKind::StepFailed { error }) = (step, kind) {
            state.failure.get_or_insert((step.clone(), error));
        }
        Ok(())
    }

    async fn read(&self, _run: &RunId, _after: u64) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl EvidenceLog for Notes {
    async fn keep(&self, _run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError> {
        Ok(evidence.report.clone())
    }

    async fn standing(&self, _run: &RunId, _call: &CallKey) -> Result<Option<Evidence>, StoreError> {
        Ok(None)
    }

    async fn baseline(&self, _run: &RunId, _step: &StepId) -> Result<Option<Baseline>, StoreError> {
        Ok(None)
    }
}

/// No verification is left to go on in the background.
#[async_trait]
impl Parking for Notes {
    async fn park(&self, _run: &RunId, _parked: &Parked, _under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn parked(&self, _run: &RunId) -> Result<Vec<Parked>, StoreError> {
        Ok(Vec::new())
    }

    async fn unpark(&self, _run: &RunId, _step: &StepId, _under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        Ok(true)
    }
}

#[async_trait]
impl Runs for Notes {
    async fn plan(&self, _run: &RunId) -> Result<Arc<Plan>, StoreError> {
        Ok(Arc::clone(&self.plan))
    }

    async fn end(&self, _run: &RunId, _ending: Ending, _at: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}
