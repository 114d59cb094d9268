//! The three numbers of a group, absolute or by an adjustment.

use serde_json::{Value, json};

use super::Call;
use crate::account::Account;
use crate::envelope::{Answer, Outcome, Refusal};
use crate::group::{merge, numbers};
use crate::instance::{Instance, Market, Moment};
use crate::world::Numbers;

/// Writes the numbers that are given; one that is left out stays.
pub(super) fn write(account: &mut Account, call: &Call) -> Outcome {
    let (group, supply) = account.group_mut(&call.id)?;
    let change = call.object("capacity")?;
    if change.get("unit").is_some() {
        return Err(Refusal::field("body:capacity.unit", "\"unit\" is not allowed"));
    }
    group.unlocked()?;
    let Value::Object(mut merged) = json!(group.capacity()) else { return Ok(Answer::Bare) };
    merge(&mut merged, change);
    let written = numbers(&Value::Object(merged), "body:capacity")?;
    group.set_capacity(written);
    supply.reconcile(group, call.now);
    let Numbers { minimum, target, maximum } = written;
    let shown = json!({"capacity": {"minimum": minimum, "maximum": maximum, "target": target}});
    Ok(Answer::Items("spotinst:aws:ec2:group:capacity", vec![shown]))
}

/// Adds instances, up to the maximum.
pub(super) fn scale_up(account: &mut Account, call: &Call) -> Outcome {
    let adjustment = adjustment(call)?;
    let (group, supply) = account.group_mut(&call.id)?;
    group.unlocked()?;
    let capacity = group.capacity();
    group.set_capacity(Numbers { target: capacity.target.saturating_add(adjustment).min(capacity.maximum), ..capacity });
    let (requested, _) = supply.reconcile(group, call.now);
    account.supply.grant(&mut account.groups, call.now);
    let group = account.group(&call.id)?;
    let new: Vec<&Instance> = group.instances.iter().filter(|instance| requested.contains(&instance.id)).collect();
    let (requests, instances) = rows(&new, call.now);
    Ok(scaled(json!({"newSpotRequests": requests, "newInstances": instances})))
}

/// Takes instances away, down to the minimum.
pub(super) fn scale_down(account: &mut Account, call: &Call) -> Outcome {
    let adjustment = adjustment(call)?;
    let (group, supply) = account.group_mut(&call.id)?;
    group.unlocked()?;
    let capacity = group.capacity();
    group.set_capacity(Numbers { target: capacity.target.saturating_sub(adjustment).max(capacity.minimum), ..capacity });
    let (_, released) = supply.reconcile(group, call.now);
    let (requests, instances) = rows(&released.iter().collect::<Vec<_>>(), call.now);
    Ok(scaled(json!({"victimSpotRequests": requests, "victimInstances": instances})))
}

fn scaled(item: Value) -> Answer {
    Answer::Items("spotinst:aws:ec2:scale", vec![item])
}

fn adjustment(call: &Call) -> Result<u32, Refusal> {
    let field = |message: &str| Refusal::field("query:adjustment", format!("\"adjustment\" {message}"));
    let given = call.query.get("adjustment").ok_or_else(|| field("is required"))?;
    given.parse().ok().filter(|adjustment| *adjustment > 0).ok_or_else(|| field("must be a positive integer"))
}

/// Spot requests and on-demand instances, as scale replies list them.
fn rows(instances: &[&Instance], now: Moment) -> (Vec<Value>, Vec<Value>) {
    let (spot, on_demand): (Vec<&Instance>, Vec<&Instance>) =
        instances.iter().partition(|instance| instance.market() == Market::Spot);
    let place = |instance: &Instance| {
        let id = instance.shown_id(now);
        json!({"instanceId": id, "availabilityZone": instance.zone, "instanceType": instance.machine})
    };
    let request = |instance: &&Instance| {
        let mut row = json!({"spotInstanceRequestId": instance.request});
        if let (Value::Object(row), Value::Object(place)) = (&mut row, place(instance)) {
            row.extend(place);
        }
        row
    };
    (spot.iter().map(request).collect(), on_demand.iter().map(|instance| place(instance)).collect())
}
