//! Verifications that go on beside the later steps, on the paused clock: what each verdict leads to. In `waits`, steps that wait
//! meanwhile; in `questions`, a person who is asked in one of them; in `ends`, what calls them off, and what survives a process.

mod ends;
mod questions;
mod waits;

use insta::assert_snapshot;
use shiftgate_model::*;
use shiftgate_workflow::*;

use super::ordered::{run_and, run_and_order};
use super::world::World;
use super::{approval, counted, live_world, plan, plugin, report, run, run_id, step};
use crate::{Order, Sim, deploy};

const BESIDE: &str = "phase-1/verify-1";
const DAY: Millis = Millis::minutes(24 * 60);

fn verify_beside(id: &str) -> Step {
    step(id, Action::Verify(PluginStep { background: true, ..plugin("errors") }))
}

/// 25 %, a background verification, what comes between, 100 %, and the last step.
fn beside(between: Vec<Step>) -> Plan {
    let mut plan = plan([vec![verify_beside(BESIDE)], between].concat());
    close(&mut plan);
    plan
}

fn close(plan: &mut Plan) {
    plan.phases.last_mut().unwrap().steps.push(step("background", Action::Background));
}

fn with_policy(plan: Plan, default: FailureAction) -> Plan {
    Plan { on_failure: FailurePolicy { default, by_class: Default::default() }, ..plan }
}

fn verifies(plan: &mut Plan, change: impl FnOnce(&mut Step)) {
    change(plan.phases[0].steps.iter_mut().find(|step| step.id.as_str() == BESIDE).unwrap());
}

fn waits(after: Millis) -> Outcome {
    Outcome::Wait(Suspension { state: ActionState::new(1, vec![7]), after: Some(after), signals: Vec::new() })
}

fn says(world: &World, step: &str, replies: impl IntoIterator<Item = Outcome>) {
    world.state().replies_of.entry(step.to_owned()).or_default().extend(replies);
}

/// What the plugin of a step was called for.
fn calls(world: &World, step: &str) -> Vec<&'static str> {
    let of = |call: &PluginCall| match call.action {
        Call::Validate => "validate",
        Call::Start { .. } => "start",
        Call::Poll { .. } => "poll",
        Call::Cancel { .. } => "cancel",
    };
    world.state().plugin_calls.iter().filter(|call| call.run.step.as_str() == step).map(of).collect()
}

fn saw(world: &World, text: &str) -> bool {
    world.transcript().contains(text)
}

/// When something was said first.
fn at(world: &World, text: &str) -> Timestamp {
    let state = world.state();
    let said = state.events.iter().find(|event| event.kind.to_string().contains(text));
    said.unwrap_or_else(|| panic!("nobody said {text}")).at
}

fn settled(world: &World) {
    assert_eq!(world.state().parked, [], "nothing is left open");
}

fn ballot(vote: &str) -> String {
    format!(r#"{{"subject":"ann","vote":"{vote}","comment":""}}"#)
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_while_a_later_phase_deploys_stops_it() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail)]);
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
    assert!(!world.state().calls.contains(&"capacity sig-1 min 0, max 0, target 0".to_owned()), "the old group went on serving");
    let transcript = world.transcript();
    let from = transcript.find("phase-1/verify-1").unwrap();
    let until = transcript.find("sig-1 has min 3, max 3, target 3").unwrap();
    assert_snapshot!(&transcript[from..until], @r"
    phase-1/verify-1
    Loaded verification plugin `errors`, sha256 000000000000…
    Goes on in the background
    Phase `Primary`
    phase-2/deploy
    sig-2 has min 1, max 1, target 1
    Asking Spot to update sig-2 to min 0, max 10, target 4
    Spot accepted the update of sig-2
    Waiting for sig-2 to reach steady state, 20m at most
    sig-2: desired 4, total 4, healthy 1
    Verdict fail: 0.2 % errors
    Failed (verification): verification `errors` failed in the background (phase-1/verify-1): 0.2 % errors
    Skipped: background verification `phase-1/verify-1` has failed
    Rolling back: verification `errors` failed in the background (phase-1/verify-1): 0.2 % errors
    ");
    settled(&world);
}

