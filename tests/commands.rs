//! What a user types besides a good run: mistakes of every kind, each with one clear message, a code of its own, and a cloud
//! in which nothing has changed; and the commands around a run.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use shiftgate_sim::World;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::program::{Bench, Finished, finish, plugins, root};

const BASIC: &str = "tests/cases/basic/workflow.yaml";

fn path(file: &str) -> String {
    root().join(file).to_string_lossy().into_owned()
}

async fn bench() -> Bench {
    bench_of("basic").await
}

async fn bench_of(case: &str) -> Bench {
    let world = fs::read_to_string(root().join(format!("tests/cases/{case}/world.json"))).expect("a world");
    Bench::new(serde_json::from_str::<World>(&world).expect("a world")).await
}

/// Calls that would change something.
fn changes(bench: &Bench) -> usize {
    bench.sim.calls().iter().filter(|call| call.method != "GET").count()
}

/// The run was refused with this code, the message holds these words, and the cloud is as it was.
async fn refused(bench: &Bench, done: &Finished, exit: i32, words: &[&str]) {
    assert_eq!(done.exit, exit, "{}{}", done.stdout, done.stderr);
    for word in words {
        assert!(done.stderr.contains(word), "`{word}` is not in:\n{}", done.stderr);
    }
    assert_eq!(changes(bench), 0, "nothing is changed");
}

/// A copy of the basic case's workflow in the bench's home, with one text replaced.
fn edited(bench: &Bench, from: &str, to: &str) -> String {
    let text = fs::read_to_string(root().join(BASIC)).expect("the workflow");
    assert!(text.contains(from), "the workflow holds `{from}`");
    let text = text.replace(from, to).replace("../elastigroup.json", "elastigroup.json");
    fs::copy(root().join("tests/cases/elastigroup.json"), bench.home.path().join("elastigroup.json")).expect("a copy");
    let file = bench.home.path().join("workflow.yaml");
    fs::write(&file, text).expect("a workflow");
    file.to_string_lossy().into_owned()
}

async fn run(bench: &Bench, file: &str) -> Finished {
    bench.run(&["run", file, "--input", "ami=ami-0green"]).await
}

#[tokio::test]
async fn mistakes_in_the_file_are_all_named_with_their_places() {
    let bench = bench().await;
    let file =
        edited(&bench, "instances: { min: 1, target: 2, max: 4 }", "instances: { min: 5, target: 2, max: 4 }, keepOldGruops: 1");
    let text = fs::read_to_string(&file).expect("the workflow").replace("strategy: basic", "strategy: basik");
    fs::write(&file, text).expect("the workflow");
    let done = run(&bench, &file).await;
    refused(&bench, &done, 10, &["workflow.yaml", "keepOldGruops", "keepOldGroups", "basik"]).await;
}

#[tokio::test]
async fn a_file_that_is_no_yaml_and_one_that_is_not_there() {
    let bench = bench().await;
    let file = edited(&bench, "service:", "service: [");
    let done = run(&bench, &file).await;
    refused(&bench, &done, 10, &["workflow.yaml"]).await;
    let done = run(&bench, "nowhere.yaml").await;
    refused(&bench, &done, 10, &["nowhere.yaml"]).await;
}

