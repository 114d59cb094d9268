//! Elastigroup Setup behind load balancers: finds production, records everything, removes what an earlier run left under
//! the stage name, and creates the stage group at 0/0/0 in the stage target group.
//!
//! No route, no name and nothing that serves is changed here.

use shiftgate_model::{Capacity, ErrorClass, EventKind, Group, GroupName, Health, RuleArn, StepError, TargetGroupArn};
use shiftgate_workflow::Routing;

use super::super::housekeeping::delete_group;
use super::super::setup::{Live, ORIGINAL, Original, as_agreed, check_amounts, create, group_facts, say_live};
use super::super::{Cx, Stop};
use super::guard::who_routes_to;
use super::{Balancer, balancers, names, new_target_groups, weighed};
use crate::Facts;

pub(in super::super) async fn set_up(cx: &Cx<'_>, routing: &Routing) -> Result<Facts, Stop> {
    let balancers = balancers::read(cx, routing).await?;
    let groups = cx.ports.groups.list().await?;
    let stage = cx.plan.setup.family.stage(&routing.stage_suffix);
    let production = only_production(cx, &groups).await?;
    not_steered(cx, &groups, &balancers)?;
    names_and_routes_agree(production, &balancers)?;
    let found = Original {
        live: production.map(|g| Live { id: g.id.clone(), name: g.name.clone(), capacity: g.capacity }),
        next: stage.clone(),
        balancers: balancers.clone(),
    };
    let original: Original = cx.fact(ORIGINAL, || async { Ok(found.clone()) }).await?;
    unmoved(&original, &found)?;
    as_agreed(cx, &original)?;
    let full = cx.plan.setup.sizing.resolve(original.live.as_ref().map(|live| live.capacity));
    check_amounts(cx, full)?;

    remove_leftovers(cx, &groups, &stage, production, &balancers).await?;
    let created = create(cx, &stage, Some(new_target_groups(&balancers))).await?;
    say_live(cx, original.live.as_ref()).await?;
    cx.say(EventKind::SetupCompleted).await?;
    Ok(Facts {
        rolling_back: None,
        fence: cx.fence,
        accept_drift: cx.accepts_drift,
        new_group: Some(group_facts(&created.id, &stage, Capacity::ZERO)),
        old_group: original.live.as_ref().map(|live| group_facts(&live.id, &live.name, live.capacity)),
        original: original.live.map(|live| live.capacity),
        full: Some(full),
        target_groups: weighed(&balancers, |balancer| balancer.production.actions.clone()),
    })
}

/// The group under the production name; names are not unique in Spot, and two cannot both be production.
async fn only_production<'g>(cx: &Cx<'_>, groups: &'g [Group]) -> Result<Option<&'g Group>, Stop> {
    let name = cx.plan.setup.family.production();
    let found: Vec<&Group> = groups.iter().filter(|group| group.name == name).collect();
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    cx.say(EventKind::GroupSearched { name: name.clone(), found: count }).await?;
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        [one, other, ..] => {
            let message =
                format!("{count} groups are named `{name}`: {} and {}; which one serves cannot be told", one.id, other.id);
            Err(StepError::new(ErrorClass::Application, message)
                .hint("rename or delete the one that does not serve in Spot's console, then run again")
                .into())
        }
    }
}

/// Nobody else writes the weights of the rules that this run is to change.
fn not_steered(cx: &Cx<'_>, groups: &[Group], balancers: &[Balancer]) -> Result<(), StepError> {
    let ours = |rule: &&RuleArn| balancers.iter().flat_map(Balancer::sides).any(|side| side.route.rule == **rule);
    let of_template = cx.plan.setup.template.steered_rules();
    let by_template = of_template.iter().find(ours).map(|rule| ("the Elastigroup JSON".to_owned(), rule));
    let mut steered = groups.iter().flat_map(|group| group.steered_rules.iter().map(move |rule| (group, rule)));
    let by_group = steered.find(|(_, rule)| ours(rule));
    let by_group = by_group.map(|(group, rule)| (format!("group {} `{}`", group.id, group.name), rule));
    match by_template.or(by_group) {
        None => Ok(()),
        Some((who, rule)) => {
            let message = format!("{who} has `itf` on rule {rule}: Spot itself writes the weights of that rule");
            Err(StepError::new(ErrorClass::Application, message)
                .hint("take the rule out of `launchSpecification.itf`, or deploy behind another rule; nothing was touched"))
        }
    }
}

