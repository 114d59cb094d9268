//! Prometheus's query API over the simulated metrics: `GET|POST /api/v1/query` and `/api/v1/query_range`, with its
//! envelopes and errors. No token is asked for. `exposition.rs` shows the same series to a Prometheus that scrapes them.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value as JsonValue, json};

use crate::exposition;
use crate::metrics::{Labels, Scrape};
use crate::promql::{self, QueryError, Sample, Value};
use crate::server::Shared;

/// Where the query API stands on the Spot listener.
pub(crate) const PREFIX: &str = "/_prometheus";

/// The most points of a range query, as in Prometheus.
const POINTS: f64 = 11_000.0;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/query", get(instant).post(instant))
        .route("/api/v1/query_range", get(range).post(range))
        .route("/metrics", get(exposition::serve))
        .fallback(async || StatusCode::NOT_FOUND)
}

type Parameters = BTreeMap<String, String>;

/// The parameters of the URL and of a form in the body; the body wins.
fn parameters(query: Option<String>, body: &str) -> Parameters {
    let query = query.unwrap_or_default();
    let pairs = [query.as_bytes(), body.as_bytes()].into_iter().flat_map(url::form_urlencoded::parse);
    pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

async fn instant(State(account): State<Shared>, RawQuery(query): RawQuery, body: String) -> Response {
    let scrape = Scrape::of(&mut account.lock());
    respond(instant_data(&parameters(query, &body), &scrape))
}

async fn range(State(account): State<Shared>, RawQuery(query): RawQuery, body: String) -> Response {
    let scrape = Scrape::of(&mut account.lock());
    respond(range_data(&parameters(query, &body), &scrape))
}

/// Answers a path with its query, where it is that time of day now, in seconds since 1970.
pub(crate) fn answer(account: &Shared, path_and_query: &str, wall: f64) -> (StatusCode, JsonValue) {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let parameters = parameters(Some(query.to_owned()), "");
    let scrape = Scrape::of(&mut account.lock()).at(wall);
    match path {
        "/api/v1/query" => told(instant_data(&parameters, &scrape)),
        "/api/v1/query_range" => told(range_data(&parameters, &scrape)),
        _ => (StatusCode::NOT_FOUND, JsonValue::Null),
    }
}

fn respond(data: Result<JsonValue, QueryError>) -> Response {
    let (status, body) = told(data);
    (status, Json(body)).into_response()
}

fn told(data: Result<JsonValue, QueryError>) -> (StatusCode, JsonValue) {
    let error = |status, kind: &str, message: String| (status, json!({"status": "error", "errorType": kind, "error": message}));
    match data {
        Ok(data) => (StatusCode::OK, json!({"status": "success", "data": data})),
        Err(QueryError::BadData(message)) => error(StatusCode::BAD_REQUEST, "bad_data", message),
        Err(QueryError::Execution(message)) => error(StatusCode::UNPROCESSABLE_ENTITY, "execution", message),
    }
}

fn bad<T>(message: impl Into<String>) -> Result<T, QueryError> {
    Err(QueryError::BadData(message.into()))
}

fn instant_data(parameters: &Parameters, scrape: &Scrape) -> Result<JsonValue, QueryError> {
    let time = parameters.get("time").map_or(Ok(scrape.wall), |text| time("time", text))?;
    let expression = promql::parse(parameters.get("query").map_or("", String::as_str))?;
    Ok(match promql::evaluate(&expression, scrape, time)? {
        Value::Scalar(value) => json!({"resultType": "scalar", "result": point(time, value)}),
        Value::Vector(samples) => {
            let row = |sample: &Sample| json!({"metric": metric(sample), "value": point(time, sample.value)});
            json!({"resultType": "vector", "result": samples.iter().map(row).collect::<Vec<_>>()})
        }
    })
}

fn range_data(parameters: &Parameters, scrape: &Scrape) -> Result<JsonValue, QueryError> {
    let required = |name: &str| parameters.get(name).map_or("", String::as_str);
    let (start, end) = (time("start", required("start"))?, time("end", required("end"))?);
    let step = required("step");
    let Some(step) = promql::duration(step).map(|step| step.as_secs_f64()) else {
        return bad(format!("invalid parameter \"step\": cannot parse {step:?} to a valid duration"));
    };
    if end < start {
        return bad("invalid parameter \"end\": end timestamp must not be before start time");
    }
    if step <= 0.0 {
        return bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        );
    }
    if (end - start) / step > POINTS {
        return bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        );
    }
    let expression = promql::parse(required("query"))?;
    let mut series: BTreeMap<(Option<&'static str>, Labels), Vec<JsonValue>> = BTreeMap::new();
    let mut at = start;
    let mut count = 0.0;
    while at <= end {
        let samples = match promql::evaluate(&expression, scrape, at)? {
            Value::Scalar(value) => vec![Sample { name: None, labels: Labels::new(), value }],
            Value::Vector(samples) => samples,
        };
        for sample in samples {
            series.entry((sample.name, sample.labels)).or_default().push(point(at, sample.value));
        }
        count += 1.0;
        at = start + count * step;
    }
    let row = |((name, labels), values): ((Option<&'static str>, Labels), Vec<JsonValue>)| json!({"metric": metric(&Sample { name, labels, value: 0.0 }), "values": values});
    Ok(json!({"resultType": "matrix", "result": series.into_iter().map(row).collect::<Vec<_>>()}))
}

fn metric(sample: &Sample) -> JsonValue {
    let name = sample.name.map(|name| ("__name__".to_owned(), json!(name)));
    let labels = sample.labels.iter().map(|(key, value)| (key.clone(), json!(value)));
    JsonValue::Object(name.into_iter().chain(labels).collect())
}

/// `[1435781451.781, "1"]`: seconds with milliseconds, and the value as a string.
fn point(time: f64, value: f64) -> JsonValue {
    json!([(time * 1_000.0).round() / 1_000.0, number(value)])
}

fn number(value: f64) -> String {
    if value.is_infinite() { format!("{}Inf", if value > 0.0 { '+' } else { '-' }) } else { value.to_string() }
}

/// Seconds since 1970, or RFC 3339.
fn time(name: &str, text: &str) -> Result<f64, QueryError> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let parsed = seconds.or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_duration().as_secs_f64()));
    parsed.map_or_else(|| bad(format!("invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp")), Ok)
}
