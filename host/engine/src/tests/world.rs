//! A world in memory for the behaviour tests: groups whose instances take time, a record, a scripted plugin.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::*;
use shiftgate_workflow::Plan;
use tokio::time::Instant;

use super::balancers::Balancers;
use super::witnessed::reply;
use crate::{Activities, Pace, Ports, Runs, Settings, WhenBusy};

#[derive(Default)]
pub(super) struct State {
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) balancers: Balancers,
    /// When a group was resized last, and what it had before.
    resized: BTreeMap<String, (Instant, u32)>,
    pub(super) calls: Vec<String>,
    /// Errors for the next calls of a name.
    pub(super) faults: Vec<(String, CloudError)>,
    /// The same, after so many calls of the name have gone well.
    pub(super) faults_after: Vec<(String, u32, CloudError)>,
    /// What another hand does while a plugin is asked.
    pub(super) on_plugin_call: Option<Hand>,
    /// What another hand does right after the next write of a rule.
    pub(super) on_route: Option<Hand>,
    /// What happens to the nth call that changes something, the first being 0: applied and its reply lost, or refused.
    pub(super) fault_at: Option<(u32, Fault)>,
    pub(super) changes: u32,
    /// Images whose instances never become healthy.
    pub(super) sick: Vec<AmiId>,
    pub(super) events: Vec<Event>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) baseline: Option<Baseline>,
    pub(super) parked: Vec<Parked>,
    pub(super) ledger: Vec<EffectRecord>,
    /// Effects of earlier runs.
    pub(super) known: Vec<String>,
    /// The effects of other runs of the same account and family.
    pub(super) others: Vec<(RunId, String)>,
    pub(super) keys: Vec<String>,
    pub(super) holder: Option<RunId>,
    pub(super) fence: i64,
    pub(super) term: i64,
    pub(super) ending: Option<Ending>,
    pub(super) replies: VecDeque<Outcome>,
    /// What the plugin of one step answers, before the others.
    pub(super) replies_of: BTreeMap<String, VecDeque<Outcome>>,
    pub(super) plugin_calls: Vec<PluginCall>,
    pub(super) plugin_pins: Vec<Option<Digest>>,
    /// Errors for the next calls of plugins.
    pub(super) plugin_faults: VecDeque<PluginError>,
    /// The store refuses to write from this many writes on.
    pub(super) writes_left: Option<u32>,
}

/// Another hand.
pub(super) type Hand = Box<dyn FnOnce(&mut State) + Send>;

/// How a call that changes something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    ReplyLost,
    Refused,
}

pub(super) struct World {
    pub(super) plan: Arc<Plan>,
    state: Mutex<State>,
    began: Instant,
    /// How long an instance takes to be healthy.
    pub(super) boot: Duration,
}

impl World {
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan: Arc::new(plan), state: Mutex::default(), began: Instant::now(), boot: Duration::from_secs(90) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn add(&self, id: &str, name: &str, capacity: Capacity, run: Option<&str>) {
        let marker = run.map(|run| Marker { run: RunId::new(run), step: StepId::new("setup") });
        let image = Some(AmiId::new("ami-old"));
        let group = Group {
            id: GroupId::new(id),
            name: GroupName::new(name),
            capacity,
            image,
            marker,
            created_at: None,
            target_groups: Vec::new(),
            classic: Vec::new(),
            steered_rules: Vec::new(),
        };
        let mut state = self.state();
        state.groups.insert(id.into(), group);
        state.resized.insert(id.into(), (self.began, capacity.target));
    }

    /// `name min/target/max`, one a group, by name.
    pub(super) fn groups(&self) -> Vec<String> {
        let state = self.state();
        let mut lines: Vec<String> = state
            .groups
            .values()
            .map(|g| format!("{} {}/{}/{}", g.name, g.capacity.minimum, g.capacity.target, g.capacity.maximum))
            .collect();
        lines.sort();
        lines
    }

    pub(super) fn transcript(&self) -> String {
        let lines: Vec<String> = self.state().events.iter().map(|event| event.kind.to_string()).collect();
        lines.join("\n")
    }

    pub(super) fn activities(self: &Arc<Self>) -> Arc<Activities> {
        let ports = Ports {
            groups: self.clone(),
            routes: Some(self.clone()),
            plugins: self.clone(),
            ledger: self.clone(),
            locks: self.clone(),
            events: self.clone(),
            evidence: self.clone(),
            parking: self.clone(),
            runs: self.clone(),
            clock: self.clone(),
        };
        let settings = Settings { account: "act-1".into(), pace: Pace::default(), when_busy: WhenBusy::Wait };
        Arc::new(Activities::new(ports, settings))
    }

