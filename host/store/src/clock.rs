//! The time of day. The only place of this room that reads it; tests hand their own clock in. Next: `record`.

use std::time::{SystemTime, UNIX_EPOCH};

use shiftgate_model::{Clock, Millis, Timestamp};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Now; 1970 for a clock that is set before it.
    fn now(&self) -> Timestamp {
        Timestamp(Millis::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()).0)
    }
}
