//! Answers as Elasticsearch and OpenSearch give them (`answers/`), and what comes of each. Tests that begin with `trap` hold
//! what is easily believed and wrong.

use analysis::Numbers as _;
use analysis::answer::Answer;
use analysis::scope::Side;
use shiftgate_sdk::http::{HttpError, Response};
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::testing::{self, FakeHost};
use shiftgate_sdk::{Group, Timestamp};

use super::*;

macro_rules! answer {
    ($name:literal) => {
        include_str!(concat!("../answers/", $name, ".json"))
    };
}

fn host() -> FakeHost {
    let group = |name: &str, id: &str| Group { name: name.into(), instances: vec![id.into()], ..Group::default() };
    let mut host = FakeHost::new();
    host.run.new_group = Some(group("web__4", "i-new"));
    host.run.old_group = Some(group("web__3", "i-old"));
    host
}

fn config(more: Value) -> Value {
    let mut config = json!({"url": "http://e:9200/", "index": "logs-web", "query": "level:error", "max": 100});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn ask_on(host: &FakeHost, config: &Value) -> Result<Asked> {
    let settings: Settings = serde_json::from_value(config.clone()).unwrap();
    let cx = Context::new(host, &host.run);
    let (now, metric) = (cx.now(), settings.numbers().remove(0));
    let range = metric.range.unwrap_or(LOOKS_BACK);
    let window = Window { from: Timestamp(now.0 - range.as_millis()), to: now, step: metric.step };
    Elasticsearch::ask(&cx, &settings, &metric, &Scope::canary(cx.run(), Side::Value, Some(window), now))
}

fn ask(status: u16, body: &str) -> Result<Asked> {
    let host = host();
    host.answer(status, body);
    ask_on(&host, &config(json!({})))
}

fn values(asked: Asked) -> Vec<f64> {
    match asked.answer {
        Answer::Data(found) => found.points.into_iter().map(|point| point.value).collect(),
        other => panic!("{other:?}"),
    }
}

fn error(body: &str) -> String {
    match ask(200, body).unwrap().answer {
        Answer::Error(why) => why,
        other => panic!("{other:?}"),
    }
}

fn sent(host: &FakeHost, number: usize) -> Value {
    serde_json::from_slice(&host.requests()[number].body).unwrap()
}

#[test]
fn matches_are_counted() {
    let host = host();
    host.answer(200, answer!("count"));
    let asked = ask_on(&host, &config(json!({"headers": {"authorization": "ApiKey abc"}}))).unwrap();
    assert_eq!(values(asked), [12_345.0]);
    let request = &host.requests()[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "http://e:9200/logs-web/_search"));
    assert!(request.headers.contains(&("authorization".into(), "ApiKey abc".into())));
    let range = json!({"gte": 1_767_225_300_000_u64, "lt": 1_767_225_600_000_u64, "format": "epoch_millis"});
    let filter = json!([
        {"range": {"@timestamp": range}},
        {"query_string": {"query": "level:error", "default_field": "message"}},
    ]);
    assert_eq!(sent(&host, 0), json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": filter}}}));
}

#[test]
fn trap_without_track_total_hits_the_total_ends_at_10_000() {
    let host = host();
    host.answer(200, answer!("count"));
    ask_on(&host, &config(json!({}))).unwrap();
    assert_eq!(sent(&host, 0)["track_total_hits"], true);
    // A server that does not heed it says `gte`, and that is no count.
    let told = "http://e:9200/: it counts 10000 matches and no further, so there may be more matches than it says";
    assert_eq!(error(answer!("count-capped")), told);
}

#[test]
fn trap_a_search_that_timed_out_is_not_no_errors() {
    let told = "http://e:9200/: the search ended before it was done, so there may be more matches than it says";
    assert_eq!(error(answer!("count-timed-out")), told);
    // It may pass, and is asked again.
    let host = host();
    host.answer(200, answer!("count-timed-out"));
    host.answer(200, answer!("count-opensearch"));
    let report = testing::verify::<Elasticsearch>(&host, &config(json!({}))).unwrap();
    assert_eq!((report.verdict, host.waits()), (Verdict::Pass, vec![Duration::from_secs(10)]));
    assert_eq!(report.metrics[0].value, Some(17.0));
}

#[test]
fn trap_shards_that_failed_are_not_no_errors() {
    assert_eq!(
        error(answer!("count-shards-failed")),
        "http://e:9200/: 1 of 3 shards did not answer illegal_state_exception: shard is closing, so there may be more matches \
         than it says"
    );
    assert!(error(answer!("count-cluster-skipped")).contains("1 of the clusters that were asked did not answer"));
}

#[test]
fn trap_a_pattern_without_an_index_is_no_data() {
    let asked = ask(200, answer!("count-no-index")).unwrap();
    assert_eq!(asked.answer, Answer::NoData("no index is there for `logs-web`".into()));
}

#[test]
fn trap_a_missing_index_ends_the_step_with_words() {
    let error = ask(404, answer!("error-404")).unwrap_err();
    assert_eq!(error.code, "no-index");
    assert_eq!(
        error.message,
        "http://e:9200/: HTTP 404 index_not_found_exception: no such index [logs-web]; look at `index`, which is `logs-web`"
    );
    assert_eq!(ask(404, "page not found").unwrap_err().code, "no-query-api");
}

#[test]
fn trap_a_timestamp_of_another_format_is_told_with_its_field() {
    let error = ask(400, answer!("error-400-date")).unwrap_err();
    assert_eq!(error.code, "bad-query");
    assert!(error.message.starts_with("Elasticsearch cannot search `@timestamp` by time: HTTP 400"), "{}", error.message);
    assert!(error.message.ends_with("with format [yyyy-MM-dd HH:mm:ss]; look at `timestampField` and `timestampType`"));
    let error = ask(400, answer!("error-400-query")).unwrap_err();
    assert!(error.message.ends_with("HTTP 400 query_shard_exception: Failed to parse query [level:]"), "{}", error.message);
}

#[test]
fn trap_missing_rights_end_the_step_and_a_busy_server_does_not() {
    let error = ask(401, answer!("error-401")).unwrap_err();
    assert_eq!(error.code, "not-authorized");
    assert!(error.message.ends_with("missing authentication credentials for REST request [/logs-web/_search]"));
    assert_eq!(ask(401, "Unauthorized").unwrap_err().code, "not-authorized");
    assert_eq!(ask(403, answer!("error-403")).unwrap_err().code, "not-authorized");
    let busy = ask(429, answer!("error-429")).unwrap().answer;
    assert!(matches!(&busy, Answer::Error(why) if why.contains("HTTP 429 circuit_breaking_exception")), "{busy:?}");
    assert_eq!(ask(503, "<html>").unwrap().answer, Answer::Error("http://e:9200/: HTTP 503".into()));
}

#[test]
fn trap_opensearch_and_old_versions_count_in_their_own_way() {
    assert_eq!(values(ask(200, answer!("count-opensearch")).unwrap()), [17.0]);
    assert_eq!(values(ask(200, answer!("count-version-6")).unwrap()), [17.0]);
    assert_eq!(error("<html>"), "http://e:9200/: the answer is not that of a search");
    assert_eq!(error("{}"), "http://e:9200/: the answer is not that of a search");
}

#[test]
fn a_comparison_has_the_counts_of_each_step() {
    let host = host();
    host.answer(200, answer!("steps"));
    let compared = json!({"max": null, "compare": {}, "range": "5m", "step": "1m", "hostField": "host.id"});
    let asked = ask_on(&host, &config(compared)).unwrap();
    assert_eq!(values(asked), [3.0, 0.0, 1.0, 0.0, 5.0]);
    let steps = &sent(&host, 0)["aggs"]["counts"]["date_histogram"];
    assert_eq!((&steps["fixed_interval"], &steps["min_doc_count"]), (&json!("60000ms"), &json!(0)));
    assert_eq!(sent(&host, 0)["query"]["bool"]["filter"][2], json!({"terms": {"host.id": ["i-new"]}}));
}

#[test]
fn a_step_at_the_end_that_is_not_whole_does_not_count() {
    let host = host();
    host.answer(200, answer!("steps"));
    let asked = ask_on(&host, &config(json!({"samples": "step", "range": "5m", "step": "70s"}))).unwrap();
    assert_eq!(values(asked).len(), 4, "the last began 1m before the end");
    host.answer(200, answer!("count"));
    let asked = ask_on(&host, &config(json!({"samples": "step", "range": "5m"}))).unwrap();
    assert_eq!(asked.answer, Answer::Error("http://e:9200/: the answer has no counts of each step".into()));
}

#[test]
fn a_field_of_seconds_loses_no_step() {
    let host = host();
    host.advance(Duration::from_millis(700));
    let buckets: Vec<Value> = (0..5).map(|step| json!({"key": 1_767_225_300 + step * 60, "doc_count": 1})).collect();
    let hits = json!({"total": {"value": 5, "relation": "eq"}, "hits": []});
    let answer = json!({"_shards": {"total": 1, "failed": 0}, "hits": hits, "aggregations": {"counts": {"buckets": buckets}}});
    host.answer(200, answer.to_string());
    let seconds = json!({"samples": "step", "range": "5m", "step": "1m", "timestampType": "seconds"});
    assert_eq!(values(ask_on(&host, &config(seconds)).unwrap()).len(), 5);
    assert_eq!(sent(&host, 0)["aggs"]["counts"]["histogram"]["offset"], 0);
}

fn fresh(more: Value) -> Value {
    let mut config = config(json!({"mode": "new-messages", "hostField": "host.id", "pageSize": 2, "max": 0}));
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn messages_that_the_baseline_never_wrote_are_new() {
    let host = host();
    for body in [answer!("page-1"), answer!("page-2"), answer!("page-baseline")] {
        host.answer(200, body);
    }
    let report = testing::verify::<Elasticsearch>(&host, &fresh(json!({}))).unwrap();
    assert_eq!((report.verdict, report.metrics[0].value), (Verdict::Fail, Some(1.0)));
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.verdict, finding.message.as_str())).collect();
    assert_eq!(found[1], (Verdict::Fail, "new message, 2 times: order 4711 failed: timeout after 300ms"));
    let hosts = |number: usize| sent(&host, number)["query"]["bool"]["filter"][2]["terms"]["host.id"].take();
    assert_eq!([hosts(0), hosts(1), hosts(2)], [json!(["i-new"]), json!(["i-new"]), json!(["i-old"])]);
    let answer = report.evidence[0].1["metrics"][0]["measurements"][0]["answer"].as_str().unwrap();
    assert!(answer.contains("order <n> failed: timeout after <n>ms"), "{answer}");
}

