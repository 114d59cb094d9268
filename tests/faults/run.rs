//! One run in a simulated account with a fault in it, through both clients over HTTP and the durable engine, and what it left.
//!
//! The clients are the program's own with less patience. It only plays and collects; what has to hold is `judge`'s.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use shiftgate_cloud::{Credentials, Elb, ElbConfig, ElbRetry, ElbTimeouts, RetryPolicy, Spot, SpotConfig, Timeouts};
use shiftgate_engine::{Activities, Pace, Ports as Doors, Settings, WhenBusy};
use shiftgate_model::*;
use shiftgate_plugin::{Plugins, PluginsConfig};
use shiftgate_sim::{AwsCall, Call, Fault, GroupView, LoadBalancerView, Ports, Sim, TargetState};
use shiftgate_store::{Engine, EngineOptions, JournalAt, NewRun, Record, SystemClock};
use shiftgate_workflow::{Action, Plan};
use tempfile::TempDir;

use super::scenario::{SERVING, Scenario};
use crate::program::plugins;

/// How long a call may take; a slow one takes longer.
pub(crate) const TIMEOUT: Millis = Millis(400);
/// Longer than any run takes here.
const PATIENCE: Duration = Duration::from_secs(90);
pub(crate) const RUN: &str = "20261127-000000-aaaa";

/// What the account holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) groups: Vec<GroupView>,
    pub(crate) balancers: Vec<LoadBalancerView>,
}

impl Seen {
    fn of(sim: &Sim) -> Self {
        Self { groups: sim.groups(), balancers: sim.routes() }
    }
}

/// What is on record, and in the account, when the run has come to an end.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) ending: Ending,
    pub(crate) on_record: Option<Ending>,
    pub(crate) events: Vec<Event>,
    pub(crate) effects: Vec<EffectRecord>,
    pub(crate) after: Seen,
}

/// A run from its start to its end.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) before: Seen,
    pub(crate) left: Left,
    /// The same run after the fault is gone and it was taken up again; none where it had come to an end for good.
    pub(crate) resumed: Option<Left>,
    pub(crate) calls: Vec<Call>,
    pub(crate) aws_calls: Vec<AwsCall>,
    /// How many calls of Spot and of AWS were made before the faults began.
    pub(crate) spared: (usize, usize),
    pub(crate) hits: u64,
    /// What was wrong while the run went on.
    pub(crate) wrongs: Vec<String>,
}

/// The plugin host that all runs of a test share.
pub(crate) fn plugin_host() -> Arc<Plugins> {
    let folder = plugins();
    let config = PluginsConfig {
        bundled_dirs: vec![folder.clone()],
        ..PluginsConfig::new(folder.join("cache-of-tests"), Arc::new(SystemClock))
    };
    Arc::new(Plugins::new(config).expect("the plugin host starts"))
}

pub(crate) async fn play(scenario: Scenario, fault: Option<Fault>, plugins: Arc<Plugins>) -> Played {
    let home = TempDir::new().expect("a home");
    let sim = Arc::new(Sim::start(scenario.world(), Ports::default()).await.expect("the simulated account starts"));
    let before = Seen::of(&sim);
    let record = Record::open(home.path()).await.expect("a record");
    let watch = Arc::new(Watch {
        record: record.clone(),
        sim: Arc::clone(&sim),
        fault,
        spared: Mutex::default(),
        wrongs: Mutex::default(),
    });
    if !scenario.back {
        watch.begin();
    }
    let activities = activities(&sim, &record, &watch, plugins).await;
    let run = RunId::new(RUN);
    let plan = scenario.plan();
    let new = NewRun::of(&plan, run.clone(), AccountId::new("act-1"), "faults.yaml", SystemClock.now());
    record.create_run(&new).await.expect("the run is recorded");
    vote(&record, &run, &plan, scenario).await;

    let file = JournalAt::File(home.path().join("engine.db"));
    let engine = Engine::start(&file, &record, activities, EngineOptions::default()).await.expect("the engine starts");
    let left = ended(&engine, &record, &sim, &run, &plan).await;
    let hits = sim.faults_hit();
    let resumed = if matches!(left.ending, Ending::Stuck | Ending::Aborted) {
        sim.clear_faults();
        Some(ended(&engine, &record, &sim, &run, &plan).await)
    } else {
        None
    };
    engine.stop().await;
    record.close().await;
    let spared = lock(&watch.spared).unwrap_or_default();
    let (calls, aws_calls, wrongs) = (sim.calls(), sim.aws_calls(), lock(&watch.wrongs).clone());
    sim.stop().await;
    Played { before, left, resumed, calls, aws_calls, spared, hits, wrongs }
}

async fn ended(engine: &Engine, record: &Record, sim: &Sim, run: &RunId, plan: &Plan) -> Left {
    engine.launch(run, plan).await.expect("the run starts");
    let ending = tokio::time::timeout(PATIENCE, engine.ended(run)).await.expect("the run ends in time").expect("the run ends");
    let row = record.run(run).await.expect("the run on record").expect("the run on record");
    Left {
        ending,
        on_record: row.ending,
        events: Events::read(record, run, 0).await.expect("the events"),
        effects: record.record(run).await.expect("the ledger"),
        after: Seen::of(sim),
    }
}

