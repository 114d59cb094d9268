//! The program as a process, in an environment of its own: a simulated account, an empty home, a state directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use shiftgate_sim::{GroupView, Ports, Sim, World};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// An account and a home.
pub(crate) struct Bench {
    pub(crate) sim: Sim,
    pub(crate) home: TempDir,
}

/// What a finished command left.
pub(crate) struct Finished {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) async fn new(world: World) -> Self {
        let sim = Sim::start(world, Ports { spot: 0, aws: 0 }).await.expect("the simulated account starts");
        Self { sim, home: TempDir::new().expect("a home") }
    }

    /// The program with nothing of this machine's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftgate"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home.path())
            .env("USER", "tester")
            .env("XDG_CACHE_HOME", plugins().join("cache-of-tests"))
            .env("SHIFTGATE_STATE_DIR", self.home.path().join("state"))
            .env("SHIFTGATE_PLUGIN_DIR", plugins())
            .env("SHIFTGATE_SPOT_URL", self.sim.spot_url())
            .env("SPOTINST_TOKEN", "token-of-the-tests")
            .env("SPOTINST_ACCOUNT", "act-12345678")
            .env("AWS_ENDPOINT_URL", self.sim.aws_url())
            .env("AWS_ACCESS_KEY_ID", "AKIAOFTHETESTS")
            .env("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SHIFTGATE_PROPAGATION", "0s")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// `name min/target/max`, one a group that is there, by name.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = self.sim.groups().into_iter().filter(|group| !group.deleted);
        let line = |group: GroupView| {
            let capacity = group.capacity;
            format!("{} {}/{}/{}", group.name, capacity.minimum, capacity.target, capacity.maximum)
        };
        let mut lines: Vec<String> = groups.map(line).collect();
        lines.sort();
        lines
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args)).await
    }
}

/// Reads on until a line of the output holds those words.
pub(crate) async fn until(child: Child, words: &str) -> (Child, String) {
    until_one(child, &[words]).await
}

/// Reads on until a line of the output holds some of those words.
pub(crate) async fn until_one(mut child: Child, words: &[&str]) -> (Child, String) {
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let (mut seen, mut line) = (String::new(), String::new());
    while output.read_line(&mut line).await.expect("the program writes UTF-8") > 0 {
        seen.push_str(&line);
        if words.iter().any(|words| line.contains(words)) {
            child.stdout = Some(output.into_inner());
            return (child, seen);
        }
        line.clear();
    }
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).await.expect("standard error is UTF-8");
    panic!("the output never held {words:?}:\n{seen}\n{said}");
}

/// A folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

pub(crate) async fn finish(mut command: Command) -> Finished {
    let output = command.output().await.expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    let exit = output.status.code().expect("the program ends by itself");
    Finished { exit, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The guests, built by `cargo xtask plugins`.
pub(crate) fn plugins() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_shiftgate"));
    let folder = program.parent().and_then(Path::parent).expect("target/<profile>/shiftgate").join("plugins");
    assert!(folder.join("prometheus.wasm").exists(), "no guests in {}: run `cargo xtask plugins` first", folder.display());
    folder
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project's root")
}
