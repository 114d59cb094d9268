//! What verifications leave: each call once, under a number of its own, whatever happens to the process.

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::world::World;
use super::{approval, counted, live_world, plan, report, run, run_id, verify};
use crate::{Sim, Task, TaskReply, deploy};

/// What a plugin of these tests answers, which asks nobody. Its saved state says which call it is of, as the host's seal does.
pub(super) fn reply(mut outcome: Outcome, action: &Call, began: Timestamp) -> PluginReply {
    let digest = Digest("0".repeat(64));
    if let Outcome::Wait(suspension) = &mut outcome {
        let before = match action {
            Call::Poll { state, .. } | Call::Cancel { state } => state.seal.as_ref().map_or(0, |seal| seal.polls),
            Call::Validate | Call::Start { .. } => 0,
        };
        let seal = Seal { plugin: digest.clone(), polls: before + 1, check: digest.clone() };
        suspension.state.seal = Some(Box::new(seal));
    }
    PluginReply { outcome, log: Vec::new(), progress: None, digest, began, exchanges: Vec::new(), left_out: 0 }
}

fn wait() -> Outcome {
    let state = ActionState::new(1, vec![7]);
    Outcome::Wait(Suspension { state, after: Some(Millis::minutes(1)), signals: Vec::new() })
}

