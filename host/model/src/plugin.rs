//! Steps that are plugins: what the host asks of them, and what they may answer. The WIT contract, as values.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ActionState, AmiId, Capacity, Exchange, Grants, GroupId, GroupName, InstanceId, Limits, Millis, Progress, RunId, StepId,
    TargetGroupArn, Timestamp,
};

/// The three kinds of plugin steps, one WIT world each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Judges a deployment.
    Verification,
    /// Collects the ballots of people or of a system of record.
    Approval,
    /// Acts after the end: notifications, tickets, clean-up elsewhere.
    WrapUp,
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verification => "verification",
            Self::Approval => "approval",
            Self::WrapUp => "wrap-up",
        })
    }
}

/// The SHA-256 of a component file, as 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

/// A plugin as the workflow names it: where it is, what it must be, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginSource {
    /// Its name in the workflow file.
    pub name: String,
    /// The component file, absolute; or a bare name of a plugin that comes with shiftgate (`prometheus`).
    pub file: String,
    /// The digest that the file must have; none accepts any.
    pub sha256: Option<Digest>,
    /// The digest that the run began with; none before it begins. Another component never takes a run's steps over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Digest>,
    /// What the workflow grants.
    pub grants: Grants,
    /// Limits that differ from the defaults.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
}

impl PluginSource {
    /// A plugin that may do nothing but compute, with any digest.
    #[must_use]
    pub fn new(name: impl Into<String>, file: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            file: file.into(),
            sha256: None,
            pinned: None,
            grants: Grants::default(),
            limits: Limits::new(),
        }
    }
}

/// What a call is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginCall {
    /// The kind that the step needs.
    pub kind: PluginKind,
    /// The step's `with:`, every expression resolved.
    pub config: Value,
    /// Facts of the run.
    pub run: RunInfo,
    /// What to call.
    pub action: Call,
}

/// Which function of the contract to call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Check the config; no step runs.
    Validate,
    /// Begin the step. A wrap-up also gets the run's summary.
    Start {
        /// How the run ended, for a wrap-up; none for the other kinds.
        summary: Option<(crate::Ending, String)>,
    },
    /// Go on after a wait.
    Poll {
        /// What the plugin saved.
        state: ActionState,
        /// Why it is woken.
        wake: Wake,
    },
    /// The step is no longer wanted.
    Cancel {
        /// What the plugin saved.
        state: ActionState,
    },
}

/// A plugin's request to be woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// What to give back at the next poll.
    pub state: ActionState,
    /// Wake after this long; none to wait for a signal only.
    pub after: Option<Millis>,
    /// Wake on a ballot (approval only) or another named signal; empty to wait for time only.
    pub signals: Vec<String>,
}

/// Why a plugin is woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// The time asked for is over.
    Timer,
    /// A signal came, with its payload as JSON.
    Signal {
        /// Its name: `ballot`.
        name: String,
        /// Its payload.
        payload: Value,
    },
}

/// What a plugin answered, with what it logged meanwhile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReply {
    /// What came of the call.
    pub outcome: Outcome,
    /// Lines that it logged, already cut and made printable.
    pub log: Vec<LogLine>,
    /// Its last word on how far it is; none when it said nothing.
    pub progress: Option<String>,
    /// The digest of the component that ran.
    pub digest: Digest,
    /// When it began to run, by the run's clock.
    #[serde(default)]
    pub began: Timestamp,
    /// What it asked the outside, in order.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
    /// Exchanges that there was no room for.
    #[serde(default)]
    pub left_out: u32,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The config is fine, or the step is cancelled.
    Accepted,
    /// The config is not fine: each entry is a JSON pointer into it and what is wrong there.
    ConfigRefused(Vec<(String, String)>),
    /// It goes on later.
    Wait(Suspension),
    /// A verification ended.
    Reported(Report),
    /// An approval counted ballots, and goes on or not.
    Counted(Progress),
    /// A wrap-up ended.
    Received(Receipt),
}

