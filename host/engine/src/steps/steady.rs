//! Waits until a group has the instances that it should have, and all of them serve.
//!
//! The wait lives inside one activity, so history does not grow with looks; the looks go through the shared poller. A look
//! that fails is made again; only time ends the wait.

use shiftgate_model::{ErrorClass, EventKind, GroupId, Health, InstanceHealth, InstanceId, Millis, StepError};
use tokio::time::{Instant, sleep};

use super::{Cx, Stop};

/// The group's instances once there are `target`, all of them healthy, for as many looks as the pace asks.
pub(super) async fn steady(cx: &Cx<'_>, group: &GroupId, target: u32, timeout: Millis) -> Result<Vec<InstanceId>, Stop> {
    cx.say(EventKind::SteadyStateAwaited { group: group.clone(), timeout }).await?;
    let began = Instant::now();
    let (mut seen, mut agreeing, mut pause, mut trouble) = (None, 0, None, None);
    loop {
        match cx.poller.health(group).await {
            Ok(instances) => {
                trouble = None;
                let now = Count::of(&instances);
                if seen != Some(now) {
                    let Count { total, healthy } = now;
                    cx.say(EventKind::HealthSeen { group: group.clone(), desired: target, total, healthy }).await?;
                    seen = Some(now);
                }
                agreeing = if now.total == target && now.healthy >= target { agreeing + 1 } else { 0 };
                if agreeing >= cx.settings.pace.stable_for.max(1) {
                    cx.say(reached(group, target)).await?;
                    return Ok(instances.iter().filter_map(|instance| instance.id.clone()).collect());
                }
                if began.elapsed() >= timeout.duration() {
                    return Err(late(group, target, timeout, &instances).into());
                }
            }
            Err(error) => {
                agreeing = 0;
                let reason = error.to_string();
                if trouble.as_ref() != Some(&reason) {
                    cx.say(EventKind::HealthUnavailable { group: group.clone(), reason: reason.clone() }).await?;
                }
                if began.elapsed() >= timeout.duration() {
                    return Err(blind(group, timeout, &reason).into());
                }
                trouble = Some(reason);
            }
        }
        let next = cx.settings.pace.next(pause);
        pause = Some(next);
        // The last look falls on the end of the time, not behind it.
        let left = timeout.duration().saturating_sub(began.elapsed());
        sleep(next.duration().min(left)).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Count {
    total: u32,
    healthy: u32,
}

impl Count {
    fn of(instances: &[InstanceHealth]) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let healthy = instances.iter().filter(|i| i.id.is_some() && i.health == Health::Healthy).count();
        Self { total: number(instances.len()), healthy: number(healthy) }
    }
}

fn reached(group: &GroupId, target: u32) -> EventKind {
    if target == 0 {
        EventKind::GroupEmptied { group: group.clone() }
    } else {
        EventKind::SteadyStateReached { group: group.clone() }
    }
}

fn late(group: &GroupId, target: u32, timeout: Millis, instances: &[InstanceHealth]) -> StepError {
    let Count { total, healthy } = Count::of(instances);
    let mut message =
        format!("group {group} did not reach steady state in {timeout}: desired {target}, total {total}, healthy {healthy}");
    let not_healthy: Vec<String> = instances.iter().filter(|i| i.health != Health::Healthy).take(5).map(word).collect();
    if !not_healthy.is_empty() {
        message.push_str("; ");
        message.push_str(&not_healthy.join(", "));
    }
    StepError::new(ErrorClass::Timeout, message)
        .hint("look at the instances' boot logs and health checks, and at the group's events in Spot's console")
}

fn word(instance: &InstanceHealth) -> String {
    let id = instance.id.as_ref().map_or("a spot request without an instance", InstanceId::as_str);
    let health = match &instance.health {
        Health::Healthy => "healthy",
        Health::Unhealthy => "unhealthy",
        Health::InsufficientData => "not judged yet (insufficient data)",
        Health::Unknown => "not judged (unknown)",
        Health::Other(word) => word,
    };
    format!("{id} is {health}")
}

fn blind(group: &GroupId, timeout: Millis, reason: &str) -> StepError {
    StepError::new(ErrorClass::Timeout, format!("group {group} could not be looked at until its {timeout} were over: {reason}"))
}
