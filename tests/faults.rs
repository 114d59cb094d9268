//! Nothing is lost when a cloud fails: every call of every strategy, forward and back, goes wrong in every way, once and for ever.
//!
//! `matrix` makes the cells from the calls of an undisturbed run, `run` plays one, `judge` says what must hold after each.
//! A sample runs by default, picked by `SHIFTGATE_CAMPAIGN_SEED`; `cargo xtask campaign` (`SHIFTGATE_CAMPAIGN=full`) plays every
//! cell and prints the table of `docs/reliability.md`; `SHIFTGATE_FAULT` plays those whose names begin so.

mod judge;
mod matrix;
mod run;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use shiftgate_model::{Clock as _, Ending};
use shiftgate_plugin::Plugins;
use shiftgate_store::SystemClock;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::campaign::{mixed, variable};
use matrix::Cell;
use run::Played;
pub(crate) use scenario::{Scenario, Strategy};

/// How many cells run when nobody asks for more.
const SAMPLE: usize = 60;
/// How many run at once: they wait most of the time.
const AT_ONCE: usize = 12;

/// Which cells are played.
enum Choice {
    Sample { seed: u64 },
    Full,
    Named(String),
}

impl Choice {
    fn of_environment() -> Self {
        if let Some(name) = variable("SHIFTGATE_FAULT") {
            return Self::Named(name);
        }
        if variable("SHIFTGATE_CAMPAIGN").as_deref() == Some("full") {
            return Self::Full;
        }
        let seed = variable("SHIFTGATE_CAMPAIGN_SEED").and_then(|seed| seed.parse().ok());
        Self::Sample { seed: seed.unwrap_or_else(|| SystemClock.now().0) }
    }

    fn of(&self, mut cells: Vec<Cell>) -> Vec<Cell> {
        match self {
            Self::Full => {}
            Self::Named(name) => cells.retain(|cell| cell.name().starts_with(name.as_str())),
            Self::Sample { seed } => {
                // The cells in an order that follows from the seed alone.
                cells.sort_by_cached_key(|cell| mixed(*seed, &cell.name()));
                cells.truncate(SAMPLE);
            }
        }
        cells
    }
}

/// How the cells ended.
#[derive(Default)]
struct Tally {
    /// Of cells whose fault passes.
    once: BTreeMap<String, usize>,
    /// By call and way, of those whose fault stays.
    for_ever: BTreeMap<String, BTreeMap<&'static str, BTreeSet<char>>>,
    stayed: BTreeMap<String, usize>,
}

impl Tally {
    fn count(&mut self, cell: &Cell, ending: Ending) {
        if !cell.for_ever {
            *self.once.entry(ending.to_string()).or_default() += 1;
            return;
        }
        *self.stayed.entry(ending.to_string()).or_default() += 1;
        let sign = match ending {
            Ending::Succeeded => 'S',
            Ending::RolledBack => 'B',
            Ending::Failed => 'F',
            Ending::Aborted => 'A',
            Ending::Stuck => '!',
        };
        let call = format!("{} {}", cell.place.service.name(), cell.place.operation);
        self.for_ever.entry(call).or_default().entry(cell.way.name).or_default().insert(sign);
    }

    /// A call a line, a way a column; above it how many ended how.
    fn table(&self) -> String {
        let ways = matrix::WAYS.map(|way| way.name);
        let mut text = format!("once: {:?}\nfor ever: {:?}\n\n", self.once, self.stayed);
        let _ = writeln!(text, "| call | {} |\n|---|{}", ways.join(" | "), "---|".repeat(ways.len()));
        for (call, found) in &self.for_ever {
            let signs = |way: &&str| {
                found.get(way).map_or_else(String::new, |signs| signs.iter().map(char::to_string).collect::<Vec<_>>().join(" "))
            };
            let _ = writeln!(text, "| {call} | {} |", ways.iter().map(signs).collect::<Vec<_>>().join(" | "));
        }
        text
    }
}

/// Plays every deployment without a fault.
async fn calm(plugins: &Arc<Plugins>) -> BTreeMap<String, (Scenario, Played)> {
    let mut playing = JoinSet::new();
    for scenario in Scenario::all() {
        let plugins = Arc::clone(plugins);
        playing.spawn(async move { (scenario.name(), (scenario, run::play(scenario, None, plugins).await)) });
    }
    playing.join_all().await.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fault_campaign_loses_nothing() {
    let plugins = run::plugin_host();
    let calm = Arc::new(calm(&plugins).await);
    for (name, (scenario, played)) in calm.as_ref() {
        assert!(played.wrongs.is_empty(), "{name}: {:?}", played.wrongs);
        let wanted = if scenario.back { Ending::RolledBack } else { Ending::Succeeded };
        assert_eq!(played.left.ending, wanted, "{name}: {:?}", played.left.events.last());
    }
    let choice = Choice::of_environment();
    let all: Vec<Cell> = calm.values().flat_map(|(scenario, played)| matrix::cells(*scenario, played)).collect();
    let count = all.len();
    let chosen = choice.of(all);
    assert!(!chosen.is_empty(), "no cell of {count} has that name");
    let (seats, total) = (Arc::new(Semaphore::new(AT_ONCE)), chosen.len());
    let mut playing = JoinSet::new();
    for cell in chosen {
        let (seats, plugins, calm) = (Arc::clone(&seats), Arc::clone(&plugins), Arc::clone(&calm));
        playing.spawn(async move {
            let _seat = seats.acquire().await.expect("the semaphore stays open");
            let played = run::play(cell.scenario, Some(cell.fault()), plugins).await;
            let (_, calm) = calm.get(&cell.scenario.name()).expect("it was played before");
            let wrongs = judge::judge(&cell, calm, &played);
            (cell, played, wrongs)
        });
    }
    let mut tally = Tally::default();
    let mut report = String::new();
    let mut failed = 0;
    while let Some(done) = playing.join_next().await {
        let (cell, played, wrongs) = done.expect("a cell is played to its end");
        tally.count(&cell, played.left.ending);
        if !wrongs.is_empty() {
            failed += 1;
            let _ = writeln!(report, "{}: {}", cell.name(), played.left.ending);
            for wrong in wrongs {
                let _ = writeln!(report, "  - {wrong}");
            }
            if matches!(choice, Choice::Named(_)) {
                for event in &played.left.events {
                    let _ = writeln!(report, "    {:?} {}", event.step.as_ref().map(|step| step.as_str()), event.kind);
                }
            }
            let _ = writeln!(
                report,
                "  SHIFTGATE_FAULT={} cargo nextest run -p shiftgate --test end_to_end -E 'test(fault_campaign)'",
                cell.name()
            );
        }
    }
    let seed = match choice {
        Choice::Sample { seed } => format!(" (SHIFTGATE_CAMPAIGN_SEED={seed})"),
        Choice::Full | Choice::Named(_) => String::new(),
    };
    println!("{total} of {count} cells{seed}\n{}", tally.table());
    assert_eq!(failed, 0, "{failed} of {total} cells are wrong{seed}:\n{report}");
}
