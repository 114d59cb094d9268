//! Action lists: what of a list is refused, and how an accepted one is kept and echoed.
//!
//! A list is kept whole, unknown fields included. Only what the real service itself adds or hides is changed: a forward to
//! one group has both of its forms, and a client secret is not shown. `forward.rs` reads the forward actions.

use serde_json::{Map, Value};

use super::forward;
use super::refusal::Refusal;
use super::xml::is_name;
use super::{Balancer, Elb};

const TYPES: [&str; 6] = ["forward", "authenticate-oidc", "authenticate-cognito", "jwt-validation", "redirect", "fixed-response"];

/// Types that answer a request, so that nothing comes after them.
const LAST: [&str; 3] = ["forward", "redirect", "fixed-response"];

/// What a list must say about the secret of an OIDC client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// A secret, or `UseExistingClientSecret`.
    Asked {
        /// Whether the rule has a secret that could go on being used.
        existing: bool,
    },
    /// Nothing: a world file, or another hand at the console.
    Free,
}

/// Checks a list for a rule of `balancer` and returns it as it is kept.
pub(crate) fn accept(elb: &Elb, balancer: &Balancer, given: &Value, secret: Secret) -> Result<Vec<Value>, Refusal> {
    let given = given.as_array().filter(|list| !list.is_empty());
    let given = given.ok_or_else(|| Refusal::validation("Actions must be a list of at least one action"))?;
    let mut accepted = Vec::with_capacity(given.len());
    for action in given {
        named(action)?;
        let action = action.as_object().ok_or_else(|| Refusal::validation("An action must be a structure"))?;
        accepted.push(Value::Object(one(elb, balancer, action.clone(), secret)?));
    }
    order(&accepted)?;
    Ok(accepted)
}

fn one(elb: &Elb, balancer: &Balancer, mut action: Map<String, Value>, secret: Secret) -> Result<Map<String, Value>, Refusal> {
    let kind = action.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "forward" => return forward::accept(elb, balancer, action),
        "authenticate-oidc" => oidc(&mut action, secret)?,
        "redirect" => required(&action, "RedirectConfig", "StatusCode")?,
        "fixed-response" => required(&action, "FixedResponseConfig", "StatusCode")?,
        known if TYPES.contains(&known) => {}
        other => {
            let allowed = TYPES.join(", ");
            let message = format!(
                "Value '{other}' at 'actions.type' failed to satisfy constraint: Member must satisfy enum value set: [{allowed}]"
            );
            return Err(Refusal::validation(message));
        }
    }
    Ok(action)
}

fn required(action: &Map<String, Value>, config: &str, field: &str) -> Result<(), Refusal> {
    let there = action.get(config).and_then(|config| config.get(field)).is_some();
    if there { Ok(()) } else { Err(Refusal::action(format!("'{config}.{field}' must be specified"))) }
}

/// The secret is asked for, and not kept in what is shown.
fn oidc(action: &mut Map<String, Value>, secret: Secret) -> Result<(), Refusal> {
    let Some(Value::Object(config)) = action.get_mut("AuthenticateOidcConfig") else {
        return Err(Refusal::action("'AuthenticateOidcConfig' must be specified for an action of type 'authenticate-oidc'"));
    };
    let given = config.shift_remove("ClientSecret").is_some();
    let keep = config.shift_remove("UseExistingClientSecret").is_some_and(|flag| flag == true);
    match secret {
        _ if given && keep => {
            Err(Refusal::action("You cannot both specify a client secret and set UseExistingClientSecret to true"))
        }
        Secret::Asked { .. } if !given && !keep => {
            Err(Refusal::action("You must either specify a client secret or set UseExistingClientSecret to true"))
        }
        Secret::Asked { existing: false } if keep => {
            Err(Refusal::action("UseExistingClientSecret is true, but the rule has no client secret to use"))
        }
        Secret::Asked { .. } | Secret::Free => Ok(()),
    }
}

/// Whether a list has an OIDC client, and with it a secret.
pub(crate) fn has_secret(actions: &[Value]) -> bool {
    actions.iter().any(|action| kind(action) == "authenticate-oidc")
}

/// The type of an action.
pub(crate) fn kind(action: &Value) -> &str {
    action.get("Type").and_then(Value::as_str).unwrap_or_default()
}

/// The actions in the order in which they are performed.
pub(crate) fn in_order(actions: &[Value]) -> Vec<&Value> {
    let mut ordered: Vec<&Value> = actions.iter().collect();
    ordered.sort_by_key(|action| number(action.get("Order")).unwrap_or_default());
    ordered
}

/// A number, also where it is quoted.
pub(crate) fn number(value: Option<&Value>) -> Option<u64> {
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

/// Several actions have different orders, and the one that answers is the last and the only one of its kind.
fn order(actions: &[Value]) -> Result<(), Refusal> {
    let mut orders = Vec::new();
    for action in actions {
        match (number(action.get("Order")), action.get("Order")) {
            (Some(order), _) if (1..=50_000).contains(&order) => orders.push(order),
            (None, None) if actions.len() == 1 => {}
            (None, None) => return Err(Refusal::action("An order must be specified for each action when there are several")),
            _ => return Err(Refusal::validation("The order of an action must be between 1 and 50000, inclusive")),
        }
    }
    orders.sort_unstable();
    if orders.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Refusal::action("The actions must have different orders"));
    }
    let ordered = in_order(actions);
    if ordered.iter().filter(|action| LAST.contains(&kind(action))).count() > 1 {
        return Err(Refusal::new("TooManyActions", "Only one action of type forward, redirect or fixed-response is allowed"));
    }
    if ordered.last().is_none_or(|action| !LAST.contains(&kind(action))) {
        return Err(Refusal::action("The last action must be of type forward, redirect or fixed-response"));
    }
    Ok(())
}

/// Refuses field names that no reply could carry.
pub(crate) fn named(value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            if is_name(key) { named(value) } else { Err(Refusal::validation(format!("'{key}' is not the name of a field"))) }
        }),
        Value::Array(list) => list.iter().try_for_each(named),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
