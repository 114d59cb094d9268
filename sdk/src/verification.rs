//! Plugins that judge a deployment.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{Config, Problem};
use crate::step::{Result, SavedState, Step, StepError, Wake, read_config, restore, save};
use crate::{Context, Host, RunInfo};

/// A plugin that judges a deployment. Exported by [`plugin!`](crate::plugin).
///
/// Every call happens in a fresh instance: what has to be remembered goes into the state. No call may wait for long.
pub trait Verification {
    /// The step's `with:`.
    type Config: Config;
    /// What is remembered over a wait; `()` when the plugin never waits.
    type State: Serialize + DeserializeOwned;
    /// The version of [`State`](Self::State); count up when its shape changes.
    const STATE_VERSION: u32 = 1;
    /// Every version that can be read: this one, and those that [`upgrade`](Self::upgrade) knows.
    const STATE_READS: &'static [u32] = &[Self::STATE_VERSION];

    /// What the schema cannot say: all problems at once. No network, no waiting.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn validate(config: &Self::Config) -> Vec<Problem> {
        Vec::new()
    }

    /// Begins the step.
    ///
    /// # Errors
    /// [`StepError`] when the plugin cannot do its job. A failed check is a [`Report`].
    fn start(cx: &Context<'_>, config: &Self::Config) -> Result<Step<Report, Self::State>>;

    /// Goes on after a wait. May come twice with the same state.
    ///
    /// # Errors
    /// As [`start`](Self::start); the default refuses, for plugins that never wait.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn poll(cx: &Context<'_>, config: &Self::Config, state: Self::State, wake: Wake) -> Result<Step<Report, Self::State>> {
        Err(StepError::never("not-waiting", "this plugin never waits, and was woken"))
    }

    /// The step is no longer wanted. Must be quick, and may come twice.
    ///
    /// # Errors
    /// [`StepError`] when something is left behind.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn cancel(cx: &Context<'_>, config: &Self::Config, state: Self::State) -> Result<()> {
        Ok(())
    }

    /// Reads the state of an older version, as JSON; none when that version is not known.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn upgrade(version: u32, state: Value) -> Option<Self::State> {
        None
    }
}

/// A judgement. Pass and warn let the run go on, fail ends it, inconclusive asks a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As good as it has to be.
    Pass,
    /// As good as it has to be, with something to look at.
    Warn,
    /// Not good enough.
    Fail,
    /// Cannot tell. Without data the verdict is this, never pass.
    Inconclusive,
    /// Not needed.
    Skipped,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        })
    }
}

/// The end of a verification.
///
/// A host does not believe a pass that has a failing finding or a metric without a value: it takes it for inconclusive.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The judgement.
    pub verdict: Verdict,
    /// One sentence.
    pub summary: String,
    /// What was found, most important first.
    pub findings: Vec<Finding>,
    /// What was measured.
    pub metrics: Vec<Metric>,
    /// What a person may want to see: queries with their raw answers, by name.
    pub evidence: Vec<(String, Value)>,
    /// Values for later steps, by name.
    pub outputs: Vec<(String, Value)>,
}

impl Report {
    /// A report without details.
    pub fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        let summary = summary.into();
        Self { verdict, summary, findings: Vec::new(), metrics: Vec::new(), evidence: Vec::new(), outputs: Vec::new() }
    }

    /// As good as it has to be.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, summary)
    }

    /// Not good enough.
    pub fn fail(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, summary)
    }

    /// Cannot tell.
    pub fn inconclusive(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Inconclusive, summary)
    }

    /// Adds a finding.
    #[must_use]
    pub fn finding(mut self, verdict: Verdict, message: impl Into<String>) -> Self {
        self.findings.push(Finding { verdict, message: message.into() });
        self
    }

    /// Adds a metric.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metrics.push(metric);
        self
    }

    /// Adds what a person may want to see.
    #[must_use]
    pub fn evidence(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.evidence.push((name.into(), value.into()));
        self
    }

    /// Adds a value for later steps.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.outputs.push((name.into(), value.into()));
        self
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it means for the verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub message: String,
}

/// One number measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// None when there was no data. NaN and infinity count as none.
    pub value: Option<f64>,
    /// `ratio`, `ms`, …; empty when it has none.
    pub unit: String,
    /// The limit in words: `<= 0.01`; empty when there was none.
    pub threshold: String,
    /// What it means for the verdict.
    pub verdict: Verdict,
}

impl Metric {
    /// A number with what it means.
    pub fn new(name: impl Into<String>, value: Option<f64>, verdict: Verdict) -> Self {
        Self { name: name.into(), value, unit: String::new(), threshold: String::new(), verdict }
    }

    /// Sets the unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Sets the limit in words.
    #[must_use]
    pub fn threshold(mut self, threshold: impl Into<String>) -> Self {
        self.threshold = threshold.into();
        self
    }
}

/// The functions of the contract in SDK types: what a component exports, and what a native test calls.
#[doc(hidden)]
pub mod call {
    use super::*;

    pub fn validate<P: Verification>(config: &str) -> Vec<Problem> {
        match read_config(config) {
            Ok(config) => P::validate(&config),
            Err(error) => vec![Problem::at("", error.message)],
        }
    }

    pub fn start<P: Verification>(host: &dyn Host, config: &str, run: &RunInfo) -> Result<Step<Report, SavedState>> {
        saved::<P>(P::start(&Context::new(host, run), &read_config(config)?)?)
    }

    pub fn poll<P: Verification>(
        host: &dyn Host,
        config: &str,
        run: &RunInfo,
        state: &SavedState,
        wake: Wake,
    ) -> Result<Step<Report, SavedState>> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        saved::<P>(P::poll(&Context::new(host, run), &read_config(config)?, state, wake)?)
    }

    pub fn cancel<P: Verification>(host: &dyn Host, config: &str, run: &RunInfo, state: &SavedState) -> Result<()> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        P::cancel(&Context::new(host, run), &read_config(config)?, state)
    }

    fn saved<P: Verification>(step: Step<Report, P::State>) -> Result<Step<Report, SavedState>> {
        Ok(match step {
            Step::Done(report) => Step::Done(report),
            Step::Wait(suspension) => Step::Wait(save(&suspension, P::STATE_VERSION)?),
        })
    }
}
