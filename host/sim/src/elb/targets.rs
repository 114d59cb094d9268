//! Targets: which instance stands in which target group, and what its health check finds, as functions of time.
//!
//! A registration belongs to the instance and is made when its Elastigroup names the target group; `fleet.rs` and the
//! routes do that. Nothing here routes a request.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::TargetGroup;
use crate::account::Account;
use crate::instance::{Health, Instance, Life, Moment};

/// One target group that an instance stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// The target group's ARN.
    pub(crate) group: String,
    /// The registration begins then, or at the launch where that is later.
    pub(crate) from: Moment,
    /// It ends then, or when the instance leaves where that is earlier.
    pub(crate) until: Option<Moment>,
    /// How long the target drains after the end.
    pub(crate) delay: Duration,
    /// Whether the target stood there before the start.
    pub(crate) warm: bool,
}

impl Registration {
    /// When the instance is registered.
    fn begins(&self, life: &Life) -> Option<Moment> {
        life.launched().map(|launched| launched.max(self.from))
    }

    /// When it is deregistered and begins to drain.
    fn ends(&self, life: &Life) -> Option<Moment> {
        [life.left, self.until].into_iter().flatten().min()
    }

    /// When it has drained; none while it stays, and when it never was registered.
    pub(crate) fn drained(&self, life: &Life) -> Option<Moment> {
        let (begins, ends) = (self.begins(life)?, self.ends(life)?);
        (begins <= ends).then_some(ends + self.delay)
    }
}

/// What a health check of a target group finds on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Registered, and not checked yet.
    Initial,
    /// The checks pass.
    Healthy,
    /// The checks fail.
    Unhealthy,
    /// No rule names the target group, so that nothing is checked.
    Unused,
    /// Deregistered; what was begun is finished.
    Draining,
    /// Health checks are not possible.
    Unavailable,
}

impl TargetState {
    /// The state that a text names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Initial, Self::Healthy, Self::Unhealthy, Self::Unused, Self::Draining, Self::Unavailable];
        all.into_iter().find(|state| state.name() == text)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is found on one target, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) state: TargetState,
    /// `Elb.RegistrationInProgress` and the like, with what it means; none when healthy.
    pub(crate) reason: Option<(&'static str, &'static str)>,
}

const REGISTERING: (&str, &str) = ("Elb.RegistrationInProgress", "Target registration is in progress");
const CHECKING: (&str, &str) = ("Elb.InitialHealthChecking", "Initial health checks in progress");
const FAILED: (&str, &str) = ("Target.FailedHealthChecks", "Health checks failed");
const NOT_IN_USE: (&str, &str) = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer");
const DEREGISTERING: (&str, &str) = ("Target.DeregistrationInProgress", "Target deregistration is in progress");
const DISABLED: (&str, &str) = ("Target.HealthCheckDisabled", "Health checks are not enabled for this target");
/// For a target that was asked for and is not there.
pub(crate) const NOT_REGISTERED: (&str, &str) = ("Target.NotRegistered", "Target is not registered to the target group");

impl Finding {
    fn of(state: TargetState) -> Self {
        let reason = match state {
            TargetState::Initial => Some(CHECKING),
            TargetState::Healthy => None,
            TargetState::Unhealthy => Some(FAILED),
            TargetState::Unused => Some(NOT_IN_USE),
            TargetState::Draining => Some(DEREGISTERING),
            TargetState::Unavailable => Some(DISABLED),
        };
        Self { state, reason }
    }
}

/// What is found on an instance in a target group at `at`; none when it is not registered there.
fn find(group: &TargetGroup, instance: &Instance, at: Moment) -> Option<Finding> {
    let registrations = instance.registrations.iter().filter(|registration| registration.group == group.arn);
    let found: Vec<Finding> = registrations.filter_map(|one| finding(group, &instance.life, one, at)).collect();
    // One that was taken out and put back drains and is checked at the same time; what counts is that it is back.
    let back = found.iter().find(|finding| finding.state != TargetState::Draining);
    back.or_else(|| found.first()).copied()
}

fn finding(group: &TargetGroup, life: &Life, registration: &Registration, at: Moment) -> Option<Finding> {
    let begins = registration.begins(life).filter(|begins| *begins <= at)?;
    if registration.ends(life).is_some_and(|ends| ends <= at) {
        let drains = registration.drained(life).is_some_and(|drained| at < drained);
        return drains.then(|| Finding::of(TargetState::Draining));
    }
    let Some(named) = group.named.filter(|named| *named <= at) else { return Some(Finding::of(TargetState::Unused)) };
    if let Some(forced) = group.forced {
        return Some(Finding::of(forced));
    }
    let since = begins.max(named);
    // What was up and named when the account began is found healthy at once.
    let wait = if registration.warm && group.warm { 0 } else { life.latencies.target_healthy };
    let (half, whole) = (Duration::from_millis(wait / 2), Duration::from_millis(wait));
    if at < since + half {
        return Some(Finding { state: TargetState::Initial, reason: Some(REGISTERING) });
    }
    if at < since + whole {
        return Some(Finding::of(TargetState::Initial));
    }
    Some(Finding::of(match life.health(at)? {
        Health::InsufficientData => TargetState::Initial,
        Health::Healthy => TargetState::Healthy,
        Health::Unhealthy => TargetState::Unhealthy,
    }))
}

/// The targets of a group at `at`, by instance id.
pub(crate) fn of<'a>(account: &'a Account, group: &TargetGroup, at: Moment) -> Vec<(&'a Instance, Finding)> {
    let mut found: Vec<_> = account.instances().filter_map(|instance| Some((instance, find(group, instance, at)?))).collect();
    found.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    found
}
