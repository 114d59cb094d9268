//! The routes and names of a rollback: absolute, from what setup recorded. The old group is up and healthy before.

use shiftgate_model::{Actions, EffectRecord, Group, GroupId, TargetGroupArn, Weight};

use super::super::effect::is_of;
use super::super::setup::Original;
use super::super::steady::propagated;
use super::super::{Cx, Stop};
use super::guard::{nobody_routes_to, unweighted};
use super::names::{self, Named};
use super::routes::{Change, change_all, read, restore_each, route_effect};
use super::shift::weights;
use super::swap::stage_to_old;
use super::{Balancer, Side, old_target_groups};

/// The target groups that the old group has to be healthy in before traffic comes back, each of them routed to by some rule:
/// a swap that was cut short may have left one that nothing routes to, and such a target group is never checked.
pub(in super::super) async fn reachable(
    cx: &Cx<'_>,
    record: &[EffectRecord],
    original: &Original,
) -> Result<Vec<TargetGroupArn>, Stop> {
    for balancer in &original.balancers {
        let Some(stage) = &balancer.stage else { continue };
        if !touched(record, &balancer.production) {
            continue;
        }
        let production = read(cx, &balancer.production.route.rule).await?;
        let unrouted = [production, read(cx, &stage.route.rule).await?].iter().all(|live| live.spares(&balancer.old));
        if let Some(change) = stage_to_old(balancer).filter(|_| unrouted) {
            change_all(cx, &[change]).await?;
        }
    }
    Ok(old_target_groups(&original.balancers))
}

/// Every rule that this run wrote gets its recorded actions; then the groups get the names of before. Whatever is not as
/// this run left it stops here.
pub(in super::super) async fn put_routes_back(cx: &Cx<'_>, original: &Original, new: Option<&Group>) -> Result<(), Stop> {
    // Read now: making the old target group reachable may have written a rule.
    let record = cx.ports.ledger.record(cx.run).await?;
    // Users first: a stage rule that cannot be put back must not keep them where they are.
    let production = original.balancers.iter().map(|balancer| (balancer, &balancer.production));
    let stage = original.balancers.iter().filter_map(|balancer| Some((balancer, balancer.stage.as_ref()?)));
    let changes: Vec<Change<'_>> = production
        .chain(stage)
        .filter(|(_, side)| touched(&record, side))
        .map(|(balancer, side)| Change {
            balancer,
            side,
            wanted: before(balancer, side),
            // A first deployment goes back to what was there before it: nothing that serves.
            guarded: original.live.is_some() && side.route == balancer.production.route,
        })
        .collect();
    restore_each(cx, &changes).await?;
    let renamed = |id: &GroupId| record.iter().any(|entry| is_of(entry, &names::effect(id)));
    let old_renamed = original.live.as_ref().is_some_and(|live| renamed(&live.id));
    if old_renamed || new.is_some_and(|group| renamed(&group.id)) {
        names::give(cx, original, new.map(|group| &group.id), &Named::original(cx, original)).await?;
    }
    Ok(())
}

/// What a rule gets back: what setup found, but all traffic to a production that the operator had to name.
fn before(balancer: &Balancer, side: &Side) -> Actions {
    if balancer.assumed { weights(balancer, Weight::NONE) } else { side.actions.clone() }
}

/// Waits until no node of a load balancer sends requests to the new target group any more, and makes sure that no rule does:
/// only then may the new group be emptied.
pub(in super::super) async fn free_of_traffic(cx: &Cx<'_>, original: &Original, new: &Group) -> Result<(), Stop> {
    let record = cx.ports.ledger.record(cx.run).await?;
    if let Some(balancer) = original.balancers.iter().find(|balancer| touched(&record, &balancer.production)) {
        propagated(cx, &balancer.new).await?;
    }
    for balancer in &original.balancers {
        unweighted(cx, balancer, &balancer.new, "new").await?;
    }
    nobody_routes_to(cx, new, &original.balancers).await
}

/// Whether this run has written a production rule.
pub(in super::super) fn traffic_moved(record: &[EffectRecord], original: &Original) -> bool {
    original.balancers.iter().any(|balancer| touched(record, &balancer.production))
}

fn touched(record: &[EffectRecord], side: &Side) -> bool {
    record.iter().any(|entry| is_of(entry, &route_effect(&side.route.rule)))
}
