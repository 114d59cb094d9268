//! What a comparison costs inside a plugin: 10,000 samples a side, by both methods of the judge.
//!
//! The network is the benchmark's own and answers at once. A call that compares is held against calls that read the same answers and
//! hold them against a threshold: what it takes longer is the judge's.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_model::*;
use shiftgate_plugin::{Network, Plugins, PluginsConfig, Reply, Sent, Silence};
use shiftgate_store::SystemClock;

use crate::{Figure, Limit, median, millis};

const SAMPLES: u32 = 10_000;
const CALLS: usize = 21;

/// Answers every query with the samples of the group that it names.
#[derive(Debug)]
struct Answers {
    canary: Vec<u8>,
    baseline: Vec<u8>,
}

impl Network for Answers {
    fn answer(&self, request: &Sent) -> Result<Reply, Silence> {
        let body = if request.url.contains("web__2") { &self.canary } else { &self.baseline };
        Ok(Reply { status: 200, headers: Vec::new(), body: body.clone() })
    }
}

/// Latencies: no two alike, and some of them long.
fn answer(factor: f64) -> Vec<u8> {
    let value = |n: u32| {
        let unit = f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1_u32 << 24);
        json!([f64::from(n), format!("{:.6}", factor * -40.0 * (1.0 - unit).max(1e-9).ln())])
    };
    let values: Vec<Value> = (0..SAMPLES).map(value).collect();
    let data = json!({ "resultType": "matrix", "result": [{ "metric": {}, "values": values }] });
    json!({ "status": "success", "data": data }).to_string().into_bytes()
}

fn call(config: &Value) -> PluginCall {
    let group = |name: &str| GroupFacts {
        id: GroupId::new(format!("sig-{name}")),
        name: GroupName::new(name),
        capacity: Capacity { minimum: 0, target: 1, maximum: 10 },
        instances: Vec::new(),
    };
    let (run, step) = (RunId::new("20261123-000000-aaaa"), StepId::new("phase-1/verify-1"));
    let known = RunInfo::new(run, step, AmiId::new("ami-0green"), Timestamp(1_700_000_000_000));
    let run = RunInfo { new_group: Some(group("web__2")), old_group: Some(group("web__1")), ..known };
    PluginCall { kind: PluginKind::Verification, config: config.clone(), run, action: Call::Start { summary: None } }
}

pub(crate) async fn figures() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let network = Answers { canary: answer(1.02), baseline: answer(1.0) };
    let config = PluginsConfig::new(home.path().join("components"), Arc::new(SystemClock));
    let plugins = Plugins::new(PluginsConfig { network: Some(Arc::new(network)), ..config }).expect("the plugin host starts");
    let file = Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("target/release").join("../plugins/prometheus.wasm");
    let grant =
        HttpGrant { url: "http://prometheus".to_owned(), methods: vec!["GET".to_owned()], addresses: Vec::new(), auth: None };
    let grants = Grants { http: vec![grant], ..Grants::default() };
    let source = PluginSource { grants, ..PluginSource::new("prometheus", file.to_string_lossy()) };
    let with = |goal: Value| {
        let mut config = json!({ "url": "http://prometheus", "query": "latency{group=\"{{group}}\"}", "range": "3h" });
        if let (Some(config), Value::Object(goal)) = (config.as_object_mut(), goal) {
            config.extend(goal);
        }
        config
    };
    let read = time(&plugins, &source, &call(&with(json!({ "max": 1e9 })))).await;
    let exact = time(&plugins, &source, &call(&with(json!({ "compare": {} })))).await;
    let kayenta = time(&plugins, &source, &call(&with(json!({ "compare": { "method": "kayenta" } })))).await;
    let judge = |whole: Duration| millis(whole.saturating_sub(read * 2));
    vec![
        Figure {
            what: "a comparison of 10,000 samples a side, the whole call",
            found: millis(exact),
            unit: "ms",
            limit: Limit::None,
        },
        Figure { what: "of that the judge, exact", found: judge(exact), unit: "ms", limit: Limit::AtMost(20.0) },
        Figure { what: "of that the judge, as Kayenta", found: judge(kayenta), unit: "ms", limit: Limit::AtMost(20.0) },
    ]
}

async fn time(plugins: &Plugins, source: &PluginSource, call: &PluginCall) -> Duration {
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        let reply = plugins.call(source, call).await.expect("the plugin answers");
        times.push(began.elapsed());
        let Outcome::Reported(report) = reply.outcome else { panic!("it waits") };
        assert_ne!(report.verdict, Verdict::Inconclusive, "{}", report.summary);
    }
    median(times)
}
