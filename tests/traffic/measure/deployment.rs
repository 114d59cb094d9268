//! A deployment in a simulated account whose latencies bite, through everything that a real one goes through: both clients
//! over HTTP, the durable engine, the approvals. Only the pace is another than the program's, which looks every 5 s.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shiftgate_cloud::{Credentials, Elb, ElbConfig, Spot, SpotConfig};
use shiftgate_engine::{Activities, Pace, Ports as Doors, Settings, WhenBusy};
use shiftgate_model::*;
use shiftgate_plugin::{Plugins, PluginsConfig};
use shiftgate_sim::{
    GroupSeed, Image, Latencies, ListenerSeed, LoadBalancerSeed, LoadBalancerState, Numbers, Ports, Scheme, Sim, TargetGroupSeed,
    World,
};
use shiftgate_store::{Engine, EngineOptions, JournalAt, NewRun, Record, SystemClock};
use shiftgate_workflow::{Files, Inputs, Plan, Source};
use tempfile::TempDir;

use super::users::Users;

/// The load balancer that users come in at.
pub(crate) const BALANCER: &str = "web-alb";
/// The AMI that is live before, and the one that is deployed.
const BLUE: &str = "ami-0b10e000000000000";
const GREEN: &str = "ami-0900d000000000000";
/// The production group before.
pub(crate) const OLD: &str = "sig-0b10e";
/// From the write of a rule until the load balancer follows it.
pub(crate) const PROPAGATION: Millis = Millis(300);
/// One look every half second. What it takes for the propagation is longer than what it is, as with the program's own pace.
pub(crate) const PACE: Pace = Pace { first: Millis(500), longest: Millis(500), stable_for: 1, propagation: Millis(600) };
/// Longer than any step takes here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The account: a production group behind each load balancer, instances that take time to come and to go, and images that
/// fail now and then on their own.
pub(super) fn world(load_balancers: Vec<LoadBalancerSeed>) -> World {
    let names = load_balancers.iter().map(|balancer| balancer.name.clone());
    let targets: Vec<[String; 2]> = names.map(|name| ["blue", "green"].map(|color| target_group(&name, color))).collect();
    let image = |latency_ms| Image { errors: 0.005, latency_ms, ..Image::default() };
    World {
        latencies: Latencies { launch: 300, healthy: 500, drain: 300, propagation: PROPAGATION.0, target_healthy: 300 },
        images: [(BLUE.to_owned(), image(40.0)), (GREEN.to_owned(), image(20.0))].into(),
        groups: vec![GroupSeed {
            id: Some(OLD.to_owned()),
            name: "web".to_owned(),
            capacity: Numbers { minimum: 0, target: 4, maximum: 10 },
            image: BLUE.to_owned(),
            tags: [].into(),
            target_groups: targets.iter().map(|[blue, _]| blue.clone()).collect(),
            extra: None,
        }],
        target_groups: targets.iter().flatten().map(|name| TargetGroupSeed::new(name)).collect(),
        load_balancers,
        ..World::default()
    }
}

/// `<load balancer>-blue` is production before, `-green` is stage.
pub(crate) fn target_group(balancer: &str, color: &str) -> String {
    format!("{balancer}-{color}")
}

pub(super) fn load_balancer(name: &str, listeners: Vec<ListenerSeed>) -> LoadBalancerSeed {
    let (vpc, scheme, state) = ("vpc-1".to_owned(), Scheme::default(), LoadBalancerState::default());
    LoadBalancerSeed { name: name.to_owned(), vpc, scheme, state, listeners }
}

/// A run under way, and its users.
pub(crate) struct Deployment {
    pub(crate) sim: Sim,
    pub(crate) users: Users,
    pub(crate) spot: Arc<Spot>,
    pub(crate) elb: Arc<Elb>,
    record: Record,
    engine: Engine,
    run: RunId,
    _home: TempDir,
}

impl Deployment {
    pub(super) async fn start(world: World, workflow: &str) -> Self {
        let home = TempDir::new().expect("a home");
        let sim = Sim::start(world, Ports::default()).await.expect("the simulated account starts");
        let record = Record::open(home.path()).await.expect("a record");
        let secret = || SecretString::from("simulated".to_owned());
        let credentials = Credentials { token: secret(), account: AccountId::new("act-1") };
        let spot = SpotConfig::new(credentials, Some(&sim.spot_url())).expect("an address");
        let spot = Arc::new(Spot::new(spot).expect("a client"));
        let elb = ElbConfig::new("us-east-1").with_static_credentials("AKIASIMULATED", secret());
        let elb = ElbConfig { endpoint_url: Some(sim.aws_url()), ..elb };
        let elb = Arc::new(Elb::new(elb).await.expect("a client"));
        let activities = activities(&spot, &elb, &record);
        let file = home.path().join("engine.db");
        let engine = Engine::start(&JournalAt::File(file), &record, activities, EngineOptions::default())
            .await
            .expect("the engine starts");
        let users = Users::start(sim.data_plane_url(BALANCER, 80).expect("a listener"));
        let run = RunId::new("20261123-000000-aaaa");
        let plan = plan(workflow);
        record
            .create_run(&NewRun::of(&plan, run.clone(), AccountId::new("act-1"), "traffic.yaml", SystemClock.now()))
            .await
            .expect("the run is recorded");
        engine.launch(&run, &plan).await.expect("the run starts");
        Self { sim, users, spot, elb, record, engine, run, _home: home }
    }