/// Everybody has voted before they are asked.
async fn vote(record: &Record, run: &RunId, plan: &Plan, scenario: Scenario) {
    let steps = plan.phases.iter().flat_map(|phase| &phase.steps);
    let asked: Vec<&StepId> = steps.filter(|step| matches!(step.action, Action::Approve(_))).map(|step| &step.id).collect();
    for (index, step) in asked.iter().enumerate() {
        let vote = if index + 1 == asked.len() { scenario.last_vote() } else { Vote::Approve };
        let ballot = Ballot { subject: "ann".into(), vote, at: SystemClock.now(), comment: String::new(), bound_digest: None };
        record.cast(run, step, &ballot).await.expect("the vote is recorded");
    }
}

async fn activities(sim: &Sim, record: &Record, watch: &Arc<Watch>, plugins: Arc<Plugins>) -> Arc<Activities> {
    let secret = || SecretString::from("simulated".to_owned());
    let credentials = Credentials { token: secret(), account: AccountId::new("act-1") };
    let mut spot = SpotConfig::new(credentials, Some(&sim.spot_url())).expect("an address");
    spot.timeouts = Timeouts { read: TIMEOUT, write: TIMEOUT, ..Timeouts::default() };
    spot.retry = RetryPolicy {
        attempts: 3,
        first_pause: Millis(2),
        longest_pause: Millis(10),
        budget: Millis::seconds(5),
        limit_window: Millis(30),
        limit_budget: Millis(1_500),
        create_attempts: 2,
        looks: 2,
        look_pause: Millis(5),
        provisioning_pause: Millis(5),
        provisioning_budget: Millis(50),
    };
    let mut elb = ElbConfig::new("us-east-1").with_static_credentials("AKIASIMULATED", secret());
    elb.endpoint_url = Some(sim.aws_url());
    elb.timeouts = ElbTimeouts { attempt: TIMEOUT, operation: Millis::seconds(5), ..ElbTimeouts::default() };
    elb.retry = ElbRetry { attempts: 3, first_pause: Millis(2), longest_pause: Millis(10) };
    let record = Arc::new(record.clone());
    let doors = Doors {
        groups: Arc::new(Spot::new(spot).expect("a client")),
        routes: Some(Arc::new(Elb::new(elb).await.expect("a client"))),
        plugins,
        ledger: Arc::clone(&record) as _,
        locks: Arc::clone(&record) as _,
        events: Arc::clone(watch) as _,
        evidence: Arc::clone(&record) as _,
        parking: Arc::clone(&record) as _,
        runs: record,
        clock: Arc::new(SystemClock),
    };
    let pace = Pace { first: Millis(10), longest: Millis(50), stable_for: 1, propagation: Millis(5) };
    Arc::new(Activities::new(doors, Settings { account: "act-1".into(), pace, when_busy: WhenBusy::Wait }))
}

/// Looks at the account whenever the run says something, and lets the faults of a rollback begin with the rollback.
struct Watch {
    record: Record,
    sim: Arc<Sim>,
    fault: Option<Fault>,
    spared: Mutex<Option<(usize, usize)>>,
    wrongs: Mutex<Vec<String>>,
}

impl Watch {
    /// From now on calls go wrong; said twice, it is said once.
    fn begin(&self) {
        let mut spared = lock(&self.spared);
        if spared.is_none() {
            *spared = Some((self.sim.calls().len(), self.sim.aws_calls().len()));
            if let Some(fault) = &self.fault {
                self.sim.inject(fault.clone()).expect("a fault of this account");
            }
        }
    }

    fn look(&self, kind: &EventKind) {
        lock(&self.wrongs).extend(wrongs(&self.sim).into_iter().map(|wrong| format!("at `{kind}`: {wrong}")));
    }
}

/// What must never be, at no moment of a deployment: fewer instances than served before, users sent to nobody.
fn wrongs(sim: &Sim) -> Vec<String> {
    let mut wrongs = Vec::new();
    let healthy: usize = sim.groups().iter().map(|group| group.instances.healthy).sum();
    if healthy < SERVING {
        wrongs.push(format!("{healthy} instances serve"));
    }
    let targets = sim.targets();
    for balancer in sim.routes() {
        // Users come in at port 80; other ports are for looking at what is not public yet.
        for rule in balancer.listeners.iter().filter(|listener| listener.port == 80).flat_map(|listener| &listener.rules) {
            for (group, weight) in rule.weights.iter().filter(|(_, weight)| *weight > 0) {
                let healthy = targets.get(group).is_some_and(|all| all.iter().any(|(_, state)| *state == TargetState::Healthy));
                if !healthy {
                    wrongs.push(format!("`{}` gives weight {weight} to `{group}`, where nobody is healthy", balancer.name));
                }
            }
        }
    }
    wrongs
}

#[async_trait]
impl Events for Watch {
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        if matches!(kind, EventKind::RollbackStarted { .. }) {
            self.begin();
        }
        self.look(&kind);
        Events::append(&self.record, run, step, key, kind).await
    }

    async fn read(&self, run: &RunId, after: u64) -> Result<Vec<Event>, StoreError> {
        Events::read(&self.record, run, after).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
