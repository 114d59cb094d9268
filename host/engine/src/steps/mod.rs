//! The steps. A native step is a file here and a line in [`run`]; a plugin step goes through `plugin`. Each looks first, so
//! that running it twice leaves one world; each ends in a reply that the interpreter goes by.

pub(crate) mod background;
mod blue_green;
mod calls;
mod deploy;
mod effect;
mod finish;
mod heed;
mod housekeeping;
mod plugin;
mod rollback;
pub(crate) mod settle;
mod setup;
mod steady;
mod take_up;
mod targets;
mod verdicts;
mod whereabouts;

use serde_json::json;
use shiftgate_model::{
    CloudError, EffectRecord, Ending, ErrorClass, EventKind, Millis, Routes, RunId, StepError, StepId, StoreError,
};
use shiftgate_workflow::{Action, Plan, Step};

use crate::activities::{Ports, Settings};
use crate::poller::Poller;
use crate::{Facts, StepState, TaskReply, Waking};

pub(crate) use finish::{finish, run_started};
pub(crate) use heed::Heeds;
pub(crate) use plugin::check_plugins;
pub(crate) use rollback::roll_back;
pub(crate) use setup::ORIGINAL;
pub(crate) use take_up::take_up;

/// Why a step stops: its own failure, or a record that cannot be written.
#[derive(Debug)]
pub(crate) enum Stop {
    Step(StepError),
    Store(StoreError),
    /// A background verification stops whatever step is under way.
    Background(Box<background::Fallen>),
}

impl Stop {
    /// The step's failure.
    ///
    /// # Errors
    /// The store's failure: the activity itself fails then, and may be performed again.
    pub(crate) fn into_step_error(self) -> Result<StepError, StoreError> {
        match self {
            Self::Step(error) => Ok(error),
            Self::Background(fallen) => Ok(fallen.error),
            Self::Store(error) => Err(error),
        }
    }
}

impl From<StepError> for Stop {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<CloudError> for Stop {
    fn from(error: CloudError) -> Self {
        Self::Step(error.into())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where a step runs.
pub(crate) struct Cx<'a> {
    pub(crate) ports: &'a Ports,
    pub(crate) settings: &'a Settings,
    pub(crate) poller: &'a Poller,
    pub(crate) run: &'a RunId,
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a StepId,
    /// The fencing number of the family's lock.
    pub(crate) fence: i64,
    /// The number of this very activity: whoever performed one for this run before has a lower one, and changes nothing more.
    pub(crate) term: i64,
    pub(crate) accepts_drift: bool,
    pub(crate) heeds: Heeds,
}

impl Cx<'_> {
    /// Appends an event of this step.
    pub(crate) async fn say(&self, kind: EventKind) -> Result<(), StoreError> {
        self.ports.events.append(self.run, Some(self.step), None, kind).await
    }

    /// The load balancers of a blue/green deployment.
    pub(crate) fn routes(&self) -> Result<&dyn Routes, Stop> {
        self.ports.routes.as_deref().ok_or_else(|| {
            let message = "this deployment has load balancers, and shiftgate was started without access to AWS";
            StepError::new(ErrorClass::Application, message).into()
        })
    }

