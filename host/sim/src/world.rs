//! The world file: what a simulated account has and how it behaves, before anything happens in it.
//!
//! Pure data with serde; nothing here acts. `account.rs` brings it to life, `faults.rs` is asked at each call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::elb::{LoadBalancerSeed, TargetGroupSeed};
use crate::faults::Fault;

/// A whole simulated account. Every field may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// Accepted bearer tokens; any non-empty one when the list is empty. Another token is answered with 401.
    pub tokens: Vec<String>,
    /// Accepted accounts (`act-...`); any when the list is empty. Another account is answered with 403.
    pub accounts: Vec<String>,
    /// How long instances take.
    pub latencies: Latencies,
    /// How many instances AWS has to give.
    pub shortage: Shortage,
    /// How instances behave, by AMI id.
    pub images: BTreeMap<String, Image>,
    /// How the instances of an AMI behave that `images` does not name.
    pub default_image: Image,
    /// The account's rate limit; none lets every call through.
    pub rate_limit: Option<RateLimit>,
    /// Replies that differ from the usual ones, for as long as the flag is set.
    pub quirks: Quirks,
    /// Groups that exist at the start, with their instances up.
    pub groups: Vec<GroupSeed>,
    /// Target groups that exist at the start.
    pub target_groups: Vec<TargetGroupSeed>,
    /// Load balancers that exist at the start.
    pub load_balancers: Vec<LoadBalancerSeed>,
    /// Calls that go wrong.
    pub faults: Vec<Fault>,
}

impl World {
    /// A world without waiting: an instance is launched and healthy at the first look, and gone as soon as it is not wanted;
    /// a rule is followed as soon as it is written. The deregistration delay of a target group is its own, and stays.
    #[must_use]
    pub fn instant() -> Self {
        let latencies = Latencies { launch: 0, healthy: 0, drain: 0, propagation: 0, target_healthy: 0 };
        Self { latencies, ..Self::default() }
    }

    /// The behaviour of an AMI's instances.
    #[must_use]
    pub fn image(&self, ami: &str) -> &Image {
        self.images.get(ami).unwrap_or(&self.default_image)
    }
}

/// How long each part of an instance's life takes, in milliseconds. A change counts for instances requested, and rules
/// written, after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latencies {
    /// From the open spot request to an instance id.
    pub launch: u64,
    /// From the instance id to `HEALTHY`.
    pub healthy: u64,
    /// How long a leaving instance stays listed. One that leaves a target group stays until its deregistration delay is
    /// over as well.
    pub drain: u64,
    /// From the write of a rule until the data plane follows it. The API shows it at once.
    pub propagation: u64,
    /// How long a target is `initial`: from its registration, or from when a rule named its target group, whichever is
    /// later. Then it is what the instance's own health says.
    pub target_healthy: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { launch: 400, healthy: 800, drain: 500, propagation: 200, target_healthy: 400 }
    }
}

/// A ceiling on instances that exist at the same time, draining ones included. What is above it stays an open request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shortage {
    /// In the whole account.
    pub total: Option<u32>,
    /// In each group.
    pub per_group: Option<u32>,
}

/// How the instances of one AMI behave. Taken over by an instance when it is requested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Image {
    /// The share of requests that end in an error, 0 to 1.
    pub errors: f64,
    /// The latency of a request, in milliseconds.
    pub latency_ms: f64,
    /// Requests that a healthy instance serves in a second.
    pub requests_per_second: f64,
    /// What health checks find.
    pub health: HealthPlan,
    /// Errors come by chance, in a sequence of their own for each instance, which this number begins; evenly without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chance: Option<u64>,
}

impl Default for Image {
    fn default() -> Self {
        Self { errors: 0.001, latency_ms: 40.0, requests_per_second: 20.0, health: HealthPlan::Healthy, chance: None }
    }
}

/// What health checks find on an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthPlan {
    /// `HEALTHY` after [`Latencies::healthy`].
    #[default]
    Healthy,
    /// `UNHEALTHY` after [`Latencies::healthy`], and for good.
    Never,
    /// `HEALTHY` and `UNHEALTHY` in turns, each for [`Latencies::healthy`] or a second, whichever is longer.
    Flapping,
    /// `HEALTHY` that many milliseconds after the launch.
    AfterMs(u64),
}

/// The account's limit of calls per method and route, in a sliding minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Calls in a minute. A call above it is answered with 429 and starts the minute again.
    pub per_minute: u32,
}

/// Variants of replies that public recordings show beside the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Reads show user data as `__hidden__`.
    pub hidden_user_data: bool,
    /// Health in lower case, roll status in upper case.
    pub odd_case: bool,
    /// The start of a roll is answered without items.
    pub empty_roll_start: bool,
    /// Instances of a group without a `healthCheckType` stay `UNKNOWN`; otherwise they are judged like the others.
    pub unknown_without_health_check: bool,
}

/// A group that exists at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSeed {
    /// Its id (`sig-...`); a generated one when left out.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its capacity; `target` instances are up at the start.
    pub capacity: Numbers,
    /// The AMI of its instances.
    pub image: String,
    /// Tags of its instances.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Names of target groups in which its instances stand. Where there are some, they take the place of the
    /// `loadBalancersConfig` of `extra`.
    #[serde(default)]
    pub target_groups: Vec<String>,
    /// Further fields of the group object (`compute`, `strategy` ...), below the ones above.
    #[serde(default)]
    pub extra: Option<Value>,
}

/// The three numbers of a capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// Lower bound.
    pub minimum: u32,
    /// Wanted instances.
    pub target: u32,
    /// Upper bound.
    pub maximum: u32,
}
