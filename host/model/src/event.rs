//! The one stream of what happened. Log, JSON and page are views of it; the words for a terminal stand here, once.

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
    reason = "the line that each variant shows below is its documentation, and its fields are the line's words"
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

/// The line that a person reads; one line, without the time and the step.
impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunStarted { workflow, strategy, service, environment, infrastructure, artifact } => write!(
                f,
                "Deploying {artifact} as `{service}` to `{environment}` on `{infrastructure}` (workflow `{workflow}`, {strategy})"
            ),
            Self::RunResumed => f.write_str("Resumed"),
            Self::LockWaited { family, holder, ahead } => {
                write!(f, "Run {holder} works on group family `{family}`; waiting for it, {ahead} ahead")
            }
            Self::PhaseStarted { phase } => write!(f, "Phase `{phase}`"),
            Self::StepStarted { title } => f.write_str(title),
            Self::StepSkipped { reason } => write!(f, "Skipped: {reason}"),
            Self::StepSucceeded { took } => write!(f, "Done in {took}"),
            Self::StepFailed { error } => write!(f, "Failed ({}): {error}", error.class),
            Self::StepIgnored { error } => write!(f, "Failed ({}), and the run goes on: {error}", error.class),
            Self::StepRetried { attempt, after, error } => {
                write!(f, "Failed ({}): {error}; attempt {attempt} in {after}", error.class)
            }
            Self::GroupsQueried { prefix, found } => write!(f, "Looked for Elastigroups `{prefix}*`: {found} found"),
            Self::LiveGroupFound { id, name, capacity } => write!(f, "Live group is {id} `{name}` with {capacity}"),
            Self::NoLiveGroup => f.write_str("No group is live: this is a first deployment"),
            Self::GroupSearched { name, found } => write!(f, "Looked for Elastigroup `{name}`: {found} found"),
            Self::RouteRead { load_balancer, port, rule, forward } => {
                write!(f, "Load balancer `{load_balancer}`, port {port}: rule {rule} sends requests to {forward}")
            }
            Self::TargetGroupsTold { load_balancer, production, stage } => {
                let (production, stage) = (production.name(), stage.name());
                write!(f, "Load balancer `{load_balancer}`: target group `{production}` is production, `{stage}` is stage")
            }
            Self::CreateRequested { name } => write!(f, "Asking Spot to create Elastigroup `{name}`"),
            Self::GroupCreated { id, name, adopted: false } => write!(f, "Created Elastigroup {id} `{name}`"),
            Self::GroupCreated { id, name, adopted: true } => {
                write!(f, "Found Elastigroup {id} `{name}`, which an earlier attempt of this run created")
            }
            Self::SetupCompleted => f.write_str("Setup complete"),
            Self::CapacityFound { group, capacity } => write!(f, "{group} has {capacity}"),
            Self::CapacityRequested { group, capacity } => write!(f, "Asking Spot to update {group} to {capacity}"),
            Self::CapacityAccepted { group } => write!(f, "Spot accepted the update of {group}"),
            Self::CapacityUnchanged { group, capacity } => write!(f, "{group} has {capacity} already; nothing to update"),
            Self::SteadyStateAwaited { group, timeout } => {
                write!(f, "Waiting for {group} to reach steady state, {timeout} at most")
            }
            Self::HealthSeen { group, desired, total, healthy } => {
                write!(f, "{group}: desired {desired}, total {total}, healthy {healthy}")
            }
            Self::HealthUnavailable { group, reason } => write!(f, "Could not look at {group}, and will again: {reason}"),
            Self::SteadyStateReached { group } => write!(f, "{group} reached steady state"),
            Self::TargetsSeen { target_group, desired, registered, healthy } => {
                write!(f, "Target group `{}`: desired {desired}, registered {registered}, healthy {healthy}", target_group.name())
            }
            Self::TargetsUnavailable { target_group, reason } => {
                write!(f, "Could not look at target group `{}`, and will again: {reason}", target_group.name())
            }
            Self::RouteRequested { load_balancer, port, from, to, .. } => {
                write!(f, "Asking ELB to route `{load_balancer}`, port {port}, to {to} (now {from})")
            }
            Self::RouteWritten { load_balancer, port, forward, .. } => {
                write!(f, "Read back: `{load_balancer}`, port {port}, routes to {forward}")
            }
            Self::RouteUnchanged { load_balancer, port, forward, .. } => {
                write!(f, "`{load_balancer}`, port {port}, routes to {forward} already; nothing to update")
            }
            Self::RoutesPutBack { reason } => write!(f, "Putting the routes of this step back: {reason}"),
            Self::Shifted { weight } => {
                write!(f, "The new group gets {weight} of the requests, the old one {}", weight.rest())
            }
            Self::Swapped => f.write_str("Production and stage are swapped"),
            Self::RenameRequested { group, name } => write!(f, "Asking Spot to rename {group} to `{name}`"),
            Self::GroupRenamed { group, name } => write!(f, "{group} is named `{name}`"),
            Self::DrainAwaited { target_group, time } => {
                write!(f, "Waiting {time} for `{}` to finish what it has", target_group.name())
            }
            Self::GroupEmptied { group } => write!(f, "{group} has no instances"),
            Self::DeleteRequested { group, name } => write!(f, "Asking Spot to delete {group} `{name}`"),
            Self::GroupDeleted { group, already_gone: false } => write!(f, "Deleted {group}"),
            Self::GroupDeleted { group, already_gone: true } => write!(f, "{group} was gone already"),
            Self::GroupKept { group, name, reason } => write!(f, "Kept {group} `{name}`: {reason}"),
            Self::Waiting { signal: Some(signal), .. } => write!(f, "Waiting for {signal}"),
            Self::Waiting { signal: None, .. } => f.write_str("Waiting"),
            Self::PluginProgress { message } => f.write_str(message),
            Self::PluginLogged { level: Level::Warn | Level::Error, message } => write!(f, "! {message}"),
            Self::PluginLogged { message, .. } => write!(f, "| {message}"),
            Self::Measured { metric } => write_metric(f, metric),
            Self::Found { finding } => write!(f, "{}: {}", finding.verdict, finding.message),
            Self::Verified { verdict, summary } => write!(f, "Verdict {verdict}: {summary}"),
            Self::ApprovalRequested { message, approvers, quorum, .. } => {
                let who = if approvers.is_empty() { "anyone".to_owned() } else { approvers.join(", ") };
                write!(f, "Approval needed: {message} ({quorum} of {who})")
            }
            Self::BallotCast { ballot } => write_ballot(f, ballot),
            Self::BallotRefused { ballot, reason } => write!(f, "The vote of {} does not count: {reason}", ballot.subject),
            Self::Approved { by } => write!(f, "Approved by {}", by.join(", ")),
            Self::Rejected { by, comment } if comment.is_empty() => write!(f, "Rejected by {by}"),
            Self::Rejected { by, comment } => write!(f, "Rejected by {by}: {comment}"),
            Self::ApprovalExpired => f.write_str("Nobody decided in time"),
            Self::WrapUpActed { action } => match action {
                ReceiptAction::Planned(what) => write!(f, "Would do: {what}"),
                ReceiptAction::Done(what) => f.write_str(what),
                ReceiptAction::AlreadyDone(what) => write!(f, "{what} (an earlier attempt had)"),
                ReceiptAction::Failed(what) => write!(f, "Failed: {what}"),
            },
            Self::PluginLoaded { plugin, kind, digest } => {
                write!(f, "Loaded {kind} plugin `{plugin}`, sha256 {}…", digest.get(..12).unwrap_or(digest))
            }
            Self::RollbackStarted { reason } => write!(f, "Rolling back: {reason}"),
            Self::Left { what } => f.write_str(what),
            Self::RunEnded { ending, summary } if summary.is_empty() => write!(f, "Run {ending}"),
            Self::RunEnded { ending, summary } => write!(f, "Run {ending}: {summary}"),
        }
    }
}

fn write_metric(f: &mut fmt::Formatter<'_>, metric: &Metric) -> fmt::Result {
    write!(f, "{} = ", metric.name)?;
    match metric.value {
        Some(value) => write!(f, "{value}")?,
        None => f.write_str("no data")?,
    }
    if !metric.unit.is_empty() {
        write!(f, " {}", metric.unit)?;
    }
    if metric.threshold.is_empty() {
        write!(f, ": {}", metric.verdict)
    } else {
        write!(f, " (wanted {}): {}", metric.threshold, metric.verdict)
    }
}

fn write_ballot(f: &mut fmt::Formatter<'_>, ballot: &Ballot) -> fmt::Result {
    let vote = match ballot.vote {
        crate::Vote::Approve => "approves",
        crate::Vote::Reject => "rejects",
    };
    write!(f, "{} {vote}", ballot.subject)?;
    if ballot.comment.is_empty() { Ok(()) } else { write!(f, ": {}", ballot.comment) }
}
