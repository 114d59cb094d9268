//! A workflow as it is meant: the sections of the file, read into a [`Plan`].
//!
//! Every section is read to its end, whatever is wrong in another one. The next room is `engine`, which runs the plan.

mod failure;
mod infrastructure;
mod inputs;
mod names;
mod phases;
mod plugins;
mod progress;
mod sizes;
mod steps;

use std::collections::BTreeMap;

use shiftgate_model::{Family, Millis, PluginSource, Sizing, StepId};

pub use inputs::{InputSpec, InputType};

use self::failure::{Place, policy};
use self::infrastructure::{infrastructure, secrets, template, user_data};
use self::names::{Names, Sections};
use self::phases::{ReadPhase, Shared};
use self::plugins::plugins;
use crate::Inputs;
use crate::expression::Scope;
use crate::plan::{Action, FailurePolicy, Plan, Setup, Step, Strategy};
use crate::read::{BASIC, CANARY, ENVIRONMENT, INFRASTRUCTURE, Node, ROOT, SERVICE, SETUP, Table, Tree};
use crate::session::Session;

/// What a whole file comes to.
pub(crate) struct Meaning {
    /// None when something is a mistake, or depends on an input that is not given.
    pub(crate) plan: Option<Plan>,
    pub(crate) workflow: Option<String>,
    pub(crate) strategy: Option<Strategy>,
    pub(crate) inputs: Vec<InputSpec>,
    pub(crate) plugins: Vec<PluginSource>,
    /// The `with:` of each step.
    pub(crate) configs: Vec<(StepId, Node)>,
}

/// Reads the whole file. With `complete`, a required input that is not given is a mistake.
pub(crate) fn meaning(s: &mut Session<'_>, root: &Node, given: &Inputs, complete: bool) -> Option<Meaning> {
    let root = s.table(root, &ROOT)?;
    let version = version(s, root);
    let read_inputs = inputs::inputs(s, root, given, complete);
    let scope = inputs::scope(&read_inputs);
    let service = s.section(Some(root), "service", "the file", &SERVICE);
    let environment = s.section(Some(root), "environment", "the file", &ENVIRONMENT);
    let infra = s.section(Some(root), "infrastructure", "the file", &INFRASTRUCTURE);
    let (strategy, workflow) = workflow(s, root);
    let names = names::names(s, Sections { service, environment, infrastructure: infra, workflow }, &scope);

    let secrets = secrets(s, root, &names.scope);
    let mut plugins = plugins(s, root, &names.scope);
    let infrastructure = infrastructure(s, infra, &names, &secrets);
    let mut configs = Vec::new();
    let mut shared = Shared { names: &names, plugins: &mut plugins, configs: &mut configs };
    let flow = workflow.map(|table| flow(s, &mut shared, table, strategy));
    let setup_scope = flow.as_ref().and_then(|flow| flow.phases.first()).map_or(&names.scope, |phase| &phase.scope);
    let setup = setup(s, workflow, Groups { service, infra, names: &names, scope: setup_scope });
    if let (Some(strategy), Some(flow)) = (strategy, &flow) {
        let deploys: Vec<_> = flow.phases.iter().filter_map(|phase| phase.deploy.as_ref()).collect();
        progress::progress(s, strategy, &deploys, setup.sizing);
    }

    // A mistake hides what uses a thing, so what is unused shows only in a file without mistakes.
    if !s.has_errors() {
        plugins.warn_unused(s);
        secrets.warn_unused(s);
        warn_unused_inputs(s, root);
    }
    let plan = (|| {
        let (flow, (setup, setup_step)) = (flow?, setup.setup?);
        let mut phases: Vec<_> = flow.phases.into_iter().map(|phase| phase.phase).collect::<Option<_>>()?;
        phases.first_mut()?.steps.insert(0, setup_step);
        let values = read_inputs.values.into_iter().map(|(name, value)| value.map(|value| (name, value)));
        Some(Plan {
            version: version?,
            workflow: names.workflow.clone()?,
            strategy: strategy?,
            service: names.service.clone()?,
            environment: names.environment.clone()?,
            infrastructure: infrastructure?,
            artifact: names.artifact.clone()?,
            setup,
            phases,
            rollback: flow.rollback?,
            wrap_up: flow.wrap_up?,
            on_failure: flow.on_failure?,
            inputs: values.collect::<Option<BTreeMap<_, _>>>()?,
        })
    })();
    Some(Meaning { plan, workflow: names.workflow, strategy, inputs: read_inputs.specs, plugins: plugins.used(), configs })
}

fn version(s: &mut Session<'_>, root: Table<'_>) -> Option<u32> {
    let Some(node) = root.get("version") else {
        s.error_hint(
            "missing-field",
            root.node.place,
            "the file has no `version`",
            "needs `version`",
            "begin the file with `version: 1`",
        );
        return None;
    };
    let version = s.integer(node, Scope::empty().now(), 0..=u32::MAX)?;
    if version != 1 {
        s.error(
            "unknown-version",
            node.place,
            format!("this release reads version 1 of the format, and this is version {version}"),
            "1 is expected",
        );
        return None;
    }
    Some(version)
}

