//! Plugins of three languages through the same cases: what the contract says, each of them does, with the same words.
//!
//! Two of each: the queue of the documentation, which is the template of its SDK, and `contrary`, which does what a case asks it
//! to. `guests/build.rs` builds them as their pages say. What a host does with odd components is tested in `host/plugin`.

mod build;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};
use shiftgate_model::{
    ActionState, AmiId, Call, Clock, Grants, HttpGrant, Outcome, PluginCall, PluginError, PluginKind, PluginReply, PluginRunner,
    PluginSource, RunId, RunInfo, StepId, Timestamp, Wake,
};
use shiftgate_plugin::{Compiler, Plugins, PluginsConfig};

use crate::program::root;

/// The two components of a language.
struct Guests {
    queue: PathBuf,
    contrary: PathBuf,
}

#[tokio::test]
async fn a_rust_guest_does_what_the_contract_says() {
    let guests = build::rust().await;
    cases(&guests).await;
    // With a message of its own, because it crashed: a panic ends the instance.
    let crash = told(ask(&guests.contrary, start(), json!({ "do": "throw", "text": "boom" })).await);
    assert!(crash.contains("it crashed") && crash.contains("contrary.rs") && crash.contains("boom"), "{crash}");
}

#[tokio::test]
async fn a_javascript_guest_does_what_the_contract_says() {
    let Some(guests) = build::javascript().await else { return };
    cases(&guests).await;
    interpreted(&guests, "start").await;
}

#[tokio::test]
async fn a_python_guest_does_what_the_contract_says() {
    let Some(guests) = build::python().await else { return };
    cases(&guests).await;
    interpreted(&guests, "start at plugin.py:").await;
}

#[tokio::test]
async fn a_new_plugin_in_javascript_passes_its_scenarios() {
    is_green("js").await;
}

#[tokio::test]
async fn a_new_plugin_in_python_passes_its_scenarios() {
    is_green("python").await;
}

async fn is_green(lang: &str) {
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().join("queue-depth");
    let Some(path) = build::new(lang, &dir).await else { return };
    let mut test = tokio::process::Command::new(env!("CARGO_BIN_EXE_shiftgate"));
    test.args(["plugin", "test"]).arg(&dir).env("PATH", path);
    test.env("XDG_CACHE_HOME", build::folder().join("cache-of-new"));
    let done = crate::program::finish(test).await;
    assert_eq!(done.exit, 0, "{}\n{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("a queue that stays deep fails after three looks"), "{}", done.stdout);
    assert!(dir.join("queue-depth.wasm").is_file());
}

#[test]
fn the_pages_show_the_templates_as_they_are() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("a file of the project");
    assert!(read("sdk/js/README.md").contains(&read("sdk/js/template/plugin.js")), "sdk/js shows another plugin");
    assert!(read("sdk/python/README.md").contains(&read("sdk/python/template/plugin.py")), "sdk/python shows another plugin");
    for folder in ["sdk/js", "sdk/python"] {
        let manifest = read(&format!("{folder}/template/manifest.json")).replace("{{name}}", "queue-depth");
        assert!(read("docs/plugins.md").contains(&manifest), "docs/plugins.md shows another manifest than {folder}");
    }
}

