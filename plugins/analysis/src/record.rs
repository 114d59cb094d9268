//! What the measurements of one metric so far mean: go on, or the end. Pure; time and answers come in as arguments.
//!
//! The terms are those of Argo Rollouts; but no limit lets a verification pass without one good measurement.

use serde::{Deserialize, Serialize};
use shiftgate_sdk::prelude::{Duration, Timestamp, Value, Verdict};

use crate::goal::{Goal, Judged};
use crate::scope::{Side, Window};
use crate::terms::Metric;

/// How much of a query and of a raw answer is kept, in bytes, when there is one metric.
const RAW_LENGTH: usize = 1024;
/// The least that is kept of a query, however many metrics there are.
const QUERY_LENGTH: usize = 100;
/// How much of any other text is kept, in bytes.
const TEXT_LENGTH: usize = 200;
/// How many measurements of all metrics are kept; older ones are counted only.
const KEPT: usize = 50;
/// How many raw answers of all metrics are kept.
const RAW_ANSWERS: usize = 4;
/// How many points of pictures are kept, of all metrics and sides.
const POINTS: usize = 480;
/// Warnings of all metrics that are kept, and so many notes of the last measurement.
const WARNINGS: usize = 8;
/// The most metrics of one verification: what is remembered of them is one state, and that has 64 KiB.
pub const METRICS: usize = 12;
/// After a query that went wrong the next one does not wait for the interval.
const ERROR_RETRY: Duration = Duration::from_secs(10);

/// All that is remembered of one metric between measurements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it is measured next.
    pub due: Timestamp,
    /// Measurements with an answer: good, failed, or without data. The number of the last one.
    pub taken: u32,
    /// Failed ones.
    pub failed: u32,
    /// Ones without data, or undecided.
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
    /// Warnings of the provider, each once.
    pub warnings: Vec<String>,
    /// What a person wants to read of the last measurement.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was asked last, one a side.
    pub queries: Vec<Query>,
    /// The last picture of each side.
    pub series: Vec<Series>,
    /// What the judge said last, as evidence shows it.
    pub judgement: Option<Value>,
    /// How it ended; none while it goes on.
    pub end: Option<End>,
}

/// The end of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// What it means; none when too many queries went wrong.
    pub verdict: Option<Verdict>,
    /// Why, in one sentence.
    pub reason: String,
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

/// One measurement and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// When it was asked.
    pub at: Timestamp,
    /// What it means; none when the query went wrong, skipped when it was too early to tell.
    pub verdict: Option<Verdict>,
    /// The number; none where there is none, or it is not finite.
    pub value: Option<f64>,
    /// The number as text, or why there is none.
    pub text: String,
    /// The provider's own words, cut; empty for older ones.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
}

/// A query as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// When.
    pub at: Timestamp,
    /// The word of the side.
    pub side: String,
    /// The text.
    pub query: String,
    /// The stretch of time; none for a moment.
    pub window: Option<(Timestamp, Timestamp, Duration)>,
    /// The body as it came, cut.
    pub answer: String,
    /// Whether something of it is left out.
    pub cut: bool,
}

/// Samples of one side, thinned out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The word of the side.
    pub side: String,
    /// What it is called: the group's name.
    pub label: String,
    /// Moments and values; none where the value is not finite.
    pub points: Vec<(Timestamp, Option<f64>)>,
}

/// What one measurement brings, beside what it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Brought {
    /// What was asked.
    pub queries: Vec<Query>,
    /// The pictures.
    pub series: Vec<Series>,
    /// What the judge said.
    pub judgement: Option<Value>,
    /// What the provider warns of.
    pub warnings: Vec<String>,
    /// What a person wants to read.
    pub notes: Vec<String>,
}

impl Query {
    /// What was asked and answered.
    pub fn new(at: Timestamp, side: Side, window: Option<Window>, query: &str, raw: &str) -> Self {
        Self {
            at,
            side: side.word().to_owned(),
            query: query.to_owned(),
            window: window.map(|window| (window.from, window.to, window.step)),
            answer: raw.to_owned(),
            cut: false,
        }
    }

    /// With as much of its texts as there is room for.
    fn kept(self, length: usize) -> Self {
        let cut_short = self.cut || self.answer.len() > length;
        Self { query: cut(&self.query, length), answer: cut(&self.answer, length), cut: cut_short, ..self }
    }
}

