//! Elastigroup Rollback: the whole workflow at once, from the record of what was done, never from today's file.
//!
//! The old group gets its original capacity and is healthy first; then, behind load balancers, the routes and the names are
//! what they were; only then the new one is emptied, and deleted where it has no load balancer. What cannot be put back ends
//! the run as stuck, with what is where.

use shiftgate_model::{
    Capacity, Created, EffectRecord, Ending, ErrorClass, EventKind, Group, GroupId, StepError, StoreError, TargetGroupArn,
};

use super::deploy::gone;
use super::effect::{capacity_effect, is_of};
use super::housekeeping::delete_group;
use super::setup::{CREATE, Live, ORIGINAL, Original, group_facts};
use super::steady::{Settled, steady};
use super::{Cx, Stop, background, blue_green, recorded, settle};
use crate::{Next, Order, TaskReply, close_orders};

/// Why a background verification does not go on.
pub(super) const ROLLED_BACK: &str = "the run is being rolled back";

pub(crate) async fn roll_back(cx: &Cx<'_>, reason: &str) -> Result<TaskReply, StoreError> {
    let began = cx.ports.clock.now();
    cx.say_once("rollback/started", EventKind::RollbackStarted { reason: reason.to_owned() }).await?;
    let ledger = cx.ports.ledger.as_ref();
    close_orders(ledger, cx.run, &[Order::Rollback], "heeded").await?;
    background::call_off(cx, background::Later::Never, ROLLED_BACK).await?;
    if let Err(stop) = cx.heed().await {
        return settle::ordered(cx, stop.into_step_error()?).await;
    }
    let record = ledger.record(cx.run).await?;
    let Some(original) = recorded::<Original>(&record, ORIGINAL) else {
        let skipped = "setup recorded nothing, so there is nothing to put back".to_owned();
        cx.say(EventKind::StepSkipped { reason: skipped }).await?;
        return Ok(TaskReply::RolledBack { ending: Ending::Failed, summary: reason.to_owned() });
    };
    match put_back(cx, &record, &original).await {
        Ok(()) => {
            let took = cx.ports.clock.now().since(began);
            cx.say_once("rollback/succeeded", EventKind::StepSucceeded { took }).await?;
            Ok(TaskReply::RolledBack { ending: Ending::RolledBack, summary: reason.to_owned() })
        }
        Err(stop) => {
            let error = stop.into_step_error()?;
            if error.class == ErrorClass::Operator {
                return settle::ordered(cx, error).await;
            }
            cx.say(EventKind::StepFailed { error: error.clone() }).await?;
            Ok(TaskReply::Failed { error, next: Next::Abort })
        }
    }
}

async fn put_back(cx: &Cx<'_>, record: &[EffectRecord], original: &Original) -> Result<(), Stop> {
    if let Some(old) = &original.live {
        let behind = blue_green::reachable(cx, record, original).await?;
        restore(cx, record, original, old, &behind).await?;
    }
    // Listed after the wait for the old group: what was read before it may be old.
    let groups = cx.ports.groups.list().await?;
    let new = find_new(cx, record, original, &groups);
    if original.balancers.is_empty() {
        return match new {
            Some(new) => remove(cx, original, new).await,
            None => Ok(()),
        };
    }
    blue_green::put_routes_back(cx, original, new).await?;
    let Some(new) = new else { return Ok(()) };
    blue_green::free_of_traffic(cx, original, new).await?;
    empty(cx, new).await
}

