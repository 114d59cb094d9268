//! What has to hold after every cell: nothing is lost, nothing is double, and the record says what is there.
//!
//! Each check gives sentences on what is wrong; none is good. Pure: `run` has collected everything.

use std::collections::{BTreeMap, BTreeSet};

use shiftgate_model::{Capacity, EffectRecord, Ending, EventKind};
use shiftgate_sim::{AwsOutcome, GroupView, Numbers};

use super::matrix::{Cell, spot_id, spot_operation};
use super::run::{Left, Played, RUN, Seen};
use super::scenario::OLD;

/// What is wrong with a cell that was played.
pub(crate) fn judge(cell: &Cell, calm: &Played, played: &Played) -> Vec<String> {
    let mut wrongs = played.wrongs.clone();
    wrongs.dedup();
    if played.hits == 0 {
        wrongs.push("the fault hit no call".to_owned());
    }
    let left = &played.left;
    if !cell.for_ever && left.ending != calm.left.ending {
        wrongs.push(format!("a fault that passes made the run {} instead of {}", left.ending, calm.left.ending));
    }
    ended(left, calm, played, &mut wrongs);
    if left.ending != calm.left.ending {
        named(cell, left, &mut wrongs);
    }
    if let Some(resumed) = &played.resumed {
        if !matches!(resumed.ending, Ending::RolledBack | Ending::Succeeded) {
            wrongs.push(format!("taken up again without the fault it {}", resumed.ending));
        }
        ended(resumed, calm, played, &mut wrongs);
    }
    let last = played.resumed.as_ref().unwrap_or(left);
    once(&last.after, &mut wrongs);
    on_paper(played, &last.effects, &mut wrongs);
    as_recorded(last, &mut wrongs);
    wrongs
}

/// The ending is on record, and the account is what this ending says.
fn ended(left: &Left, calm: &Played, played: &Played, wrongs: &mut Vec<String>) {
    if left.on_record != Some(left.ending) {
        wrongs.push(format!("it {}, and on record is {:?}", left.ending, left.on_record));
    }
    match left.events.last().map(|event| &event.kind) {
        Some(EventKind::RunEnded { ending, .. }) if *ending == left.ending => {}
        other => wrongs.push(format!("it {}, and its last event is {other:?}", left.ending)),
    }
    let wanted = match left.ending {
        Ending::Succeeded => &calm.left.after,
        Ending::RolledBack | Ending::Failed => &played.before,
        Ending::Stuck | Ending::Aborted => return what_is_where(left, wrongs),
    };
    let (wanted, found) = (matters(wanted), matters(&left.after));
    if wanted != found {
        wrongs.push(format!("it {}, and the account is\n    {found:?}\n  instead of\n    {wanted:?}", left.ending));
    }
}

/// What counts in an account: groups that have something, the old one whatever it has, and where requests go. Empty groups of
/// earlier runs may be there or be gone.
fn matters(seen: &Seen) -> (Vec<String>, Vec<String>) {
    let has = |group: &&GroupView| {
        let GroupView { id, capacity, instances, deleted, .. } = group;
        !deleted && (id == OLD || capacity.maximum > 0 || instances.total > 0)
    };
    let mut groups: Vec<String> = seen
        .groups
        .iter()
        .filter(has)
        .map(|group| {
            let who = if is_new(group) { "new" } else { group.id.as_str() };
            let GroupView { name, capacity, instances, .. } = group;
            format!("{who} `{name}` {} with {}/{} healthy", shown(*capacity), instances.healthy, instances.total)
        })
        .collect();
    groups.sort();
    let rules = seen.balancers.iter().flat_map(|balancer| {
        let rules = balancer.listeners.iter().flat_map(|listener| listener.rules.iter().map(move |rule| (listener.port, rule)));
        rules.map(move |(port, rule)| format!("{}:{port} {:?}", balancer.name, rule.weights))
    });
    (groups, rules.collect())
}

fn is_new(group: &GroupView) -> bool {
    group.tags.get("shiftgate:run").is_some_and(|run| run == RUN)
}

fn shown(capacity: Numbers) -> String {
    let Numbers { minimum, target, maximum } = capacity;
    Capacity { minimum, target, maximum }.to_string()
}

