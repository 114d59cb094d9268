//! The plugins that ask Amazon, Datadog and New Relic, against what others wrote: moto's CloudWatch, answers that Datadog's own
//! client reads, and a GraphQL engine with NerdGraph's schema.
//!
//! The components run on the real plugin host, with its signatures and secrets; each asks once. A Python with
//! `tests/peers/requirements.txt` is found by an environment variable: without it a test says so and passes, but in CI.
//! What a plugin makes of odd answers is tested beside it; `whole` runs deployments that ask them.

mod whole;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use serde_json::{Value, json};
use shiftgate_author::plain_run;
use shiftgate_model::{
    Auth, Call, Clock, Grants, HttpGrant, Outcome, PluginCall, PluginError, PluginKind, PluginReply, PluginRunner as _,
    PluginSource, SecretGrant, SecretRef, Timestamp, secret_placeholder,
};
use shiftgate_plugin::{Compiler, Plugins, PluginsConfig, Signer, Unsigned, Vault};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::program::{finish, plugins, root};

const PYTHON: &str = "SHIFTGATE_PEERS_PYTHON";
/// 2026-01-01T00:00:00Z, which the answers are about.
const NOW: u64 = 1_767_225_600;

#[expect(clippy::disallowed_methods, reason = "where a peer's packages are is known to the environment only")]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn python() -> Option<String> {
    let place = std::env::var(PYTHON).ok().filter(|place| !place.is_empty());
    if place.is_none() {
        assert!(std::env::var("NEXTEST_PROFILE").as_deref() != Ok("ci"), "{PYTHON} is not set, and CI runs every peer");
        println!("skipped: {PYTHON} is not set; it names a python that has tests/peers/requirements.txt installed");
    }
    place
}

/// A script of `tests/peers` that has to find everything as it wants it.
async fn script(python: &str, name: &str, args: &[&str]) {
    let mut command = Command::new(python);
    command.arg(root().join("tests/peers").join(name)).args(args).kill_on_drop(true);
    let done = finish(command).await;
    assert_eq!(done.exit, 0, "{name} {args:?}\n{}{}", done.stdout, done.stderr);
}

/// A server of others, on a port that it chooses; ended with the test, also when that fails.
struct Peer {
    url: String,
    _child: Child,
}

impl Peer {
    async fn moto(python: &str) -> Self {
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.stdin(Stdio::null()).kill_on_drop(true).spawn().expect("moto starts");
        let url = said(child.stderr.take().expect("its words")).await;
        Self { url, _child: child }
    }

    async fn nerdgraph(python: &str) -> Self {
        let mut command = Command::new(python);
        command.arg(root().join("tests/peers/nerdgraph_python.py")).arg(root().join("plugins/newrelic/src/shapes"));
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the engine starts");
        let url = said(child.stdout.take().expect("its words")).await;
        Self { url, _child: child }
    }
}

/// The URL that a server says it serves. What it says later is read, or it would stop when the pipe is full.
async fn said(words: impl AsyncRead + Unpin + Send + 'static) -> String {
    let mut lines = BufReader::new(words).lines();
    let mut earlier = Vec::new();
    while let Some(line) = lines.next_line().await.expect("its words") {
        if let Some((_, port)) = line.split_once("http://127.0.0.1:") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return format!("http://127.0.0.1:{}", port.trim());
        }
        earlier.push(line);
    }
    panic!("it ended before it served: {earlier:#?}");
}

/// A clock that stands still.
struct Midnight;

impl Clock for Midnight {
    fn now(&self) -> Timestamp {
        Timestamp(NOW * 1000)
    }
}

/// A host's credentials: every secret is what its variable is called.
#[derive(Debug)]
struct Credentials;

#[async_trait]
impl Vault for Credentials {
    async fn secret(&self, at: &SecretRef) -> Result<SecretString, String> {
        match at {
            SecretRef::Env(name) => Ok(SecretString::from(name.clone())),
            other => Err(format!("no secret in {other}")),
        }
    }
}

