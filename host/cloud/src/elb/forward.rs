//! Forward actions: the SDK's shapes and the model's. Pure.
//!
//! AWS echoes a single target group as `TargetGroupArn`, as `ForwardConfig`, or as both, and a stickiness that is off with or
//! without its duration; all of these are one [`Forward`].

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupStickinessConfig, TargetGroupTuple,
};
use shiftgate_model::{Forward, ForwardTarget, TargetGroupArn};

/// The forward action of a reply.
///
/// # Errors
/// Says what cannot be held, and so could not be sent back.
pub(super) fn read(action: &Action) -> Result<Forward, String> {
    let config = action.forward_config();
    let tuples = config.map(ForwardActionConfig::target_groups).unwrap_or_default();
    let alone = action.target_group_arn().filter(|arn| !arn.is_empty());
    let targets = match (tuples, alone) {
        ([], None) => return Err("a forward without a target group".to_owned()),
        ([], Some(arn)) => vec![ForwardTarget { group: TargetGroupArn::new(arn), weight: None }],
        (tuples, alone) => {
            if alone.is_some_and(|arn| tuples.iter().any(|tuple| tuple.target_group_arn() != Some(arn))) {
                return Err("a forward whose `TargetGroupArn` is not that of its `ForwardConfig`".to_owned());
            }
            tuples.iter().map(|tuple| target(tuple, tuples.len() == 1)).collect::<Result<_, _>>()?
        }
    };
    let stickiness = config.and_then(ForwardActionConfig::target_group_stickiness_config);
    let stickiness_seconds = match stickiness.filter(|stickiness| stickiness.enabled() == Some(true)) {
        None => None,
        Some(on) => Some(on.duration_seconds().and_then(|s| u32::try_from(s).ok()).ok_or("a stickiness without a duration")?),
    };
    Ok(Forward { order: action.order(), targets, stickiness_seconds })
}

fn target(tuple: &TargetGroupTuple, alone: bool) -> Result<ForwardTarget, String> {
    let arn = tuple.target_group_arn().filter(|arn| !arn.is_empty()).ok_or("a forward to a target group without an ARN")?;
    let weight = tuple.weight().map(u16::try_from).transpose().map_err(|_| format!("a weight that is no weight, of `{arn}`"))?;
    // The weight of a group alone says nothing, unless it is zero: then the group gets no request.
    let weight = weight.filter(|weight| !alone || *weight == 0);
    Ok(ForwardTarget { group: TargetGroupArn::new(arn), weight })
}

/// The forward action to send.
///
/// # Errors
/// Says why AWS could not take it.
pub(super) fn write(forward: &Forward) -> Result<Action, String> {
    let action = Action::builder().r#type(ActionTypeEnum::Forward).set_order(forward.order);
    match (forward.targets.as_slice(), forward.stickiness_seconds) {
        ([], _) => Err("a forward without a target group".to_owned()),
        ([ForwardTarget { group, weight: None }], None) => Ok(action.target_group_arn(group.as_str()).build()),
        (targets, stickiness) => {
            let tuple = |target: &ForwardTarget| {
                let weight = target.weight.map(i32::from);
                TargetGroupTuple::builder().target_group_arn(target.group.as_str()).set_weight(weight).build()
            };
            let mut config = ForwardActionConfig::builder().set_target_groups(Some(targets.iter().map(tuple).collect()));
            if let Some(seconds) = stickiness {
                let seconds = i32::try_from(seconds).map_err(|_| format!("a stickiness of {seconds} s"))?;
                let on = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(seconds);
                config = config.target_group_stickiness_config(on.build());
            }
            Ok(action.forward_config(config.build()).build())
        }
    }
}
