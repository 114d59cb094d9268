//! The programs that tasks call: cargo, rustc, rustup. Each failure says which call failed and what to do.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The target of guests.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Where things are.
pub(crate) struct Workspace {
    root: PathBuf,
    target_dir: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows the environment and its own configuration.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().with_context(|| format!("cannot find the workspace at {}", root.display()))?;
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&root).args(["metadata", "--format-version=1", "--no-deps", "--quiet"]);
        let metadata = output(command)?;
        let target_dir = target_dir(&metadata)?;
        Ok(Self { root, target_dir })
    }

    /// The folder of the root `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target_dir(&self) -> &Path {
        &self.target_dir
    }

    /// Where shiftgate finds the plugins that come with it.
    pub(crate) fn plugin_dir(&self) -> PathBuf {
        self.target_dir.join("plugins")
    }

    /// The folders of `plugins/` that are crates of components, which are named as their crates; sorted. A library that plugins
    /// share lies there too and is no component: its manifest asks for no `cdylib`.
    pub(crate) fn plugins(&self) -> Result<Vec<String>> {
        let folder = self.root.join("plugins");
        let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let manifest = entry.path().join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
            if text.contains("\"cdylib\"") {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

fn target_dir(metadata: &str) -> Result<PathBuf> {
    let metadata: Value = serde_json::from_str(metadata).context("cannot read what `cargo metadata` says")?;
    match metadata.get("target_directory").and_then(Value::as_str) {
        Some(path) => Ok(PathBuf::from(path)),
        None => bail!("`cargo metadata` names no target directory"),
    }
}

/// Cargo, in the workspace. The lock of the cargo that runs this program is free by now.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(workspace.root());
    command
}

/// Whether `cargo nextest` can be called.
pub(crate) fn has_nextest(workspace: &Workspace) -> bool {
    let mut command = cargo(workspace);
    command.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Adds the target of guests where it is missing.
pub(crate) fn ensure_target() -> Result<()> {
    if target_is_installed()? {
        return Ok(());
    }
    say(&format!("Adding the Rust target {TARGET} (once)"));
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]);
    let missing = format!(
        "plugins are built for {TARGET}, which this Rust does not have, and there is no rustup to add it; install Rust \
         with rustup (https://rustup.rs), or the package of your system that brings the standard library for {TARGET}"
    );
    match command.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(missing),
        Err(error) => Err(error).with_context(|| format!("cannot call {}", shown(&command))),
        Ok(status) if !status.success() => {
            bail!("`{}` failed ({status}); without the target no plugin can be built", shown(&command))
        }
        Ok(_) if target_is_installed()? => Ok(()),
        Ok(_) => bail!(
            "`rustup target add {TARGET}` went well, and the Rust in use still lacks the target; \
             is `{}` of another toolchain than rustup's?",
            rustc().display()
        ),
    }
}

/// Whether the standard library for guests is there. The target's name alone says nothing: rustc knows them all.
fn target_is_installed() -> Result<bool> {
    let mut command = Command::new(rustc());
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = PathBuf::from(output(command)?.trim());
    let Ok(entries) = std::fs::read_dir(&libraries) else { return Ok(false) };
    Ok(entries.flatten().any(|entry| is_libcore(&entry.file_name())))
}

fn is_libcore(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("libcore-") && name.ends_with(".rlib"))
}

/// The rustc beside the cargo that built this program.
fn rustc() -> PathBuf {
    let beside = Path::new(env!("CARGO")).with_file_name(format!("rustc{}", std::env::consts::EXE_SUFFIX));
    if beside.is_file() { beside } else { PathBuf::from("rustc") }
}

/// Runs to success.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot call `{}`", shown(&command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(&command));
    }
    Ok(())
}

/// Runs as the last program: its exit code is ours, and it has said why.
pub(crate) fn status(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot call `{}`", shown(&command)))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs to success and returns what it prints.
fn output(mut command: Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot call `{}`", shown(&command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", shown(&command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` prints no UTF-8", shown(&command)))
}

/// A call as a person would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Tells the person at the terminal; standard output is for results.
pub(crate) fn say(message: &str) {
    eprintln!("{message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_directory_is_cargos() {
        assert_eq!(target_dir(r#"{"target_directory": "/tmp/t", "packages": []}"#).unwrap(), Path::new("/tmp/t"));
        assert!(target_dir("{}").unwrap_err().to_string().contains("no target directory"));
        assert!(target_dir("").is_err());
    }

    #[test]
    fn the_standard_library_is_known_by_its_name() {
        assert!(is_libcore(OsStr::new("libcore-1a2b.rlib")));
        assert!(!is_libcore(OsStr::new("libcompiler_builtins-1a2b.rlib")));
        assert!(!is_libcore(OsStr::new("self-contained")));
    }

    #[test]
    fn a_call_is_shown_as_typed() {
        let mut command = Command::new("/home/x/.cargo/bin/cargo");
        command.args(["build", "--package", "prometheus"]);
        assert_eq!(shown(&command), "cargo build --package prometheus");
    }

    #[test]
    fn every_plugin_has_a_folder() {
        let workspace = Workspace { root: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), target_dir: PathBuf::new() };
        let names = workspace.plugins().unwrap();
        for name in ["http-check", "manual-approval", "prometheus", "webhook"] {
            assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
        }
        assert!(!names.iter().any(|found| found == "judge"), "a library is no plugin: {names:?}");
    }
}
