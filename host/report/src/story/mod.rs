//! The story of one run: what happened when, folded from its events and its evidence. Pure: facts in, facts out; `page` and
//! `terminal` draw it, and as JSON it is the answer for programs.
//!
//! `status` says where a run is; this says how it came there, so everything here has its moments. `fold` reads the events, `judged`
//! joins what the verifications left.

mod fold;
mod groups;
mod judged;
mod words;

use serde::Serialize;
use shiftgate_model::{
    AmiId, Capacity, Ending, ErrorClass, Event, Evidence, Forward, GroupId, Millis, RuleArn, RunId, StepId, TargetGroupArn,
    Timestamp, Verdict, Vote,
};

use crate::analysis::Analysis;
use crate::text::Text;

/// What is known of a run besides its events.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The run.
    pub run: RunId,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Now: where the time axis of a run ends that goes on.
    pub now: Timestamp,
    /// Whether a process works on it; none when that cannot be told.
    pub driven: Option<bool>,
    /// What its plan deploys where; none when the plan cannot be read.
    pub heading: Option<Heading>,
    /// Every step of its plan, in order; empty when the plan cannot be read.
    pub planned: Vec<Planned>,
}

/// What a plan deploys where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// The workflow's name.
    pub workflow: String,
    /// `basic`, `canary` or `blue-green`.
    pub strategy: String,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// The infrastructure's name.
    pub infrastructure: String,
    /// The image.
    pub artifact: AmiId,
}

/// A step that is to come.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The step.
    pub id: StepId,
    /// The heading that it stands under; none for a wrap-up.
    pub phase: Option<String>,
    /// What it does.
    pub title: String,
}

/// The story of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    pub(crate) run: Text,
    #[serde(flatten)]
    pub(crate) head: Option<Head>,
    pub(crate) began: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// Where the time axis ends: the end of the run, or now.
    pub(crate) until: Timestamp,
    pub(crate) state: State,
    pub(crate) summary: Text,
    pub(crate) rollback: Option<Rollback>,
    pub(crate) steps: Vec<Step>,
    pub(crate) groups: Vec<Group>,
    pub(crate) routes: Vec<Route>,
    /// The share of requests that the new group got, 0 to 100, each from its moment on; empty without routes.
    pub(crate) traffic: Vec<(Timestamp, f64)>,
    /// What the run said it leaves behind at its end.
    pub(crate) left: Vec<Text>,
    pub(crate) verifications: Vec<Verification>,
    pub(crate) questions: Vec<Question>,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) errors: Vec<Trouble>,
    pub(crate) events: Vec<Line>,
}

/// What is deployed where.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Head {
    pub(crate) workflow: Text,
    pub(crate) strategy: Text,
    pub(crate) service: Text,
    pub(crate) environment: Text,
    pub(crate) infrastructure: Text,
    pub(crate) artifact: Text,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Ended(Ending),
    Running,
    Asks,
    RollingBack,
    /// It has not ended, and no process works on it.
    Stopped,
}

/// When and why a run went back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rollback {
    pub(crate) at: Timestamp,
    pub(crate) reason: Text,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    #[serde(skip)]
    pub(crate) key: StepId,
    pub(crate) id: Text,
    pub(crate) phase: Option<Text>,
    pub(crate) title: Text,
    pub(crate) state: StepState,
    /// It is the wait for another run, which has no end of its own.
    #[serde(skip)]
    pub(crate) queues: bool,
    pub(crate) took: Option<Millis>,
    /// What it was busy with, in order, without overlaps.
    pub(crate) spans: Vec<Span>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    Pending,
    /// The run ended before it.
    NotReached,
    Running,
    Done,
    Skipped,
    Ignored,
    Failed,
    /// It was under way when the run stopped or was rolled back.
    Left,
}

/// A part of a step's time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) what: Busy,
    pub(crate) from: Timestamp,
    /// None while it lasts.
    pub(crate) to: Option<Timestamp>,
}

/// What a step does with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Busy {
    /// It acts, or measures.
    Acts,
    /// It waits for instances to be healthy.
    Settles,
    /// It waits for a target group to finish what it has.
    Drains,
    /// It waits for a person.
    Asks,
    /// It waits for another run, for time, or for its next attempt.
    Waits,
}

