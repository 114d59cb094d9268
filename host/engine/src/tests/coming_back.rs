//! What a stopped run finds when it comes back: a rollback that was decided meanwhile, steps whose failure was ignored,
//! other runs that have had its family.

use std::sync::Arc;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::world::{World, refusal};
use super::{approval, blue_green, counted, live_world, plan, plugin, run, run_id, step};
use crate::{Facts, Next, Task, TaskReply, decide_rollback};

/// A process is killed inside a step, and somebody decides for a rollback: what goes on is the rollback, not the step.
#[tokio::test(start_paused = true)]
async fn a_step_does_not_go_on_once_a_rollback_is_decided() {
    let world = live_world(plan(Vec::new()));
    decide_rollback(world.as_ref(), &run_id(), "ann asked for it").await.unwrap();
    let step = StepId::new("phase-1/deploy");
    let task = Task::Step { step, attempt: 1, facts: Facts::default(), resumed: None, ending: None };
    for _ in 0..2 {
        let reply = world.activities().perform(&run_id(), task.clone()).await.unwrap();
        let TaskReply::Failed { error, next: Next::Rollback } = reply else { panic!("{reply:?}") };
        assert_eq!(error.message, "ann asked for it");
    }
    assert!(world.state().calls.is_empty(), "{:?}", world.state().calls);
    assert_eq!(world.transcript(), "Skipped: the run is being rolled back");
}

/// The rollback's own steps, and what follows it, are what the decision asks for.
#[tokio::test(start_paused = true)]
async fn steps_of_a_rollback_and_wrap_ups_go_on() {
    let mut plan = plan(Vec::new());
    plan.rollback.push(step("rollback/verify-1", Action::Verify(plugin("errors"))));
    plan.wrap_up.push(step("wrap-up/1", Action::WrapUp(plugin("chat"))));
    let world = live_world(plan);
    decide_rollback(world.as_ref(), &run_id(), "ann asked for it").await.unwrap();
    world
        .state()
        .replies
        .extend([super::report(Verdict::Pass), Outcome::Received(Receipt { actions: Vec::new(), outputs: Default::default() })]);
    run(&world).await;
    let steps: Vec<_> = world.state().plugin_calls.iter().map(|call| call.run.step.to_string()).collect();
    assert_eq!(steps, ["rollback/verify-1", "wrap-up/1"]);
    assert!(!world.state().calls.iter().any(|call| call.starts_with("create")), "it never goes forward");
}

/// The approval at the end of a plan that expires into an abort.
fn stops() -> Step {
    let mut stops = approval(Millis::minutes(60));
    if let Action::Approve(approve) = &mut stops.action {
        approve.on_expiry = FailureAction::Abort;
    }
    stops
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_failure_was_ignored_is_not_run_again_after_later_ones() {
    let mut first = blue_green::shift_to(1, 10, false);
    first.on_failure = Some(FailurePolicy { default: FailureAction::Ignore, by_class: Default::default() });
    let steps = vec![first, blue_green::shift_to(2, 100, true), stops()];
    let world = blue_green::world(blue_green::shift_plan(&["alb"], steps), &["alb"]);
    world.state().faults.push(("route".into(), refusal("ModifyListener", 400)));
    world.state().replies.extend([counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
    assert_eq!(run(&world).await, Ending::Aborted);
    let all_on_green = ["alb:80 1 other action, then alb-blue 0, alb-green 100"];
    assert_eq!(world.routes(), all_on_green);
    let said = world.state().events.len();

    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.routes(), all_on_green);
    let again: Vec<_> = world.state().events[said..].iter().filter_map(|event| event.step.clone()).collect();
    assert!(!again.contains(&StepId::new("route/shift-1")), "{again:?}");
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
}

/// Who was told once is not told again.
#[tokio::test(start_paused = true)]
async fn a_wrap_up_that_failed_is_not_run_again() {
    let mut plan = plan(Vec::new());
    plan.wrap_up.push(step("wrap-up/1", Action::WrapUp(plugin("chat"))));
    plan.wrap_up.push(step("wrap-up/2", Action::WrapUp(plugin("chat"))));
    let world = live_world(plan);
    let failed = Receipt { actions: vec![ReceiptAction::Failed("nobody listens".into())], outputs: Default::default() };
    world.state().replies.push_back(Outcome::Received(failed));
    world.state().replies.push_back(Outcome::Wait(Suspension {
        state: ActionState::new(1, Vec::new()),
        after: Some(Millis::minutes(1)),
        signals: Vec::new(),
    }));
    world.state().replies.push_back(Outcome::Received(Receipt { actions: Vec::new(), outputs: Default::default() }));
    let stopped = stop_at(&world, "wrap-up/2").await;
    assert!(stopped, "the run stops while its second wrap-up waits");
    world.state().replies.clear();
    world.state().replies.push_back(Outcome::Received(Receipt { actions: Vec::new(), outputs: Default::default() }));
    assert_eq!(run(&world).await, Ending::Succeeded);
    let told = world.state().plugin_calls.iter().filter(|call| call.run.step.as_str() == "wrap-up/1").count();
    assert_eq!(told, 1);
}

/// Runs until a step's plugin has been called, and is gone then, as a killed process is.
async fn stop_at(world: &Arc<World>, step: &str) -> bool {
    let reached = async {
        while !world.state().plugin_calls.iter().any(|call| call.run.step.as_str() == step) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = run(world) => false,
        () = reached => true,
    }
}

/// A run that was aborted in its first phase, and whose lock another run has had since.
async fn aborted_and_overtaken(effects: &[&str]) -> Arc<World> {
    let world = live_world(plan(vec![stops()]));
    world.state().replies.extend([counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
    assert_eq!(run(&world).await, Ending::Aborted);
    let other = RunId::new("other");
    let held = Locks::acquire(&*world, "act-1", &world.plan.setup.family, &other).await.unwrap();
    let Acquired::Held { fence } = held else { panic!("{held:?}") };
    world.state().others.push((other.clone(), format!("began {fence}")));
    world.state().others.extend(effects.iter().map(|effect| (other.clone(), (*effect).to_owned())));
    Locks::release(&*world, "act-1", &world.plan.setup.family, &other).await.unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn a_run_that_touched_nothing_is_in_nobodys_way() {
    let world = aborted_and_overtaken(&["original", "output"]).await;
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_does_not_go_on_when_another_has_changed_the_family_since() {
    for effect in ["create", "capacity sig-1", "route arn:rule/1 0", "name sig-1", "delete sig-1"] {
        let world = aborted_and_overtaken(&["original", effect]).await;
        let before = world.groups();
        assert_eq!(run(&world).await, Ending::Aborted, "{effect}");
        let transcript = world.transcript();
        assert!(transcript.contains("run other has worked on group family `web` since"), "{transcript}");
        assert_eq!(world.groups(), before);
        assert_eq!(world.state().holder, None);
        assert_eq!(run(&world).await, Ending::Aborted, "{effect}, asked again");
    }
}

/// What another run did before this one began is no news.
#[tokio::test(start_paused = true)]
async fn an_earlier_run_is_in_nobodys_way() {
    let world = aborted_and_overtaken(&["original"]).await;
    let earlier = RunId::new("earlier");
    world.state().others.extend([(earlier.clone(), "began 0".to_owned()), (earlier, "create".to_owned())]);
    assert_eq!(run(&world).await, Ending::Succeeded);
}
