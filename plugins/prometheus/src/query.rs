//! One query: how it is asked, and the samples that its answer holds.
//!
//! Pure but for the request itself. What the samples mean is the business of the crate `analysis`.

use analysis::answer::{Answer, Asked, Data as Found, Point};
use analysis::exchange;
use analysis::scope::Scope;
use analysis::series::{Aggregate, combined};
use serde::Deserialize;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Settings};

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
    /// VictoriaMetrics says so when some of its storage did not answer.
    #[serde(default, rename = "isPartial")]
    is_partial: bool,
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
pub fn ask(cx: &Context<'_>, settings: &Settings, query: &Query, scope: &Scope) -> Result<Asked> {
    let base = settings.url.trim_end_matches('/');
    let text = scope.fill(query.query.as_deref().unwrap_or_default())?;
    let request = match scope.window {
        None => cx.get(&format!("{base}/api/v1/query")).query("query", &text).query("time", &cx.now().as_secs_f64().to_string()),
        Some(window) => cx
            .get(&format!("{base}/api/v1/query_range"))
            .query("query", &text)
            .query("start", &window.from.as_secs_f64().to_string())
            .query("end", &window.to.as_secs_f64().to_string())
            .query("step", &window.step.as_secs_f64().to_string()),
    };
    let request = exchange::dressed(request, &settings.headers, settings.timeout);
    match exchange::send(request, &settings.url)? {
        Ok(response) => read(&response, settings, query.aggregate, text),
        Err(why) => Ok(Asked::new(Answer::Error(why), text, "")),
    }
}

/// Reads Prometheus' answer.
fn read(response: &Response, settings: &Settings, aggregate: Option<Aggregate>, query: String) -> Result<Asked> {
    let status = response.status;
    let raw = response.text();
    let body = response.json::<Body>();
    if status == 200
        && let Ok(body) = body
    {
        return read_body(body, raw, aggregate, query, settings);
    }
    let why = match body {
        Ok(Body { error_type, error, .. }) if !error.is_empty() => format!("HTTP {status} {error_type}: {error}"),
        _ if status == 200 => "the answer is not that of Prometheus' query API".to_owned(),
        _ if matches!(status, 404 | 405) => format!("HTTP {status}; `url` is the base URL, without `/api/v1`"),
        _ => format!("HTTP {status}"),
    };
    let why = exchange::refused("Prometheus", &settings.url, &query, status, &why)?;
    Ok(Asked::new(Answer::Error(why), query, raw))
}

fn read_body(body: Body, raw: String, aggregate: Option<Aggregate>, query: String, settings: &Settings) -> Result<Asked> {
    let answer = match body.data {
        // A part of the samples says nothing of the whole.
        Some(_) if body.is_partial => Answer::Error(format!("{}: the answer is partial", settings.url)),
        Some(data) if body.status == "success" => samples(data, aggregate, &query)?,
        _ => Answer::Error(format!("{}: {} {}", settings.url, body.error_type, body.error)),
    };
    Ok(Asked { warnings: body.warnings, ..Asked::new(answer, query, raw) })
}

/// The samples of a result.
fn samples(data: Data, aggregate: Option<Aggregate>, query: &str) -> Result<Answer> {
    let scalar = data.result_type == "scalar";
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
            let message = format!("the query `{query}` gives a {other}, which is no number");
            return Err(StepError::never("no-number", message));
        }
    };
    if series.len() > 1 && aggregate.is_none() {
        let message = format!(
            "the query `{query}` gives {} series, and one is wanted; sum them up in the query, or set `aggregate`",
            series.len()
        );
        return Err(StepError::never("several-series", message));
    }
    if series.iter().all(Vec::is_empty) {
        return Ok(Answer::NoData("the query has no result".to_owned()));
    }
    let series = series.into_iter().map(|samples| samples.iter().map(point).collect()).collect();
    // One series stays as it is.
    let points = combined(series, aggregate.unwrap_or(Aggregate::Max));
    Ok(Answer::Data(match points.as_slice() {
        [one] if scalar => Found::number(one.at, one.value),
        _ => Found::series(points),
    }))
}

