//! The program as a process, in an environment of its own: a simulated account, an empty home, a state directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use shiftgate_sim::{Ports, Sim, World};
use tempfile::TempDir;
use tokio::process::Command;

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

    pub(crate) async fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args)).await
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
