//! `shiftgate plugin test`: a line for each scenario, and what every plugin has to stand.

use std::time::{Duration, Instant};

use owo_colors::OwoColorize as _;
use shiftgate_author::{AuthorError, Checked, TestBed, read_all, read_named};

use super::{Component, component};
use crate::app::App;
use crate::args::TestPlugin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::printable;
use crate::wiring;

/// How many there were, how many of them failed, and how many had nothing to try.
#[derive(Clone, Copy, Default)]
struct Count {
    all: usize,
    failed: usize,
    skipped: usize,
}

impl Count {
    fn take(&mut self, checked: &Checked) {
        self.all += 1;
        self.failed += usize::from(!checked.failures.is_empty());
        self.skipped += usize::from(checked.skipped.is_some());
    }
}

pub(super) async fn run(app: &mut App, args: &TestPlugin) -> Result<Exit, Failure> {
    let Component { file, scenarios } = component(app, &args.file, args.no_build).await?;
    let scenarios = args.scenarios.as_deref().map_or_else(|| read_all(&scenarios), read_named)?;
    let bed = TestBed::open(wiring::place(app)?, &file).await?;
    bed.expect_own(&scenarios)?;
    let (began, mut played, mut stood) = (Instant::now(), Count::default(), Count::default());
    let manifest = bed.manifest();
    app.screen.print(&format!("{} {} ({})\n", manifest.name, manifest.version, manifest.kind))?;
    for scenario in &scenarios {
        let checked = bed.scenario(scenario).await;
        played.take(&checked);
        app.screen.print(&lines(&checked))?;
    }
    if scenarios.is_empty() {
        app.screen.note("note: it has no scenarios; what every plugin has to stand is tried all the same");
    }
    let mut tried = Vec::new();
    let conformance = bed.conformance(&scenarios, args.with.clone(), &mut |checked| tried.push(checked)).await;
    for checked in &tried {
        stood.take(checked);
        if args.verbose || !checked.failures.is_empty() {
            app.screen.print(&lines(checked))?;
        }
    }
    match conformance {
        // The scenarios have said it.
        Err(AuthorError::NoConfig { .. }) if played.failed > 0 && args.with.is_none() => {
            app.screen.note("note: what every plugin has to stand is not tried: no scenario has a config that the plugin takes");
        }
        other => other?,
    }
    app.screen.print(&summary(played, stood, began.elapsed()))?;
    match played.failed + stood.failed {
        0 => Ok(Exit::Succeeded),
        _ => Err(Failure::Shown(Exit::NotAsExpected)),
    }
}

/// A test in a line, and a line more for each failure.
fn lines(checked: &Checked) -> String {
    let word = match (&checked.skipped, checked.failures.is_empty()) {
        (Some(_), _) => "  -   ".dimmed().to_string(),
        (None, true) => "  ok  ".green().to_string(),
        (None, false) => "  FAIL".red().bold().to_string(),
    };
    let passed = if checked.passed.0 > 0 { format!(", {} of the run", checked.passed) } else { String::new() };
    let aside = match &checked.skipped {
        Some(why) => why.clone(),
        None => format!("{}{passed}", time(checked.took)),
    };
    let mut text = format!("{word}  {}  {}\n", printable(&checked.name), format!("({aside})").dimmed());
    let file = checked.file.as_ref().filter(|_| !checked.failures.is_empty());
    text.extend(file.map(|file| format!("        in {}\n", printable(&file.display().to_string()))));
    for failure in &checked.failures {
        text.push_str(&format!("        {}\n", printable(failure).replace('\n', "\n        ")));
    }
    text
}

fn summary(played: Count, stood: Count, took: Duration) -> String {
    let part = |Count { all, failed, skipped }: Count, what: &str| {
        let aside = if skipped > 0 { format!(", {skipped} had nothing to try") } else { String::new() };
        match failed {
            0 => format!("{} {what} passed{aside}", all - skipped),
            _ => format!("{failed} of {all} {what} failed{aside}"),
        }
    };
    let took = time(took);
    format!("{}; {}; {took}\n", part(played, "scenarios"), part(stood, "conformance checks"))
}

fn time(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1e3;
    if millis < 1_000.0 { format!("{millis:.1} ms") } else { format!("{:.1} s", millis / 1e3) }
}