#[tokio::test]
async fn an_elastigroup_json_without_a_group() {
    let bench = bench().await;
    let file = edited(&bench, "service:", "service:");
    fs::write(bench.home.path().join("elastigroup.json"), r#"{"name": "web"}"#).expect("the JSON");
    let done = run(&bench, &file).await;
    refused(&bench, &done, 10, &["`group`"]).await;
}

#[tokio::test]
async fn plugins_that_are_missing_of_the_wrong_kind_or_no_components() {
    let bench = bench().await;
    let verify = |source: &str| {
        format!("deploy: 2\n  verify: [ {{ plugin: check, with: {{}} }} ]\nplugins: {{ check: {{ source: {source} }} }}")
    };
    let write = |name: &str, bytes: &[u8]| {
        fs::write(bench.home.path().join(name), bytes).expect("a file");
        format!("./{name}")
    };
    let rows = [
        ("./nowhere.wasm".to_owned(), "nowhere.wasm"),
        (write("wrap.wasm", &fs::read(plugins().join("webhook.wasm")).expect("a plugin")), "wrap-up"),
        (write("core.wasm", b"\0asm\x01\0\0\0"), "core WebAssembly module"),
        (write("page.wasm", b"<!DOCTYPE html><html>404</html>"), "HTML"),
        (write("cut.wasm", b"\0asm\x0d\0\x01\0\x07"), "cut.wasm"),
    ];
    for (source, word) in rows {
        let file = edited(&bench, "deploy: 2", &verify(&source));
        let done = run(&bench, &file).await;
        refused(&bench, &done, 11, &[word]).await;
    }
    // A plugin that comes along is known by name, so the file itself is wrong.
    let file = edited(&bench, "deploy: 2", &verify("webhook"));
    let done = run(&bench, &file).await;
    refused(&bench, &done, 10, &["wrap-up", "workflow.yaml"]).await;
}

#[tokio::test]
async fn a_plugin_without_a_grant_is_denied_with_the_lines_that_would_grant_it() {
    let bench = bench().await;
    let with = "{ url: \"http://127.0.0.1:9\", query: \"up\", max: 1 }";
    let file = edited(&bench, "deploy: 2", &format!("deploy: 2\n  verify: [ {{ plugin: prometheus, with: {with} }} ]"));
    let done = run(&bench, &file).await;
    assert_ne!(done.exit, 0);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("grants") && said.contains("127.0.0.1:9"), "{said}");
}

#[tokio::test]
async fn credentials_that_are_missing_or_wrong() {
    let bench = bench().await;
    let mut command = bench.command(&["run", &path(BASIC), "--input", "ami=ami-0green"]);
    command.env_remove("SPOTINST_TOKEN");
    let done = finish(command).await;
    refused(&bench, &done, 12, &["SPOTINST_TOKEN"]).await;
    let mut command = bench.command(&["run", &path(BASIC), "--input", "ami=ami-0green"]);
    command.env_remove("SPOTINST_ACCOUNT");
    let done = finish(command).await;
    refused(&bench, &done, 12, &["SPOTINST_ACCOUNT"]).await;

    let strict = Bench::new(World { tokens: vec!["another".into()], ..World::instant() }).await;
    let done = run(&strict, &path(BASIC)).await;
    refused(&strict, &done, 12, &["401"]).await;
    assert!(!done.stderr.contains("token-of-the-tests"), "{}", done.stderr);
}

