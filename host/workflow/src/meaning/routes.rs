//! `route:` of a blue/green workflow: one swap, or shifts that end at 100%, with verifications and approvals between.

use std::collections::BTreeMap;

use shiftgate_model::{Millis, PluginKind, StepId, Weight};

use super::failure::{Place, policy};
use super::phases::{ReadPhase, Shared, entry};
use super::sizes::{known, pick};
use super::steps::{StepContext, approval, plugin_step};
use crate::Diagnostic;
use crate::expression::Scope;
use crate::plan::{Action, Phase, Shift, Step, Swap};
use crate::read::{Node, ROUTE_STEP, SHIFT, SWAP, Table, Tree};
use crate::session::{Session, plain};
use crate::source::Span;

/// How traffic moves from the old group to the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// At once.
    Swap,
    /// By weight.
    Shift,
}

const KINDS: [&str; 4] = ["swap", "shift", "verify", "approve"];

/// What may stand beside a swap or a shift instead of inside of it.
const BESIDE: [&str; 2] = ["downsizeOld", "timeout"];

/// How a workflow moves traffic: as the first step of its route says, or else as its load balancers are written.
pub(crate) fn traffic(workflow: Table<'_>) -> Traffic {
    let entries = |field: &str| match workflow.get(field).map(|node| (&node.tree, node)) {
        Some((Tree::List(items), _)) => items.iter().collect::<Vec<_>>(),
        Some((Tree::Map(_), node)) => vec![node],
        Some((Tree::Scalar(_), _)) | None => Vec::new(),
    };
    let names = |field: &str| {
        let keys = entries(field).into_iter().filter_map(|node| match &node.tree {
            Tree::Map(entries) => Some(entries.iter().map(|(key, _)| key.text.clone())),
            Tree::List(_) | Tree::Scalar(_) => None,
        });
        keys.flatten().collect::<Vec<_>>()
    };
    let word = |name: &String| match name.as_str() {
        "swap" | "production" | "stage" => Some(Traffic::Swap),
        "shift" | "port" | "listener" | "rule" => Some(Traffic::Shift),
        _ => None,
    };
    let said = names("route").iter().chain(&names("loadBalancers")).find_map(word);
    said.unwrap_or(Traffic::Swap)
}

/// A swap or a shift as it could be read.
struct ReadMove {
    traffic: Traffic,
    at: Span,
    /// A shift's; none when it is a mistake or not known.
    weight: Option<Weight>,
    /// Where it says that the old group is downsized.
    downsize_at: Option<Span>,
}

/// The phase that updates the routes.
pub(crate) fn route(s: &mut Session<'_>, shared: &mut Shared<'_>, workflow: Table<'_>) -> ReadPhase {
    const HINT: &str = "write `route: { swap: { downsizeOld: true } }` for all at once, or `route: [ { shift: 10% }, { shift: 100% } ]` by weight";
    let scope = shared.names.scope.clone();
    let Some(node) = workflow.need_hint("route", "a blue-green workflow", HINT, &mut s.found) else {
        return ReadPhase { phase: None, deploy: None, scope };
    };
    let items = match &node.tree {
        Tree::Map(_) => std::slice::from_ref(node),
        Tree::List(items) => items.as_slice(),
        Tree::Scalar(_) => {
            let message = format!("`route` has to be a step or a list of steps, and is {}", node.kind());
            s.error_hint("wrong-type", node.place, message, "a step is expected", HINT);
            &[]
        }
    };
    if items.is_empty() && matches!(node.tree, Tree::List(_)) {
        s.error_hint("empty-list", node.place, "`route` has no step, so production never changes", "needs a step", HINT);
    }
    let (mut moves, mut counts) = (Vec::new(), BTreeMap::new());
    let steps: Vec<_> = items.iter().map(|node| step(s, shared, &scope, node, (&mut counts, &mut moves))).collect();
    let complete = steps.iter().all(Option::is_some);
    if moves.is_empty() && !items.is_empty() && complete {
        s.error_hint(
            "missing-field",
            node.place,
            "`route` neither swaps nor shifts, so production never changes",
            "needs a step",
            HINT,
        );
    }
    if one_kind(s, &moves) {
        weights(s, &moves);
    }
    let steps = steps.into_iter().collect::<Option<Vec<_>>>().filter(|steps| !steps.is_empty());
    ReadPhase { phase: steps.map(|steps| Phase { name: "Route Update".to_owned(), steps }), deploy: None, scope }
}

