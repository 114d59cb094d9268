//! Blue/green: a second group behind the same load balancers, and routes that move between the two.
//!
//! Read in the order of a deployment: `balancers` (what the load balancers do before anything changes), `setup`, then
//! `shift` or `swap`, both of which change routes through `routes` and names through `names`, `downsize`, and last
//! `rollback`. Routes are written absolute, from what setup recorded; names follow routes, never the other way.

mod balancers;
mod downsize;
mod guard;
mod names;
mod rollback;
mod routes;
mod setup;
mod shift;
mod swap;

use serde::{Deserialize, Serialize};
use shiftgate_model::{Actions, Millis, Route, StoreError, TargetGroupArn, WeighedGroup};

pub(super) use names::effect as name_effect;
pub(super) use rollback::{free_of_traffic, put_routes_back, reachable, traffic_moved};
pub(super) use setup::set_up;
pub(super) use shift::shift;
pub(super) use swap::swap;

use super::setup::{ORIGINAL, Original};
use super::steady::{Settled, steady};
use super::{Cx, Stop};
use crate::Facts;

/// A load balancer as setup found it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Balancer {
    /// Its name.
    pub(crate) name: String,
    /// Where users come in.
    pub(crate) production: Side,
    /// Where the new group is looked at before they do; none for a shift, which has one rule.
    pub(crate) stage: Option<Side>,
    /// The target group of the group that serves before the run.
    pub(crate) old: TargetGroupArn,
    /// The target group of the group that the run creates.
    pub(crate) new: TargetGroupArn,
    /// Whether the operator said which target group is production: its weights do not, and a rollback gives it all traffic.
    #[serde(default)]
    pub(crate) assumed: bool,
    /// How long the old target group may go on with what it has once no new request goes there.
    pub(crate) drain: Millis,
}

impl Balancer {
    /// Its rules: production, and stage where it has one.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.production).chain(&self.stage)
    }
}

/// A rule as setup found it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) port: u16,
    pub(crate) route: Route,
    pub(crate) actions: Actions,
}

/// What setup recorded.
///
/// # Errors
/// Setup has not run.
async fn recorded(cx: &Cx<'_>) -> Result<Original, Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    super::recorded(&record, ORIGINAL).ok_or_else(super::no_setup)
}

/// The target groups of the new group, each once.
fn new_target_groups(balancers: &[Balancer]) -> Vec<TargetGroupArn> {
    once(balancers.iter().map(|balancer| &balancer.new))
}

/// The target groups of the old group, each once.
fn old_target_groups(balancers: &[Balancer]) -> Vec<TargetGroupArn> {
    once(balancers.iter().map(|balancer| &balancer.old))
}

fn once<'a>(groups: impl Iterator<Item = &'a TargetGroupArn>) -> Vec<TargetGroupArn> {
    let mut found: Vec<TargetGroupArn> = Vec::new();
    for group in groups {
        if !found.contains(group) {
            found.push(group.clone());
        }
    }
    found
}

/// The target groups that a deploy step waits for, beside the group itself; none for basic and canary.
pub(super) async fn behind_new(cx: &Cx<'_>) -> Result<Vec<TargetGroupArn>, Stop> {
    if cx.plan.setup.routing.is_none() {
        return Ok(Vec::new());
    }
    Ok(new_target_groups(&recorded(cx).await?.balancers))
}

/// One line a load balancer: where production traffic goes now; where this run left it cannot be told when it cannot be read.
pub(super) async fn whereabouts(cx: &Cx<'_>) -> Result<Vec<String>, StoreError> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let Some(original) = super::recorded::<Original>(&record, ORIGINAL) else { return Ok(Vec::new()) };
    let Some(routes) = &cx.ports.routes else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for balancer in &original.balancers {
        let Balancer { name, production: Side { port, route, actions }, .. } = balancer;
        lines.push(match routes.rule(&route.rule).await {
            Ok(Some(live)) if live.actions == *actions => {
                format!("Load balancer `{name}`, port {port}, routes to {actions}, as before this run")
            }
            Ok(Some(live)) => {
                format!("Load balancer `{name}`, port {port}, routes to {}; before this run it was {actions}", live.actions)
            }
            Ok(None) => format!("Load balancer `{name}`, port {port}: rule {} is gone", route.rule),
            Err(error) => {
                format!(
                    "Load balancer `{name}`, port {port}, cannot be looked at now ({error}); before this run it was {actions}"
                )
            }
        });
    }
    Ok(lines)
}

/// What the production routes give to each of the two target groups, as plugins see it. The first load balancer speaks
/// for all of them: they are shifted together.
fn weighed(balancers: &[Balancer], actions: impl Fn(&Balancer) -> Actions) -> Vec<WeighedGroup> {
    let Some(first) = balancers.first() else { return Vec::new() };
    let live = actions(first);
    let weight = |group| live.weight_of(group).unwrap_or(0);
    [&first.new, &first.old].map(|group| WeighedGroup { group: group.clone(), weight: weight(group) }).to_vec()
}

/// The new group as large as Deploy left it, before it gets more traffic: without any its autoscaler may have shrunk it.
async fn full_strength(cx: &Cx<'_>, original: &Original, facts: &Facts) -> Result<(), Stop> {
    let Some(new) = &facts.new_group else { return Err(super::no_setup()) };
    let Some(live) = cx.ports.groups.read(&new.id).await? else { return Err(super::deploy::gone(new).into()) };
    if live.capacity.target >= new.capacity.target {
        return Ok(());
    }
    let timeout = cx.plan.setup.steady_state_timeout;
    cx.resize(&live, new.capacity, new.capacity).await?;
    let behind = new_target_groups(&original.balancers);
    steady(cx, &Settled { group: &new.id, capacity: new.capacity, behind: &behind }, timeout).await?;
    Ok(())
}

/// The facts after the routes have changed, and after the names have, where they did.
fn routed(facts: &Facts, weights: Vec<WeighedGroup>, names: Option<&names::Named>) -> Facts {
    let mut facts = Facts { target_groups: weights, ..facts.clone() };
    if let Some(named) = names {
        if let Some(group) = &mut facts.new_group {
            group.name = named.new.clone();
        }
        if let Some(group) = &mut facts.old_group {
            group.name = named.old.clone();
        }
    }
    facts
}
