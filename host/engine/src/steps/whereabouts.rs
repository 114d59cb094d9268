//! What is where at the end of a run: a line a group, as it is now; as the record says that this run left it, when it cannot be
//! looked at.
//!
//! The record and not what the steps found: a step that failed half way has found nothing, and may have written a lot. Where
//! production traffic goes is `blue_green::whereabouts`.

use std::fmt::Display;

use shiftgate_model::{Capacity, Created, EffectRecord, Group, GroupId, GroupName, StoreError};

use super::effect::{capacity_effect, expected, is_of};
use super::setup::{CREATE, ORIGINAL, Original};
use super::{Cx, blue_green, recorded};

/// A group of this run, by its record.
struct Known {
    role: &'static str,
    id: GroupId,
    /// What it may be called, the likeliest first.
    names: Vec<GroupName>,
    /// What it may have, the likeliest first.
    capacities: Vec<Capacity>,
}

/// A line for the group that was live, and one for the one that this run made; none when setup recorded nothing.
pub(super) async fn of_groups(cx: &Cx<'_>) -> Result<Vec<String>, StoreError> {
    let record = cx.ports.ledger.record(cx.run).await?;
    let Some(original) = recorded::<Original>(&record, ORIGINAL) else { return Ok(Vec::new()) };
    let live = cx.ports.groups.list().await.ok();
    let mut lines = Vec::new();
    if let Some(old) = &original.live {
        let old = Known::new("old", &record, old.id.clone(), old.name.clone(), old.capacity);
        lines.push(old.line(cx, live.as_deref()).await);
    }
    if record.iter().any(|entry| entry.effect == CREATE) {
        let created = recorded::<Created>(&record, CREATE).map(|created| created.id);
        let id = created.or_else(|| live.as_deref().and_then(|groups| marked(cx, groups)));
        lines.extend(match (id, &live) {
            (Some(id), _) => {
                let new = Known::new("new", &record, id, original.next.clone(), Capacity::ZERO);
                Some(new.line(cx, live.as_deref()).await)
            }
            (None, Some(_)) => None,
            (None, None) => Some(format!(
                "Whether the new group `{}` was created is not known: the reply was lost, and the groups cannot be listed now",
                original.next
            )),
        });
    }
    Ok(lines)
}

/// The group that carries this run's tags.
fn marked(cx: &Cx<'_>, groups: &[Group]) -> Option<GroupId> {
    groups.iter().find(|group| group.is_of(cx.run)).map(|group| group.id.clone())
}

impl Known {
    fn new(role: &'static str, record: &[EffectRecord], id: GroupId, name: GroupName, capacity: Capacity) -> Self {
        let of = |prefix: String| record.iter().filter(move |entry| is_of(entry, &prefix));
        let names = expected(of(blue_green::name_effect(&id)), name);
        let capacities = expected(of(capacity_effect(&id)), capacity);
        Self { role, id, names, capacities }
    }

    /// As it is now; one look at it alone when all could not be listed.
    async fn line(&self, cx: &Cx<'_>, live: Option<&[Group]>) -> String {
        let Self { role, id, names, capacities } = self;
        let found = match live {
            Some(groups) => Ok(groups.iter().find(|group| group.id == *id).cloned()),
            None => cx.ports.groups.read(id).await,
        };
        match found {
            Ok(Some(Group { name, capacity, .. })) => format!("The {role} group is {id} `{name}` with {capacity}"),
            Ok(None) => format!("The {role} group {id} `{}` is gone", one_of(names, "` or `")),
            Err(_) => {
                let (names, capacities) = (one_of(names, "` or `"), one_of(capacities, ", or at "));
                format!("The {role} group is {id} `{names}`; this run left it at {capacities}, and it cannot be looked at now")
            }
        }
    }
}

/// What was last written; and what was there before, where it is not known whether the write arrived.
fn one_of<T: Display + PartialEq>(values: &[T], or: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for value in values.iter().map(ToString::to_string) {
        if !words.contains(&value) {
            words.push(value);
        }
    }
    words.join(or)
}
