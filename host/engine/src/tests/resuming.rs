//! Runs that stop on the way and go on: the record fails, a rollback gets stuck, somebody else was there meanwhile.

use std::sync::Arc;

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::world::refusal;
use super::{approval, counted, live_world, plan, plugin, report, run, run_id, step, verify};
use crate::{Sim, deploy};

/// The record fails after every possible number of writes; whatever was done, a second try ends in the same world.
#[tokio::test(start_paused = true)]
async fn a_record_that_fails_at_any_write_leaves_a_run_that_can_be_resumed() {
    for writes in 0.. {
        let world = live_world(plan(Vec::new()));
        world.state().writes_left = Some(writes);
        let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
        if first == Ok(Ending::Succeeded) {
            assert!(writes > 10, "the run writes to its record");
            return;
        }
        world.state().writes_left = None;
        assert_eq!(run(&world).await, Ending::Succeeded, "after {writes} writes");
        assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"], "after {writes} writes");
    }
}

/// A plan that was handed over names no components: those that the plugins were when it began are its own from then on.
#[tokio::test(start_paused = true)]
async fn a_run_keeps_the_components_that_it_began_with() {
    let world = live_world(plan(vec![verify(1), approval(Millis::minutes(60))]));
    world.state().replies.extend([report(Verdict::Pass), counted(&[("ann", Vote::Approve)], false)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    let pins = std::mem::take(&mut world.state().plugin_pins);
    assert_eq!(pins.len(), 2);
    assert!(pins.iter().all(|pin| *pin == Some(Digest("0".repeat(64)))), "{pins:?}");
}

/// A plugin that asks to be called again at once, whenever it is called, gets slow, and its step an end: each call is on record.
#[tokio::test(start_paused = true)]
async fn a_plugin_that_never_comes_to_an_end_is_called_once_a_second_and_stopped() {
    for background in [false, true] {
        let verify = PluginStep { timeout: Some(Millis::minutes(10)), background, ..plugin("errors") };
        let mut plan = plan(vec![step("phase-1/verify-1", Action::Verify(verify))]);
        if background {
            plan.phases.last_mut().unwrap().steps.push(step("background", Action::Background));
        }
        let world = live_world(plan);
        let again = Suspension { state: ActionState::new(1, vec![1]), after: Some(Millis(0)), signals: Vec::new() };
        let replies = std::iter::repeat_n(Outcome::Wait(again), 2_000).collect();
        world.state().replies_of.insert("phase-1/verify-1".into(), replies);
        assert_eq!(run(&world).await, Ending::RolledBack);
        let calls = world.state().plugin_calls.len();
        assert!((590..720).contains(&calls), "{calls}, background: {background}");
        assert!(world.transcript().contains("plugin `errors` did not end in 10m"), "{}", world.transcript());
    }
    assert_eq!(plugin("errors").limit(), Millis::minutes(7 * 24 * 60));
}

/// A canary that stopped half-way left two groups with instances: emptying the lower one would take away what serves.
#[tokio::test(start_paused = true)]
async fn two_groups_that_serve_are_for_a_person_to_decide() {
    let world = live_world(plan(Vec::new()));
    world.add("sig-2", "web__5", Capacity::pinned(1), Some("stopped"));
    assert_eq!(run(&world).await, Ending::Aborted);
    assert_eq!(world.groups(), ["web__4 0/4/10", "web__5 1/1/1"]);
    let transcript = world.transcript();
    assert!(transcript.contains("left by run stopped"), "{transcript}");
    assert_eq!(world.state().holder, None);
}

/// The record fails somewhere in the rollback; the run that goes on rolls back, and never deploys the refused image.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_began_is_never_forgotten() {
    for writes in 0.. {
        let world = live_world(plan(vec![verify(1)]));
        world.state().replies.push_back(report(Verdict::Fail));
        world.state().writes_left = Some(writes);
        let first = deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await;
        if first == Ok(Ending::RolledBack) {
            assert!(writes > 20, "the rollback writes to its record");
            return;
        }
        let judged = world.state().events.iter().any(|event| matches!(event.kind, EventKind::StepFailed { .. }));
        let verdict = if judged { Verdict::Pass } else { Verdict::Fail };
        world.state().replies.clear();
        world.state().replies.push_back(report(verdict));
        world.state().writes_left = None;
        assert_eq!(run(&world).await, Ending::RolledBack, "after {writes} writes");
        assert_eq!(world.groups(), ["web__4 0/4/10"], "after {writes} writes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollback_goes_on_when_it_is_resumed() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().faults.push(("delete".into(), refusal("DeleteGroup", 400)));
    assert_eq!(run(&world).await, Ending::Stuck);
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

/// After an abort the approval is asked anew, in sight, and one vote lets the run go on.
#[tokio::test(start_paused = true)]
async fn an_approval_is_asked_anew_after_an_abort() {
    let mut stops = plan(vec![approval(Millis::minutes(60))]);
    if let Some(Action::Approve(approve)) = stops.phases[0].steps.last_mut().map(|step| &mut step.action) {
        approve.on_expiry = FailureAction::Abort;
    }
    let world = live_world(stops);
    world.state().replies.push_back(counted(&[], true));
    assert_eq!(run(&world).await, Ending::Aborted);
    world.state().replies.extend([counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
    let sim = Sim::new(world.activities());
    sim.signal("phase-1/approve-1", "{}");
    assert_eq!(deploy(&sim, &run_id(), &world.plan).await, Ok(Ending::Succeeded));
    assert_eq!(world.transcript().matches("Approval needed").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn ignoring_failures_is_no_yes() {
    let mut ignores = plan(vec![approval(Millis::minutes(60))]);
    ignores.on_failure = FailurePolicy { default: FailureAction::Ignore, by_class: Default::default() };
    let world = live_world(ignores.clone());
    world.state().replies.push_back(counted(&[], false));
    assert_eq!(run(&world).await, Ending::Aborted, "an approval that expects no more ballots");

    ignores.phases[0].steps.pop();
    ignores.phases[0].steps.push(verify(1));
    let world = live_world(ignores);
    world.state().replies.push_back(report(Verdict::Inconclusive));
    assert_eq!(run(&world).await, Ending::Aborted, "nobody decided about a verification that could not");
}

#[tokio::test(start_paused = true)]
async fn a_rollback_takes_nothing_away_while_the_old_group_does_not_serve() {
    let world = live_world(plan(Vec::new()));
    world.state().sick.push(AmiId::new("ami-new"));
    let meddler = Arc::clone(&world);
    let meddle = async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        if let Some(group) = meddler.state().groups.get_mut("sig-1") {
            group.capacity = Capacity::ZERO;
        }
    };
    let (ending, ()) = tokio::join!(run(&world), meddle);
    assert_eq!(ending, Ending::Stuck);
    assert!(world.groups().contains(&"web__5 1/1/1".to_owned()), "{:?}", world.groups());
}
