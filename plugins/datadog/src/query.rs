//! One query: a metric or a count of logs, and what its answer holds.
//!
//! Pure but for the request itself. What the samples mean is the business of the crate `analysis`.

use std::collections::BTreeMap;

use analysis::answer::{Answer, Asked, Data, Point};
use analysis::exchange;
use analysis::scope::{Scope, Window};
use analysis::series::{Aggregate, combined};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shiftgate_sdk::http::{RequestBuilder, Response};
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Settings};

/// The answer to a metric query.
#[derive(Deserialize)]
struct Metrics {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    series: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    /// A moment in milliseconds and a number, oldest first; none where nothing was reported.
    #[serde(default)]
    pointlist: Vec<(f64, Option<f64>)>,
    /// The distance of samples, in seconds.
    #[serde(default)]
    interval: Option<f64>,
}

/// The answer to a count of logs.
#[derive(Deserialize)]
struct Logs {
    meta: Meta,
    data: Buckets,
}

#[derive(Deserialize)]
struct Meta {
    status: Status,
    #[serde(default)]
    warnings: Vec<Warning>,
}

/// Whether all logs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Done,
    Timeout,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Warning {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    computes: BTreeMap<String, Value>,
}

/// A refusal in Datadog's words.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<Value>,
    #[serde(default)]
    error: Option<String>,
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later query can mend: a refused request, a query that Datadog cannot read, wrong keys, several
/// series without `aggregate`.
pub fn ask(cx: &Context<'_>, settings: &Settings, query: &Query, scope: &Scope) -> Result<Asked> {
    let window = scope.window.unwrap_or(Window { from: scope.now, to: scope.now, step: Duration::ZERO });
    match &query.logs {
        Some(logs) => count(cx, settings, scope.fill(logs)?, window),
        None => measure(cx, settings, query.aggregate, scope.fill(query.query.as_deref().unwrap_or_default())?, window),
    }
}

fn measure(cx: &Context<'_>, settings: &Settings, aggregate: Option<Aggregate>, text: String, window: Window) -> Result<Asked> {
    let request = cx
        .get(&format!("{}/api/v1/query", base(settings)))
        .query("from", &(window.from.0 / 1000).to_string())
        .query("to", &(window.to.0 / 1000).to_string())
        .query("query", &text);
    let (body, raw) = match send::<Metrics>(request, settings, &text)? {
        Ok(answered) => answered,
        Err((why, raw)) => return Ok(Asked::new(Answer::Error(why), text, raw)),
    };
    let answer = match body {
        Metrics { status, series, .. } if status == "ok" => samples(series, aggregate, &text, window)?,
        Metrics { status, error, message, .. } => {
            let words = error.or(message).unwrap_or_default();
            Answer::Error(format!("{}: the query has the status `{status}`: {words}", settings.url))
        }
    };
    Ok(Asked::new(answer, text, raw))
}

fn count(cx: &Context<'_>, settings: &Settings, text: String, window: Window) -> Result<Asked> {
    let filter = json!({ "query": text, "from": window.from.0.to_string(), "to": window.to.0.to_string() });
    let body = json!({ "filter": filter, "compute": [{ "aggregation": "count", "type": "total" }] });
    let request = cx.post(&format!("{}/api/v2/logs/analytics/aggregate", base(settings))).json(&body)?;
    let (body, raw) = match send::<Logs>(request, settings, &text)? {
        Ok(answered) => answered,
        Err((why, raw)) => return Ok(Asked::new(Answer::Error(why), text, raw)),
    };
    let url = &settings.url;
    let answer = match (body.meta.status, body.data.buckets.as_slice()) {
        // Datadog has no bucket where there is no log.
        (Status::Done, []) => Answer::Data(Data::number(window.to, 0.0)),
        (Status::Done, [one]) => match one.computes.values().next().and_then(Value::as_f64) {
            Some(count) => Answer::Data(Data::number(window.to, count)),
            None => Answer::Error(format!("{url}: the count is no number")),
        },
        (Status::Done, buckets) => Answer::Error(format!("{url}: one count was asked for, and {} came", buckets.len())),
        (Status::Timeout, _) => Answer::Error(format!("{url}: Datadog took too long, and has counted a part of the logs only")),
        (Status::Unknown, _) => Answer::Error(format!("{url}: the count has no status that this plugin knows")),
    };
    let warnings = body.meta.warnings.iter().map(|warning| format!("{}: {}", warning.title, warning.detail)).collect();
    Ok(Asked { warnings, ..Asked::new(answer, text, raw) })
}

fn base(settings: &Settings) -> &str {
    settings.url.trim_end_matches('/')
}

/// An answer and its body; or why there is none, which may pass, and the body.
type Answered<T> = std::result::Result<(T, String), (String, String)>;

fn send<T: DeserializeOwned>(request: RequestBuilder<'_>, settings: &Settings, text: &str) -> Result<Answered<T>> {
    let request = request
        .header("dd-api-key", &settings.api_key)
        .header("dd-application-key", &settings.application_key)
        .header("accept", "application/json")
        .timeout(settings.timeout);
    match exchange::send(request, &settings.url)? {
        Ok(response) => read(&response, settings, text),
        Err(why) => Ok(Err((why, String::new()))),
    }
}

fn read<T: DeserializeOwned>(response: &Response, settings: &Settings, text: &str) -> Result<Answered<T>> {
    let (status, raw) = (response.status, response.text());
    if status == 200 {
        return Ok(match serde_json::from_str(&raw) {
            Ok(body) => Ok((body, raw)),
            Err(error) => Err((format!("{}: the answer is not that of Datadog's API: {error}", settings.url), raw)),
        });
    }
    let Refusal { errors, error } = serde_json::from_str(&raw).unwrap_or_default();
    let word = |error: &Value| error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    let words: Vec<String> = errors.iter().map(word).chain(error).collect();
    let mut why = format!("HTTP {status}");
    if !words.is_empty() {
        why.push_str(&format!(": {}", words.join("; ")));
    }
    if let (429, Some(seconds)) = (status, response.header("x-ratelimit-reset")) {
        why.push_str(&format!("; the limit is reset in {seconds} s"));
    }
    let why = exchange::refused("Datadog", &settings.url, text, status, &why)?;
    Ok(Err((why, raw)))
}

/// The samples that are there, oldest first. One that is null is none, and neither is one whose time is not over yet.
fn samples(series: Vec<Series>, aggregate: Option<Aggregate>, text: &str, window: Window) -> Result<Answer> {
    let points = |Series { pointlist, interval }: Series| -> Vec<Point> {
        let length = interval.unwrap_or_default() * 1000.0;
        let over = |at: f64| at + length <= window.to.0 as f64;
        let known = pointlist.into_iter().filter(|(at, _)| over(*at));
        known.filter_map(|(at, value)| Some(Point { at: Timestamp(at.round() as u64), value: value? })).collect()
    };
    let series: Vec<Vec<Point>> = series.into_iter().map(points).collect();
    if series.len() > 1 && aggregate.is_none() {
        let message = format!(
            "the query `{text}` gives {} series, and one is wanted; sum them up in the query, or set `aggregate`",
            series.len()
        );
        return Err(StepError::never("several-series", message));
    }
    if series.iter().all(Vec::is_empty) {
        return Ok(Answer::NoData("the query has no sample whose time is over".to_owned()));
    }
    // One series stays as it is.
    Ok(Answer::Data(Data::series(combined(series, aggregate.unwrap_or(Aggregate::Max)))))
}

#[cfg(test)]
mod tests;
