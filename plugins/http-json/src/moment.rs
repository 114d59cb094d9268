//! Moments as APIs write them: seconds, milliseconds, or ISO 8601 with a zone.
//!
//! Pure. A moment before 1970 is none.

use shiftgate_sdk::Timestamp;
use shiftgate_sdk::prelude::Value;

use crate::config::TimestampUnit;

/// Reads a moment; a number may stand in a text.
pub fn read(json: &Value, unit: TimestampUnit) -> Option<Timestamp> {
    let number = || match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let millis = match unit {
        TimestampUnit::S => number()? * 1000.0,
        TimestampUnit::Ms => number()?,
        TimestampUnit::Iso => return iso(json.as_str()?),
    };
    // Later than the year 9999, it is of another unit.
    (0.0..=253_402_300_800_000.0).contains(&millis).then(|| Timestamp(millis.round() as u64))
}

/// `2026-01-31T12:00:00.123Z`, `2026-01-31 12:00:00+01:00`, `2026-01-31T12:00Z`.
fn iso(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at_checked(zone)?;
    let offset = offset(zone)?;
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    digits(fraction)?;
    let millis = format!("0.{fraction}").parse::<f64>().ok()? * 1000.0;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    u64::try_from(seconds * 1000 + millis.round() as i64).ok().map(Timestamp)
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() < 18 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// How far a zone is ahead, in seconds.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        'Z' | 'z' => return (zone.len() == 1).then_some(0),
        '-' => -1,
        _ => 1,
    };
    let zone = zone.get(1..)?.replace(':', "");
    let (hours, minutes) = zone.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes)? };
    Some(sign * (digits(hours)? * 3_600 + minutes * 60))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970. A year begins in March here, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::prelude::json;

    #[test]
    fn iso_8601_is_read_as_it_is_shown() {
        for at in [0, 951_782_400_000, 1_709_164_799_999, 1_767_225_600_123, 4_102_444_799_000] {
            let shown = Timestamp(at).to_string();
            assert_eq!(iso(&shown), Some(Timestamp(at)), "{shown}");
        }
        let same =
            ["2026-01-01T00:00:00Z", "2026-01-01 01:00:00+01:00", "2025-12-31T19:30-0430", "2026-01-01T01:00:00.000000+01"];
        assert_eq!(same.map(iso), [Some(Timestamp(1_767_225_600_000)); 4]);
    }

    #[test]
    fn other_text_is_no_moment() {
        let wrong =
            ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00Z", "1969-12-31T00:00Z"];
        assert_eq!(wrong.map(iso), [None; 7]);
    }

    #[test]
    fn numbers_are_of_their_unit() {
        let at = |json: Value, unit| read(&json, unit).map(|at| at.0);
        assert_eq!(at(json!(1_700_000_000.5), TimestampUnit::S), Some(1_700_000_000_500));
        assert_eq!(at(json!("1700000000"), TimestampUnit::S), Some(1_700_000_000_000));
        assert_eq!(at(json!(1_700_000_000_500_u64), TimestampUnit::Ms), Some(1_700_000_000_500));
        assert_eq!(at(json!(1_700_000_000_500_u64), TimestampUnit::S), None, "these are milliseconds");
        assert_eq!(at(json!(-1), TimestampUnit::Ms), None);
        assert_eq!(at(json!(1), TimestampUnit::Iso), None);
    }
}
