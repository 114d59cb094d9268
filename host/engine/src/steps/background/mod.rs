//! Verifications that go on in the background, beside the later steps of the deployment.
//!
//! The record is the truth: where each stands between two of its calls is parked there, and nothing of it lies in the engine's
//! journal. Whatever step is under way moves them on wherever it heeds orders: one that is due is polled, its evidence is kept
//! and its words are said under its own step. It may not change a cloud. How waits are cut short for it is in `kept`, how a
//! person is asked in `asking`, how they are told that the run is over in `called_off`; the tests are in `tests::background`.

mod asking;
mod called_off;
mod kept;

use shiftgate_model::{
    ActionState, Call, ErrorClass, EventKind, Millis, Outcome, Parked, PluginCall, PluginKind, RunInfo, Stage, StepError, StepId,
    StoreError, Suspension, Timestamp, Verdict, Wake,
};
use shiftgate_workflow::{Action, FailurePolicy, PluginStep, Step};

use super::settle::{Decided, decide};
use super::{Cx, Job, Stop, calls, has_ended, plugin, verdicts};
use crate::orders::decide_rollback;
use crate::{Next, StepState, TaskReply};

pub(crate) use called_off::{Later, call_off};
pub(crate) use kept::{Woken, beside, woken};

/// A background verification that stops whatever step is under way.
#[derive(Debug)]
pub(crate) struct Fallen {
    pub(crate) error: StepError,
    parked: Box<Parked>,
    then: Then,
}

/// What it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Next(Next),
    /// A person is asked first.
    Ask,
}

/// When a verification that waits is to be looked after next. No signal reaches one in the background.
pub(super) fn due(
    cx: &Cx<'_>,
    plugin: &str,
    suspension: &Suspension,
    deadline: Option<Timestamp>,
) -> Result<Timestamp, StepError> {
    let after = plugin::rest(suspension).ok_or_else(|| plugin::waits_for_nothing(plugin))?;
    let due = cx.ports.clock.now().plus(after);
    Ok(deadline.map_or(due, |deadline| deadline.min(due)))
}

/// The first call of an attempt is over, and the run goes on.
pub(super) async fn begun(cx: &Cx<'_>, parked: &Parked, timeout: Option<Millis>) -> Result<(), StoreError> {
    let key = format!("{}/background/{}/{}", parked.run.step, parked.fence, parked.run.attempt);
    cx.say_once(&key, EventKind::BackgroundStarted { timeout }).await
}

/// Whether the verification of this very step is open.
pub(super) async fn is_open(cx: &Cx<'_>) -> Result<bool, StoreError> {
    Ok(cx.ports.parking.parked(cx.run).await?.iter().any(|parked| parked.run.step == *cx.step))
}

/// Those that go on beside the step under way. One whose step was left before its end was on record goes on with that step.
async fn open(cx: &Cx<'_>) -> Result<Vec<Parked>, StoreError> {
    if cx.heeds != super::Heeds::All || cx.plan.background().next().is_none() {
        return Ok(Vec::new());
    }
    let mut parked = cx.ports.parking.parked(cx.run).await?;
    if !parked.is_empty() {
        let record = cx.ports.ledger.record(cx.run).await?;
        parked.retain(|parked| has_ended(&record, &parked.run.step));
    }
    Ok(parked)
}

/// Moves each on that is due, and stops the step under way when one has failed for good. Returns one that has failed and that a
/// person is to be asked about.
pub(super) async fn move_on(cx: &Cx<'_>) -> Result<Option<Fallen>, Stop> {
    let mut asks = None;
    for parked in open(cx).await? {
        let is_due = parked.stage.goes_on() && parked.due <= cx.ports.clock.now();
        let parked = if is_due { turn(cx, parked).await? } else { Some(parked) };
        let Some(parked) = parked else { continue };
        let Stage::Failed { error } = &parked.stage else { continue };
        let fallen = fallen(cx, &parked, error.clone());
        match fallen.then {
            Then::Ask => asks = asks.or(Some(fallen)),
            Then::Next(next) => return Err(fell(cx, fallen, next).await?),
        }
    }
    Ok(asks)
}

