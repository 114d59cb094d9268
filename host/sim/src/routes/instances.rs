//! The instances of a group: open requests and launched ones, their health, and taking some out.

use serde_json::{Value, json};

use super::Call;
use crate::account::Account;
use crate::envelope::{Answer, Outcome, Refusal, zulu};
use crate::fleet::release;
use crate::group::Group;
use crate::instance::{Instance, Market, Moment};

/// Every request and instance; those without an instance id first.
pub(super) fn status(account: &mut Account, call: &Call) -> Outcome {
    let group = account.group(&call.id)?;
    let (launched, open): (Vec<_>, Vec<_>) = group.instances.iter().partition(|instance| instance.shown_id(call.now).is_some());
    let rows = open.into_iter().chain(launched).map(|instance| row(group, instance, call.now)).collect();
    Ok(Answer::Items("spotinst:aws:ec2:group", rows))
}

fn row(group: &Group, instance: &Instance, now: Moment) -> Value {
    let id = instance.shown_id(now);
    let status = match (instance.market(), id) {
        (_, None) if instance.life.granted.is_none() => "capacity-not-available",
        (Market::Spot, None) => "pending-evaluation",
        (Market::OnDemand, None) => "pending",
        (_, Some(_)) if instance.interrupted => "marked-for-termination",
        (Market::Spot, Some(_)) => "fulfilled",
        (Market::OnDemand, Some(_)) => "running",
    };
    json!({
        "spotInstanceRequestId": instance.request,
        "instanceId": id,
        "instanceType": instance.machine,
        "product": group.product(),
        "groupId": group.id,
        "availabilityZone": instance.zone,
        "privateIp": id.map(|_| &instance.ip),
        "publicIp": null,
        "ipv6Address": null,
        "createdAt": zulu(instance.created),
        "status": status,
        "lockStatus": "unlocked",
        "protectedUntil": null,
    })
}

/// The health of every launched instance, leaving ones included.
pub(super) fn health(account: &mut Account, call: &Call) -> Outcome {
    let quirks = account.supply.world.quirks;
    let group = account.group(&call.id)?;
    let judged = group.has_health_check() || !quirks.unknown_without_health_check;
    let rows = group.instances.iter().filter_map(|instance| {
        let found = instance.life.health(call.now)?;
        let mut health = if judged { found.wire().to_owned() } else { "UNKNOWN".to_owned() };
        if quirks.odd_case {
            health.make_ascii_lowercase();
        }
        Some(json!({
            "instanceId": instance.id,
            "spotRequestId": instance.request,
            "groupId": group.id,
            "availabilityZone": instance.zone,
            "lifeCycle": match instance.market() { Market::Spot => "SPOT", Market::OnDemand => "ON-DEMAND" },
            "healthStatus": health,
            "agentHealth": {"status": health, "lastChecked": zulu(jiff::Timestamp::now())},
        }))
    });
    Ok(Answer::Items("spotinst:aws:ec2:group:instanceHealth", rows.collect()))
}

/// Takes instances out of the group: ended or left running elsewhere, with or without a replacement.
pub(super) fn detach(account: &mut Account, call: &Call) -> Outcome {
    let (group, supply) = account.group_mut(&call.id)?;
    group.unlocked()?;
    let required = || Refusal::field("body:instancesToDetach", "\"instancesToDetach\" is required");
    let named = call.body.get("instancesToDetach").and_then(Value::as_array).ok_or_else(required)?;
    let named: Vec<String> = named.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let here = |id: &&String| group.instances.iter().any(|instance| instance.shown_id(call.now) == Some(id));
    if let Some(stranger) = named.iter().find(|id| !here(id)) {
        let message = format!("instance {stranger} is not in group {}", group.id);
        return Err(Refusal::field("body:instancesToDetach", message));
    }
    let option = |name: &str| call.body.get(name).and_then(Value::as_bool).unwrap_or(false);
    release(group, &named, call.now);
    let mut detached = Vec::new();
    if !option("shouldTerminateInstances") {
        (detached, group.instances) =
            std::mem::take(&mut group.instances).into_iter().partition(|instance| named.contains(&instance.id));
    }
    if option("shouldDecrementTargetCapacity") {
        group.decrement(named.len());
    }
    supply.reconcile(group, call.now);
    account.detached.extend(detached.into_iter().filter(|instance| !instance.registrations.is_empty()));
    Ok(Answer::Bare)
}

/// Which part of its life an instance is in.
pub(super) fn lookup(account: &mut Account, call: &Call) -> Outcome {
    let mut all = account.groups.iter().flat_map(|group| &group.instances);
    let found = all.find(|instance| instance.shown_id(call.now) == Some(&call.id));
    let Some(instance) = found else {
        return Err(Refusal::new("INSTANCE_DOESNT_EXIST", format!("Instance {} doesn't exist", call.id)));
    };
    let state = if instance.life.left.is_some() { "TERMINATING" } else { "ACTIVE" };
    Ok(Answer::Items("spotinst:aws:ec2:instance", vec![json!({"instanceId": instance.id, "lifeCycleState": state})]))
}
