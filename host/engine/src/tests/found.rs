//! What the model's sequences have found, each as the shortest run that shows it: what an operator notices.

use shiftgate_model::*;

use super::world::World;
use super::{live_world, plan, report, run, run_id, verify};
use crate::{Order, give_order};

fn rename(world: &World, id: &str, name: &str) {
    world.state().groups.get_mut(id).unwrap().name = GroupName::new(name);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_does_not_delete_a_group_that_somebody_has_renamed() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().on_plugin_call = Some(Box::new(|state| {
        state.groups.get_mut("sig-2").unwrap().name = GroupName::new("web__5-kept");
    }));
    assert_eq!(run(&world).await, Ending::Stuck);
    assert_eq!(world.groups(), ["web__4 0/4/10", "web__5-kept 1/1/1"]);
    assert!(world.transcript().contains("but somebody has named it `web__5-kept`"), "{}", world.transcript());

    rename(&world, "sig-2", "web__5");
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_group_is_deleted_when_an_operator_takes_its_name_for_good() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().on_plugin_call = Some(Box::new(|state| {
        state.groups.get_mut("sig-2").unwrap().name = GroupName::new("web__5-kept");
    }));
    assert_eq!(run(&world).await, Ending::Stuck);
    give_order(world.as_ref(), &run_id(), Order::AcceptDrift, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}
