//! Events in, words out.

use anstream::adapter::strip_str;
use insta::assert_snapshot;
use shiftgate_model::{
    Ballot, Capacity, Ending, ErrorClass, Event, EventKind, Forward, ForwardTarget, GroupId, GroupName, Metric, Millis, RuleArn,
    RunId, StepError, StepId, TargetGroupArn, Timestamp, Verdict, Vote,
};

use super::{StepState, View, status};
use crate::log::Log;
use crate::text::Commands;

const START: u64 = 1_795_470_301_000;
const RUN: &str = "20261123-214501-k3f9";

fn events(kinds: Vec<(Option<&str>, EventKind)>) -> Vec<Event> {
    let event = |(index, (step, kind)): (usize, (Option<&str>, EventKind))| Event {
        run: RunId::new(RUN),
        sequence: index as u64 + 1,
        at: Timestamp(START + index as u64 * 1_000),
        step: step.map(StepId::new),
        kind,
    };
    kinds.into_iter().enumerate().map(event).collect()
}

fn view(events: &[Event]) -> View {
    let mut view = View::new(RunId::new(RUN), None);
    events.iter().for_each(|event| view.apply(event));
    view
}

fn page(events: &[Event], driven: bool) -> String {
    strip_str(&status(&view(events), Timestamp(START + 60_000), Some(driven), &Commands::new(None))).to_string()
}

fn log(events: &[Event]) -> String {
    let mut log = Log::new(RunId::new(RUN), None, Commands::new(None));
    strip_str(&events.iter().map(|event| log.lines(event)).collect::<String>()).to_string()
}

fn old() -> GroupId {
    GroupId::new("sig-0000000b")
}

fn new() -> GroupId {
    GroupId::new("sig-0000000c")
}

fn begun() -> Vec<(Option<&'static str>, EventKind)> {
    let started = EventKind::RunStarted {
        workflow: "web-canary".into(),
        strategy: "canary".into(),
        service: "web".into(),
        environment: "prod".into(),
        infrastructure: "prod-us-east-1".into(),
        artifact: shiftgate_model::AmiId::new("ami-0green"),
    };
    let full = Capacity { minimum: 0, target: 4, maximum: 10 };
    vec![
        (Some("begin"), started),
        (Some("setup"), EventKind::PhaseStarted { phase: "Canary 25%".into() }),
        (Some("setup"), EventKind::StepStarted { title: "Elastigroup Setup".into() }),
        (Some("setup"), EventKind::LiveGroupFound { id: old(), name: GroupName::new("web__1"), capacity: full }),
        (Some("setup"), EventKind::GroupCreated { id: new(), name: GroupName::new("web__2"), adopted: false }),
        (Some("setup"), EventKind::StepSucceeded { took: Millis(2_100) }),
        (Some("phase-1/deploy"), EventKind::StepStarted { title: "Elastigroup Deploy 25%".into() }),
        (Some("phase-1/deploy"), EventKind::CapacityRequested { group: new(), capacity: Capacity::pinned(1) }),
        (Some("phase-1/deploy"), EventKind::SteadyStateAwaited { group: new(), timeout: Millis::minutes(20) }),
        (Some("phase-1/deploy"), EventKind::HealthSeen { group: new(), desired: 1, total: 1, healthy: 0 }),
    ]
}

fn asked() -> Vec<(Option<&'static str>, EventKind)> {
    let ballot =
        Ballot { subject: "ann".into(), vote: Vote::Approve, at: Timestamp(START), comment: "fine".into(), bound_digest: None };
    let mut kinds = begun();
    kinds.extend([
        (Some("phase-1/deploy"), EventKind::SteadyStateReached { group: new() }),
        (Some("phase-1/deploy"), EventKind::StepSucceeded { took: Millis(4_000) }),
        (Some("phase-1/approve-1"), EventKind::StepStarted { title: "Approve".into() }),
        (
            Some("phase-1/approve-1"),
            EventKind::ApprovalRequested {
                message: "Go to 50%?".into(),
                approvers: vec!["ann".into(), "bob".into()],
                quorum: 2,
                expires_at: Timestamp(START + 3_600_000),
            },
        ),
        (Some("phase-1/approve-1"), EventKind::BallotCast { ballot }),
        (Some("phase-1/approve-1"), EventKind::Waiting { until: None, signal: Some("a vote".into()) }),
    ]);
    kinds
}