    /// Appends an event once in the run.
    pub(crate) async fn say_once(&self, key: &str, kind: EventKind) -> Result<(), StoreError> {
        self.ports.events.append(self.run, Some(self.step), Some(key), kind).await
    }
}

/// The outcome that the record holds of an effect; none when there is none that can be read.
pub(super) fn recorded<T: serde::de::DeserializeOwned>(record: &[EffectRecord], effect: &str) -> Option<T> {
    let entry = record.iter().find(|entry| entry.effect == effect)?;
    serde_json::from_value(entry.outcome.clone()?).ok()
}

/// A step that needs what setup found stands before it.
pub(super) fn no_setup() -> Stop {
    StepError::new(ErrorClass::Application, "no setup has run before this step").into()
}

/// What a step is to do this time.
pub(crate) struct Job<'a> {
    pub(crate) step: &'a Step,
    /// The phase's place and name; none outside the phases.
    pub(crate) phase: Option<(usize, &'a str)>,
    pub(crate) attempt: u32,
    pub(crate) facts: Facts,
    pub(crate) resumed: Option<(StepState, Waking)>,
    /// What it is woken for.
    pub(crate) woken: background::Woken,
    pub(crate) ending: Option<(Ending, String)>,
}

/// The effect under which a step's end is on record.
pub(super) const OUTPUT: &str = "output";

/// Whether a step has come to its end, by the record of its run.
#[must_use]
pub fn has_ended(record: &[EffectRecord], step: &StepId) -> bool {
    record.iter().any(|entry| entry.step == *step && entry.effect == OUTPUT && entry.outcome.is_some())
}

/// What is added to the names of a wrap-up: it tells of each ending once, and a run may have more than one, when what succeeded
/// is rolled back, or what was stuck goes on.
pub(super) fn of_ending(job: &Job<'_>) -> String {
    match &job.ending {
        None | Some((Ending::Succeeded, _)) => String::new(),
        Some((ending, _)) => format!("/{}", ending.to_string().replace(' ', "-")),
    }
}

/// The effect under which the end of this job is on record.
fn output(job: &Job<'_>) -> String {
    OUTPUT.to_owned() + &of_ending(job)
}

/// Runs one step until it ends or waits. A step that has ended before is not run again.
pub(crate) async fn run(cx: &Cx<'_>, job: &Job<'_>) -> Result<TaskReply, Stop> {
    let began = cx.ports.clock.now();
    if let Err(stop) = cx.orders().await {
        plugin::cancel(cx, job).await?;
        return Err(stop);
    }
    if let Some(reply) = background::first(cx, job).await? {
        return Ok(reply);
    }
    if let Some((state, waking)) = &job.resumed
        && let Some(asked) = &state.asked
    {
        return settle::answered(cx, job, state, asked, waking).await;
    }
    if job.resumed.is_none() {
        let output = cx.ports.ledger.intend(cx.run, cx.step, &output(job), &json!({"title": job.step.title})).await?;
        if let Some(recorded) = output.outcome {
            ended_before(cx, job).await?;
            let found: Facts = effect::decode(cx, OUTPUT, recorded)?;
            return Ok(TaskReply::Done(Facts { fence: cx.fence, accept_drift: cx.accepts_drift, ..found }));
        }
        announce(cx, job).await?;
    }
    let reply = match &job.step.action {
        Action::Setup => TaskReply::Done(setup::setup(cx).await?),
        Action::Deploy(deploy) => TaskReply::Done(deploy::deploy(cx, deploy, &job.facts).await?),
        Action::Swap(swap) => blue_green::swap(cx, job, swap).await?,
        Action::Shift(shift) => blue_green::shift(cx, job, shift).await?,
        Action::Verify(_) | Action::Approve(_) | Action::WrapUp(_) => plugin::run(cx, job).await?,
        Action::Background => background::wait(cx, job).await?,
    };
    if let TaskReply::Done(facts) = &reply {
        settle_output(cx, job, facts).await?;
        if goes_on(cx, job).await? {
            return Ok(reply);
        }
        let began = job.resumed.as_ref().map_or(began, |(state, _)| state.started_at);
        let took = cx.ports.clock.now().since(began);
        cx.say_once(&format!("{}/succeeded{}", cx.step, of_ending(job)), EventKind::StepSucceeded { took }).await?;
    }
    Ok(reply)
}

/// Whether the step's verification goes on in the background: the run goes on, and the step has not succeeded yet.
async fn goes_on(cx: &Cx<'_>, job: &Job<'_>) -> Result<bool, StoreError> {
    Ok(job.step.is_background() && background::is_open(cx).await?)
}

/// A process that was killed right behind its step's end may not have said so.
async fn ended_before(cx: &Cx<'_>, job: &Job<'_>) -> Result<(), StoreError> {
    if goes_on(cx, job).await? {
        return Ok(());
    }
    let events = cx.ports.events.read(cx.run, 0).await?;
    let mut of_step = events.iter().rev().filter(|event| event.step.as_ref() == Some(cx.step));
    if of_step.clone().any(|event| matches!(event.kind, EventKind::StepIgnored { .. })) {
        return Ok(());
    }
    let began = of_step.find(|event| matches!(event.kind, EventKind::StepStarted { .. })).map(|event| event.at);
    let took = began.map_or(Millis(0), |began| cx.ports.clock.now().since(began));
    cx.say_once(&format!("{}/succeeded{}", cx.step, of_ending(job)), EventKind::StepSucceeded { took }).await
}

/// Records that the step has ended, and what the run goes on with.
pub(crate) async fn settle_output(cx: &Cx<'_>, job: &Job<'_>, facts: &Facts) -> Result<(), StoreError> {
    let output = serde_json::to_value(facts).map_err(|error| StoreError {
        action: format!("record the end of step `{}`", cx.step),
        place: "the effect ledger".into(),
        reason: error.to_string(),
    })?;
    cx.ports.ledger.settle(cx.run, cx.step, &self::output(job), &output).await
}

async fn announce(cx: &Cx<'_>, job: &Job<'_>) -> Result<(), StoreError> {
    if let Some((index, name)) = job.phase {
        cx.say_once(&format!("phase-{index}/started"), EventKind::PhaseStarted { phase: name.to_owned() }).await?;
    }
    let key = format!("{}/started/{}/{}", cx.step, cx.fence, job.attempt);
    cx.say_once(&key, EventKind::StepStarted { title: job.step.title.clone() }).await
}