#[async_trait]
impl Signer for Credentials {
    /// What moto looks at of a signature: service and region.
    async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, String> {
        let scope = format!("Credential=AKIDTEST/20260101/{}/{}/aws4_request", request.region, request.service);
        Ok(vec![("authorization".to_owned(), format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))])
    }
}

/// One call of a component on a host of its own.
async fn call(name: &str, config: Value, grants: Grants, action: Call) -> Result<PluginReply, PluginError> {
    let of_host = PluginsConfig::new(plugins().join("cache-of-tests"), Arc::new(Midnight));
    let program = env!("CARGO_BIN_EXE_shiftgate").into();
    let compiler = Compiler::Child { program, args: vec!["compile-component".to_owned()] };
    let host = Plugins::new(PluginsConfig { compiler, vault: Arc::new(Credentials), signer: Arc::new(Credentials), ..of_host });
    let file = plugins().join(format!("{name}.wasm")).display().to_string();
    let source = PluginSource { grants, ..PluginSource::new(name, file) };
    let run = plain_run(Timestamp(NOW * 1000));
    let call = PluginCall { kind: PluginKind::Verification, config, run, action };
    host.expect("a host").call(&source, &call).await
}

/// What a plugin says of a config.
async fn accepts(name: &str, config: Value) -> String {
    match call(name, config, Grants::default(), Call::Validate).await {
        Ok(reply) => format!("{:?}", reply.outcome),
        Err(error) => format!("error: {error}"),
    }
}

/// A plugin with what it is granted.
struct Asked {
    name: &'static str,
    config: Value,
    grants: Grants,
}

impl Asked {
    fn new(name: &'static str, config: Value, url: &str, methods: &[&str]) -> Self {
        let grant = HttpGrant { addresses: vec!["127.0.0.0/8".to_owned()], ..HttpGrant::new(url, methods) };
        Self { name, config, grants: Grants::of(vec![grant]) }
    }

    fn with_auth(mut self, auth: Auth) -> Self {
        self.grants.http[0].auth = Some(auth);
        self
    }

    /// Secrets that lie in variables of their own value.
    fn with_secrets(mut self, secrets: &[(&str, &str)]) -> Self {
        let to = vec![self.grants.http[0].url.clone()];
        let granted = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), SecretGrant { at: SecretRef::Env((*value).to_owned()), to: to.clone() })
        };
        self.grants.secrets = secrets.iter().map(granted).collect();
        self
    }

    /// Asks once, with more in the config; the verdict or the error, in words.
    async fn told(&self, more: Value) -> String {
        let mut config = self.config.clone();
        config.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
        match call(self.name, config, self.grants.clone(), Call::Start { summary: None }).await {
            Err(error) => format!("error: {error}"),
            Ok(reply) => match reply.outcome {
                Outcome::Reported(report) => format!("{}: {}", report.verdict, report.summary),
                // A query that went wrong is asked again later.
                Outcome::Wait(_) => reply.log.iter().map(|line| line.message.clone()).collect(),
                other => format!("{other:?}"),
            },
        }
    }
}

