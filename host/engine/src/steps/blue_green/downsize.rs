//! Empties the old group once nothing is routed to it any more: first a wait that survives the process, then the guards,
//! then 0/0/0.

use shiftgate_model::{Actions, Capacity, ErrorClass, EventKind, Health, Millis, StepError, TargetGroupArn, Timestamp};

use super::super::deploy::gone;
use super::super::setup::Original;
use super::super::steady::{Settled, steady};
use super::super::{Cx, Stop};
use super::Balancer;
use super::routes::read;
use crate::{Facts, StepState, TaskReply};

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
    // On record, so that a run that is resumed in between waits for the rest only.
    let until: Timestamp = cx.fact("drained", || async { Ok(now.plus(wait)) }).await?;
    let left = until.since(now);
    let target_group = slowest.old.clone();
    cx.say(EventKind::DrainAwaited { target_group, time: left }).await?;
    let state = StepState { started_at: now, deadline: None, plugin: None, shown: 0 };
    Ok(TaskReply::Wait { state, after: Some(left), ballot: false, expires: None })
}

/// The old group to 0/0/0, after its guards: no production weight on its target groups, and the new group serves.
pub(super) async fn downsize(
    cx: &Cx<'_>,
    original: &Original,
    facts: &Facts,
    timeout: Option<Millis>,
) -> Result<TaskReply, Stop> {
    let named = super::names::Named::swapped(cx, original);
    let mut weights = Vec::new();
    for balancer in &original.balancers {
        let live = unweighted(cx, balancer, &balancer.old, "old").await?;
        if weights.is_empty() {
            weights = super::weighed(std::slice::from_ref(balancer), |_| live.clone());
        }
    }
    let mut facts = super::routed(facts, weights, Some(&named));
    let (Some(old), Some(new)) = (&mut facts.old_group, &facts.new_group) else { return Ok(TaskReply::Done(facts)) };
    let healthy = cx.ports.groups.health(&new.id).await?.iter().any(|instance| instance.health == Health::Healthy);
    if !healthy {
        let message = format!("the old group is not emptied: no instance of the new group {} is healthy", new.id);
        return Err(StepError::new(ErrorClass::Application, message)
            .hint("look at the instances of the new group; the old one still has its own")
            .into());
    }
    let live = cx.ports.groups.read(&old.id).await?.ok_or_else(|| gone(old))?;
    cx.resize(&live, facts.original.unwrap_or(old.capacity), Capacity::ZERO).await?;
    let timeout = timeout.unwrap_or(cx.plan.setup.steady_state_timeout);
    steady(cx, &Settled { group: &old.id, target: 0, behind: &[] }, timeout).await?;
    old.capacity = Capacity::ZERO;
    old.instances = Vec::new();
    Ok(TaskReply::Done(facts))
}

/// The production rule as it is now, which sends nothing to that target group.
pub(super) async fn unweighted(cx: &Cx<'_>, balancer: &Balancer, group: &TargetGroupArn, role: &str) -> Result<Actions, Stop> {
    let live = read(cx, &balancer.production.route.rule).await?;
    if live.weight_of(group) == 0 {
        return Ok(live);
    }
    let name = &balancer.name;
    let message = format!("the {role} group is not emptied: `{name}` sends production traffic to its target group ({live})");
    Err(StepError::new(ErrorClass::Drift, message)
        .hint("look who changed the rule; give it back the weights that this run left, then `shiftgate resume` this run")
        .into())
}
