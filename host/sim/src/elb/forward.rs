//! Forward actions: their target groups with weights and stickiness, what of them is refused, and both of the forms in
//! which a forward to one group is echoed.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::actions::{in_order, kind, number};
use super::arn::is_arn;
use super::refusal::Refusal;
use super::{Balancer, Elb};

/// The most target groups of one action.
const MOST_GROUPS: usize = 5;
const MOST_WEIGHT: u64 = 999;
const MOST_STICKY: u64 = 604_800;

/// A forward action as the data plane reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    /// Target group ARNs with their weights, in the order of the action.
    pub(crate) weights: Vec<(String, u32)>,
    /// How long a client stays with its group; none when stickiness is off.
    pub(crate) sticky: Option<Duration>,
}

impl Forward {
    /// The forward action of a list that was accepted, if it has one.
    pub(crate) fn of(actions: &[Value]) -> Option<Self> {
        let action = in_order(actions).into_iter().find(|action| kind(action) == "forward")?;
        let config = action.get("ForwardConfig")?;
        let stickiness = config.get("TargetGroupStickinessConfig");
        let seconds = stickiness.filter(|config| config.get("Enabled").is_some_and(|flag| flag == true));
        Some(Self {
            weights: tuples(config).filter_map(|tuple| Some((tuple.arn?.to_owned(), tuple.weight?))).collect(),
            sticky: seconds.and_then(|config| number(config.get("DurationSeconds"))).map(Duration::from_secs),
        })
    }
}

struct Tuple<'a> {
    arn: Option<&'a str>,
    weight: Option<u32>,
    /// Whether a weight was given, be it one or not.
    weighted: bool,
}

fn tuples(config: &Value) -> impl Iterator<Item = Tuple<'_>> {
    let groups = config.get("TargetGroups").and_then(Value::as_array);
    groups.into_iter().flatten().map(|group| Tuple {
        arn: group.get("TargetGroupArn").and_then(Value::as_str),
        weight: number(group.get("Weight")).filter(|weight| *weight <= MOST_WEIGHT).and_then(|weight| u32::try_from(weight).ok()),
        weighted: group.get("Weight").is_some(),
    })
}

/// Checks a forward action and completes it as the service echoes it.
pub(crate) fn accept(elb: &Elb, balancer: &Balancer, mut action: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let single = action.get("TargetGroupArn").and_then(Value::as_str).map(str::to_owned);
    let mut config = match action.get("ForwardConfig") {
        Some(Value::Object(config)) => config.clone(),
        Some(_) => return Err(Refusal::validation("'ForwardConfig' must be a structure")),
        None => Map::new(),
    };
    if !config.contains_key("TargetGroups")
        && let Some(arn) = &single
    {
        config.insert("TargetGroups".to_owned(), json!([{"TargetGroupArn": arn}]));
    }
    let mut config = Value::Object(config);
    let arns = groups(elb, balancer, &config)?;
    if single.as_ref().is_some_and(|single| arns != [single.clone()]) {
        let message = "You cannot specify both 'TargetGroupArn' and a 'ForwardConfig' that does not name that target group alone";
        return Err(Refusal::action(message));
    }
    stickiness(elb, &arns, &config)?;
    complete(&mut config);
    action.shift_remove("ForwardConfig");
    if let ([arn], None) = (arns.as_slice(), single) {
        let at = action.keys().position(|key| key == "Type").map_or(0, |index| index + 1);
        action.shift_insert(at, "TargetGroupArn".to_owned(), json!(arn));
    }
    action.insert("ForwardConfig".to_owned(), config);
    Ok(action)
}

/// What the service fills in: the weight of a single group, and stickiness that is off.
fn complete(config: &mut Value) {
    let Value::Object(config) = config else { return };
    if let Some(Value::Array(groups)) = config.get_mut("TargetGroups") {
        for group in groups.iter_mut().filter_map(Value::as_object_mut) {
            group.entry("Weight").or_insert_with(|| json!(1));
        }
    }
    let stickiness = config.entry("TargetGroupStickinessConfig").or_insert_with(|| json!({}));
    if let Value::Object(stickiness) = stickiness {
        stickiness.entry("Enabled").or_insert_with(|| json!(false));
    }
}

/// The ARNs of a forward, after their refusals.
fn groups(elb: &Elb, balancer: &Balancer, config: &Value) -> Result<Vec<String>, Refusal> {
    let tuples: Vec<Tuple<'_>> = tuples(config).collect();
    let mut arns: Vec<String> = Vec::new();
    for tuple in &tuples {
        let arn = tuple.arn.ok_or_else(|| Refusal::validation("A target group ARN must be specified"))?;
        if !is_arn(arn, "targetgroup") {
            return Err(Refusal::validation(format!("'{arn}' is not a valid target group ARN")));
        }
        if arns.iter().any(|known| known == arn) {
            return Err(Refusal::validation(format!("Target group '{arn}' is specified more than once")));
        }
        arns.push(arn.to_owned());
    }
    if arns.is_empty() || arns.len() > MOST_GROUPS {
        let message = format!("A forward action must specify between 1 and {MOST_GROUPS} target groups, inclusive");
        return Err(Refusal::validation(message));
    }
    if tuples.iter().any(|tuple| tuple.weight.is_none() && (tuple.weighted || tuples.len() > 1)) {
        return Err(Refusal::validation("The weight for each target group must be between 0 and 999, inclusive"));
    }
    belong(elb, balancer, &arns)?;
    Ok(arns)
}

/// Every group is there, in the same VPC, and no other load balancer's.
fn belong(elb: &Elb, balancer: &Balancer, arns: &[String]) -> Result<(), Refusal> {
    let mut elsewhere = Vec::new();
    for arn in arns {
        let Some(group) = elb.groups.iter().find(|group| group.arn == *arn) else {
            return Err(Refusal::new("TargetGroupNotFound", format!("Target groups '{arn}' not found")));
        };
        if group.vpc != balancer.vpc {
            let message = format!("The target group '{arn}' and the load balancer '{}' are in different VPCs", balancer.arn);
            return Err(Refusal::new("InvalidConfigurationRequest", message));
        }
        if elb.users(arn).any(|user| user.arn != balancer.arn) {
            elsewhere.push(arn.as_str());
        }
    }
    if elsewhere.is_empty() {
        return Ok(());
    }
    let message =
        format!("The following target groups cannot be associated with more than one load balancer: {}", elsewhere.join(", "));
    Err(Refusal::new("TargetGroupAssociationLimit", message))
}

fn stickiness(elb: &Elb, arns: &[String], config: &Value) -> Result<(), Refusal> {
    let stickiness = config.get("TargetGroupStickinessConfig");
    let enabled = match stickiness.and_then(|config| config.get("Enabled")) {
        None => false,
        Some(Value::Bool(enabled)) => *enabled,
        Some(_) => return Err(Refusal::validation("'Enabled' of a TargetGroupStickinessConfig must be true or false")),
    };
    let given = stickiness.and_then(|config| config.get("DurationSeconds"));
    let seconds = number(given).filter(|seconds| (1..=MOST_STICKY).contains(seconds));
    if seconds.is_none() && (enabled || given.is_some()) {
        return Err(Refusal::validation("Target group stickiness duration must be between 1 and 604800 seconds"));
    }
    let sticky = |arn: &String| elb.groups.iter().any(|group| group.arn == *arn && group.stickiness.is_some());
    if !enabled && arns.len() > 1 && arns.iter().any(sticky) {
        let message =
            "You must enable target group stickiness on the action when one of its target groups has stickiness enabled";
        return Err(Refusal::action(message));
    }
    Ok(())
}
