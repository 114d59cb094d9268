//! Suspended processes of a group. Nothing in the simulated account scales or heals on its own, so that a suspension is
//! kept and shown, with its end, and changes nothing else.

use serde_json::{Value, json};

use super::Call;
use crate::account::Account;
use crate::envelope::{Answer, Outcome, Refusal, offset};
use crate::group::Group;

const KIND: &str = "spotinst:aws:ec2:suspension";

const PROCESSES: [&str; 7] = [
    "AUTO_SCALE",
    "AUTO_HEALING",
    "OUT_OF_STRATEGY",
    "PREVENTIVE_REPLACEMENT",
    "REVERT_PREFERRED",
    "SCHEDULING",
    "LB_REGISTRATION",
];

/// Suspends by name, for good or for some minutes.
pub(super) fn suspend(account: &mut Account, call: &Call) -> Outcome {
    let (group, _) = account.group_mut(&call.id)?;
    if call.body.get("processes").is_some() && call.body.get("suspensions").is_some() {
        return Err(Refusal::field("body:suspensions", "\"processes\" and \"suspensions\" exclude each other"));
    }
    let plain = names(call)?.into_iter().map(|name| (name, None));
    let mut wanted: Vec<(String, Option<jiff::Timestamp>)> = plain.collect();
    for suspension in call.body.get("suspensions").and_then(Value::as_array).into_iter().flatten() {
        let name = process(suspension.get("name"), "body:suspensions")?;
        let end = suspension.get("ttlInMinutes").filter(|minutes| !minutes.is_null()).map(end_of).transpose()?;
        wanted.push((name, end));
    }
    if wanted.is_empty() {
        return Err(Refusal::field("body:processes", "\"processes\" or \"suspensions\" is required"));
    }
    group.suspensions.extend(wanted);
    Ok(shown(group))
}

pub(super) fn list(account: &mut Account, call: &Call) -> Outcome {
    let (group, _) = account.group_mut(&call.id)?;
    Ok(shown(group))
}

/// Resumes by name; what is not suspended stays so.
pub(super) fn resume(account: &mut Account, call: &Call) -> Outcome {
    let (group, _) = account.group_mut(&call.id)?;
    let names = names(call)?;
    if names.is_empty() {
        return Err(Refusal::field("body:processes", "\"processes\" is required"));
    }
    group.suspensions.retain(|name, _| !names.contains(name));
    Ok(shown(group))
}

/// When a suspension of that many minutes ends.
fn end_of(minutes: &Value) -> Result<jiff::Timestamp, Refusal> {
    let minutes = minutes.as_i64().and_then(|minutes| i32::try_from(minutes).ok());
    let end =
        minutes.and_then(|minutes| jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_mins(minutes.into())).ok());
    end.ok_or_else(|| Refusal::field("body:suspensions.ttlInMinutes", "\"ttlInMinutes\" must be a number of minutes"))
}

fn names(call: &Call) -> Result<Vec<String>, Refusal> {
    let named = call.body.get("processes").and_then(Value::as_array);
    named.into_iter().flatten().map(|name| process(Some(name), "body:processes")).collect()
}

fn process(name: Option<&Value>, field: &str) -> Result<String, Refusal> {
    let known = name.and_then(Value::as_str).filter(|name| PROCESSES.contains(name));
    known.map(str::to_owned).ok_or_else(|| Refusal::field(field, format!("must be one of [{}]", PROCESSES.join(", "))))
}

fn shown(group: &mut Group) -> Answer {
    let now = jiff::Timestamp::now();
    group.suspensions.retain(|_, end| end.is_none_or(|end| end > now));
    let processes: Vec<&String> = group.suspensions.keys().collect();
    let suspensions: Vec<Value> =
        group.suspensions.iter().map(|(name, end)| json!({"name": name, "expiresAt": end.map(offset)})).collect();
    Answer::Items(KIND, vec![json!({"groupId": group.id, "processes": processes, "suspensions": suspensions})])
}
