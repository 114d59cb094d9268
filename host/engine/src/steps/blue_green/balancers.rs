//! Reads the load balancers of a deployment and tells which target group is production and which is stage.
//!
//! It only looks. Whatever does not fit is an error that names what was found: nothing is guessed.

use shiftgate_model::{
    Actions, ErrorClass, EventKind, Forward, ForwardTarget, Listener, LoadBalancer, Millis, Route, Rule, StepError, TargetGroup,
    TargetGroupArn,
};
use shiftgate_workflow::{ListenerAt, RouteAt, Routing, RoutingShape, ShiftRoute, SwapRoute};

use super::super::{Cx, Stop};
use super::{Balancer, Side};

/// Which of two target groups is which.
struct Told {
    old: TargetGroupArn,
    new: TargetGroupArn,
    /// Whether the operator said so.
    assumed: bool,
}

/// Every load balancer of the plan, as it is now.
pub(super) async fn read(cx: &Cx<'_>, routing: &Routing) -> Result<Vec<Balancer>, Stop> {
    let mut balancers = Vec::new();
    match &routing.shape {
        RoutingShape::Swap(routes) => {
            for route in routes {
                balancers.push(read_swap(cx, route).await?);
            }
        }
        RoutingShape::Shift(routes) => {
            for route in routes {
                balancers.push(read_shift(cx, route, &routing.assume_production).await?);
            }
        }
    }
    each_rule_once(&balancers)?;
    no_group_twice(&balancers)?;
    Ok(balancers)
}

/// A port and an ARN can lead to one rule, which no validation without the cloud can see.
fn each_rule_once(balancers: &[Balancer]) -> Result<(), StepError> {
    let mut seen = Vec::new();
    for balancer in balancers {
        for side in balancer.sides() {
            let rule = &side.route.rule;
            if seen.contains(&rule) {
                let message = format!("rule {rule} of load balancer `{}` is named twice under `loadBalancers`", balancer.name);
                return Err(StepError::new(ErrorClass::Application, message).hint("name each rule once; nothing was touched"));
            }
            seen.push(rule);
        }
    }
    Ok(())
}

/// A target group cannot be production behind one rule and stage behind another.
fn no_group_twice(balancers: &[Balancer]) -> Result<(), StepError> {
    let both = balancers.iter().find(|one| balancers.iter().any(|other| one.old == other.new));
    let Some(one) = both else { return Ok(()) };
    let message = format!("target group `{}` is production behind one rule and stage behind another", one.old.name());
    Err(StepError::new(ErrorClass::Application, message).hint("give the rules the same two target groups; nothing was touched"))
}

async fn read_swap(cx: &Cx<'_>, route: &SwapRoute) -> Result<Balancer, Stop> {
    let balancer = named(cx, &route.load_balancer).await?;
    let production = read_side(cx, &balancer, &route.production).await?;
    let stage = read_side(cx, &balancer, &route.stage).await?;
    let told = Told { old: only_target(&balancer, &production)?, new: only_target(&balancer, &stage)?, assumed: false };
    finish(cx, &balancer, production, Some(stage), told).await
}

async fn read_shift(cx: &Cx<'_>, route: &ShiftRoute, assumed: &[TargetGroupArn]) -> Result<Balancer, Stop> {
    let name = match (route.load_balancer_name(), &route.production.listener) {
        (Some(name), _) => name,
        (None, ListenerAt::Arn(arn)) => arn.as_str(),
        (None, ListenerAt::Port(port)) => {
            let message = format!("a listener by its port ({port}) needs the name of its load balancer");
            return Err(StepError::new(ErrorClass::Application, message).into());
        }
    };
    let balancer = named(cx, name).await?;
    let production = read_side(cx, &balancer, &route.production).await?;
    let told = production_and_stage(&balancer, &production, assumed)?;
    finish(cx, &balancer, production, None, told).await
}