#[test]
fn new_messages_within_the_limit_are_shown_and_pass() {
    let host = host();
    for body in [answer!("page-1"), answer!("page-2"), answer!("page-baseline")] {
        host.answer(200, body);
    }
    let report = testing::verify::<Elasticsearch>(&host, &fresh(json!({"max": 1}))).unwrap();
    assert_eq!(report.verdict, Verdict::Pass);
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.verdict, finding.message.as_str())).collect();
    assert_eq!(found, [(Verdict::Warn, "new message, 2 times: order 4711 failed: timeout after 300ms")]);
}

#[test]
fn messages_that_both_sides_write_are_not_new() {
    let host = host();
    host.answer(200, answer!("page-2"));
    host.answer(200, answer!("page-baseline"));
    let report = testing::verify::<Elasticsearch>(&host, &fresh(json!({"baselineRange": "1d"}))).unwrap();
    assert_eq!((report.verdict, report.metrics[0].value), (Verdict::Pass, Some(0.0)));
    let from = |number: usize| sent(&host, number)["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"].take();
    assert_eq!((from(0), from(1)), (json!(1_767_225_300_000_u64), json!(1_767_139_200_000_u64)));
}

#[test]
fn trap_pages_go_on_behind_the_last_message_as_it_says_itself() {
    let host = host();
    for body in [answer!("page-1"), answer!("page-2"), answer!("page-baseline")] {
        host.answer(200, body);
    }
    ask_on(&host, &fresh(json!({}))).unwrap();
    assert_eq!(sent(&host, 0)["sort"], json!([{"@timestamp": {"order": "desc"}}, {"_doc": {"order": "asc"}}]));
    assert_eq!(sent(&host, 0).get("search_after"), None);
    assert_eq!(sent(&host, 1)["search_after"], json!([1_767_225_599_989_u64, 1]));
    assert_eq!(host.requests().len(), 3, "a page that is not full is the last");
}

