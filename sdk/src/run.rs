//! Facts of the run that a plugin may know. Facts only, no handles.

use serde_json::{Map, Value};

use crate::Timestamp;

/// Facts of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// The run's id.
    pub run: String,
    /// The step's id.
    pub step: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The same for every attempt and wake of one step.
    pub idempotency_key: String,
    /// The workflow's name.
    pub workflow: String,
    /// Empty outside a phase.
    pub phase: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// `basic`, `canary`, `blue-green`.
    pub strategy: String,
    /// What is deployed.
    pub artifact: Artifact,
    /// None before setup.
    pub new_group: Option<Group>,
    /// None for a first deployment.
    pub old_group: Option<Group>,
    /// Where requests go; empty where no load balancer is known.
    pub target_groups: Vec<TargetGroup>,
    /// When the step began.
    pub started_at: Timestamp,
    /// When the step has to be done; none without a limit.
    pub deadline: Option<Timestamp>,
    /// Whether nothing may be changed anywhere.
    pub dry_run: bool,
    /// Facts of later contracts. Ignore what you do not know.
    pub attributes: Map<String, Value>,
}

/// An image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// `ami-…`
    pub ami: String,
    /// Empty when not known.
    pub name: String,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
}

/// One Elastigroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Spot's id, `sig-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The fewest instances that it may have.
    pub minimum: u32,
    /// The instances that it is to have.
    pub target: u32,
    /// The most instances that it may have.
    pub maximum: u32,
    /// EC2 instance ids when they were last seen.
    pub instances: Vec<String>,
}

/// A target group and the share of requests that it gets now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// 0 to 999, relative to the other weights of the rule.
    pub weight: u32,
}
