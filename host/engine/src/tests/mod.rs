//! Behaviour of whole runs on a paused clock: hours in milliseconds. The world is asked, not a mock.

mod background;
mod balancers;
mod blue_green;
mod coming_back;
mod found;
mod meddled;
mod modelled;
mod ordered;
mod rehearsing;
mod resuming;
mod told;
mod witnessed;
mod world;

use std::sync::Arc;

use insta::assert_snapshot;
use serde_json::json;
use shiftgate_model::*;
use shiftgate_workflow::*;

use self::world::{World, refusal};
use crate::{Sim, deploy};

const FULL: Capacity = Capacity { minimum: 0, target: 4, maximum: 10 };

fn step(id: &str, action: Action) -> Step {
    Step { id: StepId::new(id), title: id.into(), action, on_failure: None }
}

fn share(phase: u8, percent: u8) -> Step {
    let deploy = Deploy { amount: Amount::Percent(percent), downsize_old: None, order: DownsizeOrder::NewFirst, timeout: None };
    step(&format!("phase-{phase}/deploy"), Action::Deploy(deploy))
}

fn plugin(name: &str) -> PluginStep {
    let plugin = PluginSource::new(name, name);
    PluginStep { plugin, with: json!({}), timeout: None, background: false }
}

fn verify(phase: u8) -> Step {
    step(&format!("phase-{phase}/verify-1"), Action::Verify(plugin("errors")))
}

fn approval(expires: Millis) -> Step {
    let approve = Approve {
        step: plugin("manual"),
        message: "Go to 100%?".into(),
        approvers: vec!["ann".into()],
        quorum: 1,
        expires,
        on_reject: FailureAction::Rollback,
        on_expiry: FailureAction::Rollback,
    };
    step("phase-1/approve-1", Action::Approve(approve))
}

/// 25 %, then 100 %; `between` stands at the end of the first phase.
fn plan(between: Vec<Step>) -> Plan {
    let template = json!({"group": {"compute": {"launchSpecification": {}}}});
    let mut first = vec![step("setup", Action::Setup), share(1, 25)];
    first.extend(between);
    Plan {
        version: 1,
        workflow: "web-canary".into(),
        strategy: Strategy::Canary,
        service: "web".into(),
        environment: "prod".into(),
        infrastructure: Infrastructure {
            name: "east".into(),
            region: "us-east-1".into(),
            account: None,
            token: None,
            aws_profile: None,
        },
        artifact: AmiId::new("ami-new"),
        setup: Setup {
            family: Family::new("web").unwrap(),
            sizing: Sizing::Fixed(FULL),
            template: ElastigroupTemplate::parse(template, false).unwrap(),
            user_data: None,
            steady_state_timeout: Millis::minutes(20),
            keep_old_groups: 3,
            routing: None,
        },
        phases: vec![Phase { name: "Canary".into(), steps: first }, Phase { name: "Primary".into(), steps: vec![share(2, 100)] }],
        rollback: Vec::new(),
        wrap_up: Vec::new(),
        on_failure: FailurePolicy::default(),
        inputs: Default::default(),
        agreed: None,
    }
}

fn run_id() -> RunId {
    RunId::new("run-1")
}

async fn run(world: &Arc<World>) -> Ending {
    deploy(&Sim::new(world.activities()), &run_id(), &world.plan).await.unwrap()
}

fn report(verdict: Verdict) -> Outcome {
    let summary = "0.2 % errors".into();
    let (evidence, outputs) = Default::default();
    Outcome::Reported(Report { verdict, summary, findings: Vec::new(), metrics: Vec::new(), evidence, outputs })
}

fn live_world(plan: Plan) -> Arc<World> {
    let world = World::new(plan);
    world.add("sig-1", "web__4", FULL, None);
    world
}

