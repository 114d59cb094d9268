//! What a step's failure leads to: the failure strategy, an operator's order, or a person who is asked.

use shiftgate_model::{Ballot, ErrorClass, EventKind, Millis, StepError, StoreError, Timestamp, Vote};
use shiftgate_workflow::{Action, FailureAction, FailurePolicy, Final};

use super::verdicts::{agreed, asks, read_ballot};
use super::{Cx, Job, Stop, background, settle_output};
use crate::approval::of_another_plan;
use crate::orders::{self, Order, decide_rollback, open_orders};
use crate::{Asked, Next, StepState, TaskReply, Waking};

/// Turns what a step came to into a reply, and says so.
pub(crate) async fn settle(cx: &Cx<'_>, job: &Job<'_>, reply: Result<TaskReply, Stop>) -> Result<TaskReply, StoreError> {
    let (error, given) = match reply {
        Ok(TaskReply::Failed { error, next }) => (error, Some(next)),
        Ok(other) => return Ok(other),
        Err(Stop::Background(fallen)) => return background::stopped(cx, job, *fallen).await,
        Err(stop) => (stop.into_step_error()?, None),
    };
    if error.class == ErrorClass::Operator {
        return ordered(cx, error).await;
    }
    let policy = job.step.on_failure.as_ref().unwrap_or(&cx.plan.on_failure);
    if let Some(next @ Next::Retry { .. }) = given {
        // A person had it tried again, which is said already.
        return Ok(TaskReply::Failed { error, next });
    }
    let decided = given.map_or_else(|| decide(policy, error.class, job.attempt), Decided::Next);
    let next = match (decided, &job.step.action) {
        (Decided::Next(retry @ Next::Retry { .. }), _) => retry,
        // A wrap-up undoes nothing.
        (_, Action::WrapUp(_)) => Next::Ignore,
        (Decided::Ask { timeout, otherwise }, _) => return ask(cx, job, error, timeout, otherwise).await,
        // Nobody has said yes.
        (Decided::Next(Next::Ignore), Action::Approve(_)) => Next::Abort,
        (Decided::Next(next), _) => next,
    };
    if next == Next::Rollback {
        decide_rollback(cx.ports.ledger.as_ref(), cx.run, &error.message).await?;
    }
    let said = match next {
        Next::Retry { after } => EventKind::StepRetried { attempt: job.attempt + 1, after, error: error.clone() },
        Next::Ignore => EventKind::StepIgnored { error: error.clone() },
        Next::Rollback | Next::Abort | Next::Stop | Next::Fail => EventKind::StepFailed { error: error.clone() },
    };
    cx.say(said).await?;
    if next == Next::Ignore {
        // The run goes on from here as from a success: a resumed one must not come back to this step after later ones.
        settle_output(cx, job, &job.facts).await?;
    }
    Ok(TaskReply::Failed { error, next })
}

/// An operator has ordered otherwise: what was under way does not go on.
pub(crate) async fn ordered(cx: &Cx<'_>, error: StepError) -> Result<TaskReply, StoreError> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let aborts = open_orders(&record).into_iter().any(|open| open.order == Order::Abort);
    let (next, reason) =
        if aborts { (Next::Stop, "the run is being aborted") } else { (Next::Rollback, "the run is being rolled back") };
    cx.say_once(&format!("{}/left-off/{}", cx.step, cx.fence), EventKind::StepSkipped { reason: reason.into() }).await?;
    Ok(TaskReply::Failed { error, next })
}

/// What the failure strategy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Next(Next),
    /// A person is asked first.
    Ask {
        timeout: Millis,
        otherwise: Final,
    },
}

/// The failure strategy, applied to the failure of one attempt.
pub(super) fn decide(policy: &FailurePolicy, class: ErrorClass, attempt: u32) -> Decided {
    use FailureAction as A;
    match policy.action(class) {
        A::Retry { count, backoff, .. } if attempt <= count => {
            let doubled = backoff.0.saturating_mul(1_u64 << (attempt.saturating_sub(1)).min(16));
            Decided::Next(Next::Retry { after: Millis(doubled) })
        }
        A::Retry { ask: Some(timeout), then, .. } | A::Ask { timeout, then } => Decided::Ask { timeout, otherwise: then },
        action => Decided::Next(action.last().into()),
    }
}

impl From<Final> for Next {
    fn from(last: Final) -> Self {
        match last {
            Final::Rollback => Self::Rollback,
            Final::Abort => Self::Abort,
            Final::Fail => Self::Fail,
            Final::Ignore => Self::Ignore,
        }
    }
}

