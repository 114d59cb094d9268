//! A workflow as it is meant: the sections of the file, read into a [`Plan`].
//!
//! Every section is read to its end, whatever is wrong in another one. The next room is `engine`, which runs the plan.

mod arns;
mod background;
mod failure;
mod grants;
mod infrastructure;
mod inputs;
mod limits;
mod load_balancers;
mod names;
mod phases;
mod plugins;
mod progress;
mod routes;
mod secrets;
mod setup;
mod sizes;
mod steps;

use std::collections::BTreeMap;

use shiftgate_model::{PluginSource, StepId};

pub use inputs::{InputSpec, InputType};

use self::failure::{Place, policy};
use self::infrastructure::infrastructure;
use self::load_balancers::{ReadRouting, routing};
use self::names::Sections;
use self::phases::{ReadPhase, Shared};
use self::plugins::plugins;
use self::secrets::secrets;
use self::setup::{Groups, setup};
use crate::Inputs;
use crate::expression::Scope;
use crate::plan::{FailurePolicy, Plan, Step, Strategy};
use crate::read::{BASIC, BLUE_GREEN, CANARY, ENVIRONMENT, Fields, INFRASTRUCTURE, Node, ROOT, SERVICE, Table, Tree};
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
    let Flavour { strategy, read_as, workflow } = workflow(s, root);
    let names = names::names(s, Sections { service, environment, infrastructure: infra, workflow }, &scope);

    let secrets = secrets(s, root, &names.scope);
    let mut plugins = plugins(s, root, &names.scope, &secrets);
    let infrastructure = infrastructure(s, infra, &names, &secrets);
    if let Some(profile) = infrastructure.as_ref().and_then(|infrastructure| infrastructure.aws_profile.as_deref()) {
        plugins.sign_as(profile);
    }
    let (mut configs, mut backgrounds) = (Vec::new(), Vec::new());
    let mut shared = Shared { names: &names, plugins: &mut plugins, configs: &mut configs, backgrounds: &mut backgrounds };
    let flow = workflow.map(|table| flow(s, &mut shared, table, read_as));
    let setup_scope = flow.as_ref().and_then(|flow| flow.phases.first()).map_or(&names.scope, |phase| &phase.scope);
    let routing = flow.as_ref().and_then(|flow| flow.routing.as_ref());
    let setup = setup(s, workflow, Groups { service, infra, names: &names, scope: setup_scope, strategy: read_as, routing });
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
        background::warn_alone(s, &phases, &backgrounds);
        background::add_last(&mut phases);
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
            agreed: None,
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

/// The workflow as one of its strategy.
struct Flavour<'n> {
    /// None when it is a mistake.
    strategy: Option<Strategy>,
    /// The same, or what its fields look like.
    read_as: Strategy,
    workflow: Option<Table<'n>>,
}

fn workflow<'n>(s: &mut Session<'_>, root: Table<'n>) -> Flavour<'n> {
    const STRATEGIES: [(&str, Strategy); 3] =
        [("basic", Strategy::Basic), ("canary", Strategy::Canary), ("blue-green", Strategy::BlueGreen)];
    let Some(node) = root.need("workflow", "the file", &mut s.found) else {
        return Flavour { strategy: None, read_as: Strategy::Basic, workflow: None };
    };
    let entries = if let Tree::Map(entries) = &node.tree { entries.as_slice() } else { &[] };
    let has = |name: &str| entries.iter().any(|(key, _)| key.text == name);
    let typed = entries.iter().find(|(key, value)| key.text == "strategy" && !value.is_null());
    let strategy = match typed {
        Some((_, typed)) => s.choice(typed, Scope::empty().now(), &STRATEGIES),
        None => {
            if matches!(node.tree, Tree::Map(_)) {
                let hint = "write `strategy: basic` for all at once, `canary` for phases, or `blue-green` for routes";
                s.error_hint("missing-field", node.place, "`workflow` has no `strategy`", "needs `strategy`", hint);
            }
            None
        }
    };
    let read_as = strategy.unwrap_or(match (has("phases"), has("route") || has("loadBalancers")) {
        (_, true) => Strategy::BlueGreen,
        (true, false) => Strategy::Canary,
        (false, false) => Strategy::Basic,
    });
    let fields: &'static Fields = match read_as {
        Strategy::Basic => &BASIC,
        Strategy::Canary => &CANARY,
        Strategy::BlueGreen => &BLUE_GREEN,
    };
    Flavour { strategy, read_as, workflow: s.table(node, fields) }
}

/// The steps of a workflow.
struct Flow {
    phases: Vec<ReadPhase>,
    /// Of a blue/green workflow.
    routing: Option<ReadRouting>,
    rollback: Option<Vec<Step>>,
    wrap_up: Option<Vec<Step>>,
    on_failure: Option<FailurePolicy>,
}

fn flow(s: &mut Session<'_>, shared: &mut Shared<'_>, table: Table<'_>, strategy: Strategy) -> Flow {
    let (phases, routing) = match strategy {
        Strategy::Basic => (vec![phases::basic(s, shared, table)], None),
        Strategy::Canary => (phases::canary(s, shared, table), None),
        Strategy::BlueGreen => {
            let traffic = routes::traffic(table);
            let routing = routing(s, table, traffic, &shared.names.scope, shared.names.region.as_ref());
            let deploy = phases::blue_green(s, shared, table, traffic);
            (vec![deploy, routes::route(s, shared, table)], Some(routing))
        }
    };
    let rollback = phases::rollback(s, shared, table);
    let wrap_up = phases::wrap_up(s, shared, table);
    let on_failure = match table.get("onFailure") {
        Some(node) => policy(s, node, &shared.names.scope, Place::Forward),
        None => Some(FailurePolicy::default()),
    };
    Flow { phases, routing, rollback, wrap_up, on_failure }
}

fn warn_unused_inputs(s: &mut Session<'_>, root: Table<'_>) {
    let entries = root.get("inputs").map(|node| s.entries(node)).unwrap_or_default();
    for (key, _) in entries.iter().filter(|(key, _)| !s.uses("input", &key.text)).collect::<Vec<_>>() {
        let hint = format!("remove it, or write `${{input.{}}}` where it belongs", key.text);
        s.warn("unused-input", key.span, format!("nothing uses the input `{}`", key.text), hint);
    }
}
