//! What a world file says about load balancers and target groups. Pure data with serde; `plant.rs` brings it to life and
//! refuses what cannot be.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A target group that exists at the start. Instances come into it through the Elastigroups that name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroupSeed {
    /// Its name, 1 to 32 letters, digits and hyphens; [`crate::target_group_arn`] makes the ARN of it.
    pub name: String,
    /// The port of its targets.
    #[serde(default = "http")]
    pub port: u16,
    /// The VPC, the same as that of a load balancer that forwards to it.
    #[serde(default = "vpc")]
    pub vpc: String,
    /// What its targets are.
    #[serde(default)]
    pub target_type: TargetType,
    /// `deregistration_delay.timeout_seconds`: how long a target drains, 0 to 3600. The real service's default of 300 s is
    /// 1 s here.
    #[serde(default = "delay")]
    pub deregistration_delay: u64,
    /// `stickiness.lb_cookie.duration_seconds` of its targets, 1 to 604800; none when target stickiness is off. Shown as an
    /// attribute and checked with the action list; the data plane keeps no client on one target.
    #[serde(default)]
    pub stickiness: Option<u32>,
}

impl TargetGroupSeed {
    /// A group of that name, with the defaults of a world file.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            port: http(),
            vpc: vpc(),
            target_type: TargetType::default(),
            deregistration_delay: delay(),
            stickiness: None,
        }
    }
}

/// What the targets of a group are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetType {
    /// Instances, by id: the kind that Spot registers.
    #[default]
    Instance,
    /// Addresses. Spot registers nothing with it.
    Ip,
}

impl fmt::Display for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "instance",
            Self::Ip => "ip",
        })
    }
}

/// An application load balancer that exists at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerSeed {
    /// Its name, 1 to 32 letters, digits and hyphens; [`crate::load_balancer_arn`] makes the ARN of it.
    pub name: String,
    /// The VPC.
    #[serde(default = "vpc")]
    pub vpc: String,
    /// Who can reach it.
    #[serde(default)]
    pub scheme: Scheme,
    /// What `State.Code` says. The data plane serves in every state.
    #[serde(default)]
    pub state: LoadBalancerState,
    /// Its listeners, one a port.
    #[serde(default)]
    pub listeners: Vec<ListenerSeed>,
}

/// Who can reach a load balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Everybody.
    #[default]
    InternetFacing,
    /// The VPC.
    Internal,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InternetFacing => "internet-facing",
            Self::Internal => "internal",
        })
    }
}

/// What `State.Code` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadBalancerState {
    /// It serves.
    #[default]
    Active,
    /// It is being made.
    Provisioning,
    /// It serves with less than it wants.
    ActiveImpaired,
    /// It could not be made.
    Failed,
}

impl fmt::Display for LoadBalancerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Provisioning => "provisioning",
            Self::ActiveImpaired => "active_impaired",
            Self::Failed => "failed",
        })
    }
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerSeed {
    /// The port that the API shows. The data plane has a loopback port of its own for it.
    pub port: u16,
    /// What the API shows; the data plane speaks HTTP.
    #[serde(default)]
    pub protocol: Protocol,
    /// The default actions: [`ListenerSeed::forward`]'s short form, or AWS's own list
    /// (`[{"Type": "forward", "TargetGroupArn": ..}]`), in which a target group may be named instead of its ARN.
    pub actions: Value,
    /// Further rules, in any order.
    #[serde(default)]
    pub rules: Vec<RuleSeed>,
}

impl ListenerSeed {
    /// A listener that forwards to target groups by name and weight.
    #[must_use]
    pub fn forward(port: u16, weights: &[(&str, u32)]) -> Self {
        Self { port, protocol: Protocol::default(), actions: forward(weights), rules: Vec::new() }
    }
}

/// The short form of an action list: `{"forward": [{"group": "web-blue", "weight": 100}], "stickiness_seconds": 60}`.
/// Without `stickiness_seconds`, as here, the stickiness of the rule is off.
#[must_use]
pub fn forward(weights: &[(&str, u32)]) -> Value {
    let groups: Vec<Value> = weights.iter().map(|(group, weight)| json!({"group": group, "weight": weight})).collect();
    json!({"forward": groups})
}

/// The protocol of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// HTTP.
    #[default]
    Http,
    /// HTTPS, with a certificate that is shown and nothing else.
    Https,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        })
    }
}

/// One rule of a listener, beside the default one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSeed {
    /// 1 to 50000; the lowest is asked first.
    pub priority: u32,
    /// When it holds: AWS's own list (`[{"Field": "path-pattern", "Values": ["/api/*"]}]`), or an object from field to
    /// values (`{"path-pattern": ["/api/*"]}`). Fields are `path-pattern` and `host-header`.
    pub conditions: Value,
    /// As [`ListenerSeed::actions`].
    pub actions: Value,
}

const fn http() -> u16 {
    80
}

fn vpc() -> String {
    "vpc-1".to_owned()
}

const fn delay() -> u64 {
    1
}
