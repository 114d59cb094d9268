//! Whether to try again after an answer, and when. Pure.

use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// Whether a status may be another one later.
pub const fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// The pause before retry `number` (1 for the first): doubled each time, or what the server asks for, 5m at most.
pub fn pause(number: u32, backoff: Duration, answer: Option<&Response>, now: Timestamp) -> Duration {
    let doubled = backoff * 2_u64.saturating_pow(number.saturating_sub(1));
    let asked = answer.and_then(|answer| retry_after(answer.header("retry-after")?, now));
    asked.unwrap_or(doubled).min(LONGEST)
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(text).map(|date| date.since(now))
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`: the one form of a date that HTTP writes today (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = 1 + u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let year: u64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    if words.next() != Some("GMT") || !(1970..10_000).contains(&year) || day > 31 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp(seconds * 1_000))
}

/// Days of the Gregorian calendar. Years are counted from March, so that the leap day is the last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day.checked_sub(1)?;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    // 1970-01-01 in the same count.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_792_567_000_000);

    fn with(retry_after: &str) -> Response {
        Response { headers: vec![("retry-after".into(), retry_after.into())], ..Response::default() }
    }

    #[test]
    fn the_pause_doubles_up_to_a_limit() {
        let pauses = [1, 2, 3, 4, 8, 99].map(|number| pause(number, Duration::from_secs(5), None, NOW).to_string());
        assert_eq!(pauses, ["5s", "10s", "20s", "40s", "5m", "5m"]);
    }

    #[test]
    fn the_server_may_ask_for_another() {
        let asked = |text: &str| pause(1, Duration::from_secs(5), Some(&with(text)), NOW).to_string();
        assert_eq!(asked("42"), "42s");
        assert_eq!(asked("86400"), "5m");
        assert_eq!(asked("Wed, 21 Oct 2026 07:17:10 GMT"), "30s");
        assert_eq!(asked("Wed, 21 Oct 2020 07:17:10 GMT"), "0s");
        assert_eq!(asked("soon"), "5s");
    }

    #[test]
    fn dates_are_read() {
        let date = |text: &str| http_date(text).map(|date| date.0 / 1000);
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Tue, 29 Feb 2000 23:59:59 GMT"), Some(951_868_799));
        assert_eq!(date("Wed, 21 Oct 2026 07:17:10 GMT"), Some(1_792_567_030));
        for bad in [
            "",
            "Wed, 21 Oct 2026",
            "Wed, 21 Okt 2026 07:17:10 GMT",
            "Wed, 00 Jan 1970 00:00:00 GMT",
            "Wed, 21 Oct 2026 07:17:10 CET",
        ] {
            assert_eq!(date(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!([400, 404, 408, 410, 429, 500, 503].map(may_pass), [false, false, true, false, true, true, true]);
    }
}
