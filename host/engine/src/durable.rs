//! Everything that the interpreter needs from an engine for durable execution; and everything that it may use.
//!
//! The trait is the exit: an engine is an adapter of about ten lines. Next: `interpreter`.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use shiftgate_model::{Ending, Millis, RunId, StoreError, Timestamp};
use shiftgate_workflow::Plan;

/// The engine, or the activity, could not do its part; the run stands where it stood and can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DurableError(pub String);

/// The signal that says that an operator's order is on record.
pub const ORDERS: &str = "orders";

/// What ended a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The signal, and what it carried.
    Signal(String),
    /// There is an order on record.
    Order,
    /// Nothing in all the time.
    Nothing,
}

/// A journal of activities, timers and signals, replayed after a crash.
pub trait Durable: Send + Sync {
    /// Runs an activity by name, once as far as the journal knows: a replay gets the recorded reply.
    ///
    /// Errors: the activity could not record what it did ([`StoreError`]'s text), or the engine failed.
    fn act(&self, name: &'static str, input: String) -> impl Future<Output = Result<String, DurableError>> + Send;

    /// Waits for a time that survives the process, and meanwhile for a signal, first sent first taken, also one sent before,
    /// and for the word that there is an order ([`ORDERS`]).
    fn wait(&self, signal: Option<&str>, timeout: Millis) -> impl Future<Output = Result<Heard, DurableError>> + Send;

    /// Says where the run is, for whoever lists runs.
    fn status(&self, status: String);
}

/// The runs that the record knows. Implemented by `store`.
#[async_trait]
pub trait Runs: Send + Sync {
    /// The run's own copy of its plan.
    ///
    /// Errors: no such run, or its plan cannot be read.
    async fn plan(&self, run: &RunId) -> Result<Arc<Plan>, StoreError>;

    /// Records the ending. An ending is terminal, but for `Aborted` and `Stuck`, which a resumed run may replace, and for
    /// `Succeeded`, which a rollback may.
    async fn end(&self, run: &RunId, ending: Ending, at: Timestamp) -> Result<(), StoreError>;
}
