//! Many hosts on one database: workers share the runs, take over from each other, and commands are heard by whoever works.
//!
//! The server is PostgreSQL of the machine's package, in a folder of the test's own; where there is none the tests say so, and CI
//! does not let that pass.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shiftgate_sim::World;
use tokio::process::{Child, Command};

use crate::postgres::Server;
use crate::program::{Bench, Finished, finish, root};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(100);

/// A world, a database, and the workers on it.
struct Crew {
    bench: Bench,
    store: String,
    // Ends with the test.
    _server: Server,
}

impl Crew {
    /// None where there is no PostgreSQL.
    async fn new(world: Value) -> Option<Self> {
        let server = Server::start().await?;
        server.database("shiftgate").await;
        let store = format!("postgres://postgres@127.0.0.1:{}/shiftgate?sslmode=disable", server.port());
        let world: World = serde_json::from_value(world).expect("a world");
        Some(Self { bench: Bench::new(world).await, store, _server: server })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(args);
        command.env("SHIFTGATE_STORE", &self.store).env_remove("SHIFTGATE_STATE_DIR");
        command
    }

    async fn run(&self, args: &[&str]) -> Finished {
        finish(self.command(args)).await
    }

    fn worker(&self) -> Child {
        self.command(&["worker", "--lease", "2s"]).spawn().expect("a worker starts")
    }

    /// Starts a run in a process that only shows it.
    fn start(&self, file: &str) -> Child {
        let file = root().join(file);
        self.command(&["run", file.to_str().expect("a path"), "--input", "ami=ami-0green"]).spawn().expect("the program starts")
    }