fn step(
    s: &mut Session<'_>,
    shared: &mut Shared<'_>,
    scope: &Scope,
    node: &Node,
    (counts, moves): (&mut BTreeMap<&str, usize>, &mut Vec<ReadMove>),
) -> Option<Step> {
    let table = s.table(node, &ROUTE_STEP)?;
    let (kind, node) = entry(s, table, "an entry of `route`", &KINDS)?;
    let count = *counts.entry(kind).and_modify(|count| *count += 1).or_insert(1);
    let mut cx = StepContext {
        plugins: shared.plugins,
        scope,
        place: Place::Forward,
        configs: shared.configs,
        backgrounds: shared.backgrounds,
    };
    match kind {
        "swap" => swap(s, table, node, scope, moves),
        "shift" => shift(s, table, node, scope, (count, moves)),
        _ => {
            for key in BESIDE.iter().filter_map(|field| table.key(field)) {
                let message = format!("`{}` belongs to a swap or a shift, and stands beside `{kind}`", key.text);
                s.error_hint("meaningless-field", key.span, message, "no meaning here", "remove it");
            }
            let id = StepId::new(format!("route/{kind}-{count}"));
            if kind == "verify" {
                plugin_step(s, &mut cx, node, id, PluginKind::Verification)
            } else {
                approval(s, &mut cx, node, id)
            }
        }
    }
}

fn swap(s: &mut Session<'_>, outer: Table<'_>, node: &Node, scope: &Scope, moves: &mut Vec<ReadMove>) -> Option<Step> {
    let at = outer.key("swap").map_or(node.place, |key| key.span);
    moves.push(ReadMove { traffic: Traffic::Swap, at, weight: None, downsize_at: None });
    let table = s.table(node, &SWAP)?;
    let Behind { downsize_old, timeout, .. } = behind(s, Some(table), outer, "swap", scope);
    let on_failure = table.get("onFailure").map(|node| policy(s, node, scope, Place::Forward));
    let action = Action::Swap(Swap { downsize_old: downsize_old?, timeout: timeout? });
    Some(Step {
        id: StepId::new("route/swap"),
        title: "Swap Production with Stage".to_owned(),
        action,
        on_failure: known(on_failure)?,
    })
}

fn shift(
    s: &mut Session<'_>,
    outer: Table<'_>,
    node: &Node,
    scope: &Scope,
    (count, moves): (usize, &mut Vec<ReadMove>),
) -> Option<Step> {
    let table = match &node.tree {
        Tree::Map(_) => Some(s.table(node, &SHIFT)?),
        Tree::List(_) | Tree::Scalar(_) => None,
    };
    let weight_node = match table {
        Some(table) => table.need_hint("weight", "`shift`", "write `weight: 10%`, or `shift: 10%` for short", &mut s.found),
        None => Some(node),
    };
    let weight = weight_node.and_then(|node| weight(s, node, scope));
    let Behind { downsize_old, downsize_at, timeout } = behind(s, table, outer, "shift", scope);
    let at = weight_node.map_or(node.place, |node| node.place);
    let downsize_at = downsize_at.filter(|_| downsize_old == Some(true));
    moves.push(ReadMove { traffic: Traffic::Shift, at, weight, downsize_at });
    let on_failure = table.and_then(|table| table.get("onFailure")).map(|node| policy(s, node, scope, Place::Forward));
    let weight = weight?;
    let action = Action::Shift(Shift { weight, downsize_old: downsize_old?, timeout: timeout? });
    let id = StepId::new(format!("route/shift-{count}"));
    Some(Step { id, title: format!("Shift Traffic Weight {weight}"), action, on_failure: known(on_failure)? })
}

/// What happens to the old group behind a swap or a shift; none for what could not be read.
struct Behind {
    downsize_old: Option<bool>,
    downsize_at: Option<Span>,
    timeout: Option<Option<Millis>>,
}

