//! Typed views over the SDK's answers: what the engine reads is named here. Pure.
//!
//! Every field of an answer may be missing. What the engine cannot do without is an error that names it, not a default.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use shiftgate_model::{
    Draining, InstanceId, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, Rule, RuleArn, TargetGroup, TargetGroupArn,
    TargetHealth, TargetState,
};

use super::actions;
use super::unknown::Found;

/// How long a deregistered target may finish its requests when the attribute is not there, in seconds.
const DEFAULT_DELAY: u32 = 300;
/// How long a client stays with its target when stickiness is on and names no duration, in seconds.
const DEFAULT_STICKINESS: u32 = 86_400;

pub(super) fn load_balancer(found: &sdk::LoadBalancer) -> Result<LoadBalancer, String> {
    let state = found.state().and_then(sdk::LoadBalancerState::code);
    Ok(LoadBalancer {
        arn: LoadBalancerArn::new(there(found.load_balancer_arn(), "a load balancer without an ARN")?),
        name: there(found.load_balancer_name(), "a load balancer without a name")?,
        vpc: found.vpc_id().unwrap_or_default().to_owned(),
        application: found.r#type() == Some(&sdk::LoadBalancerTypeEnum::Application),
        state: state.map_or("", sdk::LoadBalancerStateEnum::as_str).to_owned(),
    })
}

pub(super) fn listener(found: &sdk::Listener) -> Result<Listener, String> {
    let arn = there(found.listener_arn(), "a listener without an ARN")?;
    Ok(Listener {
        load_balancer: LoadBalancerArn::new(there(found.load_balancer_arn(), "a listener without a load balancer")?),
        port: found.port().and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
        arn: ListenerArn::new(arn),
    })
}

/// A rule; `unknown` is what the reply's text holds beside.
pub(super) fn rule(found: &sdk::Rule, unknown: &Found) -> Result<Rule, String> {
    let arn = there(found.rule_arn(), "a rule without an ARN")?;
    let unknown = unknown.get(&arn).map(Vec::as_slice).unwrap_or_default();
    let default = found.is_default().unwrap_or_else(|| found.priority() == Some("default"));
    Ok(Rule { actions: actions::read(found.actions(), unknown), arn: RuleArn::new(arn), default })
}

pub(super) fn target_group(found: &sdk::TargetGroup) -> Result<TargetGroup, String> {
    // A load balancer that names it in several rules is still one.
    let mut load_balancers: Vec<LoadBalancerArn> = found.load_balancer_arns().iter().map(LoadBalancerArn::new).collect();
    load_balancers.sort();
    load_balancers.dedup();
    Ok(TargetGroup {
        arn: TargetGroupArn::new(there(found.target_group_arn(), "a target group without an ARN")?),
        name: there(found.target_group_name(), "a target group without a name")?,
        target_type: found.target_type().map_or("", sdk::TargetTypeEnum::as_str).to_owned(),
        vpc: found.vpc_id().unwrap_or_default().to_owned(),
        load_balancers,
    })
}

/// The two waits among a target group's attributes. Stickiness by source address has no duration: it counts as AWS's default.
pub(super) fn draining(attributes: &[sdk::TargetGroupAttribute]) -> Result<Draining, String> {
    let value = |key: &str| {
        let found = attributes.iter().find(|attribute| attribute.key() == Some(key));
        found.and_then(sdk::TargetGroupAttribute::value).filter(|value| !value.is_empty())
    };
    let seconds = |key: &str, default: u32| match value(key) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("attribute `{key}` is `{text}`, and not a number of seconds")),
    };
    let cookie = match value("stickiness.type") {
        Some("app_cookie") => "stickiness.app_cookie.duration_seconds",
        _ => "stickiness.lb_cookie.duration_seconds",
    };
    let on = value("stickiness.enabled") == Some("true");
    Ok(Draining {
        deregistration_delay: seconds("deregistration_delay.timeout_seconds", DEFAULT_DELAY)?,
        stickiness: if on { Some(seconds(cookie, DEFAULT_STICKINESS)?) } else { None },
    })
}

pub(super) fn target_health(found: &sdk::TargetHealthDescription) -> Result<TargetHealth, String> {
    let target = there(found.target().and_then(sdk::TargetDescription::id), "a target without an id")?;
    let health = found.target_health();
    let state = there(health.and_then(|health| health.state()).map(|state| state.as_str()), "a target without a state")?;
    let reason = health.and_then(|health| health.reason()).map(|reason| reason.as_str().to_owned());
    let state = match state.as_str() {
        "initial" => TargetState::Initial,
        "healthy" => TargetState::Healthy,
        // It fails its checks; that its open connections are being ended is nothing that a deployment waits for.
        "unhealthy" | "unhealthy.draining" => TargetState::Unhealthy,
        "unused" => TargetState::Unused,
        "draining" => TargetState::Draining,
        "unavailable" => TargetState::Unavailable,
        _ => TargetState::Other(state),
    };
    Ok(TargetHealth { target: InstanceId::new(target), state, reason })
}

/// A text that says something.
fn there(text: Option<&str>, missing: &str) -> Result<String, String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| missing.to_owned())
}
