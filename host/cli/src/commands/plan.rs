//! `shiftgate plan`: every call that a run would make, in order, with what it changes, and a digest of all of it.
//!
//! The cloud is read and nothing is written. `run --plan DIGEST` rehearses again and refuses when anything has moved: a
//! person who agreed to a plan agreed to this one.

use std::fmt::Write as _;
use std::sync::Arc;

use owo_colors::OwoColorize as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shiftgate_engine::{PlannedCall, PlannedStep, Rehearsal, RehearsalError, rehearse};
use shiftgate_model::{AccountId, Clock as _, ErrorClass, TargetGroupArn};
use shiftgate_store::{Record, SystemClock};
use shiftgate_workflow::{Agreed, Plan, RoutingShape};

use crate::app::App;
use crate::args::{Format, Planned, Routes};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Disk};
use crate::text::printable;
use crate::wiring::{CloudConfig, Clouds};
use crate::{credentials, preflight, run_id};

/// The hex digits of a digest.
const DIGITS: usize = 64;

pub(crate) async fn run(app: &mut App, args: &Planned) -> Result<Exit, Failure> {
    let source = files::workflow(&args.workflow.file)?;
    let files = Disk::beside(&args.workflow.file);
    let (mut plan, configs) = super::validate::plan(app, &source, &files, &args.workflow.inputs)?;
    assume(&mut plan, &args.routes)?;
    let record = app.record().await?;
    // The workers of a database have the plugins, and look at them before they begin.
    if !record.is_shared() {
        super::run::bind(app, &mut plan, &configs, &run_id::new(SystemClock.now())).await?;
    }
    let config = credentials::clouds(&app.env, &plan, None)?;
    let (rehearsal, digest) = rehearsed(&record, &plan, &config).await?;
    match args.output {
        Format::Text => app.screen.print(&page(&plan, &rehearsal, &digest))?,
        Format::Json => app.screen.json(&json!({
            "workflow": plan.workflow,
            "strategy": plan.strategy.as_str(),
            "artifact": plan.artifact,
            "digest": digest,
            "steps": rehearsal.steps,
            "changes": changes(&rehearsal.steps),
            "observed": rehearsal.observed,
        }))?,
    }
    Ok(Exit::Succeeded)
}

/// Takes the operator's word on which target groups are production.
pub(crate) fn assume(plan: &mut Plan, routes: &Routes) -> Result<(), Failure> {
    if routes.assume_production.is_empty() {
        return Ok(());
    }
    let routing = plan.setup.routing.as_mut().filter(|routing| matches!(routing.shape, RoutingShape::Shift(_)));
    let Some(routing) = routing else {
        let message = "--assume-production is for workflows that shift traffic by weight, and this one does not";
        return Err(Failure::new(Exit::Usage, message).hint("leave the flag out"));
    };
    routing.assume_production = routes.assume_production.iter().map(TargetGroupArn::new).collect();
    Ok(())
}

/// Refuses when a run would not do what the plan of that digest said; the plan then carries the digest.
pub(crate) async fn unmoved(record: &Record, plan: &mut Plan, config: &CloudConfig, agreed: &str) -> Result<(), Failure> {
    let agreed = whole(agreed)?;
    let (rehearsal, digest) = rehearsed(record, plan, config).await?;
    if digest == agreed {
        plan.agreed = Some(Agreed { digest, observed: rehearsal.observed });
        return Ok(());
    }
    let message = format!("the plan is not the one that was agreed on: that was {agreed}, and this would be {digest}");
    Err(Failure::new(Exit::Moved, message).hint(
        "the workflow, its inputs, a plugin, or the groups and rules in the cloud have changed since; nothing was touched. Look at \
         `shiftgate plan` again",
    ))
}

/// A digest as it is kept: `sha256:` and 64 hex digits, lower case.
pub(crate) fn whole(text: &str) -> Result<String, Failure> {
    let digits = text.trim().trim_start_matches("sha256:").to_ascii_lowercase();
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{digits}"));
    }
    Err(Failure::new(Exit::Usage, format!("`{text}` is no digest of a plan"))
        .hint("`shiftgate plan` prints one: sha256: and 64 hex digits"))
}

async fn rehearsed(record: &Record, plan: &Plan, config: &CloudConfig) -> Result<(Rehearsal, String), Failure> {
    preflight::account(&config.spot).await?;
    let clouds = Clouds::connect(config).await?;
    preflight::load_balancers(&clouds, plan).await?;
    let ledger = Arc::new(record.clone());
    let groups = Arc::clone(&clouds.spot);
    let rehearsal = rehearse(plan, groups, clouds.routes(), ledger, Arc::new(SystemClock)).await.map_err(refused)?;
    let digest = digest(plan, &config.spot.account, &rehearsal)?;
    Ok((rehearsal, digest))
}

