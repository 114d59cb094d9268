//! Every folder of `tests/cases`: a workflow, the world before, what a user sees, and the world after.
//!
//! `case.json` says how the program is called, who does what meanwhile (`deeds`), and which commands follow. The transcript is
//! the program's standard output with times, run ids and ports taken out; `after.json` is the account afterwards, with routes
//! and targets where there are load balancers. After a change that is meant, `SHIFTGATE_BLESS=1 cargo xtask test` writes
//! `transcript.txt` and `after.json` anew; read the difference before you commit it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use shiftgate_sim::{TargetState, World};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::deeds::Deed;
use crate::program::{Bench, Finished, root};

/// `case.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown, in a sentence.
    about: String,
    /// Arguments; `$CASE` is the folder, `$METRICS` the simulated Prometheus.
    args: Vec<String>,
    /// The exit code; after a kill, that of the command that goes on.
    exit: i32,
    /// What happens meanwhile, in this order.
    #[serde(default)]
    meanwhile: Vec<Cue>,
    /// Commands after the end; their output is in the transcript, too.
    #[serde(default)]
    then: Vec<Then>,
}

/// When a line of the output holds `sees`, `does` happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cue {
    sees: String,
    does: Deed,
}

/// A command after the end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Then {
    /// What somebody does before it.
    after: Option<Deed>,
    args: Vec<String>,
    exit: i32,
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
    swap,
    swap_keeps_old,
    swap_rolled_back,
    shift,
    shift_rejected,
    first_deployment_blue_green,
    second_balancer_refuses,
    login_and_stickiness_kept,
    odd_weights_refused,
    odd_weights_assumed,
    drift_between_shifts,
    sick_before_shift,
    leftover_carries_traffic,
    aborted_at_90_10_resumed,
    aborted_at_90_10_rolled_back,
    killed_between_routes_and_names,
    killed_between_routes_and_names_rolled_back,
    killed_in_approval_rolled_back,
    rollback_before_setup,
    steered_rule,
    aborted_by_operator,
    succeeded_rolled_back,
    swap_succeeded_rolled_back,
    intervention_retried,
    drift_accepted,
    background_failed,
    background_passed,
}

async fn play(name: &str) {
    let folder = root().join("tests/cases").join(name);
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{name}/{file}: {e}"));
    let case: Case = serde_json::from_str(&read("case.json")).unwrap_or_else(|e| panic!("{name}/case.json: {e}"));
    let world: World = serde_json::from_str(&read("world.json")).unwrap_or_else(|e| panic!("{name}/world.json: {e}"));
    assert!(!case.about.is_empty(), "{name} says what it is about");

    let bench = Bench::new(world).await;
    let (mut lines, exit) = watch(&bench, &folder, &case).await;
    let mut ends = vec![(exit, case.exit)];
    for then in &case.then {
        if let Some(deed) = &then.after {
            deed.done(&bench).await;
        }
        lines.push(format!("\n$ shiftgate {}", then.args.join(" ")));
        let done = bench.run(&then.args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        ends.push((done.exit, then.exit));
        lines.extend(told(&done, then.exit));
    }
    let transcript = redact(&lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n"));

    compare(&folder.join("transcript.txt"), &format!("{transcript}\n[EOF]\n"));
    compare(&folder.join("after.json"), &format!("{}\n", redact(&after(&bench))));
    let (found, wanted): (Vec<i32>, Vec<i32>) = ends.into_iter().unzip();
    assert_eq!(found, wanted, "exit codes of {name}\n{transcript}");
}

/// What a command said; what it complained of when it ended otherwise than the case says.
fn told(done: &Finished, wanted: i32) -> Vec<String> {
    let mut lines: Vec<String> = done.stdout.lines().map(str::to_owned).collect();
    if done.exit != wanted {
        lines.push(format!("(stderr) {}", done.stderr));
    }
    lines
}

/// The account as it is: its groups, and with load balancers their routes and how many targets are in which state.
fn after(bench: &Bench) -> String {
    let (groups, routes) = (bench.sim.groups(), bench.sim.routes());
    let written = if routes.is_empty() {
        serde_json::to_string_pretty(&groups)
    } else {
        let targets: BTreeMap<_, _> =
            bench.sim.targets().into_iter().map(|(group, targets)| (group, counted(&targets))).collect();
        serde_json::to_string_pretty(&json!({ "groups": groups, "targets": targets, "routes": routes }))
    };
    written.expect("the world is written")
}

fn counted(targets: &[(String, TargetState)]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, state) in targets {
        *counts.entry(state.to_string()).or_default() += 1;
    }
    counts
}

/// Runs the case's command to its end, and plays the others' parts.
async fn watch(bench: &Bench, folder: &Path, case: &Case) -> (Vec<String>, i32) {
    let args: Vec<String> = case.args.iter().map(|arg| filled(arg, bench, folder)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = bench.command(&args).spawn().expect("the program starts");
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
            if let Deed::Kill(next) = &seen.does {
                child.kill().await.expect("the program is killed");
                lines.push(format!("(killed)\n$ shiftgate {}", next.join(" ")));
                child = bench.command(&next.iter().map(String::as_str).collect::<Vec<_>>()).spawn().expect("the program starts");
                continue 'program;
            }
            seen.does.done(bench).await;
        }
        break;
    }
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).await.expect("standard error is UTF-8");
    let exit = child.wait().await.expect("the program ends").code().unwrap_or(-1);
    assert!(cue.is_none(), "the output never held {:?}\n{}\n{stderr}", cue.map(|c| &c.sees), lines.join("\n"));
    assert!(!stderr.is_empty() || !lines.is_empty(), "the program said nothing");
    if exit != case.exit {
        lines.push(format!("(stderr) {stderr}"));
    }
    (lines, exit)
}

fn filled(arg: &str, bench: &Bench, folder: &Path) -> String {
    arg.replace("$CASE", &folder.to_string_lossy()).replace("$METRICS", &bench.sim.metrics_url())
}

/// What differs from run to run is taken out.
fn redact(text: &str) -> String {
    let patterns = [
        (r"\d{8}-\d{6}-[a-z0-9]{4}", "<run>"),
        (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC", "<date>"),
        (r"\b\d{2}:\d{2}:\d{2}\b", "<time>"),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"sha256 [0-9a-f]{12}", "sha256 <digest>"),
        (r"Done in [0-9hms ]+", "Done in <time>"),
        (r"<date>, after [0-9hms. ]+s$", "<date>, after <length>"),
        // A step on a status page: its length makes the column as wide as it is.
        (r"^(    (?:done|failed|ignored|skipped) +\S+ +\S+(?: \S+)*)(?: {2,}(?:\d+[hm] )*[0-9.]+s)?(?: *(  \S.*))?$", "$1$2"),
        (r"\b0\.0\d{3,}", "<measured>"),
    ];
    let patterns = patterns.map(|(pattern, with)| (regex::Regex::new(&format!("(?m){pattern}")).expect("a pattern"), with));
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