impl Record {
    /// Nothing measured yet.
    pub fn new(due: Timestamp) -> Self {
        Self { due, ..Self::default() }
    }

    /// Takes a measurement in. `metrics` is how many there are, and so how much room this one has.
    pub fn add<Q>(&mut self, at: Timestamp, judged: Judged, brought: Brought, metric: &Metric<Q>, metrics: usize) {
        let judged = match judged {
            // Nothing more comes after the last one.
            Judged::Early { text, last } if self.taken + 1 >= metric.count => Judged::Told { verdict: last, value: None, text },
            other => other,
        };
        let measurement = match judged {
            Judged::Early { text, .. } => {
                self.taken += 1;
                self.errors_in_a_row = 0;
                self.successes_in_a_row = 0;
                let text = cut(&text, TEXT_LENGTH);
                Measurement { at, verdict: Some(Verdict::Skipped), value: None, text, raw: String::new() }
            }
            Judged::Told { verdict, value, text } => {
                let value = value.filter(|value| value.is_finite());
                if let Some(value) = value {
                    self.keep_worst(value, metric);
                }
                self.count(verdict);
                Measurement { at, verdict: Some(verdict), value, text: cut(&text, TEXT_LENGTH), raw: String::new() }
            }
            Judged::Error(why) => {
                self.errors += 1;
                self.errors_in_a_row += 1;
                Measurement { at, verdict: None, value: None, text: cut(&why, TEXT_LENGTH), raw: String::new() }
            }
        };
        let raw = brought.queries.first().map(|query| cut(&query.answer, RAW_LENGTH)).unwrap_or_default();
        let metrics = metrics.max(1);
        self.measurements.push(Measurement { raw, ..measurement });
        for warning in brought.warnings {
            let warning = cut(&warning, TEXT_LENGTH);
            if !self.warnings.contains(&warning) && self.warnings.len() < (WARNINGS / metrics).max(1) {
                self.warnings.push(warning);
            }
        }
        self.notes = brought.notes.iter().take((WARNINGS / metrics).max(1)).map(|note| cut(note, TEXT_LENGTH)).collect();
        let length = (RAW_LENGTH / metrics).max(QUERY_LENGTH);
        self.queries = brought.queries.into_iter().map(|query| query.kept(length)).collect();
        if !brought.series.is_empty() {
            let room = POINTS / metrics / brought.series.len();
            self.series = brought.series.into_iter().map(|series| series.thinned(room)).collect();
        }
        self.judgement = brought.judgement.or_else(|| self.judgement.take());
        self.forget(metrics);
    }

    fn count(&mut self, verdict: Verdict) {
        self.taken += 1;
        self.errors_in_a_row = 0;
        self.successes_in_a_row = if verdict == Verdict::Pass { self.successes_in_a_row + 1 } else { 0 };
        match verdict {
            Verdict::Pass => self.successful += 1,
            Verdict::Fail => self.failed += 1,
            Verdict::Warn | Verdict::Inconclusive | Verdict::Skipped => self.inconclusive += 1,
        }
    }

    fn keep_worst<Q>(&mut self, value: f64, metric: &Metric<Q>) {
        if let Some(badness) = metric.goal.badness(value)
            && self.worst.is_none_or(|worst| badness > worst.badness)
        {
            self.worst = Some(Worst { number: self.taken + 1, value, badness });
        }
    }

    fn forget(&mut self, metrics: usize) {
        let old = self.measurements.len().checked_sub(RAW_ANSWERS / metrics + 1);
        if let Some(measurement) = old.and_then(|old| self.measurements.get_mut(old)) {
            measurement.raw = String::new();
        }
        if self.measurements.len() > (KEPT / metrics).max(5) {
            self.measurements.remove(0);
        }
    }

    /// Decides what comes after the last measurement: the end, or the moment of the next one.
    pub fn decide<Q>(&mut self, now: Timestamp, metric: &Metric<Q>) {
        match self.next(metric) {
            Next::Again(after) => self.due = now + after,
            Next::End(verdict, reason) => self.end = Some(End { verdict, reason }),
        }
    }

