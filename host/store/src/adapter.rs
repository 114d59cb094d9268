//! The engine's four words, on duroxide. About ten lines that matter: the trait is the exit.
//!
//! Every future that is awaited here is the context's own, since a replay knows no others. Next: `engine`.

use duroxide::{Either2, OrchestrationContext};
use shiftgate_engine::{Durable, DurableError};
use shiftgate_model::Millis;

/// A run inside duroxide.
pub(crate) struct Duroxide(pub(crate) OrchestrationContext);

impl Durable for Duroxide {
    async fn act(&self, name: &'static str, input: String) -> Result<String, DurableError> {
        self.0.schedule_activity(name, input).await.map_err(DurableError)
    }

    async fn sleep(&self, time: Millis) -> Result<(), DurableError> {
        self.0.schedule_timer(time.duration()).await;
        Ok(())
    }

    async fn wait(&self, signal: &str, timeout: Millis) -> Result<Option<String>, DurableError> {
        // The signal stands first: when both are there, it wins, in the first run and in every replay.
        let (signal, timer) = (self.0.dequeue_event(signal), self.0.schedule_timer(timeout.duration()));
        Ok(match self.0.select2(signal, timer).await {
            Either2::First(payload) => Some(payload),
            Either2::Second(()) => None,
        })
    }

    fn status(&self, status: String) {
        self.0.set_custom_status(status);
    }
}
