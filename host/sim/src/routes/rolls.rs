//! Rolls over the wire: start, list, read, detail, stop, and detaching what a failed one left.

use std::time::Duration;

use serde_json::{Value, json};

use super::Call;
use crate::account::Account;
use crate::envelope::{Answer, Outcome, Refusal, offset};
use crate::group::Group;
use crate::instance::Market;
use crate::roll::{Roll, RollAction, RollPlan, RollStatus};

const KIND: &str = "spotinst:aws:ec2:group:roll";

pub(super) fn start(account: &mut Account, call: &Call) -> Outcome {
    let quirks = account.supply.world.quirks;
    let (group, supply) = account.group_mut(&call.id)?;
    let plan = plan(&call.body)?;
    group.unlocked()?;
    let living = group.instances.iter().filter(|instance| instance.life.left.is_none()).count();
    let minimum = group.capacity().minimum;
    if living < usize::try_from(minimum).unwrap_or(usize::MAX) {
        let message = format!("Group {} has {living} instances, below its minimum of {minimum}", group.id);
        return Err(Refusal::new("CANT_ROLL_CAPACITY_BELOW_MINIMUM", message));
    }
    let id = group.start_roll(plan, supply, call.now);
    let mut rows: Vec<Value> = group.rolls.iter().filter(|roll| roll.id == id).map(|roll| row(roll, quirks.odd_case)).collect();
    for row in &mut rows {
        row["status"] = json!(if quirks.odd_case { "STARTING" } else { "starting" });
    }
    if quirks.empty_roll_start {
        rows.clear();
    }
    Ok(Answer::Items(KIND, rows))
}

/// Newest first; `sort=createdAt:ASC` turns it round, `limit` cuts it.
pub(super) fn list(account: &mut Account, call: &Call) -> Outcome {
    let odd = account.supply.world.quirks.odd_case;
    let group = account.group(&call.id)?;
    let mut rows: Vec<Value> = group.rolls.iter().map(|roll| row(roll, odd)).collect();
    if call.query.get("sort").is_none_or(|sort| !sort.eq_ignore_ascii_case("createdAt:ASC")) {
        rows.reverse();
    }
    if let Some(limit) = call.query.get("limit") {
        let limit = limit.parse().map_err(|_| Refusal::field("query:limit", "\"limit\" must be a number"))?;
        rows.truncate(limit);
    }
    Ok(Answer::Items(KIND, rows))
}

pub(super) fn read(account: &mut Account, call: &Call) -> Outcome {
    let odd = account.supply.world.quirks.odd_case;
    let roll = find(account.group(&call.id)?, &call.roll)?;
    Ok(Answer::Items(KIND, vec![row(roll, odd)]))
}

/// Old and new instances by batch.
pub(super) fn detail(account: &mut Account, call: &Call) -> Outcome {
    let group = account.group(&call.id)?;
    let roll = find(group, &call.roll)?;
    let colour = |green: bool| -> Vec<Value> {
        let batches = roll.batches.iter().enumerate();
        let rows = batches.flat_map(|(index, batch)| {
            let ids = if green { &batch.green } else { &batch.blue };
            ids.iter().map(move |id| instance(group, id, index + 1))
        });
        rows.collect()
    };
    let item = json!({
        "progress": progress(roll),
        "numberOfBatches": roll.batches.len(),
        "currentBatch": current(roll),
        "gracePeriod": roll.plan.grace.as_secs(),
        "strategyAction": if roll.plan.restart { "RESTART_SERVER" } else { "REPLACE_SERVER" },
        "healthCheck": roll.plan.health_check,
        "instances": [{"blue": colour(false), "green": colour(true)}],
    });
    Ok(Answer::Items("spotinst:aws:ec2:group:roll:status", vec![item]))
}

fn instance(group: &Group, id: &str, batch: usize) -> Value {
    let found = group.instances.iter().find(|instance| instance.id == id);
    let market = found.map_or(Market::Spot, crate::instance::Instance::market);
    json!({
        "instanceId": id,
        "lifeCycle": match market { Market::Spot => "spot", Market::OnDemand => "on-demand" },
        "batchNum": batch,
        "status": if found.is_some_and(|instance| instance.life.left.is_none()) { "RUNNING" } else { "DETACHED" },
    })
}

pub(super) fn stop(account: &mut Account, call: &Call) -> Outcome {
    let (group, supply) = account.group_mut(&call.id)?;
    let status = call.object("roll")?.get("status").and_then(Value::as_str).unwrap_or_default();
    if !status.eq_ignore_ascii_case("STOPPED") {
        return Err(Refusal::field("body:roll.status", "\"status\" must be one of [STOPPED]"));
    }
    find(group, &call.roll)?;
    group.stop_roll(&call.roll, supply, call.now);
    Ok(Answer::Bare)
}

