//! The plugin against Prometheus itself, which scrapes the simulated account: a good group and a bad one.
//!
//! It needs Prometheus's program: `SHIFTGATE_PROMETHEUS` names it, or it is on the path. Each test has one of its own, on a port of
//! its own, and in a folder of its own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_model::{Report, Verdict};
use shiftgate_sim::{GroupSeed, Image, Numbers, Ports, Sim, World};
use shiftgate_store::SystemClock;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{judged, place};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Named by the environment, or on the path.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("prometheus")).find(|file| file.is_file());
    place("SHIFTGATE_PROMETHEUS", "the program of Prometheus, and none is on the path", found)
}

/// Prometheus; ended with the test, also when that fails.
struct Server {
    url: String,
    process: Child,
    http: reqwest::Client,
    /// How often it has asked for the account's metrics.
    scrapes: watch::Receiver<u64>,
    _door: AbortOnDropHandle<()>,
    _home: TempDir,
}

/// A door to the account's metrics that counts who comes: its address, and the count.
async fn door(sim: &Sim, http: &reqwest::Client) -> (String, watch::Receiver<u64>, AbortOnDropHandle<()>) {
    let (count, scrapes) = watch::channel(0);
    let (metrics, http) = (format!("{}/metrics", sim.metrics_url()), http.clone());
    let answer = move || async move {
        let answer = http.get(metrics).send().await.expect("the account answers").text().await.expect("its metrics");
        count.send_modify(|count| *count += 1);
        answer
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let router = axum::Router::new().route("/metrics", axum::routing::get(answer));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    (address, scrapes, AbortOnDropHandle::new(serving))
}

impl Server {
    async fn scraping(program: &PathBuf, sim: &Sim) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let http = reqwest::Client::builder().tls_backend_rustls().no_proxy().build().expect("a client");
        let (target, scrapes, _door) = door(sim, &http).await;
        let config = json!({
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
            "scrape_configs": [{
                "job_name": "sim", "honor_labels": true, "metrics_path": "/metrics",
                "static_configs": [{"targets": [target]}],
            }],
        });
        let file = home.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string()).expect("a file");
        let port =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", home.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.current_dir(home.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("Prometheus starts");
        Self { url: format!("http://127.0.0.1:{port}"), process, http, scrapes, _door, _home: home }
    }

    /// Waits until a query has a result; it is asked at the begin, and each time that Prometheus has come for more.
    async fn until(&mut self, query: &str) {
        let began = Instant::now();
        loop {
            let call = self.http.get(format!("{}/api/v1/query", self.url)).query(&[("query", query)]);
            let answer: Value = match call.send().await {
                Ok(answer) => answer.json().await.unwrap_or_default(),
                Err(_) => Value::Null,
            };
            if answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty()) {
                return;
            }
            let left = PATIENCE.saturating_sub(began.elapsed());
            tokio::select! {
                ended = self.process.wait() => panic!("Prometheus ended: {ended:?}"),
                came = tokio::time::timeout(left, self.scrapes.changed()) => {
                    assert!(came.is_ok_and(|came| came.is_ok()), "`{query}` never had a result: {answer}");
                }
            }
        }
    }

    async fn judged(&self, more: Value) -> Result<Report, String> {
        let mut config = json!({"url": self.url, "name": "number"});
        let fields = config.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        judged("prometheus", Arc::new(SystemClock), &self.url, "GET", config).await
    }

    /// The verdict, the number and the summary.
    async fn told(&self, more: Value) -> (Verdict, Option<f64>, String) {
        let report = self.judged(more).await.expect("a report");
        (report.verdict, report.metrics.first().and_then(|metric| metric.value), report.summary)
    }

    async fn stop(&mut self) {
        self.process.kill().await.expect("it ends");
    }
}

async fn account() -> Sim {
    let bad = Image { errors: 0.3, requests_per_second: 200.0, ..Image::default() };
    let good = Image { requests_per_second: 200.0, ..Image::default() };
    let group = |name: &str, image: &str| GroupSeed {
        name: name.to_owned(),
        image: image.to_owned(),
        capacity: Numbers { minimum: 0, target: 2, maximum: 4 },
        id: None,
        tags: BTreeMap::new(),
        target_groups: Vec::new(),
        extra: None,
    };
    let world = World {
        images: [("ami-good".to_owned(), good), ("ami-bad".to_owned(), bad)].into(),
        groups: vec![group("web__1", "ami-good"), group("web__2", "ami-bad")],
        ..World::instant()
    };
    Sim::start(world, Ports::default()).await.expect("the simulated account starts")
}

/// The share of errors of one group.
fn ratio(group: &str) -> String {
    let rate = |metric: &str| format!("sum(rate({metric}{{group_name=\"{group}\"}}[2s]))");
    format!("{} / {}", rate("http_request_errors_total"), rate("http_requests_total"))
}

