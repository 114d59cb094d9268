//! Elastigroup Deploy: brings the new group to its share and the old one down by as much, each to steady state.
//!
//! Capacities are absolute and cumulative. The old group is never the first to move unless the step says so, and never
//! moves here at all in a blue/green deployment.

use shiftgate_model::{Capacity, DownsizeOrder, ErrorClass, GroupFacts, Millis, StepError, TargetGroupArn};
use shiftgate_workflow::Deploy;

use super::blue_green::behind_new;
use super::steady::{Settled, steady};
use super::{Cx, Stop};
use crate::Facts;

pub(super) async fn deploy(cx: &Cx<'_>, deploy: &Deploy, facts: &Facts) -> Result<Facts, Stop> {
    let (Some(new), Some(full)) = (&facts.new_group, facts.full) else {
        return Err(super::no_setup());
    };
    let blue_green = cx.plan.setup.routing.is_some();
    let timeout = deploy.timeout.unwrap_or(cx.plan.setup.steady_state_timeout);
    let (wanted, behind) = (deploy.amount.new_group(full), behind_new(cx).await?);
    let new = Resize { facts: new.clone(), original: Capacity::ZERO, wanted, behind, timeout };
    if blue_green {
        return Ok(Facts { new_group: Some(new.run(cx).await?), ..facts.clone() });
    }
    let old = facts.old_group.clone().zip(facts.original).map(|(facts, original)| Resize {
        wanted: deploy.amount.old_group(full, original, deploy.downsize_old),
        facts,
        original,
        behind: Vec::new(),
        timeout,
    });
    let (new, old) = match (deploy.order, old) {
        (_, None) => (new.run(cx).await?, None),
        (DownsizeOrder::NewFirst, Some(old)) => {
            let new = new.run(cx).await?;
            (new, Some(old.run(cx).await?))
        }
        (DownsizeOrder::OldFirst, Some(old)) => {
            let old = old.run(cx).await?;
            (new.run(cx).await?, Some(old))
        }
    };
    Ok(Facts { new_group: Some(new), old_group: old, ..facts.clone() })
}

/// One group on its way to a capacity.
pub(super) struct Resize {
    pub(super) facts: GroupFacts,
    pub(super) original: Capacity,
    pub(super) wanted: Capacity,
    /// The target groups that its instances have to be healthy in.
    pub(super) behind: Vec<TargetGroupArn>,
    pub(super) timeout: Millis,
}

impl Resize {
    pub(super) async fn run(self, cx: &Cx<'_>) -> Result<GroupFacts, Stop> {
        // Read right before it is written: whatever was read before the last wait may be old.
        let live = cx.ports.groups.read(&self.facts.id).await?.ok_or_else(|| gone(&self.facts))?;
        cx.resize(&live, self.original, self.wanted).await?;
        let settled = Settled { group: &live.id, capacity: self.wanted, behind: &self.behind };
        let instances = steady(cx, &settled, self.timeout).await?;
        Ok(GroupFacts { capacity: self.wanted, instances, ..self.facts })
    }
}

/// A group that this run works with is not there any more.
pub(super) fn gone(group: &GroupFacts) -> StepError {
    let message = format!("group {} `{}` is gone: somebody deleted it under this run", group.id, group.name);
    StepError::new(ErrorClass::Drift, message)
        .hint("what this run had recorded of it can no longer be put back; look at the family in Spot's console")
}
