//! What a command costs a user: time from start to end, and the most memory that it held.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use shiftgate_sim::{Ports, Sim, World};

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
        Figure {
            what: "resume of a killed run, until its first activity has written",
            found: millis(median(taken_up().await)),
            unit: "ms",
            limit: Limit::AtMost(1_000.0),
        },
        Figure { what: "its Spot calls", found: f64::from(calls), unit: "calls", limit: Limit::AtMost(25.0) },
    ]
}

/// How long `resume` takes until the first thing that happens after it says that the run goes on.
async fn taken_up() -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..7 {
        let home = tempfile::tempdir().expect("a folder");
        let sim = Sim::start(World::instant(), Ports { spot: 0, aws: 0 }).await.expect("the simulated account starts");
        let program = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_shiftgate"));
            command.args(args).env_clear().env("HOME", home.path()).env("SHIFTGATE_SPOT_URL", sim.spot_url());
            command.env("SPOTINST_TOKEN", "t").env("SPOTINST_ACCOUNT", "act-1").stdin(Stdio::null()).stdout(Stdio::piped());
            command.stderr(Stdio::null());
            command
        };
        let file = root().join("tests/cases/basic/workflow.yaml");
        let mut run = program(&["run", &file.to_string_lossy(), "--input", "ami=ami-0green"]);
        let killed = run.env("SHIFTGATE_CRASH_AT", "groups.create#1/after").status().expect("the program starts");
        assert!(killed.code().is_none(), "it kills itself: {killed}");
        let began = Instant::now();
        let mut resume = program(&["resume", "last", "--output", "json"]).spawn().expect("the program starts");
        let lines = BufReader::new(resume.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let first = lines.skip_while(|line| !line.contains("\"run_resumed\"")).nth(1);
        times.push(began.elapsed());
        assert!(first.is_some(), "it goes on");
        assert!(resume.wait().expect("it ends").success(), "the run succeeds");
    }
    times
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
