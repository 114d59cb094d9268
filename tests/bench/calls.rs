//! What a plugin call costs: in a fresh instance, against a native child that does the same; and what loading costs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_model::*;
use shiftgate_plugin::{Plugins, PluginsConfig};
use shiftgate_store::SystemClock;

use crate::bare::Bare;
use crate::{Figure, Limit, median, micros, millis};

pub(crate) async fn figures() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let source = source();

    let cold = Instant::now();
    let first = host(home.path());
    first.prepare(&source, PluginKind::Verification).await.expect("the plugin loads");
    let cold = cold.elapsed();
    drop(first);

    let mut loads = Vec::new();
    for _ in 0..21 {
        let host = host(home.path());
        let began = Instant::now();
        host.prepare(&source, PluginKind::Verification).await.expect("the plugin loads");
        loads.push(began.elapsed());
    }

    let host = host(home.path());
    let call = validation();
    let child = program("examples/stdio");
    let config = call.config.to_string();
    let bare = Bare::load(Path::new(&source.file));
    let (mut calls, mut bares, mut spawns) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..40 {
        for _ in 0..50 {
            let began = Instant::now();
            let problems = bare.validate(&call.config).await;
            bares.push(began.elapsed());
            assert_eq!(problems, 0);
        }
        for _ in 0..50 {
            let began = Instant::now();
            let reply = host.call(&source, &call).await.expect("the plugin answers");
            calls.push(began.elapsed());
            assert_eq!(reply.outcome, Outcome::Accepted);
        }
        spawns.push(spawn(&child, &config));
    }
    let (call, bare, spawn) = (median(calls), median(bares), median(spawns));
    let size = std::fs::metadata(&source.file).map_or(0, |meta| meta.len());
    vec![
        Figure { what: "plugin call in a fresh instance", found: micros(call), unit: "µs", limit: Limit::AtMost(40.0) },
        Figure { what: "the same by a bare embedding of wasmtime", found: micros(bare), unit: "µs", limit: Limit::None },
        Figure { what: "call / bare", found: call.as_secs_f64() / bare.as_secs_f64(), unit: "times", limit: Limit::AtMost(1.3) },
        Figure { what: "the same by a native child over stdio", found: micros(spawn), unit: "µs", limit: Limit::None },
        Figure {
            what: "child / call",
            found: spawn.as_secs_f64() / call.as_secs_f64(),
            unit: "times",
            limit: Limit::AtLeast(20.0),
        },
        Figure { what: "load of a cached component", found: millis(median(loads)), unit: "ms", limit: Limit::AtMost(1.0) },
        Figure { what: "cold compile", found: millis(cold), unit: "ms", limit: Limit::AtMost(1_000.0) },
        Figure { what: "size of that component", found: size as f64 / 1024.0, unit: "KiB", limit: Limit::None },
    ]
}

fn host(home: &Path) -> Plugins {
    Plugins::new(PluginsConfig::new(home.join("components"), Arc::new(SystemClock))).expect("the plugin host starts")
}

/// A file of the build, beside the program.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("target/release").join(name)
}

fn source() -> PluginSource {
    let file = program("../plugins/http-check.wasm").to_string_lossy().into_owned();
    PluginSource::new("http-check", file)
}

fn spawn(child: &Path, config: &str) -> Duration {
    let began = Instant::now();
    let mut process = Command::new(child)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo xtask bench` builds it", child.display()));
    process.stdin.take().expect("a pipe").write_all(config.as_bytes()).expect("the child reads");
    let output = process.wait_with_output().expect("the child ends");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the child answers");
    let took = began.elapsed();
    assert_eq!(answer, json!([]));
    took
}

fn validation() -> PluginCall {
    let config = json!({
        "url": "http://web.internal:8080/health", "status": [200, 204], "headers": { "x-check": "shiftgate" },
        "contains": "ok", "for": "5m", "interval": "10s", "successes": 3,
    });
    let run =
        RunInfo::new(RunId::new("20261123-000000-aaaa"), StepId::new("phase-1/verify-1"), AmiId::new("ami-0green"), Timestamp(0));
    PluginCall { kind: PluginKind::Verification, config, run, action: Call::Validate }
}
