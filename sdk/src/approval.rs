//! Plugins that collect ballots. The host counts them: a plugin never decides that a run is approved.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, Problem};
use crate::step::{Result, SavedState, StepError, Suspension, Wake, read_config, restore, save};
use crate::{Context, Finding, Host, RunInfo, Timestamp, Verdict};

/// A plugin that collects ballots. Exported by [`plugin!`](crate::plugin).
///
/// Every call happens in a fresh instance: what has to be remembered goes into the state. No call may wait for long.
pub trait Approval {
    /// The step's `with:`.
    type Config: Config;
    /// What is remembered over a wait.
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
    /// [`StepError`] when the plugin cannot do its job. A rejection is a [`Ballot`].
    fn start(cx: &Context<'_>, config: &Self::Config) -> Result<Progress<Self::State>>;

    /// Goes on after a wait. May come twice with the same state.
    ///
    /// # Errors
    /// As [`start`](Self::start); the default refuses, for plugins that never wait.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn poll(cx: &Context<'_>, config: &Self::Config, state: Self::State, wake: Wake) -> Result<Progress<Self::State>> {
        Err(StepError::never("not-waiting", "this plugin never waits, and was woken"))
    }

    /// The step is no longer wanted, or is decided. Must be quick, and may come twice.
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

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Go on.
    Approve,
    /// Do not go on.
    Reject,
}

/// A claim that somebody voted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Who.
    pub subject: String,
    /// What they said.
    pub vote: Vote,
    /// When.
    pub at: Timestamp,
    /// Empty when they said nothing.
    pub comment: String,
    /// The digest of the plan that they were shown; none when the vote is bound to none.
    pub bound_digest: Option<String>,
}

/// The ballots so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Every ballot, oldest first.
    pub ballots: Vec<Ballot>,
    /// One sentence.
    pub summary: String,
    /// What was found, most important first.
    pub findings: Vec<Finding>,
    /// Values for later steps, by name.
    pub outputs: Vec<(String, Value)>,
}

impl Tally {
    /// Ballots with a sentence on them.
    pub fn new(ballots: Vec<Ballot>, summary: impl Into<String>) -> Self {
        Self { ballots, summary: summary.into(), findings: Vec::new(), outputs: Vec::new() }
    }

    /// Adds a finding.
    #[must_use]
    pub fn finding(mut self, verdict: Verdict, message: impl Into<String>) -> Self {
        self.findings.push(Finding { verdict, message: message.into() });
        self
    }
}

/// The ballots so far, and how to go on while the host finds no decision in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress<S> {
    /// The ballots so far.
    pub tally: Tally,
    /// None when no more ballots can come.
    pub next: Option<Suspension<S>>,
}

/// The functions of the contract in SDK types: what a component exports, and what a native test calls.
#[doc(hidden)]
pub mod call {
    use super::*;

    pub fn validate<P: Approval>(config: &str) -> Vec<Problem> {
        match read_config(config) {
            Ok(config) => P::validate(&config),
            Err(error) => vec![Problem::at("", error.message)],
        }
    }

    pub fn start<P: Approval>(host: &dyn Host, config: &str, run: &RunInfo) -> Result<Progress<SavedState>> {
        saved::<P>(P::start(&Context::new(host, run), &read_config(config)?)?)
    }

    pub fn poll<P: Approval>(
        host: &dyn Host,
        config: &str,
        run: &RunInfo,
        state: &SavedState,
        wake: Wake,
    ) -> Result<Progress<SavedState>> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        saved::<P>(P::poll(&Context::new(host, run), &read_config(config)?, state, wake)?)
    }

    pub fn cancel<P: Approval>(host: &dyn Host, config: &str, run: &RunInfo, state: &SavedState) -> Result<()> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        P::cancel(&Context::new(host, run), &read_config(config)?, state)
    }

    fn saved<P: Approval>(progress: Progress<P::State>) -> Result<Progress<SavedState>> {
        let next = progress.next.map(|suspension| save(&suspension, P::STATE_VERSION)).transpose()?;
        Ok(Progress { tally: progress.tally, next })
    }
}