/// The production group stands where production traffic goes. Otherwise names and routes were left apart, or something else
/// serves, and which is right is not guessed.
fn names_and_routes_agree(production: Option<&Group>, balancers: &[Balancer]) -> Result<(), StepError> {
    let Some(group) = production else { return Ok(()) };
    let apart = balancers
        .iter()
        .find(|balancer| group.target_groups.contains(&balancer.new) || !group.target_groups.contains(&balancer.old));
    let Some(balancer) = apart else { return Ok(()) };
    let names: Vec<&str> = group.target_groups.iter().map(TargetGroupArn::name).collect();
    let stands = if names.is_empty() { "no target group".to_owned() } else { format!("target group `{}`", names.join("`, `")) };
    let message = format!(
        "group {} carries the production name `{}`, but stands in {stands}, while `{}` sends production traffic to `{}`",
        group.id,
        group.name,
        balancer.name,
        balancer.old.name()
    );
    Err(StepError::new(ErrorClass::Drift, message).hint(
        "names and routes were left apart: `shiftgate resume` the run that did it, or see to it that the group that serves \
         carries the production name and stands in the production target group",
    ))
}

/// Setup was interrupted, and what it found has changed since.
fn unmoved(recorded: &Original, found: &Original) -> Result<(), StepError> {
    let id = |original: &Original| original.live.as_ref().map(|live| live.id.clone());
    let bounds = recorded.live.as_ref().zip(found.live.as_ref());
    let hint = "look who changed it; then start a new run";
    if id(recorded) != id(found) {
        let name = |original: &Original| id(original).map_or_else(|| "none".to_owned(), |id| id.to_string());
        let message = format!("the production group was {} when this run set up, and is {} now", name(recorded), name(found));
        return Err(StepError::new(ErrorClass::Drift, message).hint(hint));
    }
    if let Some((before, now)) = bounds.filter(|(before, now)| !before.capacity.same_bounds(&now.capacity)) {
        return Err(StepError::drift(&before.id, before.capacity, now.capacity));
    }
    let [before, now] = [recorded, found].map(|original| original.balancers.iter().flat_map(Balancer::sides));
    match before.zip(now).find(|(before, now)| before != now) {
        None => Ok(()),
        Some((before, now)) if before.route == now.route => {
            Err(StepError::route_drift(&before.route.rule, &before.actions, &now.actions))
        }
        Some(_) => {
            Err(StepError::new(ErrorClass::Drift, "the listeners or rules were replaced while this run set up").hint(hint))
        }
    }
}

/// What an earlier run left under the stage name goes, if it may. One that may not is never passed over: the new group
/// would stand beside it under one name.
async fn remove_leftovers(
    cx: &Cx<'_>,
    groups: &[Group],
    stage: &GroupName,
    production: Option<&Group>,
    balancers: &[Balancer],
) -> Result<(), Stop> {
    let leftovers: Vec<&Group> = groups.iter().filter(|group| group.name == *stage && !is_own(cx, group)).collect();
    let found = u32::try_from(leftovers.len()).unwrap_or(u32::MAX);
    cx.say(EventKind::GroupSearched { name: stage.clone(), found }).await?;
    for leftover in leftovers {
        may_go(cx, leftover, production, balancers).await?;
        delete_group(cx, leftover).await?;
    }
    Ok(())
}

/// Created by an earlier attempt of this very setup.
fn is_own(cx: &Cx<'_>, group: &Group) -> bool {
    group.marker.as_ref().is_some_and(|marker| marker.run == *cx.run && marker.step == *cx.step)
}

/// The guards before a stage group is deleted: it is this family's, no production traffic goes to it, and something else
/// serves.
async fn may_go(cx: &Cx<'_>, group: &Group, production: Option<&Group>, balancers: &[Balancer]) -> Result<(), Stop> {
    let kept = |class, why: String, hint: &str| {
        let message = format!("group {} `{}` stands under the stage name and is not deleted: {why}", group.id, group.name);
        Stop::from(StepError::new(class, message).hint(hint.to_owned()))
    };
    let known = group.marker.is_some() || cx.ports.ledger.known(&names::effect(&group.id)).await?;
    if !known {
        let why = "it does not carry the tag of this tool, and no run on record has given it its name".to_owned();
        let hint = "delete it in Spot's console if nobody needs it, or give this workflow another `stageSuffix`";
        return Err(kept(ErrorClass::Application, why, hint));
    }
    if let Some(why) = who_routes_to(cx, group, balancers).await? {
        let hint = "traffic to it would be lost: take it out of the rule first, or resume the run that left it so";
        return Err(kept(ErrorClass::Drift, why, hint));
    }
    if healthy(cx, Some(group)).await? > 0 && healthy(cx, production).await? == 0 {
        let why = "it has healthy instances, and no production group has any".to_owned();
        return Err(kept(ErrorClass::Drift, why, "see to it that production serves, then run again"));
    }
    Ok(())
}

async fn healthy(cx: &Cx<'_>, group: Option<&Group>) -> Result<usize, Stop> {
    let Some(group) = group.filter(|group| group.capacity.maximum > 0) else { return Ok(0) };
    let instances = cx.ports.groups.health(&group.id).await?;
    Ok(instances.iter().filter(|instance| instance.health == Health::Healthy).count())
}
