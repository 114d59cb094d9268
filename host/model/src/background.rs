//! A verification that goes on in the background of its run: where it stands between two of its calls. The record holds it,
//! nothing of it lies in the engine's journal.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ActionState, RunInfo, StepError, Timestamp};

/// A background verification between two of its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// What its plugin is told of the run, as it was when the verification began; step, attempt and deadline are here.
    pub run: RunInfo,
    /// The fencing number of the family's lock when this attempt began: its evidence is counted under it.
    pub fence: i64,
    /// What it is configured with, every expression resolved; a secret stands there as its placeholder.
    pub config: Value,
    /// When it is to be looked after next; never behind its deadline.
    pub due: Timestamp,
    /// What comes next.
    pub stage: Stage,
}

/// What comes next for a background verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its attempt begins when it is due: the one before it failed, or its run was aborted meanwhile.
    Starts,
    /// Its plugin is polled when it is due; how many calls there were is in the seal of the state.
    Waits {
        /// What the plugin saved.
        state: ActionState,
    },
    /// It could not tell: a person decides.
    Undecided {
        /// What the plugin said, in a sentence.
        summary: String,
    },
    /// It failed, and its failure strategy asks a person what to do.
    Failed {
        /// Why.
        error: StepError,
    },
}

impl Stage {
    /// Whether it goes on by itself when it is due.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        match self {
            Self::Starts | Self::Waits { .. } => true,
            Self::Undecided { .. } | Self::Failed { .. } => false,
        }
    }
}
