//! Words for moments and lengths of time, the same in a report and in what the program says. Pure.

use shiftgate_model::{Millis, Timestamp};

/// A moment in UTC, in strftime's words.
#[must_use]
pub fn moment(at: Timestamp, format: &str) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| format!("{}ms", at.0), |stamp| stamp.strftime(format).to_string())
}

/// `2026-11-23 21:45:01 UTC`.
#[must_use]
pub fn date_time(at: Timestamp) -> String {
    moment(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// `21:45:01`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    moment(at, "%H:%M:%S")
}

/// A length of time to the second; under ten seconds to the tenth.
#[must_use]
pub fn length(time: Millis) -> String {
    if time.0 < 10_000 {
        return format!("{}.{}s", time.0 / 1_000, time.0 % 1_000 / 100);
    }
    Millis::seconds(time.0 / 1_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(date_time(Timestamp(1_795_470_301_250)), "2026-11-23 21:45:01 UTC");
        assert_eq!([0, 250, 9_999, 61_500].map(|ms| length(Millis(ms))), ["0.0s", "0.2s", "9.9s", "1m 1s"]);
    }
}
