//! Verification: holds metrics and counts of logs of Datadog against a goal, over some measurements.
//!
//! `config` says what to ask, `query` asks; when to ask and what the answers mean is the crate `analysis`. The keys in the config
//! are placeholders, which the host fills in as a request leaves. Without data it never passes.

pub mod config;
pub mod query;

use analysis::Provider;
use analysis::answer::Asked;
use analysis::scope::Scope;
use analysis::terms::Metric;
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Query, Settings};

/// The plugin.
#[derive(Debug)]
pub struct Datadog;

impl Provider for Datadog {
    type Settings = Settings;

    const NAME: &'static str = "Datadog";
    // Datadog knows no moments: every query has a begin and an end.
    const RANGE: Option<Duration> = Some(Duration::from_secs(300));

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        query::ask(cx, settings, &metric.query, scope)
    }
}

analysis::verification!(Datadog);

plugin! {
    verification: Datadog,
    http: [{ from_config: "/url", methods: ["GET", "POST"], reason: "asks Datadog for metrics (GET) and counts logs (POST)" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::prelude::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    #[test]
    fn several_numbers_are_measured_and_pass() {
        let host = FakeHost::new();
        host.answer(200, include_str!("shapes/metrics.json"));
        host.answer(200, include_str!("shapes/logs.json"));
        let config = json!({
            "url": "https://api.datadoghq.com", "apiKey": "a", "applicationKey": "b",
            "metrics": [
                {"name": "load", "query": "avg:system.load.1{*}", "max": 1},
                {"name": "errors", "logs": "status:error", "max": 10},
            ],
        });
        let report = testing::verify::<Datadog>(&host, &config).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "all 2 metrics are good: load, errors"));
        let metrics: Vec<_> = report.metrics.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(metrics, [("load", Some(0.75)), ("errors", Some(7.0))]);
    }

    #[test]
    fn a_limit_is_waited_for() {
        let host = FakeHost::new();
        host.answer(429, r#"{"errors": ["Rate limit of 100 requests in 60 seconds reached"]}"#);
        host.answer(200, include_str!("shapes/metrics.json"));
        let config = json!({
            "url": "https://api.datadoghq.com", "apiKey": "a", "applicationKey": "b", "query": "avg:system.load.1{*}", "max": 1,
        });
        let report = testing::verify::<Datadog>(&host, &config).unwrap();
        assert_eq!((report.verdict, host.waits()), (Verdict::Pass, vec![Duration::from_secs(10)]));
    }

    #[test]
    fn the_manifest_says_what_it_asks_for() {
        let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
        assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("datadog"), &json!("verification")));
        assert_eq!(manifest["requests"]["http"][0]["methods"], json!(["GET", "POST"]));
        let mut required: Vec<_> = manifest["config"]["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        required.sort_unstable();
        assert_eq!(required, ["apiKey", "applicationKey", "url"]);
    }
}
