//! Runs for the tests, told as their events and the evidence that they left.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shiftgate_model::{
    AmiId, Answered, Ballot, Call, Capacity, Digest, Ending, ErrorClass, Event, EventKind, Evidence, Exchange, Finding, Forward,
    ForwardTarget, GroupId, GroupName, Metric, Millis, PluginKind, ReceiptAction, Report, RuleArn, RunId, RunInfo, StepError,
    StepId, TargetGroupArn, Timestamp, Verdict, Vote, Weight,
};

use crate::{Facts, Planned, Story};

pub(crate) const START: u64 = 1_795_470_301_000;
const RUN: &str = "20261123-214501-k3f9";

/// A run that is being told.
pub(crate) struct Tale {
    pub(crate) events: Vec<Event>,
    pub(crate) evidence: Vec<Evidence>,
    now: u64,
}

pub(crate) fn old() -> GroupId {
    GroupId::new("sig-0000000b")
}

pub(crate) fn new() -> GroupId {
    GroupId::new("sig-0000000c")
}

pub(crate) fn facts(now: u64, driven: bool) -> Facts {
    Facts {
        run: RunId::new(RUN),
        created_at: Timestamp(START),
        now: Timestamp(now),
        driven: Some(driven),
        heading: None,
        planned: Vec::new(),
    }
}

fn target(name: &str, weight: Option<u16>) -> ForwardTarget {
    let arn = format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/0123456789abcdef");
    ForwardTarget { group: TargetGroupArn::new(arn), weight }
}

fn forward(blue: u16, green: u16) -> Forward {
    let targets = vec![target("web-blue", Some(blue)), target("web-green", Some(green))];
    Forward { order: None, targets, stickiness_seconds: None }
}

fn rule() -> RuleArn {
    RuleArn::new("arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web-alb/1/2/3")
}

fn full() -> Capacity {
    Capacity { minimum: 0, target: 4, maximum: 10 }
}

impl Tale {
    pub(crate) fn new(strategy: &str) -> Self {
        let mut tale = Self { events: Vec::new(), evidence: Vec::new(), now: START };
        let started = EventKind::RunStarted {
            workflow: format!("web-{strategy}"),
            strategy: strategy.into(),
            service: "web".into(),
            environment: "prod".into(),
            infrastructure: "prod-us-east-1".into(),
            artifact: AmiId::new("ami-0green"),
        };
        tale.tell(0, "begin", started);
        tale
    }

    /// The next event, some milliseconds later; an empty step is the run as a whole.
    pub(crate) fn tell(&mut self, after: u64, step: &str, kind: EventKind) {
        self.now += after;
        let step = (!step.is_empty()).then(|| StepId::new(step));
        let sequence = self.events.len() as u64 + 1;
        self.events.push(Event { run: RunId::new(RUN), sequence, at: Timestamp(self.now), step, kind });
    }

    fn phase(&mut self, name: &str, step: &str) {
        self.tell(0, step, EventKind::PhaseStarted { phase: name.into() });
    }

    fn start(&mut self, step: &str, title: &str) {
        self.tell(20, step, EventKind::StepStarted { title: title.into() });
    }

    fn done(&mut self, step: &str, took: u64) {
        self.tell(40, step, EventKind::StepSucceeded { took: Millis(took) });
    }

    fn setup(&mut self, name: &str) {
        self.start("setup", "Elastigroup Setup");
        self.tell(900, "setup", EventKind::LiveGroupFound { id: old(), name: GroupName::new("web__4"), capacity: full() });
        self.tell(1_900, "setup", EventKind::GroupCreated { id: new(), name: GroupName::new(name), adopted: false });
        self.done("setup", 2_860);
    }

    fn resize(&mut self, step: &str, group: GroupId, capacity: Capacity, seen: &[u32], pause: u64) {
        self.tell(600, step, EventKind::CapacityRequested { group: group.clone(), capacity });
        self.tell(300, step, EventKind::SteadyStateAwaited { group: group.clone(), timeout: Millis::minutes(20) });
        for healthy in seen {
            let (total, desired) = ((*healthy).max(capacity.target), capacity.target);
            self.tell(pause, step, EventKind::HealthSeen { group: group.clone(), desired, total, healthy: *healthy });
        }
        self.tell(10, step, EventKind::SteadyStateReached { group });
    }

    fn deploy(&mut self, step: &str, title: &str, more: u32, less: u32, before: (u32, u32)) {
        self.start(step, title);
        self.resize(step, new(), Capacity::pinned(more), &[before.0, before.0, more], 14_000);
        self.resize(step, old(), Capacity::pinned(less), &[before.1, less], 9_000);
        self.done(step, 61_000);
    }

