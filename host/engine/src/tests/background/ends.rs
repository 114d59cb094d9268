//! What calls a background verification off, and what survives the process that drove its run.

use serde_json::Value;
use shiftgate_model::*;
use shiftgate_workflow::*;

use super::super::ordered::run_and_order;
use super::super::world::World;
use super::super::{live_world, plugin, report, run, run_id, step};
use super::{BESIDE, DAY, at, beside, calls, saw, says, settled, verifies, waits};
use crate::{Order, Sim, Task, TaskReply, deploy, give_order};

#[tokio::test(start_paused = true)]
async fn another_steps_failure_calls_it_off() {
    let world = live_world(beside(vec![step("phase-1/verify-2", Action::Verify(plugin("errors")))]));
    says(&world, BESIDE, [waits(DAY)]);
    says(&world, "phase-1/verify-2", [report(Verdict::Fail)]);
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(calls(&world, BESIDE), ["start", "cancel"]);
    settled(&world);
}

#[tokio::test(start_paused = true)]
async fn an_abort_calls_it_off_and_resume_begins_it_again() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(DAY)]);
    assert_eq!(run_and_order(&world, "Phase `Primary`", Order::Abort).await, Ending::Aborted);
    assert_eq!(calls(&world, BESIDE), ["start", "cancel"]);
    says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(calls(&world, BESIDE), ["start", "cancel", "start", "poll"]);
    settled(&world);

    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(DAY)]);
    assert_eq!(run_and_order(&world, "Phase `Primary`", Order::Rollback).await, Ending::RolledBack);
    assert_eq!(calls(&world, BESIDE), ["start", "cancel"]);
    settled(&world);

    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(DAY)]);
    assert_eq!(run_and_order(&world, "Phase `Primary`", Order::Abort).await, Ending::Aborted);
    give_order(world.as_ref(), &run_id(), Order::Rollback, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::RolledBack, "and a rollback after it needs no verification");
    assert_eq!(calls(&world, BESIDE), ["start", "cancel"]);
    settled(&world);
}

/// The process is gone while the verification waits: the one that goes on finds it where it stood.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_goes_on_with_what_was_parked() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(Millis::minutes(10)), waits(Millis::minutes(10)), report(Verdict::Pass)]);
    let sim = Sim::new(world.activities());
    let run_id = run_id();
    let killed = tokio::time::timeout(Millis::minutes(15).duration(), deploy(&sim, &run_id, &world.plan)).await;
    assert!(killed.is_err(), "it waits");
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(calls(&world, BESIDE), ["start", "poll", "poll"], "it is not begun again");
    assert_eq!(at(&world, "Verdict pass").since(at(&world, "Goes on in the background")), Millis::minutes(20));
    settled(&world);
}

/// The record fails after every possible number of writes; whatever was done, a second try ends in the same world.
#[tokio::test(start_paused = true)]
async fn a_record_that_fails_at_any_write_loses_no_verification() {
    for (verdict, ending, groups) in [
        (Verdict::Pass, Ending::Succeeded, vec!["web__4 0/0/0", "web__5 0/4/10"]),
        (Verdict::Fail, Ending::RolledBack, vec!["web__4 0/4/10"]),
    ] {
        for writes in 0.. {
            let world = live_world(beside(Vec::new()));
            world.state().replies.extend((0..20).map(|_| report(verdict)));
            says(&world, BESIDE, [waits(Millis::seconds(30)), waits(Millis::seconds(30))]);
            world.state().writes_left = Some(writes);
            let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
            if first == Ok(ending) {
                assert!(writes > 20, "the run writes to its record");
                break;
            }
            world.state().writes_left = None;
            assert_eq!(run(&world).await, ending, "after {writes} writes: {}", world.transcript());
            assert_eq!(world.groups(), groups, "after {writes} writes");
            let keys: Vec<_> = world.state().evidence.iter().map(|one| (one.fence, one.attempt, one.call)).collect();
            let once: std::collections::BTreeSet<_> = keys.iter().collect();
            assert_eq!(once.len(), keys.len(), "after {writes} writes");
            let verdicts: Vec<_> = world.state().evidence.iter().filter_map(|one| one.report.clone()).collect();
            assert!(verdicts.iter().any(|report| report.verdict == verdict), "after {writes} writes it was judged");
            settled(&world);
        }
    }
}

/// A worker that was thought dead wakes in a wait: another one has taken over, and this one polls nothing and calls nothing off.
#[tokio::test(start_paused = true)]
async fn a_zombie_moves_nothing_on() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(Millis::seconds(30))]);
    let sim = Sim::new(world.activities());
    let run = run_id();
    let mut zombie = Box::pin(deploy(&sim, &run, &world.plan));
    while !saw(&world, "desired 4, total 4, healthy 1") {
        tokio::select! { biased; ended = &mut zombie => panic!("{ended:?}"), () = tokio::time::sleep(Millis(10).duration()) => {} }
    }
    world.state().term += 1;
    assert_eq!(zombie.await, Ok(Ending::Aborted));
    assert!(saw(&world, "this process no longer holds the lock"), "{}", world.transcript());
    assert_eq!(calls(&world, BESIDE).first(), Some(&"start"));
    assert!(!calls(&world, BESIDE).contains(&"poll"));
}

