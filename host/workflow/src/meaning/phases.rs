//! Phases and their steps. A basic workflow is one phase whose steps stand in the workflow itself.

use std::collections::BTreeMap;

use serde_json::Value;
use shiftgate_model::{PluginKind, StepId};

use super::failure::{Place, policy};
use super::names::Names;
use super::plugins::Plugins;
use super::routes::Traffic;
use super::sizes::{ReadDeploy, deploy, deploy_beside};
use super::steps::{StepContext, approval, plugin_step};
use crate::Diagnostic;
use crate::expression::Scope;
use crate::near::listed;
use crate::plan::{Action, FailurePolicy, Phase, Step};
use crate::read::{Node, PHASE, ROLLBACK_STEP, STEP, Table, Tree};
use crate::session::Session;
use crate::source::Span;

/// A phase as it is meant, and its deploy step for the checks over all phases.
pub(crate) struct ReadPhase {
    /// None when something in it is a mistake or not known.
    pub(crate) phase: Option<Phase>,
    pub(crate) deploy: Option<ReadDeploy>,
    pub(crate) scope: Scope,
}

/// What all phases share.
pub(crate) struct Shared<'c> {
    pub(crate) names: &'c Names,
    pub(crate) plugins: &'c mut Plugins,
    pub(crate) configs: &'c mut Vec<(StepId, Node)>,
    pub(crate) backgrounds: &'c mut Vec<(StepId, Span)>,
}

/// The one phase of a basic workflow.
pub(crate) fn basic(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>) -> ReadPhase {
    let scope = shared.names.scope.clone();
    let (steps, deploy) = steps(s, shared, workflow, Owner::Basic, &scope);
    let phase = steps.map(|steps| Phase { name: "Deploy".to_owned(), steps });
    ReadPhase { phase, deploy, scope }
}

/// The steps of a blue/green workflow before its routes change.
pub(crate) fn blue_green(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>, traffic: Traffic) -> ReadPhase {
    let scope = shared.names.scope.clone();
    let (steps, deploy) = steps(s, shared, workflow, Owner::BlueGreen(traffic), &scope);
    let phase = steps.map(|steps| Phase { name: "Deploy".to_owned(), steps });
    ReadPhase { phase, deploy, scope }
}

/// The phases of a canary workflow.
pub(crate) fn canary(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>) -> Vec<ReadPhase> {
    let Some(node) = workflow.need("phases", "a canary workflow", &mut s.found) else { return Vec::new() };
    let items = s.list(node);
    if items.is_empty() && matches!(node.tree, Tree::List(_)) {
        s.error_hint(
            "empty-list",
            node.place,
            "a canary workflow has phases, and this has none",
            "needs a phase",
            "the last phase deploys 100%",
        );
    }
    let mut names = BTreeMap::new();
    (1..).zip(items).filter_map(|(number, node)| phase(s, shared, node, number, &mut names)).collect()
}

fn phase(
    s: &mut Session<'_>,
    shared: &mut Shared<'_>,
    node: &Node,
    number: usize,
    names: &mut BTreeMap<String, Span>,
) -> Option<ReadPhase> {
    let table = s.table(node, &PHASE)?;
    let scope = shared.names.in_phase(s, table);
    let name = match table.get("name") {
        Some(node) => s.text(node, scope.now()).inspect(|name| {
            if let Some(earlier) = names.insert(name.clone(), node.place) {
                let diagnostic = Diagnostic::error("duplicate-name", Some(node.place), format!("two phases are called `{name}`"));
                s.found.push(diagnostic.label("and again").related(earlier, "first here"));
            }
        }),
        None => Some(format!("Phase {number}")),
    };
    let (steps, deploy) = steps(s, shared, table, Owner::Phase(number), &scope);
    let on_failure = table.get("onFailure").map(|node| policy(s, node, &scope, Place::Forward));
    let phase = name.zip(steps).and_then(|(name, mut steps)| {
        if let Some(on_failure) = on_failure {
            steps.iter_mut().for_each(|step| step.on_failure = step.on_failure.take().or_else(|| on_failure.clone()));
            on_failure?;
        }
        Some(Phase { name, steps })
    });
    Some(ReadPhase { phase, deploy, scope })
}

/// Whose steps are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Basic,
    /// A canary's phase of that number.
    Phase(usize),
    BlueGreen(Traffic),
}

impl Owner {
    const fn what(self) -> &'static str {
        match self {
            Self::Basic => "a basic workflow",
            Self::Phase(_) => "a phase",
            Self::BlueGreen(_) => "a blue-green workflow",
        }
    }

    const fn number(self) -> usize {
        match self {
            Self::Phase(number) => number,
            Self::Basic | Self::BlueGreen(_) => 1,
        }
    }
}

