//! The load balancers of the account: their listeners and rules, their target groups, and what was said to the API.
//!
//! State only. `describe.rs` and `modify.rs` are the API's actions and come in through `aws.rs`; `targets.rs` says what a
//! target is at a moment; `crate::data_plane` routes requests by what is written here.

pub(crate) mod actions;
pub(crate) mod api;
mod arn;
pub(crate) mod calls;
pub(crate) mod conditions;
mod describe;
pub(crate) mod form;
pub(crate) mod forward;
mod modify;
mod page;
mod plant;
pub(crate) mod refusal;
mod seed;
pub(crate) mod targets;
pub(crate) mod view;
pub(crate) mod xml;

use std::time::Duration;

use serde_json::Value;

use crate::instance::Moment;

pub use arn::{listener_arn, load_balancer_arn, rule_arn, target_group_arn};
pub use seed::{
    ListenerSeed, LoadBalancerSeed, LoadBalancerState, Protocol, RuleSeed, Scheme, TargetGroupSeed, TargetType, forward,
};
use targets::TargetState;

/// Every load balancer and target group.
#[derive(Debug, Default)]
pub(crate) struct Elb {
    pub(crate) balancers: Vec<Balancer>,
    pub(crate) groups: Vec<TargetGroup>,
    pub(crate) calls: calls::AwsCalls,
    /// How many times a rule was written.
    writes: u64,
}

/// A load balancer.
#[derive(Debug)]
pub(crate) struct Balancer {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) vpc: String,
    pub(crate) scheme: Scheme,
    pub(crate) state: LoadBalancerState,
    pub(crate) listeners: Vec<Listener>,
}

/// A listener.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) arn: String,
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    /// By priority; the default rule is the last one.
    pub(crate) rules: Vec<Rule>,
}

/// A rule with what it says and what the data plane still follows.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) arn: String,
    /// None is the default rule.
    pub(crate) priority: Option<u32>,
    /// What was written, oldest first. The last is what the API shows.
    versions: Vec<Version>,
}

/// A rule as it was written once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    /// The number of the write.
    pub(crate) number: u64,
    /// From when on the data plane follows it.
    live: Moment,
    pub(crate) conditions: Vec<Value>,
    pub(crate) actions: Vec<Value>,
}

/// A target group.
#[derive(Debug)]
pub(crate) struct TargetGroup {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) port: u16,
    pub(crate) vpc: String,
    pub(crate) target_type: TargetType,
    /// How long a target drains.
    pub(crate) delay: Duration,
    pub(crate) stickiness: Option<u32>,
    /// Since when a rule names it.
    pub(crate) named: Option<Moment>,
    /// Whether a rule has named it since before the start, so that it was checked by then.
    warm: bool,
    /// What every target of it is found to be, by another hand.
    pub(crate) forced: Option<TargetState>,
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) balancer: usize,
    pub(crate) listener: usize,
    pub(crate) rule: usize,
}

impl Rule {
    pub(crate) const fn new(arn: String, priority: Option<u32>) -> Self {
        Self { arn, priority, versions: Vec::new() }
    }

    /// What the API shows of the priority.
    pub(crate) fn shown_priority(&self) -> String {
        self.priority.map_or_else(|| "default".to_owned(), |priority| priority.to_string())
    }

    /// The actions that the API shows.
    pub(crate) fn actions(&self) -> &[Value] {
        self.versions.last().map_or(&[], |version| &version.actions)
    }

    /// The conditions that the API shows.
    pub(crate) fn conditions(&self) -> &[Value] {
        self.versions.last().map_or(&[], |version| &version.conditions)
    }

    /// What the data plane follows at `at`: the last write that has reached it.
    pub(crate) fn live(&self, at: Moment) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.live <= at)
    }

    /// Takes a version that is live from `version.live` on, and forgets those that can be followed no more.
    fn write(&mut self, version: Version, now: Moment) {
        let followed = self.versions.iter().rposition(|version| version.live <= now).unwrap_or(0);
        self.versions.drain(..followed);
        self.versions.push(version);
    }

    fn names(&self, group: &str) -> bool {
        let forward = forward::Forward::of(self.actions());
        forward.is_some_and(|forward| forward.weights.iter().any(|(arn, _)| arn == group))
    }
}

impl Balancer {
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.listeners.iter().flat_map(|listener| &listener.rules)
    }
}

impl Elb {
    /// The load balancers of which a rule names that target group.
    pub(crate) fn users(&self, group: &str) -> impl Iterator<Item = &Balancer> {
        self.balancers.iter().filter(move |balancer| balancer.rules().any(|rule| rule.names(group)))
    }

    /// Where the rule of that ARN stands.
    pub(crate) fn place(&self, arn: &str) -> Option<Place> {
        self.places().find(|place| self.rule(*place).is_some_and(|rule| rule.arn == arn))
    }

    /// Where the default rule of the listener of that ARN stands.
    pub(crate) fn default_place(&self, listener: &str) -> Option<Place> {
        self.places().find(|place| {
            self.listener(*place).is_some_and(|found| found.arn == listener)
                && self.rule(*place).is_some_and(|rule| rule.priority.is_none())
        })
    }

    /// Every rule's place.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.balancers.iter().enumerate().flat_map(|(balancer, found)| {
            found
                .listeners
                .iter()
                .enumerate()
                .flat_map(move |(listener, found)| (0..found.rules.len()).map(move |rule| Place { balancer, listener, rule }))
        })
    }

    /// The listener of a place.
    pub(crate) fn listener(&self, place: Place) -> Option<&Listener> {
        self.balancers.get(place.balancer)?.listeners.get(place.listener)
    }

    /// The rule of a place.
    pub(crate) fn rule(&self, place: Place) -> Option<&Rule> {
        self.listener(place)?.rules.get(place.rule)
    }

    /// The target group of that ARN.
    pub(crate) fn group(&self, arn: &str) -> Option<&TargetGroup> {
        self.groups.iter().find(|group| group.arn == arn)
    }

    /// Writes a rule: the API shows it at once, the data plane follows after `propagation`. A part that is none stays.
    /// A target group that no rule named before begins its health checks anew.
    pub(crate) fn write(&mut self, place: Place, change: Change, now: Moment, propagation: Duration) {
        self.writes += 1;
        let number = self.writes;
        let listener = self.balancers.get_mut(place.balancer).and_then(|found| found.listeners.get_mut(place.listener));
        let Some(rule) = listener.and_then(|listener| listener.rules.get_mut(place.rule)) else { return };
        let conditions = change.conditions.unwrap_or_else(|| rule.conditions().to_vec());
        let actions = change.actions.unwrap_or_else(|| rule.actions().to_vec());
        rule.write(Version { number, live: now + propagation, conditions, actions }, now);
        let named: Vec<bool> = self.groups.iter().map(|group| self.users(&group.arn).next().is_some()).collect();
        for (group, named) in self.groups.iter_mut().zip(named) {
            group.named = if named { group.named.or(Some(now)) } else { None };
            group.warm &= named;
        }
    }
}

/// What of a rule is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) conditions: Option<Vec<Value>>,
    pub(crate) actions: Option<Vec<Value>>,
}
