//! 10,000 verifications that take an hour, in one process that is killed: another process takes all of them up where they stood.
//!
//! The process that is killed is this benchmark again, as a child: it starts the runs, says when all of them wait, and is killed
//! then. The runs wait for an hour more; that each of them was taken up shows when each heeds an order to stop.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shiftgate_engine::{Order, give_order};
use shiftgate_model::*;
use shiftgate_sim::{Ports, Sim, World};
use shiftgate_store::{Engine, EngineOptions, JournalAt, Record};

use crate::waiting::{activities, launch, plan, resident, run_id};
use crate::{Figure, Limit};

const RUNS: usize = 10_000;
/// Runs that are ordered to stop at once.
const AT_ONCE: usize = 100;
/// Says to this program that it is the child; its home and Spot's address follow.
const CHILD: &str = "--killed";
const READY: &str = "all of them wait";

const VERIFY: &str = r#"verify:
    - plugin: prometheus
      with: { url: "http://127.0.0.1:9", query: up, max: 1, initialDelay: 1h }
      timeout: 2h"#;

/// The child's whole life, if this is the child.
pub(crate) async fn child() -> bool {
    let mut args = std::env::args().skip_while(|arg| arg != CHILD).skip(1);
    let (Some(home), Some(spot)) = (args.next(), args.next()) else { return false };
    let home = PathBuf::from(home);
    let record = Record::open(&home).await.expect("a record");
    let engine = engine(&home, &record, &spot).await;
    for number in 0..RUNS {
        launch(&record, &engine, number, &plan(number, VERIFY)).await;
    }
    waiting(&record).await;
    println!("{READY}");
    std::future::pending::<()>().await;
    true
}

pub(crate) async fn figures() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let sim = Sim::start(World::instant(), Ports { spot: 0, aws: 0 }).await.expect("the simulated account starts");
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .arg(CHILD)
        .arg(home.path())
        .arg(sim.spot_url())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line == READY));
    assert!(ready, "the child ended before all of them waited");
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");

    let before = resident();
    let began = Instant::now();
    let record = Record::open(home.path()).await.expect("a record");
    let engine = engine(home.path(), &record, &sim.spot_url()).await;
    for number in 0..RUNS {
        engine.launch(&run_id(number), &plan(number, VERIFY)).await.expect("the run goes on");
    }
    let mut changes = record.changes();
    let mut most = resident() - before;
    // A few at a time: an order for all of them at once would be a storm, and not 10,000 that wait.
    for first in (0..RUNS).step_by(AT_ONCE) {
        for number in first..first + AT_ONCE {
            give_order(&record, &run_id(number), Order::Abort, "the benchmark is over").await.expect("an order");
        }
        for number in first..first + AT_ONCE {
            while record.run(&run_id(number)).await.expect("the run").is_none_or(|row| row.ending.is_none()) {
                assert!(began.elapsed() < Duration::from_secs(900), "{number} of {RUNS} went on");
                let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
            }
        }
        most = most.max(resident() - before);
    }
    let took = began.elapsed();
    engine.stop().await;
    vec![
        Figure {
            what: "10,000 killed verifications that went on",
            found: RUNS as f64,
            unit: "runs",
            limit: Limit::AtLeast(RUNS as f64),
        },
        Figure { what: "memory of the process that took them up", found: most, unit: "MiB", limit: Limit::AtMost(100.0) },
        Figure { what: "until each had heeded an order", found: took.as_secs_f64(), unit: "s", limit: Limit::None },
    ]
}

async fn engine(home: &Path, record: &Record, spot: &str) -> Engine {
    let options = EngineOptions { worker_concurrency: 8, ..EngineOptions::default() };
    let journal = JournalAt::File(home.join("engine.db"));
    Engine::start(&journal, record, activities(spot, record, home), options).await.expect("the engine starts")
}

/// Until the verification of every run has been called once, and so waits.
async fn waiting(record: &Record) {
    let mut changes = record.changes();
    for number in 0..RUNS {
        let run = run_id(number);
        while !record
            .read(&run, 0)
            .await
            .expect("events")
            .iter()
            .any(|event| matches!(event.kind, EventKind::PluginLoaded { .. }))
        {
            let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
        }
    }
}
