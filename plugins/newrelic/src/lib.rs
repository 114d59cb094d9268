//! Verification: holds the result of New Relic's NRQL queries against a goal, over some measurements.
//!
//! `config` says what to ask, `query` asks; when to ask and what the answers mean is the crate `analysis`. The key in the config is
//! a placeholder, which the host fills in as a request leaves. Without data it never passes.

pub mod config;
pub mod nrql;
pub mod query;
mod rows;

use analysis::Provider;
use analysis::answer::Asked;
use analysis::scope::Scope;
use analysis::terms::Metric;
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Query, Settings};

/// The plugin.
#[derive(Debug)]
pub struct NewRelic;

impl Provider for NewRelic {
    type Settings = Settings;

    const NAME: &'static str = "New Relic";
    const RANGE: Option<Duration> = None;

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        query::ask(cx, settings, &metric.query, scope)
    }
}

analysis::verification!(NewRelic);

plugin! {
    verification: NewRelic,
    http: [{ from_config: "/url", methods: ["POST"], reason: "asks New Relic for the numbers to judge" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::prelude::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    #[test]
    fn measures_as_often_as_told_and_passes() {
        let host = FakeHost::new();
        for _ in 0..3 {
            host.answer(200, include_str!("shapes/number.json"));
        }
        let config = json!({
            "url": "https://api.newrelic.com", "account": 1234567, "apiKey": "key-of-the-user",
            "query": "SELECT percentage(count(*), WHERE error IS true) FROM Transaction", "name": "errors", "max": 1,
            "interval": "30s", "count": 3,
        });
        let report = testing::verify::<NewRelic>(&host, &config).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "all 3 measurements were <= 1"));
        assert_eq!(report.metrics[0].value, Some(0.25));
    }

    #[test]
    fn the_manifest_says_what_it_asks_for() {
        let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
        assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("newrelic"), &json!("verification")));
        assert_eq!(manifest["requests"]["http"][0]["methods"], json!(["POST"]));
        let mut required: Vec<_> = manifest["config"]["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        required.sort_unstable();
        assert_eq!(required, ["account", "url"]);
    }
}