#[test]
fn trap_pages_end_where_told_and_what_is_left_out_is_a_warning() {
    let host = host();
    host.answer(200, answer!("page-1"));
    host.answer(200, answer!("page-baseline"));
    let asked = ask_on(&host, &fresh(json!({"pages": 1}))).unwrap();
    assert_eq!(asked.warnings, ["only the newest 2 of 3 messages of what is deployed were read: `pages`, `pageSize`"]);
    let host = self::host();
    host.fail(HttpError::TooLarge);
    let Answer::Error(why) = ask_on(&host, &fresh(json!({}))).unwrap().answer else { panic!("an answer") };
    assert!(why.ends_with("a smaller `pageSize` makes it smaller"), "{why}");
}

#[test]
fn trap_a_first_deployment_has_nothing_that_is_new() {
    let mut host = host();
    host.run.old_group = None;
    let report = testing::verify::<Elasticsearch>(&host, &fresh(json!({}))).unwrap();
    assert_eq!((report.verdict, host.requests().len()), (Verdict::Inconclusive, 0));
    assert!(report.summary.contains("there is no old group to compare with"), "{}", report.summary);
}

fn page(messages: &[Value]) -> String {
    let hits: Vec<Value> = messages.iter().map(|source| json!({"_source": source, "sort": [1, 1]})).collect();
    let hits = json!({"total": {"value": messages.len(), "relation": "eq"}, "hits": hits});
    json!({"_shards": {"total": 1, "failed": 0}, "hits": hits}).to_string()
}

