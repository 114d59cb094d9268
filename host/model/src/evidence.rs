//! What a verification leaves for whoever asks later why it decided as it did: each of its calls, with every exchange that the
//! call had with the outside. Kept beside the events of a run; a report draws it, and a replay judges it again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Call, Digest, GroupFacts, Millis, Report, RunId, RunInfo, StepId, TargetGroupArn, Timestamp};

/// One call of a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The step.
    pub step: StepId,
    /// Grows each time that the run is taken up again; its steps count their attempts from 1 then.
    #[serde(default)]
    pub fence: i64,
    /// The attempt of the step, 1 for the first.
    pub attempt: u32,
    /// The call within the attempt, 1 for the first.
    pub call: u32,
    /// When it began, by the run's clock. A plugin's own clock stands there until its first exchange is over, then at the end
    /// of that, and so on: who knows the exchanges knows what time it was for the plugin.
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
    /// Why it failed, in words; none when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What makes a call of a run one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallKey {
    /// The step.
    pub step: StepId,
    /// See [`Evidence::fence`].
    pub fence: i64,
    /// The attempt of the step, 1 for the first.
    pub attempt: u32,
    /// The call within the attempt, 1 for the first.
    pub call: u32,
}

impl Evidence {
    /// Which call left it.
    #[must_use]
    pub fn key(&self) -> CallKey {
        CallKey { step: self.step.clone(), fence: self.fence, attempt: self.attempt, call: self.call }
    }
}

/// What an earlier run left to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The run.
    pub run: RunId,
    /// When its step began.
    pub from: Timestamp,
    /// When its step judged.
    pub to: Timestamp,
    /// The group that it deployed.
    pub group: Option<GroupFacts>,
    /// The target group of that.
    pub target_group: Option<TargetGroupArn>,
}

impl Baseline {
    /// What the last call of a run's step left.
    #[must_use]
    pub fn of(run: RunId, last: &Evidence) -> Self {
        Self {
            run,
            from: last.run.started_at,
            to: last.at,
            group: last.run.new_group.clone(),
            target_group: last.run.target_groups.first().map(|first| first.group.clone()),
        }
    }

    /// As a plugin is told of it, by the name `baseline` among the attributes of its run.
    #[must_use]
    pub fn attribute(&self) -> Value {
        let group = self.group.as_ref();
        serde_json::json!({
            "run": self.run,
            "from": self.from,
            "to": self.to,
            "group": group.map(|group| group.name.as_str()).unwrap_or_default(),
            "groupId": group.map(|group| group.id.as_str()).unwrap_or_default(),
            "instances": group.map(|group| group.instances.as_slice()).unwrap_or_default(),
            "targetGroup": self.target_group.as_ref().map(TargetGroupArn::as_str).unwrap_or_default(),
        })
    }
}

/// What a call that failed had done by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// The component that was called.
    pub digest: Digest,
    /// When it began, by the run's clock.
    pub began: Timestamp,
    /// What it asked the outside, in order.
    pub exchanges: Vec<Exchange>,
    /// Exchanges that there was no room for.
    pub left_out: u32,
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
    /// The headers that the plugin itself gave, by name, names in lower case; none in what earlier releases kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_headers: Option<Vec<(String, String)>>,
    /// The body, as text; what is no UTF-8 in it is replaced.
    pub body: String,
    /// How long the answer took.
    pub took: Millis,
    /// The answer, or why there was none: the contract's word for it, then more: `timeout`, `dns: a.example: no such name`.
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
    /// Whether there was more of the two bodies than there was room for.
    pub cut: bool,
}
