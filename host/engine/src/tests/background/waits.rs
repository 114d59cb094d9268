//! A step that waits while something goes on in the background: it is woken for it, and its own time holds.

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::super::blue_green::{self, swap_plan};
use super::super::ordered::run_and;
use super::super::world::refusal;
use super::super::{approval, counted, live_world, plugin, report, run, step};
use super::{BESIDE, DAY, at, beside, calls, close, saw, says, settled, verifies, verify_beside, waits, with_policy};

/// Nobody has to wait for the vote to learn that it is over.
#[tokio::test(start_paused = true)]
async fn one_that_fails_ends_an_approval_of_days() {
    let world = live_world(beside(vec![approval(Millis(DAY.0 * 7))]));
    says(&world, BESIDE, [waits(DAY), report(Verdict::Fail)]);
    says(&world, "phase-1/approve-1", [counted(&[], true)]);
    let began = world.now();
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert!(world.now().since(began) < Millis(DAY.0 * 2));
    assert_eq!(calls(&world, "phase-1/approve-1"), ["start", "cancel"]);
    assert!(saw(&world, "Skipped: background verification `phase-1/verify-1` has failed"), "{}", world.transcript());
}

/// The approval's plugin is not called for the sake of the others, and its time ends to the moment.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_cut_short_goes_on_to_its_own_end() {
    let world = live_world(beside(vec![approval(Millis::minutes(600))]));
    says(&world, BESIDE, (0..40).map(|_| waits(Millis::minutes(17))));
    says(&world, "phase-1/approve-1", [counted(&[], true)]);
    assert_eq!(run(&world).await, Ending::RolledBack);
    let asked = at(&world, "Approval needed");
    assert_eq!(at(&world, "Nobody decided in time").since(asked), Millis::minutes(600));
    assert_eq!(calls(&world, "phase-1/approve-1"), ["start", "cancel"]);
    let called = calls(&world, BESIDE);
    assert_eq!((called.len(), called.last()), (1 + 600 / 17 + 1, Some(&"cancel")), "{called:?}");
    settled(&world);
}

/// A ballot is for the approval, also while its wait is cut short.
#[tokio::test(start_paused = true)]
async fn a_ballot_wakes_a_wait_that_is_cut_short() {
    let world = live_world(beside(vec![approval(Millis::minutes(600))]));
    says(&world, BESIDE, [waits(Millis::minutes(5)), waits(Millis::minutes(5)), report(Verdict::Pass)]);
    says(&world, "phase-1/approve-1", [counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
    let ending = run_and(&world, "Approval needed", async |sim| {
        tokio::time::sleep(Millis::minutes(7).duration()).await;
        sim.signal("phase-1/approve-1", "{}");
    });
    assert_eq!(ending.await, Ending::Succeeded);
    assert_eq!(calls(&world, "phase-1/approve-1"), ["start", "poll", "cancel"]);
}

/// The foreground verification asked for an hour, and gets an hour.
#[tokio::test(start_paused = true)]
async fn a_verification_that_waits_is_polled_when_it_asked_to_be() {
    let world = live_world(beside(vec![step("phase-1/verify-2", Action::Verify(plugin("errors")))]));
    says(&world, BESIDE, (0..20).map(|_| waits(Millis::minutes(7))).chain([report(Verdict::Pass)]));
    says(&world, "phase-1/verify-2", [waits(Millis::minutes(60)), report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(calls(&world, "phase-1/verify-2"), ["start", "poll"]);
    let calls: Vec<_> =
        world.state().evidence.iter().filter(|one| one.step.as_str() == "phase-1/verify-2").map(|one| one.at).collect();
    assert_eq!(calls[1].since(calls[0]), Millis::minutes(60));
}

/// The old group is emptied when its clients are gone, not when a background verification is due.
#[tokio::test(start_paused = true)]
async fn a_drain_is_not_cut_short() {
    let mut plan = swap_plan(&["alb"], true, Vec::new());
    plan.phases[0].steps.push(verify_beside(BESIDE));
    close(&mut plan);
    let world = blue_green::world(plan, &["alb"]);
    says(&world, BESIDE, (0..20).map(|_| waits(Millis::seconds(9))).chain([report(Verdict::Pass)]));
    assert_eq!(run(&world).await, Ending::Succeeded);
    let drained = at(&world, "to finish what it has");
    let emptied = at(&world, "Asking Spot to update sig-1 to min 0, max 0, target 0");
    assert_eq!(emptied.since(drained), Millis::seconds(80), "{}", world.transcript());
    assert_eq!(world.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
}

/// The pause before another attempt is a wait like any other.
#[tokio::test(start_paused = true)]
async fn one_that_fails_ends_the_pause_before_an_attempt() {
    let retry = FailureAction::Retry { count: 1, backoff: Millis::minutes(600), ask: None, then: Final::Rollback };
    let mut plan = with_policy(beside(Vec::new()), retry);
    verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy::default()));
    for (verdict, ending) in [(Verdict::Fail, Ending::RolledBack), (Verdict::Pass, Ending::Succeeded)] {
        let world = live_world(plan.clone());
        world.state().faults_after.push(("capacity".into(), 2, refusal("UpdateCapacity", 503)));
        says(&world, BESIDE, [waits(Millis::minutes(30)), waits(Millis::minutes(30)), report(verdict)]);
        assert_eq!(run(&world).await, ending, "{}", world.transcript());
        assert!(saw(&world, "attempt 2 in 10h"));
        let tries = world.state().calls.iter().filter(|call| *call == "capacity sig-2 min 0, max 10, target 4").count();
        assert_eq!(tries, if verdict == Verdict::Fail { 1 } else { 2 });
        if verdict == Verdict::Pass {
            let paused = at(&world, "attempt 2 in 10h");
            let went_on = world.state().events.iter().rev().find(|e| e.kind.to_string() == "phase-2/deploy").unwrap().at;
            assert_eq!(went_on.since(paused), Millis::minutes(600));
        }
        settled(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn its_timeout_holds_to_the_moment() {
    let mut plan = beside(Vec::new());
    verifies(&mut plan, |step| {
        let Action::Verify(verify) = &mut step.action else { panic!("it verifies") };
        verify.timeout = Some(Millis::minutes(100));
    });
    let world = live_world(plan);
    says(&world, BESIDE, (0..20).map(|_| waits(Millis::minutes(30))));
    assert_eq!(run(&world).await, Ending::RolledBack);
    let began = at(&world, "Goes on in the background, 1h 40m at most");
    assert_eq!(at(&world, "plugin `errors` did not end in 1h 40m").since(began), Millis::minutes(100));
    assert_eq!(calls(&world, BESIDE), ["start", "poll", "poll", "poll", "cancel"]);
}