/// A run would fail: the class of the failure says how the program ends.
fn refused(error: RehearsalError) -> Failure {
    match error {
        RehearsalError::Step { step, error } => {
            let exit = match error.class {
                ErrorClass::Authentication => Exit::Credentials,
                ErrorClass::Connectivity => Exit::Unreachable,
                ErrorClass::Store => Exit::State,
                _ => Exit::Failed,
            };
            let failure = Failure::new(exit, format!("a run would fail at step `{step}`: {error}"));
            failure.hint(error.hint.unwrap_or_else(|| "nothing was touched".to_owned()))
        }
        RehearsalError::Engine(error) => Failure::bug(error),
    }
}

/// Of everything that a run is made of: the plan with its inputs, the account, what was found, every call.
fn digest(plan: &Plan, account: &AccountId, rehearsal: &Rehearsal) -> Result<String, Failure> {
    let text = serde_json::to_vec(&(plan, account, rehearsal)).map_err(Failure::bug)?;
    let bytes = Sha256::digest(text);
    Ok(bytes.iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// What each thing is before the run and after it, in the order in which they are touched.
fn changes(steps: &[PlannedStep]) -> Vec<PlannedCall> {
    let mut found: Vec<PlannedCall> = Vec::new();
    for call in steps.iter().flat_map(|step| &step.calls) {
        match found.iter_mut().find(|known| known.subject == call.subject && known.operation == call.operation) {
            Some(known) => known.after.clone_from(&call.after),
            None => found.push(call.clone()),
        }
    }
    found.retain(|call| call.before != call.after);
    found
}

fn page(plan: &Plan, rehearsal: &Rehearsal, digest: &str) -> String {
    let mut page = String::new();
    let artifact = printable(plan.artifact.as_str());
    let _ = writeln!(page, "Plan of {} ({}), image {artifact}\n", printable(&plan.workflow).bold(), plan.strategy.as_str());
    for step in &rehearsal.steps {
        let _ = writeln!(page, "{}  {}", step.step.bold(), printable(&step.title));
        for call in &step.calls {
            let _ = writeln!(page, "  {} {} {}", mark(call), call.service, line(call));
        }
    }
    let _ = writeln!(page, "\n{}", "What it comes to".bold());
    for change in changes(&rehearsal.steps) {
        let _ = writeln!(page, "  {} {}", mark(&change), line(&change));
    }
    let _ = writeln!(page, "\nDigest {digest}");
    let _ =
        writeln!(page, "Nothing was changed. `shiftgate run` with --plan and this digest refuses when any of this has moved.");
    page
}

/// `UpdateCapacity sig-1 `web`: min 0, max 10, target 4 -> min 0, max 0, target 0`.
fn line(call: &PlannedCall) -> String {
    let PlannedCall { operation, subject, name, before, after, .. } = call;
    let what = match (before, after) {
        (None, Some(after)) => after.clone(),
        (Some(before), None) => format!("{before} -> gone"),
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (None, None) => String::new(),
    };
    printable(&format!("{operation} {subject} `{name}`: {what}"))
}

fn mark(call: &PlannedCall) -> String {
    match (&call.before, &call.after) {
        (None, _) => "+".green().to_string(),
        (_, None) => "-".red().to_string(),
        (Some(_), Some(_)) => "~".yellow().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use shiftgate_model::Service;

    use super::*;

    fn call(operation: &'static str, before: Option<&str>, after: Option<&str>) -> PlannedCall {
        let (subject, name) = ("rule-1".to_owned(), "web-alb".to_owned());
        let [before, after] = [before, after].map(|text| text.map(str::to_owned));
        PlannedCall { service: Service::Elb, operation, subject, name, before, after }
    }

    #[test]
    fn several_writes_of_one_thing_come_to_one_change() {
        let calls = vec![
            call("ModifyRule", Some("100/0"), Some("90/10")),
            call("ModifyRule", Some("90/10"), Some("0/100")),
            call("RenameGroup", Some("a"), Some("b")),
            call("RenameGroup", Some("b"), Some("a")),
        ];
        let steps = [PlannedStep { step: shiftgate_model::StepId::new("route/shift-1"), title: "Shift".into(), calls }];
        assert_eq!(changes(&steps), [call("ModifyRule", Some("100/0"), Some("0/100"))]);
    }

    #[test]
    fn a_line_says_what_is_before_and_after() {
        assert_eq!(line(&call("ModifyRule", Some("a"), Some("b"))), "ModifyRule rule-1 `web-alb`: a -> b");
        assert_eq!(line(&call("DeleteGroup", Some("a"), None)), "DeleteGroup rule-1 `web-alb`: a -> gone");
        assert_eq!(line(&call("CreateGroup", None, Some("b"))), "CreateGroup rule-1 `web-alb`: b");
    }
}
