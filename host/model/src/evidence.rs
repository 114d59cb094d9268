//! What a verification leaves for whoever asks later why it decided as it did: each of its calls, with every exchange that the
//! call had with the outside. Kept beside the events of a run; a report draws it, and a replay judges it again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Call, Digest, Millis, Report, RunInfo, StepId, Timestamp};

/// One call of a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The step.
    pub step: StepId,
    /// The attempt of the step, 1 for the first.
    pub attempt: u32,
    /// The call within the attempt, 1 for the first.
    pub call: u32,
    /// When it began, by the run's clock.
    pub at: Timestamp,
    /// The plugin's name in the workflow.
    pub plugin: String,
    /// The component that was called.
    pub digest: Digest,
    /// What it was configured with; a secret stands there as its placeholder.
    pub config: Value,
    /// What it was told of the run.
    pub run: RunInfo,
    /// What it was called for, with the state that it had saved.
    pub action: Call,
    /// What it asked the outside, in order.
    pub exchanges: Vec<Exchange>,
    /// Exchanges that there was no room for.
    pub left_out: u32,
    /// What it reported; none while it goes on.
    pub report: Option<Report>,
}

/// One request of a plugin and its answer, as the plugin saw them: placeholders where secrets went out, and without the headers
/// that the host added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// When it was sent, by the run's clock.
    pub at: Timestamp,
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// The body, as text; what is no UTF-8 in it is replaced.
    pub body: String,
    /// How long the answer took.
    pub took: Millis,
    /// The answer, or in words why there was none.
    pub answer: Result<Answered, String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as text; what is no UTF-8 in it is replaced.
    pub body: String,
    /// Whether there was more of the body than there was room for.
    pub cut: bool,
}