/// The last words name every group and load balancer of the run, as it is.
fn what_is_where(left: &Left, wrongs: &mut Vec<String>) {
    let lines = left.events.iter().filter_map(|event| match &event.kind {
        EventKind::Left { what } => Some(what.as_str()),
        _ => None,
    });
    let lines: Vec<&str> = lines.collect();
    for group in left.after.groups.iter().filter(|group| !group.deleted && (group.id == OLD || is_new(group))) {
        let Some(line) = lines.iter().rev().find(|line| line.contains(&group.id)) else {
            wrongs.push(format!("it {}, and does not say where {} `{}` is", left.ending, group.id, group.name));
            continue;
        };
        if !line.contains(&shown(group.capacity)) || !line.contains(&format!("`{}`", group.name)) {
            wrongs.push(format!("`{line}`, but it is `{}` with {}", group.name, shown(group.capacity)));
        }
    }
    for balancer in &left.after.balancers {
        let rule = balancer.listeners.iter().find(|listener| listener.port == 80).and_then(|listener| listener.rules.first());
        let Some(rule) = rule else { continue };
        let Some(line) = lines.iter().rev().find(|line| line.contains(&format!("`{}`", balancer.name))) else {
            wrongs.push(format!("it {}, and does not say where `{}` routes to", left.ending, balancer.name));
            continue;
        };
        let all = rule.weights.iter().all(|(group, weight)| {
            line.contains(&format!("{group} {weight}")) || (rule.weights.len() == 1 && line.contains(group.as_str()))
        });
        if !all && !line.contains("cannot be looked at now") {
            wrongs.push(format!("`{line}`, but it routes to {:?}", rule.weights));
        }
    }
}

/// What went wrong says which call of which service it was.
fn named(cell: &Cell, left: &Left, wrongs: &mut Vec<String>) {
    let service = cell.place.service.name();
    let call =
        if cell.way.name == "token-expired" { format!("{service} ") } else { format!("{service} {}", cell.place.operation) };
    let failed = left.events.iter().filter_map(|event| match &event.kind {
        EventKind::StepFailed { error } => Some(error.message.as_str()),
        _ => None,
    });
    if !failed.clone().any(|message| message.contains(&call)) {
        wrongs.push(format!("no failure names `{call}`: {:?}", failed.collect::<Vec<_>>()));
    }
    if let Some(EventKind::RunEnded { summary, .. }) = left.events.last().map(|event| &event.kind)
        && !summary.contains(&call)
    {
        wrongs.push(format!("the last words do not name `{call}`: {summary}"));
    }
}

/// One group of this run at the most was ever made, and no two groups that have something share a name.
fn once(seen: &Seen, wrongs: &mut Vec<String>) {
    let made: Vec<&str> = seen.groups.iter().filter(|group| is_new(group)).map(|group| group.id.as_str()).collect();
    if made.len() > 1 {
        wrongs.push(format!("this run made {} groups: {made:?}", made.len()));
    }
    let mut names = BTreeMap::<&str, usize>::new();
    for group in seen.groups.iter().filter(|group| !group.deleted) {
        *names.entry(group.name.as_str()).or_default() += 1;
    }
    for (name, count) in names.into_iter().filter(|(_, count)| *count > 1) {
        wrongs.push(format!("{count} groups are named `{name}`"));
    }
}

/// Whatever this run sent to change something was on paper before.
fn on_paper(played: &Played, effects: &[EffectRecord], wrongs: &mut Vec<String>) {
    let mut sent = BTreeSet::new();
    for call in &played.calls {
        let id = spot_id(&call.path).unwrap_or_default();
        match spot_operation(&call.method, &call.route) {
            Some("CreateGroup") => drop(sent.insert("create".to_owned())),
            Some("UpdateCapacity") => drop(sent.insert(format!("capacity {id}"))),
            Some("RenameGroup") => drop(sent.insert(format!("name {id}"))),
            Some("DeleteGroup") => drop(sent.insert(format!("delete {id}"))),
            _ => {}
        }
    }
    let rules = |arn: &str| {
        let listeners = played.before.balancers.iter().flat_map(|balancer| &balancer.listeners);
        let mut default = listeners.filter(|listener| listener.arn == arn).filter_map(|listener| listener.rules.last());
        default.next().map_or_else(|| arn.to_owned(), |rule| rule.arn.clone())
    };
    for call in played.aws_calls.iter().filter(|call| call.action.starts_with("Modify") && call.outcome != AwsOutcome::Reset) {
        sent.insert(format!("route {}", rules(&call.subject)));
    }
    for effect in sent {
        let known = effects.iter().any(|entry| entry.effect == effect || entry.effect.starts_with(&format!("{effect} ")));
        if !known {
            wrongs.push(format!("`{effect}` was sent, and is not in the ledger"));
        }
    }
}

/// The last write of each group on record, where its outcome is, is what the group has.
fn as_recorded(left: &Left, wrongs: &mut Vec<String>) {
    for group in left.after.groups.iter().filter(|group| !group.deleted) {
        let last = |what: &str| {
            let prefix = format!("{what} {}", group.id);
            left.effects.iter().rfind(|entry| entry.effect.starts_with(&prefix)).filter(|entry| entry.outcome.is_some())
        };
        let capacity = last("capacity").and_then(|entry| serde_json::from_value::<Capacity>(entry.intent.clone()).ok());
        if let Some(capacity) = capacity.filter(|capacity| capacity.to_string() != shown(group.capacity)) {
            wrongs.push(format!("on record {} has {capacity}, in the account {}", group.id, shown(group.capacity)));
        }
        let name = last("name").and_then(|entry| entry.intent.as_str().map(str::to_owned));
        if let Some(name) = name.filter(|name| *name != group.name) {
            wrongs.push(format!("on record {} is named `{name}`, in the account `{}`", group.id, group.name));
        }
    }
}
