//! Many hosts on one database: workers share the runs, take over from each other, and commands are heard by whoever works.
//!
//! The server is PostgreSQL of the machine's package, in a folder of the test's own; where there is none the tests say so, and CI
//! does not let that pass.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use shiftgate_sim::World;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::campaign::{mixed, seed, variable};
use crate::postgres::Server;
use crate::program::{Bench, Finished, finish, plugins, root, until};

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

    /// What the list of runs says of each, newest first.
    async fn states(&self) -> Vec<String> {
        let listed = self.run(&["runs", "--output", "json"]).await;
        let runs: Vec<Value> =
            serde_json::from_str(&listed.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", listed.stdout, listed.stderr));
        runs.iter().map(|run| run["state"].as_str().unwrap_or_default().to_owned()).collect()
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
    let (mut shown, _) = until(crew.start("tests/cases/approved/workflow.yaml"), "Approval needed").await;
    assert_eq!(crew.states().await, ["waits for a person"]);
    let _second = crew.worker();
    first.kill().await.expect("it is killed");

    let voted = crew.run(&["approve", "last", "--as", "oncall"]).await;
    assert_eq!(voted.exit, 0, "{}", voted.stderr);
    assert_eq!(shown.wait().await.expect("it ends").code(), Some(0), "what was only shown ends as the run does");
    assert_eq!(crew.bench.groups(), ["web__4 0/0/0", "web__5 0/4/10"]);

    let back = crew.run(&["rollback", "last", "--reason", "orders fail"]).await;
    assert_eq!(back.exit, 0, "{}{}", back.stdout, back.stderr);
    assert_eq!(crew.bench.groups(), ["web__4 0/4/10"]);

    let (mut shown, _) = until(crew.start("tests/cases/approved/workflow.yaml"), "Approval needed").await;
    assert_eq!(crew.states().await, ["waits for a person", "rolled back"]);
    let aborted = crew.run(&["abort", "last"]).await;
    assert_eq!(aborted.exit, 0, "{}{}", aborted.stdout, aborted.stderr);
    assert_eq!(shown.wait().await.expect("it ends").code(), Some(4));
    assert!(aborted.stdout.contains("The new group is"), "{}", aborted.stdout);
}

/// A run that waits for a person is not failed, and not judged, by a plugin that was put in the place of its own meanwhile.
#[tokio::test]
async fn a_run_goes_on_with_the_plugins_that_it_began_with() {
    let Some(crew) = Crew::new(world(&["web__4".to_owned()])).await else { return };
    let (home, metrics) = (crew.bench.home.path(), crew.bench.sim.metrics_url());
    let workflow = std::fs::read_to_string(root().join("tests/cases/approved/workflow.yaml")).expect("a workflow");
    let declared = format!(
        "plugins:\n  errors:\n    source: ./errors.wasm\n    grants: {{ http: [ {{ url: '{metrics}', addresses: [127.0.0.0/8] }} ] }}\n"
    );
    let verify = format!("      verify: [ {{ plugin: errors, with: {{ url: '{metrics}', query: '0', max: 1, count: 1 }} }} ]\n");
    let text = workflow.replace("../", "").replace("workflow:\n", &format!("{declared}workflow:\n")) + &verify;
    std::fs::write(home.join("workflow.yaml"), text).expect("a workflow");
    std::fs::copy(root().join("tests/cases/elastigroup.json"), home.join("elastigroup.json")).expect("a copy");
    let put = |plugin: &str| {
        std::fs::copy(plugins().join(plugin), home.join("new.wasm")).expect("a copy");
        std::fs::rename(home.join("new.wasm"), home.join("errors.wasm")).expect("it is replaced");
    };
    put("prometheus.wasm");
    let _worker = crew.worker();
    let file = home.join("workflow.yaml");
    let (mut shown, _) = until(crew.start(file.to_str().expect("a path")), "Approval needed").await;
    put("http-check.wasm");
    let voted = crew.run(&["approve", "last", "--as", "oncall"]).await;
    assert_eq!(voted.exit, 0, "{}", voted.stderr);
    assert_eq!(shown.wait().await.expect("it ends").code(), Some(0));
    let logs = crew.run(&["logs", "last"]).await.stdout;
    assert!(logs.contains("Verdict pass"), "{logs}");
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
    let full = variable("SHIFTGATE_CAMPAIGN").as_deref() == Some("full");
    let (count, kills) = if full { (20, 60) } else { (6, 6) };
    let families: Vec<String> = (0..count).map(|number| format!("web{number}__1")).collect();
    let Some(crew) = Crew::new(world(&families)).await else { return };
    let workflow = std::fs::read_to_string(root().join("tests/cases/basic/workflow.yaml")).expect("a workflow");
    std::fs::copy(root().join("tests/cases/elastigroup.json"), crew.bench.home.path().join("elastigroup.json")).expect("a copy");
    let (says, mut said) = mpsc::unbounded_channel();
    let mut shown = Vec::new();
    for number in 0..count {
        let text = workflow.replace("name: web, instances", &format!("name: web{number}, instances")).replace("../", "");
        let file = crew.bench.home.path().join(format!("web{number}.yaml"));
        std::fs::write(&file, text).expect("a workflow");
        let mut run = crew.start(file.to_str().expect("a path"));
        let (says, mut lines) = (says.clone(), BufReader::new(run.stdout.take().expect("a pipe")).lines());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = says.send(line);
            }
        });
        shown.push(run);
    }
    drop(says);
    let mut workers: Vec<Child> = (0..3).map(|_| crew.worker()).collect();
    let mut killed = 0;
    'runs: while killed < kills {
        // So many lines of what the runs say from now on, and then one of the three: the seed says both.
        let random = mixed(seed(), &format!("kill {killed}"));
        for _ in 0..=random % 16 {
            if said.recv().await.is_none() {
                break 'runs;
            }
        }
        let place = &mut workers[usize::try_from(random / 16 % 3).expect("small")];
        if let Some(status) = place.try_wait().expect("a process") {
            let mut said = String::new();
            place.stderr.take().expect("a pipe").read_to_string(&mut said).await.expect("standard error is UTF-8");
            panic!("seed {}: a worker ended by itself, {status}: {said}", seed());
        }
        place.kill().await.expect("it is killed");
        *place = crew.worker();
        killed += 1;
    }
    assert!(killed > 0, "a worker is killed while runs go on");
    for run in shown {
        let ended = tokio::time::timeout(PATIENCE, run.wait_with_output()).await.expect("it ends in time").expect("a process");
        assert_eq!(ended.status.code(), Some(0), "seed {}: {}", seed(), String::from_utf8_lossy(&ended.stderr));
    }
    let wanted: BTreeSet<String> =
        (0..count).flat_map(|number| [format!("web{number}__1 0/0/0"), format!("web{number}__2 1/2/4")]).collect();
    let found = crew.bench.groups();
    assert_eq!(found.len(), wanted.len(), "seed {}: no group twice: {found:?}", seed());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted, "seed {}", seed());
    println!("{count} runs, 3 workers, {killed} kills: every run ended, one world");
}
