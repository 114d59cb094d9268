//! What holds whatever happens: before each change of a cloud, after each transition, and at each ending. Every check says in
//! words what is broken, and asks the world and the record, never the interpreter. The rules that they come from are
//! numbered as in the deployment rules. Next: `endings` for what an ending leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shiftgate_model::*;
use tokio::time::Instant;

use super::super::world::World;
use super::super::{FULL, run_id};
use super::model::Recipe;
use super::plans::{BYSTANDERS, Script};
use super::snapshot::Snapshot;
use super::watched::{How, Kind};
use crate::orders;

/// How long a run may go on with what belongs together, once an order is on record: reading a rule back takes seconds.
const BELONGS_TOGETHER: Duration = Duration::from_secs(6);

/// A change of a cloud, about to be made by the run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Create,
    Capacity(&'a GroupId, Capacity),
    Name(&'a GroupId, &'a GroupName),
    Delete(&'a GroupId),
    Route(&'a RuleArn, &'a Actions),
}

impl Change<'_> {
    /// The effect that it is on record as, before it is made.
    fn thing(&self) -> String {
        match self {
            Self::Create => "create".into(),
            Self::Capacity(id, _) => format!("capacity {id}"),
            Self::Name(id, _) => format!("name {id}"),
            Self::Delete(id) => format!("delete {id}"),
            Self::Route(rule, _) => format!("route {rule}"),
        }
    }
}

/// A change by another hand that the run has not written over.
pub(super) struct Foreign {
    /// What was there before, in words; numbers without the target, which an autoscaler moves.
    was: String,
    /// Whether the run has looked at it since.
    pub(super) seen: bool,
}

/// What is remembered beside the world.
pub(super) struct Book {
    pub(super) recipe: Recipe,
    pub(super) script: Script,
    /// Approvals find a yes where they look first.
    pub(super) yes: bool,
    /// Calls that will go wrong.
    pub(super) faults: Vec<(Kind, How)>,
    /// What another hand has changed.
    pub(super) foreign: BTreeMap<String, Foreign>,
    /// Another hand was there before the run had written down what it found: the recipe's world is not the run's.
    pub(super) another_world: bool,
    /// What things were before writes whose outcome is not on record: one that is given that back looks as if never written.
    unsettled: BTreeMap<String, Vec<String>>,
    /// An autoscaler was about.
    pub(super) scaled: bool,
    /// How many events there were when another hand last changed something.
    pub(super) meddled_at: usize,
    /// Groups that somebody has deleted.
    pub(super) gone: BTreeSet<String>,
    /// Which wrap-ups were told: key, ending, and process with attempt.
    pub(super) told: Vec<(String, Ending, (u32, u32))>,
    /// Those that were told of an ending that was reached.
    pub(super) told_for_good: BTreeSet<String>,
    /// How many processes have driven the run.
    pub(super) process: u32,
    /// When a rollback was decided, and in which process.
    pub(super) decided: Option<(Instant, u32)>,
    /// When an abort was ordered that is open.
    pub(super) aborted: Option<Instant>,
    /// How many healthy ones the run has last seen in a group or a target group, and when.
    pub(super) healthy: BTreeMap<String, (u32, Instant)>,
    /// What is broken, in words.
    pub(super) broken: Vec<String>,
}

impl Book {
    pub(super) fn new(recipe: Recipe, script: Script) -> Self {
        Self {
            recipe,
            script,
            yes: false,
            faults: Vec::new(),
            foreign: BTreeMap::new(),
            another_world: false,
            unsettled: BTreeMap::new(),
            scaled: false,
            meddled_at: 0,
            gone: BTreeSet::new(),
            told: Vec::new(),
            told_for_good: BTreeSet::new(),
            process: 0,
            decided: None,
            aborted: None,
            healthy: BTreeMap::new(),
            broken: Vec::new(),
        }
    }

    pub(super) fn intended(&mut self, step: &str, effect: &str) {
        match (step, effect) {
            ("rollback", "decided") => _ = self.decided.get_or_insert((Instant::now(), self.process)),
            ("operator", order) if order.starts_with("abort ") => _ = self.aborted.get_or_insert(Instant::now()),
            _ => {}
        }
    }

    /// No autoscaler was about, and nobody has deleted anything: what was healthy at the last look still stands.
    fn alone(&self) -> bool {
        !self.scaled && self.gone.is_empty()
    }

    /// How many healthy ones the run has seen a moment ago: what is healthy may be sick when it is acted on.
    fn just_seen(&self, of: &str) -> u32 {
        self.healthy.get(of).filter(|(_, at)| at.elapsed() < BELONGS_TOGETHER).map_or(0, |(healthy, _)| *healthy)
    }

    /// Another hand has changed a thing, or given it back what it had.
    pub(super) fn meddled(&mut self, thing: String, was: String, is: &str) {
        let first = self.foreign.remove(&thing).map_or(was, |foreign| foreign.was);
        let never_written = self.unsettled.get(&thing).is_some_and(|before| before.iter().any(|before| before == is));
        if first != is && !never_written {
            self.foreign.insert(thing, Foreign { was: first, seen: false });
        }
    }