#[tokio::test]
async fn cloudwatch_is_asked_as_moto_understands_it() {
    let Some(python) = python() else { return };
    let moto = Peer::moto(&python).await;
    let now = NOW.to_string();
    script(&python, "cloudwatch_python.py", &[&moto.url, &now, "fill"]).await;
    let auth = Auth::Sigv4 { service: "monitoring".to_owned(), region: "us-east-1".to_owned(), profile: None };
    let asked = Asked::new("cloudwatch", json!({ "url": moto.url }), &moto.url, &["POST"]).with_auth(auth);
    let metric = |more: Value| {
        // The run's new group is web__2.
        let dimensions = json!({"Group": "{{group}}"});
        let mut metric =
            json!({"namespace": "web", "metricName": "errors", "dimensions": dimensions, "stat": "Sum", "name": "errors"});
        metric.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
        metric
    };
    assert_eq!(asked.told(metric(json!({"max": 6}))).await, "pass: errors is 6, wanted <= 6");
    let sum = json!({"max": 10, "reduce": "sum"});
    assert_eq!(asked.told(metric(sum)).await, "fail: measurement 1 of 1: errors is 15, wanted <= 10");
    let last = json!({"max": 5, "reduce": "last", "range": "3m"});
    assert_eq!(asked.told(metric(last)).await, "fail: measurement 1 of 1: errors is 6, wanted <= 5");
    let nobody = asked.told(metric(json!({"max": 6, "metricName": "nothing"}))).await;
    assert!(nobody.starts_with("inconclusive: ") && nobody.contains("CloudWatch has no data between"), "{nobody}");
    // An expression of moto is a name and no more.
    let source = json!([{"id": "m1", "metricName": "errors", "dimensions": {"Group": "web__1"}}]);
    let expression =
        json!({"namespace": "web", "stat": "Maximum", "expression": "m1", "queries": source, "name": "old", "max": 2});
    assert_eq!(asked.told(expression).await, "fail: measurement 1 of 1: old is 3, wanted <= 2");

    let alarms = || json!({"alarms": ["web-errors", "web-latency"]});
    assert_eq!(asked.told(alarms()).await, "pass: alarms is 0, wanted <= 0");
    script(&python, "cloudwatch_python.py", &[&moto.url, &now, "ring"]).await;
    assert_eq!(asked.told(alarms()).await, "fail: measurement 1 of 1: alarms is 1, wanted <= 0");
    let missing = asked.told(json!({"alarms": ["web-errors", "Web-Latency"]})).await;
    assert!(missing.contains("no-alarm") && missing.contains("has no alarm `Web-Latency`"), "{missing}");
}

