//! Waits until a group has the instances that it should have, and all of them serve.
//!
//! The wait lives inside one activity, so history does not grow with looks; the looks go through the shared poller. A look
//! that fails is made again; only time ends the wait. Behind load balancers a group serves when every one of its instances
//! is healthy in every target group, too.

use shiftgate_model::{
    Capacity, ErrorClass, EventKind, GroupId, Health, InstanceHealth, InstanceId, Millis, StepError, TargetGroupArn,
};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::targets::{Seen, Targets, look};
use super::{Cx, Stop};

/// What is waited for.
pub(super) struct Settled<'a> {
    pub(super) group: &'a GroupId,
    /// How many instances: the target, or more up to the maximum when an autoscaler wants more and all of them serve.
    pub(super) capacity: Capacity,
    /// The target groups that the instances have to be healthy in.
    pub(super) behind: &'a [TargetGroupArn],
}

/// The group's instances once there are as many as wanted, all of them healthy, for as many looks as the pace asks.
pub(super) async fn steady(cx: &Cx<'_>, wanted: &Settled<'_>, timeout: Millis) -> Result<Vec<InstanceId>, Stop> {
    let group = wanted.group;
    cx.say(EventKind::SteadyStateAwaited { group: group.clone(), timeout }).await?;
    let began = Instant::now();
    let mut watch = Watch { cx, wanted, count: None, trouble: None, targets: Seen::default() };
    let (mut agreeing, mut pause) = (0, None);
    loop {
        let missing = match watch.look().await? {
            Look::Settled(instances) => {
                agreeing += 1;
                if agreeing >= cx.settings.pace.stable_for.max(1) {
                    cx.say(reached(wanted)).await?;
                    if pause.is_some() {
                        // Ordered during the last pause: what comes behind this wait does not begin.
                        cx.heed().await?;
                    }
                    return Ok(instances);
                }
                "not for long enough".to_owned()
            }
            Look::Missing(what) => {
                agreeing = 0;
                what
            }
        };
        if began.elapsed() >= timeout.duration() {
            let message = format!("group {group} did not reach steady state in {timeout}: {missing}");
            return Err(StepError::new(ErrorClass::Timeout, message)
                .hint("look at the instances' boot logs and health checks, and at the group's events in Spot's console")
                .into());
        }
        cx.heed().await?;
        let next = cx.settings.pace.next(pause);
        pause = Some(next);
        // The last look falls on the end of the time, not behind it.
        let left = timeout.duration().saturating_sub(began.elapsed());
        sleep(next.duration().min(left)).await;
    }
}

/// Waits until a changed rule has reached every node of a load balancer, and none of them sends requests to that target group
/// any more.
pub(super) async fn propagated(cx: &Cx<'_>, target_group: &TargetGroupArn) -> Result<(), Stop> {
    let time = cx.settings.pace.propagation;
    cx.say(EventKind::DrainAwaited { target_group: target_group.clone(), time }).await?;
    sleep(time.duration()).await;
    cx.heed().await
}

/// A pause before something is looked at again that is not there yet: a second at most.
pub(super) async fn moment(cx: &Cx<'_>) {
    sleep(cx.settings.pace.first.duration().min(Duration::from_secs(1))).await;
}

/// How a look ended.
enum Look {
    Settled(Vec<InstanceId>),
    /// What is missing, in words.
    Missing(String),
}

/// Looks at one group again and again, and says what has changed.
struct Watch<'a> {
    cx: &'a Cx<'a>,
    wanted: &'a Settled<'a>,
    count: Option<Count>,
    trouble: Option<String>,
    targets: Seen,
}

impl Watch<'_> {
    async fn look(&mut self) -> Result<Look, Stop> {
        let (group, Capacity { target, maximum, .. }) = (self.wanted.group, self.wanted.capacity);
        let instances = match self.cx.poller.health(group).await {
            Ok(instances) => instances,
            Err(error) => return self.blind(error.to_string()).await,
        };
        self.trouble = None;
        let now = Count::of(&instances);
        let Count { total, healthy } = now;
        if self.count != Some(now) {
            self.cx.say(EventKind::HealthSeen { group: group.clone(), desired: target, total, healthy }).await?;
            self.count = Some(now);
        }
        let as_many = total == target || (total == healthy && total <= maximum);
        if !as_many || healthy < target {
            return Ok(Look::Missing(missing(target, &instances)));
        }
        let ids: Vec<InstanceId> = instances.iter().filter_map(|instance| instance.id.clone()).collect();
        Ok(match look(self.cx, self.wanted.behind, &ids, target, &mut self.targets).await? {
            Targets::Ready => Look::Settled(ids),
            Targets::NotYet(what) => Look::Missing(what),
            Targets::Unknown(reason) => Look::Missing(format!("a target group could not be looked at: {reason}")),
        })
    }

    async fn blind(&mut self, reason: String) -> Result<Look, Stop> {
        if self.trouble.as_ref() != Some(&reason) {
            let group = self.wanted.group.clone();
            self.cx.say(EventKind::HealthUnavailable { group, reason: reason.clone() }).await?;
        }
        self.trouble = Some(reason.clone());
        Ok(Look::Missing(format!("it could not be looked at: {reason}")))
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

fn reached(wanted: &Settled<'_>) -> EventKind {
    let group = wanted.group.clone();
    if wanted.capacity.target == 0 { EventKind::GroupEmptied { group } } else { EventKind::SteadyStateReached { group } }
}

fn missing(target: u32, instances: &[InstanceHealth]) -> String {
    let Count { total, healthy } = Count::of(instances);
    let mut message = format!("desired {target}, total {total}, healthy {healthy}");
    let not_healthy: Vec<String> = instances.iter().filter(|i| i.health != Health::Healthy).take(5).map(word).collect();
    if !not_healthy.is_empty() {
        message.push_str("; ");
        message.push_str(&not_healthy.join(", "));
    }
    message
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