    pub(super) fn settled(&mut self, effect: &str) {
        match effect {
            // What was there when the run wrote down what it found is no change under it.
            "original" => self.foreign.retain(|_, foreign| !foreign.seen),
            order if order.starts_with("abort ") => self.aborted = None,
            // The run wants what it has seen that the other hand has given, and has written that down.
            done => {
                let first = done.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
                for thing in [first, done] {
                    self.unsettled.remove(thing);
                    if self.foreign.get(thing).is_some_and(|foreign| foreign.seen) {
                        self.foreign.remove(thing);
                    }
                }
            }
        }
    }
}

/// What has to hold before a change is made. Each broken rule is put into the book.
pub(super) fn before(world: &World, book: &mut Book, change: Change<'_>) {
    let now = Snapshot::of(world);
    let mut broken = Vec::new();
    let thing = change.thing();
    if !on_paper(&now, &thing) {
        broken.push("9/10: no intent is on record before it");
    }
    if let Some(rule) = not_ours(&now, change) {
        broken.push(rule);
    }
    broken.extend(of_kind(&now, book, change));
    let accepts = orders::accepts_drift(&now.ledger, now.fence);
    // A group that goes takes its name and its numbers with it.
    let written = match change {
        Change::Delete(id) => vec![format!("capacity {id}"), format!("name {id}")],
        _ => vec![thing],
    };
    for written in written {
        if let Some(was) = now.words(change) {
            book.unsettled.entry(written.clone()).or_default().push(was);
        }
        if book.foreign.remove(&written).is_some_and(|foreign| foreign.seen) && !accepts {
            broken.push("7/9: it writes over what another hand has changed, and it has seen that");
        }
    }
    let late = |since: Instant| since.elapsed() > BELONGS_TOGETHER;
    if book.decided.is_some_and(|(at, process)| late(at) || process != book.process) && goes_forward(&now, change) {
        broken.push("8: it goes forward, and a rollback is decided");
    }
    if book.aborted.is_some_and(late) {
        broken.push("8: it goes on, and an abort was ordered a while ago");
    }
    let at = world.now();
    book.broken.extend(broken.into_iter().map(|what| format!("{change:?} at {at:?}: {what}")));
}

/// An intent of that effect is on record, and its outcome is not.
fn on_paper(now: &Snapshot, thing: &str) -> bool {
    let of_thing = |effect: &str| match effect.strip_prefix(thing) {
        Some(rest) => rest.is_empty() || rest.strip_prefix(' ').is_some_and(|n| n.parse::<u32>().is_ok()),
        None => false,
    };
    now.ledger.iter().any(|entry| of_thing(&entry.effect) && entry.outcome.is_none())
}