/// An exception is a step error, and one of a check refuses the config: with its text, and where it came from. The language's own
/// clock is that of the run.
async fn interpreted(guests: &Guests, place: &str) {
    let config = json!({ "do": "throw", "text": "boom" });
    let thrown = told(ask(&guests.contrary, start(), config.clone()).await);
    assert!(thrown.contains("exception: TypeError: boom (") && thrown.contains(place), "{thrown}");
    let refused = told(ask(&guests.contrary, Call::Validate, config).await);
    assert!(refused.contains(": the plugin cannot check it: TypeError: boom ("), "{refused}");
    // A value that the contract does not know is told with its field, and never a crash of the guest.
    let of_value = async |what: &str| told(ask(&guests.contrary, start(), json!({ "do": what, "text": "x" })).await);
    let wrong = of_value("forget a verdict").await;
    assert!(
        wrong.contains("exception: TypeError: metric ") && wrong.contains(": verdict is ") && wrong.contains(place),
        "{wrong}"
    );
    let nothing = of_value("answer nothing").await;
    assert!(nothing.contains("exception: TypeError: what start returns is "), "{nothing}");
    let clock = told(ask(&guests.contrary, start(), json!({ "do": "look at the clock", "text": "" })).await);
    assert!(clock.contains(r#""summary":"1700000000000""#), "{clock}");
}

async fn cases(guests: &Guests) {
    let queue = queue(&guests.queue).await;
    let contrary = contrary(&guests.contrary).await;
    insta::assert_snapshot!(queue, @r#"
a good config: Accepted
a config against the schema: 
  : "max" is a required property
  /url: 1 is not of type "string"
  : Additional properties are not allowed ('maximum' was unexpected)
shallow enough: {"verdict":"pass","summary":"12 messages wait","findings":[],"metrics":[],"evidence":{},"outputs":{}}
  progress: 12 messages wait
too deep, at first: waits Some(Millis(10000)) [] with 2 of version 1
  progress: 500 messages wait
too deep, the second time: waits Some(Millis(10000)) [] with 3 of version 1
  progress: 500 messages wait
too deep for good: {"verdict":"fail","summary":"500 messages wait, and 100 may","findings":[],"metrics":[],"evidence":{},"outputs":{}}
  progress: 500 messages wait
no longer too deep: {"verdict":"pass","summary":"12 messages wait","findings":[],"metrics":[],"evidence":{},"outputs":{}}
  progress: 12 messages wait
cancelled: Accepted
a queue without a depth: {"verdict":"inconclusive","summary":"the queue does not say how deep it is","findings":[],"metrics":[],"evidence":{},"outputs":{}}
an answer of null: {"verdict":"inconclusive","summary":"the queue does not say how deep it is","findings":[],"metrics":[],"evidence":{},"outputs":{}}
an answer that is no JSON: error: plugin `guest`: bad-answer: the answer of http://QUEUE/page cannot be read as JSON: … (retry: true)
a state that cannot be read: error: plugin `guest`: bad-state: the saved state of version 1 cannot be read: … (retry: false)
a state of a later version: error: plugin `guest`: step `phase-1/verify-1`: the saved state is of version 9; this component reads 1 (retry: false)
nothing granted: error: plugin `guest`: not-granted: GET http://QUEUE/shallow is not granted (retry: false)
"#);
    insta::assert_snapshot!(contrary, @r#"
a config that it refuses itself: 
  /do: grüße 👋
everything that a report has: {"verdict":"warn","summary":"grüße 👋","findings":[{"verdict":"warn","message":"a finding"}],"metrics":[{"name":"rate","value":0.5,"unit":"ratio","threshold":"<= 1","verdict":"pass"},{"name":"lost","value":null,"unit":"","threshold":"","verdict":"inconclusive"}],"evidence":{"asked":{"é":[1,null]}},"outputs":{"answer":42}}
a log: {"verdict":"pass","summary":"at 1700000000000","findings":[],"metrics":[],"evidence":{},"outputs":{}}
  Info: grüße 👋
  Warn: of phase-1/verify-1
its own error: error: plugin `guest`: busy: grüße 👋 (retry: true)
a wait for a signal: waits Some(Millis(60000)) ["ready"] with {"heard":"grüße 👋"} of version 2
the signal: {"verdict":"pass","summary":"grüße 👋, ready {\"a\":[1,null]}","findings":[],"metrics":[],"evidence":{},"outputs":{}}
from an older state: {"verdict":"pass","summary":"word of old, ready true","findings":[],"metrics":[],"evidence":{},"outputs":{}}
from a state that it does not know: error: plugin `guest`: unknown-state-version: the step waits with state of version 3, and this version of the plugin reads 2; finish the run with the version of the plugin that began it (retry: false)
a cancel that leaves something: error: plugin `guest`: left-behind: grüße 👋 is still there (retry: false)
too much to keep: error: plugin `guest`: step `phase-1/verify-1`: it used up its budget `state` of 64 KiB: it used 70002 bytes (retry: false)
"#);
}

/// A queue that is shallow, deep, silent; a config that is wrong; a request that nobody granted.
async fn queue(file: &Path) -> String {
    let server = Queue::open().await;
    let at = |path: &str| json!({ "url": format!("{}{path}", server.origin), "max": 100 });
    let granted = server.grants();
    let with = async |action, config| server.redacted(&told(call(file, granted.clone(), action, config).await));
    let resumed = |tries: &str| Call::Poll { state: state(1, tries), wake: Wake::Timer };
    let mut story = Vec::new();
    for (title, told) in [
        ("a good config", with(Call::Validate, at("/shallow")).await),
        ("a config against the schema", with(Call::Validate, json!({ "url": 1, "maximum": 3 })).await),
        ("shallow enough", with(start(), at("/shallow")).await),
        ("too deep, at first", with(start(), at("/deep")).await),
        ("too deep, the second time", with(resumed("2"), at("/deep")).await),
        ("too deep for good", with(resumed("3"), at("/deep")).await),
        ("no longer too deep", with(resumed("3"), at("/shallow")).await),
        ("cancelled", with(Call::Cancel { state: state(1, "2") }, at("/deep")).await),
        ("a queue without a depth", with(start(), at("/silent")).await),
        ("an answer of null", with(start(), at("/null")).await),
        ("an answer that is no JSON", without_the_parsers_words(with(start(), at("/page")).await)),
        ("a state that cannot be read", without_the_parsers_words(with(resumed("{"), at("/deep")).await)),
        ("a state of a later version", with(Call::Cancel { state: state(9, "2") }, at("/deep")).await),
        ("nothing granted", server.redacted(&told(ask(file, start(), at("/shallow")).await))),
    ] {
        story.push(format!("{title}: {told}"));
    }
    story.join("\n")
}

/// What a queue has no use for.
async fn contrary(file: &Path) -> String {
    let told = async |action, what: &str| told(ask(file, action, json!({ "do": what, "text": "grüße 👋" })).await);
    let signal = |payload| Wake::Signal { name: "ready".to_owned(), payload };
    let heard = r#"{"heard":"grüße 👋"}"#;
    let mut story = Vec::new();
    for (title, told) in [
        ("a config that it refuses itself", told(Call::Validate, "nothing").await),
        ("everything that a report has", told(start(), "report").await),
        ("a log", told(start(), "log").await),
        ("its own error", told(start(), "give up").await),
        ("a wait for a signal", told(start(), "listen").await),
        ("the signal", told(Call::Poll { state: state(2, heard), wake: signal(json!({"a": [1, null]})) }, "listen").await),
        ("from an older state", told(Call::Poll { state: state(1, "\"word\""), wake: signal(json!(true)) }, "listen").await),
        ("from a state that it does not know", told(Call::Cancel { state: state(3, "{}") }, "listen").await),
        ("a cancel that leaves something", told(Call::Cancel { state: state(2, heard) }, "listen").await),
        ("too much to keep", told(start(), "keep too much").await),
    ] {
        story.push(format!("{title}: {told}"));
    }
    story.join("\n")
}

/// The same without what a parser of JSON says: each complains in its own words.
fn without_the_parsers_words(told: String) -> String {
    let cut = |marker: &str| {
        let (ours, rest) = told.split_once(marker)?;
        let (_, end) = rest.rsplit_once(" (")?;
        Some(format!("{ours}{marker}… ({end}"))
    };
    cut("read as JSON: ").or_else(|| cut("cannot be read: ")).unwrap_or_else(|| told.clone())
}

const fn start() -> Call {
    Call::Start { summary: None }
}

fn state(version: u32, json: &str) -> ActionState {
    ActionState::new(version, json.as_bytes().to_vec())
}

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

async fn ask(file: &Path, action: Call, config: Value) -> Result<PluginReply, PluginError> {
    call(file, Grants::default(), action, config).await
}

/// One call on a host of its own, as after a restart: a wait lives in nothing but its state.
async fn call(file: &Path, grants: Grants, action: Call, config: Value) -> Result<PluginReply, PluginError> {
    let compiler =
        Compiler::Child { program: env!("CARGO_BIN_EXE_shiftgate").into(), args: vec!["compile-component".to_owned()] };
    let config_of_host = PluginsConfig::new(build::folder().join("cache"), Arc::new(Noon));
    let plugins = Plugins::new(PluginsConfig { seed: Some(7), compiler, ..config_of_host });
    let source = PluginSource { grants, ..PluginSource::new("guest", file.display().to_string()) };
    let call = PluginCall { kind: PluginKind::Verification, config, run: run_info(), action };
    plugins.expect("a host").call(&source, &call).await
}

fn run_info() -> RunInfo {
    RunInfo::new(RunId::new("run-1"), StepId::new("phase-1/verify-1"), AmiId::new("ami-0123"), Timestamp(1_700_000_000_000))
}

/// A call in words.
fn told(call: Result<PluginReply, PluginError>) -> String {
    let reply = match call {
        Ok(reply) => reply,
        Err(error) => return format!("error: {error} (retry: {})", error.retryable),
    };
    let mut told = match &reply.outcome {
        Outcome::ConfigRefused(problems) => {
            problems.iter().map(|(pointer, why)| format!("\n  {pointer}: {why}")).collect::<String>()
        }
        Outcome::Wait(wait) => {
            let saved = String::from_utf8_lossy(&wait.state.bytes).into_owned();
            format!("waits {:?} {:?} with {saved} of version {}", wait.after, wait.signals, wait.state.version)
        }
        Outcome::Reported(report) => serde_json::to_string(report).expect("a report is JSON"),
        other => format!("{other:?}"),
    };
    told.extend(reply.log.iter().map(|line| format!("\n  {:?}: {}", line.level, line.message)));
    told.extend(reply.progress.iter().map(|progress| format!("\n  progress: {progress}")));
    told
}

/// A queue that says how deep it is, by the path that is asked.
struct Queue {
    origin: String,
    task: tokio::task::JoinHandle<()>,
}

impl Queue {
    async fn open() -> Self {
        let routes = Router::new()
            .route("/shallow", get(async || r#"{"depth": 12}"#))
            .route("/deep", get(async || r#"{"depth": 500}"#))
            .route("/silent", get(async || r#"{"messages": 12}"#))
            .route("/null", get(async || "null"))
            .route("/page", get(async || "<html>"));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { origin, task }
    }

    fn grants(&self) -> Grants {
        let addresses = vec!["127.0.0.0/8".to_owned()];
        Grants::of(vec![HttpGrant { addresses, ..HttpGrant::new(&*self.origin, &["GET"]) }])
    }

    fn redacted(&self, text: &str) -> String {
        text.replace(&self.origin, "http://QUEUE")
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.task.abort();
    }
}
