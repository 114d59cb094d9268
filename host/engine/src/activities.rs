//! Who acts: one [`Task`] at a time, through the ports. Running an activity twice leaves one world, because each effect is
//! on paper before it is tried (`steps::effect`). The decisions are the interpreter's; the steps are in `steps`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shiftgate_model::{
    Acquired, Clock, ErrorClass, EventKind, Events, Groups, Ledger, Locks, Millis, PluginRunner, Routes, RunId, StepError,
    StepId, StoreError,
};
use shiftgate_workflow::{Action, FailurePolicy, Plan, Step};

use crate::poller::Poller;
use crate::steps::{self, Cx, Stop};
use crate::{Next, Pace, Runs, Task, TaskReply};

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
        let plan = self.ports.runs.plan(run).await?;
        match task {
            Task::Begin => self.begin(run, &plan).await,
            Task::Step { step, attempt, facts, resumed, ending } => {
                let Some((phase, found)) = find(&plan, &step) else {
                    return Ok(TaskReply::Failed { error: unknown_step(&step), next: Next::Abort });
                };
                let cx = self.cx(run, &plan, &step, facts.fence);
                if phase.is_some()
                    && let Some(reason) = steps::rollback_decided(self.ports.ledger.as_ref(), run).await?
                {
                    return left_off(&cx, reason).await;
                }
                let job = steps::Job { step: found, phase, attempt, facts, resumed, ending };
                let reply = steps::run(&cx, &job).await;
                self.settle(&cx, &job, reply).await
            }
            Task::Rollback { reason, facts } => {
                let step = StepId::new("rollback");
                let cx = self.cx(run, &plan, &step, facts.fence);
                steps::roll_back(&cx, &reason).await
            }
            Task::Finish { ending, summary, facts } => {
                let step = StepId::new("finish");
                let cx = self.cx(run, &plan, &step, facts.fence);
                steps::finish(&cx, ending, summary, &facts).await?;
                Ok(TaskReply::Done(facts))
            }
        }
    }

    fn cx<'a>(&'a self, run: &'a RunId, plan: &'a Plan, step: &'a StepId, fence: i64) -> Cx<'a> {
        Cx { ports: &self.ports, settings: &self.settings, poller: &self.poller, run, plan, step, fence }
    }

    /// Every plugin loads and takes its config, then the family is this run's.
    async fn begin(&self, run: &RunId, plan: &Plan) -> Result<TaskReply, StoreError> {
        let step = StepId::new("begin");
        let cx = self.cx(run, plan, &step, 0);
        cx.say_once("run/started", steps::run_started(plan)).await?;
        if let Err(stop) = steps::check_plugins(&cx).await {
            return self.refused(&cx, stop).await;
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
        cx.say(EventKind::StepFailed { error: error.clone() }).await?;
        let untouched = self.ports.ledger.record(cx.run).await?.is_empty();
        Ok(TaskReply::Failed { error, next: if untouched { Next::Fail } else { Next::Abort } })
    }

    /// Turns what a step came to into a reply, and says so.
    async fn settle(&self, cx: &Cx<'_>, job: &steps::Job<'_>, reply: Result<TaskReply, Stop>) -> Result<TaskReply, StoreError> {
        let (step, attempt) = (job.step, job.attempt);
        let (error, given) = match reply {
            Ok(TaskReply::Failed { error, next }) => (error, Some(next)),
            Ok(other) => return Ok(other),
            Err(stop) => (stop.into_step_error()?, None),
        };
        let policy = step.on_failure.as_ref().unwrap_or(&cx.plan.on_failure);
        let next = match (given.unwrap_or_else(|| decide(policy, error.class, attempt)), &step.action) {
            (retry @ Next::Retry { .. }, _) => retry,
            // A wrap-up undoes nothing.
            (_, Action::WrapUp(_)) => Next::Ignore,
            // Nobody has said yes.
            (Next::Ignore, Action::Approve(_)) => Next::Abort,
            (next, _) => next,
        };
        if next == Next::Rollback {
            steps::decide_rollback(self.ports.ledger.as_ref(), cx.run, &error.message).await?;
        }
        if next == Next::Ignore {
            // The run goes on from here as from a success: a resumed one must not come back to this step after later ones.
            steps::settle_output(cx, &job.facts).await?;
        }
        let kind = match next {
            Next::Retry { after } => EventKind::StepRetried { attempt: attempt + 1, after, error: error.clone() },
            Next::Ignore => EventKind::StepIgnored { error: error.clone() },
            Next::Rollback | Next::Abort | Next::Fail => EventKind::StepFailed { error: error.clone() },
        };
        cx.say(kind).await?;
        Ok(TaskReply::Failed { error, next })
    }
}

