//! What goes out to Datadog and what is made of its answers; a test for each of its traps.
//!
//! The answers are those of `shapes/`, which Datadog's own client reads in `tests/peers/datadog_python.py`.

use super::*;
use analysis::Numbers as _;
use analysis::scope::Side;
use shiftgate_sdk::Group;
use shiftgate_sdk::testing::FakeHost;

const URL: &str = "https://api.datadoghq.com";
const METRICS: &str = include_str!("../shapes/metrics.json");
const GROUPED: &str = include_str!("../shapes/grouped.json");
const EMPTY: &str = include_str!("../shapes/empty.json");
const ERROR: &str = include_str!("../shapes/error.json");
const LOGS: &str = include_str!("../shapes/logs.json");
const NO_LOGS: &str = include_str!("../shapes/no-logs.json");
const PART_OF_LOGS: &str = include_str!("../shapes/part-of-logs.json");

fn settings(more: Value) -> Settings {
    let mut config = json!({"url": format!("{URL}/"), "apiKey": "key-of-the-api", "applicationKey": "key-of-the-app", "max": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn metric(more: Value) -> Settings {
    let mut config = json!({"query": "avg:system.load.1{*}"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings(config)
}

fn ask_on(host: &FakeHost, settings: &Settings) -> Result<Asked> {
    let cx = Context::new(host, &host.run);
    let metric = settings.numbers().remove(0);
    let window = Window { from: Timestamp(cx.now().0 - 300_000), to: cx.now(), step: metric.step };
    ask(&cx, settings, &metric.query, &Scope::canary(cx.run(), Side::Value, Some(window), cx.now()))
}

fn ask_with(settings: &Settings, status: u16, body: &str) -> Result<Asked> {
    let host = FakeHost::new();
    host.answer(status, body);
    ask_on(&host, settings)
}

fn points(asked: Asked) -> Vec<(u64, f64)> {
    match asked.answer {
        Answer::Data(Data { points, .. }) => points.into_iter().map(|point| (point.at.0 / 1000, point.value)).collect(),
        other => panic!("{other:?}"),
    }
}

fn error(asked: Result<Asked>) -> String {
    match asked.unwrap().answer {
        Answer::Error(why) => why.replace(URL, "URL"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_metric_is_asked_for_with_both_keys_in_seconds() {
    let mut host = FakeHost::new();
    host.run.new_group = Some(Group { name: "web__4".into(), ..Group::default() });
    host.answer(200, METRICS);
    let asked = ask_on(&host, &metric(json!({"query": "sum:errors{group:{{group}}}"}))).unwrap();
    assert_eq!(asked.query, "sum:errors{group:web__4}");
    let request = host.requests().remove(0);
    let query = "from=1767225300&to=1767225600&query=sum%3Aerrors%7Bgroup%3Aweb__4%7D";
    assert_eq!((request.method.as_str(), request.url), ("GET", format!("{URL}/api/v1/query?{query}")));
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_eq!(headers, ["dd-api-key: key-of-the-api", "dd-application-key: key-of-the-app", "accept: application/json"]);
}

#[test]
fn the_first_point_is_the_oldest_and_not_the_latest() {
    let points = points(ask_with(&metric(json!({})), 200, METRICS).unwrap());
    assert_eq!((points[0], points[points.len() - 1]), ((1_767_225_300, 0.5), (1_767_225_540, 0.75)));
}

#[test]
fn null_points_are_no_samples() {
    let points = points(ask_with(&metric(json!({})), 200, METRICS).unwrap());
    assert!(points.iter().all(|(at, _)| *at != 1_767_225_420), "{points:?}");
    let nulls = r#"{"status": "ok", "series": [{"interval": 60, "pointlist": [[1767225300000, null], [1767225360000, null]]}]}"#;
    let asked = ask_with(&metric(json!({})), 200, nulls).unwrap();
    assert_eq!(asked.answer, Answer::NoData("the query has no sample whose time is over".into()));
}

#[test]
fn the_last_sample_whose_time_is_not_over_is_left_out() {
    let points = points(ask_with(&metric(json!({})), 200, METRICS).unwrap());
    assert!(points.iter().all(|(_, value)| *value != 0.001), "{points:?}");
}

#[test]
fn several_series_need_to_be_told_how_to_become_one() {
    assert_eq!(ask_with(&metric(json!({})), 200, GROUPED).unwrap_err().code, "several-series");
    let summed = points(ask_with(&metric(json!({"aggregate": "sum"})), 200, GROUPED).unwrap());
    assert_eq!(summed, [(1_767_225_480, 5.0), (1_767_225_540, 2.0)]);
}

#[test]
fn an_error_in_the_body_of_http_200_is_not_believed() {
    assert_eq!(error(ask_with(&metric(json!({})), 200, ERROR)), "URL/: the query has the status `error`: Query timed out");
    assert!(error(ask_with(&metric(json!({})), 200, "<html>")).starts_with("URL/: the answer is not that of Datadog's API"));
}

#[test]
fn a_limit_may_pass_and_says_when() {
    let host = FakeHost::new();
    let body = br#"{"errors": ["Rate limit reached"]}"#.to_vec();
    let headers = vec![("x-ratelimit-reset".to_owned(), "12".to_owned())];
    host.respond(Response { status: 429, headers, body, ..Response::default() });
    let why = error(ask_on(&host, &metric(json!({}))));
    assert_eq!(why, "URL/: HTTP 429: Rate limit reached; the limit is reset in 12 s");
    assert_eq!(error(ask_with(&metric(json!({})), 503, "")), "URL/: HTTP 503");
}

#[test]
fn wrong_keys_end_the_step() {
    let error = ask_with(&metric(json!({})), 403, r#"{"errors": ["Forbidden"]}"#).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("not-authorized", "https://api.datadoghq.com/ does not let the plugin in: HTTP 403: Forbidden")
    );
    let error = ask_with(&metric(json!({})), 400, r#"{"errors": ["Error parsing query"]}"#).unwrap_err();
    let message = "Datadog refuses the query `avg:system.load.1{*}`: HTTP 400: Error parsing query";
    assert_eq!((error.code.as_str(), error.message.as_str()), ("bad-query", message));
}

#[test]
fn no_series_is_no_data() {
    assert!(matches!(ask_with(&metric(json!({})), 200, EMPTY).unwrap().answer, Answer::NoData(_)));
}

#[test]
fn logs_are_counted_in_the_window() {
    let host = FakeHost::new();
    host.answer(200, LOGS);
    let asked = ask_on(&host, &settings(json!({"logs": "service:web status:error"}))).unwrap();
    assert_eq!(points(asked), [(1_767_225_600, 7.0)]);
    let request = host.requests().remove(0);
    assert_eq!((request.method.as_str(), request.url), ("POST", format!("{URL}/api/v2/logs/analytics/aggregate")));
    let filter = json!({"query": "service:web status:error", "from": "1767225300000", "to": "1767225600000"});
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent, json!({"filter": filter, "compute": [{"aggregation": "count", "type": "total"}]}));
}

#[test]
fn no_logs_are_a_count_of_zero_and_a_part_of_them_is_not_believed() {
    let logs = || settings(json!({"logs": "status:error"}));
    assert_eq!(points(ask_with(&logs(), 200, NO_LOGS).unwrap()), [(1_767_225_600, 0.0)]);
    let asked = ask_with(&logs(), 200, PART_OF_LOGS).unwrap();
    assert_eq!(asked.warnings, ["One or several indexes are missing: indexes: foo"]);
    assert_eq!(error(Ok(asked)), "URL/: Datadog took too long, and has counted a part of the logs only");
    assert!(error(ask_with(&logs(), 200, r#"{"data": {}}"#)).contains("missing field `meta`"));
}

#[test]
fn a_request_that_is_not_granted_ends_the_step_and_a_lost_connection_does_not() {
    let host = FakeHost::new();
    host.fail(HttpError::NotGranted("grant it".into()));
    host.fail(HttpError::Connect("refused".into()));
    assert_eq!(ask_on(&host, &metric(json!({}))).unwrap_err().code, "not-granted");
    assert_eq!(error(ask_on(&host, &metric(json!({})))), "URL/: no connection: refused");
}
