//! The routes and names of a rollback: absolute, from what setup recorded. The old group is up and healthy before.

use shiftgate_model::{EffectRecord, Group, GroupId, TargetGroupArn};

use super::super::setup::Original;
use super::super::steady::propagated;
use super::super::{Cx, Stop};
use super::downsize::unweighted;
use super::names::{self, Named};
use super::routes::{Change, change_all, is_of, read};
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
        let unrouted = [production, read(cx, &stage.route.rule).await?].iter().all(|live| live.weight_of(&balancer.old) == 0);
        if let Some(change) = stage_to_old(balancer).filter(|_| unrouted) {
            change_all(cx, &[change]).await?;
        }
    }
    Ok(old_target_groups(&original.balancers))
}

/// Every rule that this run wrote gets its recorded actions; then the groups get the names of before. Whatever is not as
/// this run left it stops here.
pub(in super::super) async fn put_routes_back(
    cx: &Cx<'_>,
    record: &[EffectRecord],
    original: &Original,
    new: Option<&Group>,
) -> Result<(), Stop> {
    let sides =
        |balancer: &'_ Balancer| std::iter::once(&balancer.production).chain(&balancer.stage).cloned().collect::<Vec<_>>();
    let found: Vec<(&Balancer, Side)> =
        original.balancers.iter().flat_map(|balancer| sides(balancer).into_iter().map(move |side| (balancer, side))).collect();
    let changes: Vec<Change<'_>> = found
        .iter()
        .filter(|(_, side)| touched(record, side))
        .map(|(balancer, side)| Change {
            balancer,
            side,
            wanted: side.actions.clone(),
            // A first deployment goes back to what was there before it: nothing that serves.
            guarded: original.live.is_some() && side.route == balancer.production.route,
        })
        .collect();
    change_all(cx, &changes).await?;
    let renamed = |id: &GroupId| record.iter().any(|entry| entry.effect == names::effect(id));
    let old_renamed = original.live.as_ref().is_some_and(|live| renamed(&live.id));
    if old_renamed || new.is_some_and(|group| renamed(&group.id)) {
        names::give(cx, original, new.map(|group| &group.id), &Named::original(cx, original)).await?;
    }
    Ok(())
}

/// Waits until no node of a load balancer sends requests to the new target group any more, and makes sure that no rule does:
/// only then may it be emptied.
pub(in super::super) async fn free_of_traffic(cx: &Cx<'_>, record: &[EffectRecord], original: &Original) -> Result<(), Stop> {
    if let Some(balancer) = original.balancers.iter().find(|balancer| touched(record, &balancer.production)) {
        propagated(cx, &balancer.new).await?;
    }
    for balancer in &original.balancers {
        unweighted(cx, balancer, &balancer.new, "new").await?;
    }
    Ok(())
}

fn touched(record: &[EffectRecord], side: &Side) -> bool {
    record.iter().any(|entry| is_of(entry, &side.route.rule))
}