/// One Elastigroup that the run has touched or found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    #[serde(skip)]
    pub(crate) key: GroupId,
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) role: Role,
    /// Before this run.
    pub(crate) original: Option<Capacity>,
    /// As last written or found.
    pub(crate) capacity: Option<Capacity>,
    /// The instances that it was to have, each number from its moment on.
    pub(crate) target: Vec<(Timestamp, u32)>,
    /// Those that were seen to be healthy.
    pub(crate) healthy: Vec<(Timestamp, u32)>,
    /// All instances at the last look.
    pub(crate) total: Option<u32>,
    pub(crate) deleted: Option<Timestamp>,
}

/// What a group is to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    New,
    Old,
    Older,
}

/// One rule of a load balancer that the run has read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Route {
    #[serde(skip)]
    pub(crate) rule: RuleArn,
    pub(crate) load_balancer: Text,
    pub(crate) port: u16,
    pub(crate) before: Text,
    pub(crate) now: Text,
    /// As it was when it was read first.
    #[serde(skip)]
    pub(crate) read: Forward,
    /// The new group's target group; none in a rule that no users come in by.
    #[serde(skip)]
    pub(crate) stage: Option<TargetGroupArn>,
}

/// One attempt of a verification.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verification {
    pub(crate) step: Text,
    pub(crate) phase: Option<Text>,
    pub(crate) attempt: u32,
    pub(crate) plugin: Text,
    /// The SHA-256 of the component; empty when that is not known.
    pub(crate) digest: Text,
    pub(crate) began: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// None while it goes on, or when it ended without a report.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) summary: Text,
    /// Why its last call failed; none when it did not.
    pub(crate) error: Option<Text>,
    pub(crate) findings: Vec<(Verdict, Text)>,
    /// What it reported in plain numbers.
    pub(crate) measured: Vec<Measured>,
    pub(crate) analysis: Option<Analysis>,
    /// What else it left, by name, as JSON.
    pub(crate) evidence: Vec<(Text, Text)>,
    pub(crate) config: Text,
    pub(crate) calls: u32,
    pub(crate) exchanges: Vec<Asked>,
    pub(crate) left_out: u32,
}

/// One number of a verification.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: Text,
    pub(crate) value: Option<f64>,
    pub(crate) unit: Text,
    pub(crate) threshold: Text,
    pub(crate) verdict: Verdict,
}

/// One exchange with the outside.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) request: Text,
    /// Those that the plugin itself gave, one a line; empty where they were not kept.
    pub(crate) headers: Text,
    pub(crate) body: Text,
    pub(crate) took: Millis,
    /// `200`, or why there was no answer.
    pub(crate) status: Text,
    pub(crate) answer: Text,
    pub(crate) cut: bool,
}

/// What people were asked.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Question {
    #[serde(skip)]
    pub(crate) key: StepId,
    pub(crate) step: Text,
    pub(crate) at: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) what: Text,
    /// Who may answer, and how many have to; for a failure, what happens when nobody does.
    pub(crate) terms: Text,
    pub(crate) votes: Vec<Cast>,
    pub(crate) answer: Answer,
    pub(crate) answered: Option<Timestamp>,
}

/// What came of a question.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    Open,
    Approved(Text),
    Rejected(Text),
    Retried(Text),
    Expired(Text),
    /// The run ended, or went back, before anybody decided.
    Dropped,
}

/// One vote.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cast {
    pub(crate) by: Text,
    pub(crate) vote: Vote,
    pub(crate) at: Timestamp,
    pub(crate) comment: Text,
    /// Why it does not count; none when it does.
    pub(crate) refused: Option<Text>,
}

/// One thing that a wrap-up did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Receipt {
    pub(crate) at: Timestamp,
    pub(crate) step: Text,
    pub(crate) what: Text,
    pub(crate) failed: bool,
}

/// An error of a step, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trouble {
    pub(crate) at: Timestamp,
    pub(crate) step: Text,
    pub(crate) class: ErrorClass,
    pub(crate) message: Text,
    pub(crate) hint: Option<Text>,
    pub(crate) then: Text,
}

/// One event.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) step: Text,
    pub(crate) what: Text,
}

impl Story {
    /// Folds the events, oldest first, and joins the evidence.
    #[must_use]
    pub fn of(facts: Facts, events: &[Event], evidence: &[Evidence]) -> Self {
        let mut story = fold::folded(facts, events);
        story.verifications = judged::verifications(&story, events, evidence);
        story
    }

    /// How many verifications ended so.
    pub(crate) fn verdicts(&self, verdict: Verdict) -> usize {
        self.verifications.iter().filter(|verification| verification.verdict == Some(verdict)).count()
    }
}