/// One call of one that is due, and what comes of it; none when it has ended.
async fn turn(cx: &Cx<'_>, parked: Parked) -> Result<Option<Parked>, Stop> {
    cx.still_ours().await?;
    let (step, verify) = planned(cx, &parked.run.step)?;
    let name = &verify.plugin.name;
    let called = call(cx, verify, parked).await?;
    // It may have taken long, and another process may have gone on meanwhile.
    cx.still_ours().await?;
    match called {
        (parked, Ok(Outcome::Wait(suspension))) => {
            let own = of(cx, &parked);
            match due(&own, name, &suspension, parked.run.deadline) {
                Ok(due) => {
                    let starts = parked.stage == Stage::Starts;
                    let parked = keep(cx, Parked { due, ..parked }, Stage::Waits { state: suspension.state }).await?;
                    if starts {
                        begun(&of(cx, &parked), &parked, verify.timeout).await?;
                    }
                    Ok(Some(parked))
                }
                Err(error) => failed(cx, step, parked, error).await,
            }
        }
        (parked, Ok(Outcome::Reported(report))) => {
            let report = verdicts::told(&of(cx, &parked), parked.run.attempt, report).await?;
            match report.verdict {
                Verdict::Pass | Verdict::Warn | Verdict::Skipped => passed(cx, &parked).await.map(|()| None),
                Verdict::Fail => {
                    let message =
                        format!("verification `{name}` failed in the background ({}): {}", parked.run.step, report.summary);
                    failed(cx, step, parked, StepError::new(ErrorClass::Verification, message)).await
                }
                Verdict::Inconclusive => keep(cx, parked, Stage::Undecided { summary: report.summary }).await.map(Some),
            }
        }
        (parked, Ok(other)) => {
            let error = plugin::broken(name, PluginKind::Verification, &other);
            failed(cx, step, parked, error).await
        }
        (parked, Err(error)) => failed(cx, step, parked, error).await,
    }
}

/// Begins, polls, or cancels because its time is over.
async fn call(cx: &Cx<'_>, verify: &PluginStep, parked: Parked) -> Result<(Parked, Result<Outcome, StepError>), Stop> {
    let (parked, action) = match &parked.stage {
        Stage::Waits { state } if parked.run.deadline.is_some_and(|deadline| parked.due >= deadline) => {
            cancel(cx, verify, &parked, state.clone()).await?;
            let late = plugin::late(&verify.plugin.name, parked.run.started_at, parked.run.deadline);
            return Ok((parked, Err(late)));
        }
        Stage::Waits { state } => {
            let action = Call::Poll { state: state.clone(), wake: Wake::Timer };
            (parked, action)
        }
        Stage::Starts | Stage::Undecided { .. } | Stage::Failed { .. } => {
            let started_at = cx.ports.clock.now();
            let deadline = Some(started_at.plus(verify.limit()));
            let run = RunInfo { started_at, deadline, ..parked.run };
            (Parked { run, fence: cx.fence, ..parked }, Call::Start { summary: None })
        }
    };
    let call = PluginCall { kind: PluginKind::Verification, config: parked.config.clone(), run: parked.run.clone(), action };
    let outcome = match calls::call(&of(cx, &parked), &verify.plugin, call).await {
        Ok(reply) => Ok(reply.outcome),
        Err(Stop::Step(error)) => Err(error),
        Err(stop) => return Err(stop),
    };
    Ok((parked, outcome))
}

/// Tells its plugin that it is over. What it answers changes nothing.
async fn cancel(cx: &Cx<'_>, verify: &PluginStep, parked: &Parked, state: ActionState) -> Result<(), Stop> {
    let (config, run) = (parked.config.clone(), parked.run.clone());
    let call = PluginCall { kind: PluginKind::Verification, config, run, action: Call::Cancel { state } };
    match calls::call(&of(cx, parked), &verify.plugin, call).await {
        Err(Stop::Store(error)) => Err(error.into()),
        Ok(_) | Err(Stop::Step(_) | Stop::Background(_)) => Ok(()),
    }
}

/// Whose words are said and whose facts are kept: the verification's own, under the number that its attempt began with.
fn of<'c>(cx: &Cx<'c>, parked: &'c Parked) -> Cx<'c> {
    Cx { step: &parked.run.step, fence: parked.fence, ..*cx }
}

