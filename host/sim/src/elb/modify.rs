//! The actions that change a rule: `ModifyListener` for a default rule, `ModifyRule` for every other one. Last writer wins,
//! as in the real service: there is no version to compare.

use std::time::Duration;

use serde_json::{Value, json};

use super::actions::{self, Secret};
use super::api::{Call, Outcome};
use super::refusal::Refusal;
use super::{Change, Place, conditions, describe};
use crate::account::Account;

/// Writes the default actions of a listener. Nothing else of a listener can be changed here.
pub(super) fn listener(account: &mut Account, call: &Call) -> Outcome {
    let arn = call.required("ListenerArn")?;
    let missing = || Refusal::new("ListenerNotFound", "One or more listeners not found");
    let place = account.elb.default_place(arn).ok_or_else(missing)?;
    only(call, &["ListenerArn", "DefaultActions"])?;
    let given = call.form.get("DefaultActions").ok_or_else(|| Refusal::validation("You must specify the default actions"))?;
    write(account, call, place, Some(given), None)?;
    let listener = account.elb.balancers.get(place.balancer).zip(account.elb.listener(place)).ok_or_else(missing)?;
    Ok(json!({"Listeners": [describe::listener(listener.0, listener.1)]}))
}

/// Writes actions, conditions or both of a rule that is not a default rule; a part that is not given stays.
pub(super) fn rule(account: &mut Account, call: &Call) -> Outcome {
    let arn = call.required("RuleArn")?;
    let missing = || Refusal::new("RuleNotFound", "One or more rules not found");
    let place = account.elb.place(arn).ok_or_else(missing)?;
    if account.elb.rule(place).is_some_and(|rule| rule.priority.is_none()) {
        return Err(Refusal::new("OperationNotPermitted", format!("Default rule '{arn}' cannot be modified")));
    }
    only(call, &["RuleArn", "Actions", "Conditions"])?;
    let (actions, conditions) = (call.form.get("Actions"), call.form.get("Conditions"));
    if actions.is_none() && conditions.is_none() {
        return Err(Refusal::validation("You must specify actions or conditions"));
    }
    write(account, call, place, actions, conditions)?;
    let rule = account.elb.rule(place).ok_or_else(missing)?;
    Ok(json!({"Rules": [describe::rule(rule)]}))
}

fn write(
    account: &mut Account,
    call: &Call,
    place: Place,
    actions: Option<&Value>,
    conditions: Option<&Value>,
) -> Result<(), Refusal> {
    let propagation = Duration::from_millis(account.supply.world.latencies.propagation);
    let elb = &mut account.elb;
    let (Some(balancer), Some(rule)) = (elb.balancers.get(place.balancer), elb.rule(place)) else { return Ok(()) };
    let secret = Secret::Asked { existing: actions::has_secret(rule.actions()) };
    let actions = actions.map(|given| actions::accept(elb, balancer, given, secret)).transpose()?;
    let conditions = conditions.map(conditions::accept).transpose()?;
    elb.write(place, Change { conditions, actions }, call.now, propagation);
    Ok(())
}

/// Refuses what the account would have to leave undone.
fn only(call: &Call, known: &[&str]) -> Result<(), Refusal> {
    let mut given = call.form.as_object().into_iter().flat_map(|form| form.keys());
    let stranger = given.find(|key| !known.contains(&key.as_str()) && !matches!(key.as_str(), "Action" | "Version"));
    stranger.map_or(Ok(()), |key| Err(Refusal::validation(format!("'{key}' cannot be changed in the simulated account"))))
}
