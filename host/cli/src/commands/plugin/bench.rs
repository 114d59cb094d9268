//! `shiftgate plugin bench`: what a plugin costs, in a table.

use std::time::Duration;

use shiftgate_author::{AuthorError, bench, read_all};

use super::{Component, component, size};
use crate::app::App;
use crate::args::BenchPlugin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{align, printable};
use crate::wiring;

pub(super) async fn run(app: &mut App, args: &BenchPlugin) -> Result<Exit, Failure> {
    let Component { file, scenarios } = component(app, &args.file, args.no_build).await?;
    let scenarios = read_all(&scenarios)?;
    let config = args.with.clone().or_else(|| scenarios.iter().find_map(|scenario| scenario.good_config().cloned()));
    let config = config.ok_or(AuthorError::NoConfig { problems: Vec::new() })?;
    let calls = usize::try_from(args.calls).unwrap_or(usize::MAX);
    let found = bench(&wiring::place(app)?, &file, &config, calls, &scenarios).await?;
    let mut rows = vec![
        row("a call in a fresh instance, median", micros(found.median)),
        row("the same, 95 of 100", micros(found.p95)),
        row("load, with its code in the cache", millis(found.load)),
        row("compile", millis(found.compile)),
        row("size", size(found.size)),
        row("compiled", size(found.compiled)),
    ];
    rows.extend(found.scenarios.iter().map(|(name, took)| row(&format!("scenario: {}", printable(name)), millis(*took))));
    align(&mut rows);
    for [what, figure] in &rows {
        app.screen.print(&format!("{what}  {figure}\n"))?;
    }
    app.screen.note(&format!("{} calls of `validate` were measured", found.calls));
    Ok(Exit::Succeeded)
}

fn row(what: &str, figure: String) -> [String; 2] {
    [what.to_owned(), figure]
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