/// The strategy, and the workflow read as one of that strategy.
fn workflow<'n>(s: &mut Session<'_>, root: Table<'n>) -> (Option<Strategy>, Option<Table<'n>>) {
    let Some(node) = root.need("workflow", "the file", &mut s.found) else { return (None, None) };
    let Tree::Map(entries) = &node.tree else { return (None, s.table(node, &CANARY)) };
    let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
    let Some((_, typed)) = entries.iter().find(|(key, value)| key.text == "strategy" && !value.is_null()) else {
        let fields = if has("phases") { &CANARY } else { &BASIC };
        let hint = "write `strategy: basic` for all at once, or `strategy: canary` for phases";
        s.error_hint("missing-field", node.place, "`workflow` has no `strategy`", "needs `strategy`", hint);
        return (None, s.table(node, fields));
    };
    if matches!(&typed.tree, Tree::Scalar(scalar) if matches!(scalar.text.as_str(), "blue-green" | "blueGreen" | "bluegreen")) {
        let message = "this release runs basic and canary workflows, and blue/green not yet";
        s.error_hint(
            "not-in-this-release",
            typed.place,
            message,
            "not supported yet",
            "use `strategy: canary` meanwhile, or wait for a later release",
        );
        return (None, None);
    }
    let strategy = s.choice(typed, Scope::empty().now(), &[("basic", Strategy::Basic), ("canary", Strategy::Canary)]);
    let fields = match strategy {
        Some(Strategy::Basic) => &BASIC,
        Some(Strategy::Canary) => &CANARY,
        None if has("phases") => &CANARY,
        None => &BASIC,
    };
    (strategy, s.table(node, fields))
}

/// The steps of a workflow.
struct Flow {
    phases: Vec<ReadPhase>,
    rollback: Option<Vec<Step>>,
    wrap_up: Option<Vec<Step>>,
    on_failure: Option<FailurePolicy>,
}

fn flow(s: &mut Session<'_>, shared: &mut Shared<'_>, table: Table<'_>, strategy: Option<Strategy>) -> Flow {
    let canary = strategy == Some(Strategy::Canary) || (strategy.is_none() && table.get("phases").is_some());
    let phases = if canary { phases::canary(s, shared, table) } else { vec![phases::basic(s, shared, table)] };
    let rollback = phases::rollback(s, shared, table);
    let wrap_up = phases::wrap_up(s, shared, table);
    let on_failure = match table.get("onFailure") {
        Some(node) => policy(s, node, &shared.names.scope, Place::Forward),
        None => Some(FailurePolicy::default()),
    };
    Flow { phases, rollback, wrap_up, on_failure }
}

/// What the setup is read from. It belongs to the first phase, and sees that phase's variables.
struct Groups<'c, 'n> {
    service: Option<Table<'n>>,
    infra: Option<Table<'n>>,
    names: &'c Names,
    scope: &'c Scope,
}

/// The setup, and its sizes by themselves: they are checked against the phases whatever else is wrong.
struct ReadSetup {
    setup: Option<(Setup, Step)>,
    sizing: Option<Sizing>,
}

fn setup(s: &mut Session<'_>, workflow: Option<Table<'_>>, groups: Groups<'_, '_>) -> ReadSetup {
    let Groups { service, infra, names, scope } = groups;
    let user_data = user_data(s, service, scope);
    let template = template(s, infra, scope, user_data.present);
    let Some(workflow) = workflow else { return ReadSetup { setup: None, sizing: None } };
    let Some(node) = workflow.get("setup") else {
        let hint = "write `setup: { instances: { min: 0, target: 4, max: 10 } }`";
        s.error_hint("missing-field", workflow.node.place, "`workflow` has no `setup`", "needs `setup`", hint);
        return ReadSetup { setup: None, sizing: None };
    };
    let Some(table) = s.table(node, &SETUP) else { return ReadSetup { setup: None, sizing: None } };
    let family = family(s, table, names, scope);
    let sizing = table.need("instances", "`setup`", &mut s.found).and_then(|node| sizes::sizing(s, node, scope));
    let steady_state_timeout = s.duration_in(table, "steadyStateTimeout", scope.now(), Millis::minutes(20));
    let keep_old_groups = table.get("keepOldGroups").map_or(Some(3), |node| s.integer(node, scope.now(), 0..=100));
    let on_failure = table.get("onFailure").map(|node| policy(s, node, scope, Place::Forward));
    let setup = (|| {
        let on_failure = match on_failure {
            Some(policy) => Some(policy?),
            None => None,
        };
        let step = Step { id: StepId::new("setup"), title: "Elastigroup Setup".to_owned(), action: Action::Setup, on_failure };
        let user_data = if user_data.present { Some(user_data.text?) } else { None };
        let setup = Setup {
            family: family?,
            sizing: sizing?,
            template: template?,
            user_data,
            steady_state_timeout: steady_state_timeout?,
            keep_old_groups: keep_old_groups?,
        };
        Some((setup, step))
    })();
    ReadSetup { setup, sizing }
}

/// The group name that the user gives, or the one that the three names make.
fn family(s: &mut Session<'_>, setup: Table<'_>, names: &Names, scope: &Scope) -> Option<Family> {
    let (family, place) = match setup.get("name") {
        Some(node) => (Family::new(&s.text(node, scope.now())?), node.place),
        None => {
            let family = Family::generated(names.service.as_ref()?, names.environment.as_ref()?, names.infrastructure.as_ref()?);
            (family, setup.node.place)
        }
    };
    family.map_err(|error| s.error("bad-name", place, error.to_string(), "no name for a group")).ok()
}

fn warn_unused_inputs(s: &mut Session<'_>, root: Table<'_>) {
    let entries = root.get("inputs").map(|node| s.entries(node)).unwrap_or_default();
    for (key, _) in entries.iter().filter(|(key, _)| !s.uses("input", &key.text)).collect::<Vec<_>>() {
        let hint = format!("remove it, or write `${{input.{}}}` where it belongs", key.text);
        s.warn("unused-input", key.span, format!("nothing uses the input `{}`", key.text), hint);
    }
}
