//! What a run costs while it waits for a person: 1,000 of them, then 10,000, in one process, in one engine file; and how long the
//! commands take then that list them and vote on one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shiftgate_cloud::{Credentials, Spot, SpotConfig};
use shiftgate_engine::{Activities, Pace, Ports as Doors, Settings, WhenBusy};
use shiftgate_model::*;
use shiftgate_plugin::{Plugins, PluginsConfig};
use shiftgate_sim::{Ports, Sim, World};
use shiftgate_store::{Engine, EngineOptions, JournalAt, NewRun, Record, SystemClock};
use shiftgate_workflow::{Inputs, Plan, Source};

use crate::traffic::measure::NoFiles;
use crate::{Figure, Limit};

const RUNS: usize = 1_000;
const MANY: usize = 10_000;

pub(crate) async fn figures() -> Vec<Figure> {
    let home = tempfile::tempdir().expect("a folder");
    let sim = Sim::start(World::instant(), Ports { spot: 0, aws: 0 }).await.expect("the simulated account starts");
    let record = Record::open(home.path()).await.expect("a record");
    let activities = activities(&sim.spot_url(), &record, home.path());
    let options = EngineOptions { worker_concurrency: 8, ..EngineOptions::default() };
    let file = home.path().join("engine.db");
    let engine = Engine::start(&JournalAt::File(file), &record, activities, options).await.expect("the engine starts");

    // One run first: what the process needs once is not what a run costs.
    launch(&record, &engine, 0, &plan(0, APPROVE)).await;
    settled(&record, 1).await;
    let before = resident();
    let began = Instant::now();
    for number in 1..=RUNS {
        launch(&record, &engine, number, &plan(number, APPROVE)).await;
    }
    settled(&record, RUNS + 1).await;
    let took = began.elapsed();
    let more = resident() - before;
    for number in RUNS + 1..MANY {
        launch(&record, &engine, number, &plan(number, APPROVE)).await;
    }
    settled(&record, MANY).await;
    let whole = resident();
    let listed = command(home.path(), |_| ["runs", "--output", "json"].map(str::to_owned).to_vec());
    // Each time another run: one vote decides.
    let vote = |number| ["approve", run_id(5_000 + number).as_str(), "--as", "oncall"].map(str::to_owned).to_vec();
    let voted = command(home.path(), vote);
    engine.stop().await;
    vec![
        Figure { what: "1,000 waiting runs, memory", found: more, unit: "MiB", limit: Limit::AtMost(64.0) },
        Figure { what: "time until all of them wait", found: took.as_secs_f64(), unit: "s", limit: Limit::None },
        Figure { what: "10,000 waiting runs, the whole process", found: whole, unit: "MiB", limit: Limit::AtMost(150.0) },
        Figure { what: "10,000 waiting runs, list them", found: listed, unit: "ms", limit: Limit::AtMost(200.0) },
        Figure { what: "10,000 waiting runs, approve one", found: voted, unit: "ms", limit: Limit::AtMost(200.0) },
    ]
}

/// How long a command takes as a process, from start to end.
fn command(state: &Path, args: impl Fn(usize) -> Vec<String>) -> f64 {
    let times = (0..5).map(|number| {
        let args = args(number);
        let began = Instant::now();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shiftgate"));
        command.args(&args).env_clear().env("HOME", state).env("SHIFTGATE_STATE_DIR", state);
        let output = command.output().expect("the program starts");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        began.elapsed()
    });
    crate::millis(crate::median(times.collect()))
}

pub(crate) fn activities(spot: &str, record: &Record, home: &Path) -> Arc<Activities> {
    let credentials = Credentials { token: "token".to_owned().into(), account: AccountId::new("act-1") };
    let spot = Spot::new(SpotConfig::new(credentials, Some(spot)).expect("an address")).expect("a client");
    let plugins = Plugins::new(PluginsConfig {
        bundled_dirs: vec![Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("a folder").join("../plugins")],
        ..PluginsConfig::new(home.join("components"), Arc::new(SystemClock))
    });
    let record = Arc::new(record.clone());
    let doors = Doors {
        groups: Arc::new(spot),
        routes: None,
        plugins: Arc::new(plugins.expect("the plugin host starts")),
        ledger: Arc::clone(&record) as _,
        locks: Arc::clone(&record) as _,
        events: Arc::clone(&record) as _,
        evidence: Arc::clone(&record) as _,
        parking: Arc::clone(&record) as _,
        runs: record,
        clock: Arc::new(SystemClock),
    };
    let settings = Settings { account: "act-1".into(), pace: Pace::default(), when_busy: WhenBusy::Wait };
    Arc::new(Activities::new(doors, settings))
}

const APPROVE: &str = "approve: [ { manual: { message: \"Go?\", approvers: [oncall] } } ]";

/// A run that waits in a step before it touches anything.
pub(crate) fn plan(number: usize, step: &str) -> Plan {
    let text = format!(
        r#"
version: 1
service: {{ name: web, artifact: {{ ami: ami-0green }} }}
environment: {{ name: prod }}
infrastructure: {{ name: east, region: us-east-1, elastigroup: {{ group: {{ compute: {{ launchSpecification: {{}} }} }} }} }}
workflow:
  name: web
  strategy: basic
  setup: {{ name: web{number}, instances: {{ min: 1, target: 2, max: 4 }} }}
  deploy: 2
  {step}
"#
    );
    let source = Source { name: "bench.yaml".into(), text };
    let mut plan = shiftgate_workflow::plan(&source, &NoFiles, &Inputs::new()).expect("a plan");
    let steps = &mut plan.phases.first_mut().expect("a phase").steps;
    steps.reverse();
    plan
}

pub(crate) fn run_id(number: usize) -> RunId {
    RunId::new(format!("20261123-000000-{number:04}"))
}

pub(crate) async fn launch(record: &Record, engine: &Engine, number: usize, plan: &Plan) {
    let id = run_id(number);
    let run = NewRun::of(plan, id.clone(), AccountId::new("act-1"), "bench", Timestamp(0));
    record.create_run(&run).await.expect("the run is recorded");
    engine.launch(&id, plan).await.expect("the run starts");
}

/// Waits until so many runs have asked for their approval.
async fn settled(record: &Record, runs: usize) {
    let began = Instant::now();
    let mut changes = record.changes();
    let mut waiting = 0;
    while waiting < runs {
        assert!(began.elapsed() < Duration::from_secs(900), "{waiting} of {runs} wait after a quarter of an hour");
        let rows = record.runs(u32::MAX >> 1).await.expect("the runs");
        waiting = rows.iter().filter(|row| row.asked_in.is_some()).count();
        let _ = tokio::time::timeout(Duration::from_secs(1), changes.changed()).await;
    }
}

/// Resident memory of this process, in MiB.
pub(crate) fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).expect("a number") / 1024.0
}