#[tokio::test(start_paused = true)]
async fn a_canary_moves_four_instances_in_two_phases() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Pass));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
    assert_snapshot!(world.transcript(), @r"
    Deploying ami-new as `web` to `prod` on `east` (workflow `web-canary`, canary)
    Phase `Canary`
    setup
    Looked for Elastigroups `web__*`: 1 found
    Live group is sig-1 `web__4` with min 0, max 10, target 4
    Asking Spot to create Elastigroup `web__5`
    Created Elastigroup sig-2 `web__5`
    Setup complete
    Done in 0s
    phase-1/deploy
    sig-2 has min 0, max 0, target 0
    Asking Spot to update sig-2 to min 1, max 1, target 1
    Spot accepted the update of sig-2
    Waiting for sig-2 to reach steady state, 20m at most
    sig-2: desired 1, total 1, healthy 0
    sig-2: desired 1, total 1, healthy 1
    sig-2 reached steady state
    sig-1 has min 0, max 10, target 4
    Asking Spot to update sig-1 to min 3, max 3, target 3
    Spot accepted the update of sig-1
    Waiting for sig-1 to reach steady state, 20m at most
    sig-1: desired 3, total 3, healthy 3
    sig-1 reached steady state
    Done in 1m 40s 625ms
    phase-1/verify-1
    Loaded verification plugin `errors`, sha256 000000000000…
    Verdict pass: 0.2 % errors
    Done in 0s
    Phase `Primary`
    phase-2/deploy
    sig-2 has min 1, max 1, target 1
    Asking Spot to update sig-2 to min 0, max 10, target 4
    Spot accepted the update of sig-2
    Waiting for sig-2 to reach steady state, 20m at most
    sig-2: desired 4, total 4, healthy 1
    sig-2: desired 4, total 4, healthy 4
    sig-2 reached steady state
    sig-1 has min 3, max 3, target 3
    Asking Spot to update sig-1 to min 0, max 0, target 0
    Spot accepted the update of sig-1
    Waiting for sig-1 to reach steady state, 20m at most
    sig-1: desired 0, total 0, healthy 0
    sig-1 has no instances
    Done in 1m 40s 625ms
    Run succeeded: sig-2 `web__5` serves with min 0, max 10, target 4
    ");
    assert_eq!(world.state().holder, None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_verification_puts_the_old_group_back_first() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
    let calls = world.state().calls.clone();
    let changes: Vec<&str> =
        calls.iter().map(String::as_str).filter(|c| !c.starts_with("health") && !c.starts_with("read") && *c != "list").collect();
    assert_eq!(
        changes,
        [
            "create web__5",
            "capacity sig-2 min 1, max 1, target 1",
            "capacity sig-1 min 3, max 3, target 3",
            "capacity sig-1 min 0, max 10, target 4",
            "capacity sig-2 min 0, max 0, target 0",
            "delete sig-2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn instances_that_never_get_healthy_time_out_and_are_named() {
    let world = live_world(plan(Vec::new()));
    world.state().sick.push(AmiId::new("ami-new"));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
    let ended = world.state().events.last().unwrap().kind.to_string();
    assert_snapshot!(ended, @"Run rolled back: group sig-2 did not reach steady state in 20m: desired 1, total 1, healthy 0; i-sig-2-1 is unhealthy");
    // The old group was never touched: the new one did not come up.
    assert!(!world.state().calls.iter().any(|call| call.starts_with("capacity sig-1")));
}

#[tokio::test(start_paused = true)]
async fn an_inconclusive_verification_asks_a_person() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Inconclusive));
    let sim = Sim::new(world.activities());
    sim.signal("phase-1/verify-1", r#"{"subject":"ann","vote":"approve","comment":"it is fine"}"#);
    assert_eq!(deploy(&sim, &run_id(), &world.plan).await, Ok(Ending::Succeeded));

    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Inconclusive));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert!(world.transcript().contains("Nobody decided in time"));
}

fn counted(votes: &[(&str, Vote)], more: bool) -> Outcome {
    let ballot = |(subject, vote): &(&str, Vote)| Ballot {
        subject: (*subject).into(),
        vote: *vote,
        at: Timestamp(0),
        comment: String::new(),
        bound_digest: None,
    };
    let state = ActionState::new(1, vec![1]);
    let next = more.then(|| Suspension { state, after: None, signals: vec!["ballot".into()] });
    Outcome::Counted(Progress { tally: Tally { ballots: votes.iter().map(ballot).collect(), summary: String::new() }, next })
}