    async fn runs(&self) -> Vec<Value> {
        let listed = self.run(&["runs", "--output", "json"]).await;
        serde_json::from_str(&listed.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", listed.stdout, listed.stderr))
    }

    /// Waits until every run is in one of those states.
    async fn until(&self, runs: usize, states: &[&str]) {
        let began = Instant::now();
        loop {
            let now = self.runs().await;
            if now.len() == runs && now.iter().all(|run| states.contains(&run["state"].as_str().unwrap_or_default())) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "still {now:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `name min/target/max`, one a group that is there, by name.
    fn groups(&self) -> Vec<String> {
        let there = self.bench.sim.groups().into_iter().filter(|group| !group.deleted);
        let line = |group: shiftgate_sim::GroupView| {
            let capacity = group.capacity;
            format!("{} {}/{}/{}", group.name, capacity.minimum, capacity.target, capacity.maximum)
        };
        let mut lines: Vec<String> = there.map(line).collect();
        lines.sort();
        lines
    }
}

/// A world without waiting, with a live group of four for each family.
fn world(families: &[String]) -> Value {
    let group =
        |name: &String| json!({"name": name, "image": "ami-0blue", "capacity": {"minimum": 0, "target": 4, "maximum": 10}});
    json!({
        "latencies": {"launch": 0, "healthy": 0, "drain": 0},
        "groups": families.iter().map(group).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn a_worker_takes_over_and_commands_are_heard_by_whoever_works() {
    let Some(crew) = Crew::new(world(&["web__4".to_owned()])).await else { return };
    let mut first = crew.worker();
    let mut shown = crew.start("tests/cases/approved/workflow.yaml");
    crew.until(1, &["waits for a person"]).await;
    let _second = crew.worker();
    first.kill().await.expect("it is killed");

    let voted = crew.run(&["approve", "last", "--as", "oncall"]).await;
    assert_eq!(voted.exit, 0, "{}", voted.stderr);
    assert_eq!(shown.wait().await.expect("it ends").code(), Some(0), "what was only shown ends as the run does");
    assert_eq!(crew.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);

    let back = crew.run(&["rollback", "last", "--reason", "orders fail"]).await;
    assert_eq!(back.exit, 0, "{}{}", back.stdout, back.stderr);
    assert_eq!(crew.groups(), ["web__4 0/4/10"]);

    let mut shown = crew.start("tests/cases/approved/workflow.yaml");
    crew.until(2, &["waits for a person", "rolled back"]).await;
    let aborted = crew.run(&["abort", "last"]).await;
    assert_eq!(aborted.exit, 0, "{}{}", aborted.stdout, aborted.stderr);
    assert_eq!(shown.wait().await.expect("it ends").code(), Some(4));
    assert!(aborted.stdout.contains("The new group is"), "{}", aborted.stdout);
}

#[tokio::test]
async fn a_directory_has_no_workers_and_a_directory_is_no_store() {
    let bench = Bench::new(World::instant()).await;
    let refused = bench.run(&["worker"]).await;
    assert_eq!(refused.exit, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("name a database with --store postgres://"), "{}", refused.stderr);
    let mut command = bench.command(&["runs", "--store", "somewhere"]);
    command.env_remove("SHIFTGATE_STATE_DIR");
    let refused = finish(command).await;
    assert_eq!(refused.exit, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("it does not begin with postgres://"), "{}", refused.stderr);
    let mut command = bench.command(&["runs"]);
    command.env_remove("SHIFTGATE_STATE_DIR").env("SHIFTGATE_STORE", "postgres://ann:s3cret@127.0.0.1:1/prod?sslmode=disable");
    let away = finish(command).await;
    assert_eq!(away.exit, 14, "{}", away.stderr);
    assert!(away.stderr.contains("postgres://ann@127.0.0.1:1/prod") && !away.stderr.contains("s3cret"), "{}", away.stderr);
}

/// Workers are killed again and again while many runs go on; each run ends, and leaves the one world that it should.
#[tokio::test]
async fn campaign_of_kills_over_many_runs() {
    let full = crate::campaign::variable("SHIFTGATE_CAMPAIGN").as_deref() == Some("full");
    let (count, kills) = if full { (20, 60) } else { (6, 6) };
    let families: Vec<String> = (0..count).map(|number| format!("web{number}__1")).collect();
    let Some(crew) = Crew::new(world(&families)).await else { return };
    let workflow = std::fs::read_to_string(root().join("tests/cases/basic/workflow.yaml")).expect("a workflow");
    std::fs::copy(root().join("tests/cases/elastigroup.json"), crew.bench.home.path().join("elastigroup.json")).expect("a copy");
    let mut shown = Vec::new();
    for number in 0..count {
        let text = workflow.replace("name: web, instances", &format!("name: web{number}, instances")).replace("../", "");
        let file = crew.bench.home.path().join(format!("web{number}.yaml"));
        std::fs::write(&file, text).expect("a workflow");
        shown.push(crew.start(file.to_str().expect("a path")));
    }
    let mut workers: Vec<Child> = (0..3).map(|_| crew.worker()).collect();
    let mut random = crate::campaign::seed();
    for kill in 0..kills {
        // A number of calls from now on, and then one of the three: the seed says both.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let calls = crew.bench.sim.calls().len() + usize::try_from(random >> 60).expect("small") + 1;
        let (began, victim) = (Instant::now(), usize::try_from((random >> 40) % 3).expect("small"));
        while crew.bench.sim.calls().len() < calls && began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if began.elapsed() >= Duration::from_secs(10) && shown.iter_mut().all(|run| run.try_wait().expect("a process").is_some())
        {
            println!("every run has ended before kill {kill}");
            break;
        }
        let place = &mut workers[victim];
        place.kill().await.expect("it is killed");
        *place = crew.worker();
    }
    for run in &mut shown {
        let ended = tokio::time::timeout(PATIENCE, run.wait()).await.expect("it ends in time").expect("a process");
        assert_eq!(ended.code(), Some(0), "seed {}", crate::campaign::seed());
    }
    let wanted: BTreeSet<String> =
        (0..count).flat_map(|number| [format!("web{number}__1 0/0/0"), format!("web{number}__2 1/2/4")]).collect();
    let found = crew.groups();
    assert_eq!(found.len(), wanted.len(), "seed {}: no group twice: {found:?}", crate::campaign::seed());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted, "seed {}", crate::campaign::seed());
    println!("{count} runs, 3 workers, {kills} kills: every run ended, one world");
}
