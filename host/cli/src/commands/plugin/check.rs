//! `shiftgate plugin check`: whether the host takes a plugin, what it is, and what about it is worth a thought.

use std::path::Path;

use shiftgate_author::{TestBed, has_interpreter, inspect, read_all};

use super::{Component, component};
use crate::app::App;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring;

/// A component above this size is seldom meant, in bytes.
const LARGE: u64 = 2 << 20;

pub(super) async fn run(app: &mut App, path: &Path, no_build: bool) -> Result<Exit, Failure> {
    let Component { file, scenarios } = component(app, path, no_build).await?;
    let found = inspect(&wiring::inspector(app)?, &file)?;
    app.screen.print(&found.to_string())?;
    if !found.problems.is_empty() {
        return Err(Failure::Shown(Exit::PluginRefused));
    }
    let bed = TestBed::open(wiring::place(app)?, &file).await?;
    app.screen.print(&format!("it compiles and links: {:.1} ms\n", bed.loaded_in().as_secs_f64() * 1e3))?;
    let notes = notes(&bed, &scenarios).await?;
    for note in &notes {
        app.screen.print(&format!("note: {note}\n"))?;
    }
    Ok(Exit::Succeeded)
}

/// What is no mistake, and may be none that was meant.
async fn notes(bed: &TestBed, scenarios: &Path) -> Result<Vec<String>, Failure> {
    let (manifest, looked) = (bed.manifest(), bed.inspection());
    let mut notes = Vec::new();
    if manifest.summary.is_empty() {
        notes.push(
            "it says nothing of itself; write a `description` into Cargo.toml, or a `summary` into manifest.json".to_owned(),
        );
    }
    if manifest.config.as_str() == "true" {
        notes.push(
            "it has no schema, so every config is taken; derive `Config` for its settings, or write `config` into manifest.json"
                .to_owned(),
        );
    }
    for request in manifest.requests.http.iter().filter(|request| request.reason.trim().is_empty()) {
        notes.push(format!("it gives no reason why it wants to send {}", request.methods.join(", ")));
    }
    if looked.size > LARGE && !has_interpreter(&looked.file) {
        notes.push(format!("it has {}; build it for release, optimised for size and stripped", super::size(looked.size)));
    }
    let scenarios = read_all(scenarios)?;
    if scenarios.is_empty() {
        notes.push("it has no scenarios, so it is not known which of its requests it uses".to_owned());
        return Ok(notes);
    }
    bed.expect_own(&scenarios)?;
    for request in bed.unused_requests(&scenarios).await {
        notes.push(format!("no scenario ever sends {request}, which the manifest asks for: take it out, or add a scenario"));
    }
    Ok(notes)
}
