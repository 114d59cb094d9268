//! What is looked at before a run is recorded, so that a mistake in the surroundings leaves nothing behind: the account
//! answers, the plugins load and take their config, and nobody else works on the family if the run is not to wait.

use std::collections::BTreeMap;

use shiftgate_cloud::{RetryPolicy, Spot, SpotConfig};
use shiftgate_engine::Facts;
use shiftgate_model::{
    AccountId, Call, Clock as _, Digest, Groups as _, Outcome, PluginCall, PluginError, PluginKind, PluginRunner, Routes as _,
    RunId, RunInfo, StepId,
};
use shiftgate_store::{Record, SystemClock};
use shiftgate_workflow::{ConfigProblem, Plan, PluginStep, RoutingShape, ShiftRoute, fill};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring::Clouds;

/// Runs that are looked through for one that has not ended.
const RECENT: u32 = 10_000;

/// How often a look before a run is tried: somebody sits and waits.
const ATTEMPTS: u32 = 2;

/// One cheap call: the token is taken, the account is there, the API answers. Tried twice, not for minutes.
pub(crate) async fn account(config: &SpotConfig) -> Result<(), Failure> {
    let quick = RetryPolicy { attempts: ATTEMPTS, ..config.retry };
    let spot = Spot::new(SpotConfig { retry: quick, ..config.clone() })?;
    spot.list().await.map_err(|error| match Failure::from(error) {
        Failure::Told { exit: Exit::Unreachable, message, .. } => Failure::new(Exit::Unreachable, message).hint(format!(
            "calls go to {}; check the network, a proxy in between, and SHIFTGATE_SPOT_URL if it is set",
            config.base_url
        )),
        other => other,
    })?;
    Ok(())
}

/// The same for AWS, where the plan has load balancers: the credentials are found and taken. What the load balancers look
/// like is the setup's to judge.
pub(crate) async fn load_balancers(clouds: &Clouds, plan: &Plan) -> Result<(), Failure> {
    let (Some(elb), Some(routing)) = (&clouds.elb, &plan.setup.routing) else { return Ok(()) };
    let name = match &routing.shape {
        RoutingShape::Swap(swaps) => swaps.first().map(|swap| swap.load_balancer.as_str()),
        RoutingShape::Shift(shifts) => shifts.first().and_then(ShiftRoute::load_balancer_name),
    };
    if let Some(name) = name {
        elb.trying(ATTEMPTS).load_balancer(name).await?;
    }
    Ok(())
}

/// What a look at the plugins of a plan found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// What plugins say against their config, for its places in the file to be shown.
    pub(crate) problems: Vec<ConfigProblem>,
    /// The component behind each plugin's name.
    pub(crate) digests: BTreeMap<String, Digest>,
}

/// Every plugin loads and is of the kind that its step needs.
pub(crate) async fn plugins(runner: &dyn PluginRunner, run: &RunId, plan: &Plan) -> Result<Checked, Failure> {
    let (mut refused, mut hints, mut checked) = (Vec::new(), Vec::new(), Checked::default());
    for (step, plugin, kind) in plan.plugin_steps() {
        match plugin_of(runner, run, plan, &step.id, plugin, kind).await {
            Ok((found, digest)) => {
                checked.problems.extend(found);
                checked.digests.extend(digest.map(|digest| (plugin.plugin.name.clone(), digest)));
            }
            Err(error) => {
                let message = error.to_string();
                if !refused.contains(&message) {
                    refused.push(message);
                    hints.extend(error.hint);
                }
            }
        }
    }
    if refused.is_empty() {
        return Ok(checked);
    }
    hints.dedup();
    let failure = Failure::new(Exit::PluginRefused, refused.join("\n"));
    Err(if hints.is_empty() { failure } else { failure.hint(hints.join("\n")) })
}

async fn plugin_of(
    runner: &dyn PluginRunner,
    run: &RunId,
    plan: &Plan,
    step: &StepId,
    plugin: &PluginStep,
    kind: PluginKind,
) -> Result<(Vec<ConfigProblem>, Option<Digest>), PluginError> {
    let problem = |pointer: String, message: String| ConfigProblem { step: step.clone(), pointer, message };
    let config = match fill(&plugin.with, &Facts::default().expressions(run)) {
        Ok(config) => config,
        Err(error) => return Ok((vec![problem(String::new(), error.to_string())], None)),
    };
    let call = PluginCall { kind, config, run: facts(run, step, plan), action: Call::Validate };
    let reply = runner.call(&plugin.plugin, &call).await?;
    let problems = match reply.outcome {
        Outcome::ConfigRefused(places) => places.into_iter().map(|(pointer, message)| problem(pointer, message)).collect(),
        _ => Vec::new(),
    };
    Ok((problems, Some(reply.digest)))
}

/// What is known of a run that has not begun.
fn facts(run: &RunId, step: &StepId, plan: &Plan) -> RunInfo {
    RunInfo {
        workflow: plan.workflow.clone(),
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        infrastructure: plan.infrastructure.name.clone(),
        strategy: plan.strategy.as_str().to_owned(),
        ..RunInfo::new(run.clone(), step.clone(), plan.artifact.clone(), SystemClock.now())
    }
}

/// No other run works on the family. The engine asks again under its lock; this one leaves nothing behind.
pub(crate) async fn nobody_else(record: &Record, account: &AccountId, plan: &Plan) -> Result<(), Failure> {
    let family = plan.setup.family.as_str();
    let runs = record.runs(RECENT).await?;
    match runs.iter().find(|row| row.ending.is_none() && row.family == family && row.account == *account) {
        None => Ok(()),
        Some(row) => Err(Failure::new(Exit::Busy, format!("run {} works on group family `{family}`", row.id))
            .hint(format!("wait for its end (`shiftgate status {}`), or run with --when-busy wait", row.id))),
    }
}
