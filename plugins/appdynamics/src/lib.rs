//! Verification: holds metrics of AppDynamics against a goal, over some measurements.
//!
//! `config` says what to ask, `query` asks; when to ask and what the answers mean is the crate `analysis`. Without data it never
//! passes.

pub mod config;
pub mod query;

use analysis::Provider;
use analysis::answer::Asked;
use analysis::scope::{Scope, Window};
use analysis::terms::Metric;
use shiftgate_sdk::Timestamp;
use shiftgate_sdk::prelude::{Context, Duration, Problem, Result, plugin};

use config::{Query, Settings};

/// How far back a measurement looks that says nothing of it: the last minutes are often not there yet.
const LOOKS_BACK: Duration = Duration::from_secs(600);

/// The plugin.
#[derive(Debug)]
pub struct Appdynamics;

impl Provider for Appdynamics {
    type Settings = Settings;

    const NAME: &'static str = "AppDynamics";
    const RANGE: Option<Duration> = Some(LOOKS_BACK);

    fn problems(settings: &Settings) -> Vec<Problem> {
        settings.problems()
    }

    fn ask(cx: &Context<'_>, settings: &Settings, metric: &Metric<Query>, scope: &Scope) -> Result<Asked> {
        let from = Timestamp(scope.now.0.saturating_sub(LOOKS_BACK.as_millis()));
        let window = scope.window.unwrap_or(Window { from, to: scope.now, step: metric.step });
        query::ask(cx, settings, metric, scope, &window)
    }
}

analysis::verification!(Appdynamics);

plugin! {
    verification: Appdynamics,
    http: [{ from_config: "/url", methods: ["GET"], reason: "asks AppDynamics for the numbers to judge" }],
}

#[cfg(test)]
mod tests;
