//! What a provider answers: samples over time, or a reason why there are none.
//!
//! Pure. Every provider makes these of its own wire shapes; `goal` and `compare` hold them against something.

use shiftgate_sdk::prelude::*;

use crate::condition::Val;

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// How much; perhaps NaN or infinite.
    pub value: f64,
}

/// Samples, oldest first, and what a condition sees of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// The samples.
    pub points: Vec<Point>,
    /// What `result` means in a condition.
    pub result: Val,
}

impl Data {
    /// One number of one moment; `result` is that number.
    pub fn number(at: Timestamp, value: f64) -> Self {
        Self { points: vec![Point { at, value }], result: Val::Number(value) }
    }

    /// Samples; `result` is the list of their values.
    pub fn series(mut points: Vec<Point>) -> Self {
        points.sort_by_key(|point| point.at);
        let result = Val::List(points.iter().map(|point| Val::Number(point.value)).collect());
        Self { points, result }
    }

    /// Anything for a condition; a number in it is a sample too.
    pub fn json(at: Timestamp, result: &Value) -> Self {
        let result = Val::of(result);
        let points = result.as_number().map(|value| Point { at, value }).into_iter().collect();
        Self { points, result }
    }
}

/// What one query came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// There is something to judge.
    Data(Data),
    /// The provider answered, and there is nothing to judge; why.
    NoData(String),
    /// The provider did not answer, or not usably; another query may do better.
    Error(String),
}

/// An answer with what a person may want to see of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it came to.
    pub answer: Answer,
    /// The query as it was sent.
    pub query: String,
    /// The body as it came.
    pub raw: String,
    /// What the provider warns of.
    pub warnings: Vec<String>,
    /// What a person wants to read of it, such as messages; those of the last measurement become findings.
    pub notes: Vec<String>,
}

impl Asked {
    /// An answer to a query, without warnings.
    pub fn new(answer: Answer, query: impl Into<String>, raw: impl Into<String>) -> Self {
        Self { answer, query: query.into(), raw: raw.into(), warnings: Vec::new(), notes: Vec::new() }
    }
}