#[test]
fn a_run_that_waits_for_instances() {
    assert_snapshot!(page(&events(begun()), true), @r"
    Run         20261123-214501-k3f9  running
    Workflow    web-canary (canary)
    Service     web to prod on prod-us-east-1
    Artifact    ami-0green
    Started     2026-11-23 21:45:01 UTC
    Elapsed     1m

    Steps
      Canary 25%
        done      setup           Elastigroup Setup       2.1s
        running   phase-1/deploy  Elastigroup Deploy 25%

    Groups
        old    sig-0000000b `web__1`  min 0, max 10, target 4
        new    sig-0000000c `web__2`  min 1, max 1, target 1; 0 of 1 healthy

    Waits for   sig-0000000c to reach steady state, until 2026-11-23 22:05:09 UTC at most
    ");
}

#[test]
fn a_run_that_waits_for_a_vote_and_has_no_process() {
    let asked = events(asked());
    assert_eq!(view(&asked).vote(), Some(&StepId::new("phase-1/approve-1")));
    assert_snapshot!(page(&asked, false), @r"
    Run         20261123-214501-k3f9  stopped, no process works on it
    Workflow    web-canary (canary)
    Service     web to prod on prod-us-east-1
    Artifact    ami-0green
    Started     2026-11-23 21:45:01 UTC
    Elapsed     1m

    Steps
      Canary 25%
        done      setup              Elastigroup Setup       2.1s
        done      phase-1/deploy     Elastigroup Deploy 25%  4.0s
        waiting   phase-1/approve-1  Approve

    Groups
        old    sig-0000000b `web__1`  min 0, max 10, target 4
        new    sig-0000000c `web__2`  min 1, max 1, target 1; 0 of 1 healthy

    Waits for   a vote in `phase-1/approve-1`: Go to 50%?
                2 of ann, bob, until 2026-11-23 22:45:01 UTC
                ann approves

    Next        `shiftgate approve 20261123-214501-k3f9`, or `shiftgate reject 20261123-214501-k3f9`
                no process works on this run; `shiftgate resume 20261123-214501-k3f9` goes on
    ");
}

#[test]
fn a_decided_approval_waits_no_more() {
    for decision in [
        EventKind::Approved { by: vec!["ann".into(), "bob".into()] },
        EventKind::Rejected { by: "bob".into(), comment: String::new() },
        EventKind::ApprovalExpired,
        EventKind::StepFailed { error: StepError::new(ErrorClass::Approval, "rejected") },
    ] {
        let mut kinds = asked();
        kinds.push((Some("phase-1/approve-1"), decision));
        assert_eq!(view(&events(kinds)).vote(), None);
    }
    let mut resumed = asked();
    resumed.push((None, EventKind::RunResumed));
    assert!(view(&events(resumed)).vote().is_some(), "a resumed run still asks");
}

#[test]
fn a_step_that_a_rollback_finds_under_way_waits_no_more() {
    let mut kinds = asked();
    kinds.push((None, EventKind::RunResumed));
    kinds.push((Some("rollback"), EventKind::RollbackStarted { reason: "ann asked for it".into() }));
    let view = view(&events(kinds));
    assert_eq!(view.vote(), None);
    let states: Vec<_> = view.steps.iter().rev().take(2).map(|step| (step.id.as_str(), step.state)).collect();
    assert_eq!(states, [("rollback", StepState::Running), ("phase-1/approve-1", StepState::Skipped)]);
}

#[test]
fn a_rolled_back_run_as_a_log() {
    let mut kinds = begun();
    let metric = Metric {
        name: "errors".into(),
        value: Some(0.05),
        unit: "ratio".into(),
        threshold: "< 0.01".into(),
        verdict: Verdict::Fail,
    };
    let error = StepError::new(ErrorClass::Verification, "errors is too high\u{1b}[2J").hint("look at the new image");
    kinds.extend([
        (Some("phase-1/verify-1"), EventKind::StepStarted { title: "Verify errors".into() }),
        (Some("phase-1/verify-1"), EventKind::Measured { metric }),
        (Some("phase-1/verify-1"), EventKind::StepFailed { error }),
        (Some("rollback"), EventKind::RollbackStarted { reason: "errors is too high".into() }),
        (Some("rollback"), EventKind::GroupDeleted { group: new(), already_gone: false }),
        (Some("rollback"), EventKind::StepSucceeded { took: Millis(900) }),
        (None, EventKind::RunEnded { ending: Ending::RolledBack, summary: "errors is too high".into() }),
    ]);
    assert_snapshot!(log(&events(kinds.clone())), @r"
    21:45:01  begin     Deploying ami-0green as `web` to `prod` on `prod-us-east-1` (workflow `web-canary`, canary)

    Phase `Canary 25%`
    21:45:03  setup     Elastigroup Setup
    21:45:04  setup     Live group is sig-0000000b `web__1` with min 0, max 10, target 4
    21:45:05  setup     Created Elastigroup sig-0000000c `web__2`
    21:45:06  setup     Done in 2s 100ms
    21:45:07  phase-1/deploy  Elastigroup Deploy 25%
    21:45:08  phase-1/deploy  Asking Spot to update sig-0000000c to min 1, max 1, target 1
    21:45:09  phase-1/deploy  Waiting for sig-0000000c to reach steady state, 20m at most
    21:45:10  phase-1/deploy  sig-0000000c: desired 1, total 1, healthy 0
    21:45:11  phase-1/verify-1  Verify errors
    21:45:12  phase-1/verify-1  errors = 0.05 ratio (wanted < 0.01): fail
    21:45:13  phase-1/verify-1  Failed (verification): errors is too high\u{1b}[2J
                          hint: look at the new image

    Rolling back: errors is too high
    21:45:15  rollback  Deleted sig-0000000c
    21:45:16  rollback  Done in 900ms

    Run 20261123-214501-k3f9 rolled back: errors is too high
    ");
    assert_snapshot!(page(&events(kinds), false), @r"
    Run         20261123-214501-k3f9  rolled back
    Workflow    web-canary (canary)
    Service     web to prod on prod-us-east-1
    Artifact    ami-0green
    Started     2026-11-23 21:45:01 UTC
    Ended       2026-11-23 21:45:17 UTC, after 16s

    Steps
      Canary 25%
        done      setup             Elastigroup Setup       2.1s
        skipped   phase-1/deploy    Elastigroup Deploy 25%          left as it stood, for the rollback
        failed    phase-1/verify-1  Verify errors                   errors is too high\u{1b}[2J
        done      rollback          Rollback                0.9s

    Groups
        old    sig-0000000b `web__1`  min 0, max 10, target 4
        new    sig-0000000c `web__2`  deleted

    Summary     errors is too high
    ");
}

#[test]
fn each_end_says_what_is_next() {
    let last = |ending, summary: &str| {
        let mut kinds = begun();
        kinds.push((None, EventKind::Left { what: "The new group is sig-0000000c `web__2` with min 1, max 1, target 1".into() }));
        kinds.push((None, EventKind::RunEnded { ending, summary: summary.into() }));
        let text = log(&events(kinds));
        text.split("\n\n").last().map(str::to_owned).unwrap_or_default()
    };
    assert_snapshot!(last(Ending::Succeeded, "it serves"), @"Run 20261123-214501-k3f9 succeeded: it serves");
    assert_snapshot!(last(Ending::Failed, "no"), @r"
    Next: mend the cause, then start a new run; this one is over, and put nothing back
    Run 20261123-214501-k3f9 failed: no
    ");
    assert_snapshot!(last(Ending::Aborted, "drift"), @r"
    Next: `shiftgate resume 20261123-214501-k3f9` goes on where the run stopped, `shiftgate rollback 20261123-214501-k3f9` puts everything back
    Run 20261123-214501-k3f9 aborted: drift
    ");
    assert_snapshot!(last(Ending::Stuck, "group gone"), @r"
    Next: set right by hand what is not as it was before this run, then `shiftgate resume 20261123-214501-k3f9` goes on with the rollback; `shiftgate logs 20261123-214501-k3f9` has the whole story
    Next: the old group sig-0000000b `web__1` had min 0, max 10, target 4 before this run
    Run 20261123-214501-k3f9 stuck: group gone
    ");
}

#[test]
fn an_approval_shows_the_commands_that_answer_it() {
    let text = log(&events(asked()));
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("Approval needed")).collect();
    assert_snapshot!(lines.join("\n"), @r"
    21:45:14  phase-1/approve-1  Approval needed: Go to 50%? (2 of ann, bob)
                          shiftgate approve 20261123-214501-k3f9
                          shiftgate reject 20261123-214501-k3f9
                          expires in 59m 47s
    21:45:15  phase-1/approve-1  ann approves: fine
    21:45:16  phase-1/approve-1  Waiting for a vote
    ");
}

#[test]
fn routes_show_what_they_are_and_were() {
    let target = |name: &str, weight| ForwardTarget {
        group: TargetGroupArn::new(format!("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/1")),
        weight: Some(weight),
    };
    let forward = |blue, green| Forward {
        order: None,
        targets: vec![target("web-blue", blue), target("web-green", green)],
        stickiness_seconds: None,
    };
    let (load_balancer, rule) = ("web-alb".to_owned(), RuleArn::new("rule-1"));
    let mut kinds = begun();
    kinds.extend([
        (
            Some("setup"),
            EventKind::RouteRead { load_balancer: "web-alb".into(), port: 80, rule: rule.clone(), forward: forward(100, 0) },
        ),
        (Some("route/shift-1"), EventKind::StepStarted { title: "Shift Traffic Weight 100%".into() }),
        (Some("route/shift-1"), EventKind::RouteWritten { load_balancer, port: 80, rule, forward: forward(0, 100) }),
        (Some("route/shift-1"), EventKind::GroupRenamed { group: new(), name: GroupName::new("web") }),
        (Some("route/shift-1"), EventKind::DrainAwaited { target_group: target("web-blue", 0).group, time: Millis::minutes(5) }),
    ]);
    let shown = page(&events(kinds), true);
    let lines: Vec<&str> = shown.lines().skip_while(|line| *line != "Groups").collect();
    assert_snapshot!(lines.join("\n"), @r"
    Groups
        old    sig-0000000b `web__1`  min 0, max 10, target 4
        new    sig-0000000c `web`  min 1, max 1, target 1; 0 of 1 healthy

    Routes
        web-alb, port 80  web-blue 0, web-green 100; before this run web-blue 100, web-green 0

    Waits for   target group `web-blue` to finish what it has, until 2026-11-23 21:50:15 UTC
    ");
}

#[test]
fn a_resumed_run_is_no_longer_aborted() {
    let mut kinds = begun();
    kinds.push((None, EventKind::RunEnded { ending: Ending::Aborted, summary: "drift".into() }));
    assert_eq!(view(&events(kinds.clone())).ending, Some(Ending::Aborted));
    kinds.push((None, EventKind::RunResumed));
    let seen = view(&events(kinds));
    assert_eq!((seen.ending, seen.ended_at), (None, None));
}

#[test]
fn what_goes_on_in_the_background_ends_no_wait_of_the_step_beside_it() {
    let error = StepError::new(ErrorClass::Verification, "5 % errors");
    let message = "Go on?".to_owned();
    let asked =
        EventKind::ApprovalRequested { message, approvers: Vec::new(), quorum: 1, expires_at: Timestamp(START + 3_600_000) };
    let [verify, approve] = ["phase-1/verify-1", "phase-1/approve-1"].map(Some);
    let mut kinds = begun();
    kinds.extend([
        (verify, EventKind::StepStarted { title: "Verify with `errors`".into() }),
        (verify, EventKind::BackgroundStarted { timeout: None }),
        (approve, EventKind::StepStarted { title: "Approval".into() }),
        (approve, asked),
        (verify, EventKind::StepIgnored { error }),
    ]);
    let seen = view(&events(kinds.clone()));
    assert_eq!(seen.vote().map(StepId::as_str), approve);
    kinds.push((approve, EventKind::Approved { by: vec!["ann".into()] }));
    assert_eq!(view(&events(kinds)).vote(), None);
}
