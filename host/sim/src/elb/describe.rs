//! The actions that look: load balancers, listeners, rules, target groups and their targets, in the shapes of the service.
//! They change nothing, and see a write at once, whatever the data plane follows.

use serde_json::{Value, json};

use super::api::{Call, Outcome, object};
use super::page::page;
use super::refusal::Refusal;
use super::targets::{self, Finding, NOT_REGISTERED, TargetState};
use super::{Balancer, Elb, Listener, Protocol, Rule, TargetGroup};
use crate::account::Account;

/// When everything was made. The same in every account, so that replies are.
const CREATED: &str = "2026-01-01T00:00:00.000Z";

fn balancer_missing(what: &str) -> Refusal {
    Refusal::new("LoadBalancerNotFound", format!("Load balancers '[{what}]' not found"))
}

fn listener_missing() -> Refusal {
    Refusal::new("ListenerNotFound", "One or more listeners not found")
}

fn rule_missing() -> Refusal {
    Refusal::new("RuleNotFound", "One or more rules not found")
}

fn group_missing() -> Refusal {
    Refusal::new("TargetGroupNotFound", "One or more target groups not found")
}

/// The items that are named by exactly one of two parameters, or all where `all` says so.
fn one_of(first: bool, second: bool, names: &str, all: bool) -> Result<(), Refusal> {
    match (first, second) {
        (true, true) => Err(Refusal::validation(format!("You can specify only one of {names}"))),
        (false, false) if !all => Err(Refusal::validation(format!("You must specify one of {names}"))),
        _ => Ok(()),
    }
}

/// Finds each wanted item, or refuses; all of them when nothing is wanted.
fn pick<'a, T>(
    items: &'a [T],
    wanted: &[&str],
    is: impl Fn(&T, &str) -> bool,
    missing: impl Fn(&str) -> Refusal,
) -> Result<Vec<&'a T>, Refusal> {
    if wanted.is_empty() {
        return Ok(items.iter().collect());
    }
    let find = |wanted: &&str| items.iter().find(|item| is(item, wanted)).ok_or_else(|| missing(wanted));
    wanted.iter().map(find).collect()
}

pub(super) fn load_balancers(account: &mut Account, call: &Call) -> Outcome {
    let (arns, names) = (call.list("LoadBalancerArns"), call.list("Names"));
    one_of(!arns.is_empty(), !names.is_empty(), "load balancer ARNs and names", true)?;
    let all = &account.elb.balancers;
    let found = if names.is_empty() {
        pick(all, &arns, |one, arn| one.arn == arn, balancer_missing)?
    } else {
        pick(all, &names, |one, name| one.name == name, balancer_missing)?
    };
    page(&call.form, "LoadBalancers", found.into_iter().map(balancer).collect())
}

fn balancer(balancer: &Balancer) -> Value {
    let id = balancer.arn.rsplit('/').next().unwrap_or_default();
    let zones = ["us-east-1a", "us-east-1b"].map(|zone| json!({"ZoneName": zone, "SubnetId": format!("subnet-{zone}")}));
    object([
        ("LoadBalancerArn", json!(balancer.arn)),
        ("DNSName", json!(format!("{}-{id}.us-east-1.elb.amazonaws.com", balancer.name))),
        ("CanonicalHostedZoneId", json!("Z35SXDOTRQ7X7K")),
        ("CreatedTime", json!(CREATED)),
        ("LoadBalancerName", json!(balancer.name)),
        ("Scheme", json!(balancer.scheme.to_string())),
        ("VpcId", json!(balancer.vpc)),
        ("State", json!({"Code": balancer.state.to_string()})),
        ("Type", json!("application")),
        ("AvailabilityZones", json!(zones)),
        ("SecurityGroups", json!(["sg-1"])),
        ("IpAddressType", json!("ipv4")),
    ])
}

pub(super) fn listeners(account: &mut Account, call: &Call) -> Outcome {
    let (balancer, arns) = (call.text("LoadBalancerArn"), call.list("ListenerArns"));
    one_of(balancer.is_some(), !arns.is_empty(), "a load balancer ARN and listener ARNs", false)?;
    let all = account.elb.balancers.iter();
    let found: Vec<Value> = if let Some(arn) = balancer {
        let balancer = all.clone().find(|one| one.arn == arn).ok_or_else(|| balancer_missing(arn))?;
        balancer.listeners.iter().map(|one| listener(balancer, one)).collect()
    } else {
        let find = |arn: &&str| {
            let of =
                |balancer: &Balancer| balancer.listeners.iter().find(|one| one.arn == **arn).map(|one| listener(balancer, one));
            all.clone().find_map(of).ok_or_else(listener_missing)
        };
        arns.iter().map(find).collect::<Result<_, _>>()?
    };
    page(&call.form, "Listeners", found)
}

