//! NRQL as far as this plugin has to know it: whether a query has a clause, and the clauses that it lacks.
//!
//! Pure. It does not parse: a word in quotes is text or a name, any other is a clause.

use analysis::scope::{Scope, Window};
use shiftgate_sdk::prelude::Duration;

/// New Relic's most buckets of one time series.
const BUCKETS: u64 = 366;
/// What a query looks back on that says nothing of it, in milliseconds: New Relic itself would take an hour.
const MOMENT: u64 = 300_000;

/// Whether a query has this word outside of quotes, in any case.
pub fn has(nrql: &str, word: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    let mut bare = String::with_capacity(nrql.len());
    for character in nrql.chars() {
        match quote {
            // A name in backticks has no escapes.
            Some(open) if character == open && !escaped => quote = None,
            Some(open) => escaped = character == '\\' && !escaped && open != '`',
            None if matches!(character, '\'' | '"' | '`') => {
                (quote, escaped) = (Some(character), false);
                bare.push(' ');
            }
            None => bare.push(character),
        }
    }
    let of_a_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
    bare.split(|character| !of_a_word(character)).any(|found| found.eq_ignore_ascii_case(word))
}

/// A query with the time that it is about: `SINCE` and `UNTIL` unless it has one of them, `TIMESERIES` for a window.
pub(crate) fn complete(nrql: &str, scope: &Scope) -> String {
    let mut query = nrql.trim_end().to_owned();
    let (from, to, bucket) = match scope.window {
        Some(window) => {
            let bucket = bucket(window.length(), window.step);
            (whole_buckets(window, bucket), window.to.0, Some(bucket))
        }
        None => (scope.now.0.saturating_sub(MOMENT), scope.now.0, None),
    };
    if !has(nrql, "SINCE") && !has(nrql, "UNTIL") {
        query.push_str(&format!(" SINCE {from} UNTIL {to}"));
    }
    if let (Some(seconds), false) = (bucket, has(nrql, "TIMESERIES")) {
        query.push_str(&format!(" TIMESERIES {seconds} seconds"));
    }
    query
}

/// The length of a bucket in seconds: the step, or more where it would make too many.
fn bucket(length: Duration, step: Duration) -> u64 {
    let least = length.as_millis().div_ceil(BUCKETS * 1000);
    step.as_millis().div_ceil(1000).max(least).max(1)
}

/// The begin of a window that holds whole buckets only: one that is not over would have too little in it.
fn whole_buckets(window: Window, seconds: u64) -> u64 {
    let millis = seconds * 1000;
    let buckets = (window.length().as_millis() / millis).max(1);
    window.to.0.saturating_sub(buckets * millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::scope::Side;
    use shiftgate_sdk::RunInfo;
    use shiftgate_sdk::prelude::Timestamp;

    fn completed(nrql: &str, minutes: Option<u64>) -> String {
        let now = Timestamp(1_767_225_600_000);
        let step = Duration::from_secs(15);
        let window = minutes.map(|minutes| Window { from: Timestamp(now.0 - minutes * 60_000), to: now, step });
        complete(nrql, &Scope::canary(&RunInfo::default(), Side::Value, window, now))
    }

    #[test]
    fn a_clause_is_a_word_outside_of_quotes() {
        assert!(has("SELECT 1 since 5 minutes ago", "SINCE") && has("SELECT 1\nSINCE\n1", "SINCE"));
        for text in ["WHERE a = 'SINCE'", "WHERE a = 'it\\'s SINCE'", "SELECT `until.SINCE` ", "SELECT max(a.since), sinceWhen"] {
            assert!(!has(text, "SINCE"), "{text}");
        }
        assert!(has(r"WHERE a = 'C:\\' SINCE 1", "SINCE"), "an escaped backslash escapes nothing");
        assert!(has(r"SELECT `a\` SINCE 1", "SINCE"));
    }

    #[test]
    fn a_moment_is_the_last_minutes_in_milliseconds() {
        assert_eq!(completed("SELECT 1 ", None), "SELECT 1 SINCE 1767225300000 UNTIL 1767225600000");
        assert_eq!(completed("SELECT 1 SINCE 1 hour ago", None), "SELECT 1 SINCE 1 hour ago");
    }

    #[test]
    fn a_window_becomes_a_time_series() {
        let expected = "SELECT 1 SINCE 1767225300000 UNTIL 1767225600000 TIMESERIES 15 seconds";
        assert_eq!(completed("SELECT 1", Some(5)), expected);
        assert_eq!(
            completed("SELECT 1 TIMESERIES 1 minute", Some(5)),
            expected.replace(" TIMESERIES 15 seconds", "").replace("SELECT 1", "SELECT 1 TIMESERIES 1 minute")
        );
    }

    #[test]
    fn a_bucket_that_is_not_whole_is_left_out() {
        let to = Timestamp(1_767_225_600_000);
        let begin = |seconds: u64| {
            let window = Window { from: Timestamp(to.0 - seconds * 1000), to, step: Duration::from_secs(15) };
            (to.0 - whole_buckets(window, 15)) / 1000
        };
        assert_eq!([100, 60, 10].map(begin), [90, 60, 15]);
    }

    #[test]
    fn no_more_buckets_than_new_relic_gives() {
        assert!(completed("SELECT 1", Some(24 * 60)).ends_with("SINCE 1767139332000 UNTIL 1767225600000 TIMESERIES 237 seconds"));
    }
}
