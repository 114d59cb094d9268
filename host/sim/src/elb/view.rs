//! What another hand sees of load balancers and target groups, and what it changes there: the same for a test that holds
//! [`crate::Sim`] and for the control endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::forward::Forward;
use super::refusal::Refusal;
use super::targets::{self, TargetState};
use super::{Elb, Rule};
use crate::account::Account;
use crate::data_plane::{Traffic, key};
use crate::instance::Moment;

/// A load balancer as the API shows it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadBalancerView {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its listeners, by port.
    pub listeners: Vec<ListenerView>,
}

/// A listener as the API shows it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenerView {
    /// Its port.
    pub port: u16,
    /// Its ARN.
    pub arn: String,
    /// Its rules, by priority; the default rule is the last one.
    pub rules: Vec<RuleView>,
}

/// A rule as the API shows it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleView {
    /// Its priority, or `default`.
    pub priority: String,
    /// Its ARN.
    pub arn: String,
    /// Its conditions, in AWS's form.
    pub conditions: Vec<Value>,
    /// The names and weights of the groups that it forwards to, in the order of the action; empty when it does not forward.
    pub weights: Vec<(String, u32)>,
    /// Its actions, in AWS's form.
    pub actions: Vec<Value>,
}

/// Every load balancer, by name.
pub(crate) fn routes(elb: &Elb) -> Vec<LoadBalancerView> {
    let mut views: Vec<LoadBalancerView> = elb
        .balancers
        .iter()
        .map(|balancer| {
            let mut listeners: Vec<ListenerView> = balancer
                .listeners
                .iter()
                .map(|one| ListenerView {
                    port: one.port,
                    arn: one.arn.clone(),
                    rules: one.rules.iter().map(|one| rule(elb, one)).collect(),
                })
                .collect();
            listeners.sort_by_key(|listener| listener.port);
            LoadBalancerView { name: balancer.name.clone(), arn: balancer.arn.clone(), listeners }
        })
        .collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

fn rule(elb: &Elb, rule: &Rule) -> RuleView {
    let forward = Forward::of(rule.actions());
    let name = |arn: &str| elb.group(arn).map_or_else(|| arn.to_owned(), |group| group.name.clone());
    RuleView {
        priority: rule.shown_priority(),
        arn: rule.arn.clone(),
        conditions: rule.conditions().to_vec(),
        weights: forward.into_iter().flat_map(|forward| forward.weights).map(|(arn, weight)| (name(&arn), weight)).collect(),
        actions: rule.actions().to_vec(),
    }
}

/// The targets of every group, by the group's name and then by instance id, with what health checks find at `at`.
pub(crate) fn all_targets(account: &Account, at: Moment) -> BTreeMap<String, Vec<(String, TargetState)>> {
    let row = |(instance, finding): (&crate::instance::Instance, targets::Finding)| (instance.id.clone(), finding.state);
    let of = |group| targets::of(account, group, at).into_iter().map(row).collect();
    account.elb.groups.iter().map(|group| (group.name.clone(), of(group))).collect()
}

/// The requests of every listener, by `<load balancer>:<port>`.
pub(crate) fn traffic(account: &Account) -> BTreeMap<String, Traffic> {
    let listeners = account.elb.balancers.iter().flat_map(|balancer| balancer.listeners.iter().map(move |one| (balancer, one)));
    let keys = listeners.map(|(balancer, listener)| key(&balancer.name, listener.port));
    keys.map(|key| (key.clone(), account.flow.traffic.get(&key).cloned().unwrap_or_default())).collect()
}

/// Writes the actions of a rule as the console does: a default rule too, and a client secret is not asked for.
pub(crate) fn set_actions(account: &mut Account, rule: &str, actions: &Value) -> Result<(), Refusal> {
    let now = account.now();
    account.settle(now);
    let propagation = Duration::from_millis(account.supply.world.latencies.propagation);
    account.elb.set_rule(rule, None, actions, now, propagation)
}

/// Finds every target of a group, present or to come, in that state; none takes that back. Targets that drain or are not
/// in use stay so.
pub(crate) fn set_target_health(account: &mut Account, name: &str, state: Option<&str>) -> Result<(), Refusal> {
    let forced = match state.map(|text| (text, TargetState::parse(text))) {
        None => None,
        Some((_, Some(state))) if !matches!(state, TargetState::Unused | TargetState::Draining) => Some(state),
        Some((text, _)) => {
            let message = format!("`{text}` must be one of [initial, healthy, unhealthy, unavailable]");
            return Err(Refusal::validation(message));
        }
    };
    let group = account.elb.groups.iter_mut().find(|group| group.name == name);
    let missing = || Refusal::new("TargetGroupNotFound", format!("there is no target group `{name}`"));
    group.ok_or_else(missing)?.forced = forced;
    Ok(())
}