    fn next<Q>(&self, metric: &Metric<Q>) -> Next {
        let goal = metric.goal.words();
        let last = self.last(metric);
        let (taken, count) = (self.taken, metric.count);
        if self.errors_in_a_row > 0 {
            let (errors, limit) = (self.errors_in_a_row, metric.consecutive_error_limit);
            return if errors > limit {
                Next::End(None, format!("{errors} queries in a row went wrong, and {limit} may; the last: {last}"))
            } else {
                Next::Again(ERROR_RETRY)
            };
        }
        if over(self.failed, metric.failure_limit) {
            let others = if self.failed > 1 { format!(", the {} that failed", ordinal(self.failed)) } else { String::new() };
            let name = &metric.name;
            if let Goal::Compare(_) = metric.goal {
                return Next::end(Verdict::Fail, format!("measurement {taken} of {count}{others}: {name}: {last}"));
            }
            return Next::end(Verdict::Fail, format!("measurement {taken} of {count}{others}: {name} is {last}, wanted {goal}"));
        }
        if over(self.inconclusive, metric.inconclusive_limit) {
            return Next::end(Verdict::Inconclusive, format!("measurement {taken} of {count} cannot be judged: {last}"));
        }
        let in_a_row = metric.consecutive_success_limit;
        if in_a_row > 0 && self.successes_in_a_row >= in_a_row {
            return Next::end(self.good(), format!("{in_a_row} measurements in a row were {goal}"));
        }
        if taken < count { Next::Again(metric.interval) } else { self.at_the_end(metric) }
    }

    /// All measurements are taken, and no limit is passed.
    fn at_the_end<Q>(&self, metric: &Metric<Q>) -> Next {
        let in_a_row = metric.consecutive_success_limit;
        let (taken, goal) = (self.taken, metric.goal.words());
        if in_a_row > 0 {
            let verdict = if metric.failure_limit < 0 { Verdict::Fail } else { Verdict::Inconclusive };
            return Next::end(verdict, format!("{taken} measurements are taken, and never were {in_a_row} in a row {goal}"));
        }
        if self.successful == 0 {
            // Limits that let everything through are no reason to pass without one good measurement.
            let verdict = if self.failed > 0 { Verdict::Fail } else { Verdict::Inconclusive };
            return Next::end(verdict, format!("none of {taken} measurements was {goal}"));
        }
        if let Goal::Compare(_) = metric.goal {
            return Next::end(self.good(), format!("{}: {}", metric.name, self.last(metric)));
        }
        let summary = match (taken, self.successful) {
            (1, _) => format!("{} is {}, wanted {goal}", metric.name, self.last(metric)),
            (taken, good) if taken == good => format!("all {taken} measurements were {goal}"),
            (taken, good) => format!("{good} of {taken} measurements were {goal}; the limits allow it"),
        };
        Next::end(self.good(), summary)
    }

    /// The last measurement's value or what went wrong, as a person wants to read it.
    pub fn last<Q>(&self, metric: &Metric<Q>) -> String {
        match self.measurements.last() {
            Some(Measurement { value: Some(value), .. }) if !matches!(metric.goal, Goal::Compare(_)) => metric.readable(*value),
            Some(measurement) => measurement.text.clone(),
            None => String::new(),
        }
    }

    /// Pass, or warn when something was let through.
    const fn good(&self) -> Verdict {
        if self.failed + self.inconclusive > 0 { Verdict::Warn } else { Verdict::Pass }
    }
}

/// What comes after a measurement.
enum Next {
    Again(Duration),
    End(Option<Verdict>, String),
}

impl Next {
    const fn end(verdict: Verdict, reason: String) -> Self {
        Self::End(Some(verdict), reason)
    }
}

impl<Q> Metric<Q> {
    /// Four digits, but all of them where fewer would stand on the other side of the threshold.
    pub fn readable(&self, value: f64) -> String {
        let short: f64 = format!("{value:.3e}").parse().unwrap_or(value);
        let bad = |value: f64| self.goal.badness(value).is_some_and(|badness| badness > 0.0);
        if bad(short) == bad(value) { short.to_string() } else { value.to_string() }
    }
}

impl Series {
    /// At most so many points, spread evenly; the last one stays.
    fn thinned(mut self, room: usize) -> Self {
        let (have, room) = (self.points.len(), room.max(2));
        if have > room {
            let kept = (0..room).filter_map(|index| self.points.get(index * (have - 1) / (room - 1)).copied());
            self.points = kept.collect();
        }
        self
    }
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
fn cut(text: &str, length: usize) -> String {
    let mut line = text.replace(char::is_control, " ");
    if line.len() > length {
        line.truncate(line.floor_char_boundary(length));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests;
