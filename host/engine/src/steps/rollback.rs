//! Elastigroup Rollback: the whole workflow at once, from the record of what was done, never from today's file.
//!
//! The old group gets its original capacity and is healthy first; then, behind load balancers, the routes and the names are
//! what they were; only then the new one is emptied, and deleted where it has no load balancer. What cannot be put back ends
//! the run as stuck, with what is where.

use shiftgate_model::{
    Capacity, Created, EffectRecord, Ending, ErrorClass, EventKind, Group, GroupId, StepError, StoreError, TargetGroupArn,
};

use super::deploy::gone;
use super::housekeeping::delete_group;
use super::setup::{CREATE, Live, ORIGINAL, Original, group_facts};
use super::steady::{Settled, steady};
use super::{Cx, Stop, blue_green, recorded};
use crate::{Next, TaskReply};

pub(crate) async fn roll_back(cx: &Cx<'_>, reason: &str) -> Result<TaskReply, StoreError> {
    let began = cx.ports.clock.now();
    cx.say_once("rollback/started", EventKind::RollbackStarted { reason: reason.to_owned() }).await?;
    let record = cx.ports.ledger.record(cx.run).await?;
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
            cx.say(EventKind::StepFailed { error: error.clone() }).await?;
            Ok(TaskReply::Failed { error, next: Next::Abort })
        }
    }
}

async fn put_back(cx: &Cx<'_>, record: &[EffectRecord], original: &Original) -> Result<(), Stop> {
    if let Some(old) = &original.live {
        let behind = blue_green::reachable(cx, record, original).await?;
        restore(cx, record, old, &behind).await?;
    }
    // Listed after the wait for the old group: what was read before it may be old.
    let groups = cx.ports.groups.list().await?;
    let new = find_new(cx, record, original, &groups);
    if original.balancers.is_empty() {
        return match new {
            Some(new) => remove(cx, new).await,
            None => Ok(()),
        };
    }
    blue_green::put_routes_back(cx, record, original, new).await?;
    let Some(new) = new else { return Ok(()) };
    blue_green::free_of_traffic(cx, record, original).await?;
    empty(cx, new).await
}

/// The old group, up and healthy, before anything is taken from the new one. A run that never touched it writes nothing.
async fn restore(cx: &Cx<'_>, record: &[EffectRecord], old: &Live, behind: &[TargetGroupArn]) -> Result<(), Stop> {
    let touched = record.iter().any(|entry| entry.effect == super::effect::capacity_effect(&old.id));
    let Some(live) = cx.ports.groups.read(&old.id).await? else {
        return Err(gone(&group_facts(&old.id, &old.name, old.capacity)).into());
    };
    let target = if touched {
        cx.resize(&live, old.capacity, old.capacity).await?;
        old.capacity.target
    } else {
        if !live.capacity.same_bounds(&old.capacity) {
            return Err(StepError::drift(&old.id, old.capacity, live.capacity).into());
        }
        cx.say(EventKind::CapacityUnchanged { group: old.id.clone(), capacity: live.capacity }).await?;
        live.capacity.target
    };
    steady(cx, &Settled { group: &old.id, target, behind }, cx.plan.setup.steady_state_timeout).await?;
    Ok(())
}

/// The group that this run created: by the id on record, or by the marker when the reply to the create was lost.
fn find_new<'g>(cx: &Cx<'_>, record: &[EffectRecord], original: &Original, groups: &'g [Group]) -> Option<&'g Group> {
    if !record.iter().any(|entry| entry.effect == CREATE) {
        return None;
    }
    let id: Option<GroupId> = recorded::<Created>(record, CREATE).map(|created| created.id);
    let ours = |group: &&Group| group.marker.as_ref().is_some_and(|marker| marker.run == *cx.run);
    match id {
        Some(id) => groups.iter().find(|group| group.id == id),
        None => groups.iter().filter(ours).find(|group| group.name == original.next),
    }
}

/// The new group, emptied and deleted.
async fn remove(cx: &Cx<'_>, new: &Group) -> Result<(), Stop> {
    empty(cx, new).await?;
    delete_group(cx, new).await
}

/// The new group, emptied. Behind load balancers it stays so, as the stage group that the next run replaces.
async fn empty(cx: &Cx<'_>, new: &Group) -> Result<(), Stop> {
    let ours = new.marker.as_ref().is_some_and(|marker| marker.run == *cx.run);
    if !ours {
        let message = format!("group {} `{}` no longer carries the tag of this run, and is left as it is", new.id, new.name);
        return Err(StepError::new(ErrorClass::Drift, message)
            .hint("when it is this run's group, set it to 0/0/0 in Spot's console, and delete it there if nobody needs it")
            .into());
    }
    cx.resize(new, Capacity::ZERO, Capacity::ZERO).await?;
    let gone = Settled { group: &new.id, target: 0, behind: &[] };
    steady(cx, &gone, cx.plan.setup.steady_state_timeout).await?;
    Ok(())
}
