//! Moments and lengths of time. A plugin has no clock of its own: the moment comes from [`Context::now`](crate::Context::now).

use std::fmt;
use std::ops::{Add, Mul};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, in whole milliseconds. In a config and in JSON it is text: `30s`, `10m`, `1h 30m`, `250ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// Longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Duration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// In seconds.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }

    /// Whether it is no time.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads `30s`, `10m`, `1h 30m`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut total: u64 = 0;
        let mut rest = text;
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at_checked(digits)?;
            let letters = tail.bytes().take_while(u8::is_ascii_lowercase).count();
            let (unit, tail) = tail.split_at_checked(letters)?;
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
            if tail.is_empty() {
                return Some(Self(total));
            }
            rest = tail.strip_prefix(' ').unwrap_or(tail);
        }
    }
}

impl Mul<u64> for Duration {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }
}

impl fmt::Display for Duration {
    /// The shortest text that loses nothing: `1h 30m`, `20m`, `4s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut between = "";
        for (name, size) in UNITS {
            if rest >= size {
                write!(f, "{between}{}{name}", rest / size)?;
                rest %= size;
                between = " ";
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no duration; write a number with a unit: `30s`, `10m`, `1h 30m`"))
        })
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long after `earlier` this is; no time when it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }

    /// In seconds, with the milliseconds as fraction: how Prometheus wants it.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

/// As ISO 8601 has it, in UTC: `2026-01-31T12:00:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400_000, self.0 % 86_400_000);
        // A year begins in March here, so that the leap day is its last; the months' lengths then repeat every five.
        let days = days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let date = day_of_year - (153 * shifted + 2) / 5 + 1;
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_what_it_shows() {
        for text in ["0s", "250ms", "4s", "1m 1s 500ms", "20m", "1h 30m", "2d"] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Duration::parse("1h30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(Duration::parse("90s"), Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_moment_is_shown_as_iso_8601() {
        let shown =
            [0, 951_782_400_000, 1_709_164_799_999, 1_767_225_600_123, 4_102_444_799_000].map(|at| Timestamp(at).to_string());
        let expected = [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T00:00:00.000Z",
            "2024-02-28T23:59:59.999Z",
            "2026-01-01T00:00:00.123Z",
            "2099-12-31T23:59:59.000Z",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn other_text_is_no_duration() {
        for text in ["", "30", "s", "30 s", "-1s", "1.5h", "30S", "1h ", "99999999999999999999s", "1w", "1é"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }
}
