//! Elastigroup Setup: finds what is live, records it, creates the next revision at 0/0/0, and keeps house. Behind load
//! balancers it is `blue_green` that sets up.
//!
//! Nothing that serves is changed here: the old group's capacity is recorded before anything is written.

use serde::{Deserialize, Serialize};
use serde_json::json;
use shiftgate_model::{
    Capacity, Created, ErrorClass, EventKind, Group, GroupFacts, GroupId, GroupName, GroupSpec, Health, Marker, StepError,
    TargetGroupArn,
};

use super::blue_green::{self, Balancer};
use super::housekeeping::keep_house;
use super::{Cx, Stop, recorded};
use crate::Facts;

/// The effect that holds what was live before the run changed anything.
pub(crate) const ORIGINAL: &str = "original";
/// The effect that creates the new group.
pub(super) const CREATE: &str = "create";

/// What the run found before it changed anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Original {
    /// The live group; none for a first deployment.
    pub(super) live: Option<Live>,
    /// The name of the group to create.
    pub(super) next: GroupName,
    /// The load balancers; none for basic and canary.
    #[serde(default)]
    pub(super) balancers: Vec<Balancer>,
}

/// The live group as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) id: GroupId,
    pub(super) name: GroupName,
    pub(super) capacity: Capacity,
}

pub(super) async fn setup(cx: &Cx<'_>) -> Result<Facts, Stop> {
    match &cx.plan.setup.routing {
        Some(routing) => blue_green::set_up(cx, routing).await,
        None => next_revision(cx).await,
    }
}

async fn next_revision(cx: &Cx<'_>) -> Result<Facts, Stop> {
    let family = &cx.plan.setup.family;
    let groups = cx.ports.groups.list().await?;
    let revisions = revisions(cx, &groups);
    let found = u32::try_from(revisions.len()).unwrap_or(u32::MAX);
    cx.say(EventKind::GroupsQueried { prefix: family.prefix(), found }).await?;

    let goes_on = recorded::<Original>(&cx.ports.ledger.record(cx.run).await?, ORIGINAL).is_some();
    let original: Original = cx
        .fact(ORIGINAL, || async {
            let live = find_live(cx, &revisions).await?;
            if let Some(live) = live {
                only_one_serves(cx, live, &revisions).await?;
            }
            let live = live.map(|g| Live { id: g.id.clone(), name: g.name.clone(), capacity: g.capacity });
            let highest = revisions.first().map_or(0, |(number, _)| *number);
            Ok(Original { live, next: family.revision(highest.saturating_add(1)), balancers: Vec::new() })
        })
        .await?;
    as_agreed(cx, &original)?;
    say_live(cx, original.live.as_ref()).await?;
    let full = cx.plan.setup.sizing.resolve(original.live.as_ref().map(|live| live.capacity));
    check_amounts(cx, full)?;

    let created = create(cx, &original.next, None).await?;
    keep_house(cx, &revisions, original.live.as_ref(), &created.id, goes_on).await?;
    cx.say(EventKind::SetupCompleted).await?;

    Ok(Facts {
        rolling_back: None,
        fence: cx.fence,
        accept_drift: cx.accepts_drift,
        new_group: Some(group_facts(&created.id, &original.next, Capacity::ZERO)),
        old_group: original.live.as_ref().map(|live| group_facts(&live.id, &live.name, live.capacity)),
        original: original.live.map(|live| live.capacity),
        full: Some(full),
        target_groups: Vec::new(),
    })
}

/// Nothing has moved since the plan was agreed on: while this run waited for another one, say.
pub(super) fn as_agreed(cx: &Cx<'_>, original: &Original) -> Result<(), StepError> {
    let Some(agreed) = &cx.plan.agreed else { return Ok(()) };
    if serde_json::to_value(original).is_ok_and(|found| found == agreed.observed) {
        return Ok(());
    }
    let message = format!("the groups and rules are not those of the plan that was agreed on, {}", agreed.digest);
    Err(StepError::new(ErrorClass::Drift, message).hint("look at `shiftgate plan` again; nothing was touched"))
}

/// Says what serves before anything changes.
pub(super) async fn say_live(cx: &Cx<'_>, live: Option<&Live>) -> Result<(), Stop> {
    cx.say(match live {
        Some(Live { id, name, capacity }) => {
            EventKind::LiveGroupFound { id: id.clone(), name: name.clone(), capacity: *capacity }
        }
        None => EventKind::NoLiveGroup,
    })
    .await?;
    Ok(())
}