/// The steps of a phase, in order.
fn steps(
    s: &mut Session<'_>,
    shared: &mut Shared<'_>,
    table: Table<'_>,
    owner: Owner,
    scope: &Scope,
) -> (Option<Vec<Step>>, Option<ReadDeploy>) {
    let number = owner.number();
    let whole = Node::from_value(&Value::from("100%"), table.node.span, table.node.place);
    let (entries, complete) = in_order(s, table, owner, &whole);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut steps, mut read_deploy) = (Some(Vec::new()), None);
    for (kind, node) in entries {
        let count = counts.entry(kind).and_modify(|count| *count += 1).or_insert(1);
        let mut cx = StepContext {
            plugins: shared.plugins,
            scope,
            place: Place::Forward,
            configs: shared.configs,
            backgrounds: shared.backgrounds,
        };
        let step = match kind {
            "deploy" => {
                let read = match owner {
                    Owner::Basic => deploy(s, node, None, scope),
                    Owner::Phase(_) => deploy(s, node, Some(table), scope),
                    Owner::BlueGreen(traffic) => deploy_beside(s, node, traffic, scope),
                };
                let step = deploy_step(s, &read, owner, scope);
                read_deploy = read_deploy.or(Some(read));
                step
            }
            "verify" => {
                plugin_step(s, &mut cx, node, StepId::new(format!("phase-{number}/verify-{count}")), PluginKind::Verification)
            }
            _ => approval(s, &mut cx, node, StepId::new(format!("phase-{number}/approve-{count}"))),
        };
        match (step, &mut steps) {
            (Some(step), Some(steps)) => steps.push(step),
            _ => steps = None,
        }
    }
    (steps.filter(|_| complete && read_deploy.is_some()), read_deploy)
}

/// Deploy, verify, approve, or the order that `steps` gives; and whether all of it could be read. `whole` is the deploy of
/// those who need not say it.
fn in_order<'n>(s: &mut Session<'_>, table: Table<'n>, owner: Owner, whole: &'n Node) -> (Vec<(&'static str, &'n Node)>, bool) {
    let Some(list) = table.get("steps") else {
        let deploy = match owner {
            Owner::Basic | Owner::Phase(_) => table.need("deploy", owner.what(), &mut s.found),
            Owner::BlueGreen(_) => Some(table.get("deploy").unwrap_or(whole)),
        };
        let mut entries: Vec<_> = deploy.into_iter().map(|node| ("deploy", node)).collect();
        for kind in ["verify", "approve"] {
            entries.extend(table.get(kind).map(|node| s.list(node)).unwrap_or_default().iter().map(|node| (kind, node)));
        }
        return (entries, true);
    };
    for key in STEP.keys.iter().filter_map(|field| table.key(field)) {
        let message = format!("`{}` stands beside `steps`", key.text);
        let hint = "move it into `steps`, in the order that you want";
        s.error_hint("conflicting-fields", key.span, message, "one of the two", hint);
    }
    let items = s.list(list);
    let read: Vec<_> =
        items.iter().map(|node| s.table(node, &STEP).and_then(|table| entry(s, table, STEP.what, STEP.keys))).collect();
    let complete = read.iter().all(Option::is_some);
    let entries: Vec<_> = read.into_iter().flatten().collect();
    one_deploy(s, list, &entries, owner, complete);
    (entries, complete)
}

fn deploy_step(s: &mut Session<'_>, read: &ReadDeploy, owner: Owner, scope: &Scope) -> Option<Step> {
    let on_failure: Option<Option<FailurePolicy>> = match &read.table_failure {
        Some(node) => policy(s, node, scope, Place::Forward).map(Some),
        None => Some(None),
    };
    let deploy = read.deploy?;
    let title = match owner {
        Owner::BlueGreen(Traffic::Shift) => "Elastigroup ALB Shift Deploy".to_owned(),
        Owner::BlueGreen(Traffic::Swap) | Owner::Basic | Owner::Phase(_) => format!("Elastigroup Deploy {}", deploy.amount),
    };
    Some(Step {
        id: StepId::new(format!("phase-{}/deploy", owner.number())),
        title,
        action: Action::Deploy(deploy),
        on_failure: on_failure?,
    })
}

