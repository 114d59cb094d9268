//! The test bed as an author sees it, over components that do what they should not.

mod guests;

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use self::guests::{Guest, SEND, verification, wait};
use shiftgate_plugin::Compiler;

use crate::{Checked, Place, Scenario, TestBed};

/// A host with a directory of its own, and the guest in it.
struct World {
    dir: tempfile::TempDir,
    bed: TestBed,
}

impl World {
    async fn of(guest: &Guest<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("guest.wasm");
        std::fs::write(&file, verification(guest)).unwrap();
        let place = Place { cache_dir: dir.path().join("cache"), bundled_dirs: Vec::new(), compiler: Compiler::Here };
        let bed = TestBed::open(place, &file.display().to_string()).await.unwrap();
        Self { dir, bed }
    }

    fn scenario(&self, text: &str) -> Scenario {
        let folder = self.dir.path().join("scenarios");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("one.yaml"), text).unwrap();
        crate::read_all(&folder).unwrap().remove(0)
    }

    async fn play(&self, text: &str) -> Checked {
        self.bed.scenario(&self.scenario(text)).await
    }

    /// Names of the conformance checks that fail, with the first failure.
    async fn broken(&self, scenarios: &[Scenario]) -> Vec<(String, String)> {
        let mut all: Vec<Checked> = Vec::new();
        let config = if scenarios.is_empty() { Some(json!({ "url": "http://a.example/" })) } else { None };
        self.bed.conformance(scenarios, config, &mut |checked| all.push(checked)).await.unwrap();
        let failed = all.into_iter().filter_map(|checked| Some((checked.name, checked.failures.first()?.clone())));
        failed.collect()
    }
}

const ONE_ANSWER: &str = "
config: { url: 'http://a.example/' }
http: [ { url: 'http://a.example/', answers: [ { status: 200, delay: 25s } ] } ]
expect: { verdict: pass }
";

#[tokio::test]
async fn an_hour_is_over_at_once() {
    let start = wait(3_600_000);
    let world = World::of(&Guest { start: &start, ..Guest::default() }).await;
    let checked = world.play("expect: { verdict: pass, waits: [1h], took: 1h }").await;
    assert!(checked.failures.is_empty(), "{checked:?}");
    assert!(checked.took < Duration::from_secs(5), "{checked:?}");
    let signals = "signals: [ { at: 5m, name: ready } ]";
    let checked = world.play(&format!("{signals}\nexpect: {{ verdict: pass }}")).await;
    assert_eq!(checked.failures, ["signals: expected that it waits for `ready` at 5m, found that it does not"]);
    assert!(world.broken(&[]).await.is_empty());
}

#[tokio::test]
async fn what_does_not_come_true_says_what_was_expected_and_found() {
    let start = format!("{SEND} {}", wait(1_000));
    let world = World::of(&Guest { start: &start, asks: true, ..Guest::default() }).await;
    let checked = world
        .play(
            "
config: { url: 'http://a.example/' }
expect: { verdict: fail, waits: 2, requests: [ 'GET http://b.example/' ], metrics: { value: 3 }, outputs: { tries: 1 }, log: [ hello ], took: 2s }
",
        )
        .await;
    insta::assert_snapshot!(checked.failures.join("\n"));
}

#[tokio::test]
async fn a_verdict_that_the_host_changed_says_why() {
    // A wait that names neither a time nor a signal.
    let start = "(i32.store8 offset=8 (i32.const 1024) (i32.const 1)) (i32.const 1024)";
    let world = World::of(&Guest { start, ..Guest::default() }).await;
    let checked = world.play("expect: { verdict: pass }").await;
    let [failure] = checked.failures.as_slice() else { panic!("{checked:?}") };
    assert!(failure.contains("found `inconclusive`") && failure.contains("names neither a time nor a signal"), "{failure}");
    assert!(checked.file.is_some_and(|file| file.ends_with("scenarios/one.yaml")));
}

