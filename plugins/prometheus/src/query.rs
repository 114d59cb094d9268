//! One query: how it is asked, and the number that its answer holds.
//!
//! Pure but for the request itself. What the numbers mean over several measurements is the business of `measure`.

use serde::Deserialize;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::{Aggregate, Settings};

/// What one query came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A number, perhaps infinite, never NaN.
    Value(f64),
    /// Prometheus answered, and there is nothing to judge; why.
    NoData(String),
    /// Prometheus did not answer, or not usably; another query may do better.
    Error(String),
}

/// An answer with what a person may want to see of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it came to.
    pub answer: Answer,
    /// The body as it came.
    pub raw: String,
    /// Warnings of Prometheus.
    pub warnings: Vec<String>,
}

impl Asked {
    fn error(why: impl Into<String>) -> Self {
        Self { answer: Answer::Error(why.into()), raw: String::new(), warnings: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Value,
}

/// A moment in seconds and a number as text: `[1700000000.123, "0.5"]`.
type Sample = (f64, String);

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    value: Option<Sample>,
    #[serde(default)]
    values: Vec<Sample>,
}

/// Asks.
///
/// # Errors
/// [`StepError`] for what no later query can mend: a refused request, a query that Prometheus cannot read, a missing
/// API, missing rights, several series without `aggregate`.
pub fn ask(cx: &Context<'_>, settings: &Settings) -> Result<Asked> {
    let base = settings.url.trim_end_matches('/');
    let now = cx.now();
    let request = match settings.range {
        None => {
            cx.get(&format!("{base}/api/v1/query")).query("query", &settings.query).query("time", &now.as_secs_f64().to_string())
        }
        Some(range) => cx
            .get(&format!("{base}/api/v1/query_range"))
            .query("query", &settings.query)
            .query("start", &(now.as_secs_f64() - range.as_secs_f64()).to_string())
            .query("end", &now.as_secs_f64().to_string())
            .query("step", &settings.step.as_secs_f64().to_string()),
    };
    match request.header("accept", "application/json").timeout(settings.timeout).redirects(3).send() {
        Ok(response) => read(&response, settings),
        Err(error) if error.is_denied() => Err(error.into()),
        Err(error) => Ok(Asked::error(format!("{}: {error}", settings.url))),
    }
}

/// Reads Prometheus' answer.
fn read(response: &Response, settings: &Settings) -> Result<Asked> {
    let status = response.status;
    let body = response.json::<Body>();
    if status == 200
        && let Ok(body) = body
    {
        return read_body(body, response.text(), settings);
    }
    let why = match body {
        Ok(Body { error_type, error, .. }) if !error.is_empty() => format!("HTTP {status} {error_type}: {error}"),
        _ if status == 200 => "the answer is not that of Prometheus' query API".to_owned(),
        _ => format!("HTTP {status}"),
    };
    match status {
        400 => Err(StepError::never("bad-query", format!("Prometheus refuses the query `{}`: {why}", settings.query))),
        401 | 403 => Err(StepError::never("not-authorized", format!("{} does not let the plugin in: {why}", settings.url))),
        404 | 405 => {
            let message = format!("{} has no query API: {why}; `url` is the base URL, without `/api/v1`", settings.url);
            Err(StepError::never("no-query-api", message))
        }
        _ => Ok(Asked { raw: response.text(), ..Asked::error(format!("{}: {why}", settings.url)) }),
    }
}

fn read_body(body: Body, raw: String, settings: &Settings) -> Result<Asked> {
    let answer = match body.data {
        Some(data) if body.status == "success" => number(data, settings)?,
        _ => Answer::Error(format!("{}: {} {}", settings.url, body.error_type, body.error)),
    };
    Ok(Asked { answer, raw, warnings: body.warnings })
}

/// The one number in a result.
fn number(data: Data, settings: &Settings) -> Result<Answer> {
    let series: Vec<Vec<Sample>> = match data.result_type.as_str() {
        "scalar" => match serde_json::from_value::<Sample>(data.result) {
            Ok(sample) => vec![vec![sample]],
            Err(error) => return Ok(Answer::Error(format!("the scalar cannot be read: {error}"))),
        },
        "vector" | "matrix" => match serde_json::from_value::<Vec<Series>>(data.result) {
            Ok(series) => series.into_iter().map(|s| s.value.into_iter().chain(s.values).collect()).collect(),
            Err(error) => return Ok(Answer::Error(format!("the {} cannot be read: {error}", data.result_type))),
        },
        other => {
            let message = format!("the query `{}` gives a {other}, which is no number", settings.query);
            return Err(StepError::never("no-number", message));
        }
    };
    if series.len() > 1 && settings.aggregate.is_none() {
        let message = format!(
            "the query `{}` gives {} series, and one is wanted; sum them up in the query, or set `aggregate`",
            settings.query,
            series.len()
        );
        return Err(StepError::never("several-series", message));
    }
    if series.iter().all(Vec::is_empty) {
        return Ok(Answer::NoData("the query has no result".to_owned()));
    }
    Ok(worst(combined(series, settings.aggregate), settings))
}

/// One number a moment: the series' own, or all series' together. A moment with a NaN is NaN.
fn combined(series: Vec<Vec<Sample>>, aggregate: Option<Aggregate>) -> Vec<f64> {
    let mut samples: Vec<(f64, f64)> =
        series.into_iter().flatten().map(|(at, text)| (at, text.parse().unwrap_or(f64::NAN))).collect();
    samples.sort_by(|a, b| a.0.total_cmp(&b.0));
    samples
        .chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq())
        .map(|moment| {
            let values = moment.iter().map(|(_, value)| *value);
            if values.clone().any(f64::is_nan) {
                return f64::NAN;
            }
            match aggregate {
                None | Some(Aggregate::Max) => values.fold(f64::NEG_INFINITY, f64::max),
                Some(Aggregate::Min) => values.fold(f64::INFINITY, f64::min),
                Some(Aggregate::Avg) => values.sum::<f64>() / moment.len() as f64,
            }
        })
        .collect()
}

