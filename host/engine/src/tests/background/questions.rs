//! A question about a background verification stands in a step that waits for its own: the answer is for the one that was asked
//! about, and the step's own time holds.

use shiftgate_model::*;
use shiftgate_workflow::*;

use super::super::blue_green::{self, swap_plan};
use super::super::ordered::run_and;
use super::super::world::{World, refusal};
use super::super::{live_world, plugin, report, run, step};
use super::{BESIDE, at, ballot, beside, calls, close, saw, says, settled, verifies, verify_beside, waits, with_policy};

const ASKED: &str = "a person is asked what to do";
const ASKS: FailureAction = FailureAction::Ask { timeout: Millis::minutes(6000), then: Final::Rollback };

/// When a background verification fails, a person is asked.
fn asking(mut plan: Plan) -> Plan {
    verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy { default: ASKS, by_class: Default::default() }));
    plan
}

async fn pause(minutes: u64) {
    tokio::time::sleep(Millis::minutes(minutes).duration()).await;
}

fn verify_after() -> Step {
    step("phase-1/verify-2", Action::Verify(plugin("errors")))
}

/// How often a person was asked about a failure.
fn asked(world: &World) -> usize {
    world.transcript().matches(ASKED).count()
}

/// It asked for an hour, and gets an hour, also when the answer takes longer.
#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_after_an_answer() {
    for (answered_in, polled_in) in [(10, 60), (50, 80)] {
        let world = live_world(asking(beside(vec![verify_after()])));
        says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
        says(&world, "phase-1/verify-2", [waits(Millis::minutes(60)), report(Verdict::Pass)]);
        let ending = run_and(&world, ASKED, async |sim| {
            pause(answered_in).await;
            sim.signal("phase-1/verify-2", ballot("approve"));
        });
        assert_eq!(ending.await, Ending::Succeeded, "{}", world.transcript());
        let of_step = |one: &&Evidence| one.step.as_str() == "phase-1/verify-2";
        let called: Vec<_> = world.state().evidence.iter().filter(of_step).map(|one| one.at).collect();
        assert_eq!(called[1].since(called[0]).0 / Millis::minutes(1).0, polled_in);
        settled(&world);
    }
}

