//! Create, list, read, partial update and delete of groups.

use serde_json::Value;

use super::Call;
use crate::account::Account;
use crate::envelope::{Answer, Outcome, Refusal};
use crate::group::{Group, check, merge};

const KIND: &str = "spotinst:aws:ec2:group";

pub(super) fn create(account: &mut Account, call: &Call) -> Outcome {
    call.flag("asyncScale")?;
    call.flag("ignoreInitHealthChecks")?;
    let group = call.object("group")?;
    let Value::Object(body) = group else { return Err(Refusal::field("body:group", "\"group\" must be an object")) };
    if body.get("capacity").is_none_or(Value::is_null) {
        return Err(Refusal::field("body:group.capacity", "\"capacity\" is required"));
    }
    check(body)?;
    let index = account.create(None, body.clone());
    let Some(group) = account.groups.get_mut(index) else { return Ok(Answer::Bare) };
    account.supply.reconcile(group, call.now);
    Ok(Answer::Items(KIND, vec![group.shown()]))
}

pub(super) fn list(account: &mut Account, call: &Call) -> Outcome {
    let deleted = call.flag("includeDeleted")?;
    let name = call.query.get("name");
    let groups = account.groups.iter().filter(|group| deleted || !group.deleted);
    let shown = groups.filter(|group| name.is_none_or(|name| group.name() == name)).map(Group::shown).collect();
    Ok(Answer::Items(KIND, shown))
}

pub(super) fn read(account: &mut Account, call: &Call) -> Outcome {
    Ok(Answer::Items(KIND, vec![account.group(&call.id)?.shown()]))
}

/// Merges what is there into the group: objects field by field, arrays whole, `null` removes.
pub(super) fn update(account: &mut Account, call: &Call) -> Outcome {
    call.flag("autoApplyTags")?;
    call.flag("shouldResumeStateful")?;
    let (group, supply) = account.group_mut(&call.id)?;
    let change = call.object("group")?;
    for (section, key) in [("capacity", "unit"), ("compute", "product")] {
        if change.get(section).and_then(|section| section.get(key)).is_some() {
            return Err(Refusal::field(format!("body:group.{section}.{key}"), format!("\"{key}\" is not allowed")));
        }
    }
    group.unlocked()?;
    let mut body = group.body.clone();
    merge(&mut body, change);
    for echo in ["id", "createdAt", "updatedAt"] {
        body.remove(echo);
    }
    check(&body)?;
    group.body = body;
    group.updated = jiff::Timestamp::now();
    supply.register(group, call.now);
    supply.reconcile(group, call.now);
    Ok(Answer::Items(KIND, vec![group.shown()]))
}

pub(super) fn delete(account: &mut Account, call: &Call) -> Outcome {
    account.delete(&call.id, call.now)?;
    Ok(Answer::Bare)
}
