//! The three kinds of plugins: one file a world, each with its bindings and its conversions.
//!
//! A kind calls the guest's functions and turns the answers into the model's values; it knows nothing of files, budgets of
//! time, or how an error is told. `run.rs` calls [`Kind::call`].

mod approval;
mod verification;
mod wrap_up;

use shiftgate_model::{Call, Outcome, PluginKind, RunInfo};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::Budgets;
use crate::budgets::Exceeded;
use crate::convert::Intake;
use crate::guest::Guest;

/// A component of a known kind, linked and type-checked, ready to be instantiated.
pub(crate) enum Kind {
    Verification(verification::Pre),
    Approval(approval::Pre),
    WrapUp(wrap_up::Pre),
}

/// Why a call has no outcome.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The guest trapped, or could not be instantiated, or its host failed it.
    Trap(wasmtime::Error),
    /// It answered with more than it may.
    Exceeded(Exceeded),
    /// Its answer is not what the contract promises.
    Broken(String),
    /// The call itself makes no sense for this kind, so no code ran.
    Senseless(&'static str),
    /// It says itself that it could not do its job.
    Step { code: String, message: String, retryable: bool },
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<Exceeded> for Fault {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}

/// One call, as a kind needs it.
pub(crate) struct Request<'a> {
    /// JSON.
    pub(crate) config: &'a String,
    pub(crate) run: &'a RunInfo,
    pub(crate) action: &'a Call,
    pub(crate) budgets: &'a Budgets,
}

impl Request<'_> {
    fn intake(&self) -> Intake<'_> {
        Intake::new(self.budgets)
    }
}

/// What a call answered: the outcome, and what is for the log only.
pub(crate) struct Answered {
    pub(crate) outcome: Outcome,
    /// Findings of a kind whose outcome has no place for them.
    pub(crate) remarks: Vec<String>,
}

impl From<Outcome> for Answered {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, remarks: Vec::new() }
    }
}

impl Kind {
    /// Links a component as `kind`.
    pub(crate) fn link(kind: PluginKind, pre: InstancePre<Guest>) -> wasmtime::Result<Self> {
        Ok(match kind {
            PluginKind::Verification => Self::Verification(verification::Pre::new(pre)?),
            PluginKind::Approval => Self::Approval(approval::Pre::new(pre)?),
            PluginKind::WrapUp => Self::WrapUp(wrap_up::Pre::new(pre)?),
        })
    }

    /// One call in a fresh instance.
    pub(crate) async fn call(&self, store: &mut Store<Guest>, request: &Request<'_>) -> Result<Answered, Fault> {
        match self {
            Self::Verification(pre) => verification::call(pre, store, request).await,
            Self::Approval(pre) => approval::call(pre, store, request).await,
            Self::WrapUp(pre) => wrap_up::call(pre, store, request).await,
        }
    }
}

/// What `validate` found, as an outcome. A macro, because each world has its own type of the same problem.
macro_rules! validated {
    ($request:expr, $problems:expr) => {{
        let problems = $problems;
        let mut intake = $request.intake();
        intake.count("config problems", problems.len())?;
        let taken: Result<Vec<_>, crate::budgets::Exceeded> =
            problems.into_iter().map(|problem| Ok((intake.text(&problem.pointer)?, intake.text(&problem.message)?))).collect();
        let taken = taken?;
        if taken.is_empty() { Outcome::Accepted } else { Outcome::ConfigRefused(taken) }
    }};
}
use validated;
