//! Every folder of `tests/cases`: a workflow, the world before, what a user sees, and the world after.
//!
//! `case.json` says how the program is called and who does what meanwhile. The transcript is the program's standard output
//! with times, run ids and ports taken out. After a change that is meant, `SHIFTGATE_BLESS=1 cargo xtask test` writes
//! `transcript.txt` and `after.json` anew; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shiftgate_sim::World;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::program::{Bench, root};

/// `case.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown, in a sentence.
    about: String,
    /// Arguments; `$CASE` is the folder, `$METRICS` the simulated Prometheus.
    args: Vec<String>,
    /// The exit code of the last command.
    exit: i32,
    /// What happens meanwhile, in this order.
    #[serde(default)]
    meanwhile: Vec<Cue>,
}

/// When a line of the output holds `sees`, `does` happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cue {
    sees: String,
    does: Deed,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    /// Another command of the program, to its end; it has to succeed.
    Command(Vec<String>),
    /// The process is killed, and `resume last` goes on.
    Kill,
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                play(&stringify!($name).replace('_', "-")).await;
            }
        )*

        #[test]
        fn every_folder_is_played() {
            let known: Vec<String> = [$(stringify!($name)),*].map(|name| name.replace('_', "-")).to_vec();
            let folders = fs::read_dir(root().join("tests/cases")).expect("the cases");
            let names = folders.map(|entry| entry.expect("an entry")).filter(|e| e.path().is_dir());
            for name in names.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
                assert!(known.contains(&name), "tests/cases/{name} is in no test");
            }
        }
    };
}

cases! {
    basic,
    canary,
    rollback,
    first_deployment,
    empty_leftover,
    housekeeping,
    steady_state_timeout,
    failed_verification,
    approved,
    rejected_approval,
    killed_and_resumed,
    failed_wrap_up,
    lost_reply,
}

async fn play(name: &str) {
    let folder = root().join("tests/cases").join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{name}/{file}: {e}"));
    let case: Case = serde_json::from_str(&read("case.json")).unwrap_or_else(|e| panic!("{name}/case.json: {e}"));
    let world: World = serde_json::from_str(&read("world.json")).unwrap_or_else(|e| panic!("{name}/world.json: {e}"));
    assert!(!case.about.is_empty(), "{name} says what it is about");

    let bench = Bench::new(world).await;
    let (lines, exit) = watch(&bench, &folder, &case).await;
    let transcript = redact(&lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n"));
    let after = redact(&serde_json::to_string_pretty(&bench.sim.groups()).expect("the world is written"));

    compare(&folder.join("transcript.txt"), &format!("{transcript}\n[EOF]\n"));
    compare(&folder.join("after.json"), &format!("{after}\n"));
    assert_eq!(exit, case.exit, "exit code of {name}\n{transcript}");
}

/// Runs the case's command to its end, and plays the others' parts.
async fn watch(bench: &Bench, folder: &Path, case: &Case) -> (Vec<String>, i32) {
    let args: Vec<String> = case.args.iter().map(|arg| filled(arg, bench, folder)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = bench.command(&args).spawn().expect("the program starts");
    let mut stderr = Vec::new();
    let mut lines = Vec::new();
    let mut cues = case.meanwhile.iter();
    let mut cue = cues.next();
    'program: loop {
        let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        while let Some(line) = output.next_line().await.expect("the program writes UTF-8") {
            let seen = cue.filter(|cue| line.contains(&cue.sees));
            lines.push(line);
            let Some(seen) = seen else { continue };
            cue = cues.next();
            match &seen.does {
                Deed::Command(args) => {
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    let done = bench.run(&args).await;
                    assert_eq!(done.exit, 0, "{args:?}: {}{}", done.stdout, done.stderr);
                }
                Deed::Kill => {
                    child.kill().await.expect("the program is killed");
                    lines.push("(killed)".into());
                    child = bench.command(&["resume", "last"]).spawn().expect("the program starts");
                    continue 'program;
                }
            }
        }
        break;
    }
    read_rest(&mut child, &mut stderr).await;
    let status = child.wait().await.expect("the program ends");
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert!(cue.is_none(), "the output never held {:?}\n{}\n{stderr}", cue.map(|c| &c.sees), lines.join("\n"));
    let exit = status.code().unwrap_or(-1);
    assert!(exit == case.exit || !stderr.is_empty() || !lines.is_empty(), "the program said nothing");
    if exit != case.exit {
        lines.push(format!("(stderr) {stderr}"));
    }
    (lines, exit)
}

async fn read_rest(child: &mut Child, into: &mut Vec<u8>) {
    use tokio::io::AsyncReadExt as _;
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(into).await.expect("standard error is read");
    }
}

fn filled(arg: &str, bench: &Bench, folder: &Path) -> String {
    arg.replace("$CASE", &folder.to_string_lossy()).replace("$METRICS", &bench.sim.metrics_url())
}

/// What differs from run to run is taken out.
fn redact(text: &str) -> String {
    let patterns = [
        (r"\d{8}-\d{6}-[a-z0-9]{4}", "<run>"),
        (r"\b\d{2}:\d{2}:\d{2}\b", "<time>"),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"sha256 [0-9a-f]{12}", "sha256 <digest>"),
        (r"Done in [0-9hms ]+", "Done in <time>"),
        (r"\b0\.0\d{3,}", "<measured>"),
    ];
    let patterns = patterns.map(|(pattern, with)| (regex::Regex::new(pattern).expect("a pattern"), with));
    let mut text = text.to_owned();
    for (pattern, with) in &patterns {
        text = pattern.replace_all(&text, *with).into_owned();
    }
    text
}

fn compare(file: &PathBuf, found: &str) {
    if std::env::var_os("SHIFTGATE_BLESS").is_some() {
        fs::write(file, found).expect("the expectation is written");
        return;
    }
    let wanted = fs::read_to_string(file).unwrap_or_default();
    assert!(wanted == found, "{} differs; found:\n{found}\nwanted:\n{wanted}", file.display());
}