    /// A verification of a minute with three measurements, and what it leaves.
    fn verify(&mut self, step: &str, values: [f64; 3], verdict: Verdict, summary: &str) {
        self.start(step, "Verify with `errors`");
        let loaded =
            EventKind::PluginLoaded { plugin: "errors".into(), kind: PluginKind::Verification, digest: "7f3a".repeat(16) };
        self.tell(30, step, loaded);
        let from = self.now;
        self.tell(62_000, step, EventKind::Measured { metric: measured(values[2], verdict) });
        let report = report(verdict, summary, &analysis(from, values, verdict), values[2]);
        self.evidence.push(call(step, from, &report));
        self.tell(10, step, EventKind::Verified { verdict, summary: summary.into() });
    }

    fn approval(&mut self, step: &str, message: &str, voters: &[(&str, Vote, &str)]) {
        self.start(step, "Approval");
        let asked = EventKind::ApprovalRequested {
            message: message.into(),
            approvers: vec!["ann".into(), "bob".into()],
            quorum: voters.len().max(1) as u32,
            expires_at: Timestamp(self.now + 3_600_000),
        };
        self.tell(5, step, asked);
        let loaded =
            EventKind::PluginLoaded { plugin: "manual-approval".into(), kind: PluginKind::Approval, digest: "aa".repeat(32) };
        self.tell(20, step, loaded);
        for (who, vote, why) in voters {
            self.tell(41_000, step, EventKind::BallotCast { ballot: self.ballot(who, *vote, why) });
        }
    }

    fn ballot(&self, who: &str, vote: Vote, comment: &str) -> Ballot {
        Ballot { subject: who.into(), vote, at: Timestamp(self.now + 40_000), comment: comment.into(), bound_digest: None }
    }

    fn shift(&mut self, step: &str, weight: u16) {
        self.start(step, &format!("Shift Traffic Weight {weight}%"));
        let (load_balancer, port, rule) = ("web-alb".to_owned(), 80, rule());
        self.tell(900, step, EventKind::RouteWritten { load_balancer, port, rule, forward: forward(100 - weight, weight) });
        self.tell(5, step, EventKind::Shifted { weight: Weight::new(weight.into()).unwrap() });
        self.done(step, 960);
    }

    fn routes(&mut self) {
        let read = EventKind::RouteRead { load_balancer: "web-alb".into(), port: 80, rule: rule(), forward: forward(100, 0) };
        self.tell(300, "setup", read);
        let (production, stage) = (target("web-blue", None).group, target("web-green", None).group);
        self.tell(10, "setup", EventKind::TargetGroupsTold { load_balancer: "web-alb".into(), production, stage });
    }

    fn end(&mut self, ending: Ending, summary: &str) {
        self.tell(30, "", EventKind::RunEnded { ending, summary: summary.into() });
    }

    pub(crate) fn story(&self) -> Story {
        Story::of(facts(self.now, true), &self.events, &self.evidence)
    }
}

fn measured(value: f64, verdict: Verdict) -> Metric {
    Metric { name: "errors".into(), value: Some(value), unit: "ratio".into(), threshold: "<= 0.01".into(), verdict }
}

fn curve(from: u64, level: f64, swing: f64) -> Vec<Value> {
    let point = |index: u64| {
        let wave = ((index as f64) * 0.7).sin() * swing + ((index as f64) * 0.23).cos() * swing * 0.6;
        if index == 9 { json!([from + index * 3_000, null]) } else { json!([from + index * 3_000, level + wave]) }
    };
    (0..=20).map(point).collect()
}

