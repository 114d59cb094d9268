//! What a verification or an approval amounts to. Missing data never passes; inconclusive asks a person; a plugin never
//! decides that a run is approved; silence is never a yes.

use serde_json::Value;
use shiftgate_model::{Ballot, ErrorClass, EventKind, Millis, Report, StepError, StoreError, Tally, Timestamp, Verdict, Vote};
use shiftgate_workflow::{Approve, FailureAction};

use super::{Cx, Job, Stop};
use crate::approval::{Decision, count, of_another_plan, refusal};
use crate::{Next, StepState, TaskReply, Waking};

/// How long a person has to decide about a verification that could not.
pub(super) const HOLD: Millis = Millis::minutes(7 * 24 * 60);

/// The digest of the plan that the run is of; none when it was started without one.
pub(super) fn agreed<'p>(cx: &Cx<'p>) -> Option<&'p str> {
    cx.plan.agreed.as_ref().map(|agreed| agreed.digest.as_str())
}

/// The end of a verification plugin: shown, kept, and judged.
pub(super) async fn judge(cx: &Cx<'_>, job: &Job<'_>, plugin: &str, report: Report) -> Result<TaskReply, Stop> {
    let report = told(cx, job.attempt, report).await?;
    match report.verdict {
        Verdict::Pass | Verdict::Warn | Verdict::Skipped => Ok(TaskReply::Done(job.facts.clone())),
        Verdict::Fail => {
            let message = format!("verification `{plugin}` failed: {}", report.summary);
            Err(StepError::new(ErrorClass::Verification, message).into())
        }
        Verdict::Inconclusive => hold(cx, job, plugin, &report.summary).await,
    }
}

/// The report of an attempt, shown and kept. The first one is the one that counts, also when its activity is performed again.
pub(super) async fn told(cx: &Cx<'_>, attempt: u32, report: Report) -> Result<Report, Stop> {
    let report: Report = cx.fact(&format!("report {} {attempt}", cx.fence), || async { Ok(report) }).await?;
    for metric in &report.metrics {
        cx.say(EventKind::Measured { metric: metric.clone() }).await?;
    }
    for finding in &report.findings {
        cx.say(EventKind::Found { finding: finding.clone() }).await?;
    }
    cx.say(EventKind::Verified { verdict: report.verdict, summary: report.summary.clone() }).await?;
    Ok(report)
}

async fn hold(cx: &Cx<'_>, job: &Job<'_>, plugin: &str, summary: &str) -> Result<TaskReply, Stop> {
    let now = cx.ports.clock.now();
    let deadline = now.plus(HOLD);
    let message = format!("verification `{plugin}` cannot tell ({summary}); approve to go on without it");
    let kind = EventKind::ApprovalRequested { message, approvers: Vec::new(), quorum: 1, expires_at: deadline };
    cx.say_once(&format!("{}/held/{}/{}", cx.step, cx.fence, job.attempt), kind).await?;
    let started_at = job.resumed.as_ref().map_or(now, |(state, _)| state.started_at);
    Ok(asks(cx, StepState { started_at, deadline: Some(deadline), plugin: None, shown: 0, asked: None, beside: None }))
}

/// A person has what is left of the time.
pub(super) fn asks(cx: &Cx<'_>, state: StepState) -> TaskReply {
    let left = state.deadline.map(|deadline| deadline.since(cx.ports.clock.now()));
    TaskReply::Wait { state, after: None, ballot: true, expires: left }
}

