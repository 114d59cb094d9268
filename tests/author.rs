//! The author's loop as an author walks it: a plugin of each kind from nothing to green, the commands of docs/plugins.md in their
//! order, a scenario that fails and one that is none, an hour that takes no time.
//!
//! `rebuild` has what is built again after which edit. Cargo builds in one folder for all of them, which stays between runs, so
//! that only the first one builds the SDK.

mod rebuild;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{Finished, finish, plugins, root};

/// An author's home: plugins are written into it.
struct Desk {
    home: TempDir,
}

impl Desk {
    /// Below this workspace, which is to leave what is written there alone.
    fn new() -> Self {
        Self { home: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A program in this home, with cargo as this machine has it.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author"))
            .env("SHIFTGATE_CACHE_DIR", self.path("cache"))
            .env("SHIFTGATE_STATE_DIR", self.path("state"))
            .env("SHIFTGATE_PLUGIN_DIR", self.path("no-plugins"))
            .env("NO_COLOR", "1")
            .env_remove("RUSTFLAGS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, dir: &Path, args: &[&str]) -> Finished {
        let mut command = self.command(env!("CARGO_BIN_EXE_shiftgate"), dir);
        command.args(args);
        finish(command).await
    }

    /// The command does what it was asked; what it printed.
    async fn does(&self, dir: &Path, args: &[&str]) -> String {
        let done = self.run(dir, args).await;
        assert_eq!(done.exit, 0, "{args:?}\n{}{}", done.stdout, done.stderr);
        done.stdout
    }

    /// A new plugin of a kind, of its own name.
    async fn new_plugin(&self, kind: &str, name: &str) -> PathBuf {
        self.does(self.home.path(), &["plugin", "new", "--kind", kind, name]).await;
        self.path(name)
    }
}

/// The command ends with this code, and its words are on standard error.
fn refused(done: &Finished, exit: i32, words: &[&str]) {
    assert_eq!(done.exit, exit, "{}{}", done.stdout, done.stderr);
    for word in words {
        assert!(done.stderr.contains(word), "`{word}` is not in:\n{}", done.stderr);
    }
}

/// The lines of `check` and `test` without what differs between two runs: figures of time, size and digest.
fn told(text: &str) -> String {
    let figures = regex::Regex::new(r"[0-9a-f]{64}|\d+(\.\d+)? (ms|s|KiB)\b").expect("a pattern");
    figures.replace_all(text, "…").into_owned()
}

#[tokio::test]
async fn every_kind_goes_from_nothing_to_green() {
    let desk = Desk::new();
    for kind in ["verification", "approval", "wrap-up"] {
        let name = format!("my-{kind}");
        let dir = desk.new_plugin(kind, &name).await;
        let built = desk.does(&dir, &["plugin", "build"]).await;
        assert!(
            built.contains(&format!("{name} 0.1.0, {kind}; its manifest is accepted")) && built.contains("sha256:"),
            "{built}"
        );
        let file = format!("{name}.wasm");
        let checked = desk.does(&dir, &["plugin", "check", &format!("./{file}")]).await;
        assert!(checked.contains("it compiles and links") && !checked.contains("note:"), "{checked}");
        let tested = desk.does(&dir, &["plugin", "test", "--no-build", "--verbose"]).await;
        assert!(tested.contains(" scenarios passed") && tested.contains("1h of the run"), "{tested}");
        insta::assert_snapshot!(format!("author_{}", kind.replace('-', "_")), told(&tested));
        let inspected = desk.does(&dir, &["plugin", "inspect", &format!("./{file}")]).await;
        assert!(inspected.contains(&format!("kind:      {kind} (contract 0.1.0)")), "{inspected}");
    }
}

/// The commands of a part of docs/plugins.md, continued lines joined.
fn commands(manual: &str, part: &str) -> Vec<String> {
    let after = manual.split_once(part).unwrap_or_else(|| panic!("docs/plugins.md has no part `{part}`")).1;
    let part = after.split("\n## ").next().unwrap_or_default();
    let blocks = part.split("```console\n").skip(1).filter_map(|block| block.split("\n```").next());
    let joined = blocks.map(|block| block.replace("\\\n", " ")).collect::<Vec<_>>().join("\n");
    joined.lines().map(|line| line.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {line}")).to_owned()).collect()
}

/// A queue that is 12 deep, on this machine.
async fn queue() -> u16 {
    let answer = || async { ([("content-type", "application/json")], r#"{"depth": 12}"#) };
    let app = Router::new().route("/stats", get(answer));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

#[tokio::test]
async fn the_manual_walks_from_nothing_to_a_step_that_runs() {
    let desk = Desk::new();
    let manual = fs::read_to_string(root().join("docs/plugins.md")).expect("the manual");
    let commands = commands(&manual, "## Writing one");
    assert!(commands.len() >= 9, "{commands:?}");
    let port = queue().await.to_string();
    let beside = Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("target/<profile>");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(beside.to_path_buf()).chain(std::env::split_paths(&path))).expect("a path");
    let mut dir = desk.home.path().to_path_buf();
    let mut last = String::new();
    for command in commands {
        if let Some(folder) = command.strip_prefix("cd ") {
            dir.push(folder);
            continue;
        }
        let mut shell = desk.command("sh", &dir);
        shell.args(["-c", &command.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))]).env("PATH", &path);
        let done = finish(shell).await;
        assert_eq!(done.exit, 0, "{command}\n{}{}", done.stdout, done.stderr);
        last = done.stdout;
    }
    // The last of them asked the queue for real.
    assert!(last.starts_with("pass: 12 is not more than 100\n"), "{last}");

    // The scenario of the manual is one of this plugin, and of the one that the manual shows.
    let scenario = block(&manual, "## Scenarios", "yaml");
    fs::write(dir.join("scenarios/of-the-manual.yaml"), scenario).expect("a file");
    desk.does(&dir, &["plugin", "test", "--no-build"]).await;
    fs::create_dir(dir.join("shown")).expect("a folder");
    fs::write(dir.join("shown/one.yaml"), scenario).expect("a file");
    fs::write(dir.join("src/lib.rs"), block(&manual, "## The parts of it", "rust")).expect("a file");
    let tested = desk.does(&dir, &["plugin", "test", "--scenarios", "shown"]).await;
    assert!(tested.contains("1 scenarios passed") && tested.contains("conformance checks passed"), "{tested}");
}

/// The first block of a language in a part of the manual.
fn block<'a>(manual: &'a str, part: &str, language: &str) -> &'a str {
    let after = manual.split_once(&format!("\n{part}\n")).map(|(_, after)| after);
    let block = after.and_then(|part| part.split(&format!("```{language}\n")).nth(1)?.split("```").next());
    block.unwrap_or_else(|| panic!("docs/plugins.md shows no {language} in `{part}`"))
}

#[tokio::test]
async fn a_scenario_that_fails_says_why_and_one_that_is_none_says_where() {
    let desk = Desk::new();
    let dir = desk.new_plugin("verification", "errors").await;
    desk.does(&dir, &["plugin", "build"]).await;
    let file = dir.join("scenarios/passes.yaml");
    let good = fs::read_to_string(&file).expect("a scenario");
    fs::write(&file, good.replace("depth: 12", "depth: 120").replace("waits: 0", "waits: 1")).expect("a file");
    let done = desk.run(&dir, &["plugin", "test", "--no-build"]).await;
    refused(&done, 21, &[]);
    for words in [
        "FAIL  a number that is small enough passes at once",
        "\n        in ./scenarios/passes.yaml\n",
        "verdict: expected `pass`, found `fail`: 120 is more than 100, 3 times in a row",
        "waits: expected 1, found 2 (10s, 10s)",
        "1 of 7 scenarios failed",
    ] {
        assert!(done.stdout.contains(words), "`{words}` is not in:\n{}", done.stdout);
    }
    // A config that does not fit fails its scenario; the next one's is taken for what every plugin has to stand.
    fs::write(&file, good.replace("max: ", "maximum: ")).expect("a file");
    let done = desk.run(&dir, &["plugin", "test", "--no-build"]).await;
    refused(&done, 21, &[]);
    for words in
        ["in ./scenarios/passes.yaml", "found the config refused: ", "1 of 7 scenarios failed", "conformance checks passed"]
    {
        assert!(done.stdout.contains(words), "`{words}` is not in:\n{}", done.stdout);
    }
    let alone = dir.join("alone");
    fs::create_dir(&alone).expect("a folder");
    fs::copy(&file, alone.join("one.yaml")).expect("a copy");
    let done = desk.run(&dir, &["plugin", "test", "--no-build", "--scenarios", "alone"]).await;
    refused(&done, 21, &["is not tried"]);
    assert!(done.stdout.contains("in alone/one.yaml") && done.stdout.contains("1 of 1 scenarios failed"), "{}", done.stdout);
    fs::write(&file, good.replace("expect:", "expekt:")).expect("a file");
    let done = desk.run(&dir, &["plugin", "test", "--no-build"]).await;
    refused(&done, 10, &["scenarios/passes.yaml:6:1", "unknown field `expekt`", "6 | expekt:", "hint:"]);
    fs::write(&file, format!("ending: {{ how: failed }}\n{good}")).expect("a file");
    for command in ["test", "check"] {
        let done = desk.run(&dir, &["plugin", command, "--no-build"]).await;
        refused(&done, 10, &["scenarios/passes.yaml:1:9: `ending` is for a wrap-up", "1 | ending: {", "hint: take `ending` out"]);
    }
    fs::write(&file, good).expect("a file");

    // A request that only the manifest knows is noted.
    let lib = dir.join("src/lib.rs");
    let source = fs::read_to_string(&lib).expect("the source");
    let more = "http: [{ url: \"https://status.example.com\", methods: [\"GET\"], reason: \"\" }, {";
    fs::write(&lib, source.replace("http: [{", more)).expect("a file");
    let checked = desk.does(&dir, &["plugin", "check"]).await;
    assert!(checked.contains("no scenario ever sends GET https://status.example.com"), "{checked}");
    assert!(checked.contains("it gives no reason"), "{checked}");

    // A mistake in the manifest is no missing one; a crate that exports nothing has one.
    fs::write(&lib, source.replace("methods: [\"GET\"]", "methods: [\"get\"]")).expect("a file");
    let done = desk.run(&dir, &["plugin", "build"]).await;
    refused(&done, 11, &["`get` is not a method in upper case", "correct the manifest"]);
    assert!(!done.stderr.contains("`plugin!`"), "{}", done.stderr);
    let (bare, _) = source.split_once("plugin! {").expect("an export");
    fs::write(&lib, bare).expect("a file");
    refused(&desk.run(&dir, &["plugin", "build"]).await, 11, &["hint: export the plugin with the SDK's `plugin!`"]);

    // What does not compile is cargo's to tell.
    fs::write(&lib, "fn main( {").expect("a file");
    refused(&desk.run(&dir, &["plugin", "build"]).await, 22, &["error: ", "src/lib.rs", "cargo build --release"]);
}

#[tokio::test]
async fn an_hour_takes_no_time() {
    let desk = Desk::new();
    let dir = desk.new_plugin("approval", "tickets").await;
    desk.does(&dir, &["plugin", "build"]).await;
    let began = Instant::now();
    let tested = desk.does(&dir, &["plugin", "test", "--no-build"]).await;
    assert!(tested.contains("2h of the run"), "{tested}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_cannot_be_written_built_or_run_says_what_next() {
    let desk = Desk::new();
    let home = desk.home.path();
    refused(&desk.run(home, &["plugin", "new", "--kind", "approval", "My_Plugin"]).await, 2, &["My_Plugin", "lower-case"]);
    let dir = desk.new_plugin("wrap-up", "chat").await;
    refused(&desk.run(home, &["plugin", "new", "--kind", "wrap-up", "chat"]).await, 19, &["`chat`", "not empty", "--dir"]);
    let done = desk.run(home, &["plugin", "new", "--kind", "wrap-up", "other", "--sdk", "nowhere"]).await;
    refused(&done, 2, &["nowhere", "hint:"]);
    refused(&desk.run(home, &["plugin", "build"]).await, 22, &["no plugin's folder", "plugin new"]);
    refused(&desk.run(&dir, &["plugin", "test", "--no-build"]).await, 11, &["no component", "plugin build"]);
    let mut lonely = desk.command(env!("CARGO_BIN_EXE_shiftgate"), &dir);
    lonely.args(["plugin", "build"]).env("PATH", "/nonexistent");
    refused(&finish(lonely).await, 22, &["rustc", "rustup.rs"]);

    // A Rust without the target for components is told how to get it.
    let bare = desk.path("bare");
    fs::create_dir(&bare).expect("a folder");
    fs::write(bare.join("rustc"), "#!/bin/sh\necho /nonexistent\n").expect("a file");
    fs::set_permissions(bare.join("rustc"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let mut command = desk.command(env!("CARGO_BIN_EXE_shiftgate"), &dir);
    command.args(["plugin", "build"]).env("PATH", &bare);
    refused(&finish(command).await, 22, &["wasm32-wasip2", "rustup target add wasm32-wasip2"]);

    // The builder of JavaScript is a script, and needs what runs it.
    desk.does(home, &["plugin", "new", "--kind", "verification", "--lang", "js", "scripted"]).await;
    let jco = desk.path("scripted/node_modules/.bin/jco");
    fs::create_dir_all(jco.parent().expect("a folder")).expect("a folder");
    fs::write(&jco, "#!/usr/bin/env node\n").expect("a file");
    fs::set_permissions(&jco, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let mut command = desk.command(env!("CARGO_BIN_EXE_shiftgate"), &desk.path("scripted"));
    command.args(["plugin", "build"]).env("PATH", "/nonexistent");
    refused(&finish(command).await, 22, &["cannot call `node`", "hint: install Node.js"]);

    // A clone's SDK is used as it is, and not copied.
    let clone = root().display().to_string();
    let args = ["plugin", "new", "--kind", "wrap-up", "cloned", "--sdk", &clone];
    desk.does(home, &args).await;
    assert!(!desk.path("cloned/vendor").exists());
    desk.does(&desk.path("cloned"), &["plugin", "test"]).await;

    // A plugin in another language is built of what lies in its folder, so it gets a copy.
    for lang in ["js", "python"] {
        let name = format!("cloned-{lang}");
        let of = async |sdk: &str| {
            desk.run(home, &["plugin", "new", "--kind", "verification", "--lang", lang, &name, "--sdk", sdk]).await
        };
        refused(&of("nowhere").await, 2, &["there is no SDK in `nowhere`", "hint:"]);
        let done = of(&clone).await;
        assert_eq!(done.exit, 0, "{}", done.stderr);
        assert!(desk.path(&name).join("vendor/wit/types.wit").is_file());
        assert!(desk.path(&name).join("vendor/sdk").join(lang).join("README.md").is_file());
    }
}

#[tokio::test]
async fn a_step_that_is_run_for_real_is_refused_what_nobody_granted() {
    let desk = Desk::new();
    let dir = desk.new_plugin("verification", "real").await;
    desk.does(&dir, &["plugin", "build"]).await;
    let url = format!("http://127.0.0.1:{}/stats", queue().await);
    let with = |max: u32| format!("{{\"url\": \"{url}\", \"max\": {max}, \"interval\": \"10ms\"}}");
    let run = async |max: u32, more: &[&str]| {
        let with = with(max);
        let args = ["plugin", "run", "./real.wasm", "--with", &with];
        desk.run(&dir, &[&args, more].concat()).await
    };
    let flags =
        format!("hint: run it with `--grant {url} --addresses 127.0.0.1/32`; in a workflow, these lines would grant it:\n");
    refused(&run(100, &[]).await, 1, &["error: plugin `real`: not-granted: GET ", "is not granted\n", &flags, "grants:"]);
    let blocked = run(100, &["--grant", &url]).await;
    refused(
        &blocked,
        1,
        &["address-blocked", "loopback", "--addresses 127.0.0.1/32`; in a workflow, these lines would open it:"],
    );
    let granted = ["--grant", url.as_str(), "--addresses", "127.0.0.0/8"];
    let failed = run(3, &granted).await;
    refused(&failed, 1, &["waits 10ms", "look 2: 12"]);
    assert!(failed.stdout.starts_with("fail: 12 is more than 3"), "{}", failed.stdout);
    let done = desk.run(&dir, &["plugin", "run", "./real.wasm", "--config", "{\"max\": true}"]).await;
    refused(&done, 11, &["plugin `real`: the config is refused", "/max"]);
}

#[tokio::test]
async fn a_step_that_is_run_for_real_is_cancelled_by_a_signal() {
    let desk = Desk::new();
    let file = plugins().join("manual-approval.wasm").display().to_string();
    let mut command = desk.command(env!("CARGO_BIN_EXE_shiftgate"), desk.home.path());
    let ballot = r#"ballot={"subject": "alice", "vote": "approve"}"#;
    command.args(["plugin", "run", &file, "--with", r#"{"message": "Ship it?"}"#, "--signal", ballot]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    // What goes on is told on standard error.
    let stderr = child.stderr.take().expect("a pipe");
    let (mut lines, mut said) = (tokio::io::BufReader::new(stderr), String::new());
    while !said.contains("waits for ballot") {
        let read = tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut said).await.expect("the program writes UTF-8");
        assert!(read > 0, "{said}");
    }
    assert!(said.contains("sends it the signal `ballot`"), "{said}");
    let pid = child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is there");
    let status = child.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(6));
}

#[tokio::test]
async fn the_plugins_that_come_along_stand_what_every_plugin_has_to() {
    let desk = Desk::new();
    let numbers = r#"{"url": "http://prometheus:9090", "query": "up", "min": 1}"#;
    let alarms = r#"{"url": "https://monitoring.us-east-1.amazonaws.com", "alarms": ["errors"]}"#;
    let series = r#"{"url": "https://api.datadoghq.com", "apiKey": "a", "applicationKey": "b", "query": "errors", "max": 1}"#;
    let nrql = r#"{"url": "https://api.newrelic.com", "account": 1, "query": "SELECT count(*) FROM Error", "max": 1}"#;
    let messages = r#"{"url": "https://logs.example.com", "index": "logs", "max": 1}"#;
    let samples = r#"{"url": "https://acme.example.com", "application": "7", "metricPath": "Errors", "max": 1}"#;
    let json = r#"{"url": "https://stats.example.com", "value": "$.v", "max": 1}"#;
    for (name, given) in [
        ("http-check", None),
        ("manual-approval", None),
        ("webhook", None),
        ("prometheus", Some(numbers)),
        ("cloudwatch", Some(alarms)),
        ("datadog", Some(series)),
        ("newrelic", Some(nrql)),
        ("elasticsearch", Some(messages)),
        ("appdynamics", Some(samples)),
        ("http-json", Some(json)),
    ] {
        let file = plugins().join(format!("{name}.wasm")).display().to_string();
        let scenarios = root().join("plugins").join(name).join("scenarios").display().to_string();
        let tested = desk.does(desk.home.path(), &["plugin", "test", &file, "--scenarios", &scenarios]).await;
        assert!(tested.contains("scenarios passed") && tested.contains("conformance checks passed"), "{tested}");
        // Without scenarios it takes a config that is made up, or one that is given.
        let given: Vec<&str> = given.into_iter().flat_map(|with| ["--with", with]).collect();
        let tested = desk.does(desk.home.path(), &[&["plugin", "test", &file], given.as_slice()].concat()).await;
        assert!(tested.starts_with(&format!("{name} ")) && tested.contains("0 scenarios passed"), "{tested}");
    }
    // A folder that is not there is no folder without scenarios.
    let file = plugins().join("http-check.wasm").display().to_string();
    let done = desk.run(desk.home.path(), &["plugin", "test", &file, "--scenarios", "scenaros"]).await;
    refused(&done, 10, &["`scenaros`: there is no such folder", "--scenarios"]);
    // One that is refused would try nothing, and is told.
    let file = plugins().join("prometheus.wasm").display().to_string();
    let done = desk.run(desk.home.path(), &["plugin", "test", &file, "--with", r#"{"url": "http://prometheus:9090"}"#]).await;
    refused(&done, 2, &["no config is known", "/query: expected a PromQL query", "--with"]);
}