pub(crate) fn analysis(from: u64, values: [f64; 3], verdict: Verdict) -> Value {
    let good = |value: f64| if value <= 0.01 { "pass" } else { "fail" };
    let measurements: Vec<Value> = values
        .iter()
        .zip(1_u64..)
        .map(|(value, index)| json!({ "at": from + index * 20_000, "verdict": good(*value), "value": value, "text": value.to_string() }))
        .collect();
    let errors = json!({
        "name": "errors", "unit": "ratio", "group": "errors", "threshold": "<= 0.01", "max": 0.01, "verdict": verdict,
        "reason": format!("measurement 3 of 3: errors is {}, wanted <= 0.01", values[2]),
        "critical": true, "measurements": measurements,
        "series": [
            { "side": "canary", "label": "web__5", "points": curve(from, values[2], values[2] / 4.0) },
            { "side": "baseline", "label": "web__4", "points": curve(from, 0.0015, 0.0004) },
        ],
        "queries": [ {
            "at": from + 60_000, "side": "canary", "query": "rate(errors{group=\"web__5\"}[1m])", "from": from, "to": from + 60_000,
            "step": 3_000, "answer": "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\"}}", "cut": true,
        } ],
        "judgement": {
            "method": "exact", "label": if verdict == Verdict::Pass { "same" } else { "high" }, "samples": [21, 20], "u": 371.5,
            "p": 0.0004, "interval": [0.012, 0.031], "estimate": 0.021,
            "effect": { "measure": "meanRatio", "value": 12.0 }, "digest": "9c".repeat(32),
        },
    });
    let latency = json!({
        "name": "latency", "unit": "ms", "group": "speed", "threshold": "<= 250", "max": 250.0, "verdict": "pass", "dryRun": true,
        "series": [ { "side": "value", "points": curve(from, 180.0, 20.0) } ],
    });
    let score = json!({
        "total": if verdict == Verdict::Pass { 100.0 } else { 40.0 }, "pass": 75, "marginal": 50,
        "classification": verdict, "groups": [ { "name": "errors", "weight": 60, "score": 0 }, { "name": "speed", "weight": 40, "score": 100 } ],
    });
    json!({ "format": 1, "metrics": [errors, latency], "score": score })
}

pub(crate) fn report(verdict: Verdict, summary: &str, analysis: &Value, value: f64) -> Report {
    Report {
        verdict,
        summary: summary.into(),
        findings: if verdict == Verdict::Fail {
            vec![Finding { verdict, message: "errors rose with the new image".into() }]
        } else {
            Vec::new()
        },
        metrics: vec![measured(value, verdict)],
        evidence: BTreeMap::from([("analysis".to_owned(), analysis.clone())]),
        outputs: BTreeMap::new(),
    }
}

pub(crate) fn call(step: &str, at: u64, report: &Report) -> Evidence {
    let exchange = Exchange {
        at: Timestamp(at + 60_000),
        method: "GET".into(),
        url: "http://prometheus.internal/api/v1/query_range?query=rate".into(),
        request_headers: Some(vec![("x-scope-orgid".into(), "web".into())]),
        body: String::new(),
        took: Millis(31),
        answer: Ok(Answered { status: 200, headers: Vec::new(), body: "{\"status\":\"success\"}".into(), cut: false }),
    };
    Evidence {
        step: StepId::new(step),
        fence: 1,
        attempt: 1,
        call: 1,
        at: Timestamp(at),
        plugin: "errors".into(),
        digest: Digest("7f3a".repeat(16)),
        config: json!({ "url": "http://prometheus.internal", "max": 0.01 }),
        run: RunInfo::new(RunId::new(RUN), StepId::new(step), AmiId::new("ami-0green"), Timestamp(at)),
        action: Call::Start { summary: None },
        exchanges: vec![exchange],
        left_out: 0,
        report: Some(report.clone()),
        error: None,
    }
}

/// Its second verification fails, and it is rolled back.
pub(crate) fn failed_canary() -> Tale {
    let mut tale = Tale::new("canary");
    tale.phase("Canary 25%", "setup");
    tale.setup("web__5");
    tale.deploy("phase-1/deploy", "Elastigroup Deploy 25%", 1, 3, (0, 4));
    tale.verify("phase-1/verify-1", [0.002, 0.003, 0.002], Verdict::Pass, "errors is 0.002, wanted <= 0.01");
    tale.done("phase-1/verify-1", 62_100);
    tale.phase("Canary 50%", "phase-2/deploy");
    tale.deploy("phase-2/deploy", "Elastigroup Deploy 50%", 2, 2, (1, 3));
    let summary = "measurement 3 of 3: errors is 0.024, wanted <= 0.01";
    tale.verify("phase-2/verify-1", [0.004, 0.011, 0.024], Verdict::Fail, summary);
    let error = StepError::new(ErrorClass::Verification, format!("verification `errors` failed: {summary}"))
        .hint("look at the metric `errors` of the new image; the run puts the old group back by itself");
    tale.tell(10, "phase-2/verify-1", EventKind::StepFailed { error: error.clone() });
    tale.tell(20, "rollback", EventKind::RollbackStarted { reason: error.message.clone() });
    tale.resize("rollback", old(), full(), &[2, 3, 4], 12_000);
    tale.resize("rollback", new(), Capacity::ZERO, &[2, 0], 9_000);
    tale.tell(10, "rollback", EventKind::GroupEmptied { group: new() });
    tale.tell(500, "rollback", EventKind::DeleteRequested { group: new(), name: GroupName::new("web__5") });
    tale.tell(600, "rollback", EventKind::GroupDeleted { group: new(), already_gone: false });
    tale.done("rollback", 58_000);
    tale.end(Ending::RolledBack, &error.message);
    tale
}