/// What is said of the verification when the run does not go on, in order.
fn told(world: &World) -> Vec<String> {
    let state = world.state();
    let of_step = state.events.iter().filter(|event| event.step.as_ref().is_some_and(|step| step.as_str() == BESIDE));
    let ends = of_step.filter(|event| matches!(event.kind, EventKind::StepFailed { .. } | EventKind::StepSkipped { .. }));
    ends.map(|event| event.kind.to_string()).collect()
}

/// The step that it stopped calls it off, and so does the end of the run.
#[tokio::test(start_paused = true)]
async fn one_that_failed_is_not_skipped_too() {
    let mut plan = beside(vec![step("phase-1/verify-2", Action::Verify(PluginStep { background: true, ..plugin("errors") }))]);
    let abort = FailurePolicy { default: FailureAction::Abort, by_class: Default::default() };
    verifies(&mut plan, |step| step.on_failure = Some(abort));
    let world = live_world(plan);
    says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail)]);
    says(&world, "phase-1/verify-2", [waits(DAY)]);
    assert_eq!(run(&world).await, Ending::Aborted);
    let [failed] = told(&world).try_into().unwrap();
    assert!(failed.starts_with("Failed"), "{failed}");
    let skipped = world.transcript().matches("Skipped: the run is being aborted").count();
    assert_eq!(skipped, 1, "the other one was open: {}", world.transcript());
    assert!(!saw(&world, "Skipped: the run has ended"));

    // Stopped again before it has begun again: nothing new is to be said.
    give_order(world.as_ref(), &run_id(), Order::Abort, "ann asked for it").await.unwrap();
    assert_eq!(run(&world).await, Ending::Aborted);
    assert_eq!(told(&world).len(), 1, "{}", world.transcript());
    says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Pass)]);
    says(&world, "phase-1/verify-2", [report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    settled(&world);
}

/// One that pauses before its next attempt is open, and so is one that a person is asked about.
#[tokio::test(start_paused = true)]
async fn one_that_would_go_on_is_skipped_once() {
    let retry = FailureAction::Retry { count: 1, backoff: DAY, ask: None, then: Final::Abort };
    let ask = FailureAction::Ask { timeout: DAY, then: Final::Abort };
    for (action, sees) in [(retry, "attempt 2 in"), (ask, "a person is asked what to do")] {
        let mut plan = beside(Vec::new());
        verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy { default: action, by_class: Default::default() }));
        let world = live_world(plan);
        says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail)]);
        assert_eq!(run_and_order(&world, sees, Order::Abort).await, Ending::Aborted);
        assert_eq!(told(&world), ["Skipped: the run is being aborted"], "{}", world.transcript());
    }
}

/// A worker stalls in a call of the plugin; another one takes over and goes on. What the first one parks comes too late.
#[tokio::test(start_paused = true)]
async fn a_late_worker_overwrites_nothing_of_its_successors() {
    for (started, late) in [
        (false, waits(Millis::seconds(30))),
        (true, waits(Millis::seconds(30))),
        (true, report(Verdict::Pass)),
        (true, report(Verdict::Fail)),
    ] {
        let world = live_world(beside(Vec::new()));
        let (activities, run) = (world.activities(), run_id());
        let Ok(TaskReply::Done(facts)) = activities.perform(&run, Task::Begin).await else { panic!("it begins") };
        let task = |step: &str| {
            let (step, facts) = (StepId::new(step), facts.clone());
            Task::Step { step, attempt: 1, facts, resumed: None, ending: None }
        };
        if started {
            says(&world, BESIDE, [waits(Millis::seconds(30))]);
            assert!(matches!(activities.perform(&run, task(BESIDE)).await, Ok(TaskReply::Done(_))));
            tokio::time::sleep(Millis::minutes(1).duration()).await;
        }
        let of_run = RunInfo::new(run.clone(), StepId::new(BESIDE), AmiId::new("ami-new"), Timestamp(1));
        let stage = Stage::Waits { state: ActionState::new(1, vec![9]) };
        let newer = Parked { run: of_run, fence: facts.fence, config: Value::Null, due: Timestamp(1_000_000), stage };
        let parked = newer.clone();
        world.state().on_plugin_call = Some(Box::new(move |state| {
            state.term += 1;
            state.parked = vec![parked];
        }));
        says(&world, BESIDE, [late]);
        let step = if started { "phase-2/deploy" } else { BESIDE };
        let reply = activities.perform(&run, task(step)).await.unwrap();
        let TaskReply::Failed { error, .. } = reply else { panic!("{reply:?}") };
        assert_eq!(error.class, ErrorClass::Drift, "{}", world.transcript());
        assert_eq!(world.state().parked, [newer]);
        assert!(!saw(&world, "Done in"), "{}", world.transcript());
        assert!(!saw(&world, "Verdict"), "the successor will say it: {}", world.transcript());
    }
}
