//! Who acts: one [`Task`] at a time, through the ports. Running an activity twice leaves one world, because each effect is
//! on paper before it is tried (`steps::effect`). The decisions are the interpreter's; the steps are in `steps`, and what their
//! failures lead to is in `steps::settle`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shiftgate_model::{
    Acquired, Clock, ErrorClass, EventKind, Events, EvidenceLog, Groups, Ledger, Locks, Parking, PluginRunner, Routes, RunId,
    StepError, StepId, StoreError,
};
use shiftgate_workflow::{Action, Plan, Step};

use crate::components::{self, BEGIN};
use crate::poller::Poller;
use crate::steps::{self, Cx, Heeds, Stop, background, settle};
use crate::{Facts, Next, OPERATOR, Pace, Runs, Task, TaskReply};

/// The doors of the engine.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct Ports {
    pub groups: Arc<dyn Groups>,
    /// None for a plan that has no load balancers: nothing of AWS is needed then.
    pub routes: Option<Arc<dyn Routes>>,
    pub plugins: Arc<dyn PluginRunner>,
    pub ledger: Arc<dyn Ledger>,
    pub locks: Arc<dyn Locks>,
    pub events: Arc<dyn Events>,
    pub evidence: Arc<dyn EvidenceLog>,
    pub parking: Arc<dyn Parking>,
    pub runs: Arc<dyn Runs>,
    pub clock: Arc<dyn Clock>,
}

/// What differs from process to process, and is no part of a plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Spot account that `groups` reaches: half of the lock's key.
    pub account: String,
    /// How often groups are looked at.
    pub pace: Pace,
    /// What to do while another run works on the same family.
    pub when_busy: WhenBusy,
}

/// What to do while another run works on the same family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenBusy {
    /// Wait, first come first served.
    #[default]
    Wait,
    /// End at once, with nothing touched.
    Refuse,
}

/// One task of one run, as it lies in the engine's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) run: RunId,
    pub(crate) task: Task,
}

/// Performs tasks.
pub struct Activities {
    ports: Ports,
    settings: Settings,
    poller: Poller,
}

