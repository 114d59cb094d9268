//! The plugin host as its engine sees it: guests go in, replies and errors come out.

mod calls;
mod embed;
mod guests;
mod limits;
mod load;
pub(crate) mod server;
mod terms;
mod web;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use shiftgate_model::{
    AmiId, Call, Capacity, Clock, Grants, GroupFacts, GroupId, GroupName, InstanceId, Outcome, PluginCall, PluginError,
    PluginKind, PluginReply, PluginRunner, PluginSource, RunId, RunInfo, StepId, Timestamp,
};

use crate::{Budgets, Plugins, PluginsConfig};

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

/// A host with a directory of its own.
struct World {
    dir: tempfile::TempDir,
    plugins: Plugins,
}

impl World {
    fn new() -> Self {
        Self::with(Budgets::default())
    }

    fn with(budgets: Budgets) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plugins = Plugins::new(config(&dir, budgets)).unwrap();
        Self { dir, plugins }
    }

    /// Writes a component file.
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// A plugin of the workflow, named `guest`, made of these bytes.
    fn source(&self, bytes: &[u8]) -> PluginSource {
        let file = self.file("guest.wasm", bytes);
        PluginSource::new("guest", file.display().to_string())
    }

    async fn call(&self, source: &PluginSource, kind: PluginKind, action: Call) -> Result<PluginReply, PluginError> {
        self.call_with(source, kind, action, json!({})).await
    }

    async fn call_with(
        &self,
        source: &PluginSource,
        kind: PluginKind,
        action: Call,
        config: Value,
    ) -> Result<PluginReply, PluginError> {
        let call = PluginCall { kind, config, run: run_info(), action };
        self.plugins.call(source, &call).await
    }

    /// Starts a verification made of these bytes.
    async fn start(&self, bytes: &[u8]) -> Result<PluginReply, PluginError> {
        self.call(&self.source(bytes), PluginKind::Verification, Call::Start { summary: None }).await
    }

    /// An error's text, with this world's directory and every digest left out.
    fn told(&self, error: &PluginError) -> String {
        let hint = error.hint.as_deref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        let text = format!("{error}{hint}").replace(&self.dir.path().display().to_string(), "DIR");
        redact_digests(&text)
    }
}

fn config(dir: &tempfile::TempDir, budgets: Budgets) -> PluginsConfig {
    let base = PluginsConfig::new(dir.path().join("cache"), Arc::new(Noon));
    PluginsConfig { bundled_dirs: vec![dir.path().to_path_buf()], budgets, seed: Some(7), ..base }
}

/// Every run of 64 hex digits becomes `SHA`.
fn redact_digests(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    words
        .map(|word| {
            let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
            if digits.len() == 64 { word.replace(digits, "SHA") } else { word.to_owned() }
        })
        .collect()
}

pub(crate) fn run_info() -> RunInfo {
    let begun = Timestamp(1_700_000_000_000);
    let new_group = GroupFacts {
        id: GroupId::new("sig-11111111"),
        name: GroupName::new("web__2"),
        capacity: Capacity::pinned(1),
        instances: vec![InstanceId::new("i-1")],
    };
    let known = RunInfo::new(RunId::new("run-1"), StepId::new("phase-1/verify-1"), AmiId::new("ami-0123"), begun);
    RunInfo { workflow: "web-canary".to_owned(), new_group: Some(new_group), ..known }
}

/// The one-line shape of an outcome.
fn shape(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::ConfigRefused(problems) => {
            problems.iter().map(|(pointer, message)| format!("{pointer}: {message}")).collect::<Vec<_>>().join("\n")
        }
        Outcome::Wait(suspension) => format!("waits {:?} {:?} with {:?}", suspension.after, suspension.signals, suspension.state),
        Outcome::Reported(report) => {
            let findings = report.findings.iter().map(|finding| format!("\n  {}: {}", finding.verdict, finding.message));
            format!("{}: {}{}", report.verdict, report.summary, findings.collect::<String>())
        }
        Outcome::Counted(progress) => format!("{} ballots, next {:?}", progress.tally.ballots.len(), progress.next),
        Outcome::Received(receipt) => format!("{} actions", receipt.actions.len()),
    }
}
