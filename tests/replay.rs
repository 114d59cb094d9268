//! `shiftgate verify replay`: what a verification was told in a real run is judged again, with other settings, offline.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;

use serde_json::{Value, json};
use shiftgate_model::RunId;
use shiftgate_sim::World;
use shiftgate_store::Record;

use crate::program::{Bench, Finished, copy_folder, finish, plugins, root};

/// A basic deployment with one verification, which measures three times.
async fn ran(max: &str, exit: i32) -> (Bench, String) {
    let bench = prepared(max).await;
    let done = bench.run(&["run", "workflow.yaml"]).await;
    assert_eq!(done.exit, exit, "{}{}", done.stdout, done.stderr);
    let run = run_id(&bench);
    (bench, run)
}

fn run_id(bench: &Bench) -> String {
    let runs = fs::read_dir(bench.home.path().join("state/runs")).expect("the runs");
    runs.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn world() -> World {
    let group = json!({"id": "sig-0000b1e1", "name": "web__1", "image": "ami-0blue", "capacity": {"minimum": 0, "target": 4, "maximum": 10}});
    let latencies = json!({"launch": 0, "healthy": 0, "drain": 0, "propagation": 0, "target_healthy": 0});
    serde_json::from_value(json!({"latencies": latencies, "groups": [group]})).expect("a world")
}

/// An account, and the workflow's file beside it.
async fn prepared(max: &str) -> Bench {
    let bench = Bench::new(world()).await;
    let workflow = format!(
        r#"
version: 1
service: {{ name: web, artifact: {{ ami: ami-0green }} }}
environment: {{ name: prod }}
infrastructure: {{ name: east, region: us-east-1, elastigroup: elastigroup.json }}
plugins:
  errors:
    source: prometheus
    grants: {{ http: [ {{ url: "{url}", methods: [GET], addresses: [127.0.0.0/8] }} ] }}
workflow:
  name: web-canary
  strategy: canary
  setup: {{ name: web, instances: {{ min: 0, target: 4, max: 10 }}, steadyStateTimeout: 20m }}
  phases:
    - name: Canary
      deploy: 50%
      verify: [ {{ plugin: errors, with: {{ url: "{url}", query: 'count(up{{group_name="web__2"}})', max: {max}, initialDelay: 50ms, interval: 60ms, count: 3 }} }} ]
    - name: Primary
      deploy: 100%
"#,
        url = bench.sim.metrics_url()
    );
    fs::copy(root().join("tests/cases/elastigroup.json"), bench.home.path().join("elastigroup.json")).expect("a copy");
    fs::write(bench.home.path().join("workflow.yaml"), workflow).expect("a workflow");
    bench
}

async fn replayed(bench: &Bench, more: &[&str]) -> Finished {
    bench.run(&[&["verify", "replay", "last", "verify-1"], more].concat()).await
}

/// All that is kept of the run, and how often Prometheus was asked.
async fn kept(bench: &Bench, run: &str) -> Value {
    let record = Record::open(&bench.home.path().join("state")).await.expect("the record opens");
    let evidence = record.evidence(&RunId::new(run)).await.expect("the evidence is read");
    record.close().await;
    let logs = bench.run(&["logs", run, "--output", "json"]).await;
    json!({"evidence": evidence, "logs": logs.stdout})
}

#[tokio::test]
async fn a_pass_becomes_a_fail_and_back_and_nothing_is_changed() {
    let (bench, run) = ran("2", 0).await;
    let before = kept(&bench, &run).await;
    assert_eq!(before["evidence"].as_array().map(Vec::len), Some(4), "the start, and a call for each measurement");
    let same = replayed(&bench, &[]).await;
    let words = |done: &Finished| done.stdout.replace(&run, "<run>");
    assert_eq!(same.exit, 0, "{}", same.stderr);
    insta::assert_snapshot!(words(&same), @r"
    phase-1/verify-1 of run <run>, attempt 1, with the same settings
    then: pass: all 3 measurements were <= 2
      value = 2, pass <= 2
    now:  pass: all 3 measurements were <= 2
      value = 2, pass <= 2
    ");
    let strict = replayed(&bench, &["--with", "max=1"]).await;
    assert_eq!(strict.exit, 1, "{}", strict.stderr);
    insta::assert_snapshot!(words(&strict), @r#"
    phase-1/verify-1 of run <run>, attempt 1, with max=1
    then: pass: all 3 measurements were <= 2
      value = 2, pass <= 2
    now:  fail: measurement 1 of 3: value is 2, wanted <= 1
      fail: `count(up{group_name="web__2"})`: 2, wanted <= 1
      value = 2, fail <= 1
    "#);
    assert_eq!(kept(&bench, &run).await, before);
}

#[tokio::test]
async fn a_fail_becomes_a_pass_as_far_as_the_evidence_goes() {
    let (bench, run) = ran("1", 3).await;
    let wide = replayed(&bench, &["--with", "max=2"]).await;
    assert_eq!(wide.exit, 1, "{}", wide.stderr);
    insta::assert_snapshot!(wide.stdout.replace(&run, "<run>"), @r#"
    phase-1/verify-1 of run <run>, attempt 1, with max=2
    then: fail: measurement 1 of 3: value is 2, wanted <= 1
      fail: `count(up{group_name="web__2"})`: 2, wanted <= 1
      value = 2, fail <= 1
    now:  inconclusive: the evidence ends here: the verification would go on after its 2 recorded calls
    "#);
    let short = replayed(&bench, &["--with", "max=2", "--with", "count=1", "--output", "json"]).await;
    assert_eq!(short.exit, 0, "{}", short.stderr);
    let answer: Value = serde_json::from_str(&short.stdout).expect("one object");
    assert_eq!((&answer["before"]["verdict"], &answer["after"]["verdict"]), (&json!("fail"), &json!("pass")));
    assert_eq!((&answer["run"], &answer["attempt"], &answer["config"]["count"]), (&json!(run), &json!(1), &json!(1)));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said() {
    let (bench, _) = ran("2", 0).await;
    let rows: [(&[&str], i32, &[&str]); 6] = [
        (
            &["--with", "query=up"],
            2,
            &["no answer is on record to GET http://127.0.0.1", "offline", "`query` changes what is asked"],
        ),
        (&["--with", "initialDelay=0s"], 2, &["no answer is on record", "thresholds"]),
        (&["--with", "maximum=1"], 11, &["the config is refused", "maximum"]),
        (&["--with", "max=often"], 11, &["the config is refused", "max"]),
        (&["--attempt", "2"], 2, &["no attempt 2", "attempt 1"]),
        (&["--plugin", "webhook"], 11, &["wrap-up"]),
    ];
    for (args, exit, words) in rows {
        let done = replayed(&bench, args).await;
        assert_eq!(done.exit, exit, "{args:?}\n{}{}", done.stdout, done.stderr);
        for word in words {
            assert!(done.stderr.contains(word), "{args:?}: `{word}` is not in:\n{}", done.stderr);
        }
        assert_eq!(done.stdout, "", "{args:?}");
    }
    let done = bench.run(&["verify", "replay", "last", "verify-2"]).await;
    assert!(done.exit == 2 && done.stderr.contains("phase-1/verify-1"), "{}", done.stderr);
}

/// The component that judged then judges again from the copy of it, whatever lies in its place now; or another one that is named.
#[tokio::test]
async fn the_same_component_judges_or_the_one_that_is_named() {
    let bench = prepared("2").await;
    // A cache of its own: the copy is made when a component is compiled.
    let cache = bench.home.path().join("cache");
    let with_cache = async |args: &[&str]| {
        let mut command = bench.command(args);
        command.env("SHIFTGATE_CACHE_DIR", &cache);
        finish(command).await
    };
    let done = with_cache(&["run", "workflow.yaml"]).await;
    assert_eq!(done.exit, 0, "{}{}", done.stdout, done.stderr);
    let dir = bench.home.path().join("plugins");
    copy_folder(&plugins(), &dir);
    fs::copy(dir.join("http-check.wasm"), dir.join("prometheus.wasm")).expect("a copy");
    let dir = dir.to_string_lossy().into_owned();
    let replay = ["verify", "replay", "last", "verify-1"];
    let copy = with_cache(&[&replay[..], &["--plugin-dir", &dir, "--with", "max=1"]].concat()).await;
    assert_eq!(copy.exit, 1, "{}", copy.stderr);
    assert!(copy.stdout.contains("now:  fail"), "{}", copy.stdout);
    let file = plugins().join("prometheus.wasm").to_string_lossy().into_owned();
    let named = with_cache(&[&replay[..], &["--plugin", &file, "--output", "json"]].concat()).await;
    assert_eq!(named.exit, 0, "{}", named.stderr);
    let other = with_cache(&[&replay[..], &["--plugin", "http-check"]].concat()).await;
    assert_eq!(other.exit, 11, "{}", other.stderr);
}

#[tokio::test]
async fn a_killed_and_resumed_verification_is_kept_once_and_replays() {
    let (bench, run) = ran("2", 0).await;
    let undisturbed = numbers(&kept(&bench, &run).await);
    for moment in ["evidence.keep#2/before", "evidence.keep#2/after", "evidence.keep#4/after"] {
        let bench = prepared("2").await;
        let mut command = bench.command(&["run", "workflow.yaml"]);
        let killed = command.env("SHIFTGATE_CRASH_AT", moment).output().await.expect("the program starts");
        assert_eq!(killed.status.signal(), Some(9), "{moment}");
        let done = bench.run(&["resume", "last"]).await;
        assert_eq!(done.exit, 0, "{moment}: {}{}", done.stdout, done.stderr);
        assert_eq!(numbers(&kept(&bench, &run_id(&bench)).await), undisturbed, "{moment}");
        let done = replayed(&bench, &["--with", "max=1"]).await;
        assert_eq!(done.exit, 1, "{moment}: {}", done.stderr);
    }
}

/// Attempt, call, and the number of exchanges.
fn numbers(kept: &Value) -> BTreeMap<(u64, u64), usize> {
    let calls = kept["evidence"].as_array().expect("calls");
    let number = |call: &Value, name: &str| call[name].as_u64().expect("a number");
    let line = |call: &Value| ((number(call, "attempt"), number(call, "call")), call["exchanges"].as_array().map_or(0, Vec::len));
    let found: BTreeMap<_, _> = calls.iter().map(line).collect();
    assert_eq!(found.len(), calls.len(), "no call is kept twice");
    found
}
