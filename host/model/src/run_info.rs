//! What a plugin may know of the run that calls it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AmiId, Capacity, GroupId, GroupName, InstanceId, RunId, StepId, TargetGroupArn, Timestamp};

/// Facts of a run that a plugin may know. Facts only, no handles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The same for every attempt and wake of one step.
    pub idempotency_key: String,
    /// The workflow's name.
    pub workflow: String,
    /// The phase's name; empty outside a phase.
    pub phase: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// `basic`, `canary` or `blue-green`.
    pub strategy: String,
    /// The image that is deployed.
    pub artifact: AmiId,
    /// The group that is deployed; none before setup.
    pub new_group: Option<GroupFacts>,
    /// The group that was live before; none for a first deployment.
    pub old_group: Option<GroupFacts>,
    /// The target groups of the new and the old group, with the weights that they have now; empty without routes.
    pub target_groups: Vec<WeighedGroup>,
    /// When the step began.
    pub started_at: Timestamp,
    /// When the step has to be done; none without a limit.
    pub deadline: Option<Timestamp>,
    /// Whether nothing may be changed anywhere.
    pub dry_run: bool,
    /// More facts, by name: `baseline` is where a verification finds what it compares with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl RunInfo {
    /// The first attempt of a step, of which nothing else is known yet.
    #[must_use]
    pub fn new(run: RunId, step: StepId, artifact: AmiId, started_at: Timestamp) -> Self {
        Self {
            attempt: 1,
            attributes: BTreeMap::new(),
            idempotency_key: format!("{run}/{step}"),
            workflow: String::new(),
            phase: String::new(),
            service: String::new(),
            environment: String::new(),
            infrastructure: String::new(),
            strategy: String::new(),
            artifact,
            new_group: None,
            old_group: None,
            target_groups: Vec::new(),
            started_at,
            deadline: None,
            dry_run: false,
            run,
            step,
        }
    }
}

/// A target group and the share of requests that it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeighedGroup {
    /// The target group.
    pub group: TargetGroupArn,
    /// 0 to 999, relative to the other weights of its rule.
    pub weight: u16,
}

/// What is known of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFacts {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// What this run last wrote or found.
    pub capacity: Capacity,
    /// Its instances when they were last seen.
    pub instances: Vec<InstanceId>,
}
