//! What goes out to CloudWatch and what is made of its answers; a test for each of its traps.

use super::*;
use analysis::Numbers as _;
use analysis::answer::{Answer, Data};
use analysis::scope::{Side, Window};
use shiftgate_sdk::http::Request;
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::testing::FakeHost;
use shiftgate_sdk::{Group, TargetGroup};

const URL: &str = "https://monitoring.us-east-1.amazonaws.com";
/// 2026-01-01T00:00:00Z, when a `FakeHost` begins.
const NOW: u64 = 1_767_225_600;

fn settings(more: Value) -> Settings {
    let mut config = json!({ "url": URL });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn metric(more: Value) -> Settings {
    let mut config = json!({"namespace": "web", "metricName": "errors", "stat": "Sum", "max": 1, "range": "5m"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings(config)
}

fn ask_on(host: &FakeHost, settings: &Settings) -> Result<Asked> {
    let cx = Context::new(host, &host.run);
    let metric = settings.numbers().remove(0);
    let range = metric.range.unwrap_or(Duration::from_secs(300));
    let window = Window { from: Timestamp(cx.now().0 - range.as_millis()), to: cx.now(), step: metric.query.period() };
    ask(&cx, settings, &metric.query, &Scope::canary(cx.run(), Side::Value, Some(window), cx.now()))
}

fn ask_with(settings: &Settings, status: u16, body: Value) -> Result<Asked> {
    let host = FakeHost::new();
    host.answer(status, body.to_string());
    ask_on(&host, settings)
}

fn part(label: &str, samples: &[(u64, f64)], status: &str) -> Value {
    let (at, values): (Vec<u64>, Vec<f64>) = samples.iter().copied().unzip();
    json!({"Id": "shiftgate", "Label": label, "Timestamps": at, "Values": values, "StatusCode": status})
}

fn page(parts: &[Value]) -> Value {
    json!({ "MetricDataResults": parts })
}

fn values(asked: Asked) -> Vec<f64> {
    match asked.answer {
        Answer::Data(Data { points, .. }) => points.into_iter().map(|point| point.value).collect(),
        other => panic!("{other:?}"),
    }
}

fn sent(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn error(asked: Result<Asked>) -> String {
    match asked.unwrap().answer {
        Answer::Error(why) => why.replace(URL, "URL"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_metric_is_asked_for_in_awss_json_protocol() {
    let mut host = FakeHost::new();
    host.run.new_group = Some(Group { name: "web__4".into(), ..Group::default() });
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/0123456789abcdef";
    host.run.target_groups = vec![TargetGroup { arn: arn.into(), weight: 10 }];
    host.answer(200, page(&[]).to_string());
    let dimensions = json!({"TargetGroup": "{{targetGroup}}", "Group": "{{group}}"});
    let asked = ask_on(&host, &metric(json!({ "dimensions": dimensions }))).unwrap();
    assert_eq!(asked.query, "Sum web errors {Group=web__4, TargetGroup=targetgroup/web-green/0123456789abcdef} by 1m");
    let request = host.requests().remove(0);
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", format!("{URL}/").as_str()));
    let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(header("x-amz-target"), "GraniteServiceVersion20100801.GetMetricData");
    assert_eq!(header("content-type"), "application/x-amz-json-1.0");
    let query = &sent(&request)["MetricDataQueries"][0];
    assert_eq!(query["MetricStat"]["Metric"]["Dimensions"][1]["Value"], "targetgroup/web-green/0123456789abcdef");
    assert_eq!((&query["MetricStat"]["Period"], &query["MetricStat"]["Stat"]), (&json!(60), &json!("Sum")));
}

#[test]
fn newest_first_is_not_taken_for_oldest_first() {
    let host = FakeHost::new();
    let newest_first = [(NOW - 60, 3.0), (NOW - 120, 2.0), (NOW - 180, 1.0)];
    host.answer(200, page(&[part("errors", &newest_first, "Complete")]).to_string());
    let asked = ask_on(&host, &metric(json!({}))).unwrap();
    assert_eq!(values(asked), [1.0, 2.0, 3.0]);
    assert_eq!(sent(&host.requests()[0])["ScanBy"], "TimestampAscending");
}

#[test]
fn partial_data_is_not_believed() {
    let body = page(&[part("errors", &[(NOW - 60, 0.0)], "PartialData")]);
    assert_eq!(error(ask_with(&metric(json!({})), 200, body)), "URL: the data is partial");
}

#[test]
fn an_internal_error_is_not_believed() {
    let body = page(&[part("errors", &[(NOW - 60, 0.0)], "InternalError")]);
    assert_eq!(error(ask_with(&metric(json!({})), 200, body)), "URL: CloudWatch had an internal error");
    let body = page(&[part("errors", &[(NOW - 60, 0.0)], "SomethingNew")]);
    assert_eq!(error(ask_with(&metric(json!({})), 200, body)), "URL: the data has no status that this plugin knows");
}

#[test]
fn pages_are_read_to_the_end() {
    let host = FakeHost::new();
    let mut first = page(&[part("errors", &[(NOW - 180, 1.0)], "PartialData")]);
    first["NextToken"] = json!("more");
    host.answer(200, first.to_string());
    host.answer(200, page(&[part("errors", &[(NOW - 120, 2.0)], "Complete")]).to_string());
    let asked = ask_on(&host, &metric(json!({}))).unwrap();
    assert_eq!(values(asked), [1.0, 2.0]);
    assert_eq!(sent(&host.requests()[1])["NextToken"], "more");
}

#[test]
fn pages_without_an_end_end_the_step() {
    let host = FakeHost::new();
    for _ in 0..10 {
        let mut endless = page(&[part("errors", &[], "PartialData")]);
        endless["NextToken"] = json!("more");
        host.answer(200, endless.to_string());
    }
    assert_eq!(ask_on(&host, &metric(json!({}))).unwrap_err().code, "too-much-data");
    assert_eq!(host.requests().len(), 4);
}

#[test]
fn empty_values_are_no_data() {
    let body = page(&[part("errors", &[], "Complete")]);
    let asked = ask_with(&metric(json!({})), 200, body).unwrap();
    let why = "CloudWatch has no data between 2025-12-31T23:55:00.000Z and 2026-01-01T00:00:00.000Z";
    assert_eq!(asked.answer, Answer::NoData(why.into()));
}

#[test]
fn the_window_is_one_of_whole_periods() {
    let host = FakeHost::new();
    host.advance(Duration::from_secs(95));
    for _ in 0..3 {
        host.answer(200, page(&[]).to_string());
    }
    ask_on(&host, &metric(json!({}))).unwrap();
    ask_on(&host, &metric(json!({"period": "5m"}))).unwrap();
    ask_on(&host, &metric(json!({"period": "5m", "range": "1m"}))).unwrap();
    let asked: Vec<_> =
        host.requests().iter().map(sent).map(|body| (body["StartTime"].clone(), body["EndTime"].clone())).collect();
    let expected = [(NOW - 240, NOW + 60), (NOW - 300, NOW), (NOW - 300, NOW)];
    assert_eq!(asked, expected.map(|(from, to)| (json!(from), json!(to))));
}

#[test]
fn the_last_period_that_is_not_over_is_left_out() {
    let host = FakeHost::new();
    host.advance(Duration::from_secs(30));
    host.answer(200, page(&[part("errors", &[(NOW - 60, 1.0), (NOW, 500.0)], "Complete")]).to_string());
    assert_eq!(values(ask_on(&host, &metric(json!({}))).unwrap()), [1.0]);
}

#[test]
fn forbidden_and_access_denied_end_the_step() {
    let forbidden = page(&[part("errors", &[], "Forbidden")]);
    assert_eq!(ask_with(&metric(json!({})), 200, forbidden).unwrap_err().code, "not-authorized");
    let denied = json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "User is not authorized"});
    let error = ask_with(&metric(json!({})), 400, denied).unwrap_err();
    assert_eq!(error.code, "not-authorized");
    let message = "URL does not let the plugin in: HTTP 400 AccessDeniedException: User is not authorized";
    assert_eq!(error.message.replace(URL, "URL"), message);
    let unsigned = json!({"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"});
    let error = ask_with(&metric(json!({})), 403, unsigned).unwrap_err();
    assert!(error.message.ends_with("the grant of this URL needs `auth: { sigv4: … }`"), "{}", error.message);
}

#[test]
fn throttling_may_pass_although_it_is_http_400() {
    let throttled = json!({"__type": "GraniteServiceVersion20100801#ThrottlingException", "message": "Rate exceeded"});
    let why = error(ask_with(&metric(json!({})), 400, throttled));
    assert_eq!(why, "URL: HTTP 400 ThrottlingException: Rate exceeded");
    assert_eq!(error(ask_with(&metric(json!({})), 503, json!("slow down"))), "URL: HTTP 503");
    let expired = json!({"__type": "ExpiredTokenException", "message": "The security token is expired"});
    assert!(error(ask_with(&metric(json!({})), 403, expired)).contains("ExpiredTokenException"));
}

#[test]
fn a_query_that_cannot_be_read_ends_the_step() {
    let wrong = json!({"__type": "GraniteServiceVersion20100801#ValidationException", "message": "Error in expression"});
    let error = ask_with(&metric(json!({})), 400, wrong).unwrap_err();
    assert_eq!(error.code, "bad-query");
    let message = "CloudWatch refuses the query `Sum web errors {} by 1m`: HTTP 400 ValidationException: Error in expression";
    assert_eq!(error.message, message);
    assert_eq!(ask_with(&metric(json!({})), 404, json!({})).unwrap_err().code, "no-query-api");
}

#[test]
fn an_expression_hides_the_metrics_that_it_is_made_of() {
    let host = FakeHost::new();
    let mut body = page(&[part("e", &[(NOW - 60, 0.5)], "Complete")]);
    body["Messages"] = json!([{"Code": "ArithmeticError", "Value": "One or more data-points have been dropped"}]);
    host.answer(200, body.to_string());
    let config = json!({
        "expression": "errors / requests", "namespace": "web", "stat": "Sum", "max": 1, "dimensions": {"A": "b"},
        "queries": [{"id": "errors", "metricName": "e"}, {"id": "requests", "metricName": "r", "stat": "SampleCount", "dimensions": {}}],
    });
    let asked = ask_on(&host, &settings(config)).unwrap();
    assert_eq!(asked.query, "errors / requests; errors = Sum web e {A=b} by 1m; requests = SampleCount web r {} by 1m");
    assert_eq!(asked.warnings, ["ArithmeticError: One or more data-points have been dropped"]);
    let queries = sent(&host.requests()[0])["MetricDataQueries"].clone();
    let returned: Vec<_> = queries.as_array().unwrap().iter().map(|query| (&query["Id"], &query["ReturnData"])).collect();
    let expected = [("errors", false), ("requests", false), ("shiftgate", true)].map(|(id, is)| (json!(id), json!(is)));
    assert_eq!(returned, expected.iter().map(|(id, is)| (id, is)).collect::<Vec<_>>());
    assert_eq!(queries[2].get("Period"), None);

    host.answer(200, page(&[]).to_string());
    let insights = json!({"expression": "SELECT MAX(errors) FROM web", "period": "5m", "max": 1});
    ask_on(&host, &settings(insights)).unwrap();
    assert_eq!(sent(&host.requests()[1])["MetricDataQueries"][0]["Period"], 300);
}

#[test]
fn several_series_need_to_be_told_how_to_become_one() {
    let body = || page(&[part("a", &[(NOW - 60, 1.0)], "Complete"), part("b", &[(NOW - 60, 4.0)], "Complete")]);
    assert_eq!(ask_with(&metric(json!({})), 200, body()).unwrap_err().code, "several-series");
    assert_eq!(values(ask_with(&metric(json!({"aggregate": "sum"})), 200, body()).unwrap()), [5.0]);
}

#[test]
fn numbers_that_json_does_not_know_and_odd_answers() {
    let mut odd = page(&[part("errors", &[(NOW - 60, 0.0), (NOW - 120, 0.0)], "Complete")]);
    odd["MetricDataResults"][0]["Values"] = json!(["Infinity", "NaN"]);
    let found = values(ask_with(&metric(json!({})), 200, odd.clone()).unwrap());
    assert!(found[0].is_nan() && found[1].is_infinite(), "{found:?}");
    odd["MetricDataResults"][0]["Values"] = json!([1]);
    assert_eq!(error(ask_with(&metric(json!({})), 200, odd)), "URL: 2 moments and 1 values do not fit");
    let xml = error(ask_with(&metric(json!({})), 200, json!("<xml/>")));
    assert!(xml.starts_with("URL: the answer is not that of CloudWatch's JSON protocol"), "{xml}");
}

fn alarms(states: &[(&str, &str)]) -> Value {
    let alarm = |(name, state): &(&str, &str)| json!({"AlarmName": name, "StateValue": state, "StateReason": "because"});
    let (composite, metric): (Vec<_>, Vec<_>) = states.iter().partition(|(name, _)| name.starts_with("composite"));
    let of = |states: Vec<&(&str, &str)>| states.into_iter().map(alarm).collect::<Vec<_>>();
    json!({"MetricAlarms": of(metric), "CompositeAlarms": of(composite)})
}

fn ask_alarms(states: &[(&str, &str)]) -> Result<Asked> {
    ask_with(&settings(json!({"alarms": ["errors", "composite"]})), 200, alarms(states))
}

#[test]
fn an_alarm_that_rings_is_counted_with_its_reason() {
    assert_eq!(values(ask_alarms(&[("errors", "OK"), ("composite", "OK")]).unwrap()), [0.0]);
    let asked = ask_alarms(&[("errors", "ALARM"), ("composite", "ALARM"), ("another", "ALARM")]).unwrap();
    assert_eq!(asked.warnings, ["`errors` is in ALARM: because", "`composite` is in ALARM: because"]);
    assert_eq!(values(asked), [2.0]);
}

#[test]
fn an_alarm_with_insufficient_data_is_no_data_unless_another_rings() {
    let asked = ask_alarms(&[("errors", "OK"), ("composite", "INSUFFICIENT_DATA")]).unwrap();
    assert_eq!(asked.answer, Answer::NoData("the alarm `composite` has not enough data".into()));
    assert_eq!(values(ask_alarms(&[("errors", "ALARM"), ("composite", "INSUFFICIENT_DATA")]).unwrap()), [1.0]);
    let new = ask_alarms(&[("errors", "OK"), ("composite", "SNOOZED")]).unwrap();
    assert!(matches!(new.answer, Answer::NoData(_)), "a state that is not known is not believed");
}

#[test]
fn a_missing_alarm_ends_the_step() {
    let error = ask_alarms(&[("errors", "OK")]).unwrap_err();
    assert_eq!(error.code, "no-alarm");
    assert!(error.message.contains("has no alarm `composite` that the plugin may see"), "{}", error.message);
}

#[test]
fn composite_alarms_are_asked_for_and_pages_read() {
    let host = FakeHost::new();
    let mut first = alarms(&[("errors", "OK")]);
    first["NextToken"] = json!("more");
    host.answer(200, first.to_string());
    host.answer(200, alarms(&[("composite", "OK")]).to_string());
    let asked = ask_on(&host, &settings(json!({"alarms": ["errors", "composite"]}))).unwrap();
    assert_eq!(values(asked), [0.0]);
    let body = sent(&host.requests()[0]);
    assert_eq!(body["AlarmTypes"], json!(["CompositeAlarm", "MetricAlarm"]));
    assert_eq!(sent(&host.requests()[1])["NextToken"], "more");
}

#[test]
fn a_request_that_is_not_granted_ends_the_step_and_a_lost_connection_does_not() {
    let host = FakeHost::new();
    host.fail(HttpError::NotGranted("grant it".into()));
    host.fail(HttpError::Connect("refused".into()));
    assert_eq!(ask_on(&host, &metric(json!({}))).unwrap_err().code, "not-granted");
    assert_eq!(error(ask_on(&host, &metric(json!({})))), "URL: no connection: refused");
}
