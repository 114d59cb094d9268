//! `loadBalancers:` of a blue/green workflow: where requests come in, and which rules a run may change.
//!
//! What only AWS knows (which rule is the default one, which target groups it has) the engine checks when it sets up.

use shiftgate_model::RuleArn;

use super::arns;
use super::routes::Traffic;
use crate::Diagnostic;
use crate::expression::Scope;
use crate::plan::{ListenerAt, RouteAt, RoutingShape, ShiftRoute, SwapRoute};
use crate::read::{Node, SHIFT_BALANCER, SIDE, SWAP_BALANCER, Table, Tree};
use crate::session::Session;
use crate::source::Span;

/// The load balancers as they are meant, and the places that later checks point at.
pub(crate) struct ReadRouting {
    pub(crate) traffic: Traffic,
    /// None when something in it is a mistake or not known.
    pub(crate) shape: Option<RoutingShape>,
    /// Every rule that is named, with its place.
    pub(crate) rules: Vec<(RuleArn, Span)>,
}

/// What ARNs are checked against.
#[derive(Clone, Copy)]
struct Context<'c> {
    scope: &'c Scope,
    region: Option<&'c String>,
}

/// A rule of a listener, and where it stands.
struct Side {
    load_balancer: Option<String>,
    at: RouteAt,
    place: Span,
    rule_at: Option<Span>,
}

pub(crate) fn routing(
    s: &mut Session<'_>,
    workflow: Table<'_>,
    traffic: Traffic,
    scope: &Scope,
    region: Option<&String>,
) -> ReadRouting {
    let hint = match traffic {
        Traffic::Swap => "write `loadBalancers: [ { name: web-alb, production: { port: 80 }, stage: { port: 8080 } } ]`",
        Traffic::Shift => "write `loadBalancers: [ { name: web-alb, port: 80 } ]`",
    };
    let Some(node) = workflow.need_hint("loadBalancers", "a blue-green workflow", hint, &mut s.found) else {
        return ReadRouting { traffic, shape: None, rules: Vec::new() };
    };
    let items = s.list(node);
    let is_list = matches!(node.tree, Tree::List(_));
    if items.is_empty() && is_list {
        let message = "a blue-green workflow has load balancers, and this has none";
        s.error_hint("empty-list", node.place, message, "needs a load balancer", hint);
    }
    let cx = Context { scope, region };
    let mut sides = Vec::new();
    let shape = match traffic {
        Traffic::Swap => {
            let routes: Vec<_> = items.iter().map(|node| swap(s, cx, node, &mut sides)).collect();
            routes.into_iter().collect::<Option<_>>().map(RoutingShape::Swap)
        }
        Traffic::Shift => {
            let routes: Vec<_> = items.iter().map(|node| shift(s, cx, node, &mut sides)).collect();
            routes.into_iter().collect::<Option<_>>().map(RoutingShape::Shift)
        }
    };
    each_once(s, &sides);
    let rules = sides.iter().filter_map(|side| Some((side.at.rule.clone()?, side.rule_at?))).collect();
    ReadRouting { traffic, shape: shape.filter(|_| is_list && !items.is_empty()), rules }
}

/// A load balancer with a production and a stage side.
fn swap(s: &mut Session<'_>, cx: Context<'_>, node: &Node, sides: &mut Vec<Side>) -> Option<SwapRoute> {
    let table = s.table(node, &SWAP_BALANCER)?;
    let load_balancer = s.needed_text(Some(table), "name", "a load balancer of a swap", cx.scope.now());
    let [production, stage] = ["production", "stage"].map(|field| {
        let port = if field == "stage" { 8080 } else { 80 };
        let hint = format!("a swap exchanges two listeners: write `{field}: {{ port: {port} }}`");
        let node = table.need_hint(field, "a load balancer of a swap", &hint, &mut s.found)?;
        let table = s.table(node, &SIDE)?;
        side(s, cx, table, &format!("`{field}`"), load_balancer.as_ref())
    });
    let [production_at, stage_at] = [&production, &stage].map(|side| side.as_ref().map(|side| side.at.clone()));
    let alike = production.as_ref().zip(stage.as_ref()).filter(|(production, stage)| same(production, stage));
    let alike = alike.map(|(production, stage)| (production.place, stage.place));
    if let Some((production, stage)) = alike {
        let message = "production and stage are the same listener and the same rule, so there is nothing to swap";
        let diagnostic = Diagnostic::error("duplicate-route", Some(stage), message).label("the same");
        s.found.push(diagnostic.related(production, "as this").hint("give the stage a listener or a rule of its own"));
    }
    sides.extend(production);
    sides.extend(stage.filter(|_| alike.is_none()));
    Some(SwapRoute { load_balancer: load_balancer?, production: production_at?, stage: stage_at? })
}