/// A listener as a reply shows it.
pub(super) fn listener(balancer: &Balancer, listener: &Listener) -> Value {
    let (policy, certificates) = match listener.protocol {
        Protocol::Http => (Value::Null, Value::Null),
        Protocol::Https => {
            let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000";
            (json!("ELBSecurityPolicy-TLS13-1-2-2021-06"), json!([{"CertificateArn": certificate}]))
        }
    };
    object([
        ("ListenerArn", json!(listener.arn)),
        ("LoadBalancerArn", json!(balancer.arn)),
        ("Port", json!(listener.port)),
        ("Protocol", json!(listener.protocol.to_string())),
        ("Certificates", certificates),
        ("SslPolicy", policy),
        ("DefaultActions", json!(listener.rules.last().map(Rule::actions).unwrap_or_default())),
    ])
}

pub(super) fn rules(account: &mut Account, call: &Call) -> Outcome {
    let (arn, arns) = (call.text("ListenerArn"), call.list("RuleArns"));
    one_of(arn.is_some(), !arns.is_empty(), "a listener ARN and rule ARNs", false)?;
    let elb = &account.elb;
    let found: Vec<Value> = if let Some(arn) = arn {
        let place = elb.default_place(arn).ok_or_else(listener_missing)?;
        elb.listener(place).into_iter().flat_map(|listener| &listener.rules).map(rule).collect()
    } else {
        let find = |arn: &&str| elb.place(arn).and_then(|place| elb.rule(place)).map(rule).ok_or_else(rule_missing);
        arns.iter().map(find).collect::<Result<_, _>>()?
    };
    page(&call.form, "Rules", found)
}

/// A rule as a reply shows it.
pub(super) fn rule(rule: &Rule) -> Value {
    object([
        ("RuleArn", json!(rule.arn)),
        ("Priority", json!(rule.shown_priority())),
        ("Conditions", json!(rule.conditions())),
        ("Actions", json!(rule.actions())),
        ("IsDefault", json!(rule.priority.is_none())),
    ])
}

pub(super) fn target_groups(account: &mut Account, call: &Call) -> Outcome {
    let (arns, names) = (call.list("TargetGroupArns"), call.list("Names"));
    let balancer = call.text("LoadBalancerArn");
    one_of(!arns.is_empty(), !names.is_empty(), "target group ARNs and names", true)?;
    one_of(balancer.is_some(), !arns.is_empty() || !names.is_empty(), "a load balancer ARN, target group ARNs and names", true)?;
    let elb = &account.elb;
    let found = if let Some(arn) = balancer {
        let balancer = elb.balancers.iter().find(|one| one.arn == arn).ok_or_else(|| balancer_missing(arn))?;
        elb.groups.iter().filter(|group| elb.users(&group.arn).any(|user| user.arn == balancer.arn)).collect()
    } else if names.is_empty() {
        pick(&elb.groups, &arns, |group, arn| group.arn == arn, |_| group_missing())?
    } else {
        pick(&elb.groups, &names, |group, name| group.name == name, |_| group_missing())?
    };
    page(&call.form, "TargetGroups", found.into_iter().map(|group| target_group(elb, group)).collect())
}

fn target_group(elb: &Elb, group: &TargetGroup) -> Value {
    let users: Vec<&str> = elb.users(&group.arn).map(|user| user.arn.as_str()).collect();
    object([
        ("TargetGroupArn", json!(group.arn)),
        ("TargetGroupName", json!(group.name)),
        ("Protocol", json!("HTTP")),
        ("Port", json!(group.port)),
        ("VpcId", json!(group.vpc)),
        ("HealthCheckProtocol", json!("HTTP")),
        ("HealthCheckPort", json!("traffic-port")),
        ("HealthCheckEnabled", json!(true)),
        ("HealthCheckIntervalSeconds", json!(30)),
        ("HealthCheckTimeoutSeconds", json!(5)),
        ("HealthyThresholdCount", json!(5)),
        ("UnhealthyThresholdCount", json!(2)),
        ("HealthCheckPath", json!("/")),
        ("Matcher", json!({"HttpCode": "200"})),
        ("LoadBalancerArns", json!(users)),
        ("TargetType", json!(group.target_type.to_string())),
        ("ProtocolVersion", json!("HTTP1")),
        ("IpAddressType", json!("ipv4")),
    ])
}

