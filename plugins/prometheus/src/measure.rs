//! What the measurements so far mean: go on, or the end. Pure; time and answers come in as arguments.

use serde::{Deserialize, Serialize};
use shiftgate_sdk::prelude::*;

use crate::config::Settings;
use crate::query::{Answer, Asked};

/// How many measurements keep their raw answers.
const RAW_ANSWERS: usize = 10;
/// How much of a raw answer is kept, in bytes.
const RAW_LENGTH: usize = 1024;
/// How much of any other text is kept, in bytes.
const TEXT_LENGTH: usize = 200;
/// How many measurements are kept at all; older ones are counted only.
const KEPT: usize = 100;

/// All that is remembered between measurements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Measurements with an answer: good, failed, or without data. The number of the last one.
    pub taken: u32,
    /// Failed ones.
    pub failed: u32,
    /// Ones without data.
    pub inconclusive: u32,
    /// Good ones.
    pub successful: u32,
    /// Good ones since the last that was not.
    pub successes_in_a_row: u32,
    /// Queries that went wrong since the last answer.
    pub errors_in_a_row: u32,
    /// Queries that went wrong.
    pub errors: u32,
    /// The last ones, oldest first.
    pub measurements: Vec<Measurement>,
    /// The one farthest on the wrong side of the threshold, or nearest to it.
    pub worst: Option<Worst>,
    /// Warnings of Prometheus, each once.
    pub warnings: Vec<String>,
}

/// The worst number, and which measurement saw it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worst {
    /// Its measurement.
    pub number: u32,
    /// The number.
    pub value: f64,
    /// How far beyond the threshold; negative when on the right side.
    pub badness: f64,
}

/// One query and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// When it was asked.
    pub at: Timestamp,
    /// What it means; none when the query went wrong.
    pub verdict: Option<Verdict>,
    /// The number as text, or why there is none.
    pub value: String,
    /// Prometheus' own words, cut; empty for older ones.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Measure again after this.
    Again(Duration),
    /// The end, in one sentence.
    End(Verdict, String),
    /// Too many queries went wrong.
    GiveUp(String),
}

/// After a query that went wrong the next one does not wait for the interval.
const ERROR_RETRY: Duration = Duration::from_secs(10);

impl Record {
    /// Takes an answer in.
    pub fn add(&mut self, at: Timestamp, asked: Asked, settings: &Settings) {
        let (verdict, value) = match asked.answer {
            Answer::Value(value) => {
                let verdict = judge(value, settings);
                self.keep_worst(value, settings);
                (Some(verdict), value.to_string())
            }
            Answer::NoData(why) => (Some(Verdict::Inconclusive), why),
            Answer::Error(why) => (None, why),
        };
        match verdict {
            Some(verdict) => self.count(verdict),
            None => {
                self.errors += 1;
                self.errors_in_a_row += 1;
            }
        }
        for warning in asked.warnings {
            let warning = cut(warning, TEXT_LENGTH);
            if !self.warnings.contains(&warning) && self.warnings.len() < RAW_ANSWERS {
                self.warnings.push(warning);
            }
        }
        self.measurements.push(Measurement { at, verdict, value: cut(value, TEXT_LENGTH), raw: cut(asked.raw, RAW_LENGTH) });
        self.forget();
    }

    fn count(&mut self, verdict: Verdict) {
        self.taken += 1;
        self.errors_in_a_row = 0;
        self.successes_in_a_row = if verdict == Verdict::Pass { self.successes_in_a_row + 1 } else { 0 };
        match verdict {
            Verdict::Pass => self.successful += 1,
            Verdict::Fail => self.failed += 1,
            _ => self.inconclusive += 1,
        }
    }

    fn keep_worst(&mut self, value: f64, settings: &Settings) {
        let badness = settings.badness(value);
        // Infinity has no place in JSON, and the verdict says enough.
        if value.is_finite() && self.worst.is_none_or(|worst| badness > worst.badness) {
            self.worst = Some(Worst { number: self.taken + 1, value, badness });
        }
    }

