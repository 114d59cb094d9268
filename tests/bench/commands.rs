//! What a command costs a user: time from start to end, and the most memory that it held.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::{Figure, Limit, median, millis};

pub(crate) async fn figures() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let example = root().join("docs/examples/canary.yaml");
    let example = example.to_string_lossy();
    let validate: Vec<Duration> = (0..31).map(|_| run(home.path(), &["validate", &example]).0).collect();
    // The most that any child held so far; `validate` ran first, and often.
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of children").max_rss();
    let demos: Vec<(Duration, String)> = (0..7).map(|_| run(home.path(), &["demo", "canary", "--fast"])).collect();
    let calls = demos.iter().filter_map(|(_, said)| calls(said)).max().expect("the demo says how many calls it made");
    vec![
        Figure {
            what: "validate of the canary example",
            found: millis(median(validate)),
            unit: "ms",
            limit: Limit::AtMost(30.0),
        },
        Figure { what: "its memory", found: memory as f64 / 1024.0, unit: "MiB", limit: Limit::AtMost(40.0) },
        Figure {
            what: "canary demo, zero-latency world",
            found: millis(median(demos.into_iter().map(|(time, _)| time).collect())),
            unit: "ms",
            limit: Limit::AtMost(1_000.0),
        },
        Figure { what: "its Spot calls", found: f64::from(calls), unit: "calls", limit: Limit::AtMost(25.0) },
    ]
}

fn calls(said: &str) -> Option<u32> {
    said.split(" calls").next()?.split_whitespace().last()?.parse().ok()
}

fn run(home: &Path, args: &[&str]) -> (Duration, String) {
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_shiftgate"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let took = began.elapsed();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {said}");
    (took, said)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
