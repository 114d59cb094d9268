//! Blue/green with others about: autoscalers, people at the console, targets that others route to, calls that go wrong
//! anywhere. What serves is never emptied, nobody's change is written over, and users come back first.

use std::sync::Arc;
use std::time::Duration;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::balancers::{forward, target_group};
use super::blue_green::{login, shift_plan, shift_to, swap_plan, verify_route, world};
use super::world::{Fault, State, World, refusal};
use super::{FULL, report, run, run_id};
use crate::{decide_rollback, rehearse};

const SWAPPED: [&str; 2] = ["alb:80 1 other action, then alb-green", "alb:8080 alb-blue"];
const UNSWAPPED: [&str; 2] = ["alb:80 1 other action, then alb-blue", "alb:8080 alb-green"];
const AS_BEFORE: [&str; 2] = ["web 0/4/10", "web__STAGE__Harness 0/0/0"];

/// Runs, while another hand does something as soon as the log says `cue`.
async fn run_with(world: &Arc<World>, cue: &str, deed: impl FnOnce(&World)) -> Ending {
    let meddle = async {
        while !world.transcript().contains(cue) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        deed(world);
    };
    tokio::join!(run(world), meddle).0
}

/// A swap whose verification behind it fails, with what another hand does before it does.
fn failing_swap(downsize: bool, deed: impl FnOnce(&mut State) + Send + 'static) -> Arc<World> {
    let world = world(swap_plan(&["alb"], downsize, vec![verify_route(1)]), &["alb"]);
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().on_plugin_call = Some(Box::new(deed));
    world
}

fn resize(state: &mut State, id: &str, change: impl FnOnce(&mut Capacity)) {
    change(&mut state.groups.get_mut(id).unwrap().capacity);
}

fn aborting(mut plan: Plan) -> Plan {
    plan.on_failure = FailurePolicy { default: FailureAction::Abort, by_class: Default::default() };
    plan
}

fn refuse(world: &World, call: &str, after: u32) {
    world.state().faults_after.push((call.into(), after, refusal("Call", 400)));
}