/// The number that is farthest on the wrong side of the threshold, or nearest to it. NaN is left out, and alone is no data.
fn worst(values: Vec<f64>, settings: &Settings) -> Answer {
    values
        .into_iter()
        .filter(|value| !value.is_nan())
        .max_by(|a, b| settings.badness(*a).total_cmp(&settings.badness(*b)))
        .map_or_else(|| Answer::NoData("the result is NaN".to_owned()), Answer::Value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::FakeHost;

    fn settings(more: Value) -> Settings {
        let mut config = json!({"url": "http://p:9090/prom/", "query": "up", "max": 1});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn ask_with(more: Value, status: u16, body: &str) -> Result<Asked> {
        let host = FakeHost::new();
        host.answer(status, body);
        ask(&Context::new(&host, &host.run), &settings(more))
    }

    fn vector(values: &[&str]) -> String {
        let result: Vec<Value> = values.iter().map(|v| json!({"metric": {"i": v}, "value": [1_700_000_000.5, v]})).collect();
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
    }

    fn answer(more: Value, body: &str) -> Answer {
        ask_with(more, 200, body).unwrap().answer
    }

    #[test]
    fn an_instant_query_reads_one_number() {
        assert_eq!(answer(json!({}), &vector(&["0.25"])), Answer::Value(0.25));
        assert_eq!(answer(json!({}), &vector(&["+Inf"])), Answer::Value(f64::INFINITY));
        assert_eq!(answer(json!({}), &vector(&["-Inf"])), Answer::Value(f64::NEG_INFINITY));
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"3"]},"warnings":["slow"]}"#;
        let asked = ask_with(json!({}), 200, scalar).unwrap();
        assert_eq!(asked.answer, Answer::Value(3.0));
        assert_eq!(asked.warnings, ["slow"]);
        assert_eq!(asked.raw, scalar);
    }

    #[test]
    fn nothing_and_nan_are_no_data() {
        assert_eq!(answer(json!({}), &vector(&[])), Answer::NoData("the query has no result".into()));
        assert_eq!(answer(json!({}), &vector(&["NaN"])), Answer::NoData("the result is NaN".into()));
    }

    #[test]
    fn several_series_need_to_be_told_how_to_become_one() {
        let body = vector(&["1", "2", "6"]);
        assert_eq!(ask_with(json!({}), 200, &body).unwrap_err().code, "several-series");
        assert_eq!(answer(json!({"aggregate": "max"}), &body), Answer::Value(6.0));
        assert_eq!(answer(json!({"aggregate": "min"}), &body), Answer::Value(1.0));
        assert_eq!(answer(json!({"aggregate": "avg"}), &body), Answer::Value(3.0));
        let with_nan = vector(&["1", "NaN"]);
        assert_eq!(answer(json!({"aggregate": "max"}), &with_nan), Answer::NoData("the result is NaN".into()));
    }

    #[test]
    fn a_range_is_judged_by_its_worst_sample() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"values":[[1,"0.5"],[2,"3"],[3,"NaN"],[4,"-2"]]}]}}"#;
        assert_eq!(answer(json!({"range": "1m"}), body), Answer::Value(3.0));
        assert_eq!(answer(json!({"range": "1m", "min": 0}), body), Answer::Value(-2.0), "both sides by 2: the later sample");
        assert_eq!(answer(json!({"range": "1m", "min": 1, "max": 9}), body), Answer::Value(-2.0));
    }

    #[test]
    fn queries_are_asked_at_the_runs_time() {
        let host = FakeHost::new();
        host.answer(200, vector(&["1"]));
        host.answer(200, vector(&["1"]));
        let cx = Context::new(&host, &host.run);
        ask(&cx, &settings(json!({}))).unwrap();
        ask(&cx, &settings(json!({"range": "5m", "step": "30s"}))).unwrap();
        let urls: Vec<String> = host.requests().into_iter().map(|request| request.url).collect();
        assert_eq!(
            urls,
            [
                "http://p:9090/prom/api/v1/query?query=up&time=1767225600",
                "http://p:9090/prom/api/v1/query_range?query=up&start=1767225300&end=1767225600&step=30",
            ]
        );
    }

    #[test]
    fn what_no_query_can_mend_ends_the_step() {
        let bad = r#"{"status":"error","errorType":"bad_data","error":"1:4: parse error: unclosed"}"#;
        let error = ask_with(json!({}), 400, bad).unwrap_err();
        assert_eq!(error.code, "bad-query");
        assert_eq!(error.message, "Prometheus refuses the query `up`: HTTP 400 bad_data: 1:4: parse error: unclosed");
        assert_eq!(ask_with(json!({}), 401, "").unwrap_err().code, "not-authorized");
        assert_eq!(ask_with(json!({}), 404, "page not found").unwrap_err().code, "no-query-api");
        let text = r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#;
        assert_eq!(ask_with(json!({}), 200, text).unwrap_err().code, "no-number");
    }

    #[test]
    fn other_trouble_may_pass() {
        let error = |status, body: &str| ask_with(json!({}), status, body).unwrap().answer;
        let timeout = r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#;
        assert_eq!(error(503, timeout), Answer::Error("http://p:9090/prom/: HTTP 503 timeout: query timed out".into()));
        assert_eq!(error(502, "<html>"), Answer::Error("http://p:9090/prom/: HTTP 502".into()));
        let html = "http://p:9090/prom/: the answer is not that of Prometheus' query API";
        assert_eq!(error(200, "<html>"), Answer::Error(html.into()));
    }

    #[test]
    fn a_refused_request_ends_the_step_and_a_lost_connection_does_not() {
        let host = FakeHost::new();
        host.fail(HttpError::NotGranted("grant GET http://p:9090".into()));
        host.fail(HttpError::Connect("refused".into()));
        let cx = Context::new(&host, &host.run);
        let error = ask(&cx, &settings(json!({}))).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("not-granted", "grant GET http://p:9090"));
        let asked = ask(&cx, &settings(json!({}))).unwrap();
        assert_eq!(asked.answer, Answer::Error("http://p:9090/prom/: no connection: refused".into()));
    }
}