/// Its step in the plan, and what is called.
fn planned<'p>(cx: &Cx<'p>, id: &StepId) -> Result<(&'p Step, &'p PluginStep), StepError> {
    let found = cx.plan.background().find(|step| step.id == *id);
    match found.map(|step| (step, &step.action)) {
        Some((step, Action::Verify(verify))) => Ok((step, verify)),
        _ => Err(crate::activities::unknown_step(id)),
    }
}

fn policy<'p>(cx: &Cx<'p>, id: &StepId) -> &'p FailurePolicy {
    let own = cx.plan.background().find(|step| step.id == *id).and_then(|step| step.on_failure.as_ref());
    own.unwrap_or(&cx.plan.on_failure)
}

async fn keep(cx: &Cx<'_>, parked: Parked, stage: Stage) -> Result<Parked, Stop> {
    let parked = Parked { stage, ..parked };
    park(cx, &parked).await?;
    Ok(parked)
}

/// Keeps where one stands, unless another process has taken the run over: then that one knows better.
pub(super) async fn park(cx: &Cx<'_>, parked: &Parked) -> Result<(), Stop> {
    if cx.ports.parking.park(cx.run, parked, cx.holding()).await? { Ok(()) } else { Err(cx.taken_over()) }
}

async fn unpark(cx: &Cx<'_>, step: &StepId) -> Result<(), Stop> {
    if cx.ports.parking.unpark(cx.run, step, cx.holding()).await? { Ok(()) } else { Err(cx.taken_over()) }
}

/// It has ended well.
async fn passed(cx: &Cx<'_>, parked: &Parked) -> Result<(), Stop> {
    let own = of(cx, parked);
    let took = cx.ports.clock.now().since(parked.run.started_at);
    own.say_once(&format!("{}/succeeded", own.step), EventKind::StepSucceeded { took }).await?;
    unpark(cx, own.step).await
}

/// It has ended badly, and the run goes on.
async fn ignored(cx: &Cx<'_>, parked: &Parked, error: StepError) -> Result<(), Stop> {
    let own = of(cx, parked);
    let key = format!("{}/ignored/{}/{}", own.step, parked.fence, parked.run.attempt);
    own.say_once(&key, EventKind::StepIgnored { error }).await?;
    unpark(cx, own.step).await
}

/// An attempt has failed: its failure strategy says what comes next.
async fn failed(cx: &Cx<'_>, step: &Step, parked: Parked, error: StepError) -> Result<Option<Parked>, Stop> {
    match decide(policy(cx, &step.id), error.class, parked.run.attempt) {
        Decided::Next(Next::Retry { after }) => again(cx, parked, after, Some(error)).await.map(Some),
        Decided::Next(Next::Ignore) => ignored(cx, &parked, error).await.map(|()| None),
        Decided::Next(Next::Rollback | Next::Abort | Next::Stop | Next::Fail) | Decided::Ask { .. } => {
            keep(cx, parked, Stage::Failed { error }).await.map(Some)
        }
    }
}

/// Its next attempt begins after a pause. An error is said with it; without one it was ordered.
async fn again(cx: &Cx<'_>, parked: Parked, after: Millis, error: Option<StepError>) -> Result<Parked, Stop> {
    let attempt = parked.run.attempt.saturating_add(1);
    if let Some(error) = error {
        let key = format!("{}/retried/{}/{attempt}", parked.run.step, parked.fence);
        of(cx, &parked).say_once(&key, EventKind::StepRetried { attempt, after, error }).await?;
    }
    let due = cx.ports.clock.now().plus(after);
    let run = RunInfo { attempt, ..parked.run.clone() };
    keep(cx, Parked { run, due, ..parked }, Stage::Starts).await
}

/// What the failure of one leads to. The same each time that it is asked.
fn fallen(cx: &Cx<'_>, parked: &Parked, error: StepError) -> Fallen {
    let then = match decide(policy(cx, &parked.run.step), error.class, parked.run.attempt) {
        Decided::Ask { .. } => Then::Ask,
        Decided::Next(next) => Then::Next(next),
    };
    Fallen { error, parked: Box::new(parked.clone()), then }
}

