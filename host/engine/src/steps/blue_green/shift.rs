//! Shift Traffic Weight: gives the new group its share of the requests on every load balancer. At 100 the groups take each
//! other's names, and the old one may be emptied once it has finished what it has.

use shiftgate_model::{Actions, EventKind, ForwardTarget, Weight};
use shiftgate_workflow::Shift;

use super::super::{Cx, Job, Stop};
use super::names::{self, Named};
use super::routes::{Change, change_all};
use super::{Balancer, downsize, full_strength, recorded, routed, weighed};
use crate::TaskReply;

pub(in super::super) async fn shift(cx: &Cx<'_>, job: &Job<'_>, step: &Shift) -> Result<TaskReply, Stop> {
    let original = recorded(cx).await?;
    if let Some((_, waking)) = &job.resumed {
        return downsize::resumed(cx, &original, &job.facts, waking, step.timeout).await;
    }
    full_strength(cx, &original, &job.facts).await?;
    let changes: Vec<Change<'_>> = original
        .balancers
        .iter()
        .map(|balancer| Change { balancer, side: &balancer.production, wanted: weights(balancer, step.weight), guarded: true })
        .collect();
    change_all(cx, &changes).await?;
    cx.say(EventKind::Shifted { weight: step.weight }).await?;
    let live = weighed(&original.balancers, |balancer| weights(balancer, step.weight));
    if step.weight < Weight::ALL {
        return Ok(TaskReply::Done(routed(&job.facts, live, None)));
    }
    let named = Named::swapped(cx, &original);
    names::give(cx, &original, job.facts.new_group.as_ref().map(|group| &group.id), &named).await?;
    let facts = routed(&job.facts, live, Some(&named));
    if step.downsize_old { downsize::drained(cx, &original, facts).await } else { Ok(TaskReply::Done(facts)) }
}

/// The production rule with that weight on the new group and the rest on the old one; everything else as setup found it.
pub(super) fn weights(balancer: &Balancer, weight: Weight) -> Actions {
    let original = &balancer.production.actions;
    let targets = original.forward().map(|forward| forward.targets.clone()).unwrap_or_default();
    let weighed: Vec<ForwardTarget> = targets
        .into_iter()
        .map(|target| {
            let weight = if target.group == balancer.new { weight } else { weight.rest() };
            ForwardTarget { weight: Some(weight.get()), ..target }
        })
        .collect();
    original.with_targets(&weighed)
}