#[tokio::test]
async fn a_trap_on_a_wake_is_found_with_the_panic() {
    let start = wait(1_000);
    let world = World::of(&Guest { start: &start, poll: "unreachable", ..Guest::default() }).await;
    let broken = world.broken(&[]).await;
    let [(name, why)] = broken.as_slice() else { panic!("{broken:?}") };
    // What fails in an ordinary step is told once, and nothing else is tried.
    assert!(name == "an ordinary step" && why.contains("unreachable"), "{broken:?}");
    let world = World::of(&Guest { start: &start, cancel: "unreachable", ..Guest::default() }).await;
    let broken: Vec<String> = world.broken(&[]).await.into_iter().map(|(name, _)| name).collect();
    // The deadline that has passed already has the step cancelled.
    assert_eq!(broken, ["cancelled twice", "a deadline in the past"]);
}

#[tokio::test]
async fn a_plugin_that_computes_for_ever_is_told_once() {
    // A poll may compute for 5 s, a start for 30 s.
    let start = wait(1_000);
    let poll = "(loop $again (br $again)) (i32.const 1024)";
    let world = World::of(&Guest { start: &start, poll, ..Guest::default() }).await;
    let broken = world.broken(&[]).await;
    assert!(matches!(broken.as_slice(), [(_, why)] if why.contains("compute time")), "{broken:?}");
}

#[tokio::test]
async fn a_pass_without_an_answer_is_found() {
    let start = format!("{SEND} (i32.const 1024)");
    let world = World::of(&Guest { start: &start, asks: true, ..Guest::default() }).await;
    let scenario = world.scenario(ONE_ANSWER);
    let checked = world.bed.scenario(&scenario).await;
    assert!(checked.failures.is_empty(), "{checked:?}");
    let names: Vec<String> = world.broken(&[scenario]).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "without the grant for GET the URL at /url",
            "a name that does not resolve",
            "nobody who listens",
            "a connection that breaks off",
            "a certificate that is no good",
            "no answer in time",
        ]
    );
}

#[tokio::test]
async fn a_plugin_that_never_ends_is_found() {
    let again = wait(0);
    let world = World::of(&Guest { start: &again, poll: &again, ..Guest::default() }).await;
    let checked = world.play("expect: { verdict: pass }").await;
    assert!(checked.failures.iter().any(|failure| failure.contains("no end after 10000 wakes")), "{checked:?}");
}

#[tokio::test]
async fn a_call_that_outlasts_the_hosts_patience_fails_though_no_time_passes() {
    let start = format!("{SEND} {SEND} {SEND} (i32.const 1024)");
    let world = World::of(&Guest { start: &start, asks: true, ..Guest::default() }).await;
    let checked = world.play(ONE_ANSWER).await;
    assert!(checked.failures.iter().any(|failure| failure.contains("a call took 1m 15s")), "{checked:?}");
}

#[tokio::test]
async fn a_request_that_no_scenario_sends_is_named() {
    let quiet = World::of(&Guest { asks: true, ..Guest::default() }).await;
    let scenarios = [quiet.scenario(ONE_ANSWER)];
    assert_eq!(quiet.bed.unused_requests(&scenarios).await, ["GET the URL at /url"]);
    let start = format!("{SEND} (i32.const 1024)");
    let asking = World::of(&Guest { start: &start, asks: true, ..Guest::default() }).await;
    assert!(asking.bed.unused_requests(&scenarios).await.is_empty());
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_with_its_problems() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("core.wasm");
    std::fs::write(&file, b"\0asm\x01\0\0\0").unwrap();
    let place = Place { cache_dir: dir.path().join("cache"), bundled_dirs: Vec::new(), compiler: Compiler::Here };
    let error = TestBed::open(place, &file.display().to_string()).await.unwrap_err();
    assert!(error.to_string().contains("core WebAssembly module") && error.hint().is_some(), "{error}");
    assert!(crate::component_of(Path::new("/nonexistent")).is_err());
}
