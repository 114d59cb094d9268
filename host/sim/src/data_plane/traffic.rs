//! What the data plane remembers between requests: whose turn it is, and how many requests there were of each kind.

use std::collections::BTreeMap;

use serde::Serialize;

use super::share::{Robin, whole};

/// The requests of one listener since the start, or since the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// All of them, counted when they arrive.
    pub requests: u64,
    /// How many went to each target group, by its name.
    pub target_groups: BTreeMap<String, u64>,
    /// 5xx answers of the load balancer itself: no target, no weight, an instance that went away, a fixed response.
    pub balancer_5xx: u64,
    /// 5xx answers of instances.
    pub instance_5xx: u64,
}

/// The name of a listener in views: `<load balancer>:<port>`.
pub(crate) fn key(balancer: &str, port: u16) -> String {
    format!("{balancer}:{port}")
}

/// Turns and counts.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// By [`key`].
    pub(crate) traffic: BTreeMap<String, Traffic>,
    /// By rule, with the number of the write that the turns belong to.
    shares: BTreeMap<String, (u64, Robin)>,
    /// How many requests a target group got, by ARN.
    turns: BTreeMap<String, u64>,
    /// The part of an error that each instance owes, by id.
    owed: BTreeMap<String, f64>,
}

impl Flow {
    /// The next target group of a rule, by its weights; none when every weight is 0. Another write begins anew.
    pub(super) fn by_weight(&mut self, rule: &str, number: u64, weights: &[(String, u32)]) -> Option<String> {
        let share = self.shares.entry(rule.to_owned()).or_default();
        if share.0 != number {
            *share = (number, Robin::default());
        }
        let numbers: Vec<u32> = weights.iter().map(|(_, weight)| *weight).collect();
        let place = share.1.next(&numbers)?;
        weights.get(place).map(|(arn, _)| arn.clone())
    }

    /// Which turn it is in a target group.
    pub(super) fn turn(&self, group: &str) -> u64 {
        self.turns.get(group).copied().unwrap_or_default()
    }

    /// The turn was taken.
    pub(super) fn took(&mut self, group: &str) {
        *self.turns.entry(group.to_owned()).or_default() += 1;
    }

    /// Whether the next answer of an instance is an error, at that share of errors.
    pub(super) fn fails(&mut self, instance: &str, share: f64) -> bool {
        whole(self.owed.entry(instance.to_owned()).or_default(), share)
    }

    /// An instance is gone.
    pub(super) fn forget(&mut self, instance: &str) {
        self.owed.remove(instance);
    }
}