#[tokio::test]
async fn prometheus_itself_is_asked_and_understood() {
    let Some(program) = program() else { return };
    let sim = account().await;
    let mut server = Server::scraping(&program, &sim).await;
    server.until("min(count_over_time(http_requests_total[1m])) >= 16").await;

    moments(&server).await;
    ranges(&server).await;
    refusals(&server).await;
    server.stop().await;
    let waits = server.judged(json!({"query": "up", "max": 1})).await.expect_err("it is asked again later");
    assert!(waits.starts_with("Wait"), "{waits}");
    sim.stop().await;
}

async fn moments(server: &Server) {
    let (verdict, value, _) = server.told(json!({"query": ratio("web__1"), "max": 0.01})).await;
    assert!(verdict == Verdict::Pass && value.is_some_and(|value| value < 0.01), "{verdict:?} {value:?}");
    let (verdict, value, _) = server.told(json!({"query": ratio("{{group}}"), "max": 0.01})).await;
    assert!(verdict == Verdict::Fail && value.is_some_and(|value| (0.2..0.4).contains(&value)), "{verdict:?} {value:?}");
    let up = json!({"query": "up{group_name=\"web__1\"}", "aggregate": "min", "successCondition": "all(result, # == 1)"});
    assert_eq!(server.told(up).await.0, Verdict::Pass);
    assert_eq!(server.told(json!({"query": "scalar(vector(3))", "max": 3})).await.0, Verdict::Pass);

    let (verdict, value, why) = server.told(json!({"query": "no_such_metric", "max": 1})).await;
    assert_eq!((verdict, value), (Verdict::Inconclusive, None));
    assert!(why.ends_with("the query has no result"), "{why}");
    let nan = server.told(json!({"query": "vector(0) / 0", "max": 1})).await;
    assert_eq!((nan.0, nan.1), (Verdict::Inconclusive, None), "{}", nan.2);
    assert_eq!(server.told(json!({"query": "vector(1) / 0", "max": 1})).await.0, Verdict::Fail, "+Inf is above");
    assert_eq!(server.told(json!({"query": "vector(1) / 0", "min": 1})).await.0, Verdict::Inconclusive, "+Inf is never good");
    assert_eq!(server.told(json!({"query": "vector(-1) / 0", "min": 1})).await.0, Verdict::Fail, "-Inf is below");
}

async fn ranges(server: &Server) {
    let latency = json!({"query": "avg(http_request_latency_ms)", "range": "2s", "step": "500ms", "min": 1, "max": 10_000});
    let report = server.judged(latency).await.expect("a report");
    assert_eq!(report.verdict, Verdict::Pass, "{}", report.summary);
    let analysis = &report.evidence["analysis"]["metrics"][0];
    let points = analysis["series"][0]["points"].as_array().expect("points").len();
    assert!((3..=5).contains(&points), "{points} samples of 2s");
    let gaps = json!({"query": "vector(0) / 0", "range": "2s", "step": "500ms", "max": 1});
    assert_eq!(server.told(gaps).await.0, Verdict::Inconclusive);
    let above = json!({"query": "vector(1) / 0", "range": "2s", "step": "500ms", "max": 1});
    assert_eq!(server.told(above).await.0, Verdict::Fail);
    let nothing = json!({"query": "no_such_metric", "range": "2s", "step": "500ms", "max": 1});
    assert_eq!(server.told(nothing).await.0, Verdict::Inconclusive);

    let compare = json!({"with": "old-group", "direction": "increase", "minimalDifference": 0.01});
    let compared = json!({"query": ratio("{{group}}"), "range": "2s", "step": "100ms", "compare": compare});
    let report = server.judged(compared).await.expect("a report");
    assert_eq!(report.verdict, Verdict::Fail, "{}", report.summary);
    let sides = report.evidence["analysis"]["metrics"][0]["series"].as_array().expect("two sides").clone();
    assert_eq!(sides.iter().map(|side| side["label"].as_str().expect("a label")).collect::<Vec<_>>(), ["web__2", "web__1"]);
}

async fn refusals(server: &Server) {
    let error = server.judged(json!({"query": "sum(", "max": 1})).await.expect_err("it is refused");
    assert!(error.contains("bad-query") && error.contains("HTTP 400 bad_data") && error.contains("parse error"), "{error}");
    let error = server.judged(json!({"query": "http_requests_total", "max": 1})).await.expect_err("they are four");
    assert!(error.contains("several-series") && error.contains("gives 4 series"), "{error}");
    let fine = json!({"query": "up", "range": "24h", "step": "1s", "max": 1});
    let error = server.judged(fine).await.expect_err("these are too many points");
    assert!(error.contains("bad-query") && error.contains("exceeded maximum resolution"), "{error}");
    let below = json!({"url": format!("{}/nowhere", server.url), "query": "up", "max": 1});
    let error = server.judged(below).await.expect_err("there is no API");
    assert!(error.contains("no-query-api"), "{error}");
}
