//! The names of the two groups, after the routes: whoever serves is called production.
//!
//! A crash between routes and names leaves a group that serves under the stage name, with this run's record knowing it: the
//! run goes on with the names when it is resumed, and no other run deletes a group that production traffic goes to.

use serde_json::json;
use shiftgate_model::{ErrorClass, EventKind, GroupId, GroupName, StepError};

use super::super::effect::{expected, is_of, next_name};
use super::super::setup::Original;
use super::super::{Cx, Stop};

/// Who is called what.
pub(super) struct Named {
    pub(super) new: GroupName,
    pub(super) old: GroupName,
}

impl Named {
    /// The new group is production.
    pub(super) fn swapped(cx: &Cx<'_>, original: &Original) -> Self {
        Self { new: cx.plan.setup.family.production(), old: original.next.clone() }
    }

    /// As setup left them.
    pub(super) fn original(cx: &Cx<'_>, original: &Original) -> Self {
        Self { new: original.next.clone(), old: cx.plan.setup.family.production() }
    }
}

/// The name of the effect that gives a group its name.
pub(super) fn effect(id: &GroupId) -> String {
    format!("name {id}")
}

/// Gives both groups their names. The one that takes the production name comes first: for a moment two groups carry it,
/// never none.
pub(super) async fn give(cx: &Cx<'_>, original: &Original, new: Option<&GroupId>, named: &Named) -> Result<(), Stop> {
    let old = original.live.as_ref().map(|live| (&live.id, &named.old));
    let new = new.map(|id| (id, &named.new));
    let production = cx.plan.setup.family.production();
    let mut both: Vec<_> = new.into_iter().chain(old).collect();
    both.sort_by_key(|(_, name)| **name != production);
    for (id, name) in both {
        rename(cx, original, id, name).await?;
    }
    Ok(())
}

async fn rename(cx: &Cx<'_>, original: &Original, id: &GroupId, name: &GroupName) -> Result<(), Stop> {
    let production = cx.plan.setup.family.production();
    let Some(live) = cx.ports.groups.read(id).await? else {
        // Nobody misses a group that was only to be put aside.
        if *name != production {
            cx.say(EventKind::GroupDeleted { group: id.clone(), already_gone: true }).await?;
            return Ok(());
        }
        let message = format!("group {id} is gone: somebody deleted it before it could be named `{name}`");
        return Err(StepError::new(ErrorClass::Drift, message).hint("look at the family in Spot's console").into());
    };
    let record = cx.ports.ledger.record(cx.run).await?;
    let prefix = effect(id);
    let before = if original.live.as_ref().is_some_and(|old| old.id == *id) { production } else { original.next.clone() };
    let expected = expected(record.iter().filter(|entry| is_of(entry, &prefix)), before);
    if live.name != *name && !expected.contains(&live.name) {
        let message = format!("group {id} was to be renamed to `{name}`, but somebody has named it `{}`", live.name);
        let hint =
            format!("name it `{name}` in Spot's console, then `shiftgate resume` this run; or resume it with --accept-drift");
        cx.drifted(StepError::new(ErrorClass::Drift, message).hint(hint)).await?;
    }
    let effect = next_name(&record, cx.step.as_str(), &prefix, &json!(name));
    if live.name == *name {
        return cx.effect(&effect, json!(name), |_| async { Ok(()) }).await;
    }
    cx.say(EventKind::RenameRequested { group: id.clone(), name: name.clone() }).await?;
    cx.effect(&effect, json!(name), |_| async { Ok(cx.ports.groups.rename(id, name).await?) }).await?;
    cx.say(EventKind::GroupRenamed { group: id.clone(), name: name.clone() }).await?;
    Ok(())
}
