//! Blue/green on the paused clock: swap, shift, their rollbacks, and everything that must stop them.

use std::sync::Arc;

use insta::assert_snapshot;
use shiftgate_model::*;
use shiftgate_workflow::*;

use super::balancers::{forward, target_group};
use super::world::{World, refusal};
use super::{FULL, plan, plugin, report, run, run_id, step};
use crate::{Sim, deploy};

fn at(port: u16) -> RouteAt {
    RouteAt { listener: ListenerAt::Port(port), rule: None }
}

fn blue_green(shape: RoutingShape, route: Vec<Step>) -> Plan {
    let mut plan = plan(Vec::new());
    plan.strategy = Strategy::BlueGreen;
    plan.setup.routing = Some(Routing { shape, stage_suffix: STAGE_SUFFIX.into(), assume_production: Vec::new() });
    let deploy = Deploy { amount: Amount::Percent(100), downsize_old: None, order: DownsizeOrder::NewFirst, timeout: None };
    let first = vec![step("setup", Action::Setup), step("phase-1/deploy", Action::Deploy(deploy))];
    plan.phases = vec![Phase { name: "Deploy".into(), steps: first }, Phase { name: "Route Update".into(), steps: route }];
    plan
}

pub(super) fn swap_plan(balancers: &[&str], downsize_old: bool, behind: Vec<Step>) -> Plan {
    let route = |name: &&str| SwapRoute { load_balancer: (*name).into(), production: at(80), stage: at(8080) };
    let mut steps = vec![step("route/swap", Action::Swap(Swap { downsize_old, timeout: None }))];
    steps.extend(behind);
    blue_green(RoutingShape::Swap(balancers.iter().map(route).collect()), steps)
}

pub(super) fn shift_to(number: u32, weight: u64, downsize_old: bool) -> Step {
    let shift = Shift { weight: Weight::new(weight).unwrap(), downsize_old, timeout: None };
    step(&format!("route/shift-{number}"), Action::Shift(shift))
}

pub(super) fn shift_plan(balancers: &[&str], steps: Vec<Step>) -> Plan {
    let route = |name: &&str| ShiftRoute { load_balancer: Some((*name).into()), production: at(80) };
    blue_green(RoutingShape::Shift(balancers.iter().map(route).collect()), steps)
}

pub(super) fn verify_route(number: u32) -> Step {
    step(&format!("route/verify-{number}"), Action::Verify(plugin("errors")))
}

/// One group serves behind each balancer; it stands in the target group `<balancer>-blue`.
pub(super) fn world(plan: Plan, balancers: &[&str]) -> Arc<World> {
    let world = World::new(plan);
    world.add("sig-1", "web", FULL, None);
    world.state().balancers.deregistration_delay = 60;
    for name in balancers {
        let (blue, green) = (format!("{name}-blue"), format!("{name}-green"));
        let swap = matches!(&world.plan.setup.routing, Some(Routing { shape: RoutingShape::Swap(_), .. }));
        if swap {
            world.listen(name, 80, vec![login(), forward(&[(&blue, 1)])]);
            world.listen(name, 8080, vec![forward(&[(&green, 1)])]);
        } else {
            world.listen(name, 80, vec![login(), forward(&[(&blue, 100), (&green, 0)])]);
        }
        let mut state = world.state();
        let group = state.groups.get_mut("sig-1").unwrap();
        group.target_groups.push(target_group(&blue));
    }
    world
}

/// An action that is no forward: it has to come through everything as it was.
pub(super) fn login() -> RouteAction {
    RouteAction::Other(serde_json::json!({"Type": "authenticate-oidc", "Order": 1, "ClientId": "web"}))
}

fn ended(world: &World) -> String {
    world.transcript().lines().last().unwrap_or_default().to_owned()
}

const SWAPPED: [&str; 2] = ["alb:80 1 other action, then alb-green", "alb:8080 alb-blue"];
const UNSWAPPED: [&str; 2] = ["alb:80 1 other action, then alb-blue", "alb:8080 alb-green"];

