//! Answers of all kinds, and what comes of each. Tests that begin with `trap` hold what is easily believed and wrong.

use analysis::Numbers as _;
use analysis::answer::Answer;
use analysis::scope::{Side, Window};
use shiftgate_sdk::http::{HttpError, Response};
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::testing::{self, FakeHost};
use shiftgate_sdk::{Group, Timestamp};

use super::*;

fn host() -> FakeHost {
    let mut host = FakeHost::new();
    let instances = vec!["i-1".into(), "i-2".into()];
    host.run.new_group = Some(Group { name: "web/4".into(), instances, ..Group::default() });
    host
}

fn config(more: Value) -> Value {
    let mut config = json!({"url": "https://s/api/", "path": "/stats", "max": 5});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn ask_on(host: &FakeHost, config: &Value) -> Result<Asked> {
    let settings: Settings = serde_json::from_value(config.clone()).unwrap();
    let cx = Context::new(host, &host.run);
    let (now, metric) = (cx.now(), settings.numbers().remove(0));
    let window = metric.range.map(|range| Window { from: Timestamp(now.0 - range.as_millis()), to: now, step: metric.step });
    HttpJson::ask(&cx, &settings, &metric, &Scope::canary(cx.run(), Side::Value, window, now))
}

fn ask(more: Value, status: u16, body: &str) -> Result<Asked> {
    let host = host();
    host.answer(status, body);
    ask_on(&host, &config(more))
}

fn answer(more: Value, body: &str) -> Answer {
    ask(more, 200, body).unwrap().answer
}

fn values(more: Value, body: &str) -> Vec<f64> {
    match answer(more, body) {
        Answer::Data(found) => found.points.into_iter().map(|point| point.value).collect(),
        other => panic!("{other:?}"),
    }
}

fn verdict(more: Value, body: &str) -> Verdict {
    let host = host();
    host.answer(200, body);
    testing::verify::<HttpJson>(&host, &config(more)).unwrap().verdict
}

#[test]
fn a_value_is_found_by_its_path() {
    let body = r#"{"data": [{"value": 4}, {"value": 7}]}"#;
    assert_eq!(values(json!({"value": "$.data[0].value"}), body), [4.0]);
    assert_eq!(values(json!({"value": "$.data[*].value"}), body), [4.0, 7.0]);
    assert_eq!(values(json!({}), "3"), [3.0]);
    assert_eq!(values(json!({"value": "$.list"}), r#"{"list": [1, 2]}"#), [1.0, 2.0]);
    assert_eq!(verdict(json!({"value": "$.data[*].value"}), body), Verdict::Fail, "the worst of them counts");
    assert_eq!(verdict(json!({"value": "$.data[*].value", "reduce": "min"}), body), Verdict::Pass);
}

#[test]
fn a_condition_sees_the_result_with_its_types() {
    let told = |condition: &str, body: &str| verdict(json!({"max": null, "successCondition": condition}), body);
    assert_eq!(told("result.ok == true", r#"{"ok": true}"#), Verdict::Pass);
    assert_eq!(told("result.ok == true", r#"{"ok": false}"#), Verdict::Fail);
    assert_eq!(told("result.status == 'green' && result.nodes >= 3", r#"{"status": "green", "nodes": 3}"#), Verdict::Pass);
}

#[test]
fn words_are_filled_in_where_they_stand() {
    let host = host();
    host.answer(200, "1");
    let config = config(json!({
        "path": "/stats?g={{group}}&from={{startSeconds}}&ids=a|{{instances}}", "range": "1m",
        "headers": {"x-group": "{{group}}"}, "body": {"from": "{{start}}", "ids": "{{instances}}", "note": "of {{group}}"},
    }));
    ask_on(&host, &config).unwrap();
    let request = &host.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("POST", "https://s/api/stats?g=web%2F4&from=1767225540&ids=a|i-1%7Ci-2")
    );
    assert!(request.headers.contains(&("x-group".into(), "web/4".into())));
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(sent, json!({"from": 1_767_225_540_000_u64, "ids": ["i-1", "i-2"], "note": "of web/4"}));
}

#[test]
fn a_series_has_moments_of_any_unit() {
    let series = |unit: &str, body: &str| {
        let more = json!({"values": "$.p[*].v", "timestamps": "$.p[*].t", "timestampUnit": unit});
        let Answer::Data(found) = answer(more, body) else { panic!("no data") };
        found.points.iter().map(|point| (point.at.0, point.value)).collect::<Vec<_>>()
    };
    let expected = [(1000, 0.5), (3000, 2.0)];
    assert_eq!(series("ms", r#"{"p": [{"t": 3000, "v": 2}, {"t": 1000, "v": "0.5"}, {"t": 2000, "v": null}]}"#), expected);
    assert_eq!(series("s", r#"{"p": [{"t": 1, "v": 0.5}, {"t": 3, "v": 2}]}"#), expected);
    assert_eq!(
        series("iso", r#"{"p": [{"t": "1970-01-01T00:00:01Z", "v": 0.5}, {"t": "1970-01-01T01:00:03+01:00", "v": 2}]}"#),
        expected
    );
    let columns = json!({"values": "$.v", "timestamps": "$.t"});
    assert_eq!(values(columns.clone(), r#"{"v": [1, 2], "t": [1, 2]}"#), [1.0, 2.0]);
    let uneven = answer(columns.clone(), r#"{"v": [1, 2], "t": [1]}"#);
    assert_eq!(uneven, Answer::Error("`$.v` leads to 2 values, and `$.t` to 1 moments".into()));
    assert!(matches!(answer(columns.clone(), r#"{"v": [null], "t": [1]}"#), Answer::NoData(_)));
    assert!(matches!(answer(columns.clone(), r#"{"v": ["x"], "t": [1]}"#), Answer::Error(_)));
    assert!(
        matches!(answer(columns, r#"{"v": [1], "t": ["x"]}"#), Answer::Error(why) if why.contains("look at `timestampUnit`"))
    );
}

#[test]
fn trap_an_answer_that_is_no_json_is_told_with_its_kind() {
    let host = host();
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    host.respond(Response { status: 200, headers, body: b"<html>".to_vec(), ..Response::default() });
    let asked = ask_on(&host, &config(json!({}))).unwrap();
    assert_eq!(asked.answer, Answer::Error("https://s/api/stats: the answer is no JSON (text/html)".into()));
}

#[test]
fn trap_a_path_without_a_match_is_no_data() {
    let nothing = answer(json!({"value": "$.data[0].value"}), r#"{"data": []}"#);
    assert_eq!(nothing, Answer::NoData("the answer has nothing at `$.data[0].value`".into()));
    assert_eq!(verdict(json!({"value": "$.a"}), "{}"), Verdict::Inconclusive);
}

#[test]
fn trap_an_empty_list_is_no_data_whatever_holds_of_all_its_items() {
    let told = |more: Value, body: &str| {
        let mut config = json!({"max": null});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        verdict(config, body)
    };
    for condition in ["all(result, # < 0.05)", "none(result, # > 0.05)", "len(result) < 5"] {
        let list = json!({"value": "$.points", "successCondition": condition});
        assert_eq!(told(list.clone(), r#"{"points": []}"#), Verdict::Inconclusive, "{condition}");
        assert_eq!(told(list, r#"{"points": [0.01]}"#), Verdict::Pass, "{condition}");
    }
    let nested = json!({"value": "$.hosts[*].points", "successCondition": "all(result, all(#, # < 1))"});
    assert_eq!(told(nested, r#"{"hosts": [{"points": []}, {"points": []}]}"#), Verdict::Inconclusive);
    let why = answer(json!({"value": "$.points"}), r#"{"points": []}"#);
    assert_eq!(why, Answer::NoData("`$.points` leads to an empty list".into()));
    // Who wants a list to be empty leads the path to what holds it.
    let wanted = json!({"successCondition": "len(result.alerts) == 0"});
    assert_eq!(told(wanted, r#"{"alerts": []}"#), Verdict::Pass);
}

#[test]
fn trap_values_of_another_time_are_no_answer() {
    let asked = json!({"values": "$.v", "timestamps": "$.t", "timestampUnit": "s", "range": "1m", "path": "/s?from={{start}}"});
    let now = 1_767_225_600;
    let body = |times: &[u64]| json!({"v": vec![1; times.len()], "t": times}).to_string();
    assert_eq!(values(asked.clone(), &body(&[now - 61, now - 60, now - 1, now, now + 1])).len(), 3);
    let old = answer(asked, &body(&[now - 3600, now - 3000]));
    let why = "`$.v` leads to 2 values, none of them between 2025-12-31T23:59:00.000Z and 2026-01-01T00:00:00.000Z; look at \
               `timestampUnit`, and at the words of time in the query";
    assert_eq!(old, Answer::NoData(why.into()));
}

#[test]
fn trap_an_api_that_answers_the_same_whatever_the_time_is_no_baseline() {
    let host = host();
    let now = 1_767_225_600_u64;
    let series: Vec<Value> = (0..60).map(|second| json!({"v": second % 7, "t": now + second})).collect();
    host.always(Ok(Response { status: 200, body: json!(series).to_string().into_bytes(), ..Response::default() }));
    let compared = json!({
        "max": null, "path": "/stats?from={{startSeconds}}", "values": "$[*].v", "timestamps": "$[*].t", "timestampUnit": "s",
        "compare": {"with": "earlier", "offset": "1d"}, "initialDelay": "1m",
    });
    let report = testing::verify::<HttpJson>(&host, &config(compared)).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{}", report.summary);
}

#[test]
fn trap_a_number_in_a_text_is_a_number() {
    assert_eq!(values(json!({"value": "$.v"}), r#"{"v": " 4.5 "}"#), [4.5]);
    let text = answer(json!({"value": "$.v"}), r#"{"v": "4.5 ms"}"#);
    assert_eq!(text, Answer::NoData("`$.v` is no number: \"4.5 ms\"".into()));
    assert_eq!(verdict(json!({"value": "$.v"}), r#"{"v": "NaN"}"#), Verdict::Inconclusive);
    // A condition sees the text that it is.
    assert_eq!(
        verdict(json!({"max": null, "value": "$.v", "successCondition": "result == '4.5'"}), r#"{"v": "4.5"}"#),
        Verdict::Pass
    );
}

#[test]
fn trap_null_is_no_data_and_no_zero() {
    assert_eq!(answer(json!({"value": "$.v"}), r#"{"v": null}"#), Answer::NoData("`$.v` is null".into()));
    assert_eq!(verdict(json!({"value": "$.v"}), r#"{"v": null}"#), Verdict::Inconclusive);
    assert_eq!(verdict(json!({"value": "$.v"}), r#"{"v": true}"#), Verdict::Inconclusive, "and true is no 1");
    assert_eq!(values(json!({"value": "$[*]"}), "[1, null, 2]"), [1.0, 2.0]);
    assert!(matches!(answer(json!({"value": "$[*]"}), "[1, \"x\"]"), Answer::NoData(_)), "the rest is not the whole");
}

#[test]
fn trap_a_redirect_is_told_with_where_it_leads() {
    let host = host();
    let headers = vec![("location".to_owned(), "https://login/".to_owned())];
    host.respond(Response { status: 302, headers, ..Response::default() });
    let error = ask_on(&host, &config(json!({}))).unwrap_err();
    assert_eq!(error.code, "redirected");
    assert!(error.message.starts_with("https://s/api/stats redirects to https://login/: HTTP 302"), "{}", error.message);
    assert_eq!(host.requests()[0].max_redirects, 0);
}

#[test]
fn trap_a_status_says_whether_to_ask_again() {
    let code = |status| ask(json!({}), status, "1").unwrap_err().code;
    assert_eq!([400, 401, 403, 404, 422].map(code), ["refused", "not-authorized", "not-authorized", "refused", "refused"]);
    for status in [408, 429, 500, 503] {
        let told = Answer::Error(format!("https://s/api/stats: HTTP {status}"));
        assert_eq!(ask(json!({}), status, "1").unwrap().answer, told);
    }
    assert_eq!(ask(json!({}), 201, "1").unwrap().answer, answer(json!({}), "1"), "201 is an answer");
}

#[test]
fn a_refused_request_ends_the_step_and_a_lost_connection_does_not() {
    let host = host();
    host.fail(HttpError::NotGranted("grant GET https://s/api".into()));
    host.always(Ok(Response { status: 500, ..Response::default() }));
    assert_eq!(ask_on(&host, &config(json!({}))).unwrap_err().code, "not-granted");
    assert_eq!(testing::verify::<HttpJson>(&host, &config(json!({}))).unwrap_err().code, "measurement-errors");
}

#[test]
fn the_manifest_says_what_it_asks_for() {
    let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
    assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("http-json"), &json!("verification")));
    assert_eq!(manifest["requests"]["http"][0]["methods"], json!(["GET", "POST"]));
    assert_eq!(manifest["config"]["required"], json!(["url"]));
}