/// Requests move by weight, people approve, and somebody is told.
pub(crate) fn approved_shift() -> Tale {
    let mut tale = Tale::new("blue-green");
    tale.phase("Deploy", "setup");
    tale.setup("web__STAGE__Harness");
    tale.routes();
    tale.start("phase-1/deploy", "Elastigroup ALB Shift Deploy");
    tale.resize("phase-1/deploy", new(), full(), &[0, 2, 3, 4], 11_000);
    tale.done("phase-1/deploy", 45_000);
    tale.phase("Route Update", "route/shift-1");
    tale.shift("route/shift-1", 10);
    tale.approval("route/approve-1", "All of them?", &[("ann", Vote::Approve, "error rate is fine"), ("bob", Vote::Approve, "")]);
    let ballot = tale.ballot("mallory", Vote::Reject, "no");
    tale.tell(1_000, "route/approve-1", EventKind::BallotRefused { ballot, reason: "only ann, bob may vote".into() });
    tale.tell(5, "route/approve-1", EventKind::Approved { by: vec!["ann".into(), "bob".into()] });
    tale.done("route/approve-1", 83_000);
    tale.shift("route/shift-2", 50);
    tale.shift("route/shift-3", 100);
    tale.start("wrap-up/1", "Wrap up with `chat`");
    tale.tell(700, "wrap-up/1", EventKind::WrapUpActed { action: ReceiptAction::Done("Told #deployments".into()) });
    tale.tell(100, "wrap-up/1", EventKind::WrapUpActed { action: ReceiptAction::Failed("ticket OPS-17: HTTP 503".into()) });
    tale.done("wrap-up/1", 900);
    tale.end(Ending::Succeeded, "sig-0000000c `web` serves with min 0, max 10, target 4");
    tale
}

/// Somebody says no at 10 %, and the weights go back.
pub(crate) fn rejected_shift() -> Tale {
    let mut tale = Tale::new("blue-green");
    tale.phase("Deploy", "setup");
    tale.setup("web__STAGE__Harness");
    tale.routes();
    tale.phase("Route Update", "route/shift-1");
    tale.shift("route/shift-1", 10);
    tale.approval("route/approve-1", "All of them?", &[("ann", Vote::Reject, "latency doubled")]);
    tale.tell(5, "route/approve-1", EventKind::Rejected { by: "ann".into(), comment: "latency doubled".into() });
    let error = StepError::new(ErrorClass::Approval, "ann rejected it");
    tale.tell(5, "route/approve-1", EventKind::StepFailed { error });
    tale.tell(10, "rollback", EventKind::RollbackStarted { reason: "ann rejected it".into() });
    let back = EventKind::RouteWritten { load_balancer: "web-alb".into(), port: 80, rule: rule(), forward: forward(100, 0) };
    tale.tell(900, "rollback", back);
    tale.tell(
        100,
        "",
        EventKind::Left { what: "sig-0000000c `web__STAGE__Harness` has no instances, and waits for the next run".into() },
    );
    tale.done("rollback", 1_200);
    tale.end(Ending::RolledBack, "ann rejected it");
    tale
}

/// It waits for people, and its second phase is to come.
pub(crate) fn running() -> Story {
    let mut tale = Tale::new("canary");
    tale.phase("Canary 25%", "setup");
    tale.setup("web__5");
    tale.deploy("phase-1/deploy", "Elastigroup Deploy 25%", 1, 3, (0, 4));
    tale.approval("phase-1/approve-1", "Go to 100%?", &[("ann", Vote::Approve, "")]);
    let planned =
        |id: &str, phase: &str, title: &str| Planned { id: StepId::new(id), phase: Some(phase.into()), title: title.into() };
    let mut facts = facts(tale.now + 20_000, true);
    facts.planned = vec![
        planned("setup", "Canary 25%", "Elastigroup Setup"),
        planned("phase-1/deploy", "Canary 25%", "Elastigroup Deploy 25%"),
        planned("phase-1/approve-1", "Canary 25%", "Approval"),
        planned("phase-2/deploy", "Primary", "Elastigroup Deploy 100%"),
    ];
    Story::of(facts, &tale.events, &tale.evidence)
}

/// Nothing has happened yet.
pub(crate) fn empty() -> Story {
    Story::of(facts(START, false), &[], &[])
}
