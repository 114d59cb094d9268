//! Doors for the fuzz targets of `tests/fuzz`, which see this room from outside. Behind a feature, and for nothing else.

use shiftgate_model::{ActionState, AmiId, Digest, Level, Outcome, RunId, RunInfo, StepId, Suspension, Timestamp};

use crate::Budgets;
use crate::grants::{Pattern, Target};
use crate::log::{Log, Stream};
use crate::manifest::Manifest;
use crate::seal;

/// A manifest, when it can be used.
#[must_use]
pub fn manifest(bytes: &[u8]) -> Option<Manifest> {
    Manifest::parse(bytes).ok()
}

/// The URL that is sent for `url` under a grant; none when it is refused.
#[must_use]
pub fn sent(grant: &str, url: &str) -> Option<String> {
    let (pattern, target) = (Pattern::parse(grant).ok()?, Target::parse("GET", url).ok()?);
    pattern.covers(&target).then(|| target.url().to_string())
}

/// The state as a step of a run saves it.
#[must_use]
pub fn seal(state: ActionState, run: &str, step: &str, polls: u32) -> ActionState {
    let wait = Outcome::Wait(Suspension { state: state.clone(), after: None, signals: Vec::new() });
    match seal::seal(wait, &info(run, step), &plugin(), polls) {
        Outcome::Wait(suspension) => suspension.state,
        _ => state,
    }
}

/// After how many calls a state was saved, when it opens for a step of a run.
#[must_use]
pub fn open(state: &ActionState, run: &str, step: &str) -> Option<u32> {
    seal::open(state, &info(run, step), &plugin()).ok()
}

/// The lines of a log: what was said, then what was written on standard error.
#[must_use]
pub fn logged(budgets: &Budgets, said: &[&str], written: &[&[u8]]) -> Vec<String> {
    let log = Log::new(budgets);
    for line in said {
        log.line(Level::Info, line);
    }
    for bytes in written {
        log.write(Stream::Error, bytes);
    }
    log.finish().lines.into_iter().map(|line| line.message).collect()
}

fn plugin() -> Digest {
    Digest("a".repeat(64))
}

fn info(run: &str, step: &str) -> RunInfo {
    RunInfo::new(RunId::new(run), StepId::new(step), AmiId::new("ami-0123"), Timestamp(0))
}
