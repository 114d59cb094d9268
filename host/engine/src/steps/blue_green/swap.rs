//! Swap Production with Stage: the production rule takes the stage target group, the stage rule the production one; then
//! the groups take each other's names, and the old one may be emptied once it has finished what it has.
//!
//! Production comes first: its new target group is checked by the stage listener until then, and would be `unused` once
//! nothing routed to it.

use shiftgate_model::{Actions, EventKind, ForwardTarget, TargetGroupArn, WeighedGroup};
use shiftgate_workflow::Swap;

use super::super::{Cx, Job, Stop};
use super::names::{self, Named};
use super::routes::{Change, change_all};
use super::{Balancer, Side, downsize, full_strength, recorded, routed};
use crate::TaskReply;

pub(in super::super) async fn swap(cx: &Cx<'_>, job: &Job<'_>, step: &Swap) -> Result<TaskReply, Stop> {
    let original = recorded(cx).await?;
    if let Some((_, waking)) = &job.resumed {
        return downsize::resumed(cx, &original, &job.facts, waking, step.timeout).await;
    }
    full_strength(cx, &original, &job.facts).await?;
    let production = original.balancers.iter().map(|balancer| Change {
        balancer,
        side: &balancer.production,
        wanted: only(&balancer.production, &balancer.new),
        guarded: true,
    });
    let stage = original.balancers.iter().filter_map(stage_to_old);
    let changes: Vec<Change<'_>> = production.chain(stage).collect();
    change_all(cx, &changes).await?;
    cx.say(EventKind::Swapped).await?;
    let named = Named::swapped(cx, &original);
    names::give(cx, &original, job.facts.new_group.as_ref().map(|group| &group.id), &named).await?;
    let facts = routed(&job.facts, swapped(&job.facts.target_groups), Some(&named));
    if step.downsize_old { downsize::drained(cx, &original, facts).await } else { Ok(TaskReply::Done(facts)) }
}

/// The stage rule on its way to the old target group. Users do not come in there.
pub(super) fn stage_to_old(balancer: &Balancer) -> Option<Change<'_>> {
    let side = balancer.stage.as_ref()?;
    Some(Change { balancer, side, wanted: only(side, &balancer.old), guarded: false })
}

/// The side's actions with one target group; everything else as setup found it.
fn only(side: &Side, group: &TargetGroupArn) -> Actions {
    side.actions.with_targets(&[ForwardTarget { group: group.clone(), weight: None }])
}

/// The weights of the new and the old target group, exchanged.
fn swapped(weights: &[WeighedGroup]) -> Vec<WeighedGroup> {
    let groups = weights.iter().map(|weighed| weighed.group.clone());
    groups.zip(weights.iter().rev()).map(|(group, other)| WeighedGroup { group, weight: other.weight }).collect()
}