#[tokio::test(start_paused = true)]
async fn one_that_passes_does_so_beside_the_later_steps() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(Millis::seconds(30)), waits(Millis::seconds(30)), report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    let transcript = world.transcript();
    assert_snapshot!(&transcript[transcript.find("phase-1/verify-1").unwrap()..], @r"
    phase-1/verify-1
    Loaded verification plugin `errors`, sha256 000000000000…
    Goes on in the background
    Phase `Primary`
    phase-2/deploy
    sig-2 has min 1, max 1, target 1
    Asking Spot to update sig-2 to min 0, max 10, target 4
    Spot accepted the update of sig-2
    Waiting for sig-2 to reach steady state, 20m at most
    sig-2: desired 4, total 4, healthy 1
    Verdict pass: 0.2 % errors
    Done in 1m 20s 625ms
    sig-2: desired 4, total 4, healthy 4
    sig-2 reached steady state
    sig-1 has min 3, max 3, target 3
    Asking Spot to update sig-1 to min 0, max 0, target 0
    Spot accepted the update of sig-1
    Waiting for sig-1 to reach steady state, 20m at most
    sig-1: desired 0, total 0, healthy 0
    sig-1 has no instances
    Done in 1m 40s 625ms
    background
    Done in 0s
    Run succeeded: sig-2 `web__5` serves with min 0, max 10, target 4
    ");
    assert_eq!(calls(&world, BESIDE), ["start", "poll", "poll"]);
    let numbers: Vec<_> = world.state().evidence.iter().map(|one| (one.step.to_string(), one.call)).collect();
    assert_eq!(numbers, [1, 2, 3].map(|call| (BESIDE.to_owned(), call)));
    settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_those_that_are_open_at_its_end() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(DAY), waits(DAY), report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert!(world.now() >= Timestamp(0).plus(DAY).plus(DAY));
    assert!(saw(&world, "Waiting for background verifications: phase-1/verify-1"));
    assert_eq!(world.transcript().lines().filter(|line| line.starts_with("Waiting for background")).count(), 1);

    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(DAY), report(Verdict::Fail)]);
    assert_eq!(run(&world).await, Ending::RolledBack, "what fails at the end is rolled back");
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_reports_at_once_ends_where_it_stands() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [report(Verdict::Pass)]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert!(!saw(&world, "in the background"));
    settled(&world);
}

/// It is asked about before the next step begins, which goes on with a yes.
#[tokio::test(start_paused = true)]
async fn one_that_cannot_tell_asks_a_person_before_the_next_step() {
    for (vote, ending) in [(Some("approve"), Ending::Succeeded), (Some("reject"), Ending::RolledBack), (None, Ending::RolledBack)]
    {
        // An approval under way has its own question.
        let world = live_world(beside(vec![approval(Millis::minutes(60))]));
        says(&world, BESIDE, [waits(Millis::minutes(5)), report(Verdict::Inconclusive)]);
        says(&world, "phase-1/approve-1", [counted(&[], true), counted(&[("ann", Vote::Approve)], true)]);
        let sim = Sim::new(world.activities());
        let acted = async {
            tokio::time::sleep(Millis::minutes(30).duration()).await;
            assert!(!saw(&world, "cannot tell"), "one question at a time");
            sim.signal("phase-1/approve-1", "{}");
            tokio::time::sleep(Millis::minutes(30).duration()).await;
            assert!(saw(&world, "background verification `phase-1/verify-1` cannot tell (0.2 % errors)"));
            assert!(!saw(&world, "Phase `Primary`"), "the step does not begin");
            if let Some(vote) = vote {
                sim.signal("phase-2/deploy", ballot(vote));
            }
        };
        let run = run_id();
        let (ended, ()) = tokio::join!(deploy(&sim, &run, &world.plan), acted);
        assert_eq!(ended, Ok(ending), "{vote:?}: {}", world.transcript());
        assert_eq!(saw(&world, "Nobody decided in time"), vote.is_none());
        settled(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_step_asks_too() {
    let world = live_world(beside(Vec::new()));
    says(&world, BESIDE, [waits(Millis::minutes(10)), report(Verdict::Inconclusive)]);
    let ending = run_and(&world, "cannot tell", async |sim| sim.signal("background", ballot("approve")));
    assert_eq!(ending.await, Ending::Succeeded);
    settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_failure_strategy_of_its_own_is_followed() {
    let cases = [
        (FailureAction::Ignore, Ending::Succeeded, "and the run goes on"),
        (FailureAction::Fail, Ending::Failed, "Run failed"),
        (FailureAction::Abort, Ending::Aborted, "Run aborted"),
    ];
    for (action, ending, said) in cases {
        let mut plan = beside(Vec::new());
        verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy { default: action, by_class: Default::default() }));
        let world = live_world(plan);
        says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail)]);
        assert_eq!(run(&world).await, ending);
        assert!(saw(&world, said), "{said} in {}", world.transcript());
        if ending == Ending::Aborted {
            // A run that goes on does not do so without it.
            says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Pass)]);
            assert_eq!(run(&world).await, Ending::Succeeded);
            assert_eq!(calls(&world, BESIDE), ["start", "poll", "start", "poll"]);
        }
        settled(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_tried_again_begins_again_in_the_background() {
    let retry = FailureAction::Retry { count: 1, backoff: Millis::minutes(10), ask: None, then: Final::Rollback };
    for (verdict, ending) in [(Verdict::Pass, Ending::Succeeded), (Verdict::Fail, Ending::RolledBack)] {
        let mut plan = beside(Vec::new());
        verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy { default: retry, by_class: Default::default() }));
        let world = live_world(plan);
        says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail), waits(Millis::seconds(30)), report(verdict)]);
        assert_eq!(run(&world).await, ending);
        assert!(saw(&world, "attempt 2 in 10m"), "{}", world.transcript());
        let attempts: Vec<_> = world.state().evidence.iter().map(|one| (one.attempt, one.call)).collect();
        assert_eq!(attempts, [(1, 1), (1, 2), (2, 1), (2, 2)]);
        settled(&world);
    }
}