/// Every registered target, draining ones included, or the targets that are asked for. There are no pages.
pub(super) fn target_health(account: &mut Account, call: &Call) -> Outcome {
    let arn = call.required("TargetGroupArn")?;
    let group = account.elb.group(arn).ok_or_else(group_missing)?;
    let there = targets::of(account, group, call.now);
    let wanted = call.form.get("Targets").and_then(Value::as_array);
    let Some(wanted) = wanted else {
        let rows: Vec<Value> = there.iter().map(|(instance, finding)| target(group, &instance.id, *finding)).collect();
        return Ok(json!({"TargetHealthDescriptions": rows}));
    };
    let absent = Finding { state: TargetState::Unused, reason: Some(NOT_REGISTERED) };
    let rows: Result<Vec<Value>, Refusal> = wanted
        .iter()
        .map(|asked| {
            let id = asked.get("Id").and_then(Value::as_str).unwrap_or_default();
            if !id.starts_with("i-") {
                return Err(Refusal::new("InvalidTarget", format!("The following targets are not valid: '{id}'")));
            }
            let found = there.iter().find(|(instance, _)| instance.id == id).map_or(absent, |(_, finding)| *finding);
            Ok(target(group, id, found))
        })
        .collect();
    Ok(json!({"TargetHealthDescriptions": rows?}))
}

fn target(group: &TargetGroup, id: &str, finding: Finding) -> Value {
    let part = |part: Option<&str>| part.map_or(Value::Null, |text| json!(text));
    let health = object([
        ("State", json!(finding.state.to_string())),
        ("Reason", part(finding.reason.map(|(reason, _)| reason))),
        ("Description", part(finding.reason.map(|(_, description)| description))),
    ]);
    object([
        ("Target", json!({"Id": id, "Port": group.port})),
        ("HealthCheckPort", json!(group.port.to_string())),
        ("TargetHealth", health),
    ])
}

pub(super) fn target_group_attributes(account: &mut Account, call: &Call) -> Outcome {
    let group = account.elb.group(call.required("TargetGroupArn")?).ok_or_else(group_missing)?;
    let attributes = [
        ("deregistration_delay.timeout_seconds", group.delay.as_secs().to_string()),
        ("stickiness.enabled", group.stickiness.is_some().to_string()),
        ("stickiness.type", "lb_cookie".to_owned()),
        ("stickiness.lb_cookie.duration_seconds", group.stickiness.unwrap_or(86_400).to_string()),
        ("slow_start.duration_seconds", "0".to_owned()),
        ("load_balancing.algorithm.type", "round_robin".to_owned()),
    ];
    let attributes: Vec<Value> = attributes.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"Attributes": attributes}))
}

/// Nothing here has tags; what is asked for has to exist all the same.
pub(super) fn tags(account: &mut Account, call: &Call) -> Outcome {
    let arns = call.list("ResourceArns");
    if arns.is_empty() || arns.len() > 20 {
        return Err(Refusal::validation("Between 1 and 20 resource ARNs must be specified, inclusive"));
    }
    let elb = &account.elb;
    let described: Result<Vec<Value>, Refusal> = arns
        .iter()
        .map(|arn| {
            known(elb, arn)?;
            Ok(json!({"ResourceArn": arn, "Tags": []}))
        })
        .collect();
    Ok(json!({"TagDescriptions": described?}))
}

fn known(elb: &Elb, arn: &str) -> Result<(), Refusal> {
    let (there, missing) = match arn.split(':').nth(5).and_then(|resource| resource.split('/').next()) {
        Some("loadbalancer") => (elb.balancers.iter().any(|one| one.arn == arn), balancer_missing(arn)),
        Some("targetgroup") => (elb.group(arn).is_some(), group_missing()),
        Some("listener") => (elb.default_place(arn).is_some(), listener_missing()),
        Some("listener-rule") => (elb.place(arn).is_some(), rule_missing()),
        _ => (false, Refusal::validation(format!("'{arn}' is not a valid resource ARN"))),
    };
    if there { Ok(()) } else { Err(missing) }
}