#[test]
fn trap_messages_that_keep_their_text_elsewhere_are_no_data() {
    let log = |text: &str| json!({"log": text});
    let told = |pages: [&[Value]; 2], more: Value| {
        let host = host();
        pages.iter().for_each(|messages| host.answer(200, page(messages)));
        let mut config = fresh(json!({"pageSize": 10}));
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        testing::verify::<Elasticsearch>(&host, &config).unwrap()
    };
    let pages: [&[Value]; 2] = [&[log("it breaks"), log("it breaks")], &[log("all is well")]];
    let report = told(pages, json!({}));
    assert_eq!(report.verdict, Verdict::Inconclusive, "{}", report.summary);
    let why = "none of the 2 messages of what is deployed that were read has a text in `message`; set `messageField`";
    assert!(report.summary.contains(why), "{}", report.summary);
    assert_eq!(told(pages, json!({"messageField": "log"})).verdict, Verdict::Fail);
    // On the other side everything would be new.
    let report = told([&[json!({"message": "a"})], &[log("a")]], json!({}));
    assert_eq!(report.verdict, Verdict::Inconclusive, "{}", report.summary);
    assert!(report.summary.contains("messages of the baseline"), "{}", report.summary);
    // No messages at all are what is hoped for, and a text that is empty is none.
    assert_eq!(told([&[], &[log("a")]], json!({"messageField": "log"})).verdict, Verdict::Pass);
    assert_eq!(told([&[log(" ")], &[]], json!({"messageField": "log"})).verdict, Verdict::Inconclusive);
}

#[test]
fn messages_without_a_text_among_others_are_a_warning() {
    let host = host();
    host.answer(200, page(&[json!({"message": "a"}), json!({"log": "b"}), json!({"message": null})]));
    host.answer(200, page(&[json!({"message": "a"})]));
    let asked = ask_on(&host, &fresh(json!({"pageSize": 10}))).unwrap();
    assert_eq!(asked.warnings, ["2 of 3 messages of what is deployed have no text in `message`: `messageField`"]);
    assert_eq!(values(asked), [0.0]);
}

#[test]
fn trap_half_an_answer_of_the_baseline_makes_nothing_new() {
    let host = host();
    host.answer(200, answer!("page-2"));
    host.answer(200, answer!("count-shards-failed"));
    assert!(matches!(ask_on(&host, &fresh(json!({}))).unwrap().answer, Answer::Error(_)));
}

#[test]
fn a_refused_request_ends_the_step_and_a_lost_connection_does_not() {
    let host = host();
    host.fail(HttpError::NotGranted("grant POST http://e:9200".into()));
    host.always(Ok(Response { status: 503, ..Response::default() }));
    assert_eq!(ask_on(&host, &config(json!({}))).unwrap_err().code, "not-granted");
    let error = testing::verify::<Elasticsearch>(&host, &config(json!({}))).unwrap_err();
    assert_eq!((error.code.as_str(), host.waits().len()), ("measurement-errors", 4));
}

#[test]
fn the_manifest_says_what_it_asks_for() {
    let manifest: Value = serde_json::from_str(SHIFTGATE_MANIFEST).unwrap();
    assert_eq!((&manifest["name"], &manifest["kind"]), (&json!("elasticsearch"), &json!("verification")));
    assert_eq!(manifest["requests"]["http"][0]["methods"], json!(["POST"]));
    let properties = &manifest["config"]["properties"];
    assert_eq!(properties["queryType"]["description"], "How `query` is read; `query-string` when it is not said.");
    assert_eq!(manifest["config"]["required"], json!(["url"]));
}
