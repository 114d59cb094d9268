//! The one stream of what happened. Log, JSON and page are views of it; its words for a terminal are in `line`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AmiId, Ballot, Capacity, Finding, Forward, GroupId, GroupName, Metric, Millis, PluginKind, ReceiptAction, RuleArn, RunId,
    StepError, StepId, TargetGroupArn, Timestamp, Verdict, Weight,
};

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// 1 for the first event of the run; no number is left out.
    pub sequence: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The step that it belongs to; none for the run as a whole.
    pub step: Option<StepId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// How a run ended. Terminal, and said on the last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The new group serves.
    Succeeded,
    /// A step failed and nothing was there to put back, or the failure strategy says to leave it.
    Failed,
    /// The old group is as it was; the new one is gone.
    RolledBack,
    /// Stopped where it stood; `resume` goes on.
    Aborted,
    /// The rollback could not finish; a person has to look, and `resume` goes on with it.
    Stuck,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
            Self::Stuck => "stuck",
        })
    }
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// For the operator.
    Info,
    /// To look at.
    Warn,
    /// To act on.
    Error,
}

/// What happened. JSON carries the name in `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the line that each variant shows in `line` is its documentation, and its fields are the line's words"
)]
pub enum EventKind {
    RunStarted {
        workflow: String,
        strategy: String,
        service: String,
        environment: String,
        infrastructure: String,
        artifact: AmiId,
    },
    RunResumed,
    LockWaited {
        family: String,
        holder: RunId,
        ahead: u32,
    },
    PhaseStarted {
        phase: String,
    },
    StepStarted {
        title: String,
    },
    StepSkipped {
        reason: String,
    },
    StepSucceeded {
        took: Millis,
    },
    StepFailed {
        error: StepError,
    },
    StepIgnored {
        error: StepError,
    },
    StepRetried {
        attempt: u32,
        after: Millis,
        error: StepError,
    },
    GroupsQueried {
        prefix: String,
        found: u32,
    },
    LiveGroupFound {
        id: GroupId,
        name: GroupName,
        capacity: Capacity,
    },
    NoLiveGroup,
    GroupSearched {
        name: GroupName,
        found: u32,
    },
    RouteRead {
        load_balancer: String,
        port: u16,
        rule: RuleArn,
        forward: Forward,
    },
    TargetGroupsTold {
        load_balancer: String,
        production: TargetGroupArn,
        stage: TargetGroupArn,
    },
    CreateRequested {
        name: GroupName,
    },
    GroupCreated {
        id: GroupId,
        name: GroupName,
        adopted: bool,
    },
    SetupCompleted,
    CapacityFound {
        group: GroupId,
        capacity: Capacity,
    },
    CapacityRequested {
        group: GroupId,
        capacity: Capacity,
    },
    CapacityAccepted {
        group: GroupId,
    },
    CapacityUnchanged {
        group: GroupId,
        capacity: Capacity,
    },
    SteadyStateAwaited {
        group: GroupId,
        timeout: Millis,
    },
    HealthSeen {
        group: GroupId,
        desired: u32,
        total: u32,
        healthy: u32,
    },
    HealthUnavailable {
        group: GroupId,
        reason: String,
    },
    SteadyStateReached {
        group: GroupId,
    },
    TargetsSeen {
        target_group: TargetGroupArn,
        desired: u32,
        registered: u32,
        healthy: u32,
    },
    TargetsUnavailable {
        target_group: TargetGroupArn,
        reason: String,
    },
    RouteRequested {
        load_balancer: String,
        port: u16,
        rule: RuleArn,
        from: Forward,
        to: Forward,
    },
    RouteWritten {
        load_balancer: String,
        port: u16,
        rule: RuleArn,
        forward: Forward,
    },
    RouteUnchanged {
        load_balancer: String,
        port: u16,
        rule: RuleArn,
        forward: Forward,
    },
    RoutesPutBack {
        reason: String,
    },
    Shifted {
        weight: Weight,
    },
    Swapped,
    RenameRequested {
        group: GroupId,
        name: GroupName,
    },
    GroupRenamed {
        group: GroupId,
        name: GroupName,
    },
    DrainAwaited {
        target_group: TargetGroupArn,
        time: Millis,
    },
    GroupEmptied {
        group: GroupId,
    },
    DeleteRequested {
        group: GroupId,
        name: GroupName,
    },
    GroupDeleted {
        group: GroupId,
        already_gone: bool,
    },
    GroupKept {
        group: GroupId,
        name: GroupName,
        reason: String,
    },
    Waiting {
        until: Option<Timestamp>,
        signal: Option<String>,
    },
    PluginProgress {
        message: String,
    },
    PluginLogged {
        level: Level,
        message: String,
    },
    Measured {
        metric: Metric,
    },
    Found {
        finding: Finding,
    },
    BackgroundStarted {
        timeout: Option<Millis>,
    },
    BackgroundAwaited {
        steps: Vec<StepId>,
    },
    Verified {
        verdict: Verdict,
        summary: String,
    },
    ApprovalRequested {
        message: String,
        approvers: Vec<String>,
        quorum: u32,
        expires_at: Timestamp,
    },
    BallotCast {
        ballot: Ballot,
    },
    BallotRefused {
        ballot: Ballot,
        reason: String,
    },
    Approved {
        by: Vec<String>,
    },
    Rejected {
        by: String,
        comment: String,
    },
    ApprovalExpired,
    InterventionRequested {
        error: StepError,
        expires_at: Timestamp,
        otherwise: String,
    },
    InterventionExpired {
        otherwise: String,
    },
    RetryOrdered {
        reason: String,
    },
    DriftAccepted {
        what: String,
    },
    WrapUpActed {
        action: ReceiptAction,
    },
    PluginLoaded {
        plugin: String,
        kind: PluginKind,
        digest: String,
    },
    RollbackStarted {
        reason: String,
    },
    Left {
        what: String,
    },
    RunEnded {
        ending: Ending,
        summary: String,
    },
}
