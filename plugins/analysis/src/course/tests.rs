//! Whole verifications against a provider that answers by name: `name=value` a line.
#![expect(unreachable_pub, reason = "the macro writes what a plugin shows to others")]

use serde_json::{Value, json};
use shiftgate_sdk::testing::{self, FakeHost};
use shiftgate_sdk::{Group, prelude::*};

use crate::answer::{Answer, Asked, Data, Point};
use crate::scope::Scope;

crate::settings! {
    /// Asks a test.
    pub struct Settings {}
    /// What is asked.
    pub struct Query {
        /// A name.
        pub query: Option<String>,
    }
}

struct Fake;

impl crate::Provider for Fake {
    type Settings = Settings;

    const NAME: &'static str = "Fake";
    const RANGE: Option<Duration> = None;

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems_of_metrics(|_, _| Vec::new())
    }

    fn ask(cx: &Context<'_>, _: &Settings, metric: &crate::terms::Metric<Query>, scope: &Scope) -> Result<Asked> {
        let query = scope.fill(metric.query.query.as_deref().unwrap_or(&metric.name))?;
        let response = match cx.get(&format!("http://fake/{query}")).send() {
            Ok(response) => response.text(),
            Err(error) => return Ok(Asked::new(Answer::Error(error.to_string()), query, "")),
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let point = |(second, text): (usize, &str)| Point { at: Timestamp(second as u64 * 1000), value: number(text) };
        let points: Vec<Point> = response.split_whitespace().enumerate().map(point).collect();
        let answer = match points.as_slice() {
            [] => Answer::NoData("nothing".to_owned()),
            [one] => Answer::Data(Data::number(one.at, one.value)),
            _ => Answer::Data(Data::series(points)),
        };
        Ok(Asked::new(answer, query, response))
    }
}

crate::verification!(Fake);

fn host(answers: &[&str]) -> FakeHost {
    let mut host = FakeHost::new();
    let group = |name: &str| Some(Group { name: name.to_owned(), ..Group::default() });
    host.run.new_group = group("web__4");
    host.run.old_group = group("web__3");
    for answer in answers {
        host.answer(200, *answer);
    }
    host
}

fn verified(host: &FakeHost, config: Value) -> Report {
    testing::verify::<Fake>(host, &config).unwrap()
}

fn asked(host: &FakeHost) -> Vec<String> {
    host.requests().into_iter().map(|request| request.url.trim_start_matches("http://fake/").to_owned()).collect()
}

#[test]
fn each_metric_keeps_its_own_time() {
    let host = host(&["0", "0", "0", "0", "0"]);
    let metrics =
        json!([{"name": "a", "interval": "30s", "count": 3}, {"name": "b", "initialDelay": "45s", "interval": "1m", "count": 2}]);
    let report = verified(&host, json!({"max": 1, "metrics": metrics}));
    assert_eq!(asked(&host), ["a", "a", "b", "a", "b"]);
    assert_eq!(host.waits(), [30, 15, 15, 45].map(Duration::from_secs));
    assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "all 2 metrics are good: a, b"));
    assert_eq!(report.metrics.len(), 2);
}

#[test]
fn the_first_metric_that_fails_ends_the_whole() {
    let host = host(&["0", "5"]);
    let metrics = json!([{"name": "a", "count": 9}, {"name": "b"}]);
    let report = verified(&host, json!({"max": 1, "metrics": metrics}));
    assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Fail, "measurement 1 of 1: b is 5, wanted <= 1"));
    let shown = &report.evidence[0].1["metrics"];
    assert_eq!(shown[0]["reason"], "the end came after 1 of 9 measurements");
    assert_eq!([&shown[0]["verdict"], &shown[1]["verdict"]], ["skipped", "fail"]);
}

#[test]
fn a_dry_run_is_told_and_changes_nothing() {
    let host = host(&["5", "0"]);
    let metrics = json!([{"name": "a", "dryRun": true}, {"name": "b"}]);
    let report = verified(&host, json!({"max": 1, "metrics": metrics}));
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].verdict, Verdict::Warn);
    assert_eq!(report.findings[0].message, "a: `a`: 5, wanted <= 1 (dry run)");
    let alone = verified(&self::host(&["5"]), json!({"max": 1, "name": "a", "dryRun": true}));
    assert_eq!((alone.verdict, alone.summary.as_str()), (Verdict::Skipped, "every metric is a dry run, so nothing is decided"));
}

