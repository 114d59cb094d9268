//! What an operator orders while a run goes on, and after: to stop, to go back, to try again, to go on over a drift.

use std::sync::Arc;
use std::time::Duration;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::world::{World, refusal};
use super::{approval, counted, live_world, plan, plugin, report, run, run_id, step, verify};
use crate::{Facts, ORDERS, Order, Sim, Task, TaskReply, decide_rollback, deploy, give_order};

/// Runs, and gives an order as soon as the transcript holds `sees`.
pub(super) async fn run_and_order(world: &Arc<World>, sees: &str, order: Order) -> Ending {
    run_and(world, sees, async |sim| {
        give_order(world.as_ref(), &run_id(), order, "ann asked for it").await.unwrap();
        sim.signal(ORDERS, "");
    })
    .await
}

/// Runs, and does something as soon as the transcript holds `sees`.
pub(super) async fn run_and(world: &Arc<World>, sees: &str, act: impl AsyncFnOnce(&Sim)) -> Ending {
    let sim = Sim::new(world.activities());
    let acted = async {
        while !world.transcript().contains(sees) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        act(&sim).await;
    };
    let run = run_id();
    let (ending, ()) = tokio::join!(deploy(&sim, &run, &world.plan), acted);
    ending.unwrap()
}

fn ballot(vote: &str) -> String {
    format!(r#"{{"subject":"ann","vote":"{vote}","comment":""}}"#)
}

#[tokio::test(start_paused = true)]
async fn an_abort_stops_a_wait_where_it_stands_and_resume_goes_on() {
    let world = live_world(plan(Vec::new()));
    assert_eq!(run_and_order(&world, "healthy 0", Order::Abort).await, Ending::Aborted);
    assert_eq!(world.groups(), ["web__4 0/4/10", "web__5 1/1/1"], "nothing is put back");
    let transcript = world.transcript();
    for said in [
        "Skipped: the run is being aborted",
        "The old group is sig-1 `web__4` with min 0, max 10, target 4",
        "The new group is sig-2 `web__5` with min 1, max 1, target 1",
        "Run aborted: ann asked for it",
    ] {
        assert!(transcript.contains(said), "{said} in {transcript}");
    }
    assert_eq!(world.state().holder, None, "another run may have the family");
    assert_eq!(run(&world).await, Ending::Succeeded, "an abort is heeded once");
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
}

/// The same order twice is one; a second one after the first was heeded is another.
#[tokio::test(start_paused = true)]
async fn an_abort_is_idempotent_and_may_be_given_again() {
    let world = live_world(plan(Vec::new()));
    for _ in 0..3 {
        give_order(world.as_ref(), &run_id(), Order::Abort, "ann asked for it").await.unwrap();
    }
    assert_eq!(run(&world).await, Ending::Aborted);
    assert_eq!(run_and_order(&world, "sig-2 reached steady state", Order::Abort).await, Ending::Aborted);
    let ledger = world.state().ledger.clone();
    let given: Vec<&str> = ledger.iter().filter(|e| e.step.as_str() == "operator").map(|e| e.effect.as_str()).collect();
    assert_eq!(given, ["abort 1", "abort 2"]);
    assert_eq!(run(&world).await, Ending::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn an_abort_wakes_an_approval_and_tells_its_plugin() {
    let world = live_world(plan(vec![approval(Millis::minutes(60))]));
    world.state().replies.push_back(counted(&[], true));
    assert_eq!(run_and_order(&world, "Approval needed", Order::Abort).await, Ending::Aborted);
    let cancelled = world.state().plugin_calls.iter().any(|call| matches!(call.action, Call::Cancel { .. }));
    assert!(cancelled, "the plugin is told");
}

#[tokio::test(start_paused = true)]
async fn an_abort_cuts_the_pause_before_an_attempt_short() {
    let mut plan = plan(Vec::new());
    let retry = FailureAction::Retry { count: 1, backoff: Millis::minutes(600), ask: None, then: Final::Fail };
    plan.on_failure = FailurePolicy { default: retry, by_class: Default::default() };
    let world = live_world(plan);
    world.state().faults.push(("capacity".into(), refusal("UpdateCapacity", 503)));
    let began = world.now();
    assert_eq!(run_and_order(&world, "attempt 2", Order::Abort).await, Ending::Aborted);
    assert!(world.now().since(began) < Millis::minutes(10));
}

#[tokio::test(start_paused = true)]
async fn an_abort_stops_a_rollback_too_and_resume_goes_on_with_it() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    assert_eq!(run_and_order(&world, "Rolling back", Order::Abort).await, Ending::Aborted);
    assert!(!world.groups().contains(&"web__4 3/3/3".to_owned()), "{:?}", world.groups());
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

/// The deployment is over when its wrap-ups run: there is nothing to stop.
#[tokio::test(start_paused = true)]
async fn an_abort_that_comes_with_the_wrap_ups_is_too_late() {
    let mut plan = plan(Vec::new());
    plan.wrap_up.push(step("wrap-up/1", Action::WrapUp(plugin("chat"))));
    let world = live_world(plan);
    let receipt = Receipt { actions: Vec::new(), outputs: Default::default() };
    let wait = Suspension { state: ActionState::new(1, Vec::new()), after: Some(Millis::minutes(1)), signals: Vec::new() };
    world.state().replies.extend([Outcome::Wait(wait), Outcome::Received(receipt)]);
    assert_eq!(run_and_order(&world, "wrap-up/1", Order::Abort).await, Ending::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_may_be_ordered_of_a_run_that_goes_on() {
    for sees in ["healthy 0", "Phase `Primary`", "sig-1 reached steady state"] {
        let world = live_world(plan(Vec::new()));
        assert_eq!(run_and_order(&world, sees, Order::Rollback).await, Ending::RolledBack, "{sees}");
        assert_eq!(world.groups(), ["web__4 0/4/10"], "{sees}");
        assert!(world.transcript().contains("Rolling back: ann asked for it"));
    }
}

/// To the state before it, as long as that is still there; whoever was told of the success is told of the rollback, too.
#[tokio::test(start_paused = true)]
async fn a_run_that_succeeded_can_be_rolled_back() {
    let mut plan = plan(Vec::new());
    plan.wrap_up.push(step("wrap-up/1", Action::WrapUp(plugin("chat"))));
    let world = live_world(plan);
    let receipt = || Outcome::Received(Receipt { actions: Vec::new(), outputs: Default::default() });
    world.state().replies.extend([receipt(), receipt()]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);

    give_order(world.as_ref(), &run_id(), Order::Rollback, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
    let keys: Vec<_> = world.state().plugin_calls.iter().map(|call| call.run.idempotency_key.clone()).collect();
    assert_eq!(keys, ["run-1/wrap-up/1", "run-1/wrap-up/1/rolled-back"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_succeeded_run_would_go_back_to_may_be_gone() {
    let world = live_world(plan(Vec::new()));
    assert_eq!(run(&world).await, Ending::Succeeded);
    world.state().groups.remove("sig-1");
    decide_rollback(world.as_ref(), &run_id(), "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::Stuck);
    assert_eq!(world.groups(), ["web__5 0/4/10"], "what serves goes on serving");
    assert!(world.transcript().contains("group sig-1 `web__4` is gone"), "{}", world.transcript());
}

/// A plan whose failures ask a person for an hour.
fn asks(otherwise: Final) -> Arc<World> {
    let mut plan = plan(Vec::new());
    let ask = FailureAction::Ask { timeout: Millis::minutes(60), then: otherwise };
    plan.on_failure = FailurePolicy { default: ask, by_class: Default::default() };
    let world = live_world(plan);
    world.state().faults.push(("capacity".into(), refusal("UpdateCapacity", 503)));
    world
}

const ASKED: &str = "a person is asked what to do";

#[tokio::test(start_paused = true)]
async fn a_person_may_have_a_failed_step_tried_again() {
    let world = asks(Final::Rollback);
    assert_eq!(run_and_order(&world, ASKED, Order::Retry).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
    assert!(world.transcript().contains("Trying again: ann asked for it"), "{}", world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_person_may_have_a_failed_step_tried_again_and_again() {
    let world = asks(Final::Rollback);
    world.state().faults.push(("capacity".into(), refusal("UpdateCapacity", 503)));
    let sim = Sim::new(world.activities());
    let orders = async {
        for asked in 1..=2 {
            while world.transcript().matches(ASKED).count() < asked {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            give_order(world.as_ref(), &run_id(), Order::Retry, "ann asked for it").await.unwrap();
            sim.signal(ORDERS, "");
        }
    };
    let run = run_id();
    let (ending, ()) = tokio::join!(deploy(&sim, &run, &world.plan), orders);
    assert_eq!(ending, Ok(Ending::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_person_may_go_on_without_a_failed_step() {
    let world = asks(Final::Abort);
    let step = "phase-1/deploy";
    assert_eq!(run_and(&world, ASKED, async |sim| sim.signal(step, ballot("approve"))).await, Ending::Succeeded);
    assert!(world.transcript().contains("and the run goes on"), "{}", world.transcript());
}

#[tokio::test(start_paused = true)]
async fn no_and_silence_lead_to_what_the_strategy_says() {
    let cases = [(Final::Rollback, Ending::RolledBack), (Final::Abort, Ending::Aborted), (Final::Fail, Ending::Failed)];
    for (otherwise, ending) in cases {
        let world = asks(otherwise);
        assert_eq!(run_and(&world, ASKED, async |sim| sim.signal("phase-1/deploy", ballot("reject"))).await, ending);
        let world = asks(otherwise);
        let began = world.now();
        assert_eq!(run(&world).await, ending, "silence");
        assert!(world.transcript().contains("Nobody answered in time"), "{}", world.transcript());
        assert!(world.now().since(began) >= Millis::minutes(60));
    }
}

/// Nobody approves by the back door.
#[tokio::test(start_paused = true)]
async fn a_failed_approval_is_not_gone_on_without() {
    let mut plan = plan(vec![approval(Millis::minutes(60))]);
    let ask = FailureAction::Ask { timeout: Millis::minutes(60), then: Final::Ignore };
    plan.on_failure = FailurePolicy { default: ask, by_class: Default::default() };
    let world = live_world(plan);
    // It waits for nothing that could wake it: the plugin is broken.
    world.state().replies.push_back(report(Verdict::Pass));
    let mallory = |sim: &Sim| sim.signal("phase-1/approve-1", r#"{"subject":"mallory","vote":"approve","comment":""}"#);
    assert_eq!(run_and(&world, ASKED, async |sim| mallory(sim)).await, Ending::Aborted);
    assert!(world.transcript().contains("The vote of mallory does not count"), "{}", world.transcript());
}

#[tokio::test(start_paused = true)]
async fn a_drift_is_gone_on_over_when_an_operator_says_so_and_only_then() {
    let world = live_world(plan(vec![approval(Millis::minutes(60))]));
    world.state().replies.extend([counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
    let ending = run_and(&world, "Approval needed", async |sim| {
        world.state().groups.get_mut("sig-1").unwrap().capacity = Capacity::pinned(8);
        sim.signal("phase-1/approve-1", "{}");
    });
    assert_eq!(ending.await, Ending::Aborted);
    assert_eq!(run(&world).await, Ending::Aborted, "nobody has said so");
    assert_eq!(world.groups(), ["web__4 8/8/8", "web__5 0/4/10"]);
    give_order(world.as_ref(), &run_id(), Order::AcceptDrift, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
    assert!(world.transcript().contains("Gone on over a change of others: group `sig-1` changed under this run"));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_goes_over_a_drift_when_an_operator_says_so() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().on_plugin_call = Some(Box::new(|state| {
        state.groups.get_mut("sig-2").unwrap().capacity = Capacity::pinned(6);
    }));
    assert_eq!(run(&world).await, Ending::Stuck);
    assert!(world.groups().contains(&"web__5 6/6/6".to_owned()), "{:?}", world.groups());
    give_order(world.as_ref(), &run_id(), Order::AcceptDrift, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

/// A worker that was thought dead wakes inside an activity: another one has begun the next, and this one changes nothing more.
#[tokio::test(start_paused = true)]
async fn a_zombie_is_fenced_at_its_next_change() {
    let world = live_world(plan(Vec::new()));
    let activities = world.activities();
    let TaskReply::Done(begun) = activities.perform(&run_id(), Task::Begin).await.unwrap() else { panic!("it begins") };
    let task = |name: &str, facts: &Facts| Task::Step {
        step: StepId::new(name),
        attempt: 1,
        facts: facts.clone(),
        resumed: None,
        ending: None,
    };
    let TaskReply::Done(facts) = activities.perform(&run_id(), task("setup", &begun)).await.unwrap() else {
        panic!("it sets up")
    };
    let zombie = world.activities();
    let (run, deploy) = (run_id(), task("phase-1/deploy", &facts));
    let mut asleep = Box::pin(zombie.perform(&run, deploy.clone()));
    // It stands in its first wait, for the new group, when it is put to sleep.
    while !world.transcript().contains("healthy 0") {
        tokio::select! { biased; reply = &mut asleep => panic!("{reply:?}"), () = tokio::time::sleep(Duration::from_millis(10)) => {} }
    }
    let taken_over = activities.perform(&run, deploy).await.unwrap();
    assert!(matches!(taken_over, TaskReply::Done(_)), "{taken_over:?}");
    let changes = world.state().changes;
    let TaskReply::Failed { error, .. } = asleep.await.unwrap() else { panic!("it is fenced off") };
    assert!(error.message.starts_with("this process no longer holds the lock"), "{error}");
    assert_eq!(world.state().changes, changes, "it changed nothing");
}