/// The run waits for a person: the step is tried again, gone on without, or ends as nobody's answer would have it.
async fn ask(cx: &Cx<'_>, job: &Job<'_>, error: StepError, timeout: Millis, otherwise: Final) -> Result<TaskReply, StoreError> {
    let now = cx.ports.clock.now();
    // The first time that this failure was asked about counts, also when its activity is performed again.
    let asked = cx.fact(&format!("asked {} {}", cx.fence, job.attempt), || async { Ok(now.plus(timeout)) }).await;
    let deadline: Timestamp = match asked {
        Ok(deadline) => deadline,
        Err(Stop::Store(error)) => return Err(error),
        Err(Stop::Step(_) | Stop::Background(_)) => now.plus(timeout),
    };
    let kind = EventKind::InterventionRequested { error: error.clone(), expires_at: deadline, otherwise: otherwise.to_string() };
    cx.say_once(&format!("{}/asked/{}/{}", cx.step, cx.fence, job.attempt), kind).await?;
    let started_at = job.resumed.as_ref().map_or(now, |(state, _)| state.started_at);
    let asked = Some(Box::new(Asked { error, otherwise }));
    Ok(asks(cx, StepState { started_at, deadline: Some(deadline), plugin: None, shown: 0, asked, beside: None }))
}

/// A person who is asked about a failure has answered, or has not in time.
pub(super) async fn answered(
    cx: &Cx<'_>,
    job: &Job<'_>,
    state: &StepState,
    asked: &Asked,
    waking: &Waking,
) -> Result<TaskReply, Stop> {
    let failed = |next: Next| Ok(TaskReply::Failed { error: asked.error.clone(), next });
    let ballot = match waking {
        Waking::Ordered => return tried_again(cx, state, asked).await,
        Waking::Ballot(payload) => read_ballot(payload, cx.ports.clock.now()),
        Waking::Timer | Waking::Expired => {
            cx.say(EventKind::InterventionExpired { otherwise: asked.otherwise.to_string() }).await?;
            return failed(asked.otherwise.into());
        }
    };
    let Some(ballot) = ballot else { return Ok(asks(cx, state.clone())) };
    if let Some(reason) = refusal(cx, job, &ballot) {
        cx.say(EventKind::BallotRefused { ballot, reason }).await?;
        return Ok(asks(cx, state.clone()));
    }
    let next = match ballot.vote {
        Vote::Approve => Next::Ignore,
        Vote::Reject => asked.otherwise.into(),
    };
    cx.say(EventKind::BallotCast { ballot }).await?;
    failed(next)
}

/// Why an answer does not count; none when it does.
fn refusal(cx: &Cx<'_>, job: &Job<'_>, ballot: &Ballot) -> Option<String> {
    if ballot.vote == Vote::Approve && matches!(job.step.action, Action::Approve(_)) {
        return Some("an approval that failed is not gone on without; try it again".to_owned());
    }
    of_another_plan(agreed(cx), ballot)
}

/// The step is tried again when somebody has ordered that.
async fn tried_again(cx: &Cx<'_>, state: &StepState, asked: &Asked) -> Result<TaskReply, Stop> {
    if !retry_ordered(cx).await? {
        return Ok(asks(cx, state.clone()));
    }
    Ok(TaskReply::Failed { error: asked.error.clone(), next: Next::Retry { after: Millis(0) } })
}

/// Whether somebody has ordered another try of what a person is asked about; the order is heeded then.
pub(super) async fn retry_ordered(cx: &Cx<'_>) -> Result<bool, StoreError> {
    let ledger = cx.ports.ledger.as_ref();
    let open = open_orders(&ledger.record(cx.run).await?).into_iter().find(|open| open.order == Order::Retry);
    let Some(open) = open else { return Ok(false) };
    cx.say_once(&format!("{}/{}", cx.step, open.effect), EventKind::RetryOrdered { reason: open.reason }).await?;
    orders::close_orders(ledger, cx.run, &[Order::Retry], "heeded").await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_goes_the_way_of_its_class() {
        let mut policy = FailurePolicy::default();
        let retry = |ask, then| FailureAction::Retry { count: 2, backoff: Millis::seconds(10), ask, then };
        policy.by_class.insert(ErrorClass::Connectivity, retry(None, Final::Abort));
        policy.by_class.insert(ErrorClass::Timeout, retry(Some(Millis::minutes(1)), Final::Fail));
        policy.by_class.insert(ErrorClass::Verification, FailureAction::Ignore);
        let next = |class, attempt| decide(&policy, class, attempt);
        assert_eq!(next(ErrorClass::Application, 1), Decided::Next(Next::Rollback));
        assert_eq!(next(ErrorClass::Verification, 1), Decided::Next(Next::Ignore));
        assert_eq!(next(ErrorClass::Drift, 1), Decided::Next(Next::Abort));
        assert_eq!(next(ErrorClass::Connectivity, 1), Decided::Next(Next::Retry { after: Millis::seconds(10) }));
        assert_eq!(next(ErrorClass::Connectivity, 2), Decided::Next(Next::Retry { after: Millis::seconds(20) }));
        assert_eq!(next(ErrorClass::Connectivity, 3), Decided::Next(Next::Abort));
        let ask = Decided::Ask { timeout: Millis::minutes(1), otherwise: Final::Fail };
        assert_eq!(next(ErrorClass::Timeout, 2), Decided::Next(Next::Retry { after: Millis::seconds(20) }));
        assert_eq!(next(ErrorClass::Timeout, 3), ask);
    }
}
