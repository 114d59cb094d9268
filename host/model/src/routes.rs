//! Load balancers as the engine sees them: where requests come in, and which target groups they go to.
//!
//! The wire shape stays in the room that talks to AWS. A rule's actions are one list that is read whole and sent back
//! whole: what this program does not change (authentication, order, stickiness, kinds of actions that it does not name)
//! travels as it came.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{InstanceId, ListenerArn, LoadBalancerArn, RuleArn, TargetGroupArn};

/// The share of requests that the new group gets, 0 to 100; the old one gets the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Weight(u8);

/// A weight above 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a weight is 0 to 100, not {0}")]
pub struct WeightError(pub u64);

impl Weight {
    /// Every request.
    pub const ALL: Self = Self(100);
    /// No request.
    pub const NONE: Self = Self(0);

    /// Checks the range.
    ///
    /// # Errors
    /// [`WeightError`] above 100.
    pub fn new(value: u64) -> Result<Self, WeightError> {
        match u8::try_from(value) {
            Ok(weight) if weight <= 100 => Ok(Self(weight)),
            _ => Err(WeightError(value)),
        }
    }

    /// The weight as ELBv2 takes it.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0 as u16
    }

    /// What the other group gets.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(100 - self.0)
    }
}

impl TryFrom<u64> for Weight {
    type Error = WeightError;

    fn try_from(value: u64) -> Result<Self, WeightError> {
        Self::new(value)
    }
}

impl From<Weight> for u64 {
    fn from(weight: Weight) -> Self {
        Self::from(weight.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// A load balancer, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Its name.
    pub name: String,
    /// The VPC that it stands in; empty when the reply names none.
    pub vpc: String,
    /// Whether it can route by rules: an application load balancer, not a network or gateway one.
    pub application: bool,
    /// AWS's word on its state: `active`, `provisioning`, …
    pub state: String,
}

/// A port that a load balancer listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its ARN.
    pub arn: ListenerArn,
    /// Its load balancer.
    pub load_balancer: LoadBalancerArn,
    /// Its port; 0 when the reply names none.
    pub port: u16,
}

/// A rule of a listener, with its actions as they are now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its ARN.
    pub arn: RuleArn,
    /// Whether it is the listener's default rule, which is changed through the listener.
    pub default: bool,
    /// What it does with a request.
    pub actions: Actions,
}

/// Where a rule is: what is needed to change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// The rule.
    pub rule: RuleArn,
    /// Its listener.
    pub listener: ListenerArn,
    /// Whether it is the listener's default rule.
    pub default: bool,
}

/// The whole action list of a rule, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actions(pub Vec<RouteAction>);

/// One action of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteAction {
    /// Sends the request to one of some target groups.
    Forward(Forward),
    /// Anything else, in the shape of the room that read it; never looked into here.
    Other(Value),
}

/// A forward action.
///
/// Two that do the same are equal: the room that reads it leaves out a weight that is the only one, and a stickiness
/// that is off, and the order of the targets does not count.
#[derive(Clone, Debug, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Its place in the list as AWS numbers it; none when the reply names none.
    pub order: Option<i32>,
    /// Where requests go, in the order of the reply.
    pub targets: Vec<ForwardTarget>,
    /// How long a client stays with the group that it came to, in seconds; none when it does not.
    pub stickiness_seconds: Option<u32>,
}

impl PartialEq for Forward {
    fn eq(&self, other: &Self) -> bool {
        let sorted = |forward: &Self| {
            let mut targets = forward.targets.clone();
            targets.sort();
            targets
        };
        self.order == other.order && self.stickiness_seconds == other.stickiness_seconds && sorted(self) == sorted(other)
    }
}

/// A target group of a forward action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForwardTarget {
    /// The target group.
    pub group: TargetGroupArn,
    /// 0 to 999, relative to the others; none for the only group of its action.
    pub weight: Option<u16>,
}

impl Actions {
    /// The forward action; none when the list has none, or more than one.
    #[must_use]
    pub fn forward(&self) -> Option<&Forward> {
        let mut forwards = self.0.iter().filter_map(|action| match action {
            RouteAction::Forward(forward) => Some(forward),
            RouteAction::Other(_) => None,
        });
        let first = forwards.next();
        if forwards.next().is_some() { None } else { first }
    }

    /// The same list with other targets in its forward action; everything else as it is.
    #[must_use]
    pub fn with_targets(&self, targets: &[ForwardTarget]) -> Self {
        let action = |action: &RouteAction| match action {
            RouteAction::Forward(forward) => RouteAction::Forward(Forward { targets: targets.to_vec(), ..forward.clone() }),
            RouteAction::Other(other) => RouteAction::Other(other.clone()),
        };
        Self(self.0.iter().map(action).collect())
    }

    /// The weight of a target group: 0 when it gets nothing, 1 for a group alone. None when that cannot be told, because the
    /// list does not have exactly one forward action.
    #[must_use]
    pub fn weight_of(&self, group: &TargetGroupArn) -> Option<u16> {
        let targets = &self.forward()?.targets;
        Some(targets.iter().filter(|target| target.group == *group).map(|target| target.weight.unwrap_or(1)).sum())
    }

