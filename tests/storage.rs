//! The state directory fails a run: it is deleted, read-only or full, or somebody puts an older copy of it back.
//!
//! Each test is the program itself, in the simulated account: what it says, that nothing is done twice, and that the run goes on
//! once the cause is mended. What the record says about its disk call by call is tested in `host/store`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shiftgate_sim::{Fault, FaultKind};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::faults::{Scenario, Strategy};
use crate::program::{Bench, Finished, copy_folder, finish, until, until_one};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(25);
/// The state directory is not usable.
const STATE: i32 = 14;
/// Aborted, or stuck in its rollback: for a person to look at.
const STOPPED: [i32; 2] = [4, 5];

struct Place {
    bench: Bench,
    file: String,
}

impl Place {
    async fn new(strategy: Strategy) -> Self {
        let scenario = Scenario { strategy, back: false };
        let bench = Bench::new(scenario.world()).await;
        let file = bench.home.path().join("workflow.yaml");
        fs::write(&file, scenario.workflow()).expect("the workflow is written");
        Self { file: file.display().to_string(), bench }
    }

    fn state(&self) -> PathBuf {
        self.bench.home.path().join("state")
    }

    fn start(&self) -> Child {
        self.bench.command(&["run", &self.file]).spawn().expect("the program starts")
    }

    /// What changes the account, as it was sent.
    fn changes(&self) -> Vec<String> {
        let spot = self.bench.sim.calls().into_iter().filter(|call| call.method != "GET");
        let spot = spot.map(|call| format!("{} {}", call.method, call.path));
        let elb = self.bench.sim.aws_calls().into_iter().filter(|call| call.action.starts_with("Modify"));
        spot.chain(elb.map(|call| format!("{} {}", call.action, call.subject))).collect()
    }

    /// Groups that runs have made, and are there.
    fn made(&self) -> usize {
        let groups = self.bench.sim.groups();
        groups.iter().filter(|group| !group.deleted && !group.id.starts_with("sig-0000")).count()
    }

    /// The instances that serve, and where requests go.
    fn serving(&self) -> (usize, String) {
        let healthy = self.bench.sim.groups().iter().map(|group| group.instances.healthy).sum();
        let rules = self.bench.sim.routes().into_iter().flat_map(|balancer| balancer.listeners).flat_map(|one| one.rules);
        (healthy, rules.map(|rule| format!("{:?}", rule.weights)).collect::<Vec<_>>().join(" "))
    }

    /// Goes on until the approval, and kills it there.
    async fn until_asked(&self, child: Child) {
        let (mut child, _) = until(child, "shiftgate reject").await;
        child.kill().await.expect("the program is killed");
    }
}

async fn rest(mut child: Child) -> Finished {
    let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let read = async { tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr), child.wait()) };
    if tokio::time::timeout(PATIENCE, read).await.is_err() {
        let all = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        panic!("the program goes on:\n{}", all.join("\n"));
    }
    let status = child.wait().await.expect("the program ends");
    let output = std::process::Output { status, stdout, stderr };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { exit: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn says(done: &Finished, exit: i32, words: &[&str]) {
    let Finished { exit: found, stdout, stderr } = done;
    assert_eq!(*found, exit, "{stdout}\n{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in\n{stderr}");
    }
}

fn put_back(copy_of: &Path, at: &Path) {
    fs::remove_dir_all(at).expect("it is removed");
    copy_folder(copy_of, at);
}

fn signal(process: &str) -> Command {
    let mut command = Command::new("kill");
    command.args(["-INT", process]);
    command
}

async fn approve_and_resume(place: &Place) -> Finished {
    let voted = place.bench.run(&["approve", "last"]).await;
    assert_eq!(voted.exit, 0, "{}", voted.stderr);
    place.bench.run(&["resume", "last"]).await
}

#[tokio::test]
async fn a_state_directory_that_is_deleted_under_a_run_stops_it() {
    let place = Place::new(Strategy::Canary).await;
    let backup = place.bench.home.path().join("backup");
    // Time to delete it in: Spot takes a moment for the first capacity.
    place.bench.sim.inject(Fault::new("PUT", "/aws/ec2/group/{id}/capacity", FaultKind::SlowMs(2_000))).expect("a fault");
    let (child, _) = until(place.start(), "Asking Spot to update").await;
    copy_folder(&place.state(), &backup);
    fs::remove_dir_all(place.state()).expect("it is deleted");
    says(&rest(child).await, STATE, &["state.db", "moved or deleted", "put it back"]);
    assert!(place.changes().len() <= 3, "nothing is done that is not recorded: {:?}", place.changes());

    copy_folder(&backup, &place.state());
    let (child, _) = until(place.bench.command(&["resume", "last"]).spawn().expect("it starts"), "shiftgate reject").await;
    drop(child);
    says(&approve_and_resume(&place).await, 0, &[]);
    assert_eq!((place.made(), place.serving().0), (1, 2));
}