    /// The first event of that kind behind `after`, as soon as there is one.
    pub(crate) async fn event(&self, after: u64, what: impl Fn(&EventKind) -> bool) -> Event {
        let mut changes = self.record.changes();
        let found = async {
            loop {
                changes.borrow_and_update();
                let events = Events::read(&self.record, &self.run, after).await.expect("the events");
                if let Some(found) = events.iter().find(|event| what(&event.kind)) {
                    return found.clone();
                }
                if let Some(end) = events.iter().find(|event| matches!(event.kind, EventKind::RunEnded { .. })) {
                    let log: Vec<String> = events.iter().map(|event| event.kind.to_string()).collect();
                    panic!("{}, and nobody asked:\n{}", end.kind, log.join("\n"));
                }
                changes.changed().await.expect("the record lives");
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the run gets there in time")
    }

    /// Waits for the next approval that the run asks for.
    pub(crate) async fn asked(&self, after: u64) -> Event {
        self.event(after, |kind| matches!(kind, EventKind::ApprovalRequested { .. })).await
    }

    pub(crate) async fn vote(&self, asked: &Event, vote: Vote) {
        let ballot = Ballot { subject: "ann".into(), vote, at: SystemClock.now(), comment: String::new(), bound_digest: None };
        let step = asked.step.as_ref().expect("an approval is a step");
        self.record.cast(&self.run, step, &ballot).await.expect("the vote is recorded");
    }

    pub(crate) async fn ended(&self) -> Ending {
        let ended = tokio::time::timeout(PATIENCE, self.engine.ended(&self.run));
        ended.await.expect("the run ends in time").expect("the run ends")
    }

    /// Ends everything; a run that has not ended stands where it stands.
    pub(crate) async fn stop(self) -> (Sim, Users) {
        self.engine.stop().await;
        self.record.close().await;
        (self.sim, self.users)
    }
}

fn activities(spot: &Arc<Spot>, elb: &Arc<Elb>, record: &Record) -> Arc<Activities> {
    let folder = Path::new(env!("CARGO_BIN_EXE_shiftgate")).parent().expect("a folder").join("../plugins");
    assert!(folder.join("manual-approval.wasm").exists(), "no guests in {}: run `cargo xtask plugins`", folder.display());
    let plugins = Plugins::new(PluginsConfig {
        bundled_dirs: vec![folder.clone()],
        ..PluginsConfig::new(folder.join("cache-of-tests"), Arc::new(SystemClock))
    });
    let record = Arc::new(record.clone());
    let doors = Doors {
        groups: Arc::clone(spot) as _,
        routes: Some(Arc::clone(elb) as _),
        plugins: Arc::new(plugins.expect("the plugin host starts")),
        ledger: Arc::clone(&record) as _,
        locks: Arc::clone(&record) as _,
        events: Arc::clone(&record) as _,
        evidence: Arc::clone(&record) as _,
        parking: Arc::clone(&record) as _,
        runs: record,
        clock: Arc::new(SystemClock),
    };
    let settings = Settings { account: "act-1".into(), pace: PACE, when_busy: WhenBusy::Wait };
    Arc::new(Activities::new(doors, settings))
}

fn plan(workflow: &str) -> Plan {
    let text = format!(
        r#"
version: 1
service: {{ name: web, artifact: {{ ami: {GREEN} }} }}
environment: {{ name: prod }}
infrastructure:
  name: east
  region: us-east-1
  elastigroup: {{ group: {{ compute: {{ launchSpecification: {{ healthCheckType: TARGET_GROUP }} }} }} }}
workflow:
  name: web
  strategy: blue-green
  setup: {{ name: web, instances: same-as-running }}
  deploy: 100%
  approve: [ {{ manual: {{ message: "Send users there?" }} }} ]
{workflow}"#
    );
    shiftgate_workflow::plan(&Source { name: "traffic.yaml".into(), text }, &NoFiles, &Inputs::new()).expect("a plan")
}

/// Workflows of tests say everything themselves.
pub(crate) struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path}"))
    }

    fn resolve(&self, path: &str) -> String {
        path.to_owned()
    }
}