fn last(world: &World) -> String {
    world.transcript().lines().last().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_old_group_that_its_autoscaler_shrank_grows_before_its_traffic_comes_back() {
    for target in [0, 1] {
        let world = failing_swap(false, move |state| resize(state, "sig-1", |capacity| capacity.target = target));
        assert_eq!(run(&world).await, Ending::RolledBack, "{}", world.transcript());
        assert_eq!(
            (world.groups(), world.routes()),
            (AS_BEFORE.map(String::from).to_vec(), UNSWAPPED.map(String::from).to_vec())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_that_wants_more_does_not_hold_a_rollback_up() {
    let world = failing_swap(true, |_| ());
    let grown = run_with(&world, "Rolling back", |world| resize(&mut world.state(), "sig-1", |capacity| capacity.target = 5));
    assert_eq!(grown.await, Ending::RolledBack, "{}", world.transcript());
    assert_eq!(world.routes(), UNSWAPPED);
}

#[tokio::test(start_paused = true)]
async fn a_new_group_that_its_autoscaler_shrank_grows_before_it_gets_more_traffic() {
    let steps = vec![shift_to(1, 10, false), verify_route(1), shift_to(2, 100, false)];
    let world = world(shift_plan(&["alb"], steps), &["alb"]);
    world.state().replies.push_back(report(Verdict::Pass));
    world.state().on_plugin_call = Some(Box::new(|state| resize(state, "sig-2", |capacity| capacity.target = 1)));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/4/10"]);
}

/// Numbers that somebody gave to a group which this run never touched are theirs.
#[tokio::test(start_paused = true)]
async fn a_rollback_leaves_the_numbers_of_a_group_that_it_never_touched() {
    let world = failing_swap(false, |state| resize(state, "sig-1", |capacity| capacity.maximum = 12));
    assert_eq!(run(&world).await, Ending::RolledBack, "{}", world.transcript());
    assert_eq!(world.groups(), ["web 0/4/12", "web__STAGE__Harness 0/0/0"]);
    assert_eq!(world.routes(), UNSWAPPED);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_waits_for_nobody_when_no_traffic_moved() {
    let world = world(swap_plan(&["alb"], false, Vec::new()), &["alb"]);
    world.state().sick.extend([AmiId::new("ami-old"), AmiId::new("ami-new")]);
    assert_eq!(run(&world).await, Ending::RolledBack, "{}", world.transcript());
    assert_eq!(world.groups(), AS_BEFORE);
}

#[tokio::test(start_paused = true)]
async fn users_are_not_sent_back_to_a_sick_group_because_a_stage_rule_is_refused() {
    let balancers = ["one", "two"];
    let world = world(swap_plan(&balancers, false, vec![verify_route(1)]), &balancers);
    world.state().replies.push_back(report(Verdict::Fail));
    let sick = |state: &mut State| state.balancers.sick.extend(["one-green".into(), "two-green".into()]);
    world.state().on_plugin_call = Some(Box::new(sick));
    // Four writes of the swap, and the two production rules of the rollback, go well.
    refuse(&world, "route", 6);
    assert_eq!(run(&world).await, Ending::Stuck);
    let production: Vec<String> = world.routes().into_iter().filter(|route| route.contains(":80 ")).collect();
    assert_eq!(production, ["one:80 1 other action, then one-blue", "two:80 1 other action, then two-blue"]);
}

#[tokio::test(start_paused = true)]
async fn a_stage_rule_of_another_hand_does_not_keep_users_on_the_refused_version() {
    let other = vec![login(), forward(&[("alb-blue", 1)])];
    let world = failing_swap(false, move |state| state.balancers.set("alb", 8080, other));
    assert_eq!(run(&world).await, Ending::Stuck);
    assert_eq!(world.routes(), ["alb:80 1 other action, then alb-blue", "alb:8080 1 other action, then alb-blue"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_others_route_to_is_not_emptied() {
    let swap = || world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    let elsewhere = swap();
    elsewhere.listen("alb", 443, vec![forward(&[("alb-blue", 1)])]);
    let second = swap();
    second.listen("internal", 80, vec![forward(&[("internal-tg", 1)])]);
    second.attach("sig-1", &["alb-blue", "internal-tg"]);
    let classic = swap();
    classic.state().groups.get_mut("sig-1").unwrap().classic.push("old-elb".into());
    for world in [elsewhere, second, classic] {
        assert_eq!(run(&world).await, Ending::Aborted);
        assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/4/10"], "{}", world.transcript());
        assert!(last(&world).contains("keeps its instances"), "{}", last(&world));
    }
}

#[tokio::test(start_paused = true)]
async fn a_leftover_that_others_route_to_is_not_deleted() {
    let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    world.listen("alb", 443, vec![forward(&[("alb-green", 1)])]);
    world.add("sig-9", "web__STAGE__Harness", FULL, Some("earlier"));
    world.attach("sig-9", &["alb-green"]);
    assert_eq!(run(&world).await, Ending::Aborted);
    assert!(world.state().groups.contains_key("sig-9"));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_read_is_not_taken_for_one_without_traffic() {
    let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    let unreadable = || vec![RouteAction::Other(serde_json::json!({"Unreadable": ["two groups"]}))];
    let ending = run_with(&world, "to finish what it has", |world| world.set_rule("alb", 80, unreadable())).await;
    assert_eq!(ending, Ending::Aborted);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn production_has_to_stand_where_production_traffic_goes() {
    for places in [&[][..], &["other-tg"][..]] {
        let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
        world.attach("sig-1", places);
        assert_eq!(run(&world).await, Ending::Aborted);
        assert_eq!((world.groups(), world.routes()), (vec!["web 0/4/10".to_owned()], UNSWAPPED.map(String::from).to_vec()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_changes_while_another_is_written_is_not_written_over() {
    let balancers = ["one", "two"];
    let world = world(shift_plan(&balancers, vec![shift_to(1, 10, false)]), &balancers);
    world.state().on_route = Some(Box::new(|state| {
        state.balancers.set("two", 80, vec![forward(&[("two-blue", 55), ("two-green", 45)])]);
    }));
    assert_eq!(run(&world).await, Ending::Aborted);
    let routes = world.routes();
    assert_eq!(routes, ["one:80 1 other action, then one-blue 100, one-green 0", "two:80 two-blue 55, two-green 45"]);
}

#[tokio::test(start_paused = true)]
async fn a_capacity_that_changes_during_a_rollback_is_not_written_over() {
    let world = failing_swap(false, |_| ());
    let seven = |world: &World| resize(&mut world.state(), "sig-2", |capacity| *capacity = Capacity::pinned(7));
    assert_eq!(run_with(&world, "Rolling back", seven).await, Ending::Stuck);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 7/7/7"]);
    assert_eq!(world.routes(), UNSWAPPED);
}

#[tokio::test(start_paused = true)]
async fn names_that_were_changed_back_by_hand_are_given_again() {
    let world = world(aborting(swap_plan(&["alb"], true, Vec::new())), &["alb"]);
    // Deploy writes the first capacity; the second is the downsize.
    refuse(&world, "capacity", 1);
    assert_eq!(run(&world).await, Ending::Aborted);
    for (id, name) in [("sig-2", "web__STAGE__Harness"), ("sig-1", "web")] {
        world.state().groups.get_mut(id).unwrap().name = GroupName::new(name);
    }
    // The names are not those that this run gave: somebody has decided otherwise.
    assert_eq!(run(&world).await, Ending::Aborted);
    assert!(last(&world).contains("somebody has named it"), "{}", last(&world));
    assert_eq!(world.state().groups["sig-1"].capacity, FULL);
}

#[tokio::test(start_paused = true)]
async fn an_old_group_that_is_gone_is_not_missed_once_it_has_no_traffic() {
    let world = world(aborting(swap_plan(&["alb"], true, Vec::new())), &["alb"]);
    world.state().faults.push(("rename".into(), refusal("RenameGroup", 400)));
    assert_eq!(run(&world).await, Ending::Aborted);
    world.state().groups.remove("sig-1");
    assert_eq!(run(&world).await, Ending::Succeeded, "{}", world.transcript());
    assert_eq!((world.groups(), world.routes()), (vec!["web 0/4/10".to_owned()], SWAPPED.map(String::from).to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_setup_that_goes_on_does_not_take_another_group_for_production() {
    let world = world(aborting(swap_plan(&["alb"], true, Vec::new())), &["alb"]);
    world.state().faults.push(("create".into(), refusal("CreateGroup", 400)));
    assert_eq!(run(&world).await, Ending::Aborted);
    world.state().groups.get_mut("sig-1").unwrap().name = GroupName::new("web-old");
    world.add("sig-7", "web", FULL, None);
    world.attach("sig-7", &["alb-blue"]);
    assert_eq!(run(&world).await, Ending::Aborted);
    assert!(last(&world).contains("was sig-1 when this run set up, and is sig-7 now"), "{}", last(&world));
}

#[tokio::test(start_paused = true)]
async fn a_setup_that_goes_on_does_not_mind_another_deregistration_delay() {
    let world = world(aborting(swap_plan(&["alb"], true, Vec::new())), &["alb"]);
    world.state().faults.push(("create".into(), refusal("CreateGroup", 400)));
    assert_eq!(run(&world).await, Ending::Aborted);
    world.state().balancers.deregistration_delay = 61;
    assert_eq!(run(&world).await, Ending::Succeeded, "{}", world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_got_traffic_again_is_drained_again() {
    let world = world(shift_plan(&["alb"], vec![shift_to(1, 100, true)]), &["alb"]);
    let weights = |blue, green| vec![login(), forward(&[("alb-blue", blue), ("alb-green", green)])];
    let ending = run_with(&world, "to finish what it has", |world| world.set_rule("alb", 80, weights(100, 0))).await;
    assert_eq!(ending, Ending::Aborted);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    world.set_rule("alb", 80, weights(0, 100));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.transcript().matches("Waiting 1m 20s for `alb-blue`").count(), 2, "{}", world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_production_that_was_assumed_gets_all_traffic_back() {
    let mut plan = shift_plan(&["alb"], vec![shift_to(1, 100, false), verify_route(1)]);
    plan.setup.routing.as_mut().unwrap().assume_production.push(target_group("alb-blue"));
    let world = world(plan, &["alb"]);
    world.set_rule("alb", 80, vec![forward(&[("alb-blue", 60), ("alb-green", 40)])]);
    world.state().replies.push_back(report(Verdict::Fail));
    assert_eq!(run(&world).await, Ending::RolledBack, "{}", world.transcript());
    assert_eq!(world.routes(), ["alb:80 alb-blue 100, alb-green 0"]);
}

#[tokio::test(start_paused = true)]
async fn an_ignored_swap_does_not_say_that_the_new_group_serves() {
    let mut plan = swap_plan(&["alb"], true, Vec::new());
    plan.phases[1].steps[0].on_failure = Some(FailurePolicy { default: FailureAction::Ignore, by_class: Default::default() });
    let world = world(plan, &["alb"]);
    world.state().faults.push(("route".into(), refusal("ModifyListener", 400)));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert!(last(&world).ends_with("has weight 0, the old group 1"), "{}", last(&world));
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_waits_for_no_group() {
    let mut plan = super::plan(Vec::new());
    if let Action::Deploy(deploy) = &mut plan.phases[0].steps[1].action {
        deploy.downsize_old = Some(Amount::Count(4));
    }
    let world = World::new(plan);
    world.add("sig-1", "web__4", Capacity::pinned(4), None);
    world.state().sick.push(AmiId::new("ami-old"));
    let rehearsed = rehearse(&world.plan, world.clone(), None, world.clone(), world.clone()).await;
    assert!(rehearsed.is_ok(), "{rehearsed:?}");
    assert!(world.state().calls.len() < 10, "{:?}", world.state().calls);
}

/// However far a run came when its process died, `rollback` leads to the world before it.
#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_anywhere_can_be_rolled_back() {
    let steps = || vec![shift_to(1, 10, false), shift_to(2, 100, true)];
    for plan in [swap_plan(&["alb"], true, Vec::new()), shift_plan(&["alb"], steps())] {
        for writes in 0.. {
            let world = world(plan.clone(), &["alb"]);
            let before = world.routes();
            world.state().writes_left = Some(writes);
            let first = crate::deploy(&crate::Sim::new(world.activities()), &run_id(), &world.plan).await;
            if first == Ok(Ending::Succeeded) {
                assert!(writes > 20, "the run writes to its record");
                break;
            }
            world.state().writes_left = None;
            decide_rollback(&*world, &run_id(), "ann asked for it").await.unwrap();
            let ending = run(&world).await;
            assert!(matches!(ending, Ending::RolledBack | Ending::Failed), "{writes}: {}", world.transcript());
            assert_eq!(world.routes(), before, "after {writes} writes");
            let old = world.state().groups["sig-1"].clone();
            assert_eq!((old.name.as_str(), old.capacity), ("web", FULL), "after {writes} writes");
        }
    }
}

/// Whichever call is refused or loses its reply, also in the rollback itself, the world before the run is there in the end.
#[tokio::test(start_paused = true)]
async fn a_call_that_goes_wrong_anywhere_leaves_the_world_of_before() {
    let balancers = ["one", "two"];
    let steps = || vec![shift_to(1, 50, false), shift_to(2, 100, true), verify_route(1)];
    for fault in [Fault::ReplyLost, Fault::Refused] {
        for plan in [swap_plan(&balancers, true, vec![verify_route(1)]), shift_plan(&balancers, steps())] {
            for at in 0.. {
                let world = world(plan.clone(), &balancers);
                let before = world.routes();
                world.state().replies.push_back(report(Verdict::Fail));
                world.state().fault_at = Some((at, fault));
                let mut ending = run(&world).await;
                if world.state().changes <= at {
                    assert!(at > 10, "the run changes things");
                    break;
                }
                world.state().fault_at = None;
                if ending == Ending::Stuck {
                    ending = run(&world).await;
                }
                assert_eq!(ending, Ending::RolledBack, "{fault:?} {at}: {}", world.transcript());
                assert_eq!(world.routes(), before, "{fault:?} {at}");
                assert_eq!(world.groups(), AS_BEFORE, "{fault:?} {at}");
                assert_eq!(world.state().groups["sig-1"].name.as_str(), "web", "{fault:?} {at}");
            }
        }
    }
}
