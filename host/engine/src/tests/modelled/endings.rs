//! What an ending leaves: the lock free, and either the world that the rules determine, or a word on what is where that is
//! true. What another hand has changed, and the run has not written over, is that hand's. Next: `machine`.

use shiftgate_model::*;

use super::super::balancers::target_group;
use super::super::run_id;
use super::super::world::World;
use super::invariants::Book;
use super::model::{Expected, Model, Rules};
use super::plans::balancers;
use super::snapshot::Snapshot;
use super::watched::rules_of;

pub(super) fn at_end(world: &World, book: &mut Book, model: &Model, ending: Ending) {
    let now = Snapshot::of(world);
    let mut broken = Vec::new();
    let (recorded, holder, events) = {
        let state = world.state();
        (state.ending, state.holder.clone(), state.events.clone())
    };
    if recorded != Some(ending) {
        broken.push(format!("the record says {recorded:?}"));
    }
    if holder == Some(run_id()) {
        broken.push("the run still holds its family's lock".into());
    }
    let decided = book.decided.is_some();
    if !model.allows(ending, decided) {
        broken.push(format!("the rules do not allow that (rollback decided: {decided}; {:?})", model.troubles));
    }
    let ignored = events.iter().any(|event| matches!(event.kind, EventKind::StepIgnored { .. }));
    match ending {
        Ending::Succeeded if !ignored => broken.extend(differs(&now, book, &model.recipe.deployed())),
        Ending::RolledBack => broken.extend(differs(&now, book, &model.recipe.rolled_back())),
        Ending::Succeeded => {}
        Ending::Failed | Ending::Aborted | Ending::Stuck => broken.extend(untrue(&now, book, &events)),
    }
    let told: Vec<String> = book.told.iter().filter(|(_, of, _)| *of == ending).map(|(key, _, _)| key.clone()).collect();
    book.told_for_good.extend(told);
    book.broken.extend(broken.into_iter().map(|what| format!("at the end, {ending}: {what}")));
}

/// Where the world is not as the rules have it.
fn differs(now: &Snapshot, book: &Book, rules: &Rules) -> Vec<String> {
    if book.another_world {
        return Vec::new();
    }
    let mut broken = Vec::new();
    let recorded_new = now.ledger.iter().any(|entry| entry.effect == "create" && entry.outcome.is_some());
    for (role, group, expected) in [("old", now.old_group(), &rules.old), ("new", now.new_group(), &rules.new)] {
        if group.is_none() && (!book.gone.is_empty() || (role == "new" && !recorded_new)) {
            continue;
        }
        broken.extend(group_differs(book, role, group, expected));
    }
    for balancer in balancers(&book.recipe) {
        let (production, stage) = rules_of(balancer);
        let [new, old] = ["green", "blue"].map(|color| target_group(&format!("{balancer}-{color}")));
        for (rule, expected) in [(production, rules.production), (stage, rules.stage)] {
            let Some(expected) = expected else { continue };
            let found = (now.weight(&rule, &new), now.weight(&rule, &old));
            if found != expected && !book.foreign.contains_key(&format!("route {rule}")) {
                broken.push(format!("rule {rule} gives new and old {found:?}, not {expected:?}"));
            }
        }
    }
    broken
}

fn group_differs(book: &Book, role: &str, group: Option<&Group>, expected: &Expected) -> Option<String> {
    let (group, (name, capacity)) = match (group, expected) {
        (None, None) => return None,
        (Some(group), Some(expected)) => (group, expected),
        (found, expected) => return Some(format!("the {role} group is {found:?}, not {expected:?}")),
    };
    let others = |thing: &str| book.foreign.contains_key(&format!("{thing} {}", group.id));
    let same_name = group.name == *name || others("name");
    let same = if book.scaled { capacity.same_bounds(&group.capacity) } else { *capacity == group.capacity };
    let same = same_name && (same || others("capacity"));
    (!same).then(|| format!("the {role} group is `{}` {}, not `{name}` {capacity}", group.name, group.capacity))
}

/// What the last lines leave out or say wrongly of what is where.
fn untrue(now: &Snapshot, book: &Book, events: &[Event]) -> Vec<String> {
    let begun = events.iter().rposition(|event| event.kind == EventKind::RunResumed).unwrap_or(0);
    let lines: Vec<(usize, &str)> = events.iter().enumerate().skip(begun).filter_map(left).collect();
    let first = lines.first().map_or(events.len(), |(index, _)| *index);
    // What cannot be looked at, or changed while it was told, is not told well.
    if book.meddled_at >= first || lines.iter().any(|(_, line)| line.contains("cannot be ")) {
        return Vec::new();
    }
    let said = |words: &str| lines.iter().any(|(_, line)| line.contains(words));
    let mut broken = Vec::new();
    let Some(new) = now.new_group() else { return broken };
    for group in now.old_group().into_iter().chain([new]) {
        let words = format!("{} `{}` with {}", group.id, group.name, group.capacity);
        if !said(&words) {
            broken.push(format!("nothing says that there is {words}"));
        }
    }
    for balancer in balancers(&book.recipe) {
        let (rule, _) = rules_of(balancer);
        let actions = now.rules.iter().find(|found| found.arn == rule).map(|rule| rule.actions.to_string()).unwrap_or_default();
        if !said(&format!("routes to {actions}")) {
            broken.push(format!("nothing says that {rule} routes to {actions}"));
        }
    }
    broken
}

fn left((index, event): (usize, &Event)) -> Option<(usize, &str)> {
    match &event.kind {
        EventKind::Left { what } => Some((index, what)),
        _ => None,
    }
}
