//! Verification: counts messages in Elasticsearch or OpenSearch, and finds kinds of messages that are new.
//!
//! `config` says what to ask, `query` writes it, `search` sends it; `count` and `messages` are the two modes. When to ask and what the
//! numbers mean is the crate `analysis`. An answer that is not complete is never believed.

pub mod config;
pub mod count;
pub mod messages;
pub mod query;
pub mod search;
pub mod template;

use analysis::Provider;
use analysis::answer::Asked;
use analysis::scope::{Scope, Window};
use analysis::terms::Metric;
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Mode, Query, Settings};

/// How far back a measurement looks that says nothing of it.
const LOOKS_BACK: Duration = Duration::from_secs(300);

/// The plugin.
#[derive(Debug)]
pub struct Elasticsearch;

impl Provider for Elasticsearch {
    type Settings = Settings;

    const NAME: &'static str = "Elasticsearch";
    const RANGE: Option<Duration> = Some(LOOKS_BACK);

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        let from = shiftgate_sdk::Timestamp(scope.now.0.saturating_sub(LOOKS_BACK.as_millis()));
        let window = scope.window.unwrap_or(Window { from, to: scope.now, step: metric.step });
        let window = query::told_by(&metric.query, window);
        match metric.query.mode.unwrap_or_default() {
            Mode::Count => count::ask(cx, settings, metric, scope, &window),
            Mode::NewMessages => messages::ask(cx, settings, &metric.query, scope, &window),
        }
    }
}

analysis::verification!(Elasticsearch);

plugin! {
    verification: Elasticsearch,
    http: [{ from_config: "/url", methods: ["POST"], reason: "searches the messages to judge" }],
}

#[cfg(test)]
mod tests;
