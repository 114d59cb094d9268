//! Answers as AppDynamics' controller gives them, and what comes of each. Tests that begin with `trap` hold what is easily
//! believed and wrong.

use analysis::Numbers as _;
use analysis::answer::Answer;
use analysis::scope::Side;
use shiftgate_sdk::Group;
use shiftgate_sdk::http::{HttpError, Response};
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::testing::{self, FakeHost};

use super::*;

fn config(more: Value) -> Value {
    let mut config = json!({
        "url": "https://acme.saas.appdynamics.com/", "application": "My Shop é",
        "metricPath": "Application Infrastructure Performance|{{group}}|Errors per Minute", "max": 5,
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn host() -> FakeHost {
    let mut host = FakeHost::new();
    host.run.new_group = Some(Group { name: "web__4".into(), ..Group::default() });
    host
}

fn ask_on(host: &FakeHost, config: &Value) -> Result<Asked> {
    let settings: Settings = serde_json::from_value(config.clone()).unwrap();
    let cx = Context::new(host, &host.run);
    let (now, metric) = (cx.now(), settings.numbers().remove(0));
    let range = metric.range.unwrap_or(LOOKS_BACK);
    let window = Window { from: Timestamp(now.0 - range.as_millis()), to: now, step: metric.step };
    Appdynamics::ask(&cx, &settings, &metric, &Scope::canary(cx.run(), Side::Value, Some(window), now))
}

fn ask(more: Value, status: u16, body: &str) -> Result<Asked> {
    let host = host();
    host.answer(status, body);
    ask_on(&host, &config(more))
}

/// A metric with one sample a minute.
fn metric(path: &str, frequency: &str, values: &[u64]) -> Value {
    let sample = |(minute, value): (usize, &u64)| {
        json!({
            "startTimeInMillis": 1_767_225_000_000_u64 + minute as u64 * 60_000, "occurrences": 1, "current": value + 1,
            "min": value - 1, "max": value + 2, "useRange": true, "count": 4, "sum": value * 4, "value": value, "standardDeviation": 0,
        })
    };
    let values: Vec<Value> = values.iter().enumerate().map(sample).collect();
    let name = "BTM|Application Summary|Errors per Minute";
    json!({"metricId": 11, "metricName": name, "metricPath": path, "frequency": frequency, "metricValues": values})
}

fn values(asked: Asked) -> Vec<f64> {
    match asked.answer {
        Answer::Data(found) => found.points.into_iter().map(|point| point.value).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn samples_are_read_field_by_field() {
    let body = json!([metric("a", "ONE_MIN", &[3, 4, 2])]).to_string();
    let field = |name: &str| values(ask(json!({ "field": name }), 200, &body).unwrap());
    assert_eq!(field("value"), [3.0, 4.0, 2.0]);
    assert_eq!(
        [field("min")[0], field("max")[0], field("current")[0], field("sum")[0], field("count")[0]],
        [2.0, 5.0, 4.0, 12.0, 4.0]
    );
}

#[test]
fn a_verification_judges_the_worst_sample() {
    let host = host();
    host.answer(200, json!([metric("a", "ONE_MIN", &[3, 9, 2])]).to_string());
    let report = testing::verify::<Appdynamics>(&host, &config(json!({"name": "errors"}))).unwrap();
    assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Fail, "measurement 1 of 1: errors is 9, wanted <= 5"));
}

#[test]
fn trap_the_parts_of_the_path_are_percent_encoded() {
    let host = host();
    host.answer(200, "[]");
    ask_on(&host, &config(json!({"headers": {"x-csrf": "1"}}))).unwrap();
    assert_eq!(
        host.requests()[0].url,
        "https://acme.saas.appdynamics.com/controller/rest/applications/My%20Shop%20%C3%A9/metric-data?\
         metric-path=Application%20Infrastructure%20Performance%7Cweb__4%7CErrors%20per%20Minute&\
         time-range-type=BETWEEN_TIMES&start-time=1767225000000&end-time=1767225600000&rollup=false&output=JSON"
    );
    assert!(host.requests()[0].headers.contains(&("x-csrf".into(), "1".into())));
}

#[test]
fn trap_xml_is_told_as_xml() {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><metric-datas><metric-data/></metric-datas>";
    let Answer::Error(why) = ask(json!({}), 200, xml).unwrap().answer else { panic!("an answer") };
    assert!(why.contains("the answer is XML, though JSON was asked for"), "{why}");
    let Answer::Error(why) = ask(json!({}), 200, "<html>login</html>").unwrap().answer else { panic!("an answer") };
    assert!(why.ends_with("the answer is not that of the controller's metric API"), "{why}");
}

#[test]
fn trap_metric_data_not_found_is_no_data() {
    let body = json!([{
        "metricId": 0, "metricName": "METRIC DATA NOT FOUND", "metricPath": "a|b", "frequency": "ONE_MIN", "metricValues": [],
    }]);
    let Answer::NoData(why) = ask(json!({}), 200, &body.to_string()).unwrap().answer else { panic!("an answer") };
    assert!(why.starts_with("AppDynamics has no data of a metric `Application Infrastructure"), "{why}");
    assert!(matches!(ask(json!({}), 200, "[]").unwrap().answer, Answer::NoData(_)));
    let empty = json!([metric("a", "ONE_MIN", &[])]).to_string();
    assert_eq!(ask(json!({}), 200, &empty).unwrap().answer, Answer::NoData("the metric has no samples in this time".into()));
}

#[test]
fn trap_samples_that_are_farther_apart_than_the_step_are_told() {
    let warned =
        |more: Value, frequency: &str| ask(more, 200, &json!([metric("a", frequency, &[1])]).to_string()).unwrap().warnings;
    assert_eq!(warned(json!({}), "TEN_MIN"), [""; 0], "nobody asked for a step");
    assert_eq!(warned(json!({"step": "1m"}), "ONE_MIN"), [""; 0]);
    let told = ["`step` is 1m, and there is one sample every 10m for a range of 10m"];
    assert_eq!(warned(json!({"step": "1m"}), "TEN_MIN"), told);
    let by_length = |range: &str| warned(json!({"step": "30s", "range": range}), "").remove(0);
    assert!(by_length("24h").contains("one sample every 1m"));
    assert!(by_length("49h").contains("one sample every 10m"));
    assert!(by_length("50h").contains("one sample every 1h"));
}

#[test]
fn trap_a_wildcard_names_several_metrics() {
    let body = json!([metric("a|x", "ONE_MIN", &[3, 4]), metric("a|y", "ONE_MIN", &[5, 1])]).to_string();
    let error = ask(json!({}), 200, &body).unwrap_err();
    assert_eq!(error.code, "several-series");
    assert!(error.message.contains("names 2 metrics, `a|x` and `a|y` among them"), "{}", error.message);
    assert_eq!(values(ask(json!({"aggregate": "sum"}), 200, &body).unwrap()), [8.0, 5.0]);
    // One of them without samples does not count.
    let body = json!([metric("a|x", "ONE_MIN", &[3, 4]), metric("a|y", "ONE_MIN", &[])]).to_string();
    assert_eq!(values(ask(json!({}), 200, &body).unwrap()), [3.0, 4.0]);
}

#[test]
fn trap_missing_rights_and_applications_end_the_step() {
    assert_eq!(ask(json!({}), 401, "<html>").unwrap_err().code, "not-authorized");
    assert_eq!(ask(json!({}), 403, "").unwrap_err().code, "not-authorized");
    let error = ask(json!({}), 404, "").unwrap_err();
    assert_eq!(error.code, "no-application");
    assert!(error.message.ends_with("there is no application `My Shop é`, or no controller: HTTP 404"), "{}", error.message);
    assert_eq!(ask(json!({}), 400, "Invalid application id My Shop é is specified").unwrap_err().code, "no-application");
    assert_eq!(ask(json!({}), 400, "bad time range").unwrap_err().code, "bad-query");
    assert!(matches!(ask(json!({}), 503, "<html>").unwrap().answer, Answer::Error(why) if why.ends_with("HTTP 503")));
}

#[test]
fn a_refused_request_ends_the_step_and_a_lost_connection_does_not() {
    let host = host();
    host.fail(HttpError::NotGranted("grant GET https://acme.saas.appdynamics.com".into()));
    host.always(Ok(Response { status: 500, ..Response::default() }));
    assert_eq!(ask_on(&host, &config(json!({}))).unwrap_err().code, "not-granted");
    assert_eq!(testing::verify::<Appdynamics>(&host, &config(json!({}))).unwrap_err().code, "measurement-errors");
}

#[test]
fn the_manifest_says_what_it_asks_for() {
    let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
    assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("appdynamics"), &json!("verification")));
    assert_eq!(manifest["requests"]["http"][0]["methods"], json!(["GET"]));
    assert_eq!(manifest["config"]["required"], json!(["url"]));
}