/// Detaches the new or the old instances of a roll.
pub(super) fn action(account: &mut Account, call: &Call) -> Outcome {
    let (group, supply) = account.group_mut(&call.id)?;
    find(group, &call.roll)?;
    let (action, kind) = action_of(&call.body, "body")?;
    let detached = group.detach_roll(&call.roll, action, supply, call.now);
    let item = json!({"groupId": group.id, "rollId": call.roll, "actionType": kind, "detachedInstances": detached});
    Ok(Answer::Items("spotinst:aws:ec2:group:roll:action", vec![item]))
}

fn find<'a>(group: &'a Group, id: &str) -> Result<&'a Roll, Refusal> {
    let missing = || Refusal::new("DEPLOYMENT_DOESNT_EXIST", format!("Deployment {id} doesn't exist in group {}", group.id));
    group.rolls.iter().find(|roll| roll.id == id).ok_or_else(missing)
}

fn plan(body: &Value) -> Result<RollPlan, Refusal> {
    // Numbers may come quoted.
    let number = |value: &Value, key: &str| {
        let number = value.get(key)?;
        number.as_u64().or_else(|| number.as_str()?.parse().ok())
    };
    let required =
        |key: &str| number(body, key).ok_or_else(|| Refusal::field(format!("body:{key}"), format!("\"{key}\" is required")));
    let (share, grace) = (required("batchSizePercentage")?, required("gracePeriod")?);
    let percent = |value: u64, least: u64, field: &str| {
        let fits = u32::try_from(value).ok().filter(|_| (least..=100).contains(&value));
        fits.ok_or_else(|| Refusal::field(format!("body:{field}"), format!("must be {least} to 100")))
    };
    let strategy = body.get("strategy").cloned().unwrap_or_default();
    let health_check = body.get("healthCheckType").and_then(Value::as_str).unwrap_or("EC2").to_owned();
    let restart = match strategy.get("action").and_then(Value::as_str) {
        None | Some("REPLACE_SERVER") => false,
        Some("RESTART_SERVER") => true,
        Some(_) => {
            let message = "\"action\" must be one of [REPLACE_SERVER, RESTART_SERVER]";
            return Err(Refusal::field("body:strategy.action", message));
        }
    };
    let on_failure = strategy.get("onFailure").filter(|action| !action.is_null());
    Ok(RollPlan {
        batch_size_percentage: percent(share, 1, "batchSizePercentage")?,
        grace: Duration::from_secs(grace),
        unchecked: health_check == "NONE",
        restart,
        min_healthy_percentage: percent(
            number(&strategy, "batchMinHealthyPercentage").unwrap_or(50),
            0,
            "strategy.batchMinHealthyPercentage",
        )?,
        health_check,
        on_failure: on_failure.map(|action| action_of(action, "body:strategy.onFailure")).transpose()?.map(|(action, _)| action),
    })
}

fn action_of<'a>(body: &'a Value, field: &str) -> Result<(RollAction, &'a str), Refusal> {
    let kind = body.get("actionType").and_then(Value::as_str).filter(|kind| matches!(*kind, "DETACH_NEW" | "DETACH_OLD"));
    let refused = || Refusal::field(format!("{field}.actionType"), "\"actionType\" must be one of [DETACH_OLD, DETACH_NEW]");
    let kind = kind.ok_or_else(refused)?;
    let flag = |key: &str| body.get(key).and_then(Value::as_bool).unwrap_or(false);
    let batch = body.get("batchNum").and_then(Value::as_u64).and_then(|batch| usize::try_from(batch).ok());
    let action = RollAction {
        new: kind == "DETACH_NEW",
        batch,
        all_batches: flag("shouldHandleAllBatches"),
        decrement: flag("shouldDecrementTargetCapacity"),
    };
    Ok((action, kind))
}

fn progress(roll: &Roll) -> Value {
    let total = roll.batches.len();
    let value = (roll.done() * 100).checked_div(total).unwrap_or(100);
    json!({"unit": "percent", "value": value})
}

fn current(roll: &Roll) -> usize {
    (roll.done() + 1).min(roll.batches.len())
}

fn row(roll: &Roll, odd: bool) -> Value {
    let mut status = match roll.status {
        RollStatus::InProgress => "in_progress",
        RollStatus::Finished => "finished",
        RollStatus::Stopped => "stopped",
        RollStatus::Failed | RollStatus::Resolved => "failed",
    }
    .to_owned();
    if odd {
        status.make_ascii_uppercase();
    }
    let done = roll.batches.iter().filter(|batch| batch.done);
    let blue = roll.batches.iter().filter(|batch| !batch.done).map(|batch| batch.blue.len());
    json!({
        "id": roll.id,
        "status": status,
        "progress": progress(roll),
        "currentBatch": current(roll),
        "numOfBatches": roll.batches.len(),
        "gracePeriod": roll.plan.grace.as_secs(),
        "blueInstances": blue.sum::<usize>(),
        "greenInstances": done.map(|batch| batch.green.len()).sum::<usize>(),
        "createdAt": offset(roll.created),
        "updatedAt": offset(roll.updated),
    })
}
