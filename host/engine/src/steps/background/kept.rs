//! Steps that wait while something goes on in the background. The engine wakes one step at a time, so a wait is cut short where
//! a background verification is due earlier; what the step itself waits for is kept beside, and goes on to the moment.

use shiftgate_model::{Millis, Parked, StepError, StepId, StoreError, Timestamp};

use super::super::{Cx, Heeds, Job, Stop, rollback};
use super::{Later, call_off, open};
use crate::{Beside, Kept, Next, StepState, TaskReply, Waking};

/// What a step is woken for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Woken {
    /// Its own.
    Itself,
    /// A background verification is due; the step's own time is not over.
    Early { state: Box<StepState>, until: Option<Timestamp>, ballot: bool },
    /// The pause before its next attempt.
    Paused { error: StepError, until: Timestamp },
    /// The question about a background verification, and what comes once it is answered.
    Asked { step: StepId, state: Box<StepState>, waking: Waking, then: Box<Woken> },
}

impl Woken {
    /// The same without the questions about others.
    pub(super) fn own(&self) -> &Self {
        match self {
            Self::Asked { then, .. } => then.own(),
            Self::Itself | Self::Early { .. } | Self::Paused { .. } => self,
        }
    }
}

impl Beside {
    /// Whether a person is asked about a background verification, at once or when the cut is over.
    pub(super) fn is_question(&self) -> bool {
        match &self.why {
            Kept::Asked { .. } => true,
            Kept::Cut { .. } => {
                self.own.as_ref().is_some_and(|(state, _)| state.beside.as_ref().is_some_and(|beside| beside.is_question()))
            }
            Kept::Paused { .. } => false,
        }
    }
}

/// Parts what a step itself goes on with from what kept it from that.
pub(crate) fn woken(resumed: Option<(StepState, Waking)>, now: Timestamp) -> (Option<(StepState, Waking)>, Woken) {
    let Some((mut state, waking)) = resumed else { return (None, Woken::Itself) };
    let Some(beside) = state.beside.take() else { return (Some((state, waking)), Woken::Itself) };
    let Beside { why, own } = *beside;
    match why {
        Kept::Cut { until, ballot } => {
            let Some((own, _)) = own else { return (None, Woken::Itself) };
            if waking != Waking::Timer {
                return woken(Some((own, waking)), now);
            }
            if let Some(until) = until.filter(|until| now >= *until) {
                // Both may be over when a question stood in between: what came first counts.
                let waking = if own.deadline.is_some_and(|deadline| deadline <= until) { Waking::Expired } else { waking };
                return woken(Some((own, waking)), now);
            }
            // What the step itself saved is at hand, should it have to stop.
            let (inner, _) = woken(Some((own.clone(), Waking::Timer)), now);
            (inner, Woken::Early { state: Box::new(own), until, ballot })
        }
        Kept::Paused { error, until } => (None, Woken::Paused { error, until }),
        Kept::Asked { step } => {
            state.beside = Some(Box::new(Beside { why: Kept::Asked { step: step.clone() }, own: own.clone() }));
            let (own, then) = woken(own, now);
            (own, Woken::Asked { step, state: Box::new(state), waking, then: Box::new(then) })
        }
    }
}

/// The wait that is not over yet, or the next attempt when the pause before it is; none when the step's own comes now.
pub(super) fn still(cx: &Cx<'_>, job: &Job<'_>) -> Option<TaskReply> {
    let now = cx.ports.clock.now();
    match job.woken.own() {
        Woken::Itself | Woken::Asked { .. } => None,
        Woken::Early { state, until, ballot } => {
            let expires = state.deadline.map(|deadline| deadline.since(now));
            let after = until.map(|until| until.since(now));
            Some(TaskReply::Wait { state: (**state).clone(), after, ballot: *ballot, expires })
        }
        Woken::Paused { error, until } if now < *until => Some(pause(error.clone(), *until, now)),
        Woken::Paused { error, .. } => Some(TaskReply::Failed { error: error.clone(), next: Next::Retry { after: Millis(0) } }),
    }
}