#[tokio::test]
async fn an_api_that_does_not_answer() {
    let bench = bench().await;
    let mut command = bench.command(&["run", &path(BASIC), "--input", "ami=ami-0green"]);
    command.env("SHIFTGATE_SPOT_URL", "http://127.0.0.1:9");
    let done = finish(command).await;
    refused(&bench, &done, 13, &["127.0.0.1:9"]).await;
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_used() {
    let bench = bench().await;
    let file = bench.home.path().join("a-file");
    fs::write(&file, "").expect("a file");
    let mut command = bench.command(&["run", &path(BASIC), "--input", "ami=ami-0green"]);
    command.env("SHIFTGATE_STATE_DIR", &file);
    let done = finish(command).await;
    refused(&bench, &done, 14, &["a-file"]).await;
}

#[tokio::test]
async fn runs_that_do_not_exist_wait_for_nothing_or_have_ended() {
    let bench = bench().await;
    for command in ["status", "logs", "resume", "approve"] {
        let done = bench.run(&[command, "20990101"]).await;
        refused(&bench, &done, 15, &["20990101"]).await;
    }
    assert_eq!(run(&bench, &path(BASIC)).await.exit, 0);
    assert_eq!(bench.run(&["approve", "last"]).await.exit, 16);
    assert_eq!(bench.run(&["resume", "last"]).await.exit, 18);
    let status = bench.run(&["status", "last"]).await;
    assert!(status.stdout.contains("succeeded") && status.stdout.contains("web__2"), "{}", status.stdout);
    let runs = bench.run(&["runs"]).await;
    assert!(runs.stdout.contains("web-basic"), "{}", runs.stdout);
    let logs = bench.run(&["logs", "last"]).await;
    assert!(logs.stdout.contains("Created Elastigroup"), "{}", logs.stdout);
}

#[tokio::test]
async fn json_output_is_the_event_stream_and_nothing_else() {
    let bench = bench().await;
    let done = bench.run(&["run", &path(BASIC), "--input", "ami=ami-0green", "--output", "json"]).await;
    assert_eq!(done.exit, 0, "{}", done.stderr);
    let events: Vec<Value> = done.stdout.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    let numbers: Vec<u64> = events.iter().filter_map(|event| event["sequence"].as_u64()).collect();
    let expected: Vec<u64> = (1..).take(events.len()).collect();
    assert_eq!(numbers, expected, "no event is missing");
    assert_eq!(events.last().map(|event| event["event"].clone()), Some("run_ended".into()));
}

#[tokio::test]
async fn the_token_and_the_secret_key_are_in_no_output_and_in_no_file() {
    for case in ["basic", "swap-keeps-old"] {
        let bench = bench_of(case).await;
        let mut command =
            bench.command(&["run", &path(&format!("tests/cases/{case}/workflow.yaml")), "--input", "ami=ami-0green"]);
        command.env("SHIFTGATE_LOG", "debug");
        let done = finish(command).await;
        assert_eq!(done.exit, 0, "{}", done.stderr);
        for secret in ["token-of-the-tests", "secret-of-the-tests"] {
            assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret), "{secret} is shown");
            let mut searched = 0;
            search(bench.home.path(), secret.as_bytes(), &mut searched);
            assert!(searched >= 2, "the state's files are searched");
        }
    }
}

fn search(folder: &Path, secret: &[u8], searched: &mut u32) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, secret, searched);
        } else {
            let bytes = fs::read(&path).expect("a file");
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "a secret is in {}", path.display());
            *searched += 1;
        }
    }
}