fn point((at, text): &Sample) -> Point {
    Point { at: Timestamp((at * 1000.0).round() as u64), value: text.parse().unwrap_or(f64::NAN) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::Numbers as _;
    use analysis::scope::{Side, Window};
    use shiftgate_sdk::testing::FakeHost;

    fn settings(more: Value) -> Settings {
        let mut config = json!({"url": "http://p:9090/prom/", "query": "up", "max": 1});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn ask_on(host: &FakeHost, settings: &Settings) -> Result<Asked> {
        let cx = Context::new(host, &host.run);
        let now = cx.now();
        let metric = settings.numbers().remove(0);
        let window = metric.range.map(|range| Window { from: Timestamp(now.0 - range.as_millis()), to: now, step: metric.step });
        ask(&cx, settings, &metric.query, &Scope::canary(cx.run(), Side::Value, window, now))
    }

    fn ask_with(more: Value, status: u16, body: &str) -> Result<Asked> {
        let host = FakeHost::new();
        host.answer(status, body);
        ask_on(&host, &settings(more))
    }

    fn vector(values: &[&str]) -> String {
        let result: Vec<Value> = values.iter().map(|v| json!({"metric": {"i": v}, "value": [1_700_000_000.5, v]})).collect();
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
    }

    fn values(more: Value, body: &str) -> Vec<f64> {
        match ask_with(more, 200, body).unwrap().answer {
            Answer::Data(found) => found.points.into_iter().map(|point| point.value).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_instant_query_reads_one_number() {
        assert_eq!(values(json!({}), &vector(&["0.25"])), [0.25]);
        assert_eq!(values(json!({}), &vector(&["+Inf"])), [f64::INFINITY]);
        assert_eq!(values(json!({}), &vector(&["-Inf"])), [f64::NEG_INFINITY]);
        assert!(values(json!({}), &vector(&["NaN"]))[0].is_nan());
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"3"]},"warnings":["slow"]}"#;
        let asked = ask_with(json!({}), 200, scalar).unwrap();
        assert_eq!(asked.answer, Answer::Data(Found::number(Timestamp(1_700_000_000_000), 3.0)));
        assert_eq!((asked.warnings, asked.raw.as_str()), (vec!["slow".to_owned()], scalar));
    }

    #[test]
    fn nothing_is_no_data() {
        let asked = ask_with(json!({}), 200, &vector(&[])).unwrap();
        assert_eq!(asked.answer, Answer::NoData("the query has no result".into()));
    }

    #[test]
    fn several_series_need_to_be_told_how_to_become_one() {
        let body = vector(&["1", "2", "6"]);
        assert_eq!(ask_with(json!({}), 200, &body).unwrap_err().code, "several-series");
        let aggregated = |name: &str| values(json!({ "aggregate": name }), &body);
        assert_eq!(["max", "min", "avg", "sum"].map(aggregated).concat(), [6.0, 1.0, 3.0, 9.0]);
        assert!(values(json!({"aggregate": "max"}), &vector(&["1", "NaN"]))[0].is_nan());
    }

    #[test]
    fn a_range_is_a_series_oldest_first() {
        let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{},"values":[[1,"0.5"],[2.5,"3"],[4,"-2"]]}]}}"#;
        let Answer::Data(found) = ask_with(json!({"range": "1m"}), 200, body).unwrap().answer else { panic!("no data") };
        let points: Vec<_> = found.points.iter().map(|point| (point.at.0, point.value)).collect();
        assert_eq!(points, [(1000, 0.5), (2500, 3.0), (4000, -2.0)]);
    }

    #[test]
    fn a_partial_answer_of_victoriametrics_is_not_believed() {
        let body =
            r#"{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0"]}]}}"#;
        let answer = ask_with(json!({}), 200, body).unwrap().answer;
        assert_eq!(answer, Answer::Error("http://p:9090/prom/: the answer is partial".into()));
    }

    #[test]
    fn queries_are_asked_at_the_runs_time_with_the_headers_of_the_config() {
        let host = FakeHost::new();
        host.answer(200, vector(&["1"]));
        host.answer(200, vector(&["1"]));
        ask_on(&host, &settings(json!({"headers": {"x-scope-orgid": "web"}}))).unwrap();
        ask_on(&host, &settings(json!({"range": "5m", "step": "30s"}))).unwrap();
        let requests = host.requests();
        assert!(requests[0].headers.contains(&("x-scope-orgid".to_owned(), "web".to_owned())));
        let urls: Vec<String> = requests.into_iter().map(|request| request.url).collect();
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
        let error = ask_on(&host, &settings(json!({}))).unwrap_err();
        assert_eq!((error.code.as_str(), error.message.as_str()), ("not-granted", "grant GET http://p:9090"));
        let asked = ask_on(&host, &settings(json!({}))).unwrap();
        assert_eq!(asked.answer, Answer::Error("http://p:9090/prom/: no connection: refused".into()));
    }
}
