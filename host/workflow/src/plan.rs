//! A plan: a workflow, resolved. Every input is checked, every step has its id, and nothing is looked up any more.
//!
//! A run keeps its own copy, so a changed file never changes a running deployment. Text that needs a fact of the run
//! (`${setup.newGroup.id}`) stays [deferred](crate::fill); everything else is final. The next room is `engine`.

mod failure;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shiftgate_model::{
    AccountId, AmiId, Amount, Digest, DownsizeOrder, ElastigroupTemplate, Family, ListenerArn, Millis, PluginKind, PluginSource,
    RuleArn, SecretRef, Sizing, StepId, TargetGroupArn, Weight,
};

pub use failure::{FailureAction, FailurePolicy, Final};

/// What a run will do, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of the file's format: 1.
    pub version: u32,
    /// The workflow's name.
    pub workflow: String,
    /// How the deployment goes.
    pub strategy: Strategy,
    /// The service's name.
    pub service: String,
    /// The environment's name.
    pub environment: String,
    /// Where it is deployed.
    pub infrastructure: Infrastructure,
    /// The image that is deployed.
    pub artifact: AmiId,
    /// The one setup that all phases share.
    pub setup: Setup,
    /// The phases, in order; a basic workflow has one.
    pub phases: Vec<Phase>,
    /// Steps of the file's `rollback:` section, run before the native rollback.
    pub rollback: Vec<Step>,
    /// Steps after the end, whatever it is.
    pub wrap_up: Vec<Step>,
    /// What a failure leads to, where a step does not say.
    pub on_failure: FailurePolicy,
    /// Inputs as given or defaulted, for the record.
    pub inputs: BTreeMap<String, Value>,
    /// The plan that was agreed on before the run; none when the run was started without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Agreed>,
}

/// A plan that somebody has agreed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    /// Its digest.
    pub digest: String,
    /// What the rehearsal's setup found: a run whose setup finds anything else does not begin.
    pub observed: Value,
}

impl Plan {
    /// The verifications that go on beside the later steps.
    pub fn background(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps).filter(|step| step.is_background())
    }

    /// The steps that are plugins, those of the rollback and the wrap-ups last, each with the kind of its plugin.
    pub fn plugin_steps(&self) -> impl Iterator<Item = (&Step, &PluginStep, PluginKind)> {
        let steps = self.phases.iter().flat_map(|phase| &phase.steps).chain(&self.rollback).chain(&self.wrap_up);
        steps.filter_map(|step| match &step.action {
            Action::Setup | Action::Deploy(_) | Action::Swap(_) | Action::Shift(_) | Action::Background => None,
            Action::Verify(plugin) => Some((step, plugin, PluginKind::Verification)),
            Action::Approve(approve) => Some((step, &approve.step, PluginKind::Approval)),
            Action::WrapUp(plugin) => Some((step, plugin, PluginKind::WrapUp)),
        })
    }

    /// Whether each plugin is bound to a component.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.plugin_steps().all(|(_, step, _)| step.plugin.pinned.is_some())
    }

    /// Binds each plugin to the component that its name stands for now.
    pub fn pin(&mut self, digests: &BTreeMap<String, Digest>) {
        let steps = self.phases.iter_mut().flat_map(|phase| &mut phase.steps);
        for step in steps.chain(&mut self.rollback).chain(&mut self.wrap_up) {
            let plugin = match &mut step.action {
                Action::Setup | Action::Deploy(_) | Action::Swap(_) | Action::Shift(_) | Action::Background => continue,
                Action::Verify(step) | Action::WrapUp(step) => &mut step.plugin,
                Action::Approve(approve) => &mut approve.step.plugin,
            };
            plugin.pinned = digests.get(&plugin.name).cloned();
        }
    }
}

/// How a deployment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once.
    Basic,
    /// In phases, each a cumulative share.
    Canary,
    /// A second group behind the same load balancers, and the routes changed: at once or by weight.
    BlueGreen,
}

impl Strategy {
    /// The word in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
        }
    }
}

/// Where it is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// Its name.
    pub name: String,
    /// The AWS region.
    pub region: String,
    /// The profile of AWS's shared configuration files; none leaves it to AWS's own chain.
    pub aws_profile: Option<String>,
    /// The Spot account; none takes the environment's.
    pub account: Option<AccountId>,
    /// Where the Spot token is; none takes the environment's. A reference, never the token.
    pub token: Option<SecretRef>,
}

/// Elastigroup Setup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The family that the new revision belongs to.
    pub family: Family,
    /// How large the deployment becomes.
    pub sizing: Sizing,
    /// What the new group is made from.
    pub template: ElastigroupTemplate,
    /// The service's user data, plain text; none leaves the template's.
    pub user_data: Option<String>,
    /// How long a group may take to reach steady state, where a step does not say.
    pub steady_state_timeout: Millis,
    /// How many empty old revisions stay.
    pub keep_old_groups: u32,
    /// Where requests come in; none for basic and canary, which leave that alone.
    pub routing: Option<Routing>,
}

