//! The whole action list of a rule, from a reply and into a call. Pure.
//!
//! A list is sent back whole, so everything that stands in a reply and cannot be held here is written down in the list, as an
//! action of its own; a list with such an action is never sent.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum};
use serde_json::{Value, json};
use shiftgate_model::{Actions, RouteAction};

use super::{forward, other};

/// The key of what could not be held: `{"Unreadable": ["an action of type `mirror`"]}`.
const UNREADABLE: &str = "Unreadable";

/// The actions of a reply. `unknown` names what stands in the reply and not in `actions`.
pub(super) fn read(actions: &[Action], unknown: &[String]) -> Actions {
    let mut unreadable = unknown.to_vec();
    let mut read: Vec<RouteAction> = Vec::with_capacity(actions.len());
    for action in actions {
        match read_one(action) {
            Ok(action) => read.push(action),
            Err(why) => unreadable.push(why),
        }
    }
    if !unreadable.is_empty() {
        read.push(RouteAction::Other(json!({ UNREADABLE: unreadable })));
    }
    Actions(read)
}

fn read_one(action: &Action) -> Result<RouteAction, String> {
    if action.r#type() != Some(&ActionTypeEnum::Forward) {
        return other::read(action).map(RouteAction::Other);
    }
    let only_forwards = action.authenticate_oidc_config().is_none()
        && action.authenticate_cognito_config().is_none()
        && action.jwt_validation_config().is_none()
        && action.redirect_config().is_none()
        && action.fixed_response_config().is_none();
    if only_forwards {
        forward::read(action).map(RouteAction::Forward)
    } else {
        Err("an action of type `forward` that does something else as well".to_owned())
    }
}

/// The actions to send, in the same order.
///
/// # Errors
/// Says what could not be sent as it came.
pub(super) fn write(actions: &Actions) -> Result<Vec<Action>, String> {
    if actions.0.is_empty() {
        return Err("a rule without an action does nothing".to_owned());
    }
    let unreadable = actions.0.iter().filter_map(|action| match action {
        RouteAction::Other(value) => value.get(UNREADABLE),
        RouteAction::Forward(_) => None,
    });
    let words: Vec<&str> = unreadable.flat_map(|list| list.as_array().into_iter().flatten()).filter_map(Value::as_str).collect();
    if !words.is_empty() {
        return Err(format!(
            "the rule holds {}, which this program does not know and could not send back; change the rule's weights by hand",
            words.join(" and ")
        ));
    }
    let write_one = |action: &RouteAction| match action {
        RouteAction::Forward(forward) => forward::write(forward),
        RouteAction::Other(value) => other::write(value),
    };
    actions.0.iter().map(write_one).collect::<Result<_, _>>().map_err(|what| format!("the actions hold {what}"))
}