#[tokio::test]
async fn the_demos_end_as_they_say_within_their_budget_of_calls() {
    let bench = bench().await;
    for (args, ending) in [
        (&["demo", "canary", "--fast"][..], "succeeded"),
        (&["demo", "canary", "--fast", "--bad"], "rolled back"),
        (&["demo", "basic", "--fast"], "succeeded"),
    ] {
        let done = bench.run(args).await;
        assert_eq!(done.exit, 0, "{args:?}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains(&format!(" {ending}")), "{args:?}: {}", done.stdout);
        let said = format!("{}{}", done.stdout, done.stderr);
        let calls =
            said.split(" calls").next().and_then(|text| text.split_whitespace().last()).and_then(|n| n.parse::<u32>().ok());
        let calls = calls.unwrap_or_else(|| panic!("{args:?} says how many calls it made: {said}"));
        assert!((5..=25).contains(&calls), "{args:?}: {calls} calls");
    }
    assert_eq!(changes(&bench), 0, "a demo has an account of its own");
}

#[tokio::test]
async fn a_simulated_account_says_where_it_is_and_stops_when_asked() {
    let bench = bench().await;
    let mut child = bench.command(&["sim"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let line = lines.next_line().await.expect("a line").expect("a line");
    let urls: Value = serde_json::from_str(&line).expect("one JSON object");
    let url = urls["spot_url"].as_str().expect("an address");
    let listed = reqwest::Client::new().get(format!("{url}/aws/ec2/group?accountId=act-1")).bearer_auth("any").send().await;
    assert_eq!(listed.expect("an answer").status(), 200);
    let refused = reqwest::get(format!("{url}/aws/ec2/group?accountId=act-1")).await;
    assert_eq!(refused.expect("an answer").status(), 401);
    child.kill().await.expect("the program is stopped");
}

#[tokio::test]
async fn a_file_that_init_writes_is_valid_and_is_not_written_over() {
    let bench = bench().await;
    for kind in [&["basic"][..], &["canary"], &["blue-green", "--swap"], &["blue-green", "--shift"]] {
        let file = format!("{}.yaml", kind.concat());
        let args = [&["init", "--output-file", &file, "--strategy"], kind].concat();
        assert_eq!(bench.run(&args).await.exit, 0);
        let checked = bench.run(&["validate", &file]).await;
        assert_eq!(checked.exit, 0, "{}{}", checked.stdout, checked.stderr);
        let before = fs::read(bench.home.path().join(&file)).expect("the file");
        assert_ne!(bench.run(&args).await.exit, 0, "a file is not written over");
        assert_eq!(fs::read(bench.home.path().join(&file)).expect("the file"), before);
    }
    let either = bench.run(&["init", "--strategy", "blue-green"]).await;
    assert!(either.exit == 2 && either.stderr.contains("--swap") && either.stderr.contains("--shift"), "{}", either.stderr);
}

#[tokio::test]
async fn the_examples_of_the_documentation_are_valid() {
    let bench = bench().await;
    for example in ["basic", "canary", "swap", "shift"] {
        let done = bench.run(&["validate", &path(&format!("docs/examples/{example}.yaml"))]).await;
        assert_eq!(done.exit, 0, "{}{}", done.stdout, done.stderr);
    }
}

#[tokio::test]
async fn inspecting_a_plugin_shows_what_it_asks_for() {
    let bench = bench().await;
    let file = plugins().join("prometheus.wasm");
    let done = bench.run(&["plugin", "inspect", &file.to_string_lossy()]).await;
    assert_eq!(done.exit, 0, "{}", done.stderr);
    for word in ["verification", "sha256", "GET", "/url"] {
        assert!(done.stdout.contains(word), "`{word}` is not in:\n{}", done.stdout);
    }
}

#[tokio::test]
async fn embedding_a_manifest_replaces_the_old_one_and_a_wrong_one_changes_nothing() {
    let bench = bench().await;
    let home = |name: &str| bench.home.path().join(name).to_string_lossy().into_owned();
    let (file, manifest, out) = (home("x.wasm"), home("manifest.json"), home("y.wasm"));
    fs::copy(plugins().join("http-check.wasm"), &file).expect("a copy");
    let mine = r#"{ "name": "mine", "version": "7", "kind": "verification", "contract": "0.1.0" }"#;
    fs::write(&manifest, mine).expect("a manifest");
    let done = bench.run(&["plugin", "embed", &file, "--manifest", &manifest, "--out", &out]).await;
    assert!(done.exit == 0 && done.stdout.contains("mine 7, verification, sha256 "), "{}{}", done.stdout, done.stderr);
    let done = bench.run(&["plugin", "inspect", &out]).await;
    assert!(done.exit == 0 && done.stdout.contains("mine 7"), "{}{}", done.stdout, done.stderr);

    let before = fs::read(&file).expect("the component");
    fs::write(&manifest, mine.replace("verification", "wrap-up")).expect("a manifest");
    let done = bench.run(&["plugin", "embed", &file, "--manifest", &manifest]).await;
    refused(&bench, &done, 11, &["x.wasm", "it says wrap-up, but the component exports verification"]).await;
    fs::write(&manifest, "{}").expect("a manifest");
    let done = bench.run(&["plugin", "embed", &file, "--manifest", &manifest]).await;
    refused(&bench, &done, 11, &["manifest.json", "missing field `name`", "docs/plugins.md"]).await;
    assert_eq!(fs::read(&file).expect("the component"), before);
}
