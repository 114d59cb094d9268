//! The line of each event: the words for a terminal stand here, once.

use std::fmt;

use crate::{Ballot, EventKind, Level, Metric, ReceiptAction, StepId};

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
            Self::BackgroundStarted { timeout: None } => f.write_str("Goes on in the background"),
            Self::BackgroundStarted { timeout: Some(timeout) } => write!(f, "Goes on in the background, {timeout} at most"),
            Self::BackgroundAwaited { steps } => {
                let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
                write!(f, "Waiting for background verifications: {}", steps.join(", "))
            }
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
            Self::InterventionRequested { error, otherwise, .. } => {
                write!(f, "Failed ({}): {error}; a person is asked what to do, else: {otherwise}", error.class)
            }
            Self::InterventionExpired { otherwise } => write!(f, "Nobody answered in time: {otherwise}"),
            Self::RetryOrdered { reason } => write!(f, "Trying again: {reason}"),
            Self::DriftAccepted { what } => write!(f, "Gone on over a change of others: {what}"),
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
        // Nine digits tell it from any limit that somebody writes; the stream has all of them.
        Some(value) => write!(f, "{}", format!("{value:.8e}").parse().unwrap_or(value))?,
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
