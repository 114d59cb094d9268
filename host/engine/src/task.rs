//! What the interpreter asks of an activity, and what the activity answers. Both lie in the engine's journal as JSON:
//! references to secrets may stand here, never values. Next: `activities`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shiftgate_model::{ActionState, Ending, Millis, StepError, StepId, Timestamp};
use shiftgate_workflow::Final;

use crate::Facts;
use crate::activities::Assignment;

/// One activity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Check every plugin, then take the lock of the group family; waits for it.
    Begin,
    /// Run a step, or go on with one that waited.
    Step {
        /// Which step of the plan.
        step: StepId,
        /// 1 for the first attempt.
        attempt: u32,
        /// What earlier steps found.
        facts: Facts,
        /// What a waiting step saved, and why it is woken; none to start it.
        resumed: Option<(StepState, Waking)>,
        /// How the run ended; for wrap-ups only.
        ending: Option<(Ending, String)>,
    },
    /// Put everything back, from the record.
    Rollback {
        /// Why.
        reason: String,
        /// What the steps found.
        facts: Facts,
    },
    /// Say what is where, record the ending, give the lock back.
    Finish {
        /// How the run ended.
        ending: Ending,
        /// One sentence.
        summary: String,
        /// What the steps found.
        facts: Facts,
    },
}

impl Task {
    /// The name that the activity is registered under.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Step { .. } => "step",
            Self::Rollback { .. } => "rollback",
            Self::Finish { .. } => "finish",
        }
    }
}

/// What a step saves while it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// When the step began.
    pub started_at: Timestamp,
    /// When it has to be decided; none without a limit.
    pub deadline: Option<Timestamp>,
    /// What the plugin saved; none while a person is asked about an inconclusive verification.
    pub plugin: Option<ActionState>,
    /// How many ballots the log has shown already.
    pub shown: u32,
    /// What a person is asked about after the step's failure; none while the step itself waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Box<Asked>>,
    /// What keeps the step from its own, while background verifications go on; none while it does its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<Beside>>,
}

/// A step that is kept from its own, and what it goes on with afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Why.
    pub why: Kept,
    /// What the step itself saved, and why it was woken; none to begin it.
    pub own: Option<(StepState, Waking)>,
}

/// Why a step is kept from its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Its wait is cut short, since a background verification is due earlier.
    Cut {
        /// When its own time is over; none when it waits for a ballot only.
        until: Option<Timestamp>,
        /// Whether it waits for a ballot.
        ballot: bool,
    },
    /// The pause before its next attempt, as a wait that can be cut short.
    Paused {
        /// Why the last attempt failed.
        error: StepError,
        /// When the next one begins.
        until: Timestamp,
    },
    /// A person is asked about a background verification.
    Asked {
        /// Which.
        step: StepId,
    },
}

/// A failure that a person is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The failure.
    pub error: StepError,
    /// What happens when nobody answers, or the answer is no.
    pub otherwise: Final,
}

/// Why a waiting step goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waking {
    /// The time that it asked for is over.
    Timer,
    /// A ballot came.
    Ballot(Value),
    /// Its deadline has passed.
    Expired,
    /// An operator has ordered something.
    Ordered,
}

/// How an activity ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskReply {
    /// It did its part.
    Done(Facts),
    /// The step goes on later.
    Wait {
        /// What to give back.
        state: StepState,
        /// Wake after this long; none to wait for a ballot only.
        after: Option<Millis>,
        /// Wake on a ballot.
        ballot: bool,
        /// How long until the deadline; none without one.
        expires: Option<Millis>,
    },
    /// It failed, and this comes next.
    Failed {
        /// Why.
        error: StepError,
        /// What the failure strategy leads to.
        next: Next,
    },
    /// A rollback ended.
    RolledBack {
        /// Whether there was anything to put back.
        ending: Ending,
        /// One sentence.
        summary: String,
    },
}

/// Whether the interpreter that got this reply, as it lies in the journal, goes backwards from there on: its run began
/// with a rollback decided, or a step's failure led to one.
#[must_use]
pub fn goes_back(reply: &str) -> bool {
    match serde_json::from_str(reply) {
        Ok(TaskReply::Done(facts)) => facts.rolling_back.is_some(),
        Ok(TaskReply::Failed { next, .. }) => next == Next::Rollback,
        Ok(TaskReply::RolledBack { .. }) => true,
        Ok(TaskReply::Wait { .. }) | Err(_) => false,
    }
}

/// The step that a task, as it lies in the journal, is a part of; none for what is no step.
#[must_use]
pub fn step_of(task: &str) -> Option<StepId> {
    match serde_json::from_str::<Assignment>(task).ok()?.task {
        Task::Step { step, .. } => Some(step),
        Task::Begin | Task::Rollback { .. } | Task::Finish { .. } => None,
    }
}

/// What a failure leads to, after the strategy of the step and the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Try the step again after this long.
    Retry {
        /// The pause.
        after: Millis,
    },
    /// Go on as if it had succeeded.
    Ignore,
    /// Put everything back.
    Rollback,
    /// Stop where it stands.
    Abort,
    /// The same, since an operator ordered it; in a rollback, too.
    Stop,
    /// End as failed.
    Fail,
}
