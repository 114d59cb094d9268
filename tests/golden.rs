//! Runs that an earlier release began go on under this one.
//!
//! `tests/golden/<release>/<strategy>` is a state directory as that release's process left it when it was killed in the middle of
//! a run, with the account as it stood (`world.json`). A folder of a release is never changed: what it wrote stays readable.

use std::fs;

use shiftgate_sim::World;

use crate::program::{Bench, copy_folder, root, until};

/// The account and the state directory of a folder; the one run that stands in it.
async fn taken_over(folder: &str) -> (Bench, String) {
    let folder = root().join("tests/golden").join(folder);
    let world = fs::read_to_string(folder.join("world.json")).expect("a world");
    let world: World = serde_json::from_str(&world).expect("the world is one of this simulator");
    let bench = Bench::new(world).await;
    copy_folder(&folder.join("state"), &bench.home.path().join("state"));
    let mut runs = fs::read_dir(folder.join("state/runs")).expect("the runs");
    let run = runs.next().expect("a run").expect("an entry").file_name().to_string_lossy().into_owned();
    (bench, run)
}

async fn exits(bench: &Bench, args: &[&str], wanted: i32) -> String {
    let done = bench.run(args).await;
    assert_eq!(done.exit, wanted, "{args:?}\n{}{}", done.stdout, done.stderr);
    done.stdout
}

#[tokio::test]
async fn a_canary_of_0_1_0_goes_on() {
    let (bench, run) = taken_over("0.1.0/canary").await;
    let shown = exits(&bench, &["resume", &run], 0).await;
    assert!(!shown.contains("Asking Spot to create"), "nothing is done twice: {shown}");
    assert_eq!(bench.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
    assert_eq!(bench.sim.groups().len(), 2);
}

#[tokio::test]
async fn a_canary_of_0_1_0_is_rolled_back() {
    let (bench, run) = taken_over("0.1.0/canary").await;
    exits(&bench, &["rollback", &run], 0).await;
    assert_eq!(bench.groups(), ["web__4 0/4/10"]);
}

#[tokio::test]
async fn a_canary_of_0_1_0_is_aborted_and_says_what_is_where() {
    let (bench, run) = taken_over("0.1.0/canary").await;
    let shown = exits(&bench, &["abort", &run], 0).await;
    assert!(shown.contains("The new group is sig-8621a03f `web__5` with min 2, max 2, target 2"), "{shown}");
    assert_eq!(bench.groups(), ["web__4 3/3/3", "web__5 2/2/2"]);
    exits(&bench, &["resume", &run], 0).await;
    assert_eq!(bench.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);
}

#[tokio::test]
async fn a_shift_of_0_1_0_is_rolled_back() {
    let (bench, run) = taken_over("0.1.0/shift").await;
    exits(&bench, &["rollback", &run], 0).await;
    assert_eq!(bench.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
}

#[tokio::test]
async fn a_shift_of_0_1_0_goes_on_to_its_vote_and_is_aborted_there() {
    let (bench, run) = taken_over("0.1.0/shift").await;
    let mut resumed = bench.command(&["resume", &run]).spawn().expect("the program starts");
    let logs = bench.command(&["logs", &run, "--follow"]).spawn().expect("the program starts");
    let (mut logs, _) = until(logs, "Approval needed").await;
    // Its interpreter hears no orders while it waits: it is stopped, and aborted from here.
    logs.kill().await.expect("it is killed");
    resumed.kill().await.expect("it is killed");
    let shown = exits(&bench, &["abort", &run], 0).await;
    assert!(shown.contains("Run ") && shown.contains("aborted"), "{shown}");
    assert_eq!(bench.groups(), ["web 0/4/10", "web__STAGE__Harness 0/4/10"]);
    exits(&bench, &["rollback", &run], 0).await;
    assert_eq!(bench.groups(), ["web 0/4/10", "web__STAGE__Harness 0/0/0"]);
}