/// The load balancers of a blue/green deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// How traffic moves, and where.
    pub shape: RoutingShape,
    /// What the stage group's name ends in: `__STAGE__Harness`.
    pub stage_suffix: String,
    /// Target groups that are production whatever their weights say; given by the operator for one run.
    pub assume_production: Vec<TargetGroupArn>,
}

/// How traffic moves, with one entry a load balancer, at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingShape {
    /// At once: a production and a stage listener exchange their target groups.
    Swap(Vec<SwapRoute>),
    /// By weight: one rule with two target groups.
    Shift(Vec<ShiftRoute>),
}

/// A load balancer with a production and a stage side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRoute {
    /// Its name.
    pub load_balancer: String,
    /// Where users come in.
    pub production: RouteAt,
    /// Where the new group is looked at before they do.
    pub stage: RouteAt,
}

/// A load balancer with one rule whose weights move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRoute {
    /// Its name; none when the listener is given by its ARN, which says it.
    pub load_balancer: Option<String>,
    /// Where users come in.
    pub production: RouteAt,
}

impl ShiftRoute {
    /// The load balancer's name, said or held by the listener's ARN; none when neither says it.
    #[must_use]
    pub fn load_balancer_name(&self) -> Option<&str> {
        match (&self.load_balancer, &self.production.listener) {
            (Some(name), _) => Some(name),
            (None, ListenerAt::Arn(arn)) => arn.load_balancer_name(),
            (None, ListenerAt::Port(_)) => None,
        }
    }
}

/// A rule of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAt {
    /// The listener.
    pub listener: ListenerAt,
    /// The rule; none for the default rule.
    pub rule: Option<RuleArn>,
}

/// A listener of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerAt {
    /// By its port.
    Port(u16),
    /// By its ARN.
    Arn(ListenerArn),
}

/// Some steps under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its steps, in order. The first phase begins with the setup.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Stable over retries and resumes.
    pub id: StepId,
    /// What a person calls it: `Elastigroup Deploy 25%`.
    pub title: String,
    /// What it does.
    pub action: Action,
    /// What its failure leads to; none takes the plan's.
    pub on_failure: Option<FailurePolicy>,
}

impl Step {
    /// Whether it is a verification that goes on beside the later steps.
    #[must_use]
    pub const fn is_background(&self) -> bool {
        matches!(&self.action, Action::Verify(PluginStep { background: true, .. }))
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Elastigroup Setup.
    Setup,
    /// Elastigroup Deploy.
    Deploy(Deploy),
    /// Swap Production with Stage.
    Swap(Swap),
    /// Shift Traffic Weight.
    Shift(Shift),
    /// A verification plugin.
    Verify(PluginStep),
    /// The last step of a plan with background verifications: waits for those that are still open.
    Background,
    /// An approval plugin, and the rule that the host counts by.
    Approve(Approve),
    /// A wrap-up plugin.
    WrapUp(PluginStep),
}

/// Swap Production with Stage: exchanges the target groups of the two sides, then the names of the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// Whether the old group goes to 0/0/0 behind it.
    pub downsize_old: bool,
    /// How long the old group may take to be empty; none takes the setup's.
    pub timeout: Option<Millis>,
}

/// Shift Traffic Weight: the new group's share of the requests, absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// The new group's weight.
    pub weight: Weight,
    /// Whether the old group goes to 0/0/0 behind it; at 100 only.
    pub downsize_old: bool,
    /// How long the old group may take to be empty; none takes the setup's.
    pub timeout: Option<Millis>,
}

/// Elastigroup Deploy: resizes both groups; in a blue/green deployment the new one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// The new group's share or count, cumulative.
    pub amount: Amount,
    /// What stays of the old group; none for what the new one took over.
    pub downsize_old: Option<Amount>,
    /// Which group moves first.
    pub order: DownsizeOrder,
    /// How long each group may take; none takes the setup's.
    pub timeout: Option<Millis>,
}

/// A plugin, and what it is called with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginStep {
    /// The component and its rights.
    pub plugin: PluginSource,
    /// The config; texts in it may be deferred.
    pub with: Value,
    /// How long the step may take, where the file says so.
    pub timeout: Option<Millis>,
    /// Whether it goes on beside the later steps; a verification of a phase only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
}

impl PluginStep {
    /// How long the step may take: as the file says, else a week, so that no plugin goes on for ever.
    #[must_use]
    pub fn limit(&self) -> Millis {
        self.timeout.unwrap_or(Millis(7 * 86_400_000))
    }
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approve {
    /// Who collects the ballots.
    pub step: PluginStep,
    /// What is asked.
    pub message: String,
    /// Who may vote; empty for anyone.
    pub approvers: Vec<String>,
    /// How many have to approve, at least 1.
    pub quorum: u32,
    /// How long they have.
    pub expires: Millis,
    /// What a rejection leads to.
    pub on_reject: FailureAction,
    /// What silence leads to. Never an approval.
    pub on_expiry: FailureAction,
}