    /// What a group has now; none when there is no such group.
    pub(super) fn instances(&self, id: &str) -> Option<Vec<InstanceHealth>> {
        let state = self.state();
        let group = state.groups.get(id)?;
        let (since, before) = state.resized.get(id).copied().unwrap_or((self.began, 0));
        let sick = group.image.as_ref().is_some_and(|image| state.sick.contains(image));
        let booted = since.elapsed() >= self.boot;
        let instance = |n: u32| InstanceHealth {
            id: Some(InstanceId::new(format!("i-{}-{n}", group.id))),
            health: if !sick && (n <= before || booted) { Health::Healthy } else { Health::Unhealthy },
        };
        Some((1..=group.capacity.target).map(instance).collect())
    }

    pub(super) fn call(&self, name: &str, subject: &str) -> Result<(), CloudError> {
        let mut state = self.state();
        state.calls.push(format!("{name} {subject}").trim().to_owned());
        if let Some(at) = state.faults_after.iter().position(|(call, _, _)| call == name) {
            match &mut state.faults_after[at].1 {
                0 => return Err(state.faults_after.remove(at).2),
                left => *left -= 1,
            }
        }
        match state.faults.iter().position(|(call, _)| call == name) {
            Some(at) => Err(state.faults.remove(at).1),
            None => Ok(()),
        }
    }