/// It stops the run's way forward; said and decided once.
async fn fell(cx: &Cx<'_>, fallen: Fallen, next: Next) -> Result<Stop, StoreError> {
    if next == Next::Rollback {
        decide_rollback(cx.ports.ledger.as_ref(), cx.run, &fallen.error.message).await?;
    }
    let own = of(cx, &fallen.parked);
    let key = format!("{}/failed/{}/{}", own.step, fallen.parked.fence, fallen.parked.run.attempt);
    own.say_once(&key, EventKind::StepFailed { error: fallen.error.clone() }).await?;
    Ok(Stop::Background(Box::new(Fallen { then: Then::Next(next), ..fallen })))
}

/// What comes before a step's own: what goes on beside it. A reply means that the step's own does not come now.
pub(super) async fn first(cx: &Cx<'_>, job: &Job<'_>) -> Result<Option<TaskReply>, Stop> {
    match before(cx, job).await {
        Err(Stop::Background(fallen)) => {
            if fallen.then != Then::Ask {
                plugin::cancel(cx, job).await?;
            }
            Err(Stop::Background(fallen))
        }
        other => other,
    }
}

async fn before(cx: &Cx<'_>, job: &Job<'_>) -> Result<Option<TaskReply>, Stop> {
    let asked = match &job.woken {
        Woken::Asked { step, state, waking, .. } => {
            if let Some(reply) = asking::answered(cx, step, state, waking).await? {
                return Ok(Some(reply));
            }
            false
        }
        Woken::Early { state, .. } => state.beside.as_ref().is_some_and(|beside| beside.is_question()),
        Woken::Itself | Woken::Paused { .. } => false,
    };
    let fallen = move_on(cx).await?;
    // One question at a time: what a ballot answers has to be plain. A failure stays parked until then.
    let may_ask = !asked && !asks_itself(job);
    if let Some(fallen) = fallen.filter(|_| may_ask) {
        return Err(Stop::Background(Box::new(fallen)));
    }
    if let Some(reply) = kept::still(cx, job) {
        return Ok(Some(reply));
    }
    let at_boundary = job.resumed.is_none() || job.step.action == Action::Background;
    if may_ask && at_boundary {
        return asking::undecided(cx, job).await;
    }
    Ok(None)
}

/// Whether the step waits for a person's answer to a question of its own.
fn asks_itself(job: &Job<'_>) -> bool {
    let is_verified = matches!(job.step.action, Action::Verify(_));
    let is_held = |state: &StepState| state.asked.is_some() || (is_verified && state.plugin.is_none());
    matches!(job.step.action, Action::Approve(_))
        || matches!(job.woken.own(), Woken::Early { ballot: true, .. })
        || job.resumed.as_ref().is_some_and(|(state, _)| is_held(state))
}

/// The last step: done when none is open any more.
pub(super) async fn wait(cx: &Cx<'_>, job: &Job<'_>) -> Result<TaskReply, Stop> {
    let open = open(cx).await?;
    let now = cx.ports.clock.now();
    let Some(due) = open.iter().filter(|parked| parked.stage.goes_on()).map(|parked| parked.due).min() else {
        return Ok(TaskReply::Done(job.facts.clone()));
    };
    let steps = open.iter().map(|parked| parked.run.step.clone()).collect();
    cx.say_once(&format!("{}/awaited/{}", cx.step, cx.fence), EventKind::BackgroundAwaited { steps }).await?;
    let started_at = job.resumed.as_ref().map_or(now, |(state, _)| state.started_at);
    let state = StepState { started_at, deadline: None, plugin: None, shown: 0, asked: None, beside: None };
    Ok(TaskReply::Wait { state, after: Some(due.since(now)), ballot: false, expires: None })
}

/// The step under way stops for a background verification.
pub(super) async fn stopped(cx: &Cx<'_>, job: &Job<'_>, fallen: Fallen) -> Result<TaskReply, StoreError> {
    let step = &fallen.parked.run.step;
    match fallen.then {
        Then::Ask => asking::ask_about_failure(cx, job, &fallen.parked, &fallen.error).await,
        Then::Next(next) => {
            if step != cx.step {
                let reason = format!("background verification `{step}` has failed");
                cx.say_once(&format!("{}/left-off/{}", cx.step, cx.fence), EventKind::StepSkipped { reason }).await?;
            }
            Ok(TaskReply::Failed { error: fallen.error, next })
        }
    }
}
