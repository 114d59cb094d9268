//! Elastigroups as the engine sees them; the wire shape stays in the room that talks to Spot.

use serde::{Deserialize, Serialize};

use crate::{
    AmiId, Capacity, ElastigroupTemplate, GroupId, GroupName, InstanceId, RuleArn, RunId, StepId, TargetGroupArn, Timestamp,
};

/// The tag that names the run which created a group.
pub const RUN_TAG: &str = "shiftgate:run";
/// The tag that names the step which created a group.
pub const STEP_TAG: &str = "shiftgate:step";

/// One Elastigroup, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// Its capacity.
    pub capacity: Capacity,
    /// The image that its new instances start from; none when the reply names none.
    pub image: Option<AmiId>,
    /// Who created it; none when it carries no marker of ours.
    pub marker: Option<Marker>,
    /// When it was created; none when the reply does not say.
    pub created_at: Option<Timestamp>,
    /// The target groups that Spot registers its instances with.
    pub target_groups: Vec<TargetGroupArn>,
    /// Everything else that Spot registers its instances with: classic load balancers, by name.
    pub classic: Vec<String>,
    /// The rules whose weights Spot itself writes for it (`itf`): nobody else may shift those.
    pub steered_rules: Vec<RuleArn>,
}

impl Group {
    /// Whether it carries the tags of that run.
    #[must_use]
    pub fn is_of(&self, run: &RunId) -> bool {
        self.marker.as_ref().is_some_and(|marker| marker.run == *run)
    }
}

/// What makes a group recognisably ours: two tags on its launch specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The run that created it, in the tag [`RUN_TAG`].
    pub run: RunId,
    /// The step that created it, in the tag [`STEP_TAG`].
    pub step: StepId,
}

/// A group to create, at 0/0/0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// The JSON that the user exported from Spot's console, every expression resolved.
    pub template: ElastigroupTemplate,
    /// The name of the new group.
    pub name: GroupName,
    /// The image to start from.
    pub image: AmiId,
    /// The service's user data, as plain text; none leaves what the template has.
    pub user_data: Option<String>,
    /// The target groups that replace the template's load balancers; none leaves the template's (basic and canary).
    pub target_groups: Option<Vec<TargetGroupArn>>,
    /// What a lost reply is recognised by.
    pub marker: Marker,
    /// Whether an earlier attempt may have been made: the list can be older than its effect, so it is looked at more than once.
    pub attempted: bool,
}

/// How a create ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The id, from Spot's reply.
    pub id: GroupId,
    /// Whether an earlier attempt had created it already, and this one found it by its marker.
    pub adopted: bool,
}

/// How a delete ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deleted {
    /// This call deleted it.
    Now,
    /// It was gone before.
    AlreadyGone,
}

/// One instance of a group, as Spot judges it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceHealth {
    /// The instance; none while a spot request is still open.
    pub id: Option<InstanceId>,
    /// Spot's word on it.
    pub health: Health,
}

/// Spot's word on an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It serves.
    Healthy,
    /// It does not.
    Unhealthy,
    /// Spot does not know yet.
    InsufficientData,
    /// Spot has nothing to judge it by.
    Unknown,
    /// A word that this program does not name; shown as it came.
    Other(String),
}