#[tokio::test]
async fn a_state_directory_that_is_read_only_is_named() {
    let place = Place::new(Strategy::Canary).await;
    place.until_asked(place.start()).await;
    let (before, state) = (place.changes(), place.state());
    // The owner of everything may write everywhere; somebody else drives the run then.
    let root = is_root();
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    mode(place.bench.home.path(), 0o755);
    let files =
        || fs::read_dir(&state).expect("the state").map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file());
    for file in files() {
        mode(&file, 0o444);
    }
    mode(&state, 0o555);
    let mut command = place.bench.command(&["resume", "last"]);
    if root {
        command.uid(65_534).gid(65_534);
    }
    says(&finish(command).await, STATE, &["state.db", "writable", "choose another state directory"]);
    assert_eq!(place.changes(), before);
    mode(&state, 0o700);
    for file in files() {
        mode(&file, 0o600);
    }
    says(&approve_and_resume(&place).await, 0, &[]);
    assert_eq!((place.made(), place.serving().0), (1, 2));
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A disk that has room for files of so many kibibytes only: the record's log outgrows it in the middle of the run.
fn with_room(place: &Place, kibibytes: u32) -> Command {
    let whole = place.bench.command(&["run", &place.file]);
    let whole = whole.as_std();
    let mut command = Command::new("sh");
    let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", kibibytes * 2);
    command.arg("-c").arg(limit).arg("sh").arg(whole.get_program()).args(whole.get_args()).env_clear();
    command.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(place.bench.home.path()).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_disk_that_fills_up_stops_the_run_and_it_goes_on_with_room() {
    // With less there is no room for the tables and the run's own row.
    for kibibytes in [250, 400, 600, 800] {
        let place = Place::new(Strategy::Shift).await;
        let done = finish(with_room(&place, kibibytes)).await;
        says(&done, STATE, &[".db", "may be full", "nothing was done that is not recorded"]);
        let (child, _) = until(place.bench.command(&["resume", "last"]).spawn().expect("it starts"), "shiftgate reject").await;
        drop(child);
        let before = place.changes();
        says(&approve_and_resume(&place).await, 0, &[]);
        assert_eq!(place.changes(), before, "{kibibytes}: everything was done before the approval");
        assert_eq!((place.made(), place.serving().0), (1, 2), "{kibibytes}");
        let creates = before.iter().filter(|change| change.starts_with("POST")).count();
        assert_eq!(creates, 1, "{kibibytes}: {before:?}");
    }
}

#[tokio::test]
async fn an_older_journal_under_a_newer_record_repeats_nothing() {
    let place = Place::new(Strategy::Shift).await;
    let backup = place.bench.home.path().join("backup");
    place.bench.sim.inject(Fault::new("PUT", "/aws/ec2/group/{id}/capacity", FaultKind::SlowMs(1_000))).expect("a fault");
    let (child, _) = until(place.start(), "Asking Spot to update").await;
    copy_folder(&place.state().join("runs"), &backup);
    place.until_asked(child).await;
    let before = place.changes();
    put_back(&backup, &place.state().join("runs"));
    says(&approve_and_resume(&place).await, 0, &[]);
    assert_eq!(place.changes(), before, "no effect is repeated");
    assert_eq!((place.made(), place.serving().0), (1, 2));
}

#[tokio::test]
async fn an_older_journal_does_not_ask_again_what_was_answered() {
    let place = Place::new(Strategy::Shift).await;
    let backup = place.bench.home.path().join("backup");
    let text = Scenario { strategy: Strategy::Shift, back: false }.workflow();
    let more = "    - approve: { manual: { message: More? } }\n    - shift: { weight";
    fs::write(&place.file, text.replace("    - shift: { weight", more)).expect("the workflow is written");
    // Interrupted, not killed: its journal holds that it waits.
    let (child, _) = until(place.start(), "Loaded approval plugin").await;
    let process = child.id().expect("it runs").to_string();
    assert_eq!(finish(signal(&process)).await.exit, 0);
    rest(child).await;
    copy_folder(&place.state().join("runs"), &backup);
    assert_eq!(place.bench.run(&["approve", "last"]).await.exit, 0);
    place.until_asked(place.bench.command(&["resume", "last"]).spawn().expect("it starts")).await;
    let before = place.changes();
    put_back(&backup, &place.state().join("runs"));
    assert_eq!(place.bench.run(&["approve", "last"]).await.exit, 0);
    says(&rest(place.bench.command(&["resume", "last"]).spawn().expect("it starts")).await, 0, &[]);
    assert_eq!(place.changes(), before, "no effect is repeated");
}

#[tokio::test]
async fn an_older_copy_of_the_whole_state_is_noticed_by_looking() {
    for strategy in [Strategy::Canary, Strategy::Swap, Strategy::Shift] {
        for moment in ["Asking Spot to create", "Asking Spot to update"] {
            let place = Place::new(strategy).await;
            let backup = place.bench.home.path().join("backup");
            for route in ["/aws/ec2/group", "/aws/ec2/group/{id}/capacity"] {
                let method = if route.ends_with("group") { "POST" } else { "PUT" };
                place.bench.sim.inject(Fault::new(method, route, FaultKind::SlowMs(1_000))).expect("a fault");
            }
            let (child, _) = until(place.start(), moment).await;
            copy_folder(&place.state(), &backup);
            place.until_asked(child).await;
            let (serving, before) = (place.serving(), place.changes());
            put_back(&backup, &place.state());
            let child = place.bench.command(&["resume", "last"]).spawn().expect("it starts");
            let (child, said) = until_one(child, &["shiftgate reject", "changed under this run", "set up, and is"]).await;
            let what = format!("{strategy:?} from `{moment}`:\n{said}");
            if said.contains("shiftgate reject") {
                drop(child);
            } else {
                let done = rest(child).await;
                assert!(STOPPED.contains(&done.exit), "{}\n{what}\n{}", done.exit, done.stdout);
            }
            assert_eq!(place.made(), 1, "{what}");
            assert_eq!(place.serving(), serving, "{what}");
            let sent: Vec<String> = place.changes().into_iter().skip(before.len()).collect();
            assert!(sent.is_empty(), "{sent:?}\n{what}");
        }
    }
}
