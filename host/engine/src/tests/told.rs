//! What the world in memory keeps of what it is told: events, the evidence of verifications, and where those stand that go on in
//! the background. All as the store does.

use async_trait::async_trait;
use shiftgate_model::*;

use super::modelled::{Watched, moment};
use super::world::{State, World};

#[async_trait]
impl Events for World {
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(key) = key {
            if state.keys.iter().any(|known| known == key) {
                return Ok(());
            }
            state.keys.push(key.to_owned());
        }
        let sequence = u64::try_from(state.events.len()).unwrap() + 1;
        state.events.push(Event { run: run.clone(), sequence, at: self.now(), step: step.cloned(), kind });
        Ok(())
    }

    async fn read(&self, _run: &RunId, after: u64) -> Result<Vec<Event>, StoreError> {
        Ok(self.state().events.iter().filter(|event| event.sequence > after).cloned().collect())
    }
}

#[async_trait]
impl EvidenceLog for World {
    async fn keep(&self, _run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError> {
        self.write()?;
        let mut state = self.state();
        if let Some(kept) = state.evidence.iter_mut().find(|kept| kept.key() == evidence.key()) {
            if kept.report.is_none() {
                *kept = evidence.clone();
            }
            return Ok(kept.report.clone());
        }
        state.evidence.push(evidence.clone());
        Ok(evidence.report.clone())
    }

    async fn standing(&self, _run: &RunId, call: &CallKey) -> Result<Option<Evidence>, StoreError> {
        let state = self.state();
        Ok(state.evidence.iter().find(|kept| kept.key() == *call && kept.report.is_some()).cloned())
    }

    async fn baseline(&self, _run: &RunId, _step: &StepId) -> Result<Option<Baseline>, StoreError> {
        Ok(self.state().baseline.clone())
    }
}

#[async_trait]
impl EvidenceLog for Watched {
    async fn keep(&self, run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError> {
        moment().await;
        let stands = self.world.keep(run, evidence).await?;
        moment().await;
        Ok(stands)
    }

    async fn standing(&self, run: &RunId, call: &CallKey) -> Result<Option<Evidence>, StoreError> {
        self.world.standing(run, call).await
    }

    async fn baseline(&self, run: &RunId, step: &StepId) -> Result<Option<Baseline>, StoreError> {
        self.world.baseline(run, step).await
    }
}

#[async_trait]
impl Parking for World {
    async fn park(&self, run: &RunId, parked: &Parked, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        self.write()?;
        let mut state = self.state();
        if !state.is_held(run, under) {
            return Ok(false);
        }
        state.parked.retain(|other| other.run.step != parked.run.step);
        state.parked.push(parked.clone());
        state.parked.sort_by_key(|parked| parked.due);
        Ok(true)
    }

    async fn parked(&self, _run: &RunId) -> Result<Vec<Parked>, StoreError> {
        Ok(self.state().parked.clone())
    }

    async fn unpark(&self, run: &RunId, step: &StepId, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        self.write()?;
        let mut state = self.state();
        let held = state.is_held(run, under);
        state.parked.retain(|parked| !held || parked.run.step != *step);
        Ok(held)
    }
}

impl State {
    fn is_held(&self, run: &RunId, under: Option<Holding<'_>>) -> bool {
        let is_ours = self.holder.as_ref() == Some(run);
        under.is_none_or(|under| is_ours && under.hold == Hold { fence: self.fence, term: self.term })
    }
}

#[async_trait]
impl Parking for Watched {
    async fn park(&self, run: &RunId, parked: &Parked, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        moment().await;
        let ours = self.world.park(run, parked, under).await?;
        moment().await;
        Ok(ours)
    }

    async fn parked(&self, run: &RunId) -> Result<Vec<Parked>, StoreError> {
        self.world.parked(run).await
    }

    async fn unpark(&self, run: &RunId, step: &StepId, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        moment().await;
        let ours = self.world.unpark(run, step, under).await?;
        moment().await;
        Ok(ours)
    }
}