async fn named(cx: &Cx<'_>, name: &str) -> Result<LoadBalancer, Stop> {
    let region = &cx.plan.infrastructure.region;
    let Some(balancer) = cx.routes()?.load_balancer(name).await? else {
        let message = format!("there is no load balancer `{name}` in {region}");
        return Err(StepError::new(ErrorClass::Application, message)
            .hint("look at its name, and at `infrastructure.region`; nothing was touched")
            .into());
    };
    if !balancer.application {
        return Err(no(&balancer, "it is no application load balancer, and only those route by rules").into());
    }
    if !matches!(balancer.state.as_str(), "active" | "active_impaired") {
        return Err(no(&balancer, &format!("it is {}, not active", balancer.state)).into());
    }
    Ok(balancer)
}

async fn read_side(cx: &Cx<'_>, balancer: &LoadBalancer, at: &RouteAt) -> Result<Side, Stop> {
    let listener = find_listener(cx, balancer, &at.listener).await?;
    let rules = cx.routes()?.rules(&listener.arn).await?;
    let found = match &at.rule {
        Some(arn) => rules
            .into_iter()
            .find(|rule| rule.arn == *arn)
            .ok_or_else(|| no(balancer, &format!("its listener on port {} has no rule {arn}", listener.port)))?,
        None => rules
            .into_iter()
            .find(|rule| rule.default)
            .ok_or_else(|| no(balancer, &format!("its listener on port {} shows no default rule", listener.port)))?,
    };
    let Rule { arn, default, actions } = found;
    if let Some(forward) = actions.forward() {
        cx.say(EventKind::RouteRead {
            load_balancer: balancer.name.clone(),
            port: listener.port,
            rule: arn.clone(),
            forward: forward.clone(),
        })
        .await?;
    }
    Ok(Side { port: listener.port, route: Route { rule: arn, listener: listener.arn, default }, actions })
}

async fn find_listener(cx: &Cx<'_>, balancer: &LoadBalancer, at: &ListenerAt) -> Result<Listener, Stop> {
    let found = match at {
        ListenerAt::Port(port) => {
            cx.routes()?.listeners(&balancer.arn).await?.into_iter().find(|listener| listener.port == *port)
        }
        ListenerAt::Arn(arn) => cx.routes()?.listener(arn).await?,
    };
    let what = match at {
        ListenerAt::Port(port) => format!("on port {port}"),
        ListenerAt::Arn(arn) => arn.to_string(),
    };
    match found {
        None => Err(no(balancer, &format!("it has no listener {what}")).into()),
        Some(listener) if listener.load_balancer != balancer.arn => {
            Err(no(balancer, &format!("listener {what} belongs to {}", listener.load_balancer)).into())
        }
        Some(listener) => Ok(listener),
    }
}

/// The one target group that a side of a swap forwards to.
fn only_target(balancer: &LoadBalancer, side: &Side) -> Result<TargetGroupArn, StepError> {
    let forward = forward(balancer, side)?;
    match forward.targets.as_slice() {
        [only] => Ok(only.group.clone()),
        _ => Err(rule_error(balancer, side, "a swap needs exactly one target group there")
            .hint("take the other groups out of the rule, or deploy by weight: `route: [ { shift: … } ]`")),
    }
}