/// A load balancer with one rule whose weights move.
fn shift(s: &mut Session<'_>, cx: Context<'_>, node: &Node, sides: &mut Vec<Side>) -> Option<ShiftRoute> {
    let table = s.table(node, &SHIFT_BALANCER)?;
    let by_port = "a load balancer whose listener is given by its port";
    let what = if table.get("port").is_some() { by_port } else { "a load balancer of a shift" };
    let load_balancer = match (table.get("name"), table.get("listener")) {
        (None, Some(_)) => Some(None),
        _ => s.needed_text(Some(table), "name", what, cx.scope.now()).map(Some),
    };
    let side = side(s, cx, table, "a load balancer of a shift", load_balancer.as_ref().and_then(Option::as_ref));
    let production = side.as_ref().map(|side| side.at.clone());
    sides.extend(side);
    Some(ShiftRoute { load_balancer: load_balancer?, production: production? })
}

/// `port` or `listener`, and `rule`.
fn side(s: &mut Session<'_>, cx: Context<'_>, table: Table<'_>, what: &str, load_balancer: Option<&String>) -> Option<Side> {
    let listener = match (table.get("port"), table.get("listener")) {
        (Some(node), None) => {
            s.integer(node, cx.scope.now(), 1..=65_535).and_then(|port| u16::try_from(port).ok()).map(ListenerAt::Port)
        }
        (None, Some(node)) => arns::listener(s, node, cx.scope, cx.region).map(|arn| {
            belongs(s, node, arn.as_str(), load_balancer);
            ListenerAt::Arn(arn)
        }),
        (Some(_), Some(node)) => {
            let message = format!("{what} has both `port` and `listener`");
            s.error_hint("conflicting-fields", node.place, message, "one of the two", "remove one of them");
            None
        }
        (None, None) if table.misspelt("port") || table.misspelt("listener") => None,
        (None, None) => {
            let message = format!("{what} has neither `port` nor `listener`");
            let hint = "write `port: 80`, or `listener:` and its ARN";
            s.error_hint("missing-field", table.node.place, message, "which listener?", hint);
            None
        }
    };
    let rule = table.get("rule").map(|node| {
        let rule = arns::rule(s, node, cx.scope, cx.region)?;
        match &listener {
            Some(ListenerAt::Arn(listener)) if !arns::rule_of(&rule, listener) => {
                let hint = "the ARN of a rule begins as that of its listener, with `listener-rule` for `listener`";
                s.error_hint("unrelated-arn", node.place, "`rule` is not a rule of `listener`", "of another listener", hint);
            }
            Some(ListenerAt::Arn(_)) => {}
            Some(ListenerAt::Port(_)) | None => belongs(s, node, rule.as_str(), load_balancer),
        }
        Some((rule, node.place))
    });
    let rule = match rule {
        Some(rule) => Some(rule?),
        None => None,
    };
    let (rule, rule_at) = rule.unzip();
    Some(Side {
        load_balancer: load_balancer.cloned(),
        at: RouteAt { listener: listener?, rule },
        place: table.node.place,
        rule_at,
    })
}

/// Says when a listener or a rule is one of another load balancer than the named one.
fn belongs(s: &mut Session<'_>, node: &Node, arn: &str, load_balancer: Option<&String>) {
    if let (Some(of), Some(named)) = (arns::load_balancer(arn), load_balancer)
        && of != named
    {
        let message = format!("{} is of the load balancer `{of}`, and this one is called `{named}`", node.called());
        s.error_hint(
            "unrelated-arn",
            node.place,
            message,
            "of another load balancer",
            "give each load balancer an entry of its own",
        );
    }
}

/// Each rule may be changed in one place only.
fn each_once(s: &mut Session<'_>, sides: &[Side]) {
    for (number, side) in sides.iter().enumerate() {
        if let Some(earlier) = sides.iter().take(number).find(|earlier| same(earlier, side)) {
            let message = "this listener and rule stand here twice, and a run changes each once";
            let diagnostic = Diagnostic::error("duplicate-route", Some(side.place), message).label("and again");
            s.found.push(diagnostic.related(earlier.place, "first here").hint("remove one of them"));
        }
    }
}

/// Whether two are the same rule, as far as the file shows: what is given by port may be what is given by ARN.
fn same(one: &Side, other: &Side) -> bool {
    match (&one.at.rule, &other.at.rule) {
        (Some(one), Some(other)) => one == other,
        (None, None) => match (&one.at.listener, &other.at.listener) {
            (ListenerAt::Port(a), ListenerAt::Port(b)) => a == b && one.load_balancer == other.load_balancer,
            (ListenerAt::Arn(a), ListenerAt::Arn(b)) => a == b,
            (ListenerAt::Port(_), ListenerAt::Arn(_)) | (ListenerAt::Arn(_), ListenerAt::Port(_)) => false,
        },
        (Some(_), None) | (None, Some(_)) => false,
    }
}
