//! Measures the plugin host on one component: a cold compile, a load from the cache, and a call in a fresh instance.
//!
//! ```text
//! cargo run --release -p shiftgate-plugin --example bench_call -- target/plugins/http-check.wasm verification '{"url":"http://127.0.0.1:1"}'
//! ```
//! Prints one JSON object with medians in microseconds. The call is `config.validate`, which every plugin has and which
//! reaches no network.
#![expect(clippy::print_stdout, reason = "the numbers are what this program is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use shiftgate_model::{
    AmiId, Call, Clock, Grants, PluginCall, PluginKind, PluginRunner, PluginSource, RunId, RunInfo, StepId, Timestamp,
};
use shiftgate_plugin::{Budgets, Plugins, PluginsConfig};

/// Rounds of loading.
const LOADS: usize = 30;
/// Rounds of calls, and calls a round.
const ROUNDS: usize = 40;
const CALLS: u32 = 500;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, kind, config) = match arguments.as_slice() {
        [file, kind] => (file, kind, "{}"),
        [file, kind, config] => (file, kind, config.as_str()),
        _ => return Err("usage: bench_call FILE verification|approval|wrap-up [CONFIG]".into()),
    };
    let kind: PluginKind = serde_json::from_value(json!(kind))?;
    let config: Value = serde_json::from_str(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cache = std::env::temp_dir().join(format!("shiftgate-bench-{}", std::process::id()));
    let measured = runtime.block_on(measure(&cache, file, kind, config));
    std::fs::remove_dir_all(&cache)?;
    println!("{}", serde_json::to_string_pretty(&measured?)?);
    Ok(())
}

async fn measure(cache: &Path, file: &str, kind: PluginKind, config: Value) -> Result<Value, Box<dyn Error>> {
    let source = PluginSource { name: "bench".to_owned(), file: file.to_owned(), sha256: None, grants: Grants::default() };
    let host = || {
        Plugins::new(PluginsConfig {
            cache_dir: cache.to_path_buf(),
            bundled_dirs: Vec::new(),
            budgets: Budgets::default(),
            clock: Arc::new(SystemClock),
            seed: None,
            network: None,
        })
    };
    let first = host()?;
    let begun = Instant::now();
    first.prepare(&source, kind).await?;
    let cold = begun.elapsed().as_secs_f64() * 1e6;
    drop(first);

    let mut loads = Vec::new();
    for _ in 0..LOADS {
        // A new host has nothing in memory, and finds the entry of the first one.
        let host = host()?;
        let begun = Instant::now();
        host.prepare(&source, kind).await?;
        loads.push(begun.elapsed().as_secs_f64() * 1e6);
    }

    let host = host()?;
    host.prepare(&source, kind).await?;
    let call = PluginCall { kind, config, run: run_info(), action: Call::Validate };
    let mut outcome = String::new();
    let mut calls = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            outcome = format!("{:?}", host.call(&source, &call).await?.outcome);
        }
        calls.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
    }
    Ok(json!({
        "file": file,
        "bytes": std::fs::metadata(file)?.len(),
        "outcome": outcome,
        "cold_compile_us": cold.round(),
        "cached_load_us": median(&mut loads), "cached_load_best_us": loads.first(),
        "fresh_call_us": median(&mut calls),
    }))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied().unwrap_or_default();
    (middle * 10.0).round() / 10.0
}

fn run_info() -> RunInfo {
    RunInfo {
        run: RunId::new("bench"),
        step: StepId::new("verify"),
        attempt: 1,
        idempotency_key: "bench/verify".to_owned(),
        workflow: "bench".to_owned(),
        phase: String::new(),
        service: "web".to_owned(),
        environment: "prod".to_owned(),
        infrastructure: "prod-us-east-1".to_owned(),
        strategy: "basic".to_owned(),
        artifact: AmiId::new("ami-0123"),
        new_group: None,
        old_group: None,
        target_groups: Vec::new(),
        started_at: Timestamp(0),
        deadline: None,
        dry_run: false,
    }
}