/// Of the two target groups of a shift, the one with all the weight is production. What else is there is not guessed at.
fn production_and_stage(balancer: &LoadBalancer, side: &Side, assumed: &[TargetGroupArn]) -> Result<Told, StepError> {
    let [one, other] = forward(balancer, side)?.targets.as_slice() else {
        return Err(rule_error(balancer, side, "a shift needs exactly two target groups there")
            .hint("put both target groups into the rule, production with weight 100 and stage with 0"));
    };
    let is_assumed = |group: &TargetGroupArn| assumed.iter().any(|arn| arn == group || arn.as_str() == group.name());
    let told =
        |old: &ForwardTarget, new: &ForwardTarget, assumed| Told { old: old.group.clone(), new: new.group.clone(), assumed };
    match (is_assumed(&one.group), is_assumed(&other.group)) {
        (true, false) => return Ok(told(one, other, true)),
        (false, true) => return Ok(told(other, one, true)),
        (true, true) => return Err(rule_error(balancer, side, "both of its target groups are assumed to be production")),
        (false, false) => {}
    }
    match (one.weight, other.weight) {
        (Some(100), Some(0)) => Ok(told(one, other, false)),
        (Some(0), Some(100)) => Ok(told(other, one, false)),
        _ => Err(rule_error(balancer, side, "which of them is production cannot be told: one has to have 100, the other 0")
            .hint(format!(
                "set the weights to 100 and 0, or say which is production: --assume-production {} (or {})",
                one.group, other.group
            ))),
    }
}

fn forward<'s>(balancer: &LoadBalancer, side: &'s Side) -> Result<&'s Forward, StepError> {
    side.actions.forward().ok_or_else(|| rule_error(balancer, side, "a deployment needs exactly one forward action there"))
}

/// Both target groups can be exchanged, and are this load balancer's.
async fn finish(
    cx: &Cx<'_>,
    balancer: &LoadBalancer,
    production: Side,
    stage: Option<Side>,
    told: Told,
) -> Result<Balancer, Stop> {
    let Told { old, new, assumed } = told;
    if old == new {
        return Err(no(balancer, &format!("production and stage are one target group, `{}`", old.name())).into());
    }
    let groups = cx.routes()?.target_groups(&[old.clone(), new.clone()]).await?;
    for arn in [&old, &new] {
        let Some(group) = groups.iter().find(|group| group.arn == *arn) else {
            return Err(no(balancer, &format!("its target group {arn} is gone")).into());
        };
        check_group(balancer, group)?;
    }
    let drain = drain(cx, &old, &production.actions).await?;
    let (load_balancer, production_group, stage_group) = (balancer.name.clone(), old.clone(), new.clone());
    cx.say(EventKind::TargetGroupsTold { load_balancer, production: production_group, stage: stage_group }).await?;
    Ok(Balancer { name: balancer.name.clone(), production, stage, old, new, assumed, drain })
}

fn check_group(balancer: &LoadBalancer, group: &TargetGroup) -> Result<(), StepError> {
    let TargetGroup { name, target_type, vpc, load_balancers, .. } = group;
    if target_type != "instance" {
        let what = format!("its target group `{name}` takes targets of type `{target_type}`; Elastigroups need `instance`");
        return Err(no(balancer, &what));
    }
    if *vpc != balancer.vpc {
        return Err(no(balancer, &format!("it stands in {}, its target group `{name}` in {vpc}", balancer.vpc)));
    }
    if !load_balancers.contains(&balancer.arn) {
        return Err(no(balancer, &format!("target group `{name}` is not bound to it")));
    }
    Ok(())
}

/// What a target group may still be busy with once no new request goes to it: requests under way until the end of the
/// deregistration delay, and clients that the rule keeps with it.
async fn drain(cx: &Cx<'_>, group: &TargetGroupArn, actions: &Actions) -> Result<Millis, Stop> {
    let delay = cx.routes()?.draining(group).await?.deregistration_delay;
    let sticky = actions.forward().and_then(|forward| forward.stickiness_seconds).unwrap_or(0);
    Ok(Millis::seconds(u64::from(delay.max(sticky))))
}

fn no(balancer: &LoadBalancer, why: &str) -> StepError {
    StepError::new(ErrorClass::Application, format!("load balancer `{}`: {why}", balancer.name))
}

fn rule_error(balancer: &LoadBalancer, side: &Side, why: &str) -> StepError {
    let Side { port, route, actions } = side;
    no(balancer, &format!("rule {} on port {port} sends requests to {actions}; {why}", route.rule))
}
