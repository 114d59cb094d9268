//! The rows of a result: which number is meant, and which moment and facet it belongs to.
//!
//! Pure. `query` gets the rows, and the crate `analysis` knows what the samples mean.

use std::collections::BTreeMap;

use analysis::answer::{Answer, Data, Point};
use analysis::series::{Aggregate, combined};
use serde_json::Map;
use shiftgate_sdk::prelude::*;

/// What a row says of itself beside its numbers.
const OF_THE_ROW: [&str; 4] = ["beginTimeSeconds", "endTimeSeconds", "inspectedCount", "facet"];

/// The samples of rows, as the query means them.
///
/// # Errors
/// [`StepError`] where it is not clear which number is meant.
pub(crate) fn samples(
    rows: &[Map<String, Value>],
    facets: &[String],
    field: Option<&str>,
    aggregate: Option<Aggregate>,
    query: &str,
    now: Timestamp,
) -> Result<Answer> {
    let rows: Vec<Row> = rows.iter().map(|row| Row::of(row, facets, now)).collect();
    let Some(field) = wanted(&rows, field, query)? else {
        return Ok(Answer::NoData("the query has no number as result".to_owned()));
    };
    let mut series: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    let mut timed = true;
    for row in &rows {
        timed &= row.timed;
        let points = series.entry(row.facet.as_str()).or_default();
        // A bucket in which there was nothing is null.
        points.extend(row.numbers.get(&field).map(|value| Point { at: row.at, value: *value }));
    }
    if !timed && series.values().any(|points| points.len() > 1) {
        let message = format!("the query `{query}` lists events; ask for one number of them, such as `count(*)` or `average(…)`");
        return Err(StepError::never("no-number", message));
    }
    if series.len() > 1 && aggregate.is_none() {
        let message =
            format!("the query `{query}` gives {} facets, and one is wanted; leave FACET out, or set `aggregate`", series.len());
        return Err(StepError::never("several-series", message));
    }
    let series: Vec<Vec<Point>> = series.into_values().filter(|points| !points.is_empty()).collect();
    // One series stays as it is.
    let points = combined(series, aggregate.unwrap_or(Aggregate::Max));
    Ok(match points.as_slice() {
        [] => Answer::NoData(format!("the query has no `{field}` that is not null")),
        [one] if !timed => Answer::Data(Data::number(one.at, one.value)),
        _ => Answer::Data(Data::series(points)),
    })
}

/// A row as it is meant.
struct Row {
    at: Timestamp,
    /// Whether it is a bucket of a time series.
    timed: bool,
    facet: String,
    /// Its numbers, by name; those of a percentile by `percentile.duration.95`.
    numbers: BTreeMap<String, f64>,
    /// The names of all that may be a number, null among it.
    names: Vec<String>,
}

impl Row {
    fn of(row: &Map<String, Value>, facets: &[String], now: Timestamp) -> Self {
        let begin = row.get("beginTimeSeconds").and_then(Value::as_f64);
        let end = row.get("endTimeSeconds").and_then(Value::as_f64);
        let at = begin.or(end).map_or(now, |at| Timestamp((at * 1000.0).round() as u64));
        let facet = row.get("facet").map(Value::to_string).unwrap_or_default();
        let (mut numbers, mut names) = (BTreeMap::new(), Vec::new());
        let of_the_row = |name: &String| OF_THE_ROW.contains(&name.as_str()) || facets.contains(name);
        for (name, value) in row.iter().filter(|(name, _)| !of_the_row(name)) {
            let inner = value.as_object().into_iter().flatten().map(|(part, value)| (format!("{name}.{part}"), value));
            for (name, value) in std::iter::once((name.clone(), value)).chain(inner) {
                if value.is_number() || value.is_null() {
                    names.push(name.clone());
                }
                if let Some(number) = value.as_f64() {
                    numbers.insert(name, number);
                }
            }
        }
        Self { at, timed: begin.is_some(), facet, numbers, names }
    }
}

/// The name of the number that is meant; none where no row has any.
fn wanted(rows: &[Row], field: Option<&str>, query: &str) -> Result<Option<String>> {
    let mut names: Vec<&str> = rows.iter().flat_map(|row| &row.names).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    match (field, names.as_slice()) {
        (_, []) => Ok(None),
        (Some(field), names) if names.contains(&field) => Ok(Some(field.to_owned())),
        (Some(field), names) => {
            let message = format!("the result of `{query}` has no number `{field}`; it has `{}`", names.join("`, `"));
            Err(StepError::never("no-such-field", message))
        }
        (None, [one]) => Ok(Some((*one).to_owned())),
        (None, names) => {
            let message =
                format!("the result of `{query}` has {} numbers; say which with `field`: `{}`", names.len(), names.join("`, `"));
            Err(StepError::never("several-numbers", message))
        }
    }
}
