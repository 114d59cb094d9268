//! The commands that write, build, try and look at plugins. Next: `commands/plugin`, which says what they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use shiftgate_model::Millis;

use super::Format;

/// Write plugins, and look at them.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Write a plugin to start from: it builds, has a test, and scenarios that pass
    #[command(after_help = "Example:\n  shiftgate plugin new --kind verification queue-depth")]
    New(NewPlugin),
    /// Build the plugin of a folder, and put NAME.wasm beside its sources
    #[command(after_help = "Example:\n  shiftgate plugin build ./queue-depth")]
    Build {
        /// The plugin's folder
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Show what a plugin is, whether the host takes it, and what about it is worth a thought
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The plugin's folder, which is built first; or a component file
        #[arg(default_value = ".")]
        file: PathBuf,
        /// Take the component that lies in the folder as it is
        #[arg(long)]
        no_build: bool,
    },
    /// Play a plugin's scenarios, and what every plugin has to stand; no network, no waiting
    #[command(after_help = TEST_HELP)]
    Test(TestPlugin),
    /// Run one step of a plugin for real: the real network, the real time
    #[command(after_help = RUN_HELP)]
    Run(RunPlugin),
    /// Show what a plugin is, what it asks for and what it imports, without running it
    #[command(after_help = "Example:\n  shiftgate plugin inspect ./errors.wasm")]
    Inspect {
        /// The component file, or the bare name of a plugin that comes with shiftgate
        file: PathBuf,
        /// The form of the answer
        #[arg(long, value_name = "FORMAT", default_value = "text")]
        output: Format,
    },
    /// Name a component in the operator's policy, with what it asks for; or show what an upgrade asks beyond
    #[command(after_help = GRANT_HELP)]
    Grant(GrantPlugin),
    /// Put a manifest into a component of another language than Rust, in place of any that it has
    #[command(after_help = "Example:\n  shiftgate plugin embed ./queue-depth.wasm --manifest manifest.json")]
    Embed {
        /// The component file
        file: PathBuf,
        /// The manifest, as JSON
        #[arg(long, value_name = "FILE")]
        manifest: PathBuf,
        /// Where the result goes [default: the component file itself]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Measure a plugin: calls, loading, compiling, and its scenarios
    #[command(after_help = "Example:\n  shiftgate plugin bench ./queue-depth")]
    Bench(BenchPlugin),
}

/// What `plugin grant` takes.
#[derive(Args, Debug)]
pub(crate) struct GrantPlugin {
    /// The component file, or the bare name of a plugin that comes with shiftgate
    pub(crate) file: PathBuf,
    /// A destination that its config names, as 'METHODS URL [RANGES]'; may be given more than once
    #[arg(long = "http", value_name = "DESTINATION")]
    pub(crate) http: Vec<String>,
    /// Show what it asks for beyond the policy, and change nothing
    #[arg(long)]
    pub(crate) review: bool,
    /// Grant an upgrade more than other versions have
    #[arg(long, conflicts_with = "review")]
    pub(crate) more: bool,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Judges a deployment
    Verification,
    /// Collects ballots
    Approval,
    /// Acts after the end
    WrapUp,
}

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with the SDK
    Rust,
    /// JavaScript, with QuickJS inside the component
    Js,
    /// Python, with CPython inside the component
    Python,
}

