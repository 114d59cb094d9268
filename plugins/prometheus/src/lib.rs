//! Verification: holds the result of Prometheus queries against a goal, over some measurements.
//!
//! `config` says what to ask, `query` asks; when to ask and what the answers mean is the crate `analysis`. VictoriaMetrics, Thanos and
//! Mimir speak the same API. Without data it never passes.

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
pub struct Prometheus;

impl Provider for Prometheus {
    type Settings = Settings;

    const NAME: &'static str = "Prometheus";
    const RANGE: Option<Duration> = None;

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        query::ask(cx, settings, &metric.query, scope)
    }
}

analysis::verification!(Prometheus);

plugin! {
    verification: Prometheus,
    http: [{ from_config: "/url", methods: ["GET"], reason: "asks Prometheus for the numbers to judge" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::http::Response;
    use shiftgate_sdk::prelude::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    fn host(values: &[&str]) -> FakeHost {
        let host = FakeHost::new();
        for value in values {
            let body =
                json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]}});
            host.answer(200, body.to_string());
        }
        host
    }

    fn config() -> Value {
        json!({
            "url": "http://p:9090", "query": "errors:ratio", "name": "errors", "unit": "ratio", "max": 0.01,
            "initialDelay": "1m", "interval": "30s", "count": 3,
        })
    }

    #[test]
    fn measures_as_often_as_told_and_passes() {
        let host = host(&["0.001", "0.004", "0.002"]);
        let report = testing::verify::<Prometheus>(&host, &config()).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "all 3 measurements were <= 0.01"));
        let metrics: Vec<_> =
            report.metrics.iter().map(|m| (m.name.as_str(), m.value, m.threshold.as_str(), m.verdict)).collect();
        assert_eq!(
            metrics,
            [
                ("errors", Some(0.002), "<= 0.01", Verdict::Pass),
                ("errors (worst, measurement 2)", Some(0.004), "<= 0.01", Verdict::Pass),
            ]
        );
        assert_eq!(host.waits(), [60, 30, 30].map(Duration::from_secs));
        assert_eq!(host.progress_seen()[1], "measurement 2 of 3: errors is 0.004: pass");
        let evidence = &report.evidence[0].1["metrics"][0];
        assert_eq!(evidence["measurements"][2]["verdict"], "pass");
        assert!(evidence["measurements"][2]["answer"].as_str().unwrap().contains("\"0.002\""));
        assert_eq!(report.findings, []);
    }

    #[test]
    fn fails_as_soon_as_it_is_clear() {
        let host = host(&["0.001", "0.2"]);
        let report = testing::verify::<Prometheus>(&host, &config()).unwrap();
        assert_eq!(report.verdict, Verdict::Fail);
        assert_eq!(report.summary, "measurement 2 of 3: errors is 0.2, wanted <= 0.01");
        assert_eq!(host.requests().len(), 2);
    }

    #[test]
    fn a_deadline_that_comes_too_early_is_told_at_once() {
        let mut host = host(&["0", "0", "0"]);
        host.run.deadline = Some(host.run.started_at + Duration::from_secs(90));
        testing::verify::<Prometheus>(&host, &config()).unwrap();
        assert_eq!(host.logs()[0].1, "the measurements need 2m, and the step has 1m 30s");
    }

    #[test]
    fn no_data_is_inconclusive() {
        let report = testing::verify::<Prometheus>(&host(&["NaN"]), &config()).unwrap();
        assert_eq!(report.verdict, Verdict::Inconclusive);
        assert_eq!((report.metrics.len(), report.metrics[0].value), (1, None));
    }

    #[test]
    fn what_the_limits_allow_is_a_warning_that_a_host_can_believe() {
        let host = host(&["0.001", "0.5", "NaN"]);
        let mut config = config();
        config["failureLimit"] = json!(1);
        config["inconclusiveLimit"] = json!(1);
        let report = testing::verify::<Prometheus>(&host, &config).unwrap();
        assert_eq!(report.verdict, Verdict::Warn);
        assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Warn));
        assert!(report.metrics.iter().all(|metric| metric.value.is_some() && metric.verdict == Verdict::Warn));
        let found: Vec<_> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(found, ["1 of 3 queries failed", "1 of 3 queries could not be judged"]);
    }

    #[test]
    fn a_prometheus_that_is_away_is_an_error_and_no_verdict() {
        let host = FakeHost::new();
        host.always(Ok(Response { status: 503, ..Response::default() }));
        let error = testing::verify::<Prometheus>(&host, &config()).unwrap_err();
        assert_eq!(error.code, "measurement-errors");
        assert_eq!(error.message, "5 queries in a row went wrong, and 4 may; the last: http://p:9090: HTTP 503");
        assert_eq!(host.waits().len(), 5);
    }

    #[test]
    fn the_manifest_says_what_it_asks_for() {
        let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
        assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("prometheus"), &json!("verification")));
        assert_eq!(manifest["requests"]["http"][0]["from_config"], "/url");
        let properties = &manifest["config"]["properties"];
        assert_eq!(properties["consecutiveErrorLimit"]["minimum"], 0);
        assert_eq!(properties["metrics"]["items"]["properties"]["compare"]["properties"]["confidence"]["default"], 0.98);
        assert_eq!(manifest["config"]["required"], json!(["url"]));
    }
}