/// The run is to be rolled back since it was stopped: a step that was under way then does not go on.
async fn left_off(cx: &Cx<'_>, reason: String) -> Result<TaskReply, StoreError> {
    let skipped = EventKind::StepSkipped { reason: "the run is being rolled back".into() };
    cx.say_once(&format!("{}/left-off/{}", cx.step, cx.fence), skipped).await?;
    Ok(TaskReply::Failed { error: StepError::new(ErrorClass::Application, reason), next: Next::Rollback })
}

/// The failure strategy, applied to the failure of one attempt.
fn decide(policy: &FailurePolicy, class: ErrorClass, attempt: u32) -> Next {
    use shiftgate_workflow::{FailureAction as A, Final};
    match policy.action(class) {
        A::Rollback => Next::Rollback,
        A::Abort => Next::Abort,
        A::Fail => Next::Fail,
        A::Ignore => Next::Ignore,
        A::Retry { count, backoff, .. } if attempt <= count => {
            let doubled = backoff.0.saturating_mul(1_u64 << (attempt.saturating_sub(1)).min(16));
            Next::Retry { after: Millis(doubled) }
        }
        A::Retry { then: Final::Rollback, .. } => Next::Rollback,
        A::Retry { then: Final::Abort, .. } => Next::Abort,
        A::Retry { then: Final::Fail, .. } => Next::Fail,
        A::Retry { then: Final::Ignore, .. } => Next::Ignore,
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

fn unknown_step(step: &StepId) -> StepError {
    StepError::new(ErrorClass::Application, format!("the run's plan has no step `{step}`"))
        .hint("the run was started by another version of shiftgate; resume it with that version")
}

fn busy(plan: &Plan, holder: &RunId) -> StepError {
    let family = plan.setup.family.as_str();
    StepError::new(ErrorClass::Application, format!("run {holder} works on group family `{family}`"))
        .hint(format!("wait for its end (`shiftgate status {holder}`), or run with --when-busy wait"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_workflow::{FailureAction, Final};

    #[test]
    fn a_failure_goes_the_way_of_its_class() {
        let mut policy = FailurePolicy::default();
        policy.by_class.insert(
            ErrorClass::Connectivity,
            FailureAction::Retry { count: 2, backoff: Millis::seconds(10), then: Final::Abort },
        );
        policy.by_class.insert(ErrorClass::Verification, FailureAction::Ignore);
        let next = |class, attempt| decide(&policy, class, attempt);
        assert_eq!(next(ErrorClass::Application, 1), Next::Rollback);
        assert_eq!(next(ErrorClass::Verification, 1), Next::Ignore);
        assert_eq!(next(ErrorClass::Drift, 1), Next::Abort);
        assert_eq!(next(ErrorClass::Connectivity, 1), Next::Retry { after: Millis::seconds(10) });
        assert_eq!(next(ErrorClass::Connectivity, 2), Next::Retry { after: Millis::seconds(20) });
        assert_eq!(next(ErrorClass::Connectivity, 3), Next::Abort);
    }
}
