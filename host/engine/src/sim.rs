//! The interpreter on tokio's clock, in memory: on a paused clock a deployment of hours runs in milliseconds. For tests and
//! for measuring; it forgets everything with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use shiftgate_model::Millis;
use tokio::sync::Notify;

use crate::{Activities, Durable, DurableError, Heard, ORDERS};

/// A [`Durable`] without durability.
pub struct Sim {
    activities: Arc<Activities>,
    signals: Mutex<HashMap<String, VecDeque<String>>>,
    arrived: Notify,
    statuses: Mutex<Vec<String>>,
}

impl Sim {
    /// Performs with `activities`.
    #[must_use]
    pub fn new(activities: Arc<Activities>) -> Self {
        Self { activities, signals: Mutex::default(), arrived: Notify::new(), statuses: Mutex::default() }
    }

    /// Sends a signal: to the wait under way, or to the next one of that name.
    pub fn signal(&self, name: &str, payload: impl Into<String>) {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.entry(name.to_owned()).or_default().push_back(payload.into());
        self.arrived.notify_waiters();
    }

    /// Every status so far.
    #[must_use]
    pub fn statuses(&self) -> Vec<String> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, signal: &str) -> Option<String> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).get_mut(signal)?.pop_front()
    }

    async fn arrival(&self, signal: Option<&str>) -> Heard {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            if let Some(payload) = signal.and_then(|signal| self.take(signal)) {
                return Heard::Signal(payload);
            }
            if self.take(ORDERS).is_some() {
                return Heard::Order;
            }
            arrived.await;
        }
    }
}

impl Durable for Sim {
    async fn act(&self, _name: &'static str, input: String) -> Result<String, DurableError> {
        self.activities.perform_text(&input).await.map_err(DurableError)
    }

    async fn wait(&self, signal: Option<&str>, timeout: Millis) -> Result<Heard, DurableError> {
        Ok(tokio::time::timeout(timeout.duration(), self.arrival(signal)).await.unwrap_or(Heard::Nothing))
    }

    fn status(&self, status: String) {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).push(status);
    }
}