fn behind(s: &mut Session<'_>, table: Option<Table<'_>>, outer: Table<'_>, kind: &str, scope: &Scope) -> Behind {
    let downsize = pick(s, table, Some(outer), kind, "downsizeOld");
    let timeout = pick(s, table, Some(outer), kind, "timeout");
    Behind {
        downsize_old: downsize.map_or(Some(false), |node| s.flag(node, scope.now())),
        downsize_at: downsize.map(|node| node.place),
        timeout: known(timeout.map(|node| s.duration(node, scope.now(), Millis(1)))),
    }
}

/// `10%`, or 10: nothing but a share can stand here.
fn weight(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<Weight> {
    const HINT: &str = "write the new group's share of the requests in whole percents: `10%`";
    let Tree::Scalar(_) = &node.tree else {
        let message = format!("{} has to be a weight, and is {}", node.called(), node.kind());
        s.error_hint("wrong-type", node.place, message, "a weight is expected", HINT);
        return None;
    };
    let text = plain(&s.value(node, scope.now())?);
    let Some(number) = text.trim().trim_end_matches('%').trim_end().parse::<i64>().ok() else {
        let message = format!("{} is `{text}`, which is no weight", node.called());
        s.error_hint("wrong-type", node.place, message, "a weight is expected", HINT);
        return None;
    };
    let weight = u64::try_from(number).ok().and_then(|number| Weight::new(number).ok());
    if weight.is_none() {
        s.out_of_range(node, format!("{} is {number}%, and has to be 0% to 100%", node.called()), "0% to 100%");
    }
    weight
}

/// A route swaps once, or it shifts.
fn one_kind(s: &mut Session<'_>, moves: &[ReadMove]) -> bool {
    let Some((first, others)) = moves.split_first() else { return true };
    let repeats = |later: &&ReadMove| later.traffic != first.traffic || later.traffic == Traffic::Swap;
    let Some(later) = others.iter().find(repeats) else { return true };
    let (code, message, label, hint) = if later.traffic == first.traffic {
        ("duplicate-name", "a route swaps once, and this swaps twice", "and again", "remove one of them")
    } else {
        let hint = "a swap exchanges two listeners, a shift moves the weights of one rule: keep one of the two";
        ("conflicting-fields", "a route swaps or shifts, and this does both", "not both", hint)
    };
    s.found.push(Diagnostic::error(code, Some(later.at), message).label(label).related(first.at, "first here").hint(hint));
    false
}

/// Weights grow, and end at 100; only then the old group can go.
fn weights(s: &mut Session<'_>, moves: &[ReadMove]) {
    let shifts: Vec<_> = moves.iter().filter(|read| read.traffic == Traffic::Shift).collect();
    for (weight, at) in shifts.iter().filter_map(|read| Some((read.weight?, read.downsize_at?))).filter(|(w, _)| *w < Weight::ALL)
    {
        let message = format!("the old group still serves {} of the requests here, and cannot be downsized", weight.rest());
        s.error_hint("meaningless-field", at, message, "too early", "downsize it with the shift to 100%");
    }
    let weighed: Vec<_> = shifts.iter().filter_map(|read| Some((read.weight?, read.at))).collect();
    if let Some((weight, at)) = weighed.first().filter(|(weight, _)| *weight == Weight::NONE) {
        let message = format!("this shifts {weight}, and the new group begins with that");
        s.warn("shift-adds-nothing", *at, message, "remove it, or let it shift something");
    }
    for ((before, first), (after, then)) in weighed.iter().zip(weighed.iter().skip(1)).filter(|((b, _), (a, _))| a <= b) {
        let message = format!("this shifts {after}, and the one before it {before}");
        let diagnostic = Diagnostic::error("weights-do-not-grow", Some(*then), message).label("not more");
        let hint = "weights are the new group's whole share, not increments: each shift needs more than the one before it";
        s.found.push(diagnostic.related(*first, "shifted before").hint(hint));
    }
    if let Some((weight, at)) = shifts.last().and_then(|read| Some((read.weight?, read.at))).filter(|(w, _)| *w < Weight::ALL) {
        let message = format!("the last shift is to {weight}, so the old group serves for ever");
        s.error_hint("never-complete", at, message, "100% is expected", "let the last shift be to 100%");
    }
}
