//! What the model's sequences have found, each as the shortest run that shows it: what an operator notices.

use std::time::Duration;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::world::World;
use super::{live_world, plan, plugin, report, run, run_id, step, verify};
use crate::{Order, Sim, deploy, give_order};

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

/// It comes during the last pause of the new group's wait: the old group keeps what it has.
#[tokio::test(start_paused = true)]
async fn an_abort_during_the_last_pause_of_a_wait_stops_what_comes_behind_it() {
    let world = live_world(plan(Vec::new()));
    let sim = Sim::new(world.activities());
    let ordered = async {
        // Healthy after 90 s; the look before that is at 81 s, the next one at 101 s.
        tokio::time::sleep(Duration::from_secs(95)).await;
        give_order(world.as_ref(), &run_id(), Order::Abort, "ann asked for it").await.unwrap();
    };
    let run = run_id();
    let (ending, ()) = tokio::join!(deploy(&sim, &run, &world.plan), ordered);
    assert_eq!(ending, Ok(Ending::Aborted));
    assert_eq!(world.groups(), ["web__4 0/4/10", "web__5 1/1/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_setup_was_cut_short_is_told_of() {
    let mut plan = plan(Vec::new());
    plan.rollback.push(step("rollback/verify-1", Action::Verify(plugin("errors"))));
    let world = live_world(plan);
    // The last write that succeeds is the intent to create; two of them bind the plugin.
    world.state().writes_left = Some(8);
    assert!(deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await.is_err());
    assert_eq!(world.groups(), ["web__4 0/4/10", "web__5 0/0/0"]);
    world.state().writes_left = None;
    world.state().replies.push_back(report(Verdict::Fail));
    give_order(world.as_ref(), &run_id(), Order::Rollback, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::Stuck);
    let transcript = world.transcript();
    assert!(transcript.contains("The old group is sig-1 `web__4` with min 0, max 10, target 4"), "{transcript}");
    assert!(transcript.contains("The new group is sig-2 `web__5` with min 0, max 0, target 0"), "{transcript}");
}

/// Somebody has gone back to an older revision while the run was down: it may be what serves.
#[tokio::test(start_paused = true)]
async fn a_setup_that_goes_on_does_not_empty_a_revision_that_got_instances_meanwhile() {
    let world = live_world(plan(Vec::new()));
    world.add("sig-0", "web__3", Capacity::ZERO, Some("earlier"));
    // The last write that succeeds is the intent to create.
    world.state().writes_left = Some(6);
    assert!(deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await.is_err());
    world.state().writes_left = None;
    world.state().groups.get_mut("sig-0").unwrap().capacity = Capacity::pinned(2);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__3 2/2/2", "web__4 0/0/0", "web__5 0/4/10"]);
    assert!(world.transcript().contains("may have got that since this run began"), "{}", world.transcript());
}

/// Going on over a drift puts the original back: nothing is taken from the new group while the old one has nothing.
#[tokio::test(start_paused = true)]
async fn a_rollback_over_a_drift_does_not_take_the_last_instances_away() {
    let world = live_world(plan(Vec::new()));
    let sim = Sim::new(world.activities());
    let ordered = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.state().groups.get_mut("sig-1").unwrap().capacity = Capacity::ZERO;
        give_order(world.as_ref(), &run_id(), Order::Rollback, "ann asked for it").await.unwrap();
    };
    let id = run_id();
    let (ending, ()) = tokio::join!(deploy(&sim, &id, &world.plan), ordered);
    assert_eq!(ending, Ok(Ending::Stuck));
    give_order(world.as_ref(), &run_id(), Order::AcceptDrift, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}
