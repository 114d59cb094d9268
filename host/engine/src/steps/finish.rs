//! The end of a run: what is where, the ending on record, the lock given back.

use shiftgate_model::{EffectRecord, Ending, EventKind, Group, GroupFacts, StoreError};
use shiftgate_workflow::Plan;

use super::rollback::find_new;
use super::setup::{ORIGINAL, Original, group_facts};
use super::{Cx, blue_green, recorded, take_up};
use crate::{Facts, Order, close_orders};

/// The first event of a run.
pub(crate) fn run_started(plan: &Plan) -> EventKind {
    EventKind::RunStarted {
        workflow: plan.workflow.clone(),
        strategy: plan.strategy.as_str().to_owned(),
        service: plan.service.clone(),
        environment: plan.environment.clone(),
        infrastructure: plan.infrastructure.name.clone(),
        artifact: plan.artifact.clone(),
    }
}

/// Says what is where, records the ending, gives the lock back. In this order: a crash between leaves a run that finishes
/// again, never a lock without a run.
pub(crate) async fn finish(cx: &Cx<'_>, ending: Ending, summary: String, facts: &Facts) -> Result<(), StoreError> {
    let ledger = cx.ports.ledger.as_ref();
    let from_record;
    let facts = if facts.new_group.is_some() {
        facts
    } else {
        // A run that stopped while it waited for its family has not taken up yet what it found before.
        let record = ledger.record(cx.run).await?;
        let found = take_up::found(cx, &record).unwrap_or_default();
        from_record = if found.new_group.is_some() { found } else { created(cx, &record, found).await };
        &from_record
    };
    let resumes = cx.ports.events.read(cx.run, 0).await?.iter().filter(|event| event.kind == EventKind::RunResumed).count();
    if facts.new_group.is_some() && matches!(ending, Ending::Failed | Ending::Aborted | Ending::Stuck) {
        let routes = blue_green::whereabouts(cx).await?;
        for (index, what) in whereabouts(cx, facts).await.into_iter().chain(routes).enumerate() {
            cx.say_once(&format!("finish/left/{index}/{resumes}"), EventKind::Left { what }).await?;
        }
    }
    let key = format!("ended/{ending}/{resumes}");
    cx.ports.events.append(cx.run, None, Some(&key), EventKind::RunEnded { ending, summary }).await?;
    for order in [Order::Abort, Order::Rollback, Order::Retry] {
        close_orders(ledger, cx.run, order, &format!("the run has ended: {ending}")).await?;
    }
    cx.ports.runs.end(cx.run, ending, cx.ports.clock.now()).await?;
    cx.ports.locks.release(&cx.settings.account, &cx.plan.setup.family, cx.run).await
}

/// The facts of a run whose setup created its group, or may have, and was cut short then.
async fn created(cx: &Cx<'_>, record: &[EffectRecord], facts: Facts) -> Facts {
    let (Some(original), Ok(groups)) = (recorded::<Original>(record, ORIGINAL), cx.ports.groups.list().await) else {
        return facts;
    };
    let Some(Group { id, name, capacity, .. }) = find_new(cx, record, &original, &groups) else { return facts };
    let old_group = original.live.as_ref().map(|live| group_facts(&live.id, &live.name, live.capacity));
    Facts { new_group: Some(group_facts(id, name, *capacity)), old_group, ..facts }
}

/// One line a group, as it is now; as this run left it, when it cannot be looked at.
async fn whereabouts(cx: &Cx<'_>, facts: &Facts) -> Vec<String> {
    let live = cx.ports.groups.list().await.ok();
    let line = |role: &str, group: &GroupFacts| {
        let GroupFacts { id, name, capacity, .. } = group;
        match &live {
            None => format!("The {role} group is {id} `{name}`; this run left it at {capacity}, and it cannot be looked at now"),
            Some(groups) => match groups.iter().find(|g| g.id == *id) {
                Some(Group { name, capacity, .. }) => format!("The {role} group is {id} `{name}` with {capacity}"),
                None => format!("The {role} group {id} `{name}` is gone"),
            },
        }
    };
    let old = facts.old_group.iter().map(|group| line("old", group));
    old.chain(facts.new_group.iter().map(|group| line("new", group))).collect()
}
