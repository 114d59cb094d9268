//! The plugin and the vendor's own Python client against one server on loopback, with answers in the shapes of Elasticsearch. What
//! the client accepts is what Elasticsearch answers, and what the plugin sends is what the client sends.
//!
//! The client needs a Python with `tests/peers/requirements.txt`. Without it the plugin alone is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use shiftgate_model::{Clock, Report, Timestamp, Verdict};
use tokio::process::Command;

use super::{judged, place};
use crate::program::root;

/// The answers, by the index that is asked for.
const ANSWERS: &str = "plugins/elasticsearch/answers";

/// When the answers are of.
struct Then;

impl Clock for Then {
    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000)
    }
}

/// What was asked, in order: index and body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A server of those answers.
struct Server {
    url: String,
    asked: Asked,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn open() -> Self {
        let asked = Asked::default();
        let routes = Router::new().route("/{index}/_search", post(search)).with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { url, asked, task }
    }

    fn take(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn judged(&self, more: Value) -> Result<Report, String> {
        let mut config = json!({"url": self.url, "query": "level:error", "name": "errors", "max": 20_000});
        let fields = config.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        fields.retain(|_, value| !value.is_null());
        judged("elasticsearch", Arc::new(Then), &self.url, "POST", config).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer of an index; `pages` are those of two groups, page by page.
async fn search(State(asked): State<Asked>, Path(index): Path<String>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).expect("a body of JSON");
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    assert!(kind.contains("json"), "{kind}");
    let file = match index.as_str() {
        "pages" if body.get("search_after").is_some() => "page-2",
        "pages" if body.to_string().contains("i-00000002") => "page-1",
        "pages" => "page-baseline",
        other => other,
    };
    let text = std::fs::read_to_string(root().join(ANSWERS).join(format!("{file}.json"))).expect("an answer of that name");
    asked.lock().unwrap_or_else(PoisonError::into_inner).push((index, body));
    let status = serde_json::from_str::<Value>(&text).expect("JSON")["status"].as_u64().unwrap_or(200);
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok()).expect("a status");
    // The vendor's client takes no answer without the product's name.
    (status, [("x-elastic-product", "Elasticsearch"), ("content-type", "application/json")], text).into_response()
}

#[tokio::test]
async fn the_plugin_and_the_vendors_client_agree_on_queries_and_answers() {
    let server = Server::open().await;
    let found = ask_all(&server).await;
    let asked = server.take();
    let expected: BTreeMap<&str, Option<f64>> = [
        ("count", Some(12_345.0)),
        ("steps", Some(5.0)),
        ("pages", Some(1.0)),
        ("count-capped", None),
        ("count-timed-out", None),
        ("count-shards-failed", None),
    ]
    .into();
    assert_eq!(found, expected);

    let what = "a python that has tests/peers/requirements.txt installed";
    let Some(python) = place("SHIFTGATE_PEERS_PYTHON", what, None) else { return };
    let mut command = Command::new(python);
    let searches: Vec<Value> = asked.iter().map(|(index, body)| json!({"index": index, "body": body})).collect();
    command.arg(root().join("tests/peers/elasticsearch_python.py")).arg(&server.url).arg(json!(searches).to_string());
    let done = command.output().await.expect("the peer starts");
    let (output, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{output}{errors}");
    assert_eq!(server.take(), asked, "the client sends what the plugin sends\n{output}");
}

/// Every kind of search, with the number that it comes to; none where the plugin believes none.
async fn ask_all(server: &Server) -> BTreeMap<&'static str, Option<f64>> {
    let number = |report: &Report| report.metrics.first().and_then(|metric| metric.value);
    let mut found = BTreeMap::new();
    let report = server.judged(json!({"index": "count", "hostField": "host.id", "queryType": "match"})).await.expect("a report");
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.summary);
    found.insert("count", number(&report));

    let steps = json!({"index": "steps", "samples": "step", "range": "5m", "step": "1m", "queryType": "match-phrase"});
    let report = server.judged(steps).await.expect("a report");
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.summary);
    found.insert("steps", number(&report));

    let pages = json!({"index": "pages", "mode": "new-messages", "hostField": "host.id", "pageSize": 2, "max": 0});
    let report = server.judged(pages).await.expect("a report");
    assert_eq!(report.verdict, Verdict::Fail, "{}", report.summary);
    assert!(report.findings.iter().any(|finding| finding.message.contains("order 4711 failed")), "{:?}", report.findings);
    found.insert("pages", number(&report));

    let raw = json!({"query": null, "filter": {"term": {"level": "error"}}});
    for index in ["count-capped", "count-timed-out", "count-shards-failed"] {
        let mut config = raw.clone();
        config["index"] = json!(index);
        let waits = server.judged(config).await.expect_err("it is asked again later");
        assert!(waits.starts_with("Wait"), "{waits}");
        found.insert(index, None);
    }
    for (index, code) in [
        ("error-400-query", "bad-query"),
        ("error-400-date", "bad-query"),
        ("error-401", "not-authorized"),
        ("error-403", "not-authorized"),
        ("error-404", "no-index"),
    ] {
        let error = server.judged(json!({ "index": index })).await.expect_err("it ends the step");
        assert!(error.contains(code), "{index}: {error}");
    }
    let waits = server.judged(json!({"index": "error-429", "queryType": "term"})).await.expect_err("it is asked again later");
    assert!(waits.starts_with("Wait"), "{waits}");
    found
}