    /// Makes a change, unless it is the one that goes wrong.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), CloudError> {
        let mut state = self.state();
        let number = state.changes;
        state.changes += 1;
        let fault = state.fault_at.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault != Some(Fault::Refused) {
            change(&mut state);
        }
        match fault {
            None => Ok(()),
            Some(Fault::Refused) => Err(refusal("Change", 400)),
            Some(Fault::ReplyLost) => Err(refusal("Change", 500)),
        }
    }

    pub(super) fn write(&self) -> Result<(), StoreError> {
        match &mut self.state().writes_left {
            Some(0) => Err(StoreError { action: "write".into(), place: "state.db".into(), reason: "disk full".into() }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

pub(super) fn refusal(operation: &str, status: u16) -> CloudError {
    let origin = Origin::Remote { status, code: None, message: "no".into() };
    CloudError { service: Service::Spot, operation: operation.into(), subject: None, origin, retry: Retry::Never }
}

#[async_trait]
impl Groups for World {
    async fn list(&self) -> Result<Vec<Group>, CloudError> {
        self.call("list", "")?;
        Ok(self.state().groups.values().cloned().collect())
    }

    async fn read(&self, id: &GroupId) -> Result<Option<Group>, CloudError> {
        self.call("read", id.as_str())?;
        Ok(self.state().groups.get(id.as_str()).cloned())
    }

    async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
        self.call("create", spec.name.as_str())?;
        let mut state = self.state();
        if let Some(found) = state.groups.values().find(|g| g.marker.as_ref() == Some(&spec.marker)) {
            return Ok(Created { id: found.id.clone(), adopted: true });
        }
        let id = GroupId::new(format!("sig-{}", state.groups.len() + 1));
        let group = Group {
            id: id.clone(),
            name: spec.name.clone(),
            capacity: Capacity::ZERO,
            image: Some(spec.image.clone()),
            marker: Some(spec.marker.clone()),
            created_at: None,
            target_groups: spec.target_groups.clone().unwrap_or_default(),
            classic: Vec::new(),
            steered_rules: Vec::new(),
        };
        state.groups.insert(id.to_string(), group);
        Ok(Created { id, adopted: false })
    }

    async fn set_capacity(&self, id: &GroupId, capacity: Capacity) -> Result<(), CloudError> {
        self.call("capacity", &format!("{id} {capacity}"))?;
        self.change(|state| {
            let before = state.groups.get(id.as_str()).map_or(0, |g| g.capacity.target);
            state.resized.insert(id.to_string(), (Instant::now(), before));
            if let Some(group) = state.groups.get_mut(id.as_str()) {
                group.capacity = capacity;
            }
        })
    }

    async fn rename(&self, id: &GroupId, name: &GroupName) -> Result<(), CloudError> {
        self.call("rename", &format!("{id} {name}"))?;
        self.change(|state| {
            if let Some(group) = state.groups.get_mut(id.as_str()) {
                group.name = name.clone();
            }
        })
    }

    async fn delete(&self, id: &GroupId) -> Result<Deleted, CloudError> {
        self.call("delete", id.as_str())?;
        Ok(if self.state().groups.remove(id.as_str()).is_some() { Deleted::Now } else { Deleted::AlreadyGone })
    }

    async fn health(&self, id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
        self.call("health", id.as_str())?;
        self.instances(id.as_str()).ok_or_else(|| refusal("ListInstanceHealth", 400))
    }
}

#[async_trait]
impl PluginRunner for World {
    async fn call(&self, source: &PluginSource, call: &PluginCall) -> Result<PluginReply, PluginError> {
        let mut state = self.state();
        if let Some(error) = state.plugin_faults.pop_front() {
            return Err(error);
        }
        let outcome = match call.action {
            Call::Validate | Call::Cancel { .. } => Outcome::Accepted,
            Call::Start { .. } | Call::Poll { .. } => {
                let of_step = state.replies_of.get_mut(call.run.step.as_str()).and_then(VecDeque::pop_front);
                of_step.or_else(|| state.replies.pop_front()).expect("a reply is scripted")
            }
        };
        if !matches!(call.action, Call::Validate) {
            state.plugin_calls.push(call.clone());
            state.plugin_pins.push(source.pinned.clone());
            if let Some(meddle) = state.on_plugin_call.take() {
                meddle(&mut state);
            }
        }
        Ok(reply(outcome, &call.action, self.now()))
    }
}

#[async_trait]
impl Ledger for World {
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError> {
        self.write()?;
        let mut state = self.state();
        let token = EffectToken::new(format!("{run}/{step}/{effect}"));
        if let Some(entry) = state.ledger.iter().find(|e| e.step == *step && e.effect == effect) {
            return Ok(Effect { token, outcome: entry.outcome.clone(), attempted: true });
        }
        let entry = EffectRecord { step: step.clone(), effect: effect.into(), intent: intent.clone(), outcome: None };
        state.ledger.push(entry);
        Ok(Effect { token, outcome: None, attempted: false })
    }

    async fn settle(&self, _run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError> {
        self.write()?;
        let mut state = self.state();
        let entry = state.ledger.iter_mut().find(|e| e.step == *step && e.effect == effect);
        let entry = entry.expect("an intent comes first");
        entry.outcome.get_or_insert_with(|| outcome.clone());
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<Vec<EffectRecord>, StoreError> {
        let state = self.state();
        let entry = |effect: &String| EffectRecord {
            step: StepId::new("of another run"),
            effect: effect.clone(),
            intent: Value::Null,
            outcome: None,
        };
        let of_other: Vec<_> = state.others.iter().filter(|(other, _)| other == run).map(|(_, effect)| entry(effect)).collect();
        Ok(if of_other.is_empty() { state.ledger.clone() } else { of_other })
    }

    async fn known(&self, effect: &str) -> Result<bool, StoreError> {
        Ok(self.state().known.iter().any(|known| known == effect))
    }

    async fn of_others(
        &self,
        _account: &str,
        _family: &Family,
        run: &RunId,
        beginning: &str,
    ) -> Result<Vec<(RunId, String)>, StoreError> {
        let state = self.state();
        Ok(state.others.iter().filter(|(other, effect)| other != run && effect.starts_with(beginning)).cloned().collect())
    }
}

#[async_trait]
impl Locks for World {
    async fn acquire(&self, _account: &str, _family: &Family, run: &RunId) -> Result<Acquired, StoreError> {
        let mut state = self.state();
        match &state.holder {
            Some(holder) if holder != run => Ok(Acquired::Busy { holder: holder.clone(), ahead: 1 }),
            _ => {
                state.holder = Some(run.clone());
                state.fence += 1;
                Ok(Acquired::Held { fence: state.fence })
            }
        }
    }

    async fn enter(&self, _account: &str, _family: &Family, run: &RunId, fence: i64) -> Result<Option<i64>, StoreError> {
        let mut state = self.state();
        if state.holder.as_ref() != Some(run) || state.fence != fence {
            return Ok(None);
        }
        state.term += 1;
        Ok(Some(state.term))
    }

    async fn holds(&self, _account: &str, _family: &Family, run: &RunId, hold: Hold) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(state.holder.as_ref() == Some(run) && (state.fence, state.term) == (hold.fence, hold.term))
    }

    async fn release(&self, _account: &str, _family: &Family, run: &RunId) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.holder.as_ref() == Some(run) {
            state.holder = None;
        }
        Ok(())
    }
}

#[async_trait]
impl Runs for World {
    async fn plan(&self, _run: &RunId) -> Result<Arc<Plan>, StoreError> {
        Ok(Arc::clone(&self.plan))
    }

    async fn end(&self, _run: &RunId, ending: Ending, _at: Timestamp) -> Result<(), StoreError> {
        self.state().ending = Some(ending);
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(0).plus(Millis::from(self.began.elapsed()))
    }
}
