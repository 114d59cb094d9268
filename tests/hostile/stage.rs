//! Plays rows: a host, what is done to it, what it has to say, and a good plugin's step after each.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_model::{
    AmiId, Call, Clock, Grants, Limits, Outcome, PluginCall, PluginError, PluginKind, PluginReply, PluginRunner, PluginSource,
    RunId, RunInfo, StepId, Timestamp,
};
use shiftgate_plugin::{Budgets, Plugins, PluginsConfig};
use tempfile::TempDir;

use super::guests::{Text, guest, manifest, verification};

/// Where a guest's answer lies.
pub(super) const ANSWER: &str = "(i32.const 1024)";

/// A clock that stands still.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

/// A host, a directory of its own, and a good plugin.
pub(super) struct Stage {
    pub(super) dir: TempDir,
    pub(super) plugins: Plugins,
    good: PluginSource,
}

/// What is done, and how it has to end.
pub(super) struct Row {
    name: String,
    attack: Attack,
    /// Words that stand in what is told, all of them.
    ends: Vec<String>,
    /// Words that stand nowhere in it.
    never: Vec<String>,
    within: Duration,
}

/// One call of a stranger's plugin.
pub(super) struct Attack {
    input: Input,
    kind: PluginKind,
    action: Call,
    config: Value,
    grants: Grants,
    limits: Limits,
}

enum Input {
    Bytes(Vec<u8>),
    File(PathBuf),
}

impl Attack {
    /// `start` of a verification made of these bytes.
    pub(super) fn start(bytes: Vec<u8>) -> Self {
        Self {
            input: Input::Bytes(bytes),
            kind: PluginKind::Verification,
            action: Call::Start { summary: None },
            config: json!({}),
            grants: Grants::default(),
            limits: Limits::new(),
        }
    }

    /// `start` of a verification in that file.
    pub(super) fn file(file: PathBuf) -> Self {
        Self { input: Input::File(file), ..Self::start(Vec::new()) }
    }

    pub(super) fn kind(self, kind: PluginKind) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn action(self, action: Call) -> Self {
        Self { action, ..self }
    }

    pub(super) fn with(self, config: Value, grants: Grants) -> Self {
        Self { config, grants, ..self }
    }

    pub(super) fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }
}

/// A row that ends with these words, within ten seconds: a busy machine needs some for what takes a tenth.
pub(super) fn row(name: impl Into<String>, attack: Attack, ends: &[&str]) -> Row {
    let ends = ends.iter().map(ToString::to_string).collect();
    Row { name: name.into(), attack, ends, never: Vec::new(), within: Duration::from_secs(10) }
}

impl Row {
    pub(super) fn never(self, words: &[&str]) -> Self {
        Self { never: words.iter().map(ToString::to_string).collect(), ..self }
    }
}

/// `start` of a verification whose body is this text.
pub(super) fn body(start: &str, more: &str) -> Attack {
    Attack::start(verification(start, more))
}

/// A guest of this text.
pub(super) fn text(kind: PluginKind, text: &Text<'_>) -> Attack {
    Attack::start(guest(kind, text, &manifest(kind))).kind(kind)
}

impl Stage {
    pub(super) fn new(budgets: Budgets) -> Self {
        Self::with(|config| PluginsConfig { budgets, ..config })
    }

    pub(super) fn with(change: impl FnOnce(PluginsConfig) -> PluginsConfig) -> Self {
        let dir = TempDir::new().expect("a directory");
        let config = change(PluginsConfig::new(dir.path().join("cache"), Arc::new(Noon)));
        let plugins = Plugins::new(config).expect("the plugin host starts");
        let file = dir.path().join("good.wasm");
        std::fs::write(&file, verification(ANSWER, "")).expect("a file");
        let good = PluginSource::new("good", file.display().to_string());
        Self { dir, plugins, good }
    }

    /// Plays the rows one after the other, says how each ended, and fails at the end with all that were wrong.
    pub(super) async fn play(&self, chapter: &str, expected: usize, rows: Vec<Row>) {
        let (count, mut wrong) = (rows.len(), String::new());
        for row in rows {
            let began = Instant::now();
            let told = self.attacked(&row.attack).await;
            let took = began.elapsed();
            let first = told.lines().next().unwrap_or_default();
            println!("{chapter}: {} ({took:.0?}): {first}", row.name);
            for why in self.faults(&row, &told, took).await {
                let _ = writeln!(wrong, "{}: {why}; it was told:\n{told}\n", row.name);
            }
        }
        println!("{chapter}: {count} rows");
        assert!(wrong.is_empty(), "{wrong}");
        assert_eq!(count, expected, "the chapter says how many rows it has");
    }

    /// What is wrong with how a row ended.
    async fn faults(&self, row: &Row, told: &str, took: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(row.ends.iter().filter(|words| !told.contains(*words)).map(|words| format!("`{words}` is missing")));
        faults.extend(row.never.iter().filter(|words| told.contains(*words)).map(|words| format!("`{words}` is there")));
        if took > row.within {
            faults.push(format!("it took {took:?}, more than {:?}", row.within));
        }
        if let Some(hidden) = told.chars().find(|c| acts_on_terminals(*c)) {
            faults.push(format!("{hidden:?} is in what is told"));
        }
        if told.len() > 600_000 {
            faults.push(format!("{} bytes are told", told.len()));
        }
        let good = self.call(&self.good, PluginKind::Verification, &Call::Start { summary: None }, &json!({})).await;
        match good {
            Ok(PluginReply { outcome: Outcome::Reported(report), .. }) if report.verdict.to_string() == "pass" => {}
            other => faults.push(format!("the good plugin then said {other:?}")),
        }
        faults
    }

    async fn attacked(&self, attack: &Attack) -> String {
        let file = match &attack.input {
            Input::File(file) => file.clone(),
            Input::Bytes(bytes) => {
                let file = self.dir.path().join("hostile.wasm");
                std::fs::write(&file, bytes).expect("a file");
                file
            }
        };
        let source = PluginSource {
            grants: attack.grants.clone(),
            limits: attack.limits.clone(),
            ..PluginSource::new("hostile", file.display().to_string())
        };
        told(self.call(&source, attack.kind, &attack.action, &attack.config).await)
    }

    pub(super) async fn call(
        &self,
        source: &PluginSource,
        kind: PluginKind,
        action: &Call,
        config: &Value,
    ) -> Result<PluginReply, PluginError> {
        let call = PluginCall { kind, config: config.clone(), run: run_info(), action: action.clone() };
        self.plugins.call(source, &call).await
    }
}

/// All that a call tells: the outcome or the error, the log, the progress.
fn told(answer: Result<PluginReply, PluginError>) -> String {
    match answer {
        Err(error) => format!("{error}\nhint: {}", error.hint.as_deref().unwrap_or_default()),
        Ok(reply) => {
            let outcome = serde_json::to_string(&reply.outcome).expect("an outcome has JSON");
            let log: String = reply.log.iter().map(|line| format!("\n{:?}: {}", line.level, line.message)).collect();
            format!("{outcome}{log}\n{}", reply.progress.unwrap_or_default())
        }
    }
}

/// What a terminal acts on, or what turns or hides text; line breaks may stand.
pub(super) fn acts_on_terminals(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

fn run_info() -> RunInfo {
    RunInfo::new(RunId::new("run-1"), StepId::new("phase-1/verify-1"), AmiId::new("ami-0123"), Timestamp(1_700_000_000_000))
}
