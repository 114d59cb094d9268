//! What goes out to NerdGraph and what is made of its answers; a test for each of its traps.
//!
//! The answers are those of `shapes/`.

use super::*;
use analysis::Numbers as _;
use analysis::answer::Data;
use analysis::scope::{Side, Window};
use shiftgate_sdk::Group;
use shiftgate_sdk::testing::FakeHost;

const URL: &str = "https://api.newrelic.com";
const NUMBER: &str = include_str!("../shapes/number.json");
const SERIES: &str = include_str!("../shapes/series.json");
const SEVERAL: &str = include_str!("../shapes/several.json");
const FACETS: &str = include_str!("../shapes/facets.json");
const EMPTY: &str = include_str!("../shapes/empty.json");
const NULL: &str = include_str!("../shapes/null.json");
const EVENTS: &str = include_str!("../shapes/events.json");
const SYNTAX: &str = include_str!("../shapes/syntax.json");
const TIMEOUT: &str = include_str!("../shapes/timeout.json");
const DENIED: &str = include_str!("../shapes/denied.json");

fn settings(more: Value) -> Settings {
    let mut config =
        json!({"url": URL, "account": 1_234_567, "apiKey": "key-of-the-user", "query": "SELECT count(*) FROM T", "max": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn ask_on(host: &FakeHost, settings: &Settings) -> Result<Asked> {
    let cx = Context::new(host, &host.run);
    let metric = settings.numbers().remove(0);
    let now = cx.now();
    let window = metric.range.map(|range| Window { from: Timestamp(now.0 - range.as_millis()), to: now, step: metric.step });
    ask(&cx, settings, &metric.query, &Scope::canary(cx.run(), Side::Value, window, now))
}

fn ask_with(more: Value, status: u16, body: &str) -> Result<Asked> {
    let host = FakeHost::new();
    host.answer(status, body);
    ask_on(&host, &settings(more))
}

fn points(asked: Result<Asked>) -> Vec<(u64, f64)> {
    match asked.unwrap().answer {
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

fn no_data(asked: Result<Asked>) -> String {
    match asked.unwrap().answer {
        Answer::NoData(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nerdgraph_is_asked_with_the_key_and_a_timeout_of_its_own() {
    let mut host = FakeHost::new();
    host.run.new_group = Some(Group { name: "web__4".into(), ..Group::default() });
    host.answer(200, NUMBER);
    let asked =
        ask_on(&host, &settings(json!({"query": "SELECT count(*) FROM T WHERE g = '{{group}}'", "timeout": "12s"}))).unwrap();
    let nrql = "SELECT count(*) FROM T WHERE g = 'web__4' SINCE 1767225300000 UNTIL 1767225600000";
    assert_eq!(asked.query, nrql);
    let request = host.requests().remove(0);
    assert_eq!((request.method.as_str(), request.url), ("POST", format!("{URL}/graphql")));
    assert!(request.headers.contains(&("api-key".to_owned(), "key-of-the-user".to_owned())));
    assert_eq!(request.timeout, Some(Duration::from_secs(17)));
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent["variables"], json!({"account": 1_234_567, "nrql": nrql, "timeout": 12}));
}

#[test]
fn an_account_in_the_eu_has_a_url_of_its_own() {
    let host = FakeHost::new();
    host.answer(200, NUMBER);
    let mut eu = settings(json!({"url": "https://api.eu.newrelic.com/"}));
    eu.api_key = None;
    ask_on(&host, &eu).unwrap();
    let request = host.requests().remove(0);
    assert_eq!(request.url, "https://api.eu.newrelic.com/graphql");
    assert!(request.headers.iter().all(|(name, _)| name != "api-key"), "the grant adds it");
    let denied = ask_with(json!({}), 401, "").unwrap_err();
    assert!(denied.message.ends_with("one in the EU is asked at https://api.eu.newrelic.com"), "{}", denied.message);
}

#[test]
fn errors_with_http_200_are_not_believed() {
    let both =
        r#"{"data": {"actor": {"account": {"nrql": {"results": [{"count": 0}]}}}}, "errors": [{"message": "something broke"}]}"#;
    assert_eq!(error(ask_with(json!({}), 200, both)), "URL: HTTP 200: something broke");
    let syntax = ask_with(json!({}), 200, SYNTAX).unwrap_err();
    assert_eq!(syntax.code, "bad-query");
    assert!(syntax.message.ends_with("HTTP 200: NRQL Syntax Error: Error at line 1 position 8, unexpected 'FORM'"));
    let bare = r#"{"data": null, "errors": [{"message": "NRQL Syntax Error: Error at line 1"}]}"#;
    assert_eq!(ask_with(json!({}), 200, bare).unwrap_err().code, "bad-query");
    assert_eq!(ask_with(json!({}), 200, DENIED).unwrap_err().code, "not-authorized");
    let key = r#"{"errors": [{"message": "The API key provided is invalid", "extensions": {"error_code": "BAD_API_KEY"}}]}"#;
    assert_eq!(ask_with(json!({}), 200, key).unwrap_err().code, "not-authorized");
}

#[test]
fn a_query_that_took_too_long_may_pass() {
    assert_eq!(error(ask_with(json!({}), 200, TIMEOUT)), "URL: HTTP 200: NRQL query timed out");
    assert_eq!(error(ask_with(json!({}), 429, "")), "URL: HTTP 429");
    assert_eq!(error(ask_with(json!({}), 504, "<html>")), "URL: HTTP 504");
}

#[test]
fn a_row_is_a_number_and_buckets_are_samples() {
    let asked = ask_with(json!({}), 200, NUMBER).unwrap();
    assert_eq!(asked.answer, Answer::Data(Data::number(Timestamp(1_767_225_600_000), 0.25)));
    let host = FakeHost::new();
    host.answer(200, SERIES);
    let asked = ask_on(&host, &settings(json!({"range": "1m"}))).unwrap();
    assert!(asked.query.ends_with(" SINCE 1767225540000 UNTIL 1767225600000 TIMESERIES 15 seconds"), "{}", asked.query);
    assert_eq!(asked.warnings, ["Some data was left out"]);
    assert_eq!(points(Ok(asked)), [(1_767_225_540, 0.5), (1_767_225_570, 0.25)]);
}

#[test]
fn null_is_no_sample() {
    assert_eq!(points(ask_with(json!({"range": "1m"}), 200, SERIES)).len(), 2);
    assert_eq!(no_data(ask_with(json!({}), 200, NULL)), "the query has no `average.duration` that is not null");
}

#[test]
fn several_numbers_of_a_row_need_a_field() {
    let unclear = ask_with(json!({}), 200, SEVERAL).unwrap_err();
    assert_eq!(unclear.code, "several-numbers");
    let message = "has 3 numbers; say which with `field`: `count`, `percentile.duration.95`, `percentile.duration.99`";
    assert!(unclear.message.ends_with(message), "{}", unclear.message);
    let of = |field: &str| ask_with(json!({ "field": field }), 200, SEVERAL);
    assert_eq!(points(of("percentile.duration.95")), [(1_767_225_600, 0.5)]);
    assert_eq!(of("percentile.duration").unwrap_err().code, "no-such-field");
}

#[test]
fn facets_need_to_be_told_how_to_become_one() {
    assert_eq!(ask_with(json!({}), 200, FACETS).unwrap_err().code, "several-series");
    let summed = points(ask_with(json!({"aggregate": "sum"}), 200, FACETS));
    assert_eq!(summed, [(1_767_225_540, 5.0), (1_767_225_570, 2.0)]);
    // A facet may be a number itself.
    let codes = r#"{"data": {"actor": {"account": {"nrql": {"results": [{"facet": 200, "code": 200, "count": 3}], "metadata": {"facets": ["code"]}}}}}}"#;
    assert_eq!(points(ask_with(json!({}), 200, codes)), [(1_767_225_600, 3.0)]);
}

#[test]
fn no_result_is_no_data() {
    assert_eq!(no_data(ask_with(json!({}), 200, EMPTY)), "the query has no result");
    let words = r#"{"data": {"actor": {"account": {"nrql": {"results": [{"latest.version": "1.2"}]}}}}}"#;
    assert_eq!(no_data(ask_with(json!({}), 200, words)), "the query has no number as result");
}

#[test]
fn events_are_no_number() {
    assert_eq!(ask_with(json!({"field": "duration"}), 200, EVENTS).unwrap_err().code, "no-number");
}

#[test]
fn an_answer_of_another_shape_is_not_believed() {
    let nothing = r#"{"data": {"actor": {"account": null}}}"#;
    assert_eq!(error(ask_with(json!({}), 200, nothing)), "URL: the answer has neither a result nor an error");
    assert!(error(ask_with(json!({}), 200, "<html>")).starts_with("URL: the answer is not that of NerdGraph"));
    assert_eq!(ask_with(json!({}), 404, "").unwrap_err().code, "no-query-api");
}

#[test]
fn a_request_that_is_not_granted_ends_the_step_and_a_lost_connection_does_not() {
    let host = FakeHost::new();
    host.fail(HttpError::NotGranted("grant it".into()));
    host.fail(HttpError::Connect("refused".into()));
    assert_eq!(ask_on(&host, &settings(json!({}))).unwrap_err().code, "not-granted");
    assert_eq!(error(ask_on(&host, &settings(json!({})))), "URL: no connection: refused");
}
