//! How many instances: `setup.instances` and the amounts of `deploy`.

use serde_json::Value;
use shiftgate_model::{Amount, Capacity, DownsizeOrder, Millis, Sizing};

use super::routes::Traffic;
use crate::expression::Scope;
use crate::plan::Deploy;
use crate::read::{DEPLOY, INSTANCES, Node, Table, Tree};
use crate::session::{Session, plain};
use crate::source::Span;

const ORDERS: [(&str, DownsizeOrder); 2] = [("new-first", DownsizeOrder::NewFirst), ("old-first", DownsizeOrder::OldFirst)];

/// `{ min, target, max }` or `same-as-running`.
pub(crate) fn sizing(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<Sizing> {
    if let Tree::Scalar(_) = &node.tree {
        return s.choice(node, scope.now(), &[("same-as-running", Sizing::SameAsRunning)]);
    }
    let table = s.table(node, &INSTANCES)?;
    let [min, target, max] = ["min", "target", "max"].map(|field| {
        let node = table.need(field, "`instances`", &mut s.found)?;
        s.integer(node, scope.now(), 0..=u32::MAX).map(|number| (number, node.place))
    });
    let ((min, min_at), (target, target_at), (max, max_at)) = (min?, target?, max?);
    if min > target {
        s.found.push(order(target_at, format!("`target` is {target}, and `min` is {min}"), "below `min`", min_at, "the least"));
    }
    if target > max {
        s.found.push(order(target_at, format!("`target` is {target}, and `max` is {max}"), "above `max`", max_at, "the most"));
    }
    if target == 0 && max > 0 {
        s.warn(
            "nothing-to-deploy",
            target_at,
            "`target` is 0, so no instance is deployed",
            "write how many instances the service needs",
        );
    }
    Capacity::new(min, target, max).ok().map(Sizing::Fixed)
}

fn order(at: Span, message: String, label: &str, other: Span, other_label: &str) -> crate::Diagnostic {
    crate::Diagnostic::error("out-of-range", Some(at), message)
        .label(label)
        .related(other, other_label)
        .hint("min <= target <= max has to hold")
}

/// A deploy step as it is meant, with the places that later checks point at.
pub(crate) struct ReadDeploy {
    /// None when it is a mistake or not known.
    pub(crate) deploy: Option<Deploy>,
    /// By itself: it is checked against the other phases whatever else is wrong.
    pub(crate) amount: Option<Amount>,
    pub(crate) amount_at: Span,
    pub(crate) downsize_at: Option<Span>,
    /// The step's own `onFailure`.
    pub(crate) table_failure: Option<Node>,
}

/// `25%`, `2`, or a mapping. `beside` is the phase, which may hold `downsizeOld` and `order` too.
pub(crate) fn deploy(s: &mut Session<'_>, node: &Node, beside: Option<Table<'_>>, scope: &Scope) -> ReadDeploy {
    let table = mapping(s, node);
    let (amount, amount_at) = amount_in(s, node, table, scope);
    let downsize = pick(s, table, beside, "deploy", "downsizeOld");
    let order = pick(s, table, beside, "deploy", "order");
    let downsize_old = downsize.map(|node| self::amount(s, node, scope, 0));
    let order = order.map_or(Some(DownsizeOrder::default()), |node| s.choice(node, scope.now(), &ORDERS));
    let timeout = table.and_then(|table| table.get("timeout")).map(|node| s.duration(node, scope.now(), Millis(1)));
    let deploy =
        (|| Some(Deploy { amount: amount?, downsize_old: known(downsize_old)?, order: order?, timeout: known(timeout)? }))();
    let table_failure = table.and_then(|table| table.get("onFailure")).cloned();
    ReadDeploy { deploy, amount, amount_at, downsize_at: downsize.map(|node| node.place), table_failure }
}

/// The deploy of a blue/green workflow: the new group alone, and all of it where nothing else is said.
pub(crate) fn deploy_beside(s: &mut Session<'_>, node: &Node, traffic: Traffic, scope: &Scope) -> ReadDeploy {
    let table = mapping(s, node);
    for key in ["downsizeOld", "order"].iter().filter_map(|field| table?.key(field)) {
        let why = "the old group is not touched here";
        let message = format!("`{}` has no meaning in `deploy` of a blue-green workflow: {why}", key.text);
        let hint = match (key.text.as_str(), traffic) {
            ("order", _) => "remove it: one group alone needs no order",
            (_, Traffic::Swap) => "the old group is downsized behind the routes: `route: { swap: { downsizeOld: true } }`",
            (_, Traffic::Shift) => "the old group is downsized behind the routes: `- shift: { weight: 100%, downsizeOld: true }`",
        };
        s.error_hint("meaningless-field", key.span, message, "no meaning here", hint);
    }
    let whole = Amount::Percent(100);
    let (amount, amount_at) = match table {
        Some(table) if table.key("count").or(table.key("percent")).is_none() => (Some(whole), node.place),
        table => amount_in(s, node, table, scope),
    };
    let amount = match (traffic, amount) {
        (Traffic::Shift, Some(amount)) if amount != whole => {
            let message = format!("a shift deploys the whole group, and this deploys {amount}");
            let hint = "remove it: the weights in `route` say how many requests the new group gets";
            s.error_hint("out-of-range", amount_at, message, "100% is expected", hint);
            None
        }
        (_, amount) => amount,
    };
    let timeout = table.and_then(|table| table.get("timeout")).map(|node| s.duration(node, scope.now(), Millis(1)));
    let deploy =
        (|| Some(Deploy { amount: amount?, downsize_old: None, order: DownsizeOrder::default(), timeout: known(timeout)? }))();
    let table_failure = table.and_then(|table| table.get("onFailure")).cloned();
    ReadDeploy { deploy, amount, amount_at, downsize_at: None, table_failure }
}

/// An optional value: absent is known, and what could not be read is not.
pub(crate) fn known<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

fn mapping<'n>(s: &mut Session<'_>, node: &'n Node) -> Option<Table<'n>> {
    match &node.tree {
        Tree::Map(_) => s.table(node, &DEPLOY),
        Tree::Scalar(_) | Tree::List(_) => None,
    }
}

/// The amount of a deploy step, and its place.
fn amount_in(s: &mut Session<'_>, node: &Node, table: Option<Table<'_>>, scope: &Scope) -> (Option<Amount>, Span) {
    match table {
        Some(table) => amount_of(s, table, scope),
        None => (amount(s, node, scope, 1), node.place),
    }
}

fn amount_of(s: &mut Session<'_>, table: Table<'_>, scope: &Scope) -> (Option<Amount>, Span) {
    match (table.get("count"), table.get("percent")) {
        (Some(node), None) => (s.integer(node, scope.now(), 1..=u32::MAX).map(Amount::Count), node.place),
        (None, Some(node)) => (percent(s, node, scope, 1), node.place),
        (Some(_), Some(node)) => {
            s.error_hint(
                "conflicting-fields",
                node.place,
                "`count` and `percent` stand side by side",
                "one of the two",
                "remove one of them",
            );
            (None, node.place)
        }
        (None, None) => {
            s.error_hint(
                "missing-field",
                table.node.place,
                "`deploy` says neither `count` nor `percent`",
                "how many?",
                "write `deploy: 25%` or `deploy: 2`",
            );
            (None, table.node.place)
        }
    }
}

/// `25%` is a share; `2` is a count.
fn amount(s: &mut Session<'_>, node: &Node, scope: &Scope, least: u32) -> Option<Amount> {
    let Tree::Scalar(scalar) = &node.tree else {
        let message = format!("{} has to be a share or a count, and is {}", node.called(), node.kind());
        s.error_hint("wrong-type", node.place, message, "a share or a count is expected", "write `25%` or `2`");
        return None;
    };
    let percent_sign = match s.value(node, scope.now())? {
        Value::String(text) => text.trim_end().ends_with('%'),
        Value::Number(_) => false,
        other => {
            let message = format!("{} has to be a share or a count, and is `{}`", node.called(), plain(&other));
            s.error_hint("wrong-type", node.place, message, "a share or a count is expected", "write `25%` or `2`");
            return None;
        }
    };
    let text = !scalar.text.contains("${") && scalar.text.trim().parse::<i64>().is_err();
    match percent_sign || text {
        true => percent(s, node, scope, least),
        false => s.integer(node, scope.now(), least..=u32::MAX).map(Amount::Count),
    }
}

/// `25%`, or 25 where only a share can stand.
fn percent(s: &mut Session<'_>, node: &Node, scope: &Scope, least: u32) -> Option<Amount> {
    let value = s.value(node, scope.now())?;
    let text = plain(&value);
    let Some(number) = text.trim().trim_end_matches('%').trim_end().parse::<i64>().ok() else {
        let message = format!("{} is `{text}`, which is neither a share nor a count", node.called());
        s.error_hint(
            "wrong-type",
            node.place,
            message,
            "a share or a count is expected",
            "write whole percents as `25%`, or a count as `2`",
        );
        return None;
    };
    let amount = u64::try_from(number).ok().filter(|n| *n >= u64::from(least)).and_then(|n| Amount::percent(n).ok());
    if amount.is_none() {
        s.out_of_range(
            node,
            format!("{} is {number}%, and has to be {least}% to 100%", node.called()),
            format!("{least}% to 100%"),
        );
    }
    amount
}

/// A field of a step's mapping or of the one around it, not of both.
pub(crate) fn pick<'n>(
    s: &mut Session<'_>,
    table: Option<Table<'n>>,
    beside: Option<Table<'n>>,
    step: &str,
    field: &str,
) -> Option<&'n Node> {
    let inner = table.and_then(|table| table.get(field));
    let outer = beside.and_then(|table| table.get(field));
    if let (Some(_), Some(outer)) = (inner, outer) {
        let message = format!("`{field}` stands in `{step}` and beside it");
        s.error_hint("conflicting-fields", outer.place, message, "one of the two", "remove one of them");
    }
    inner.or(outer)
}
