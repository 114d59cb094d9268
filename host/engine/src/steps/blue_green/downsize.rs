//! Empties the old group once nothing is routed to it any more: first a wait that survives the process, then the guards,
//! then 0/0/0.

use shiftgate_model::{Capacity, EventKind, Millis, Timestamp};

use super::super::setup::Original;
use super::super::steady::{Settled, steady};
use super::super::{Cx, Stop};
use super::guard::{nobody_routes_to, unweighted};
use super::routes::serves;
use crate::{Facts, StepState, TaskReply, Waking};

/// Waits until the old target group has finished what it has: the routes reach every node of the load balancer, requests
/// under way end, and clients that are kept with the old group are let go.
pub(super) async fn drained(cx: &Cx<'_>, original: &Original, facts: Facts) -> Result<TaskReply, Stop> {
    let Some(slowest) = original.balancers.iter().max_by_key(|balancer| balancer.drain) else {
        return Ok(TaskReply::Done(facts));
    };
    if original.live.is_none() {
        return Ok(TaskReply::Done(facts));
    }
    let now = cx.ports.clock.now();
    let wait = Millis(slowest.drain.0.saturating_add(cx.settings.pace.propagation.0));
    // On record, so that a process that goes on waits for the rest only. A run that was stopped waits anew: who knows what
    // the rule was meanwhile.
    let until: Timestamp = cx.fact(&format!("drained {}", cx.fence), || async { Ok(now.plus(wait)) }).await?;
    let left = until.since(now);
    let target_group = slowest.old.clone();
    cx.say(EventKind::DrainAwaited { target_group, time: left }).await?;
    let state = StepState { started_at: now, deadline: None, plugin: None, shown: 0, asked: None, beside: None };
    Ok(TaskReply::Wait { state, after: Some(left), ballot: false, expires: None })
}

/// The wait is over; or somebody only looked in, and it goes on.
pub(super) async fn resumed(
    cx: &Cx<'_>,
    original: &Original,
    facts: &Facts,
    waking: &Waking,
    timeout: Option<Millis>,
) -> Result<TaskReply, Stop> {
    match waking {
        Waking::Ordered => drained(cx, original, facts.clone()).await,
        Waking::Timer | Waking::Expired | Waking::Ballot(_) => downsize(cx, original, facts, timeout).await,
    }
}

/// The old group to 0/0/0, after its guards: nobody routes to it any more, and the new group serves.
async fn downsize(cx: &Cx<'_>, original: &Original, facts: &Facts, timeout: Option<Millis>) -> Result<TaskReply, Stop> {
    let named = super::names::Named::swapped(cx, original);
    let mut weights = Vec::new();
    for balancer in &original.balancers {
        let live = unweighted(cx, balancer, &balancer.old, "old").await?;
        if weights.is_empty() {
            weights = super::weighed(std::slice::from_ref(balancer), |_| live.clone());
        }
    }
    let mut facts = super::routed(facts, weights, Some(&named));
    let (Some(old), Some(_)) = (&mut facts.old_group, &facts.new_group) else { return Ok(TaskReply::Done(facts)) };
    for balancer in &original.balancers {
        serves(cx, &balancer.name, &balancer.new).await?;
    }
    let Some(live) = cx.ports.groups.read(&old.id).await? else {
        cx.say(EventKind::GroupDeleted { group: old.id.clone(), already_gone: true }).await?;
        old.capacity = Capacity::ZERO;
        return Ok(TaskReply::Done(facts));
    };
    nobody_routes_to(cx, &live, &original.balancers).await?;
    cx.resize(&live, facts.original.unwrap_or(old.capacity), Capacity::ZERO).await?;
    let timeout = timeout.unwrap_or(cx.plan.setup.steady_state_timeout);
    steady(cx, &Settled { group: &old.id, capacity: Capacity::ZERO, behind: &[] }, timeout).await?;
    old.capacity = Capacity::ZERO;
    old.instances = Vec::new();
    Ok(TaskReply::Done(facts))
}