    /// Whether the list names a target group anywhere, in actions that are not looked into too.
    #[must_use]
    pub fn mentions(&self, group: &TargetGroupArn) -> bool {
        self.0.iter().any(|action| match action {
            RouteAction::Forward(forward) => forward.targets.iter().any(|target| target.group == *group),
            RouteAction::Other(value) => value.to_string().contains(group.as_str()),
        })
    }

    /// Whether no request goes to a target group. A list that cannot be told of counts as one that sends some.
    #[must_use]
    pub fn spares(&self, group: &TargetGroupArn) -> bool {
        self.weight_of(group) == Some(0)
    }
}

impl fmt::Display for Actions {
    /// `web-blue 90, web-green 10`; what is no forward is named by its number: `1 other action, then web-blue`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.0.iter().filter(|action| matches!(action, RouteAction::Other(_))).count();
        match others {
            0 => {}
            1 => f.write_str("1 other action")?,
            more => write!(f, "{more} other actions")?,
        }
        for (index, action) in self.0.iter().filter(|action| matches!(action, RouteAction::Forward(_))).enumerate() {
            if others > 0 || index > 0 {
                f.write_str(", then ")?;
            }
            if let RouteAction::Forward(forward) = action {
                write!(f, "{forward}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, ForwardTarget { group, weight }) in self.targets.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(group.name())?;
            if let Some(weight) = weight {
                write!(f, " {weight}")?;
            }
        }
        Ok(())
    }
}

/// A target group, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Its name.
    pub name: String,
    /// What it holds: `instance`, `ip`, `lambda`, `alb`.
    pub target_type: String,
    /// The VPC that its targets are in; empty when the reply names none.
    pub vpc: String,
    /// The load balancers that route to it.
    pub load_balancers: Vec<LoadBalancerArn>,
}

/// How long a target group keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// How long a deregistered target may finish its requests, in seconds.
    pub deregistration_delay: u32,
    /// How long a client stays with its target, in seconds; none when it does not.
    pub stickiness: Option<u32>,
}

/// One target of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// The instance (or, in a group of another type, the address).
    pub target: InstanceId,
    /// Its state.
    pub state: TargetState,
    /// AWS's own code for why, such as `Target.ResponseCodeMismatch`; none when it is healthy.
    pub reason: Option<String>,
}

/// What the load balancer holds of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It is being registered, or checked for the first time.
    Initial,
    /// It passes its checks.
    Healthy,
    /// It does not.
    Unhealthy,
    /// No rule routes to its group, or it cannot be used.
    Unused,
    /// It is deregistered and finishes its requests.
    Draining,
    /// Health checks are off.
    Unavailable,
    /// A word that this program does not name; shown as it came.
    Other(String),
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
            Self::Other(word) => word,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PREFIX: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup";

    fn target(name: &str, weight: Option<u16>) -> ForwardTarget {
        ForwardTarget { group: TargetGroupArn::new(format!("{PREFIX}/{name}/0123456789abcdef")), weight }
    }

    fn forward(targets: Vec<ForwardTarget>) -> RouteAction {
        RouteAction::Forward(Forward { order: Some(2), targets, stickiness_seconds: Some(600) })
    }

    #[test]
    fn a_weight_is_a_percentage() {
        assert_eq!(Weight::new(10).map(|w| (w.get(), w.rest().get())), Ok((10, 90)));
        assert_eq!(Weight::new(101).map_err(|e| e.to_string()), Err("a weight is 0 to 100, not 101".to_owned()));
        assert!(serde_json::from_value::<Weight>(json!(101)).is_err());
        assert_eq!(serde_json::to_value(Weight::ALL).unwrap(), json!(100));
    }

    #[test]
    fn only_the_targets_of_the_forward_change() {
        let login = RouteAction::Other(json!({"Type": "authenticate-oidc", "Order": 1}));
        let before = Actions(vec![login.clone(), forward(vec![target("web-blue", Some(100)), target("web-green", Some(0))])]);
        let targets = [target("web-blue", Some(90)), target("web-green", Some(10))];
        let after = before.with_targets(&targets);
        assert_eq!(after, Actions(vec![login, forward(targets.to_vec())]));
        assert_eq!(after.to_string(), "1 other action, then web-blue 90, web-green 10");
        assert_eq!(after.weight_of(&target("web-green", None).group), Some(10));
        let turned: Vec<ForwardTarget> = targets.iter().rev().cloned().collect();
        assert_eq!(after.with_targets(&turned), after);
    }

    #[test]
    fn two_forwards_are_not_one() {
        let actions = Actions(vec![forward(vec![target("a", None)]), forward(vec![target("b", None)])]);
        assert_eq!(actions.forward(), None);
        // What cannot be told is not taken for nothing.
        assert!(!actions.spares(&target("c", None).group));
        let alone = Actions(vec![forward(vec![target("a", None)])]);
        assert_eq!(alone.weight_of(&target("a", None).group), Some(1));
        assert!(alone.spares(&target("b", None).group));
    }
}