impl Activities {
    /// Activities that reach the world through `ports`.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let poller = Poller::new(Arc::clone(&ports.groups));
        Self { ports, settings, poller }
    }

    /// Performs one task given as text, and answers with the reply as text.
    ///
    /// # Errors
    /// The record could not be read or written: nothing is done that is not recorded, and the task may be performed again.
    pub async fn perform_text(&self, input: &str) -> Result<String, String> {
        let assignment: Assignment = serde_json::from_str(input).map_err(|e| format!("cannot read the task: {e}"))?;
        let reply = self.perform(&assignment.run, assignment.task).await.map_err(|e| e.to_string())?;
        serde_json::to_string(&reply).map_err(|e| format!("cannot write the reply down: {e}"))
    }

    /// Performs one task.
    ///
    /// # Errors
    /// As [`perform_text`](Self::perform_text).
    pub async fn perform(&self, run: &RunId, task: Task) -> Result<TaskReply, StoreError> {
        let plan = components::bound(&self.ports, run).await?;
        match task {
            Task::Begin => self.begin(run, &plan).await,
            Task::Step { step, attempt, facts, resumed, ending } => {
                let Some((phase, found)) = find(&plan, &step) else {
                    return Ok(TaskReply::Failed { error: unknown_step(&step), next: Next::Abort });
                };
                let heeds = match (phase, &found.action) {
                    (Some(_), _) => Heeds::All,
                    (None, Action::WrapUp(_)) => Heeds::Nothing,
                    (None, _) => Heeds::Abort,
                };
                let cx = self.enter(run, &plan, &step, &facts, heeds).await?;
                let (resumed, woken) = background::woken(resumed, self.ports.clock.now());
                let job = steps::Job { step: found, phase, attempt, facts, resumed, woken, ending };
                let reply = steps::run(&cx, &job).await;
                let reply = settle::settle(&cx, &job, reply).await?;
                background::beside(&cx, reply).await
            }
            Task::Rollback { reason, facts } => {
                let step = StepId::new("rollback");
                let cx = self.enter(run, &plan, &step, &facts, Heeds::Abort).await?;
                steps::roll_back(&cx, &reason).await
            }
            Task::Finish { ending, summary, facts } => {
                let step = StepId::new("finish");
                let cx = self.cx(run, &plan, &step, &facts, Heeds::Nothing);
                steps::finish(&cx, ending, summary).await?;
                Ok(TaskReply::Done(facts))
            }
        }
    }

    fn cx<'a>(&'a self, run: &'a RunId, plan: &'a Plan, step: &'a StepId, facts: &Facts, heeds: Heeds) -> Cx<'a> {
        let (fence, accepts_drift) = (facts.fence, facts.accept_drift);
        let (ports, settings, poller) = (&self.ports, &self.settings, &self.poller);
        Cx { ports, settings, poller, run, plan, step, fence, term: 0, accepts_drift, heeds }
    }

    /// The same for a task that may change a cloud: from now on whoever performed one for this run before changes nothing more.
    async fn enter<'a>(
        &'a self,
        run: &'a RunId,
        plan: &'a Plan,
        step: &'a StepId,
        facts: &Facts,
        heeds: Heeds,
    ) -> Result<Cx<'a>, StoreError> {
        let term = self.ports.locks.enter(&self.settings.account, &plan.setup.family, run, facts.fence).await?;
        // Without the lock there is no term: the first change finds that out, and says so.
        Ok(Cx { term: term.unwrap_or(0), ..self.cx(run, plan, step, facts, heeds) })
    }

    /// Every plugin loads and takes its config, then the family is this run's.
    async fn begin(&self, run: &RunId, plan: &Plan) -> Result<TaskReply, StoreError> {
        let step = StepId::new(BEGIN);
        let cx = self.cx(run, plan, &step, &Facts::default(), Heeds::Abort);
        cx.say_once("run/started", steps::run_started(plan)).await?;
        match steps::check_plugins(&cx).await {
            Ok(_) if plan.is_bound() => {}
            Ok(digests) => components::bind(&self.ports, run, &digests).await?,
            Err(stop) => return self.refused(&cx, stop).await,
        }
        let mut shown = None;
        let mut pause = None;
        loop {
            let acquired = self.ports.locks.acquire(&self.settings.account, &plan.setup.family, run).await?;
            let (holder, ahead) = match acquired {
                Acquired::Held { fence } => return self.begun(&cx, fence).await,
                Acquired::Busy { holder, ahead } => (holder, ahead),
            };
            if self.settings.when_busy == WhenBusy::Refuse {
                self.ports.locks.release(&self.settings.account, &plan.setup.family, run).await?;
                return self.refused(&cx, busy(plan, &holder).into()).await;
            }
            if shown.as_ref() != Some(&(holder.clone(), ahead)) {
                cx.say(EventKind::LockWaited { family: plan.setup.family.as_str().into(), holder: holder.clone(), ahead })
                    .await?;
                shown = Some((holder, ahead));
            }
            if let Err(stop) = cx.heed().await {
                return self.refused(&cx, stop).await;
            }
            let next = self.settings.pace.next(pause);
            pause = Some(next);
            tokio::time::sleep(next.duration()).await;
        }
    }

    /// The family is this run's; a resumed run takes up what the record knows of it.
    async fn begun(&self, cx: &Cx<'_>, fence: i64) -> Result<TaskReply, StoreError> {
        match steps::take_up(cx, fence).await {
            Ok(facts) => Ok(TaskReply::Done(facts)),
            Err(stop) => {
                self.ports.locks.release(&self.settings.account, &cx.plan.setup.family, cx.run).await?;
                self.refused(cx, stop).await
            }
        }
    }

    /// The run does not begin. One that had done something before is not over: it stays where it stands.
    async fn refused(&self, cx: &Cx<'_>, stop: Stop) -> Result<TaskReply, StoreError> {
        let error = stop.into_step_error()?;
        if error.class == ErrorClass::Operator {
            return settle::ordered(cx, error).await;
        }
        cx.say(EventKind::StepFailed { error: error.clone() }).await?;
        let record = self.ports.ledger.record(cx.run).await?;
        let untouched = record.iter().all(|entry| [OPERATOR, BEGIN].contains(&entry.step.as_str()));
        Ok(TaskReply::Failed { error, next: if untouched { Next::Fail } else { Next::Abort } })
    }
}

/// The step, and the phase that it belongs to; none for a step outside the phases.
fn find<'a>(plan: &'a Plan, id: &StepId) -> Option<(Option<(usize, &'a str)>, &'a Step)> {
    let phased = plan
        .phases
        .iter()
        .enumerate()
        .flat_map(|(index, phase)| phase.steps.iter().map(move |step| (Some((index, phase.name.as_str())), step)));
    let other = plan.rollback.iter().chain(&plan.wrap_up).map(|step| (None, step));
    phased.chain(other).find(|(_, step)| step.id == *id)
}

pub(crate) fn unknown_step(step: &StepId) -> StepError {
    StepError::new(ErrorClass::Application, format!("the run's plan has no step `{step}`"))
        .hint("the run was started by another version of shiftgate; resume it with that version")
}

fn busy(plan: &Plan, holder: &RunId) -> StepError {
    let family = plan.setup.family.as_str();
    StepError::new(ErrorClass::Application, format!("run {holder} works on group family `{family}`"))
        .hint(format!("wait for its end (`shiftgate status {holder}`), or run with --when-busy wait"))
}