/// An entry of a list of steps: one field of those in `kinds`, whose name is the step's kind.
pub(crate) fn entry<'n>(
    s: &mut Session<'_>,
    table: Table<'n>,
    what: &str,
    kinds: &'static [&'static str],
) -> Option<(&'static str, &'n Node)> {
    let given: Vec<_> = kinds.iter().filter_map(|field| table.get(field).map(|node| (*field, node))).collect();
    match given.as_slice() {
        [one] => Some(*one),
        [] => {
            no_step(s, table, what, kinds);
            None
        }
        [_, (second, at), ..] => {
            let message = format!("{what} is one step, and this has two");
            s.error_hint(
                "conflicting-fields",
                at.place,
                message,
                "a second step",
                format!("give it an entry of its own: `- {second}: …`"),
            );
            None
        }
    }
}

/// Says what an entry without a step lacks, unless a field that stands there instead is reported already.
fn no_step(s: &mut Session<'_>, table: Table<'_>, what: &str, kinds: &'static [&'static str]) {
    if let Some(key) = kinds.iter().find_map(|kind| table.key(kind)) {
        let example = match key.text.as_str() {
            "deploy" => "deploy: 100%",
            "verify" => "verify: { plugin: http-check }",
            "approve" => "approve: { manual: { message: Go on? } }",
            "swap" => "swap: {}",
            _ => "shift: 10%",
        };
        let message = format!("`{}` of {what} is empty", key.text);
        s.error_hint("missing-field", key.span, message, "needs a value", format!("write `{example}`"));
    } else if !table.has_unknown() {
        let expected = listed(kinds.iter().copied());
        s.error("missing-field", table.node.place, format!("{what} is one of {expected}"), "which step?");
    }
}

fn one_deploy(s: &mut Session<'_>, list: &Node, entries: &[(&str, &Node)], owner: Owner, complete: bool) {
    let deploys: Vec<_> = entries.iter().filter(|(kind, _)| *kind == "deploy").map(|(_, node)| node.place).collect();
    let (what, example, other) = match owner {
        Owner::BlueGreen(_) => (owner.what(), "100%", "remove one of them"),
        Owner::Basic | Owner::Phase(_) => ("a phase", "25%", "make it a phase of its own"),
    };
    match deploys.as_slice() {
        [_] => {}
        [] if complete && matches!(list.tree, Tree::List(_)) => {
            let hint = format!("{what} deploys once: `- deploy: {example}`");
            s.error_hint("missing-field", list.place, "`steps` has no `deploy`", "needs one", hint);
        }
        [] => {}
        [first, second, ..] => {
            let message = format!("{what} deploys once, and this deploys twice");
            let diagnostic = Diagnostic::error("duplicate-name", Some(*second), message).label("and again");
            s.found.push(diagnostic.related(*first, "first here").hint(other));
        }
    }
}

/// The steps of `rollback:`, before the native rollback.
pub(crate) fn rollback(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>) -> Option<Vec<Step>> {
    let items = workflow.get("rollback").map(|node| s.list(node)).unwrap_or_default();
    let scope = &shared.names.scope;
    let (mut verifications, mut approvals) = (0, 0);
    let mut steps = Some(Vec::new());
    for node in items {
        let mut cx = StepContext {
            plugins: shared.plugins,
            scope,
            place: Place::Rollback,
            configs: shared.configs,
            backgrounds: shared.backgrounds,
        };
        let found = s.table(node, &ROLLBACK_STEP).and_then(|table| entry(s, table, ROLLBACK_STEP.what, ROLLBACK_STEP.keys));
        let step = found.and_then(|(kind, node)| {
            if kind == "verify" {
                verifications += 1;
                plugin_step(s, &mut cx, node, StepId::new(format!("rollback/verify-{verifications}")), PluginKind::Verification)
            } else {
                approvals += 1;
                approval(s, &mut cx, node, StepId::new(format!("rollback/approve-{approvals}")))
            }
        });
        match (step, &mut steps) {
            (Some(step), Some(steps)) => steps.push(step),
            _ => steps = None,
        }
    }
    steps
}

/// The steps of `wrapUp:`, after the end.
pub(crate) fn wrap_up(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>) -> Option<Vec<Step>> {
    let items = workflow.get("wrapUp").map(|node| s.list(node)).unwrap_or_default();
    let scope = &shared.names.scope;
    let steps: Vec<_> = (1..)
        .zip(items)
        .map(|(number, node)| {
            let mut cx = StepContext {
                plugins: shared.plugins,
                scope,
                place: Place::WrapUp,
                configs: shared.configs,
                backgrounds: shared.backgrounds,
            };
            plugin_step(s, &mut cx, node, StepId::new(format!("wrap-up-{number}")), PluginKind::WrapUp)
        })
        .collect();
    steps.into_iter().collect()
}
