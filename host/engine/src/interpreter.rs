//! Runs a plan, step after step. Who decides: it reads no clock, does no I/O, and draws no random number, so that a replay
//! takes the same way. It acts through [`Durable`] only. Who acts: `activities`.

use serde_json::Value;
use shiftgate_model::{Ending, Millis, RunId, StepError};
use shiftgate_workflow::{Plan, Step};

use crate::activities::Assignment;
use crate::{Durable, DurableError, Facts, Heard, Next, StepState, Task, TaskReply, Waking};

/// The name that the interpreter is registered under.
pub const INTERPRETER: &str = "deploy";
/// Its version: a change of the order of activities is a new one, and the old one stays registered.
///
/// 1.0.0 heard no orders while it waited; its order of activities is the same, so that the adapter alone tells the two apart.
pub const INTERPRETER_VERSION: &str = "1.1.0";

/// A ballot without an expiry waits this long, then asks again.
const LONGEST_WAIT: Millis = Millis::minutes(7 * 24 * 60);

/// How a list of steps ended early.
struct Stopped {
    error: StepError,
    next: Next,
}

/// Runs `plan` to its end, rollback and wrap-up included.
///
/// # Errors
/// The engine or the record failed; the run stands where it stood.
pub async fn deploy<D: Durable>(d: &D, run: &RunId, plan: &Plan) -> Result<Ending, DurableError> {
    let walk = Walk { d, run };
    let mut facts = Facts::default();
    let (ending, summary) = match walk.act(Task::Begin).await? {
        TaskReply::Failed { error, next } => {
            let ending = if matches!(next, Next::Abort | Next::Stop) { Ending::Aborted } else { Ending::Failed };
            return walk.finish(ending, error.message, facts).await;
        }
        TaskReply::Done(begun) => {
            facts = begun;
            match facts.rolling_back.take() {
                Some(reason) => walk.rollback(plan, &mut facts, reason).await?,
                None => walk.forward(plan, &mut facts).await?,
            }
        }
        TaskReply::Wait { .. } | TaskReply::RolledBack { .. } => {
            return Err(DurableError("the begin of a run answered as a step does".into()));
        }
    };
    if ending != Ending::Aborted {
        for step in &plan.wrap_up {
            // A failed wrap-up is reported and undoes nothing.
            walk.step(step, &mut facts, Some((ending, summary.clone()))).await?;
        }
    }
    walk.finish(ending, summary, facts).await
}

struct Walk<'a, D> {
    d: &'a D,
    run: &'a RunId,
}

impl<D: Durable> Walk<'_, D> {
    async fn forward(&self, plan: &Plan, facts: &mut Facts) -> Result<(Ending, String), DurableError> {
        // A list, not the iterator: a closure kept over an await is not `Send` for every lifetime.
        let steps: Vec<&Step> = plan.phases.iter().flat_map(|phase| &phase.steps).collect();
        let Some(stopped) = self.steps(steps, facts).await? else {
            return Ok((Ending::Succeeded, facts.serving()));
        };
        let reason = stopped.error.message;
        match stopped.next {
            Next::Rollback => self.rollback(plan, facts, reason).await,
            Next::Abort | Next::Stop => Ok((Ending::Aborted, reason)),
            Next::Fail | Next::Ignore | Next::Retry { .. } => Ok((Ending::Failed, reason)),
        }
    }

    async fn rollback(&self, plan: &Plan, facts: &mut Facts, reason: String) -> Result<(Ending, String), DurableError> {
        if let Some(stopped) = self.steps(&plan.rollback, facts).await? {
            if stopped.next == Next::Stop {
                return Ok((Ending::Aborted, stopped.error.message));
            }
            let summary = format!("{reason}; and the rollback was stopped: {}", stopped.error.message);
            return Ok((Ending::Stuck, summary));
        }
        match self.act(Task::Rollback { reason, facts: facts.clone() }).await? {
            TaskReply::RolledBack { ending, summary } => Ok((ending, summary)),
            TaskReply::Failed { error, next: Next::Stop } => Ok((Ending::Aborted, error.message)),
            TaskReply::Failed { error, .. } => Ok((Ending::Stuck, error.message)),
            TaskReply::Done(_) | TaskReply::Wait { .. } => Err(DurableError("the rollback answered as a step does".into())),
        }
    }

    async fn steps(&self, steps: impl IntoIterator<Item = &Step>, facts: &mut Facts) -> Result<Option<Stopped>, DurableError> {
        for step in steps {
            if let Some(stopped) = self.step(step, facts, None).await? {
                return Ok(Some(stopped));
            }
        }
        Ok(None)
    }

    /// One step to its end, over all its waits and attempts.
    async fn step(
        &self,
        step: &Step,
        facts: &mut Facts,
        ending: Option<(Ending, String)>,
    ) -> Result<Option<Stopped>, DurableError> {
        self.d.status(step.id.to_string());
        let mut attempt = 1;
        let mut resumed = None;
        loop {
            let task = Task::Step {
                step: step.id.clone(),
                attempt,
                facts: facts.clone(),
                resumed: resumed.take(),
                ending: ending.clone(),
            };
            match self.act(task).await? {
                TaskReply::Done(found) => {
                    *facts = found;
                    return Ok(None);
                }
                TaskReply::Wait { state, after, ballot, expires } => {
                    resumed = Some(self.wait(step, state, after, ballot, expires).await?);
                }
                TaskReply::Failed { next: Next::Retry { after }, .. } => {
                    // An order cuts the pause short: the next attempt heeds it before it does anything.
                    self.d.wait(None, after).await?;
                    attempt += 1;
                }
                TaskReply::Failed { next: Next::Ignore, .. } => return Ok(None),
                TaskReply::Failed { error, next } => return Ok(Some(Stopped { error, next })),
                TaskReply::RolledBack { .. } => return Err(DurableError("a step answered as a rollback does".into())),
            }
        }
    }

    async fn wait(
        &self,
        step: &Step,
        state: StepState,
        after: Option<Millis>,
        ballot: bool,
        expires: Option<Millis>,
    ) -> Result<(StepState, Waking), DurableError> {
        let (time, late) = match (after, expires) {
            (Some(after), Some(expires)) if after < expires => (after, Waking::Timer),
            (_, Some(expires)) => (expires, Waking::Expired),
            (Some(after), None) => (after, Waking::Timer),
            (None, None) => (LONGEST_WAIT, Waking::Timer),
        };
        let waking = match self.d.wait(ballot.then_some(step.id.as_str()), time).await? {
            Heard::Signal(payload) => Waking::Ballot(serde_json::from_str(&payload).unwrap_or(Value::String(payload))),
            Heard::Order => Waking::Ordered,
            Heard::Nothing => late,
        };
        Ok((state, waking))
    }

    async fn finish(&self, ending: Ending, summary: String, facts: Facts) -> Result<Ending, DurableError> {
        self.d.status(ending.to_string());
        self.act(Task::Finish { ending, summary, facts }).await?;
        Ok(ending)
    }

    async fn act(&self, task: Task) -> Result<TaskReply, DurableError> {
        let name = task.name();
        let assignment = Assignment { run: self.run.clone(), task };
        let input = serde_json::to_string(&assignment).map_err(|e| DurableError(format!("cannot write a task down: {e}")))?;
        let reply = self.d.act(name, input).await?;
        serde_json::from_str(&reply).map_err(|e| DurableError(format!("cannot read the reply of `{name}`: {e}")))
    }
}