#[tokio::test(start_paused = true)]
async fn a_swap_exchanges_routes_then_names_then_empties_the_old_group() {
    let world = world(swap_plan(&["alb"], true, vec![verify_route(1)]), &["alb"]);
    world.state().replies.push_back(report(Verdict::Pass));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
    assert_eq!(world.routes(), SWAPPED);
    assert_snapshot!(world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_swap_may_leave_the_old_group_as_it_is() {
    let world = world(swap_plan(&["alb"], false, Vec::new()), &["alb"]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn a_verification_after_the_swap_can_still_roll_it_back() {
    let world = world(swap_plan(&["alb"], true, vec![verify_route(1)]), &["alb"]);
    world.state().replies.push_back(report(Verdict::Fail));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
    assert_eq!(world.routes(), UNSWAPPED);
    assert_eq!(world.state().groups["sig-1"].name.as_str(), "web");
    assert_snapshot!(world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_shift_moves_weights_and_names_follow_at_100() {
    let steps = vec![shift_to(1, 10, false), verify_route(1), shift_to(2, 100, true)];
    let world = world(shift_plan(&["alb"], steps), &["alb"]);
    world.state().replies.push_back(report(Verdict::Pass));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
    assert_eq!(world.routes(), ["alb:80 1 other action, then alb-blue 0, alb-green 100"]);
    assert_snapshot!(world.transcript());
    // The verification saw the weights as they were.
    let seen: Vec<_> = world.state().plugin_calls.iter().map(|call| call.run.target_groups.clone()).collect();
    let weight = |name: &str, weight| WeighedGroup { group: target_group(name), weight };
    assert_eq!(seen, [vec![weight("alb-green", 10), weight("alb-blue", 90)]]);
}

#[tokio::test(start_paused = true)]
async fn a_shift_step_takes_at_most_four_calls_a_load_balancer() {
    let world = world(shift_plan(&["one", "two"], vec![shift_to(1, 10, false)]), &["one", "two"]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    let calls = world.state().calls.clone();
    let deployed = calls.iter().rposition(|call| call.starts_with("health")).unwrap();
    let last_target_look = calls.iter().skip(deployed).position(|call| call.starts_with("rule ")).unwrap() + deployed;
    let of_elb = ["rule ", "route ", "target-health "];
    let of_step = calls.iter().skip(last_target_look).filter(|call| of_elb.iter().any(|name| call.starts_with(name))).count();
    assert!(of_step <= 8, "{calls:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_verification_gives_all_traffic_back() {
    let steps = vec![shift_to(1, 50, false), verify_route(1), shift_to(2, 100, true)];
    let world = world(shift_plan(&["alb"], steps), &["alb"]);
    world.state().replies.push_back(report(Verdict::Fail));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
    assert_eq!(world.routes(), ["alb:80 1 other action, then alb-blue 100, alb-green 0"]);
    assert_snapshot!(world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_has_no_production_group() {
    let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    world.state().groups.clear();
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web 0/4/10"]);
    assert_eq!(world.routes(), SWAPPED);
}

#[tokio::test(start_paused = true)]
async fn a_second_load_balancer_that_refuses_leaves_the_first_as_it_was() {
    let balancers = ["one", "two"];
    let world = world(swap_plan(&balancers, true, Vec::new()), &balancers);
    let before = world.routes();
    // The production rule of `one` is written, that of `two` is refused.
    world.state().faults_after.push(("route".into(), 1, refusal("ModifyListener", 400)));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.routes(), before);
    assert!(world.transcript().contains("Putting the routes of this step back"), "{}", world.transcript());
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
}

#[tokio::test(start_paused = true)]
async fn weights_that_do_not_tell_production_are_refused_until_somebody_says() {
    let mut plan = shift_plan(&["alb"], vec![shift_to(1, 100, false)]);
    let odd = vec![forward(&[("alb-blue", 60), ("alb-green", 40)])];
    let world = world(plan.clone(), &["alb"]);
    world.set_rule("alb", 80, odd.clone());
    assert_eq!(run(&world).await, Ending::Failed);
    assert_snapshot!(ended(&world));
    assert_eq!(world.routes(), ["alb:80 alb-blue 60, alb-green 40"]);

    plan.setup.routing.as_mut().unwrap().assume_production.push(target_group("alb-blue"));
    let world = super::blue_green::world(plan, &["alb"]);
    world.set_rule("alb", 80, odd);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.routes(), ["alb:80 alb-blue 0, alb-green 100"]);
}

#[tokio::test(start_paused = true)]
async fn weights_that_another_hand_moved_between_two_shifts_stop_the_run() {
    let steps = vec![shift_to(1, 10, false), verify_route(1), shift_to(2, 100, true)];
    let world = world(shift_plan(&["alb"], steps), &["alb"]);
    world.state().replies.push_back(report(Verdict::Pass));
    world.state().on_plugin_call = Some(Box::new(|state| {
        state.balancers.set("alb", 80, vec![forward(&[("alb-blue", 70), ("alb-green", 30)])]);
    }));
    assert_eq!(run(&world).await, Ending::Aborted);
    assert_eq!(world.routes(), ["alb:80 alb-blue 70, alb-green 30"], "nobody's change is written over");
    assert_snapshot!(ended(&world));
}

#[tokio::test(start_paused = true)]
async fn a_target_group_that_got_sick_is_given_no_traffic() {
    let steps = vec![shift_to(1, 10, false), verify_route(1), shift_to(2, 100, true)];
    let world = world(shift_plan(&["alb"], steps), &["alb"]);
    world.state().replies.push_back(report(Verdict::Pass));
    world.state().on_plugin_call = Some(Box::new(|state| state.balancers.sick.push("alb-green".into())));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.routes(), ["alb:80 1 other action, then alb-blue 100, alb-green 0"]);
    assert_snapshot!(ended(&world));
}

#[tokio::test(start_paused = true)]
async fn a_leftover_that_carries_traffic_is_never_deleted() {
    let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    world.add("sig-9", "web__STAGE__Harness", FULL, Some("earlier"));
    world.attach("sig-9", &["alb-blue"]);
    assert_eq!(run(&world).await, Ending::Aborted);
    assert!(world.state().groups.contains_key("sig-9"));
    assert_snapshot!(ended(&world));
}

#[tokio::test(start_paused = true)]
async fn a_leftover_goes_when_it_is_ours_by_tag_or_by_record() {
    for (run_tag, known, deleted) in [(Some("earlier"), false, true), (None, true, true), (None, false, false)] {
        let world = world(swap_plan(&["alb"], false, Vec::new()), &["alb"]);
        world.add("sig-9", "web__STAGE__Harness", FULL, run_tag);
        world.attach("sig-9", &["alb-green"]);
        if known {
            world.state().known.push("name sig-9".into());
        }
        run(&world).await;
        assert_eq!(!world.state().groups.contains_key("sig-9"), deleted, "{run_tag:?} {known}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_spot_steers_is_refused() {
    let world = world(shift_plan(&["alb"], vec![shift_to(1, 100, false)]), &["alb"]);
    world.state().groups.get_mut("sig-1").unwrap().steered_rules.push(super::balancers::rule_arn("alb", 80));
    assert_eq!(run(&world).await, Ending::Failed);
    assert_snapshot!(ended(&world));
}

#[tokio::test(start_paused = true)]
async fn names_and_routes_that_disagree_are_for_a_person_to_decide() {
    let world = world(swap_plan(&["alb"], true, Vec::new()), &["alb"]);
    world.attach("sig-1", &["alb-green"]);
    assert_eq!(run(&world).await, Ending::Aborted);
    assert_snapshot!(ended(&world));
}

/// The record fails after every possible number of writes; whatever was done, a second try ends in the same world.
#[tokio::test(start_paused = true)]
async fn a_blue_green_run_whose_record_fails_anywhere_ends_in_one_world() {
    let steps = || vec![shift_to(1, 10, false), shift_to(2, 100, true)];
    let kinds = [(swap_plan(&["alb"], true, Vec::new()), SWAPPED.to_vec()), {
        (shift_plan(&["alb"], steps()), vec!["alb:80 1 other action, then alb-blue 0, alb-green 100"])
    }];
    for (plan, routes) in kinds {
        for writes in 0.. {
            let world = world(plan.clone(), &["alb"]);
            world.state().writes_left = Some(writes);
            let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
            if first == Ok(Ending::Succeeded) {
                assert!(writes > 20, "the run writes to its record");
                break;
            }
            world.state().writes_left = None;
            assert_eq!(run(&world).await, Ending::Succeeded, "after {writes} writes");
            assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"], "after {writes} writes");
            assert_eq!(world.routes(), routes, "after {writes} writes");
        }
    }
}

/// The same for the rollback: however far it came, it is gone on with.
#[tokio::test(start_paused = true)]
async fn a_blue_green_rollback_whose_record_fails_anywhere_ends_in_one_world() {
    let shift = || vec![shift_to(1, 50, false), verify_route(1), shift_to(2, 100, true)];
    let kinds = [(swap_plan(&["alb"], false, vec![verify_route(1)]), UNSWAPPED.to_vec()), {
        (shift_plan(&["alb"], shift()), vec!["alb:80 1 other action, then alb-blue 100, alb-green 0"])
    }];
    for (plan, routes) in kinds {
        for writes in 0.. {
            let world = world(plan.clone(), &["alb"]);
            world.state().replies.push_back(report(Verdict::Fail));
            world.state().writes_left = Some(writes);
            let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
            if first == Ok(Ending::RolledBack) {
                assert!(writes > 20, "the rollback writes to its record");
                break;
            }
            world.state().replies.clear();
            world.state().replies.push_back(report(Verdict::Fail));
            world.state().writes_left = None;
            assert_eq!(run(&world).await, Ending::RolledBack, "after {writes} writes");
            assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"], "after {writes} writes");
            assert_eq!(world.state().groups["sig-1"].name.as_str(), "web", "after {writes} writes");
            assert_eq!(world.routes(), routes, "after {writes} writes");
        }
    }
}
