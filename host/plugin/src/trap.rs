//! What an operator reads when a call has no outcome: the budget that is used up, the plugin's own error, or a crash report.
//!
//! A crash report has the panic's text (guests write it to standard error), the first frames, the component's digest, and
//! what was used. Pure but for reading the store of the dead call.

use std::fmt::Write as _;
use std::path::Path;

use shiftgate_model::{Millis, PluginError};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::Budgets;
use crate::budgets::{Exceeded, bytes};
use crate::error::LoadError;
use crate::guest::Guest;
use crate::kinds::Fault;
use crate::loader::Loaded;
use crate::log::{cut, printable};
use crate::schema::Problem;

/// Frames that a report shows.
const FRAMES: usize = 6;
/// The longest panic text, in bytes.
const PANIC: usize = 1_000;

/// Whose call is told about.
#[derive(Clone, Copy)]
pub(crate) struct Teller<'a> {
    /// The plugin's name in the workflow file.
    pub(crate) plugin: &'a str,
    /// The step's id.
    pub(crate) step: &'a str,
}

/// What is known of a call that has no outcome.
pub(crate) struct Dead<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) guest: &'a Guest,
    pub(crate) budgets: &'a Budgets,
    pub(crate) compute: Millis,
    /// The last of standard error.
    pub(crate) stderr: &'a str,
}

impl Teller<'_> {
    fn error(self, message: String, hint: Option<String>, retryable: bool) -> PluginError {
        PluginError { plugin: self.plugin.to_owned(), message, hint, retryable, called: None }
    }

    /// The file is not a plugin that the step can take.
    pub(crate) fn load(self, error: &LoadError) -> PluginError {
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(error) {
            let _ = write!(message, ": {source}");
        }
        self.error(message, Some(error.hint()), false)
    }

    /// The workflow grants something that cannot be read.
    pub(crate) fn grant(self, reason: String) -> PluginError {
        let hint = "write a grant as `- { url: \"https://api.example.com/v1\", methods: [GET] }`";
        self.error(reason, Some(hint.to_owned()), false)
    }

    /// The operator's policy does not let it run, or does not let it have what the workflow grants.
    pub(crate) fn policy(self, file: &Path, reason: &str, hint: Option<String>) -> PluginError {
        self.error(format!("the operator's policy {} {reason}", file.display()), hint, false)
    }

    /// The workflow asks for more than it may give.
    pub(crate) fn limits(self, reason: String) -> PluginError {
        let hint = "lower it under `limits:`, or raise the bound in the operator's policy";
        self.error(reason, Some(hint.to_owned()), false)
    }

    /// The saved state is not this step's.
    pub(crate) fn seal(self, reason: &str) -> PluginError {
        let hint = "the record was changed by hand or mixed up; roll the run back, and begin a new one";
        self.error(format!("step `{}`: {reason}", self.step), Some(hint.to_owned()), false)
    }

    /// The step's config does not fit the plugin's schema.
    pub(crate) fn config(self, problems: &[Problem]) -> PluginError {
        let mut message = format!("step `{}`: the config does not fit the plugin's schema", self.step);
        for (pointer, problem) in problems {
            let place = if pointer.is_empty() { "the whole" } else { pointer };
            let _ = write!(message, "\n  {place}: {problem}");
        }
        self.error(message, Some("correct the step's `with:`; `shiftgate plugin inspect` shows the schema".to_owned()), false)
    }

    /// The plugin cannot go on from what an earlier version of it saved.
    pub(crate) fn state(self, saved: u32, reads: &[u32]) -> PluginError {
        let reads = reads.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("step `{}`: the saved state is of version {saved}; this component reads {reads}", self.step);
        self.error(message, Some("go on with the component that the step was started with".to_owned()), false)
    }

    /// A budget is used up.
    pub(crate) fn exceeded(self, exceeded: &Exceeded, retryable: bool) -> PluginError {
        let hint = "give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author";
        self.error(format!("step `{}`: it {exceeded}", self.step), Some(hint.to_owned()), retryable)
    }

    /// Tells of a fault.
    pub(crate) fn fault(self, fault: &Fault, dead: &Dead<'_>) -> PluginError {
        let author = || Some("report it to the plugin's author, with this message".to_owned());
        match fault {
            Fault::Exceeded(exceeded) => self.exceeded(exceeded, false),
            Fault::Broken(why) => self.error(format!("step `{}`: it broke the contract: {why}", self.step), author(), false),
            Fault::Senseless(why) => self.error(format!("step `{}`: {why}", self.step), None, false),
            Fault::Step { code, message, retryable } => {
                // A refusal is the likeliest reason, and its lines are what the operator needs.
                self.error(format!("{code}: {message}"), dead.guest.denial().map(ToOwned::to_owned), *retryable)
            }
            Fault::Trap(error) => match exhausted(error, dead) {
                Some(exceeded) => self.exceeded(&exceeded, false),
                None if error.is::<PoolConcurrencyLimitError>() => {
                    self.error(format!("step `{}`: there is no room for another instance", self.step), None, true)
                }
                None => self.error(format!("step `{}`: {}", self.step, crash(error, dead)), author(), false),
            },
        }
    }
}

