//! One run in a world of its own, and what it leaves: the account, the keys of its wrap-ups, its story.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shiftgate_model::{Evidence, RunId, StepId};
use shiftgate_sim::World;
use shiftgate_store::Record;
use tokio::process::Command;

use super::receiver::Receiver;
use crate::program::{Bench, root};

/// The steps of `background.yaml` whose end is a matter of time: a verification that goes on beside the run, and what it calls off
/// when it fails. That they did end shows in the evidence and in the world.
const BESIDE: [&str; 2] = ["phase-1/verify-1", "phase-2/deploy"];

/// A world, a home, and somebody who is told.
pub(crate) struct Stage {
    pub(crate) bench: Bench,
    receiver: Receiver,
    strategy: &'static str,
    bad: bool,
}

/// What a run leaves, with its id taken out.
#[derive(PartialEq, Eq)]
pub(crate) struct Afterwards {
    world: String,
    told: Vec<String>,
    /// The steps that ended, in order, and the endings of the run without repetitions.
    story: Vec<String>,
    /// What the verifications left, call by call.
    evidence: Vec<String>,
}

impl Stage {
    pub(crate) async fn new(strategy: &'static str, bad: bool) -> Self {
        let world: World = serde_json::from_value(world(strategy)).expect("a world");
        Self { bench: Bench::new(world).await, receiver: Receiver::start().await, strategy, bad }
    }

    /// The run's command.
    pub(crate) fn run(&self) -> Command {
        let file = root().join(format!("tests/campaign/{}.yaml", self.strategy));
        // A share of errors is never below nought.
        let limit = if self.bad { "limit=-1" } else { "limit=1" };
        let (metrics, hook) = (format!("prometheus={}", self.bench.sim.metrics_url()), format!("hook={}", self.receiver.url()));
        let mut args = vec!["run", file.to_str().expect("a path")];
        for input in ["ami=ami-0green", metrics.as_str(), limit, hook.as_str()] {
            args.extend(["--input", input]);
        }
        self.bench.command(&args)
    }

    /// The one run of this stage.
    pub(crate) fn run_id(&self) -> String {
        let runs = std::fs::read_dir(self.bench.home.path().join("state/runs")).expect("the runs");
        let names: Vec<String> = runs.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
        names.concat()
    }

    /// How the run ended, as far as the record knows.
    pub(crate) async fn ending(&self) -> Option<String> {
        let done = self.bench.run(&["runs", "--output", "json"]).await;
        let runs: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", done.stdout, done.stderr));
        runs[0]["ending"].as_str().map(str::to_owned)
    }

    pub(crate) async fn afterwards(&self) -> Afterwards {
        let run = self.run_id();
        let world = json!({
            "groups": self.bench.sim.groups(),
            "routes": self.bench.sim.routes(),
            "targets": self.bench.sim.targets().into_iter().map(|(group, targets)| (group, targets.len())).collect::<Vec<_>>(),
        });
        let world = serde_json::to_string_pretty(&world).expect("a world").replace(&run, "<run>");
        let told = self.receiver.keys().into_iter().map(|key| key.replace(&run, "<run>")).collect();
        Afterwards { world, told, story: self.story(&run).await, evidence: self.evidence(&run).await }
    }

    /// Under which attempt of which step each call stands, how much it asked, and what it found. A run that was resumed has taken
    /// its lock again, and a step of it that had not ended begins anew under a higher fence: the last one counts.
    async fn evidence(&self, run: &str) -> Vec<String> {
        let record = Record::open(&self.bench.home.path().join("state")).await.expect("the record opens");
        let kept = record.evidence(&RunId::new(run)).await.expect("the evidence is read");
        record.close().await;
        let keys: BTreeSet<_> = kept.iter().map(|one| (one.step.as_str(), one.fence, one.attempt, one.call)).collect();
        assert_eq!(keys.len(), kept.len(), "no call is kept twice");
        let last = |step: &StepId| kept.iter().filter(|one| one.step == *step).map(|one| one.fence).max();
        let counts = kept.iter().filter(|one| Some(one.fence) == last(&one.step));
        let told = |one: &Evidence| {
            let verdict = one.report.as_ref().map(|report| report.verdict.to_string()).unwrap_or_default();
            format!("{} {}.{}: {} exchanges {verdict}", one.step, one.attempt, one.call, one.exchanges.len())
        };
        counts.map(told).collect()
    }

    async fn story(&self, run: &str) -> Vec<String> {
        let logs = self.bench.run(&["logs", run, "--output", "json"]).await;
        let mut story: Vec<String> = Vec::new();
        for (index, line) in logs.stdout.lines().enumerate() {
            let event: Value = serde_json::from_str(line).expect("an event a line");
            assert_eq!(event["sequence"], index + 1, "no event is missing, none twice");
            let step = event["step"].as_str().unwrap_or("?");
            let told = match event["event"].as_str().expect("a name") {
                "step_succeeded" if self.strategy == "background" && BESIDE.contains(&step) => continue,
                "step_succeeded" => format!("{step} succeeded"),
                "run_ended" => format!("ended {}", event["ending"].as_str().unwrap_or("?")),
                _ => continue,
            };
            if story.last() != Some(&told) {
                story.push(told);
            }
        }
        story
    }
}

impl Afterwards {
    /// Whether another run left the same.
    pub(crate) fn same(&self, other: &Self) -> Result<(), String> {
        for (what, wanted, found) in [
            ("the world", self.world.clone(), other.world.clone()),
            ("who was told", self.told.join("\n"), other.told.join("\n")),
            ("the story", self.story.join("\n"), other.story.join("\n")),
            ("the evidence", self.evidence.join("\n"), other.evidence.join("\n")),
        ] {
            if wanted != found {
                return Err(format!("{what} is another one\nwanted:\n{wanted}\nfound:\n{found}"));
            }
        }
        Ok(())
    }
}

/// A world without waiting: one group of four live, behind a load balancer where the strategy wants one.
fn world(strategy: &str) -> Value {
    let mut world = json!({
        "latencies": {"launch": 0, "healthy": 0, "drain": 0, "propagation": 0, "target_healthy": 0},
        "groups": [{
            "id": "sig-0000b1e1",
            "name": "web__1",
            "image": "ami-0blue",
            "capacity": {"minimum": 0, "target": 4, "maximum": 10},
        }],
    });
    let forward = |targets: Value| json!({"forward": targets});
    let listeners = match strategy {
        "swap" => json!([
            {"port": 80, "actions": forward(json!([{"group": "web-blue", "weight": 1}]))},
            {"port": 8080, "actions": forward(json!([{"group": "web-green", "weight": 1}]))},
        ]),
        "shift" => json!([
            {"port": 80, "actions": forward(json!([{"group": "web-blue", "weight": 100}, {"group": "web-green", "weight": 0}]))},
        ]),
        _ => return world,
    };
    world["groups"][0]["name"] = json!("web");
    world["groups"][0]["target_groups"] = json!(["web-blue"]);
    world["target_groups"] =
        json!([{"name": "web-blue", "deregistration_delay": 0}, {"name": "web-green", "deregistration_delay": 0}]);
    world["load_balancers"] = json!([{"name": "web-alb", "listeners": listeners}]);
    world
}