/// The step's time ends while the question stands: it is over then, and not polled once more.
#[tokio::test(start_paused = true)]
async fn a_time_that_ends_under_a_question_is_over() {
    let mut limited = verify_after();
    let Action::Verify(verify) = &mut limited.action else { panic!("it verifies") };
    verify.timeout = Some(Millis::minutes(40));
    let world = live_world(asking(beside(vec![limited])));
    says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
    says(&world, "phase-1/verify-2", [waits(Millis::minutes(60))]);
    let ending = run_and(&world, ASKED, async |sim| {
        pause(90).await;
        sim.signal("phase-1/verify-2", ballot("approve"));
    });
    assert_eq!(ending.await, Ending::RolledBack, "{}", world.transcript());
    assert_eq!(calls(&world, "phase-1/verify-2"), ["start", "cancel"]);
    assert!(saw(&world, "did not end in 40m"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_goes_on_after_an_answer() {
    let mut plan = swap_plan(&["alb"], true, Vec::new());
    plan.phases[0].steps.push(verify_beside(BESIDE));
    close(&mut plan);
    let world = blue_green::world(asking(plan), &["alb"]);
    says(&world, BESIDE, (0..100).map(|_| waits(Millis::seconds(9))));
    let ending = run_and(&world, "to finish what it has", async |sim| {
        world.state().replies_of.clear();
        says(&world, BESIDE, [report(Verdict::Fail)]);
        while !saw(&world, ASKED) {
            tokio::time::sleep(Millis::seconds(1).duration()).await;
        }
        sim.signal("route/swap", ballot("approve"));
    });
    assert_eq!(ending.await, Ending::Succeeded, "{}", world.transcript());
    let drained = at(&world, "to finish what it has");
    let emptied = at(&world, "Asking Spot to update sig-1 to min 0, max 0, target 0");
    assert_eq!(emptied.since(drained), Millis::seconds(80), "{}", world.transcript());
    settled(&world);
}

/// The pause is kept, and no attempt has the number of another.
#[tokio::test(start_paused = true)]
async fn a_pause_before_an_attempt_goes_on_after_an_answer() {
    let retry = FailureAction::Retry { count: 1, backoff: Millis::minutes(600), ask: None, then: Final::Rollback };
    let world = live_world(asking(with_policy(beside(Vec::new()), retry)));
    world.state().faults_after.push(("capacity".into(), 2, refusal("UpdateCapacity", 503)));
    says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
    let ending = run_and(&world, ASKED, async |sim| {
        pause(10).await;
        sim.signal("phase-2/deploy", ballot("approve"));
    });
    assert_eq!(ending.await, Ending::Succeeded, "{}", world.transcript());
    let began: Vec<_> = {
        let state = world.state();
        let of_step = state.events.iter().filter(|event| event.kind.to_string() == "phase-2/deploy");
        of_step.map(|event| event.at).collect()
    };
    assert_eq!(began.len(), 2, "the second attempt is one of its own: {}", world.transcript());
    let paused = at(&world, "attempt 2 in 10h");
    assert_eq!(began[1].since(paused), Millis::minutes(600));
    settled(&world);
}

/// A person has days for the step's own question; the failure beside it is asked about afterwards.
#[tokio::test(start_paused = true)]
async fn one_that_fails_waits_for_the_answer_about_a_held_verification() {
    let world = live_world(asking(beside(vec![verify_after()])));
    says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
    says(&world, "phase-1/verify-2", [report(Verdict::Inconclusive)]);
    let ending = run_and(&world, "verification `errors` cannot tell", async |sim| {
        pause(60).await;
        assert!(saw(&world, "Verdict fail"));
        assert_eq!(asked(&world), 0, "one question at a time");
        pause(60).await;
        assert!(!saw(&world, "Nobody decided in time"));
        sim.signal("phase-1/verify-2", ballot("approve"));
        pause(10).await;
        assert_eq!(asked(&world), 1, "it is asked about before the next step: {}", world.transcript());
        sim.signal("phase-2/deploy", ballot("approve"));
    });
    assert_eq!(ending.await, Ending::Succeeded, "{}", world.transcript());
    settled(&world);
}

/// The same beside the step's own intervention, whatever wakes it.
#[tokio::test(start_paused = true)]
async fn one_that_fails_waits_for_the_answer_about_the_steps_own_failure() {
    for vote in ["approve", "reject"] {
        let world = live_world(with_policy(beside(vec![verify_after()]), ASKS));
        says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
        says(&world, "phase-1/verify-2", [report(Verdict::Fail)]);
        let ending = run_and(&world, ASKED, async |sim| {
            pause(60).await;
            assert!(saw(&world, "Goes on in the background") && world.transcript().matches("Verdict fail").count() == 2);
            assert_eq!(asked(&world), 1, "one question at a time");
            assert!(!saw(&world, "Nobody answered"), "{}", world.transcript());
            sim.signal("phase-1/verify-2", ballot(vote));
            if vote == "approve" {
                pause(60).await;
                assert_eq!(asked(&world), 2);
                assert!(!saw(&world, "Phase `Primary`"), "the next step does not begin");
                sim.signal("phase-2/deploy", ballot("approve"));
            }
        });
        let expected = if vote == "approve" { Ending::Succeeded } else { Ending::RolledBack };
        assert_eq!(ending.await, expected, "{}", world.transcript());
        settled(&world);
    }
}

/// Nobody has asked yet, and the step's own time holds: silence about it ends it when its time is over.
#[tokio::test(start_paused = true)]
async fn silence_about_a_held_verification_has_its_whole_time() {
    let world = live_world(asking(beside(vec![verify_after()])));
    says(&world, BESIDE, [waits(Millis::minutes(30)), report(Verdict::Fail)]);
    says(&world, "phase-1/verify-2", [report(Verdict::Inconclusive)]);
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(at(&world, "Nobody decided in time").since(at(&world, "cannot tell")), Millis::minutes(7 * 24 * 60));
    assert_eq!(asked(&world), 0);
    settled(&world);
}