/// The budget behind a trap, where there is one.
fn exhausted(error: &wasmtime::Error, dead: &Dead<'_>) -> Option<Exceeded> {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return Some(exceeded.clone());
    }
    if let Some(refused) = dead.guest.limiter().refused() {
        return Some(refused.clone());
    }
    if matches!(error.downcast_ref::<Trap>(), Some(Trap::StackOverflow)) {
        return Some(Exceeded::new("call stack", bytes(crate::engine::GUEST_STACK as u64), "it called itself too deeply"));
    }
    let told = format!("{error:#}");
    // The engine's own errors for handles and for what crosses have no public types.
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full))
        || told.contains("store handle limit exceeded")
    {
        return Some(Exceeded::new("handles", dead.budgets.handles.to_string(), "it kept more open at once"));
    }
    if told.contains("fuel allocated for hostcalls has been exhausted") {
        let limit = bytes(dead.budgets.host_call_bytes);
        return Some(Exceeded::new("host-call bytes", limit, "it passed more in one call to the host, or in its answer"));
    }
    None
}

/// A crash report, in one line.
fn crash(error: &wasmtime::Error, dead: &Dead<'_>) -> String {
    let mut report = match (error.downcast_ref::<I32Exit>(), error.downcast_ref::<Trap>()) {
        (Some(I32Exit(status)), _) => format!("it ended itself with exit status {status}"),
        (None, Some(trap)) => format!("it crashed: {trap}"),
        (None, None) => format!("it could not run: {}", cut(&printable(&error.root_cause().to_string()), PANIC)),
    };
    let panic = panic_text(dead.stderr);
    if !panic.is_empty() {
        let _ = write!(report, "; it said: {panic}");
    }
    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
        let frames: Vec<String> = trace.frames().iter().take(FRAMES).map(frame).collect();
        if !frames.is_empty() {
            let _ = write!(report, "; in {}", frames.join(" < "));
        }
    }
    let _ = write!(
        report,
        "; component sha256 {}; it had used {} of {} memory and {} of {} compute time",
        dead.loaded.digest.0,
        bytes(dead.guest.limiter().memory()),
        bytes(dead.budgets.memory_bytes),
        dead.guest.computed(),
        dead.compute,
    );
    report
}

fn frame(frame: &wasmtime::FrameInfo) -> String {
    match frame.func_name() {
        Some(name) => cut(&printable(&format!("{:#}", rustc_demangle::demangle(name))), 120),
        None => format!("function {}", frame.func_index()),
    }
}

/// What a guest wrote last on standard error, in one line; a Rust panic's advice on backtraces is left out.
fn panic_text(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note: "));
    let lines: Vec<&str> = lines.collect();
    // A panic begins with the thread's name.
    let start = lines.iter().rposition(|line| line.starts_with("thread ") && line.contains(" panicked at ")).unwrap_or_default();
    let text = lines.get(start..).unwrap_or_default().join(" ");
    cut(&printable(&text), PANIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_one_line_without_what_came_before() {
        let stderr =
            "warming up\n\nthread 'main' (1) panicked at src/lib.rs:3:5:\nboom \u{1b}[31m\nnote: run with `RUST_BACKTRACE=1`\n";
        insta::assert_snapshot!(panic_text(stderr), @r#"thread 'main' (1) panicked at src/lib.rs:3:5: boom \u{1b}[31m"#);
        assert_eq!(panic_text("only words\n"), "only words");
        assert_eq!(panic_text(""), "");
    }
}
