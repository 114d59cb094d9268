//! A person is asked about a background verification: one that could not tell, before the next step begins; one that failed
//! and whose strategy asks, at once. The question stands in the step that is under way, which goes on with its own afterwards.

use shiftgate_model::{Ballot, ErrorClass, EventKind, Millis, Parked, Stage, StepError, StepId, StoreError, Timestamp, Vote};

use super::super::settle::{Decided, decide, retry_ordered};
use super::super::verdicts::{HOLD, agreed, asks, read_ballot, straight};
use super::super::{Cx, Job, Stop};
use super::kept::set_aside;
use super::{Fallen, Then, again, fell, ignored, of, open, passed, policy};
use crate::approval::of_another_plan;
use crate::{Beside, Kept, Next, StepState, TaskReply, Waking};

/// Asks about one that could not tell; none when there is none.
pub(super) async fn undecided(cx: &Cx<'_>, job: &Job<'_>) -> Result<Option<TaskReply>, Stop> {
    for parked in open(cx).await? {
        let Stage::Undecided { summary } = &parked.stage else { continue };
        let deadline = deadline(cx, &parked, HOLD).await?;
        let step = &parked.run.step;
        let message = format!("background verification `{step}` cannot tell ({summary}); approve to go on without it");
        let kind = EventKind::ApprovalRequested { message, approvers: Vec::new(), quorum: 1, expires_at: deadline };
        return Ok(Some(ask(cx, job, &parked, deadline, kind).await?));
    }
    Ok(None)
}

/// Asks about one that failed.
pub(super) async fn ask_about_failure(
    cx: &Cx<'_>,
    job: &Job<'_>,
    parked: &Parked,
    error: &StepError,
) -> Result<TaskReply, StoreError> {
    let Decided::Ask { timeout, otherwise } = decide(policy(cx, &parked.run.step), error.class, parked.run.attempt) else {
        return Ok(TaskReply::Failed { error: error.clone(), next: Next::Rollback });
    };
    let deadline = match deadline(cx, parked, timeout).await {
        Ok(deadline) => deadline,
        Err(stop) => {
            stop.into_step_error()?;
            cx.ports.clock.now().plus(timeout)
        }
    };
    let kind = EventKind::InterventionRequested { error: error.clone(), expires_at: deadline, otherwise: otherwise.to_string() };
    ask(cx, job, parked, deadline, kind).await
}

/// The first time that it was asked counts, also when its activity is performed again.
async fn deadline(cx: &Cx<'_>, parked: &Parked, time: Millis) -> Result<Timestamp, Stop> {
    let now = cx.ports.clock.now();
    of(cx, parked).fact(&format!("asked {} {}", parked.fence, parked.run.attempt), || async { Ok(now.plus(time)) }).await
}

async fn ask(cx: &Cx<'_>, job: &Job<'_>, parked: &Parked, deadline: Timestamp, kind: EventKind) -> Result<TaskReply, StoreError> {
    let step = parked.run.step.clone();
    // A run that is taken up again asks again, in sight.
    cx.say_once(&format!("{step}/asked/{}/{}/{}", cx.fence, parked.fence, parked.run.attempt), kind).await?;
    let started_at = job.resumed.as_ref().map_or_else(|| cx.ports.clock.now(), |(state, _)| state.started_at);
    let beside = Some(Box::new(Beside { why: Kept::Asked { step }, own: set_aside(cx, job) }));
    Ok(asks(cx, StepState { started_at, deadline: Some(deadline), plugin: None, shown: 0, asked: None, beside }))
}

/// A person has answered, or nobody has in time; none when the step goes on with its own.
pub(super) async fn answered(cx: &Cx<'_>, step: &StepId, state: &StepState, waking: &Waking) -> Result<Option<TaskReply>, Stop> {
    let Some(parked) = open(cx).await?.into_iter().find(|parked| parked.run.step == *step && !parked.stage.goes_on()) else {
        return Ok(None);
    };
    let ballot = match waking {
        Waking::Ordered if matches!(parked.stage, Stage::Failed { .. }) && retry_ordered(cx).await? => {
            again(cx, parked, Millis(0), None).await?;
            return Ok(None);
        }
        Waking::Ordered => return Ok(Some(asks(cx, state.clone()))),
        Waking::Ballot(payload) => match read_ballot(payload, cx.ports.clock.now()) {
            None => return Ok(Some(asks(cx, state.clone()))),
            ballot => ballot,
        },
        Waking::Timer | Waking::Expired => None,
    };
    if let Some(ballot) = &ballot
        && let Some(reason) = of_another_plan(agreed(cx), ballot)
    {
        cx.say(EventKind::BallotRefused { ballot: ballot.clone(), reason }).await?;
        return Ok(Some(asks(cx, state.clone())));
    }
    match &parked.stage {
        Stage::Undecided { .. } => about_undecided(cx, &parked, ballot).await,
        Stage::Failed { error } => about_failed(cx, &parked, error.clone(), ballot).await,
        Stage::Starts | Stage::Waits { .. } => Ok(None),
    }
}

async fn about_undecided(cx: &Cx<'_>, parked: &Parked, ballot: Option<Ballot>) -> Result<Option<TaskReply>, Stop> {
    let message = match ballot {
        None => {
            cx.say(EventKind::ApprovalExpired).await?;
            "the verification could not tell, and nobody decided in time".to_owned()
        }
        Some(ballot) => {
            cx.say(EventKind::BallotCast { ballot: ballot.clone() }).await?;
            let Ballot { subject, vote, comment, .. } = ballot;
            if vote == Vote::Approve {
                cx.say(EventKind::Approved { by: vec![subject] }).await?;
                return passed(cx, parked).await.map(|()| None);
            }
            cx.say(EventKind::Rejected { by: subject.clone(), comment }).await?;
            format!("the verification could not tell, and {subject} decided against going on")
        }
    };
    let error = StepError::new(ErrorClass::Verification, format!("{}: {message}", parked.run.step));
    let next = straight(policy(cx, &parked.run.step).action(ErrorClass::Verification));
    Err(decided(cx, parked, error, next).await?)
}

async fn about_failed(cx: &Cx<'_>, parked: &Parked, error: StepError, ballot: Option<Ballot>) -> Result<Option<TaskReply>, Stop> {
    let Decided::Ask { otherwise, .. } = decide(policy(cx, &parked.run.step), error.class, parked.run.attempt) else {
        return Ok(None);
    };
    let next = match ballot {
        None => {
            cx.say(EventKind::InterventionExpired { otherwise: otherwise.to_string() }).await?;
            otherwise.into()
        }
        Some(ballot) => {
            let next = if ballot.vote == Vote::Approve { Next::Ignore } else { otherwise.into() };
            cx.say(EventKind::BallotCast { ballot }).await?;
            next
        }
    };
    if next == Next::Ignore {
        return ignored(cx, parked, error).await.map(|()| None);
    }
    Err(decided(cx, parked, error, next).await?)
}

async fn decided(cx: &Cx<'_>, parked: &Parked, error: StepError, next: Next) -> Result<Stop, StoreError> {
    fell(cx, Fallen { error, parked: Box::new(parked.clone()), then: Then::Next(next) }, next).await
}