/// What the step goes on with when a question is answered: its own, or the rest of a wait or a pause that was cut short.
pub(super) fn set_aside(cx: &Cx<'_>, job: &Job<'_>) -> Option<(StepState, Waking)> {
    match job.woken.own() {
        Woken::Itself | Woken::Asked { .. } => job.resumed.clone(),
        Woken::Early { state, until, ballot } => Some((shorter((**state).clone(), *until, *ballot), Waking::Timer)),
        Woken::Paused { error, until } => Some((paused(error.clone(), *until, cx.ports.clock.now()), Waking::Timer)),
    }
}

fn pause(error: StepError, until: Timestamp, now: Timestamp) -> TaskReply {
    let state = paused(error, until, now);
    TaskReply::Wait { state, after: Some(until.since(now)), ballot: false, expires: None }
}

fn paused(error: StepError, until: Timestamp, now: Timestamp) -> StepState {
    let beside = Some(Box::new(Beside { why: Kept::Paused { error, until }, own: None }));
    StepState { started_at: now, deadline: None, plugin: None, shown: 0, asked: None, beside }
}

/// A wait that is cut short.
fn shorter(own: StepState, until: Option<Timestamp>, ballot: bool) -> StepState {
    let (started_at, deadline) = (own.started_at, own.deadline);
    let beside = Some(Box::new(Beside { why: Kept::Cut { until, ballot }, own: Some((own, Waking::Timer)) }));
    StepState { started_at, deadline, plugin: None, shown: 0, asked: None, beside }
}

/// What a step's reply means for what goes on beside it: a wait leaves it its time, the end of the way forward calls it off.
pub(crate) async fn beside(cx: &Cx<'_>, reply: TaskReply) -> Result<TaskReply, StoreError> {
    let reply = match reply {
        TaskReply::Failed { error, next: Next::Retry { after } } => {
            let now = cx.ports.clock.now();
            match due(cx).await? {
                Some(due) if due.since(now) < after => pause(error, now.plus(after), now),
                _ => return Ok(TaskReply::Failed { error, next: Next::Retry { after } }),
            }
        }
        TaskReply::Failed { next, .. } if cx.heeds == Heeds::All => {
            // One that was thought dead calls off nothing of its successor's.
            let ours = match cx.still_ours().await {
                Ok(()) => true,
                Err(Stop::Store(error)) => return Err(error),
                Err(Stop::Step(_) | Stop::Background(_)) => false,
            };
            match next {
                _ if !ours => {}
                Next::Abort | Next::Stop => call_off(cx, Later::Again, "the run is being aborted").await?,
                Next::Rollback => call_off(cx, Later::Never, rollback::ROLLED_BACK).await?,
                Next::Fail => call_off(cx, Later::Never, "the run has failed").await?,
                Next::Ignore | Next::Retry { .. } => {}
            }
            return Ok(reply);
        }
        reply => reply,
    };
    cut(cx, reply).await
}

async fn cut(cx: &Cx<'_>, reply: TaskReply) -> Result<TaskReply, StoreError> {
    let TaskReply::Wait { state, after, ballot, expires } = reply else { return Ok(reply) };
    let now = cx.ports.clock.now();
    let left = due(cx).await?.map(|due| due.since(now));
    let own = [after, expires].into_iter().flatten().min();
    let Some(left) = left.filter(|left| own.is_none_or(|own| *left < own)) else {
        return Ok(TaskReply::Wait { state, after, ballot, expires });
    };
    let state = shorter(state, after.map(|after| now.plus(after)), ballot);
    Ok(TaskReply::Wait { state, after: Some(left), ballot, expires })
}

/// When the next background verification is due.
async fn due(cx: &Cx<'_>) -> Result<Option<Timestamp>, StoreError> {
    let open = open(cx).await?;
    Ok(open.iter().filter(|parked| parked.stage.goes_on()).map(|parked: &Parked| parked.due).min())
}