#[tokio::test(start_paused = true)]
async fn silence_is_never_a_yes() {
    let world = live_world(plan(vec![approval(Millis::minutes(7 * 24 * 60))]));
    world.state().replies.push_back(counted(&[], true));
    assert_eq!(run(&world).await, Ending::RolledBack);
    assert!(world.transcript().contains("Nobody decided in time"));
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn only_those_who_may_vote_approve() {
    let world = live_world(plan(vec![approval(Millis::minutes(60))]));
    let votes = [("mallory", Vote::Approve), ("ann", Vote::Approve)];
    world.state().replies.extend([counted(&[], true), counted(&votes[..1], true), counted(&votes, true)]);
    let sim = Sim::new(world.activities());
    sim.signal("phase-1/approve-1", "{}");
    sim.signal("phase-1/approve-1", "{}");
    assert_eq!(deploy(&sim, &run_id(), &world.plan).await, Ok(Ending::Succeeded));
    let transcript = world.transcript();
    assert!(transcript.contains("The vote of mallory does not count: only ann may vote"), "{transcript}");
    assert!(transcript.contains("Approved by ann"), "{transcript}");
}

#[tokio::test(start_paused = true)]
async fn a_capacity_that_somebody_else_changed_stops_the_run() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Pass));
    let meddler = Arc::clone(&world);
    let meddle = async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            let mut state = meddler.state();
            if let Some(group) = state.groups.get_mut("sig-1").filter(|g| g.capacity == Capacity::pinned(3)) {
                group.capacity = Capacity::pinned(8);
                return;
            }
        }
    };
    let (ending, ()) = tokio::join!(run(&world), meddle);
    // The first phase notices nothing more; the second finds 8 where it left 3.
    assert_eq!(ending, Ending::Aborted);
    assert!(world.groups().contains(&"web__4 8/8/8".to_owned()), "nothing is written over: {:?}", world.groups());
}

#[tokio::test(start_paused = true)]
async fn a_retry_strategy_tries_again_then_goes_on() {
    let mut plan = plan(Vec::new());
    let retry = FailureAction::Retry { count: 2, backoff: Millis::seconds(30), ask: None, then: Final::Rollback };
    plan.on_failure = FailurePolicy { default: retry, by_class: Default::default() };
    let world = live_world(plan);
    world
        .state()
        .faults
        .extend([("capacity".into(), refusal("UpdateCapacity", 503)), ("list".into(), refusal("ListGroups", 503))]);
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
    assert!(world.transcript().contains("attempt 2 in 30s"));
}

#[tokio::test(start_paused = true)]
async fn housekeeping_keeps_three_empty_groups_and_touches_only_its_own() {
    let world = live_world(plan(Vec::new()));
    for (id, name, run) in [("a", "web__3", Some("r3")), ("b", "web__2", Some("r2")), ("c", "web__1", Some("r1"))] {
        world.add(id, name, Capacity::ZERO, run);
    }
    world.add("d", "web__0", Capacity::ZERO, Some("r0"));
    world.add("e", "web__00", Capacity::ZERO, None);
    world.add("f", "webshop__1", Capacity::ZERO, Some("r0"));
    assert_eq!(run(&world).await, Ending::Succeeded);
    let names = world.groups().join(" ");
    assert!(!names.contains("web__0 "), "{names}");
    for kept in ["web__1 ", "web__2 ", "web__3 ", "web__00 ", "webshop__1 "] {
        assert!(names.contains(kept), "{kept} in {names}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_deployment_has_no_old_group() {
    let world = World::new(plan(Vec::new()));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__1 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_leftover_above_the_live_group_is_not_taken_for_it() {
    let world = live_world(plan(Vec::new()));
    world.add("sig-9", "web__5", Capacity::ZERO, Some("aborted"));
    assert_eq!(run(&world).await, Ending::Succeeded);
    assert_eq!(world.groups(), ["web__4 0/0/0", "web__5 0/0/0", "web__6 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_before_setup_recorded_anything_says_so() {
    let world = live_world(plan(Vec::new()));
    world.state().faults.push(("list".into(), refusal("ListGroups", 400)));
    assert_eq!(run(&world).await, Ending::Failed);
    assert!(world.transcript().contains("Skipped: setup recorded nothing"));
    assert_eq!(world.groups(), ["web__4 0/4/10"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_cannot_finish_is_stuck_and_says_what_is_where() {
    let world = live_world(plan(vec![verify(1)]));
    world.state().replies.push_back(report(Verdict::Fail));
    world.state().faults.push(("delete".into(), refusal("DeleteGroup", 400)));
    assert_eq!(run(&world).await, Ending::Stuck);
    let transcript = world.transcript();
    assert!(transcript.contains("The new group is sig-2 `web__5` with min 0, max 0, target 0"), "{transcript}");
}
