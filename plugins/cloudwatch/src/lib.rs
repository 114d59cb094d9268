//! Verification: holds metrics of Amazon CloudWatch against a goal, over some measurements, and lets no alarm ring.
//!
//! `config` says what to ask, `query` asks; when to ask and what the answers mean is the crate `analysis`. The plugin holds no
//! credentials: the host signs its requests. Without data it never passes.

mod alarms;
pub mod config;
mod metrics;
pub mod query;
mod wire;

use analysis::answer::Asked;
use analysis::scope::Scope;
use analysis::terms::Metric;
use analysis::{Numbers as _, Provider};
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Query, Settings};

/// The plugin.
#[derive(Debug)]
pub struct CloudWatch;

impl Provider for CloudWatch {
    type Settings = Settings;

    const NAME: &'static str = "CloudWatch";
    // CloudWatch knows no moments, only periods.
    const RANGE: Option<Duration> = Some(Duration::from_secs(300));

    fn metrics(settings: &Settings) -> Vec<Metric<Query>> {
        let metrics = settings.meant().numbers().into_iter();
        metrics.map(|metric| Metric { step: metric.query.period(), ..metric }).collect()
    }

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        query::ask(cx, settings, &metric.query, scope)
    }
}

analysis::verification!(CloudWatch);

plugin! {
    verification: CloudWatch,
    http: [{ from_config: "/url", methods: ["POST"], reason: "asks CloudWatch for metrics and the states of alarms" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::prelude::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    #[test]
    fn measures_as_often_as_told_and_passes() {
        let host = FakeHost::new();
        for value in [1.0, 4.0, 2.0] {
            let result = json!({"Id": "shiftgate", "Label": "e", "Timestamps": [1_767_225_540], "Values": [value], "StatusCode": "Complete"});
            host.answer(200, json!({"MetricDataResults": [result]}).to_string());
        }
        let config = json!({
            "url": "https://monitoring.us-east-1.amazonaws.com", "namespace": "web", "metricName": "errors", "stat": "Sum",
            "name": "errors", "max": 5, "interval": "10s", "count": 3,
        });
        let report = testing::verify::<CloudWatch>(&host, &config).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "all 3 measurements were <= 5"));
        let query = &report.evidence[0].1["metrics"][0]["queries"][0];
        assert_eq!((&query["query"], &query["step"]), (&json!("Sum web errors {} by 1m"), &json!(60_000)));
    }

    #[test]
    fn an_alarm_that_rings_fails_with_its_reason() {
        let host = FakeHost::new();
        let alarm = json!({"AlarmName": "web-errors", "StateValue": "ALARM", "StateReason": "Threshold Crossed"});
        host.answer(200, json!({"MetricAlarms": [alarm], "CompositeAlarms": []}).to_string());
        let config = json!({"url": "https://monitoring.us-east-1.amazonaws.com", "alarms": ["web-errors"]});
        let report = testing::verify::<CloudWatch>(&host, &config).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Fail, "measurement 1 of 1: alarms is 1, wanted <= 0"));
        let found: Vec<_> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(found.contains(&"CloudWatch warns: `web-errors` is in ALARM: Threshold Crossed"), "{found:?}");
    }

    #[test]
    fn the_manifest_says_what_it_asks_for() {
        let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
        assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("cloudwatch"), &json!("verification")));
        assert_eq!(manifest["requests"]["http"][0]["from_config"], "/url");
        assert_eq!(manifest["config"]["required"], json!(["url"]));
        let query = &manifest["config"]["properties"]["metrics"]["items"]["properties"];
        assert_eq!(query["queries"]["items"]["required"], json!(["id", "metricName"]));
    }
}
