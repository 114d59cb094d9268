//! Verification: holds numbers of any JSON answer against a goal, over some measurements.
//!
//! `config` says what to ask, `query` asks, `path` and `moment` read; when to ask and what the answers mean is the crate `analysis`.
//! Without data it never passes.

pub mod config;
pub mod moment;
pub mod path;
pub mod query;

use analysis::Provider;
use analysis::answer::Asked;
use analysis::scope::Scope;
use analysis::terms::Metric;
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Query, Settings};

/// The plugin.
#[derive(Debug)]
pub struct HttpJson;

impl Provider for HttpJson {
    type Settings = Settings;

    const NAME: &'static str = "the API";
    const RANGE: Option<Duration> = None;

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        query::ask(cx, settings, metric, scope)
    }
}

analysis::verification!(HttpJson);

plugin! {
    verification: HttpJson,
    http: [{ from_config: "/url", methods: ["GET", "POST"], reason: "asks for the numbers to judge" }],
}

#[cfg(test)]
mod tests;
