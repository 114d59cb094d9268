//! The figures of docs/benchmarks.md: `cargo xtask bench`. Each has a limit, and a figure over it ends the program with an
//! error. Ratios are taken in one run, alternatives interleaved. `cargo bench -p shiftgate --bench figures -- calls` takes one part.

#![expect(clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on says why and stops")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod bare;
mod calls;
mod commands;
mod judged;
mod killed;
mod traffic;
mod waiting;

use std::process::ExitCode;
use std::time::Duration;

/// One measured number and what it has to stay under (or over).
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) found: f64,
    pub(crate) unit: &'static str,
    pub(crate) limit: Limit,
}

#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    None,
}

impl Figure {
    fn holds(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.found <= limit,
            Limit::AtLeast(limit) => self.found >= limit,
            Limit::None => true,
        }
    }

    fn line(&self) -> String {
        let limit = match self.limit {
            Limit::AtMost(limit) => format!("at most {limit}"),
            Limit::AtLeast(limit) => format!("at least {limit}"),
            Limit::None => "-".to_owned(),
        };
        let held = if self.holds() { "" } else { "  MISSED" };
        format!("| {} | {:.2} {} | {limit} |{held}", self.what, self.found, self.unit)
    }
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[tokio::main]
async fn main() -> ExitCode {
    if killed::child().await {
        return ExitCode::SUCCESS;
    }
    let named: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|one| one == name);
    println!("| figure | found | limit |\n|---|---|---|");
    let mut holds = true;
    // First, while this process is small: what a child counts as its memory holds what it was forked from.
    if wanted("commands") {
        holds &= told(&commands::figures().await);
    }
    if wanted("calls") {
        holds &= told(&calls::figures().await);
    }
    if wanted("judged") {
        holds &= told(&judged::figures().await);
    }
    if wanted("waiting") {
        holds &= told(&waiting::figures().await);
    }
    if wanted("killed") {
        holds &= told(&killed::figures().await);
    }
    if wanted("traffic") {
        holds &= told(&traffic::figures().await);
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows some figures as soon as they are there. Returns whether all of them hold.
fn told(figures: &[Figure]) -> bool {
    for figure in figures {
        println!("{}", figure.line());
    }
    figures.iter().all(Figure::holds)
}
