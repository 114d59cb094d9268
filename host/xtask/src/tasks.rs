//! The tasks: which programs run, in which order, with which arguments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::tools::{self, Workspace};

/// The profile of guests in the root `Cargo.toml`.
const PROFILE: &str = "plugin";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Build the plugins.
    Plugins,
    /// Run the demo with these arguments.
    Demo(Vec<String>),
    /// Run all tests.
    Test,
    /// Measure.
    Bench,
    /// Break everything at every moment: all of what the tests only sample.
    Campaign,
}

/// Why there is no task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Help was asked for.
    Help,
    /// The arguments make no sense.
    Wrong(String),
}

impl Task {
    /// Reads the arguments behind `cargo xtask`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Usage> {
        let Some((name, rest)) = arguments.split_first() else { return Err(Usage::Wrong("name a task".to_owned())) };
        let task = match name.as_str() {
            "plugins" => Self::Plugins,
            "demo" => return Ok(Self::Demo(demo_arguments(rest))),
            "test" => Self::Test,
            "bench" => Self::Bench,
            "campaign" => Self::Campaign,
            "help" | "--help" | "-h" => return Err(Usage::Help),
            other => return Err(Usage::Wrong(format!("there is no task `{other}`"))),
        };
        match rest.first().map(String::as_str) {
            None => Ok(task),
            Some("--help" | "-h") => Err(Usage::Help),
            Some(extra) => Err(Usage::Wrong(format!("`{name}` takes no arguments, and `{extra}` is one"))),
        }
    }

    /// Does it. The exit code is that of the last program.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let workspace = Workspace::find()?;
        let plugins = build_plugins(&workspace)?;
        match self {
            Self::Plugins => {
                tools::say(&format!("{} plugins are in {}", plugins.len(), workspace.plugin_dir().display()));
                Ok(ExitCode::SUCCESS)
            }
            Self::Demo(arguments) => {
                let plugin_dir = workspace.plugin_dir();
                let mut command = tools::cargo(&workspace);
                command.args(["run", "--quiet", "--package", "shiftgate", "--", "demo"]).args(arguments);
                command.arg("--plugin-dir").arg(plugin_dir);
                tools::status(command)
            }
            Self::Test => test(&workspace),
            Self::Campaign => campaign(&workspace),
            Self::Bench => {
                // The native child that a plugin call is measured against.
                let mut child = tools::cargo(&workspace);
                child.args(["build", "--release", "--package", "http-check", "--example", "stdio"]);
                tools::run(child)?;
                let mut bench = tools::cargo(&workspace);
                bench.args(["bench", "--package", "shiftgate", "--bench", "figures"]);
                tools::status(bench)
            }
        }
    }
}

/// The demo's own arguments: `canary` when none names a workflow.
fn demo_arguments(arguments: &[String]) -> Vec<String> {
    let named = arguments.first().is_some_and(|first| !first.starts_with('-'));
    let default = if named { None } else { Some("canary".to_owned()) };
    default.into_iter().chain(arguments.iter().cloned()).collect()
}

/// Documentation first, so that the summary of all other tests is the last thing that is seen.
fn test(workspace: &Workspace) -> Result<ExitCode> {
    let mut documentation = tools::cargo(workspace);
    documentation.args(["test", "--quiet", "--workspace", "--doc"]);
    tools::run(documentation)?;
    let mut tests = tools::cargo(workspace);
    if tools::has_nextest(workspace) {
        tests.args(["nextest", "run", "--workspace"]);
    } else {
        tests.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
    }
    tools::status(tests)
}

/// Every campaign in full, in a release build: minutes of kills and faults, each printed with what it found.
fn campaign(workspace: &Workspace) -> Result<ExitCode> {
    if !tools::has_nextest(workspace) {
        bail!("the campaign needs cargo-nextest; install it with `cargo install --locked cargo-nextest`");
    }
    let mut tests = tools::cargo(workspace);
    tests.args([
        "nextest",
        "run",
        "--release",
        "--package",
        "shiftgate",
        "--package",
        "shiftgate-engine",
        "--profile",
        "campaign",
    ]);
    tests.args(["-E", "test(campaign)"]).env("SHIFTGATE_CAMPAIGN", "full");
    tools::status(tests)
}

/// Builds every plugin and copies the components to where shiftgate looks for them. Returns the copies.
fn build_plugins(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    tools::ensure_target()?;
    let names = workspace.plugins()?;
    if names.is_empty() {
        bail!("there is no plugin in {}", workspace.root().join("plugins").display());
    }
    let mut build = tools::cargo(workspace);
    build.args(["build", "--quiet", "--profile", PROFILE, "--target", tools::TARGET]);
    for name in &names {
        build.args(["--package", name]);
    }
    tools::run(build).context("cannot build the plugins")?;
    let to = workspace.plugin_dir();
    std::fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    names.iter().map(|name| copy(&built(workspace.target_dir(), name), &to.join(format!("{name}.wasm")))).collect()
}

/// Where cargo puts a plugin's component.
fn built(target_dir: &Path, name: &str) -> PathBuf {
    target_dir.join(tools::TARGET).join(PROFILE).join(format!("{}.wasm", name.replace('-', "_")))
}

/// Copies over a temporary name, so that a program that reads the old file is not disturbed.
fn copy(from: &Path, to: &Path) -> Result<PathBuf> {
    let part = to.with_extension(format!("part-{}", std::process::id()));
    std::fs::copy(from, &part)
        .and_then(|_| std::fs::rename(&part, to))
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, Usage> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Task::parse(&words)
    }

    fn demo(arguments: &[&str]) -> Result<Task, Usage> {
        Ok(Task::Demo(arguments.iter().map(|a| (*a).to_owned()).collect()))
    }

    #[test]
    fn tasks_are_read() {
        assert_eq!(parse("plugins"), Ok(Task::Plugins));
        assert_eq!(parse("test"), Ok(Task::Test));
        assert_eq!(parse("bench"), Ok(Task::Bench));
        assert_eq!(parse("campaign"), Ok(Task::Campaign));
        assert_eq!(parse("--help"), Err(Usage::Help));
        assert_eq!(parse("test -h"), Err(Usage::Help));
        assert_eq!(parse(""), Err(Usage::Wrong("name a task".into())));
        assert_eq!(parse("tset"), Err(Usage::Wrong("there is no task `tset`".into())));
        assert_eq!(parse("test -p x"), Err(Usage::Wrong("`test` takes no arguments, and `-p` is one".into())));
    }

    #[test]
    fn the_demo_is_a_canary_unless_it_is_named() {
        assert_eq!(parse("demo"), demo(&["canary"]));
        assert_eq!(parse("demo --bad"), demo(&["canary", "--bad"]));
        assert_eq!(parse("demo basic --bad"), demo(&["basic", "--bad"]));
    }

    #[test]
    fn a_component_is_found_where_cargo_puts_it() {
        let path = built(Path::new("/t"), "http-check");
        assert_eq!(path, Path::new("/t/wasm32-wasip2/plugin/http_check.wasm"));
    }
}
