//! Rehearsals: what a run says that it will do is what it does, and saying it changes nothing.

use std::sync::Arc;

use insta::assert_snapshot;
use shiftgate_model::*;
use shiftgate_workflow::*;

use super::blue_green::{shift_plan, shift_to, swap_plan, verify_route, world};
use super::world::World;
use super::{live_world, plan, report, run, verify};
use crate::{Rehearsal, RehearsalError, rehearse};

async fn rehearsed(world: &Arc<World>, plan: &Plan) -> Result<Rehearsal, RehearsalError> {
    rehearse(plan, world.clone(), Some(world.clone()), world.clone(), world.clone()).await
}

/// The calls that change something, as the world saw them.
fn changes(world: &World) -> Vec<String> {
    let changing = ["create ", "capacity ", "rename ", "delete ", "route "];
    let calls = world.state().calls.clone();
    calls.into_iter().filter(|call| changing.iter().any(|name| call.starts_with(name))).collect()
}

fn lines(rehearsal: &Rehearsal) -> String {
    let mut text = String::new();
    for step in &rehearsal.steps {
        text.push_str(&format!("{} ({})\n", step.step, step.title));
        for call in &step.calls {
            let (before, after) = (call.before.as_deref().unwrap_or("-"), call.after.as_deref().unwrap_or("-"));
            text.push_str(&format!(
                "  {} {} {} `{}`: {before} -> {after}\n",
                call.service, call.operation, call.subject, call.name
            ));
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_rehearsed_swap_shows_every_call_and_makes_none() {
    let world = world(swap_plan(&["alb"], true, vec![verify_route(1)]), &["alb"]);
    let rehearsal = rehearsed(&world, &world.plan).await.unwrap();
    assert_eq!(changes(&world), [""; 0]);
    assert_snapshot!(lines(&rehearsal));
}

/// A rehearsal names the new group `(new)`; apart from that, a run that goes well makes just these calls.
#[tokio::test(start_paused = true)]
async fn a_run_makes_the_calls_that_were_rehearsed() {
    let shifts = vec![shift_to(1, 10, false), verify_route(1), shift_to(2, 100, true)];
    let worlds = [
        world(swap_plan(&["one", "two"], true, Vec::new()), &["one", "two"]),
        world(shift_plan(&["alb"], shifts), &["alb"]),
        live_world(plan(vec![verify(1)])),
    ];
    for world in worlds {
        let rehearsal = rehearsed(&world, &world.plan).await.unwrap();
        let planned: Vec<_> = rehearsal.steps.iter().flat_map(|step| &step.calls).collect();
        world.state().replies.push_back(report(Verdict::Pass));
        assert_eq!(run(&world).await, Ending::Succeeded);
        let made = changes(&world);
        assert_eq!(planned.len(), made.len(), "{planned:#?}\n{made:#?}");
        for (planned, made) in planned.iter().zip(&made) {
            let verb = match planned.operation {
                "CreateGroup" => "create",
                "UpdateCapacity" => "capacity",
                "RenameGroup" => "rename",
                "DeleteGroup" => "delete",
                _ => "route",
            };
            assert!(made.starts_with(verb), "{planned:?}, {made}");
            assert!(
                planned.operation == "CreateGroup" || made.ends_with(planned.after.as_deref().unwrap()),
                "{planned:?}, {made}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_refuses_what_setup_would() {
    let world = world(shift_plan(&["alb"], vec![shift_to(1, 100, false)]), &["alb"]);
    world.set_rule("alb", 80, vec![super::balancers::forward(&[("alb-blue", 60), ("alb-green", 40)])]);
    let refused = rehearsed(&world, &world.plan).await.unwrap_err();
    assert!(refused.to_string().starts_with("step `setup` would fail: load balancer `alb`"), "{refused}");
    assert_eq!(changes(&world), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_world_that_moved_rehearses_otherwise() {
    let world = world(shift_plan(&["alb"], vec![shift_to(1, 100, false)]), &["alb"]);
    let before = rehearsed(&world, &world.plan).await.unwrap();
    assert_eq!(rehearsed(&world, &world.plan).await.unwrap(), before);
    world.state().groups.get_mut("sig-1").unwrap().capacity = Capacity::pinned(5);
    assert_ne!(rehearsed(&world, &world.plan).await.unwrap(), before);
}

/// What was agreed on is what setup has to find, also when the run has waited for another one in between.
#[tokio::test(start_paused = true)]
async fn a_run_of_a_plan_stops_when_its_setup_finds_another_world() {
    for moved in [false, true] {
        let first = world(swap_plan(&["alb"], false, Vec::new()), &["alb"]);
        let observed = rehearsed(&first, &first.plan).await.unwrap().observed;
        let mut plan = swap_plan(&["alb"], false, Vec::new());
        plan.agreed = Some(Agreed { digest: "sha256:1".into(), observed });
        let world = world(plan, &["alb"]);
        if moved {
            world.state().groups.get_mut("sig-1").unwrap().capacity = Capacity::pinned(5);
        }
        let ending = run(&world).await;
        assert_eq!(ending, if moved { Ending::Aborted } else { Ending::Succeeded }, "{}", world.transcript());
        assert_eq!(changes(&world).is_empty(), moved);
    }
}