/// Attempt, call, what it was for, and the verdict.
fn kept(world: &World) -> Vec<(u32, u32, &'static str, Option<Verdict>)> {
    let state = world.state();
    let line = |one: &Evidence| {
        let what = match one.action {
            Call::Validate => "validate",
            Call::Start { .. } => "start",
            Call::Poll { .. } => "poll",
            Call::Cancel { .. } => "cancel",
        };
        (one.attempt, one.call, what, one.report.as_ref().map(|report| report.verdict))
    };
    state.evidence.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn each_call_of_a_verification_is_kept_and_none_of_an_approval() {
    let world = live_world(plan(vec![verify(1), approval(Millis::minutes(60))]));
    world.state().replies.extend([wait(), wait(), report(Verdict::Pass), counted(&[("ann", Vote::Approve)], true)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(kept(&world), [(1, 1, "start", None), (1, 2, "poll", None), (1, 3, "poll", Some(Verdict::Pass))]);
    let state = world.state();
    let [first, second, _] = state.evidence.as_slice() else { panic!("{:?}", state.evidence) };
    assert_eq!((first.plugin.as_str(), first.step.as_str()), ("errors", "phase-1/verify-1"));
    assert!(second.at > first.at);
    assert!(matches!(&second.action, Call::Poll { state, .. } if state.bytes == [7]));
}

#[tokio::test(start_paused = true)]
async fn a_verification_is_told_what_to_compare_with_and_an_approval_is_not() {
    let world = live_world(plan(vec![verify(1), approval(Millis::minutes(60))]));
    let run_of = RunId::new("earlier");
    world.state().baseline =
        Some(Baseline { run: run_of, from: Timestamp(1), to: Timestamp(2), group: None, target_group: None });
    world.state().replies.extend([wait(), report(Verdict::Pass), counted(&[("ann", Vote::Approve)], true)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    let state = world.state();
    let told = |call: &PluginCall| (call.kind, call.run.attributes.get("baseline").map(|told| told["run"].clone()));
    let calls: Vec<_> = state.plugin_calls.iter().filter(|call| call.action != Call::Validate).map(told).collect();
    let told = (PluginKind::Verification, Some("earlier".into()));
    assert_eq!(calls, [told.clone(), told, (PluginKind::Approval, None)]);
}

/// The record fails after every possible number of writes: no call is kept twice, and the report that is kept is the one that counts.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_again_is_kept_once() {
    for writes in 0.. {
        let world = live_world(plan(vec![verify(1)]));
        world.state().replies.extend([wait(), report(Verdict::Pass)]);
        world.state().writes_left = Some(writes);
        let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
        if first == Ok(Ending::Succeeded) {
            assert!(writes > 10, "the run writes to its record");
            return;
        }
        world.state().writes_left = None;
        world.state().replies.clear();
        world.state().replies.extend([wait(), report(Verdict::Pass)]);
        assert_eq!(run(&world).await, Ending::Succeeded, "after {writes} writes");
        let state = world.state();
        let mut keys: Vec<_> = state.evidence.iter().map(|one| (one.fence, one.attempt, one.call)).collect();
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all, "after {writes} writes");
        let reports = state.evidence.iter().filter(|one| one.report.is_some()).count();
        assert!(reports >= 1, "after {writes} writes");
    }
}

/// The process is killed after the report is kept, and the call fails when it is made again, or cannot be made at all.
#[tokio::test(start_paused = true)]
async fn a_report_that_is_kept_stands_when_its_call_fails_afterwards() {
    let (message, hint) = ("no route to the metrics".to_owned(), None);
    let lost = PluginError { plugin: "errors".into(), message, hint, retryable: false, called: None };
    let digest = Digest("0".repeat(64));
    let called = Called { digest, began: Timestamp(1), exchanges: Vec::new(), left_out: 0 };
    let failed = PluginError { called: Some(Box::new(called)), ..lost.clone() };
    for (error, verdict) in [(&lost, Verdict::Pass), (&failed, Verdict::Pass), (&failed, Verdict::Fail)] {
        for writes in 0.. {
            let world = live_world(plan(vec![verify(1)]));
            let (activities, run) = (world.activities(), run_id());
            let Ok(TaskReply::Done(facts)) = activities.perform(&run, Task::Begin).await else { panic!("it begins") };
            let (step, attempt) = (StepId::new("phase-1/verify-1"), 1);
            let task = Task::Step { step, attempt, facts, resumed: None, ending: None };
            world.state().replies.push_back(report(verdict));
            world.state().writes_left = Some(writes);
            if activities.perform(&run, task.clone()).await.is_ok() {
                assert!(writes > 3, "the step writes to its record");
                break;
            }
            let kept = world.state().evidence.iter().any(|one| one.report.is_some());
            world.state().writes_left = None;
            world.state().plugin_faults.push_back(error.clone());
            let reply = activities.perform(&run, task).await.unwrap();
            let transcript = world.transcript();
            assert_eq!(transcript.contains("0.2 % errors"), kept, "after {writes} writes: {transcript}");
            assert_eq!(matches!(reply, TaskReply::Done(_)), kept && verdict == Verdict::Pass, "after {writes} writes");
            assert_eq!(transcript.contains("no route"), !kept, "after {writes} writes: {transcript}");
            let reports = world.state().evidence.iter().filter(|one| one.report.is_some()).count();
            assert_eq!(reports, usize::from(kept), "and the evidence says the same");
        }
    }
}

fn earlier(run: &str) -> Option<Baseline> {
    Some(Baseline { run: RunId::new(run), from: Timestamp(1), to: Timestamp(2), group: None, target_group: None })
}

/// Another run is pinned while a verification goes on, in the foreground or in the background: it takes effect with the next
/// attempt.
#[tokio::test(start_paused = true)]
async fn an_attempt_compares_with_one_baseline() {
    for background in [false, true] {
        for (first, second) in [(earlier("one"), earlier("two")), (None, earlier("two")), (earlier("one"), None)] {
            let mut step = verify(1);
            let Action::Verify(verify) = &mut step.action else { panic!("it verifies") };
            verify.background = background;
            let default = FailureAction::Retry { count: 1, backoff: Millis::minutes(1), ask: None, then: Final::Rollback };
            step.on_failure = Some(FailurePolicy { default, by_class: Default::default() });
            let mut plan = plan(vec![step]);
            plan.phases[1].steps.push(super::step("background", Action::Background));
            let world = live_world(plan);
            world.state().baseline = first.clone();
            let pinned = second.clone();
            world.state().on_plugin_call = Some(Box::new(move |state| state.baseline = pinned));
            world.state().replies.extend([wait(), wait(), report(Verdict::Fail), wait(), report(Verdict::Pass)]);
            assert_eq!(run(&world).await, Ending::Succeeded);
            let state = world.state();
            let told: Vec<_> = state.evidence.iter().map(|one| (one.attempt, one.run.attributes.get("baseline"))).collect();
            let [first, second] = [first, second].map(|baseline| baseline.map(|baseline| baseline.attribute()));
            let [first, second] = [first.as_ref(), second.as_ref()];
            assert_eq!(told, [(1, first), (1, first), (1, first), (2, second), (2, second)], "{background}");
        }
    }
}
