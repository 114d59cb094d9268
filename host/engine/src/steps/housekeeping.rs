//! Keeps house among the old revisions of a family: what is not live is emptied, and of the empty ones the newest few stay.
//!
//! Only groups that carry this tool's marker are touched; the others are named and left alone. So is what has capacity when a
//! setup goes on that was interrupted: whether it had that before is not on record, and the next run looks anew. A group that cannot be
//! emptied or deleted is named too, and does not stop the deployment.

use serde_json::json;
use shiftgate_model::{Capacity, Deleted, EventKind, Group, GroupId, StoreError};

use super::effect::capacity_effect;
use super::setup::Live;
use super::{Cx, Stop};

pub(super) async fn keep_house(
    cx: &Cx<'_>,
    revisions: &[(u64, &Group)],
    live: Option<&Live>,
    new: &GroupId,
    goes_on: bool,
) -> Result<(), Stop> {
    let old = revisions.iter().map(|(_, group)| *group);
    let old = old.filter(|group| group.id != *new && live.is_none_or(|live| live.id != group.id));
    let (empty, sized): (Vec<&Group>, Vec<&Group>) = old.partition(|group| group.capacity.maximum == 0);
    for group in sized {
        if goes_on {
            keep(cx, group, format!("it has {}, and may have got that since this run began", group.capacity)).await?;
            continue;
        }
        tidy(cx, group, true).await?;
    }
    let keep = usize::try_from(cx.plan.setup.keep_old_groups).unwrap_or(usize::MAX);
    for group in empty.into_iter().skip(keep) {
        tidy(cx, group, false).await?;
    }
    Ok(())
}

/// Empties or deletes one group. A refusal of the cloud is said and passed over; one of the store is not.
async fn tidy(cx: &Cx<'_>, group: &Group, sized: bool) -> Result<(), StoreError> {
    if group.marker.is_none() {
        return keep(cx, group, "it does not carry the tag of this tool".into()).await;
    }
    let done = if sized { empty(cx, group).await } else { delete(cx, group).await };
    match done {
        Ok(()) => Ok(()),
        Err(Stop::Store(error)) => Err(error),
        // A background verification stops the step, not this.
        Err(stop @ Stop::Background(_)) => keep(cx, group, stop.into_step_error()?.message).await,
        Err(Stop::Step(error)) => keep(cx, group, error.message).await,
    }
}

async fn empty(cx: &Cx<'_>, group: &Group) -> Result<(), Stop> {
    let id = &group.id;
    cx.say(EventKind::CapacityRequested { group: id.clone(), capacity: Capacity::ZERO }).await?;
    cx.effect(&capacity_effect(id), json!(Capacity::ZERO), |_| async {
        cx.ports.groups.set_capacity(id, Capacity::ZERO).await?;
        Ok(Capacity::ZERO)
    })
    .await?;
    cx.say(EventKind::CapacityAccepted { group: id.clone() }).await?;
    Ok(())
}

async fn delete(cx: &Cx<'_>, group: &Group) -> Result<(), Stop> {
    let instances = cx.ports.groups.health(&group.id).await?.len();
    if instances > 0 {
        keep(cx, group, format!("it still has {instances} instances")).await?;
        return Ok(());
    }
    delete_group(cx, group).await
}

/// Deletes a group that has passed its guards.
pub(super) async fn delete_group(cx: &Cx<'_>, group: &Group) -> Result<(), Stop> {
    let id = &group.id;
    cx.say(EventKind::DeleteRequested { group: id.clone(), name: group.name.clone() }).await?;
    let deleted: Deleted = cx
        .effect(&format!("delete {id}"), json!({"name": group.name}), |_| async { Ok(cx.ports.groups.delete(id).await?) })
        .await?;
    cx.say(EventKind::GroupDeleted { group: id.clone(), already_gone: deleted == Deleted::AlreadyGone }).await?;
    Ok(())
}

async fn keep(cx: &Cx<'_>, group: &Group, reason: String) -> Result<(), StoreError> {
    cx.say(EventKind::GroupKept { group: group.id.clone(), name: group.name.clone(), reason }).await
}