#[test]
fn what_was_measured_counts_before_what_could_not_be_and_a_dry_run_ends_nothing() {
    let metrics = json!([{"name": "a", "consecutiveErrorLimit": 0, "count": 2}, {"name": "b", "count": 2}]);
    let host = host(&[]);
    host.fail(HttpError::Timeout);
    host.answer(200, "5");
    let report = verified(&host, json!({"max": 1, "metrics": metrics}));
    assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Fail, "measurement 1 of 2: b is 5, wanted <= 1"));
    let metrics = json!([{"name": "a", "dryRun": true, "query": "{{groupId}}"}, {"name": "b"}]);
    let report = verified(&self::host(&["0"]), json!({"max": 1, "metrics": metrics}));
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(report.findings[0].message.contains("nothing-to-ask-for"), "{:?}", report.findings);
}

#[test]
fn a_score_weighs_what_failed_and_a_critical_metric_ends_at_once() {
    let metrics = json!([{"name": "a", "group": "x"}, {"name": "b", "group": "y"}, {"name": "c", "group": "y"}]);
    let config = |score: Value| json!({"max": 1, "metrics": metrics, "score": score});
    let report = verified(&host(&["0", "5", "0"]), config(json!({"weights": {"x": 60}})));
    assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "score 80, at least 75: 1 of 3 metrics failed"));
    assert_eq!(report.findings[0].verdict, Verdict::Warn, "what is outweighed is something to look at");
    assert_eq!(report.evidence[0].1["score"]["classification"], "pass");
    let report = verified(&host(&["0", "5", "0"]), config(json!({"weights": {"x": 40}, "pass": 80})));
    assert_eq!(report.verdict, Verdict::Inconclusive, "marginal asks a person");
    let critical = json!([{"name": "a", "critical": true}, {"name": "b", "count": 9}]);
    let host = host(&["5", "0"]);
    let report = verified(&host, json!({"max": 1, "metrics": critical, "score": {}}));
    assert_eq!((report.verdict, asked(&host).len()), (Verdict::Fail, 2));
}

/// Twenty samples around a number.
fn around(value: f64) -> String {
    (0..20).map(|n| format!("{} ", value * (1.0 + f64::from(n % 5) / 100.0))).collect()
}

fn comparing() -> Value {
    json!({
        "name": "errors", "query": "errors/{{group}}", "interval": "1m", "for": "3m",
        "compare": {"direction": "increase", "minimalDifference": 0.001},
    })
}

#[test]
fn two_groups_are_asked_about_the_same_time_and_a_worse_one_fails() {
    let host = host(&["", "0.001 0.001", &around(0.05), &around(0.001)]);
    let report = verified(&host, comparing());
    assert_eq!(asked(&host), ["errors/web__4", "errors/web__3", "errors/web__4", "errors/web__3"]);
    assert_eq!(host.waits(), [60, 60].map(Duration::from_secs), "at once there is nothing to compare");
    assert_eq!(report.verdict, Verdict::Fail);
    assert!(report.summary.starts_with("measurement 2 of 3: errors: canary is higher: "), "{}", report.summary);
    let shown = &report.evidence[0].1["metrics"][0];
    assert_eq!(shown["judgement"]["label"], "high");
    assert_eq!([&shown["series"][0]["label"], &shown["series"][1]["label"]], ["web__4", "web__3"]);
    assert_eq!(shown["queries"][1]["from"], 1_767_225_600_000_u64);
    assert_eq!(shown["measurements"][0]["verdict"], "skipped");
}

#[test]
fn equal_groups_pass_and_no_data_never_does() {
    let same = around(0.001);
    let report = verified(&host(&[&same, &same, &same, &same, &same, &same]), comparing());
    assert_eq!(report.verdict, Verdict::Pass);
    assert!(report.summary.starts_with("errors: canary shows no difference"), "{}", report.summary);
    assert_eq!(report.metrics[0].threshold, "no higher than the old group");
    let report = verified(&host(&["", &same, "", &same, "", &same]), comparing());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.summary.contains("no data: the canary has no samples"), "{}", report.summary);
}

#[test]
fn a_first_deployment_has_nothing_to_compare_with() {
    let mut host = host(&[]);
    host.run.old_group = None;
    let report = verified(&host, comparing());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.summary.contains("this is a first deployment"), "{}", report.summary);
}