/// Section 9: the run's own group, the one that was live, and empty groups that carry the tag of this tool.
fn not_ours(now: &Snapshot, change: Change<'_>) -> Option<&'static str> {
    let id = match change {
        Change::Create | Change::Route(..) => return None,
        Change::Capacity(id, _) | Change::Name(id, _) | Change::Delete(id) => id,
    };
    let old = now.old_id().as_ref() == Some(id);
    if old {
        return matches!(change, Change::Delete(_)).then_some("9: it deletes the group that was live");
    }
    let group = now.group(id)?;
    let Some(marker) = &group.marker else { return Some("9: the group carries no tag of this tool") };
    if marker.run == run_id() {
        return None;
    }
    let family = group.name.as_str().starts_with("web__");
    let first_live = now.old_id().is_none() && now.healthy(Some(group)) > 0;
    match (family, now.healthy(Some(group)) > 0 || first_live) {
        (false, _) => Some("9: the group is another family's"),
        (true, true) => Some("9: an old revision that serves is emptied or deleted"),
        (true, false) => None,
    }
}

fn goes_forward(now: &Snapshot, change: Change<'_>) -> bool {
    let ours = |id: &GroupId| now.new_group().is_some_and(|group| group.id == *id);
    match change {
        Change::Create => true,
        Change::Capacity(id, wanted) if ours(id) => wanted.maximum > 0,
        Change::Capacity(id, wanted) => {
            now.old_id().as_ref() == Some(id) && now.old_capacity().is_some_and(|before| wanted.maximum < before.maximum)
        }
        Change::Name(id, name) => ours(id) && name.as_str() == "web",
        Change::Delete(_) => false,
        Change::Route(rule, actions) => {
            now.production().iter().any(|(of, new, _)| of == rule && actions.weight_of(new).unwrap_or(0) > now.weight(rule, new))
        }
    }
}

fn of_kind(now: &Snapshot, book: &Book, change: Change<'_>) -> Option<&'static str> {
    // Between a look and the change that it allows there is a moment, which no cloud closes.
    if book.foreign.values().any(|foreign| !foreign.seen) {
        return None;
    }
    match change {
        // The port adopts what carries the run's tag, and `always` counts.
        Change::Create => None,
        Change::Capacity(id, wanted) => capacity(now, book, id, wanted),
        Change::Name(id, name) => {
            let group = now.group(id)?;
            let all = now.production().iter().all(|(rule, new, old)| {
                let own = if group.target_groups.contains(new) { new } else { old };
                let other = if own == new { old } else { new };
                now.weight(rule, own) > 0 && now.weight(rule, other) == 0
            });
            (name.as_str() == "web" && !all).then_some("7: a group is called production before all traffic goes to it")
        }
        Change::Delete(id) => {
            let group = now.group(id)?;
            (group.capacity.maximum > 0 || now.has_traffic(group)).then_some("9: a group with instances or traffic is deleted")
        }
        Change::Route(rule, actions) => {
            let of_production = now.production().iter().any(|(of, _, _)| of == rule);
            // A first deployment goes back to what was there before it: nothing.
            // And what a step has written that failed goes back to what it was a moment ago, whatever that was worth.
            if !of_production || now.puts_back || (now.old_id().is_none() && book.decided.is_some()) {
                return None;
            }
            let targets = &actions.forward()?.targets;
            let raised = |group| actions.weight_of(group).unwrap_or(0) > now.weight(rule, group);
            let serves = |group: &TargetGroupArn| now.serves(group) || book.just_seen(group.as_str()) > 0;
            let sick = targets.iter().any(|target| raised(&target.group) && !serves(&target.group));
            sick.then_some("7: a target group without a healthy instance gets more traffic")
        }
    }
}

fn capacity(now: &Snapshot, book: &Book, id: &GroupId, wanted: Capacity) -> Option<&'static str> {
    let group = now.group(id)?;
    if wanted.target >= group.capacity.target {
        return None;
    }
    let (new, old) = (now.new_group(), now.old_group());
    let healthy = |group: Option<&Group>| now.healthy(group).max(group.map_or(0, |group| book.just_seen(group.id.as_str())));
    let blue_green = book.recipe.kind.is_blue_green();
    if wanted.target == 0 && now.has_traffic(group) {
        return Some("9: a group with production traffic is emptied");
    }
    if new.is_some_and(|new| new.id == *id) {
        // What was empty before the run is empty again when it is put back.
        let served = now.old_capacity().is_some_and(|was| was.target > 0);
        let only = wanted.target == 0 && now.healthy(new) > 0 && healthy(old) == 0 && served;
        // Behind load balancers the old group keeps its traffic all along when none was moved.
        return (only && !blue_green && book.alone()).then_some("9: the only healthy revision is emptied");
    }
    if old.is_none_or(|old| old.id != *id) || book.decided.is_some() {
        return None;
    }
    if blue_green {
        let targets = now.production().iter().any(|(_, new, _)| book.just_seen(new.as_str()) > 0);
        return (healthy(new) == 0 && !targets && book.alone())
            .then_some("9: the old group is emptied before the new one is healthy");
    }
    let promised = now.old_capacity().map_or(0, |before| before.target.min(FULL.target));
    let short = healthy(new) + wanted.target < promised;
    let promises = book.recipe.order == DownsizeOrder::NewFirst && book.alone() && book.foreign.is_empty();
    (short && promises).then_some("3: the old and the new group have less than before, together")
}

/// What holds after every transition.
pub(super) fn always(world: &World, book: &mut Book) {
    let now = Snapshot::of(world);
    if now.created().count() > 1 {
        book.broken.push("10: two groups of one run".into());
    }
    for (id, name, capacity, _) in BYSTANDERS {
        let same = now.group(&GroupId::new(id)).is_some_and(|group| group.name.as_str() == name && group.capacity == capacity);
        if !same && !book.foreign.keys().any(|thing| thing.ends_with(id)) && !book.gone.contains(id) {
            book.broken.push(format!("9: bystander {id} `{name}` was touched"));
        }
    }
    let events = world.state().events.clone();
    for (index, event) in events.iter().enumerate() {
        if event.sequence != u64::try_from(index).unwrap() + 1 {
            book.broken.push(format!("the events have a gap at {index}"));
        }
        let after_end = index > 0 && matches!(events[index - 1].kind, EventKind::RunEnded { .. });
        if after_end && !matches!(event.kind, EventKind::RunResumed) {
            book.broken.push(format!("`{}` is said after the run's end", event.kind));
        }
    }
    let mut keys: BTreeMap<&str, Ending> = BTreeMap::new();
    let mut attempts = BTreeSet::new();
    for (key, ending, attempt) in &book.told {
        if keys.insert(key, *ending).is_some_and(|other| other != *ending) {
            book.broken.push(format!("11: one wrap-up key, {key}, for two endings"));
        }
        if !attempts.insert((key, *attempt)) {
            book.broken.push(format!("11: wrap-up {key} was told twice of {ending}"));
        }
    }
}