/// A line of a plugin's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: crate::Level,
    /// One line, printable.
    pub message: String,
}

/// What a verification says of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as good as it has to be.
    Pass,
    /// It is, with something to look at.
    Warn,
    /// It is not.
    Fail,
    /// The check cannot tell: no data, or a broken promise of the plugin. Never a pass.
    Inconclusive,
    /// The check was not needed.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        })
    }
}

/// The end of a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The judgement.
    pub verdict: Verdict,
    /// One sentence.
    pub summary: String,
    /// What was found, most important first.
    pub findings: Vec<Finding>,
    /// What was measured.
    pub metrics: Vec<Metric>,
    /// What a person may want to see: queries with raw answers, by name.
    pub evidence: BTreeMap<String, Value>,
    /// Values for later steps.
    pub outputs: BTreeMap<String, Value>,
}

/// One thing that a plugin found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it means for the verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub message: String,
}

/// One number that a plugin measured. NaN and infinity are kept as none: they never pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its value; none when there was no data.
    pub value: Option<f64>,
    /// Its unit, such as `ratio` or `ms`; empty when it has none.
    pub unit: String,
    /// The limit that it was held against, in words: `< 0.01`; empty when there was none.
    pub threshold: String,
    /// What it means for the verdict.
    pub verdict: Verdict,
}

/// The end of a wrap-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was done.
    pub actions: Vec<ReceiptAction>,
    /// Values for the record.
    pub outputs: BTreeMap<String, Value>,
}

/// One thing that a wrap-up did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "what", rename_all = "kebab-case")]
pub enum ReceiptAction {
    /// Would be done (dry run).
    Planned(String),
    /// Was done now.
    Done(String),
    /// An earlier attempt had done it.
    AlreadyDone(String),
    /// Could not be done.
    Failed(String),
}

/// Facts of a run that a plugin may know. Facts only, no handles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The same for every attempt and wake of one step.
    pub idempotency_key: String,
    /// The workflow's name.
    pub workflow: String,
    /// The phase's name; empty outside a phase.
    pub phase: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// `basic`, `canary` or `blue-green`.
    pub strategy: String,
    /// The image that is deployed.
    pub artifact: AmiId,
    /// The group that is deployed; none before setup.
    pub new_group: Option<GroupFacts>,
    /// The group that was live before; none for a first deployment.
    pub old_group: Option<GroupFacts>,
    /// The target groups of the new and the old group, with the weights that they have now; empty without routes.
    pub target_groups: Vec<WeighedGroup>,
    /// When the step began.
    pub started_at: Timestamp,
    /// When the step has to be done; none without a limit.
    pub deadline: Option<Timestamp>,
    /// Whether nothing may be changed anywhere.
    pub dry_run: bool,
    /// More facts, by name: `baseline` is where a verification finds what it compares with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl RunInfo {
    /// The first attempt of a step, of which nothing else is known yet.
    #[must_use]
    pub fn new(run: RunId, step: StepId, artifact: AmiId, started_at: Timestamp) -> Self {
        Self {
            attempt: 1,
            attributes: BTreeMap::new(),
            idempotency_key: format!("{run}/{step}"),
            workflow: String::new(),
            phase: String::new(),
            service: String::new(),
            environment: String::new(),
            infrastructure: String::new(),
            strategy: String::new(),
            artifact,
            new_group: None,
            old_group: None,
            target_groups: Vec::new(),
            started_at,
            deadline: None,
            dry_run: false,
            run,
            step,
        }
    }
}

/// A target group and the share of requests that it gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeighedGroup {
    /// The target group.
    pub group: TargetGroupArn,
    /// 0 to 999, relative to the other weights of its rule.
    pub weight: u16,
}

/// What is known of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFacts {
    /// Its id.
    pub id: GroupId,
    /// Its name.
    pub name: GroupName,
    /// What this run last wrote or found.
    pub capacity: Capacity,
    /// Its instances when they were last seen.
    pub instances: Vec<InstanceId>,
}