    fn forget(&mut self) {
        let old = self.measurements.len().checked_sub(RAW_ANSWERS + 1);
        if let Some(measurement) = old.and_then(|old| self.measurements.get_mut(old)) {
            measurement.raw = String::new();
        }
        if self.measurements.len() > KEPT {
            self.measurements.remove(0);
        }
    }

    /// Decides what to do after the last measurement.
    pub fn next(&self, settings: &Settings) -> Next {
        let threshold = settings.threshold();
        let last = self.last(settings);
        let (taken, count) = (self.taken, settings.count());
        if self.errors_in_a_row > 0 {
            let errors = self.errors_in_a_row;
            return if errors > settings.consecutive_error_limit {
                let limit = settings.consecutive_error_limit;
                Next::GiveUp(format!("{errors} queries in a row went wrong, and {limit} may; the last: {last}"))
            } else {
                Next::Again(ERROR_RETRY)
            };
        }
        if over(self.failed, settings.failure_limit) {
            let others = if self.failed > 1 { format!(", the {} that failed", ordinal(self.failed)) } else { String::new() };
            let name = &settings.name;
            return Next::End(
                Verdict::Fail,
                format!("measurement {taken} of {count}{others}: {name} is {last}, wanted {threshold}"),
            );
        }
        if over(self.inconclusive, settings.inconclusive_limit) {
            return Next::End(Verdict::Inconclusive, format!("measurement {taken} of {count} cannot be judged: {last}"));
        }
        let in_a_row = settings.consecutive_success_limit;
        if in_a_row > 0 && self.successes_in_a_row >= in_a_row {
            return Next::End(self.good(), format!("{in_a_row} measurements in a row were {threshold}"));
        }
        if taken < count {
            return Next::Again(settings.interval());
        }
        self.at_the_end(settings)
    }

    /// All measurements are taken, and no limit is passed.
    fn at_the_end(&self, settings: &Settings) -> Next {
        let in_a_row = settings.consecutive_success_limit;
        let (taken, threshold) = (self.taken, settings.threshold());
        if in_a_row > 0 {
            let verdict = if settings.failure_limit < 0 { Verdict::Fail } else { Verdict::Inconclusive };
            return Next::End(verdict, format!("{taken} measurements are taken, and never were {in_a_row} in a row {threshold}"));
        }
        if self.successful == 0 {
            // Limits that let everything through are no reason to pass without one good measurement.
            let verdict = if self.failed > 0 { Verdict::Fail } else { Verdict::Inconclusive };
            return Next::End(verdict, format!("none of {taken} measurements was {threshold}"));
        }
        let summary = match (taken, self.successful) {
            (1, _) => format!("{} is {}, wanted {threshold}", settings.name, self.last(settings)),
            (taken, good) if taken == good => format!("all {taken} measurements were {threshold}"),
            (taken, good) => format!("{good} of {taken} measurements were {threshold}; the limits allow it"),
        };
        Next::End(self.good(), summary)
    }

    /// The last measurement's value or what went wrong, as a person wants to read it.
    pub fn last(&self, settings: &Settings) -> String {
        let text = self.measurements.last().map_or("", |measurement| measurement.value.as_str());
        text.parse().map_or_else(|_| text.to_owned(), |value| readable(value, settings))
    }

    /// Pass, or warn when something was let through.
    const fn good(&self) -> Verdict {
        if self.failed + self.inconclusive > 0 { Verdict::Warn } else { Verdict::Pass }
    }
}

/// Infinity is never good: it fails on the wrong side of the threshold, and cannot be judged on the other.
fn judge(value: f64, settings: &Settings) -> Verdict {
    if settings.badness(value) > 0.0 {
        Verdict::Fail
    } else if value.is_finite() {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    }
}

/// Four digits, but all of them where fewer would stand on the other side of the threshold.
pub fn readable(value: f64, settings: &Settings) -> String {
    let short: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    let bad = |value: f64| settings.badness(value) > 0.0;
    if bad(short) == bad(value) { short.to_string() } else { value.to_string() }
}