/// A Datadog that answers with the shapes of the plugin's tests, and refuses other keys.
async fn datadog() -> String {
    let metrics = async |headers: HeaderMap, Query(query): Query<BTreeMap<String, String>>| -> Response {
        match query.get("query").map(String::as_str).unwrap_or_default() {
            _ if !has_keys(&headers) => refused(),
            "avg:busy{*}" => {
                let body = r#"{"errors": ["Rate limit of 100 requests in 60 seconds reached"]}"#;
                (StatusCode::TOO_MANY_REQUESTS, [("x-ratelimit-reset", "12")], body).into_response()
            }
            "avg:system.load.1{*}" => shape("metrics"),
            "sum:http.errors{*} by {host}" => shape("grouped"),
            "avg:slow{*}" => shape("error"),
            _ => shape("empty"),
        }
    };
    let logs = async |headers: HeaderMap, Json(body): Json<Value>| -> Response {
        match body["filter"]["query"].as_str().unwrap_or_default() {
            _ if !has_keys(&headers) => refused(),
            "status:error" => shape("logs"),
            "status:slow" => shape("part-of-logs"),
            _ => shape("no-logs"),
        }
    };
    let routes = Router::new().route("/api/v1/query", get(metrics)).route("/api/v2/logs/analytics/aggregate", post(logs));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

fn has_keys(headers: &HeaderMap) -> bool {
    let is = |name: &str, key: &str| headers.get(name).is_some_and(|value| value == key);
    is("dd-api-key", "key-of-the-api") && is("dd-application-key", "key-of-the-app")
}

fn refused() -> Response {
    (StatusCode::FORBIDDEN, [("content-type", "application/json")], r#"{"errors": ["Forbidden"]}"#).into_response()
}

fn shape(name: &str) -> Response {
    let file = root().join("plugins/datadog/src/shapes").join(format!("{name}.json"));
    let text = std::fs::read_to_string(file).expect("a shape");
    ([("content-type", "application/json")], text).into_response()
}

#[tokio::test]
async fn datadogs_own_client_reads_what_the_plugin_reads() {
    let url = datadog().await;
    let keys = [("api", "key-of-the-api"), ("app", "key-of-the-app")];
    let config = json!({"url": url, "apiKey": secret_placeholder("api"), "applicationKey": secret_placeholder("app"), "max": 1});
    let asked = Asked::new("datadog", config, &url, &["GET", "POST"]).with_secrets(&keys);
    let metric = |query: &str| json!({ "query": query });
    let load = json!({"query": "avg:system.load.1{*}", "reduce": "last"});
    assert_eq!(asked.told(load).await, "pass: value is 0.75, wanted <= 1");
    let several = asked.told(metric("sum:http.errors{*} by {host}")).await;
    assert!(several.contains("several-series") && several.contains("gives 2 series"), "{several}");
    let summed = json!({"query": "sum:http.errors{*} by {host}", "aggregate": "sum"});
    assert_eq!(asked.told(summed).await, "fail: measurement 1 of 1: value is 5, wanted <= 1");
    assert!(asked.told(metric("avg:nobody{*}")).await.starts_with("inconclusive: "));
    let slow = asked.told(metric("avg:slow{*}")).await;
    assert!(slow.ends_with("the query has the status `error`: Query timed out"), "{slow}");
    let busy = asked.told(metric("avg:busy{*}")).await;
    assert!(busy.ends_with("HTTP 429: Rate limit of 100 requests in 60 seconds reached; the limit is reset in 12 s"), "{busy}");
    let logs = |query: &str| json!({"logs": query, "max": 10});
    assert_eq!(asked.told(logs("status:error")).await, "pass: value is 7, wanted <= 10");
    assert_eq!(asked.told(logs("status:nothing")).await, "pass: value is 0, wanted <= 10");
    assert!(asked.told(logs("status:slow")).await.ends_with("has counted a part of the logs only"));
    let others = asked.told(json!({"query": "avg:system.load.1{*}", "apiKey": "another-key"})).await;
    assert!(others.contains("not-authorized") && others.contains("Forbidden"), "{others}");

    let Some(python) = python() else { return };
    script(&python, "datadog_python.py", &[&url]).await;
}

#[tokio::test]
async fn nerdgraph_is_asked_as_an_engine_of_others_understands_it() {
    let Some(python) = python() else { return };
    let engine = Peer::nerdgraph(&python).await;
    let url = &engine.url;
    let config = json!({"url": url, "account": 1_234_567, "apiKey": secret_placeholder("newrelic"), "max": 1});
    let asked = Asked::new("newrelic", config, url, &["POST"]).with_secrets(&[("newrelic", "key-of-the-user")]);
    let from = |event: &str, more: Value| {
        let mut config = json!({ "query": format!("SELECT count(*) FROM {event}") });
        config.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
        config
    };
    assert_eq!(asked.told(from("Number", json!({}))).await, "pass: value is 0.25, wanted <= 1");
    assert_eq!(asked.told(from("Series", json!({"range": "1m"}))).await, "pass: value is 0.5, wanted <= 1");
    assert!(asked.told(from("Facets", json!({"range": "1m"}))).await.contains("gives 2 facets"));
    let summed = json!({"range": "1m", "aggregate": "sum"});
    assert_eq!(asked.told(from("Facets", summed)).await, "fail: measurement 1 of 1: value is 5, wanted <= 1");
    assert!(asked.told(from("Several", json!({}))).await.contains("say which with `field`"));
    assert!(asked.told(from("Empty", json!({}))).await.starts_with("inconclusive: "));
    // The engine takes ten seconds for this one, and five are the default.
    assert_eq!(asked.told(from("Slow", json!({}))).await, "pass: value is 0.25, wanted <= 1");
    let impatient = asked.told(from("Slow", json!({"timeout": "5s"}))).await;
    assert!(impatient.ends_with("HTTP 200: NRQL query timed out"), "{impatient}");
    let syntax = asked.told(json!({"query": "SELECT count(*) FORM Number"})).await;
    assert!(syntax.contains("bad-query") && syntax.contains("unexpected 'FORM'"), "{syntax}");
    assert!(asked.told(from("Number", json!({"account": 7}))).await.contains("not-authorized"));

    // The header can be the grant's, too.
    let at = SecretRef::Env("key-of-the-user".to_owned());
    let auth = Auth::Header { name: "API-Key".to_owned(), secret: at };
    let config = json!({"url": url, "account": 1_234_567, "max": 1});
    let asked = Asked::new("newrelic", config, url, &["POST"]).with_auth(auth);
    assert_eq!(asked.told(from("Number", json!({}))).await, "pass: value is 0.25, wanted <= 1");
}