/// A person has decided about a verification that could not, or nobody has in time.
pub(super) async fn decided_by_person(cx: &Cx<'_>, job: &Job<'_>, waking: &Waking) -> Result<TaskReply, Stop> {
    let ballot = match (waking, &job.resumed) {
        (Waking::Ordered, Some((state, _))) => return Ok(asks(cx, state.clone())),
        (Waking::Ballot(payload), _) => read_ballot(payload, cx.ports.clock.now()),
        (Waking::Timer | Waking::Expired | Waking::Ordered, _) => None,
    };
    let Some(ballot) = ballot else {
        cx.say(EventKind::ApprovalExpired).await?;
        return Ok(undecided(cx, job, "the verification could not tell, and nobody decided in time".into()));
    };
    if let (Some(reason), Some((state, _))) = (of_another_plan(agreed(cx), &ballot), &job.resumed) {
        cx.say(EventKind::BallotRefused { ballot, reason }).await?;
        return Ok(asks(cx, state.clone()));
    }
    cx.say(EventKind::BallotCast { ballot: ballot.clone() }).await?;
    match ballot.vote {
        Vote::Approve => {
            cx.say(EventKind::Approved { by: vec![ballot.subject] }).await?;
            Ok(TaskReply::Done(job.facts.clone()))
        }
        Vote::Reject => {
            let Ballot { subject, comment, .. } = ballot;
            cx.say(EventKind::Rejected { by: subject.clone(), comment }).await?;
            let message = format!("the verification could not tell, and {subject} decided against going on");
            Ok(undecided(cx, job, message))
        }
    }
}

/// A person's no, and silence, go the way of the verification class, but are never ignored nor asked again.
fn undecided(cx: &Cx<'_>, job: &Job<'_>, message: String) -> TaskReply {
    let policy = job.step.on_failure.as_ref().unwrap_or(&cx.plan.on_failure);
    let next = straight(policy.action(ErrorClass::Verification));
    TaskReply::Failed { error: StepError::new(ErrorClass::Verification, message), next }
}

pub(super) fn read_ballot(payload: &Value, now: Timestamp) -> Option<Ballot> {
    let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let vote = match payload.get("vote").and_then(Value::as_str)? {
        "approve" => Vote::Approve,
        "reject" => Vote::Reject,
        _ => return None,
    };
    let at = payload.get("at").and_then(Value::as_u64).map_or(now, Timestamp);
    let bound_digest = payload.get("bound_digest").and_then(Value::as_str).map(str::to_owned);
    Some(Ballot { subject: text("subject"), vote, at, comment: text("comment"), bound_digest })
}

/// Shows the ballots that are new, and counts them all; none while they decide nothing.
pub(super) async fn consider(
    cx: &Cx<'_>,
    job: &Job<'_>,
    rule: &Approve,
    tally: &Tally,
    shown: u32,
) -> Result<Option<TaskReply>, StoreError> {
    let agreed = agreed(cx);
    for ballot in tally.ballots.iter().skip(usize::try_from(shown).unwrap_or(usize::MAX)) {
        cx.say(match refusal(rule, agreed, ballot) {
            None => EventKind::BallotCast { ballot: ballot.clone() },
            Some(reason) => EventKind::BallotRefused { ballot: ballot.clone(), reason },
        })
        .await?;
    }
    match count(rule, agreed, &tally.ballots) {
        Decision::Open => Ok(None),
        Decision::Approved { by } => {
            cx.say(EventKind::Approved { by }).await?;
            Ok(Some(TaskReply::Done(job.facts.clone())))
        }
        Decision::Rejected { by, comment } => {
            cx.say(EventKind::Rejected { by: by.clone(), comment }).await?;
            let error = StepError::new(ErrorClass::Approval, format!("{by} rejected it"));
            Ok(Some(TaskReply::Failed { error, next: straight(rule.on_reject) }))
        }
    }
}

/// Nobody decided in time. Never a yes.
pub(super) async fn expired(cx: &Cx<'_>, rule: &Approve) -> Result<TaskReply, Stop> {
    cx.say(EventKind::ApprovalExpired).await?;
    let error = StepError::new(ErrorClass::Approval, format!("nobody decided in {}", rule.expires));
    Ok(TaskReply::Failed { error, next: straight(rule.on_expiry) })
}

/// What an approval leads to is not tried again: asking twice is no strategy. Nor is it ignored: a rejection, like silence,
/// is never a yes.
pub(super) fn straight(action: FailureAction) -> Next {
    match action.last().into() {
        Next::Ignore => Next::Abort,
        next => next,
    }
}
