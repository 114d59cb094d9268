//! Where a run is, folded from its events and the plan that it keeps. Pure: events in, facts out; `text` gives them words.
//!
//! The one reading of the event stream: `status`, the votes and the last lines of a run all ask it.

mod fold;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use text::{closing, status};

use serde::Serialize;

use shiftgate_model::{Capacity, Ending, GroupId, GroupName, Millis, RuleArn, RunId, StepId, Timestamp};
use shiftgate_report::Heading;
use shiftgate_workflow::Plan;

/// Where a run is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    pub(crate) run: RunId,
    #[serde(flatten)]
    pub(crate) header: Option<Heading>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) ending: Option<Ending>,
    pub(crate) summary: String,
    pub(crate) rolling_back: Option<String>,
    pub(crate) steps: Vec<StepView>,
    pub(crate) groups: Vec<GroupView>,
    pub(crate) routes: Vec<RouteView>,
    pub(crate) waits_for: Option<Wait>,
    /// What the run said it leaves behind at its end.
    pub(crate) left: Vec<String>,
    /// The number of the last event.
    pub(crate) events: u64,
    /// The phase that the next steps belong to.
    #[serde(skip)]
    phase: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct StepView {
    pub(crate) id: StepId,
    /// The heading that it stands under.
    pub(crate) phase: Option<String>,
    pub(crate) title: String,
    pub(crate) state: StepState,
    /// A reason, an error or an attempt; empty when there is nothing to add.
    pub(crate) detail: String,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) took: Option<Millis>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    Pending,
    Running,
    Waiting,
    Done,
    Skipped,
    Ignored,
    Failed,
}

/// One Elastigroup that the run has touched or found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct GroupView {
    pub(crate) id: GroupId,
    pub(crate) name: Option<GroupName>,
    pub(crate) role: Role,
    /// As last written or found by this run.
    pub(crate) capacity: Option<Capacity>,
    /// Before this run.
    pub(crate) original: Option<Capacity>,
    /// Healthy and total instances at the last look.
    pub(crate) healthy: Option<u32>,
    pub(crate) total: Option<u32>,
    pub(crate) deleted: bool,
}

/// One rule of a load balancer that the run has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RouteView {
    pub(crate) load_balancer: String,
    pub(crate) port: u16,
    #[serde(skip)]
    rule: RuleArn,
    /// Where it sends requests, as last written or found by this run.
    pub(crate) now: String,
    /// Before this run.
    pub(crate) before: String,
}

/// What a group is to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    New,
    Old,
    Other,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Wait {
    Vote { step: StepId, message: String, approvers: Vec<String>, quorum: u32, expires_at: Timestamp, votes: Vec<String> },
    Intervention { step: StepId, error: String, otherwise: String, expires_at: Timestamp },
    Lock { family: String, holder: RunId, ahead: u32 },
    SteadyState { step: Option<StepId>, group: GroupId, until: Timestamp },
    Signal { step: Option<StepId>, signal: Option<String>, until: Option<Timestamp> },
    Drain { step: Option<StepId>, target_group: String, until: Timestamp },
}

impl Wait {
    /// Whether it is a wait of another step than that one.
    fn is_of_another(&self, step: Option<&StepId>) -> bool {
        let of = match self {
            Self::Vote { step, .. } | Self::Intervention { step, .. } => Some(step),
            Self::SteadyState { step, .. } | Self::Signal { step, .. } | Self::Drain { step, .. } => step.as_ref(),
            Self::Lock { .. } => None,
        };
        of.zip(step).is_some_and(|(of, step)| of != step)
    }
}

impl View {
    /// A run of which nothing is known but its plan; a run whose plan cannot be read shows its events alone.
    pub(crate) fn new(run: RunId, plan: Option<&Plan>) -> Self {
        Self {
            run,
            header: plan.map(heading),
            started_at: None,
            ended_at: None,
            ending: None,
            summary: String::new(),
            rolling_back: None,
            steps: plan.map(planned).unwrap_or_default(),
            groups: Vec::new(),
            routes: Vec::new(),
            waits_for: None,
            left: Vec::new(),
            events: 0,
            phase: None,
        }
    }

    /// The step that waits for a person.
    pub(crate) const fn vote(&self) -> Option<&StepId> {
        match &self.waits_for {
            Some(Wait::Vote { step, .. } | Wait::Intervention { step, .. }) => Some(step),
            Some(Wait::Lock { .. } | Wait::SteadyState { .. } | Wait::Signal { .. } | Wait::Drain { .. }) | None => None,
        }
    }

    /// The columns that the longest step id needs.
    pub(crate) fn step_width(&self) -> usize {
        self.steps.iter().map(|step| step.id.as_str().len()).max().unwrap_or(0).max("rollback".len())
    }
}

/// What a plan deploys where.
pub(crate) fn heading(plan: &Plan) -> Heading {
    Heading {
        workflow: plan.workflow.clone(),
        strategy: plan.strategy.as_str().to_owned(),
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        infrastructure: plan.infrastructure.name.clone(),
        artifact: plan.artifact.clone(),
    }
}

/// Every step of a plan that runs when nothing fails. Those of `rollback:` join when they start.
fn planned(plan: &Plan) -> Vec<StepView> {
    let phased = plan.phases.iter().flat_map(|phase| phase.steps.iter().map(move |step| (Some(&phase.name), step)));
    phased
        .chain(plan.wrap_up.iter().map(|step| (None, step)))
        .map(|(phase, step)| StepView {
            id: step.id.clone(),
            phase: phase.cloned(),
            title: step.title.clone(),
            state: StepState::Pending,
            detail: String::new(),
            started_at: None,
            took: None,
        })
        .collect()
}
