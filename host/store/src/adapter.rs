//! The engine's four words, on duroxide. About ten lines that matter: the trait is the exit.
//!
//! Every future that is awaited here is the context's own, since a replay knows no others. Next: `engine`.

use duroxide::{Either2, Either3, OrchestrationContext};
use shiftgate_engine::{Durable, DurableError, Heard, INTERPRETER_VERSION, ORDERS};
use shiftgate_model::Millis;

/// Every version of the interpreter that a run in a journal may be of, and whether it hears orders while it waits.
pub(crate) const VERSIONS: [(&str, bool); 2] = [("1.0.0", false), (INTERPRETER_VERSION, true)];

/// A run inside duroxide.
pub(crate) struct Duroxide {
    pub(crate) context: OrchestrationContext,
    /// Whether a wait hears that there is an order. Runs that an interpreter before 1.1.0 began do not: their waits lie in the
    /// journal without it.
    pub(crate) hears_orders: bool,
}

impl Durable for Duroxide {
    async fn act(&self, name: &'static str, input: String) -> Result<String, DurableError> {
        self.context.schedule_activity(name, input).await.map_err(DurableError)
    }

    async fn wait(&self, signal: Option<&str>, timeout: Millis) -> Result<Heard, DurableError> {
        let context = &self.context;
        // The signal stands first, then the orders: when several are there, the same one wins in every replay.
        let signal = signal.map(|signal| context.dequeue_event(signal));
        let order = self.hears_orders.then(|| context.dequeue_event(ORDERS));
        let timer = context.schedule_timer(timeout.duration());
        Ok(match (signal, order) {
            (Some(signal), Some(order)) => match context.select3(signal, order, timer).await {
                Either3::First(payload) => Heard::Signal(payload),
                Either3::Second(_) => Heard::Order,
                Either3::Third(()) => Heard::Nothing,
            },
            (Some(signal), None) => match context.select2(signal, timer).await {
                Either2::First(payload) => Heard::Signal(payload),
                Either2::Second(()) => Heard::Nothing,
            },
            (None, Some(order)) => match context.select2(order, timer).await {
                Either2::First(_) => Heard::Order,
                Either2::Second(()) => Heard::Nothing,
            },
            (None, None) => {
                timer.await;
                Heard::Nothing
            }
        })
    }

    fn status(&self, status: String) {
        self.context.set_custom_status(status);
    }
}
