//! The world and the run's record at one moment, and what they say of the run's two groups: read from the record as it lies
//! there, without the engine's own types. It judges nothing. Next: `invariants`.

use std::collections::BTreeMap;

use serde_json::Value;
use shiftgate_model::*;

use super::super::run_id;
use super::super::world::World;
use super::invariants::Change;

/// The world and the record at one moment.
pub(super) struct Snapshot {
    pub(super) groups: Vec<Group>,
    healthy: BTreeMap<GroupId, u32>,
    pub(super) rules: Vec<Rule>,
    pub(super) ledger: Vec<EffectRecord>,
    sick: Vec<String>,
    pub(super) fence: i64,
    /// A step that failed puts its rules back.
    pub(super) puts_back: bool,
}

impl Snapshot {
    pub(super) fn of(world: &World) -> Self {
        let (groups, rules, ledger, sick, fence, puts_back) = {
            let state = world.state();
            let rules = state.balancers.rules.values().flatten().cloned().collect();
            let groups: Vec<Group> = state.groups.values().cloned().collect();
            let step = |kind: &EventKind| matches!(kind, EventKind::StepStarted { .. } | EventKind::RollbackStarted { .. });
            let said = state.events.iter().rev().map(|event| &event.kind).take_while(|kind| !step(kind));
            let puts_back = said.into_iter().any(|kind| matches!(kind, EventKind::RoutesPutBack { .. }));
            (groups, rules, state.ledger.clone(), state.balancers.sick.clone(), state.fence, puts_back)
        };
        let healthy = |group: &Group| {
            let instances = world.instances(group.id.as_str()).unwrap_or_default();
            let healthy = instances.iter().filter(|instance| instance.health == Health::Healthy).count();
            (group.id.clone(), u32::try_from(healthy).unwrap())
        };
        let healthy = groups.iter().map(healthy).collect();
        Self { groups, healthy, rules, ledger, sick, fence, puts_back }
    }

    pub(super) fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == *id)
    }

    pub(super) fn healthy(&self, group: Option<&Group>) -> u32 {
        group.and_then(|group| self.healthy.get(&group.id)).copied().unwrap_or(0)
    }

    pub(super) fn serves(&self, target_group: &TargetGroupArn) -> bool {
        let members = self.groups.iter().filter(|group| group.target_groups.contains(target_group));
        !self.sick.iter().any(|name| name == target_group.name()) && members.map(|g| self.healthy(Some(g))).sum::<u32>() > 0
    }

    /// The groups that this run has created: one at most.
    pub(super) fn created(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| group.marker.as_ref().is_some_and(|marker| marker.run == run_id()))
    }

    pub(super) fn new_group(&self) -> Option<&Group> {
        self.created().next()
    }

    /// What setup has recorded.
    pub(super) fn original(&self) -> Option<&Value> {
        self.ledger.iter().find(|entry| entry.effect == "original")?.outcome.as_ref()
    }

    pub(super) fn old_id(&self) -> Option<GroupId> {
        Some(GroupId::new(self.original()?["live"]["id"].as_str()?))
    }

    pub(super) fn old_group(&self) -> Option<&Group> {
        self.group(&self.old_id()?)
    }

    /// What it was when setup recorded it.
    pub(super) fn old_capacity(&self) -> Option<Capacity> {
        serde_json::from_value(self.original()?["live"]["capacity"].clone()).ok()
    }

    /// The production rules, with the target groups of the new and of the old group.
    pub(super) fn production(&self) -> Vec<(RuleArn, TargetGroupArn, TargetGroupArn)> {
        let balancers = self.original().and_then(|original| original["balancers"].as_array()).cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let read = |one: &Value| {
            let rule = RuleArn::new(text(&one["production"]["route"]["rule"]));
            (rule, TargetGroupArn::new(text(&one["new"])), TargetGroupArn::new(text(&one["old"])))
        };
        balancers.iter().map(read).collect()
    }

    pub(super) fn weight(&self, rule: &RuleArn, group: &TargetGroupArn) -> u16 {
        let actions = self.rules.iter().find(|found| found.arn == *rule).map(|rule| &rule.actions);
        actions.and_then(|actions| actions.weight_of(group)).unwrap_or(0)
    }

    /// Whether production traffic goes to a group.
    pub(super) fn has_traffic(&self, group: &Group) -> bool {
        let rules = self.production();
        group.target_groups.iter().any(|target| rules.iter().any(|(rule, _, _)| self.weight(rule, target) > 0))
    }

    /// What a change is about to write over, in words.
    pub(super) fn words(&self, change: Change<'_>) -> Option<String> {
        match change {
            Change::Create | Change::Delete(_) => None,
            Change::Capacity(id, _) => self.group(id).map(|group| bounds(group.capacity)),
            Change::Name(id, _) => self.group(id).map(|group| group.name.to_string()),
            Change::Route(rule, _) => self.rules.iter().find(|found| found.arn == *rule).map(|rule| rule.actions.to_string()),
        }
    }
}

/// A capacity without its target, which an autoscaler moves.
pub(super) fn bounds(capacity: Capacity) -> String {
    format!("{} to {}", capacity.minimum, capacity.maximum)
}