/// The step stops where it stands, and goes on with a yes.
#[tokio::test(start_paused = true)]
async fn one_that_fails_may_ask_a_person_at_once() {
    let ask = FailureAction::Ask { timeout: Millis::minutes(60), then: Final::Rollback };
    let asked = || {
        let mut plan = beside(Vec::new());
        verifies(&mut plan, |step| step.on_failure = Some(FailurePolicy { default: ask, by_class: Default::default() }));
        let world = live_world(plan);
        says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Fail)]);
        world
    };
    const ASKED: &str = "a person is asked what to do";
    let world = asked();
    let ending = run_and(&world, ASKED, async |sim| {
        assert!(!saw(&world, "desired 4, total 4, healthy 4"), "the deploy stopped in its wait");
        tokio::time::sleep(Millis::minutes(10).duration()).await;
        sim.signal("phase-2/deploy", ballot("approve"));
    });
    assert_eq!(ending.await, Ending::Succeeded, "{}", world.transcript());
    settled(&world);
    let world = asked();
    assert_eq!(run_and(&world, ASKED, async |sim| sim.signal("phase-2/deploy", ballot("reject"))).await, Ending::RolledBack);
    let world = asked();
    assert_eq!(run(&world).await, Ending::RolledBack, "silence");
    let world = asked();
    says(&world, BESIDE, [waits(Millis::seconds(30)), report(Verdict::Pass)]);
    assert_eq!(run_and_order(&world, ASKED, Order::Retry).await, Ending::Succeeded, "{}", world.transcript());
    assert_eq!(calls(&world, BESIDE), ["start", "poll", "start", "poll"]);
    settled(&world);
}

#[tokio::test(start_paused = true)]
async fn two_go_on_beside_each_other() {
    let both = |one: Verdict, other: Verdict| {
        let world = live_world(beside(vec![verify_beside("phase-1/verify-2")]));
        says(&world, BESIDE, [waits(Millis::minutes(5)), waits(Millis::minutes(5)), report(one)]);
        says(&world, "phase-1/verify-2", [waits(Millis::minutes(7)), waits(DAY), report(other)]);
        world
    };
    let world = both(Verdict::Pass, Verdict::Warn);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert!(saw(&world, "Waiting for background verifications: phase-1/verify-1, phase-1/verify-2"), "{}", world.transcript());
    settled(&world);
    let world = both(Verdict::Fail, Verdict::Pass);
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(calls(&world, "phase-1/verify-2"), ["start", "poll", "cancel"], "the other one is called off");
    settled(&world);
}
