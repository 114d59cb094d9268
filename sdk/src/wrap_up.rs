//! Plugins that act after the end, whatever it was.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::config::{Config, Problem};
use crate::step::{Result, SavedState, Step, StepError, Wake, read_config, restore, save};
use crate::{Context, Host, RunInfo};

/// A plugin that acts after the end. Exported by [`plugin!`](crate::plugin).
///
/// Every call happens in a fresh instance: what has to be remembered goes into the state. No call may wait for long.
/// After a lost reply the step runs again with the same idempotency key; nothing may then happen twice.
pub trait WrapUp {
    /// The step's `with:`.
    type Config: Config;
    /// What is remembered over a wait; `()` when the plugin never waits. A poll does not get the summary again: what it
    /// needs of it goes in here.
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
    /// [`StepError`] when the plugin cannot do its job. What was to be done and was not is an [`Action::Failed`].
    fn start(cx: &Context<'_>, config: &Self::Config, summary: &Summary) -> Result<Step<Receipt, Self::State>>;

    /// Goes on after a wait. May come twice with the same state.
    ///
    /// # Errors
    /// As [`start`](Self::start); the default refuses, for plugins that never wait.
    #[expect(unused_variables, reason = "a default that needs nothing")]
    fn poll(cx: &Context<'_>, config: &Self::Config, state: Self::State, wake: Wake) -> Result<Step<Receipt, Self::State>> {
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

/// How the run ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// `succeeded`, `failed`, `rolled_back`, `aborted`, `stuck`.
    pub ending: String,
    /// One sentence.
    pub text: String,
    /// Facts of later contracts. Ignore what you do not know.
    pub attributes: Map<String, Value>,
}

/// One thing that was to be done, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Would be done (dry run).
    Planned(String),
    /// Was done.
    Done(String),
    /// An earlier attempt had done it.
    AlreadyDone(String),
    /// Could not be done.
    Failed(String),
}

/// The end of a wrap-up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receipt {
    /// What was done.
    pub actions: Vec<Action>,
    /// Values for the record, by name.
    pub outputs: Vec<(String, Value)>,
}

impl Receipt {
    /// A receipt for one thing.
    #[must_use]
    pub fn of(action: Action) -> Self {
        Self { actions: vec![action], outputs: Vec::new() }
    }

    /// Adds a value for the record.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.outputs.push((name.into(), value.into()));
        self
    }
}

/// The functions of the contract in SDK types: what a component exports, and what a native test calls.
#[doc(hidden)]
pub mod call {
    use super::*;

    pub fn validate<P: WrapUp>(config: &str) -> Vec<Problem> {
        match read_config(config) {
            Ok(config) => P::validate(&config),
            Err(error) => vec![Problem::at("", error.message)],
        }
    }

    pub fn start<P: WrapUp>(
        host: &dyn Host,
        config: &str,
        run: &RunInfo,
        summary: &Summary,
    ) -> Result<Step<Receipt, SavedState>> {
        saved::<P>(P::start(&Context::new(host, run), &read_config(config)?, summary)?)
    }

    pub fn poll<P: WrapUp>(
        host: &dyn Host,
        config: &str,
        run: &RunInfo,
        state: &SavedState,
        wake: Wake,
    ) -> Result<Step<Receipt, SavedState>> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        saved::<P>(P::poll(&Context::new(host, run), &read_config(config)?, state, wake)?)
    }

    pub fn cancel<P: WrapUp>(host: &dyn Host, config: &str, run: &RunInfo, state: &SavedState) -> Result<()> {
        let state = restore(state, P::STATE_VERSION, P::upgrade)?;
        P::cancel(&Context::new(host, run), &read_config(config)?, state)
    }

    fn saved<P: WrapUp>(step: Step<Receipt, P::State>) -> Result<Step<Receipt, SavedState>> {
        Ok(match step {
            Step::Done(receipt) => Step::Done(receipt),
            Step::Wait(suspension) => Step::Wait(save(&suspension, P::STATE_VERSION)?),
        })
    }
}
