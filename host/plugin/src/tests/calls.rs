//! Calls that end: outcomes of every kind, the plugin's own errors, broken promises, and what a plugin is told.

use shiftgate_model::{ActionState, Ending, Millis, Wake};

use super::guests::{Text, guest, manifest, verification};
use super::*;

use PluginKind::{Approval, Verification, WrapUp};

/// Text at 2048, so that a guest can name it by address and length.
fn data(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(data (i32.const 2048) "{escaped}")"#)
}

/// Stores a word at an offset of the answer.
fn put(offset: u32, value: usize) -> String {
    format!("(i32.store (i32.const {}) (i32.const {value}))", super::guests::ANSWER + offset)
}

const ANSWER: &str = "(i32.const 1024)";

#[tokio::test]
async fn every_kind_answers_in_its_own_shape() {
    let world = World::new();
    let mut shapes = Vec::new();
    for kind in [Verification, Approval, WrapUp] {
        let source = world.source(&guest(kind, &Text::default(), &manifest(kind)));
        let state = ActionState::new(1, vec![1, 2, 3]);
        for action in [
            Call::Validate,
            Call::Start { summary: Some((Ending::RolledBack, "It went back".to_owned())) },
            Call::Poll { state: state.clone(), wake: Wake::Timer },
            Call::Cancel { state },
        ] {
            shapes.push(format!("{kind}: {}", shape(&world.call(&source, kind, action).await.unwrap().outcome)));
        }
    }
    insta::assert_snapshot!(shapes.join("\n"), @r"
verification: accepted
verification: pass: 
verification: pass: 
verification: accepted
approval: accepted
approval: 0 ballots, next None
approval: 0 ballots, next None
approval: accepted
wrap-up: accepted
wrap-up: 0 actions
wrap-up: 0 actions
wrap-up: accepted
");
}

#[tokio::test]
async fn a_plugin_sees_its_config_and_the_run() {
    let world = World::new();
    // Argument 0 points at (config, run, …); config and run.step are its first and fifth word pairs.
    let start = format!(
        "(call $log (i32.const 1) (i32.load (local.get 0)) (i32.load offset=4 (local.get 0)))
         (call $log (i32.const 2) (i32.load offset=16 (local.get 0)) (i32.load offset=20 (local.get 0)))
         (call $progress (i32.load offset=8 (local.get 0)) (i32.load offset=12 (local.get 0)))
         {ANSWER}"
    );
    let source = world.source(&verification(&start, ""));
    let config = json!({ "query": "up", "max": 0.5 });
    let reply = world.call_with(&source, Verification, Call::Start { summary: None }, config).await.unwrap();
    let lines: Vec<_> = reply.log.iter().map(|line| format!("{:?} {}", line.level, line.message)).collect();
    assert_eq!(lines, [r#"Info {"query":"up","max":0.5}"#, "Warn phase-1/verify-1"]);
    assert_eq!(reply.progress.as_deref(), Some("run-1"));
}

#[tokio::test]
async fn a_wait_comes_back_with_its_state() {
    let world = World::new();
    // wait(suspension { version 3, bytes "abc", after some(60000), signals [] })
    let start = format!(
        "{} {} {} {} {} (i64.store (i32.const 1064) (i64.const 60000)) {ANSWER}",
        put(8, 1),
        put(16, 3),
        put(20, 2048),
        put(24, 3),
        put(32, 1)
    );
    let reply = world.start(&verification(&start, &data("abc"))).await.unwrap();
    let Outcome::Wait(suspension) = reply.outcome else { panic!("{:?}", reply.outcome) };
    assert_eq!(suspension.after, Some(Millis(60_000)));
    assert_eq!(ActionState { seal: None, ..suspension.state }, ActionState::new(3, b"abc".to_vec()));
}

#[tokio::test]
async fn a_wait_that_nothing_ends_is_a_broken_promise() {
    let world = World::new();
    let start = format!("{} {ANSWER}", put(8, 1));
    let reply = world.start(&verification(&start, "")).await.unwrap();
    insta::assert_snapshot!(shape(&reply.outcome), @r"
inconclusive: The plugin broke the contract, so nothing can be said.
  inconclusive: the plugin broke the contract: it wants to wait, and names neither a time nor a signal to be woken by
");

    let text = Text { start: &start, ..Text::default() };
    let source = world.source(&guest(WrapUp, &text, &manifest(WrapUp)));
    let summary = Some((Ending::Succeeded, String::new()));
    let error = world.call(&source, WrapUp, Call::Start { summary }).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: step `phase-1/verify-1`: it broke the contract: it wants to wait, and names neither a time nor a signal to be woken by
  hint: report it to the plugin's author, with this message
");
}

#[tokio::test]
async fn a_metric_that_is_not_a_number_never_passes() {
    let world = World::new();
    // One metric at 4096: name "rate", value some(NaN), verdict pass.
    let start = format!(
        "{} {} (i32.store (i32.const 4096) (i32.const 2048)) (i32.store (i32.const 4100) (i32.const 4))
         (i32.store (i32.const 4104) (i32.const 1)) (f64.store (i32.const 4112) (f64.const nan)) {ANSWER}",
        put(36, 4096),
        put(40, 1)
    );
    let reply = world.start(&verification(&start, &data("rate"))).await.unwrap();
    let Outcome::Reported(report) = &reply.outcome else { panic!("{:?}", reply.outcome) };
    assert_eq!(report.metrics.first().map(|metric| metric.value), Some(None));
    insta::assert_snapshot!(shape(&reply.outcome), @r"
inconclusive: 
  inconclusive: the plugin broke the contract: the metric `rate` has no value (none, NaN or infinity), and is called `pass`
  inconclusive: the plugin broke the contract: it says `pass`, and none of its metrics has a value
");
}

#[tokio::test]
async fn evidence_that_is_not_json_is_a_broken_promise() {
    let world = World::new();
    // One attribute at 4096: name "a", text "a".
    let start = format!(
        "{} {} (i32.store (i32.const 4096) (i32.const 2048)) (i32.store (i32.const 4100) (i32.const 1))
         (i32.store (i32.const 4104) (i32.const 2048)) (i32.store (i32.const 4108) (i32.const 1)) {ANSWER}",
        put(44, 4096),
        put(48, 1)
    );
    let reply = world.start(&verification(&start, &data("a"))).await.unwrap();
    insta::assert_snapshot!(shape(&reply.outcome), @r"
inconclusive: The plugin broke the contract, so nothing can be said.
  inconclusive: the plugin broke the contract: the evidence `a` is not JSON: expected value at line 1 column 1
");
}

#[tokio::test]
async fn the_plugins_own_error_says_whether_to_try_again() {
    let world = World::new();
    let mut told = Vec::new();
    for retry in 0..3 {
        // err(step-error { code "bad-answer", message "no \x1b data", retry })
        let start = format!(
            "{} {} {} {} {} {} {ANSWER}",
            put(0, 1),
            put(8, 2048),
            put(12, 10),
            put(16, 2058),
            put(20, 9),
            put(24, retry)
        );
        let error = world.start(&verification(&start, &data("bad-answerno \x1b data"))).await.unwrap_err();
        told.push(format!("{} (retry: {})", world.told(&error), error.retryable));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
plugin `guest`: bad-answer: no \u{1b} data (retry: false)
plugin `guest`: bad-answer: no \u{1b} data (retry: true)
plugin `guest`: bad-answer: no \u{1b} data (retry: true)
"#);
}

#[tokio::test]
async fn the_schema_is_checked_before_any_code_runs() {
    let world = World::new();
    let mut manifest = manifest(Verification);
    let schema = json!({ "type": "object", "required": ["query"], "properties": { "max": { "type": "number" } } });
    manifest.as_object_mut().unwrap().insert("config".to_owned(), schema);
    let text = Text { start: "unreachable", validate: "unreachable", ..Text::default() };
    let source = world.source(&guest(Verification, &text, &manifest));
    let config = json!({ "max": "high" });
    let reply = world.call_with(&source, Verification, Call::Validate, config.clone()).await.unwrap();
    insta::assert_snapshot!(shape(&reply.outcome), @r#"
: "query" is a required property
/max: "high" is not of type "number"
"#);
    let error = world.call_with(&source, Verification, Call::Start { summary: None }, config.clone()).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r#"
plugin `guest`: step `phase-1/verify-1`: the config does not fit the plugin's schema
  the whole: "query" is a required property
  /max: "high" is not of type "number"
  hint: correct the step's `with:`; `shiftgate plugin inspect` shows the schema
"#);
    let state = ActionState::new(1, vec![]);
    let cancelled = world.call_with(&source, Verification, Call::Cancel { state }, config).await.unwrap();
    assert_eq!(cancelled.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn the_plugins_own_validation_comes_after_the_schema() {
    let world = World::new();
    // One problem at 4096: pointer "/max", message "too high".
    let validate = format!(
        "(i32.store (i32.const 1024) (i32.const 4096)) (i32.store (i32.const 1028) (i32.const 1))
         (i32.store (i32.const 4096) (i32.const 2048)) (i32.store (i32.const 4100) (i32.const 4))
         (i32.store (i32.const 4104) (i32.const 2052)) (i32.store (i32.const 4108) (i32.const 8)) {ANSWER}"
    );
    let text = Text { validate: &validate, more: &data("/maxtoo high"), ..Text::default() };
    let source = world.source(&guest(Verification, &text, &manifest(Verification)));
    let reply = world.call(&source, Verification, Call::Validate).await.unwrap();
    assert_eq!(shape(&reply.outcome), "/max: too high");
}

#[tokio::test]
async fn a_state_that_the_manifest_does_not_read_stays_away_from_the_plugin() {
    let world = World::new();
    let mut manifest = manifest(Verification);
    manifest.as_object_mut().unwrap().insert("state".to_owned(), json!({ "writes": 3, "reads": [2, 3] }));
    let source = world.source(&guest(Verification, &Text::default(), &manifest));
    let poll = |version| Call::Poll { state: ActionState::new(version, vec![]), wake: Wake::Timer };
    assert!(world.call(&source, Verification, poll(2)).await.is_ok());
    let error = world.call(&source, Verification, poll(1)).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: step `phase-1/verify-1`: the saved state is of version 1; this component reads 2, 3
  hint: go on with the component that the step was started with
");
}

#[tokio::test]
async fn what_a_plugin_logs_is_printable() {
    let world = World::new();
    let start = format!("(call $log (i32.const 3) (i32.const 2048) (i32.const 18)) {ANSWER}");
    let reply = world.start(&verification(&start, &data("\x1b[2J\u{202e}hidden\nnext"))).await.unwrap();
    let messages: Vec<_> = reply.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["\\u{1b}[2J\\u{202e}hidden\\nnext"]);
}