/// The old group, up and healthy, before anything is taken from the new one.
///
/// What this run never touched is not written, but for a group that lost its traffic to this run: with nothing to do its
/// autoscaler has shrunk it, and it gets its original target before the traffic comes back. Behind load balancers, numbers that
/// somebody else gave to an untouched group stay, and nothing is waited for when the traffic never moved.
async fn restore(
    cx: &Cx<'_>,
    record: &[EffectRecord],
    original: &Original,
    old: &Live,
    behind: &[TargetGroupArn],
) -> Result<(), Stop> {
    let touched = record.iter().any(|entry| is_of(entry, &capacity_effect(&old.id)));
    let moved = blue_green::traffic_moved(record, original);
    let Some(live) = cx.ports.groups.read(&old.id).await? else {
        return Err(gone(&group_facts(&old.id, &old.name, old.capacity)).into());
    };
    let shrunk = moved && live.capacity.same_bounds(&old.capacity) && live.capacity.target < old.capacity.target;
    // An operator who takes such a change for good has the original written over it: it may have taken all instances away.
    let changed = original.balancers.is_empty() && !live.capacity.same_bounds(&old.capacity);
    let capacity = if touched || shrunk || changed {
        cx.resize(&live, old.capacity, old.capacity).await?;
        old.capacity
    } else {
        cx.say(EventKind::CapacityUnchanged { group: old.id.clone(), capacity: live.capacity }).await?;
        live.capacity
    };
    if touched || moved || original.balancers.is_empty() {
        steady(cx, &Settled { group: &old.id, capacity, behind }, cx.plan.setup.steady_state_timeout).await?;
    }
    Ok(())
}

/// The group that this run created: by the id on record, or by the marker when the reply to the create was lost.
fn find_new<'g>(cx: &Cx<'_>, record: &[EffectRecord], original: &Original, groups: &'g [Group]) -> Option<&'g Group> {
    if !record.iter().any(|entry| entry.effect == CREATE) {
        return None;
    }
    let id: Option<GroupId> = recorded::<Created>(record, CREATE).map(|created| created.id);
    match id {
        Some(id) => groups.iter().find(|group| group.id == id),
        None => groups.iter().find(|group| group.is_of(cx.run) && group.name == original.next),
    }
}

/// The new group, emptied and deleted, when it still is what this run created and left.
async fn remove(cx: &Cx<'_>, original: &Original, new: &Group) -> Result<(), Stop> {
    still_named(cx, original, new).await?;
    empty(cx, new).await?;
    // Read right before it is deleted: it may have taken minutes to be empty.
    let live = cx.ports.groups.read(&new.id).await?;
    let Some(live) = live else { return delete_group(cx, new).await };
    still_named(cx, original, &live).await?;
    if live.capacity != Capacity::ZERO {
        cx.drifted(StepError::drift(&live.id, Capacity::ZERO, live.capacity)).await?;
    }
    delete_group(cx, &live).await
}

/// Whoever gave the group another name wants something of it.
async fn still_named(cx: &Cx<'_>, original: &Original, group: &Group) -> Result<(), Stop> {
    if group.name == original.next {
        return Ok(());
    }
    let (id, name, was) = (&group.id, &group.name, &original.next);
    let message = format!("group {id} was to be deleted as `{was}`, but somebody has named it `{name}`");
    let hint = format!("name it `{was}` in Spot's console, then `shiftgate resume` this run; or resume it with --accept-drift");
    cx.drifted(StepError::new(ErrorClass::Drift, message).hint(hint)).await
}

/// The new group, emptied. Behind load balancers it stays so, as the stage group that the next run replaces.
async fn empty(cx: &Cx<'_>, new: &Group) -> Result<(), Stop> {
    if !new.is_of(cx.run) {
        let message = format!("group {} `{}` no longer carries the tag of this run, and is left as it is", new.id, new.name);
        return Err(StepError::new(ErrorClass::Drift, message)
            .hint("when it is this run's group, set it to 0/0/0 in Spot's console, and delete it there if nobody needs it")
            .into());
    }
    // Read right before it is written: whatever was read before the last wait may be old.
    let Some(live) = cx.ports.groups.read(&new.id).await? else { return Ok(()) };
    cx.resize(&live, Capacity::ZERO, Capacity::ZERO).await?;
    let gone = Settled { group: &new.id, capacity: Capacity::ZERO, behind: &[] };
    steady(cx, &gone, cx.plan.setup.steady_state_timeout).await?;
    Ok(())
}