#[derive(Args, Debug)]
pub(crate) struct NewPlugin {
    /// What it is for
    #[arg(long)]
    pub(crate) kind: Kind,
    /// What it is written in
    #[arg(long, default_value = "rust")]
    pub(crate) lang: Language,
    /// Its name: lower-case letters, digits and dashes
    pub(crate) name: String,
    /// The folder to write [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Use the SDK of this clone of shiftgate instead of the one that this program brings along
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TestPlugin {
    /// The plugin's folder, which is built first; or a component file, or the bare name of a plugin that comes along
    #[arg(default_value = ".")]
    pub(crate) file: PathBuf,
    /// The folder of scenarios [default: `scenarios` in the folder, or beside the file]
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
    /// A config for what every plugin has to stand, as JSON or @FILE [default: that of the first scenario]
    #[arg(long, visible_alias = "config", value_name = "JSON", value_parser = json)]
    pub(crate) with: Option<Value>,
    /// Take the component that lies in the folder as it is
    #[arg(long)]
    pub(crate) no_build: bool,
    /// A line for everything that was tried
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RunPlugin {
    /// The component file, or the bare name of a plugin that comes with shiftgate
    pub(crate) file: PathBuf,
    /// The step's `with:`, as JSON or @FILE
    #[arg(long, visible_alias = "config", value_name = "JSON", value_parser = json, default_value = "{}")]
    pub(crate) with: Value,
    /// Grant what the manifest asks for below this URL; may be given many times
    #[arg(long = "grant", value_name = "URL")]
    pub(crate) grants: Vec<String>,
    /// A range of addresses outside the public internet that the grants open; may be given many times
    #[arg(long = "addresses", value_name = "RANGE")]
    pub(crate) addresses: Vec<String>,
    /// How long the step may take
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub(crate) timeout: Option<Millis>,
    /// Tell the plugin that nothing may be changed anywhere
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A signal for a plugin that waits for it, with its payload; may be given many times
    #[arg(long = "signal", value_name = "NAME=JSON", value_parser = signal)]
    pub(crate) signals: Vec<(String, Value)>,
}

#[derive(Args, Debug)]
pub(crate) struct BenchPlugin {
    /// The plugin's folder, which is built first; or a component file, or the bare name of a plugin that comes along
    #[arg(default_value = ".")]
    pub(crate) file: PathBuf,
    /// A config that it takes, as JSON or @FILE [default: that of the first scenario]
    #[arg(long, visible_alias = "config", value_name = "JSON", value_parser = json)]
    pub(crate) with: Option<Value>,
    /// How many calls are measured
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..))]
    pub(crate) calls: u32,
    /// Take the component that lies in the folder as it is
    #[arg(long)]
    pub(crate) no_build: bool,
}

const GRANT_HELP: &str = "\
Examples:
  shiftgate plugin grant ./errors.wasm --review
  shiftgate plugin grant ./errors.wasm
  shiftgate plugin grant prometheus --http 'GET http://prometheus.internal:9090 10.0.0.0/8'

With a policy, only components that it names run. --review exits with 11 when it asks for more than it has, or has nothing yet.";

const CHECK_HELP: &str = "\
Examples:
  shiftgate plugin check ./queue-depth
  shiftgate plugin check ./errors.wasm";

const TEST_HELP: &str = "\
Examples:
  shiftgate plugin test ./queue-depth
  shiftgate plugin test ./errors.wasm --scenarios ./cases
  shiftgate plugin test prometheus --with '{\"url\": \"http://prometheus:9090\", \"query\": \"up\", \"min\": 1}'";

const RUN_HELP: &str = "\
Example:
  shiftgate plugin run ./queue-depth.wasm --with '{\"url\": \"https://queue.example.com/stats\", \"max\": 100}' \\
    --grant https://queue.example.com/stats

Ctrl-C cancels the step.";

/// A value as JSON, or the name of a file that holds it.
fn json(text: &str) -> Result<Value, String> {
    let text = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| format!("this is no JSON: {error}"))
}

fn signal(text: &str) -> Result<(String, Value), String> {
    let (name, payload) = text.split_once('=').ok_or("a signal is NAME=JSON, as in ballot={\"subject\": \"alice\"}")?;
    Ok((name.to_owned(), json(payload)?))
}

fn length(text: &str) -> Result<Millis, String> {
    shiftgate_workflow::duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_json_or_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"max\": 3}").unwrap();
        let expected = serde_json::json!({ "max": 3 });
        assert_eq!(json("{\"max\": 3}").as_ref(), Ok(&expected));
        assert_eq!(json(&format!("@{}", file.path().display())).as_ref(), Ok(&expected));
        assert!(json("{max: 3}").is_err_and(|error| error.contains("no JSON")));
        assert!(json("@/nonexistent").is_err_and(|error| error.contains("/nonexistent")));
    }

    #[test]
    fn a_signal_has_a_name_and_a_payload() {
        assert_eq!(signal("ready={}"), Ok(("ready".to_owned(), serde_json::json!({}))));
        assert!(signal("ready").is_err());
    }
}