/// Whether a count has passed a limit; a limit below 0 is none.
fn over(count: u32, limit: i64) -> bool {
    limit >= 0 && i64::from(count) > limit
}

/// `2nd`, `3rd`, `11th`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// At most `length` bytes in one line, with a mark where something is left out.
fn cut(text: String, length: usize) -> String {
    let mut line = text.replace(char::is_control, " ");
    if line.len() > length {
        line.truncate(line.floor_char_boundary(length));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: Value) -> Settings {
        let mut config = json!({"url": "http://p", "query": "up", "name": "errors", "max": 1});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn asked(answer: Answer) -> Asked {
        Asked { answer, raw: String::new(), warnings: Vec::new() }
    }

    /// What comes after each of these answers; `None` is no data, an error is an error.
    fn after(more: Value, answers: &[Result<Option<f64>, &str>]) -> (Record, Next) {
        let settings = settings(more);
        let mut record = Record::default();
        for answer in answers {
            let answer = match answer {
                Ok(Some(value)) => Answer::Value(*value),
                Ok(None) => Answer::NoData("the query has no result".into()),
                Err(why) => Answer::Error((*why).into()),
            };
            record.add(Timestamp(0), asked(answer), &settings);
        }
        let next = record.next(&settings);
        (record, next)
    }

    fn next(more: Value, values: &[f64]) -> Next {
        let answers: Vec<_> = values.iter().map(|value| Ok(Some(*value))).collect();
        after(more, &answers).1
    }

    fn end(verdict: Verdict, summary: &str) -> Next {
        Next::End(verdict, summary.to_owned())
    }

    #[test]
    fn one_measurement_decides() {
        assert_eq!(next(json!({}), &[1.0]), end(Verdict::Pass, "errors is 1, wanted <= 1"));
        assert_eq!(next(json!({}), &[1.5]), end(Verdict::Fail, "measurement 1 of 1: errors is 1.5, wanted <= 1"));
        let between = json!({"min": 0.5});
        assert_eq!(next(between, &[0.25]), end(Verdict::Fail, "measurement 1 of 1: errors is 0.25, wanted 0.5 to 1"));
    }

    #[test]
    fn infinity_never_passes() {
        let at_least = json!({"max": null, "min": 0});
        assert_eq!(next(json!({}), &[f64::INFINITY]), end(Verdict::Fail, "measurement 1 of 1: errors is inf, wanted <= 1"));
        assert_eq!(next(at_least, &[f64::INFINITY]), end(Verdict::Inconclusive, "measurement 1 of 1 cannot be judged: inf"));
        assert_eq!(
            next(json!({}), &[f64::NEG_INFINITY]),
            end(Verdict::Inconclusive, "measurement 1 of 1 cannot be judged: -inf")
        );
    }

    #[test]
    fn no_data_never_passes() {
        let (_, next) = after(json!({"count": 5}), &[Ok(None)]);
        assert_eq!(next, end(Verdict::Inconclusive, "measurement 1 of 5 cannot be judged: the query has no result"));
        let (_, next) = after(json!({"count": 2, "inconclusiveLimit": -1}), &[Ok(None), Ok(None)]);
        assert_eq!(next, end(Verdict::Inconclusive, "none of 2 measurements was <= 1"));
    }

    #[test]
    fn the_failure_limit_ends_early_and_says_where() {
        let limits = || json!({"count": 5, "interval": "30s", "failureLimit": 1});
        assert_eq!(next(limits(), &[0.0, 2.0]), Next::Again(Duration::from_secs(30)));
        let failed = end(Verdict::Fail, "measurement 3 of 5, the 2nd that failed: errors is 3, wanted <= 1");
        assert_eq!(next(limits(), &[0.0, 2.0, 3.0]), failed);
        let warned = end(Verdict::Warn, "4 of 5 measurements were <= 1; the limits allow it");
        assert_eq!(next(limits(), &[0.0, 2.0, 0.0, 0.0, 1.0]), warned);
    }

    #[test]
    fn a_limit_of_minus_one_does_not_pass_without_one_success() {
        let never = json!({"count": 2, "failureLimit": -1});
        assert_eq!(next(never, &[2.0, 2.0]), end(Verdict::Fail, "none of 2 measurements was <= 1"));
    }

    #[test]
    fn successes_in_a_row_end_early() {
        let row = || json!({"count": 4, "failureLimit": -1, "consecutiveSuccessLimit": 2});
        assert_eq!(next(row(), &[0.0, 2.0, 0.0]), Next::Again(Duration::from_secs(60)));
        assert_eq!(next(row(), &[0.0, 0.0]), end(Verdict::Pass, "2 measurements in a row were <= 1"));
        assert_eq!(next(row(), &[2.0, 0.0, 0.0]), end(Verdict::Warn, "2 measurements in a row were <= 1"));
        let never = "4 measurements are taken, and never were 2 in a row <= 1";
        assert_eq!(next(row(), &[0.0, 2.0, 0.0, 2.0]), end(Verdict::Fail, never));
        let limited = json!({"count": 4, "failureLimit": 2, "consecutiveSuccessLimit": 2});
        assert_eq!(next(limited, &[0.0, 2.0, 0.0, 2.0]), end(Verdict::Inconclusive, never));
    }

    #[test]
    fn errors_are_asked_again_soon_and_do_not_count() {
        let config = || json!({"count": 2, "interval": "5m", "consecutiveErrorLimit": 1});
        let (_, next) = after(config(), &[Ok(Some(0.0)), Err("down")]);
        assert_eq!(next, Next::Again(ERROR_RETRY));
        let (record, next) = after(config(), &[Ok(Some(0.0)), Err("down"), Ok(Some(0.0))]);
        assert_eq!(next, end(Verdict::Pass, "all 2 measurements were <= 1"));
        assert_eq!((record.taken, record.errors), (2, 1));
        let (_, next) = after(config(), &[Err("down"), Err("down")]);
        assert_eq!(next, Next::GiveUp("2 queries in a row went wrong, and 1 may; the last: down".into()));
    }

    #[test]
    fn the_worst_is_the_farthest_on_the_wrong_side() {
        let (record, _) = after(json!({"count": 3, "min": 0}), &[Ok(Some(0.5)), Ok(Some(-3.0)), Ok(Some(2.0))]);
        assert_eq!(record.worst.map(|worst| (worst.number, worst.value)), Some((2, -3.0)));
    }

    #[test]
    fn a_long_record_stays_small() {
        let settings = settings(json!({"count": 1000, "failureLimit": -1}));
        let mut record = Record::default();
        for second in 0..1000 {
            let raw = "\"\u{1}é".repeat(2000);
            let warnings = vec![format!("{second}{raw}")];
            record.add(Timestamp(second), Asked { answer: Answer::Error(raw.clone()), raw, warnings }, &settings);
        }
        assert_eq!(record.measurements.len(), KEPT);
        assert_eq!(record.measurements.iter().filter(|m| !m.raw.is_empty()).count(), RAW_ANSWERS);
        assert!(serde_json::to_vec(&record).unwrap().len() < 60 * 1024);
    }

    #[test]
    fn numbers_are_short_but_never_on_the_other_side() {
        let shown = |value: f64| readable(value, &settings(json!({"max": 0.01})));
        let texts = [0.051_925_285, 0.010_000_000_1, 0.009_999_999, 123_456.0, 0.0].map(shown);
        assert_eq!(texts, ["0.05193", "0.0100000001", "0.01", "123500", "0"]);
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY].map(shown), ["inf", "-inf"]);
    }

    #[test]
    fn ordinals_are_english() {
        assert_eq!([1, 2, 3, 4, 11, 12, 13, 22, 111].map(ordinal).join(" "), "1st 2nd 3rd 4th 11th 12th 13th 22nd 111th");
    }
}