/// A group without instances seen yet.
pub(super) fn group_facts(id: &GroupId, name: &GroupName, capacity: Capacity) -> GroupFacts {
    GroupFacts { id: id.clone(), name: name.clone(), capacity, instances: Vec::new() }
}

/// The family's groups with their revision numbers, the highest first.
fn revisions<'g>(cx: &Cx<'_>, groups: &'g [Group]) -> Vec<(u64, &'g Group)> {
    let number = |group: &'g Group| Some((cx.plan.setup.family.revision_of(&group.name)?, group));
    let mut revisions: Vec<_> = groups.iter().filter_map(number).collect();
    revisions.sort_by(|(a, one), (b, other)| b.cmp(a).then_with(|| one.id.cmp(&other.id)));
    revisions
}

/// The highest revision with capacity or instances: an aborted run leaves an empty one above it.
async fn find_live<'g>(cx: &Cx<'_>, revisions: &[(u64, &'g Group)]) -> Result<Option<&'g Group>, Stop> {
    for (number, group) in revisions {
        let has_capacity = group.capacity.maximum > 0;
        if !has_capacity && cx.ports.groups.health(&group.id).await?.is_empty() {
            continue;
        }
        if let Some((_, twin)) = revisions.iter().find(|(other, g)| other == number && g.id != group.id) {
            return Err(ambiguous(group, twin).into());
        }
        return Ok(Some(group));
    }
    Ok(None)
}

/// A lower revision that has healthy instances beside the live one was left by a run that did not end: emptying it could
/// take away what serves, so a person decides.
async fn only_one_serves(cx: &Cx<'_>, live: &Group, revisions: &[(u64, &Group)]) -> Result<(), Stop> {
    for (_, other) in revisions.iter().filter(|(_, group)| group.id != live.id && group.capacity.maximum > 0) {
        let instances = cx.ports.groups.health(&other.id).await?;
        let healthy = instances.iter().filter(|instance| instance.health == Health::Healthy).count();
        if healthy == 0 {
            continue;
        }
        let left_by = live.marker.as_ref().map_or_else(String::new, |marker| format!(", left by run {}", marker.run));
        let message = format!(
            "two groups have instances: {} `{}` with {}{left_by}, and {} `{}` with {} and {healthy} healthy instances",
            live.id, live.name, live.capacity, other.id, other.name, other.capacity
        );
        let hint =
            "resume the run that left them so, or set the group that is not to serve to 0/0/0 in Spot's console; then run again";
        return Err(StepError::new(ErrorClass::Drift, message).hint(hint).into());
    }
    Ok(())
}

fn ambiguous(group: &Group, twin: &Group) -> StepError {
    let message = format!("two groups are named `{}`: {} and {}; which one serves cannot be told", group.name, group.id, twin.id);
    StepError::new(ErrorClass::Application, message).hint("rename or delete one of them in Spot's console, then run again")
}

/// What validation could not know when the size is that of the running group: counts above the maximum.
pub(super) fn check_amounts(cx: &Cx<'_>, full: Capacity) -> Result<(), Stop> {
    use shiftgate_model::Amount;
    use shiftgate_workflow::Action;
    for step in cx.plan.phases.iter().flat_map(|phase| &phase.steps) {
        if let Action::Deploy(deploy) = &step.action
            && let Amount::Count(count) = deploy.amount
            && count > full.maximum
        {
            let message =
                format!("step `{}` asks for {count} instances, but the group may have {} at most", step.id, full.maximum);
            return Err(StepError::new(ErrorClass::Application, message).hint("lower the count, or raise the maximum").into());
        }
    }
    Ok(())
}

/// Creates the group at 0/0/0, in `target_groups` where the plan has routes.
pub(super) async fn create(cx: &Cx<'_>, name: &GroupName, target_groups: Option<Vec<TargetGroupArn>>) -> Result<Created, Stop> {
    let setup = &cx.plan.setup;
    let spec = |attempted| GroupSpec {
        attempted,
        template: setup.template.clone(),
        name: name.clone(),
        image: cx.plan.artifact.clone(),
        user_data: setup.user_data.clone(),
        target_groups: target_groups.clone(),
        marker: Marker { run: cx.run.clone(), step: cx.step.clone() },
    };
    cx.say_once("create/requested", EventKind::CreateRequested { name: name.clone() }).await?;
    let created: Created = cx
        .effect(CREATE, json!({"name": name}), |attempted| async move { Ok(cx.ports.groups.create(&spec(attempted)).await?) })
        .await?;
    let kind = EventKind::GroupCreated { id: created.id.clone(), name: name.clone(), adopted: created.adopted };
    cx.say_once("create/done", kind).await?;
    Ok(created)
}
