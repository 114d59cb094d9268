//! Texts that people are shown: plugins that put what acts on a terminal into every text that they have, before the program
//! as an operator runs it. Nothing of it comes out, on either output, and what is JSON stays JSON.

use std::fs;

use serde_json::{Value, json};
use shiftgate_model::PluginKind;

use super::guests::{Text, guest, manifest};
use super::stage::{ANSWER, acts_on_terminals};
use crate::program::{Bench, Finished, root};

use PluginKind::{Approval, Verification, WrapUp};

pub(super) const ROWS: usize = 30;

/// A screen wiped, a title set, a link, a colour, a return, a bell, a null, text turned round, and text that is not seen.
const LOUD: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil\u{1b}\\\u{9b}31m\rX\0\u{202e}evil\u{2066}\u{200b}\u{e0041}";

/// Where the text lies.
const AT: u32 = 2048;

/// Stores the text's place and length at each of these places.
fn loud_at(places: &[u32]) -> String {
    let length = LOUD.len();
    places
        .iter()
        .map(|place| {
            format!("(i32.store (i32.const {place}) (i32.const {AT})) (i32.store (i32.const {}) (i32.const {length}))", place + 4)
        })
        .collect()
}

fn word(place: u32, value: usize) -> String {
    format!("(i32.store (i32.const {place}) (i32.const {value}))")
}

/// Says it in the log and as progress.
fn says() -> String {
    let length = LOUD.len();
    format!(
        "(call $log (i32.const 2) (i32.const {AT}) (i32.const {length})) (call $progress (i32.const {AT}) (i32.const {length}))"
    )
}

/// A plugin with that body of `start`, and with the text in all that its manifest has to say.
fn plugin(kind: PluginKind, start: &str) -> Vec<u8> {
    let escape = |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let quoted = Value::from(LOUD).to_string();
    let more = format!(r#"(data (i32.const {AT}) "{}") (data (i32.const 3072) "{}")"#, escape(LOUD), escape(&quoted));
    let mut manifest = manifest(kind);
    for field in ["summary", "license", "source"] {
        manifest[field] = LOUD.into();
    }
    manifest["limits"] = json!({ LOUD: LOUD });
    manifest["requests"] = json!({
        "http": [{ "from_config": format!("/{LOUD}"), "methods": ["GET"], "reason": LOUD }],
        "secrets": [{ "name": LOUD, "reason": LOUD }],
    });
    guest(kind, &Text { start, more: &more, talkative: kind == Verification, ..Text::default() }, &manifest)
}

/// A list of one entry at `entry`, its place and length stored at `place`.
fn list(place: u32, entry: usize) -> String {
    word(place, entry) + &word(place + 4, 1)
}

/// A report in which every text is loud: summary, a finding, a metric's name, unit and threshold, evidence, outputs.
fn report() -> String {
    let quoted = Value::from(LOUD).to_string().len();
    [
        says(),
        loud_at(&[1044, 4100, 4096 + 64, 4096 + 64 + 24, 4096 + 64 + 32, 4096 + 128]),
        list(1052, 4096),
        list(1060, 4096 + 64),
        word(4096 + 64 + 8, 1),
        list(1068, 4096 + 128),
        word(4096 + 136, 3072) + &word(4096 + 140, quoted),
        list(1076, 4096 + 128),
        // A verdict that stops the run, so that all of it is shown.
        "(i32.store8 (i32.const 1040) (i32.const 2))".to_owned(),
        ANSWER.to_owned(),
    ]
    .concat()
}

fn error() -> String {
    says() + &word(1024, 1) + &loud_at(&[1032, 1040]) + ANSWER
}

fn panics() -> String {
    format!("(call $write (call $stderr) (i32.const {AT}) (i32.const {}) (i32.const 512)) unreachable", LOUD.len())
}

/// A ballot with a loud subject, comment and digest, and a loud summary and finding.
fn ballot() -> String {
    says()
        + &loud_at(&[4096, 4096 + 24, 4096 + 36, 1040, 4096 + 132])
        + &list(1032, 4096)
        + &word(4096 + 32, 1)
        + &list(1048, 4096 + 128)
        + ANSWER
}

fn receipt() -> String {
    says() + &loud_at(&[4100]) + &word(4096, 3) + &list(1040, 4096) + ANSWER
}

/// The step that a plugin is made for, in a workflow of one phase.
fn workflow(kind: PluginKind) -> String {
    let text = fs::read_to_string(root().join("tests/cases/basic/workflow.yaml")).expect("the workflow");
    let step = match kind {
        Verification => "deploy: 2\n  verify: [ { plugin: loud, with: {} } ]",
        Approval => "deploy: 2\n  approve: [ { plugin: loud, with: {}, quorum: 1, timeout: 1s } ]",
        WrapUp => "deploy: 2\n  wrapUp: [ { plugin: loud, with: {} } ]",
    };
    assert!(text.contains("deploy: 2"));
    let text = text.replace("deploy: 2", step).replace("../elastigroup.json", "elastigroup.json");
    format!("{text}\nplugins: {{ loud: {{ source: ./loud.wasm }} }}\n")
}

/// What is wrong with what a command left.
fn faults(done: &Finished, json: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
        if let Some(c) = text.chars().find(|c| acts_on_terminals(*c)) {
            faults.push(format!("{c:?} is in {name}"));
        }
    }
    if json {
        let broken = done.stdout.lines().filter(|line| serde_json::from_str::<Value>(line).is_err());
        faults.extend(broken.map(|line| format!("no JSON: {line}")));
    }
    if done.stderr.contains("panicked") {
        faults.push("the program panicked".to_owned());
    }
    faults
}

