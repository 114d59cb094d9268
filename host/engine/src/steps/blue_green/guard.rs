//! The guards before a group is emptied or deleted: no request goes to it any more, whoever routes it.
//!
//! This run knows its own rules. A target group may be routed to by others, too: another listener of the same load balancer, a
//! rule with a path, a load balancer that is no part of the workflow. All of them are looked at.

use shiftgate_model::{Actions, ErrorClass, Group, LoadBalancerArn, RuleArn, StepError, TargetGroupArn};

use super::super::{Cx, Stop};
use super::Balancer;
use super::routes::read;

/// Stops unless nothing but this run's own stage rules sends requests to the group.
pub(super) async fn nobody_routes_to(cx: &Cx<'_>, group: &Group, balancers: &[Balancer]) -> Result<(), Stop> {
    match who_routes_to(cx, group, balancers).await? {
        None => Ok(()),
        Some(who) => {
            let message = format!("group {} `{}` keeps its instances: {who}", group.id, group.name);
            Err(StepError::new(ErrorClass::Drift, message)
                .hint("traffic to it would be lost: take it out of the rule first, then `shiftgate resume` this run")
                .into())
        }
    }
}

/// Who sends requests to a group, in words; none when nobody does but this run's own stage rules.
pub(super) async fn who_routes_to(cx: &Cx<'_>, group: &Group, balancers: &[Balancer]) -> Result<Option<String>, Stop> {
    if let Some(name) = group.classic.first() {
        return Ok(Some(format!("Spot registers its instances with `{name}`, too, which has no weights")));
    }
    let stage: Vec<&RuleArn> = balancers.iter().filter_map(|balancer| Some(&balancer.stage.as_ref()?.route.rule)).collect();
    for target_group in &group.target_groups {
        let bound = cx.routes()?.target_groups(std::slice::from_ref(target_group)).await?;
        for load_balancer in bound.iter().flat_map(|bound| &bound.load_balancers) {
            if let Some(who) = rule_of(cx, load_balancer, target_group, &stage).await? {
                return Ok(Some(who));
            }
        }
    }
    Ok(None)
}

/// The first rule of a load balancer that sends requests to the target group, or that cannot be told of.
async fn rule_of(
    cx: &Cx<'_>,
    load_balancer: &LoadBalancerArn,
    target_group: &TargetGroupArn,
    stage: &[&RuleArn],
) -> Result<Option<String>, Stop> {
    for listener in cx.routes()?.listeners(load_balancer).await? {
        for rule in cx.routes()?.rules(&listener.arn).await? {
            if stage.contains(&&rule.arn) || !routes_to(&rule.actions, target_group) {
                continue;
            }
            let (name, port, rule, actions) = (target_group.name(), listener.port, &rule.arn, &rule.actions);
            return Ok(Some(format!("rule {rule} on port {port} sends requests to its target group `{name}` ({actions})")));
        }
    }
    Ok(None)
}

/// Whether a list of actions sends requests to a target group. A list without a forward action sends nothing anywhere; one
/// that cannot be told of counts as sending when it names the group.
fn routes_to(actions: &Actions, group: &TargetGroupArn) -> bool {
    match actions.weight_of(group) {
        Some(weight) => weight > 0,
        None => actions.mentions(group),
    }
}

/// The production rule as it is now, which sends nothing to that target group.
pub(super) async fn unweighted(cx: &Cx<'_>, balancer: &Balancer, group: &TargetGroupArn, role: &str) -> Result<Actions, Stop> {
    let live = read(cx, &balancer.production.route.rule).await?;
    if live.spares(group) {
        return Ok(live);
    }
    let name = &balancer.name;
    let message = format!("the {role} group is not emptied: `{name}` sends production traffic to its target group ({live})");
    Err(StepError::new(ErrorClass::Drift, message)
        .hint("look who changed the rule; give it back the weights that this run left, then `shiftgate resume` this run")
        .into())
}
