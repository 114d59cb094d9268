//! What a run would do: the same interpreter and the same steps, over a copy of the cloud that only takes notes.
//!
//! Nothing is written anywhere. The cloud is read once and changed in memory; instances of a changed group are taken to be
//! up and healthy at once, and every verification and approval is passed over. So the calls are those of a run that goes
//! well, in their order, and what setup would refuse is refused here.

mod copy;
mod notes;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use shiftgate_model::{
    Clock, CloudError, Ending, Groups, Ledger, Millis, PluginCall, PluginError, PluginReply, PluginRunner, PluginSource, Routes,
    RunId, Service, StepError, StepId,
};
use shiftgate_workflow::{Action, FailureAction, FailurePolicy, Plan, Step};

use self::copy::Copy;
use self::notes::Notes;
use crate::{Activities, Durable, DurableError, Heard, Pace, Ports, Settings, WhenBusy, deploy};

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rehearsal {
    /// Every step of the plan, in order; a native one with its calls.
    pub steps: Vec<PlannedStep>,
    /// What setup found before anything changed: groups, capacities, rules with their actions. For comparing two rehearsals.
    pub observed: Value,
}

/// A step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedStep {
    /// The step.
    pub step: StepId,
    /// What a person calls it.
    pub title: String,
    /// The calls that change something, in order; empty for a plugin step.
    pub calls: Vec<PlannedCall>,
}

/// A call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedCall {
    /// Whom it goes to.
    pub service: Service,
    /// By the service's name for it: `UpdateCapacity`, `ModifyRule`.
    pub operation: &'static str,
    /// The group's or the rule's id.
    pub subject: String,
    /// The group's name, or the load balancer's rule in words.
    pub name: String,
    /// What is there before; none for a create.
    pub before: Option<String>,
    /// What is there after; none for a delete.
    pub after: Option<String>,
}

/// Why it cannot be said what a run would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// A run would stop there.
    #[error("step `{step}` would fail: {error}")]
    Step {
        /// The step.
        step: StepId,
        /// Why.
        #[source]
        error: StepError,
    },
    /// This program's own mistake.
    #[error("the rehearsal failed: {0}")]
    Engine(#[from] DurableError),
}

/// Rehearses `plan` over `groups` and `routes`, which are only read. `ledger` is the record of earlier runs; it is only
/// asked which groups they named.
///
/// # Errors
/// [`RehearsalError`] where a run would fail.
pub async fn rehearse(
    plan: &Plan,
    groups: Arc<dyn Groups>,
    routes: Option<Arc<dyn Routes>>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
) -> Result<Rehearsal, RehearsalError> {
    let native = Arc::new(native_only(plan));
    let notes = Arc::new(Notes::new(Arc::clone(&native), ledger));
    let copy = Arc::new(Copy::new(groups, routes, Arc::clone(&notes)));
    let ports = Ports {
        groups: Arc::clone(&copy) as _,
        routes: Some(copy as _),
        plugins: Arc::new(NoPlugins),
        ledger: Arc::clone(&notes) as _,
        locks: Arc::clone(&notes) as _,
        events: Arc::clone(&notes) as _,
        evidence: Arc::clone(&notes) as _,
        parking: Arc::clone(&notes) as _,
        runs: Arc::clone(&notes) as _,
        clock,
    };
    let pace = Pace { first: Millis(1), longest: Millis(1), stable_for: 1, propagation: Millis(0) };
    let settings = Settings { account: String::new(), pace, when_busy: WhenBusy::Refuse };
    let durable = AtOnce(Activities::new(ports, settings));
    let ending = deploy(&durable, &RunId::new("(this run)"), &native).await?;
    match (ending, notes.failure()) {
        (Ending::Succeeded, _) => Ok(Rehearsal { steps: steps(plan, &notes), observed: notes.observed() }),
        (_, Some((step, error))) => Err(RehearsalError::Step { step, error }),
        (ending, None) => Err(DurableError(format!("it ended as {ending}, and no step says why")).into()),
    }
}

/// The plan without its plugins, whose every failure is the end.
fn native_only(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for phase in &mut plan.phases {
        phase.steps.retain(|step| is_native(&step.action));
        phase.steps.iter_mut().for_each(|step| step.on_failure = None);
    }
    plan.rollback.clear();
    plan.wrap_up.clear();
    plan.on_failure = FailurePolicy { default: FailureAction::Fail, by_class: Default::default() };
    plan
}

const fn is_native(action: &Action) -> bool {
    match action {
        Action::Setup | Action::Deploy(_) | Action::Swap(_) | Action::Shift(_) => true,
        Action::Verify(_) | Action::Background | Action::Approve(_) | Action::WrapUp(_) => false,
    }
}

fn steps(plan: &Plan, notes: &Notes) -> Vec<PlannedStep> {
    let planned = |step: &Step| PlannedStep { step: step.id.clone(), title: step.title.clone(), calls: notes.calls(&step.id) };
    plan.phases.iter().flat_map(|phase| &phase.steps).chain(&plan.wrap_up).map(planned).collect()
}

/// A [`Durable`] that waits for nothing.
struct AtOnce(Activities);

impl Durable for AtOnce {
    async fn act(&self, _name: &'static str, input: String) -> Result<String, DurableError> {
        self.0.perform_text(&input).await.map_err(DurableError)
    }

    async fn wait(&self, _signal: Option<&str>, _timeout: Millis) -> Result<Heard, DurableError> {
        Ok(Heard::Nothing)
    }

    fn status(&self, _status: String) {}
}

/// No plugin step is left to rehearse.
struct NoPlugins;

#[async_trait::async_trait]
impl PluginRunner for NoPlugins {
    async fn call(&self, source: &PluginSource, _call: &PluginCall) -> Result<PluginReply, PluginError> {
        let message = "a rehearsal calls no plugin".to_owned();
        Err(PluginError { plugin: source.name.clone(), message, hint: None, retryable: false, called: None })
    }
}

/// What a copy says of a thing that is not there.
fn missing(service: Service, operation: &str, subject: &str) -> CloudError {
    use shiftgate_model::{Origin, Retry};
    let origin = Origin::Refused("it does not exist".to_owned());
    CloudError { service, operation: operation.to_owned(), subject: Some(subject.to_owned()), origin, retry: Retry::Never }
}