/// Shows a plugin and a run of it by every command that has a word of the plugin; how many were shown, and what was wrong.
async fn shown(name: &str, kind: PluginKind, start: &str) -> (usize, Vec<String>) {
    let world = fs::read_to_string(root().join("tests/cases/basic/world.json")).expect("a world");
    let bench = Bench::new(serde_json::from_str(&world).expect("a world")).await;
    let home = bench.home.path();
    fs::write(home.join("loud.wasm"), plugin(kind, start)).expect("a plugin");
    fs::copy(root().join("tests/cases/elastigroup.json"), home.join("elastigroup.json")).expect("a copy");
    fs::write(home.join("workflow.yaml"), workflow(kind)).expect("a workflow");
    let commands: [&[&str]; 6] = [
        &["plugin", "inspect", "loud.wasm"],
        &["plugin", "inspect", "loud.wasm", "--output", "json"],
        &["run", "workflow.yaml", "--input", "ami=ami-0green"],
        &["logs", "last", "--output", "json"],
        &["status", "last"],
        &["runs", "--output", "json"],
    ];
    let mut wrong = Vec::new();
    let mut loud = false;
    for command in commands {
        let done = bench.run(command).await;
        loud |= done.stdout.contains("owned") && command[0] == "run";
        println!("shown: {name}: {} (exit {})", command.join(" "), done.exit);
        let faults = faults(&done, command.contains(&"json"));
        wrong.extend(faults.into_iter().map(|why| format!("{name}: {command:?}: {why}\n{}\n{}", done.stdout, done.stderr)));
    }
    if !loud {
        wrong.push(format!("{name}: the run does not show what the plugin said"));
    }
    (commands.len(), wrong)
}

#[tokio::test]
async fn nothing_that_is_shown_acts_on_a_terminal() {
    let plugins = [
        ("a report", Verification, report()),
        ("an error", Verification, error()),
        ("a panic", Verification, panics()),
        ("ballots", Approval, ballot()),
        ("a receipt", WrapUp, receipt()),
    ];
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, kind, start) in &plugins {
        let (shown, faults) = shown(name, *kind, start).await;
        count += shown;
        wrong.extend(faults);
    }
    println!("shown: {count} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(count, ROWS, "the chapter says how many rows it has");
}
