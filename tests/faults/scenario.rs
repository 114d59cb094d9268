//! The deployments that faults are thrown at: every strategy, to its end and back from its last decision.
//!
//! Data only: a world without waiting, a workflow whose last step is an approval, and how that one is voted on. `run` plays it.

use serde_json::{Value, json};
use shiftgate_model::Vote;
use shiftgate_sim::{World, rule_arn};
use shiftgate_workflow::{Inputs, Plan, Source};

use crate::traffic::measure::NoFiles;

/// The AMI that is deployed.
const NEW: &str = "ami-0900d";
/// The group that serves before.
pub(crate) const OLD: &str = "sig-0000b1e1";
/// The priority of the one rule that is no default.
const PRIORITY: u32 = 10;
/// How many instances serve before.
pub(crate) const SERVING: usize = 2;

/// One deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) strategy: Strategy,
    /// Whether the last decision is against it, so that it is rolled back; faults come in the rollback then.
    pub(crate) back: bool,
}

/// How it is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    Basic,
    Canary,
    Swap,
    Shift,
}

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        let strategies = [Strategy::Basic, Strategy::Canary, Strategy::Swap, Strategy::Shift];
        strategies.into_iter().flat_map(|strategy| [false, true].map(|back| Self { strategy, back })).collect()
    }

    /// `swap`, `swap-back`.
    pub(crate) fn name(self) -> String {
        let strategy = match self.strategy {
            Strategy::Basic => "basic",
            Strategy::Canary => "canary",
            Strategy::Swap => "swap",
            Strategy::Shift => "shift",
        };
        if self.back { format!("{strategy}-back") } else { strategy.to_owned() }
    }

    /// What is voted on the last approval; every other one is approved.
    pub(crate) const fn last_vote(self) -> Vote {
        if self.back { Vote::Reject } else { Vote::Approve }
    }

    /// The account before.
    pub(crate) fn world(self) -> World {
        let live = |name: &str| {
            json!({"id": OLD, "name": name, "image": "ami-0b10e",
                "capacity": {"minimum": 1, "target": SERVING, "maximum": 4}, "tags": marker("20260107-000000-aaaa")})
        };
        let latencies = json!({"launch": 0, "healthy": 0, "drain": 0, "propagation": 0, "target_healthy": 0});
        let group = |name: &str| json!({"name": name, "deregistration_delay": 0});
        let world = match self.strategy {
            Strategy::Basic | Strategy::Canary => {
                // One more than are kept: the oldest is deleted.
                let empty = |number: u32| {
                    json!({"id": format!("sig-0000000{number}"), "name": format!("web__{number}"), "image": "ami-0ld",
                        "capacity": {"minimum": 0, "target": 0, "maximum": 0}, "tags": marker("20260101-000000-aaaa")})
                };
                let mut groups: Vec<Value> = (3..7).map(empty).collect();
                groups.push(live("web__7"));
                json!({"latencies": latencies, "groups": groups})
            }
            Strategy::Swap => {
                let listener =
                    |port: u16, group: &str| json!({"port": port, "actions": {"forward": [{"group": group, "weight": 1}]}});
                json!({"latencies": latencies,
                    "target_groups": [group("web-blue"), group("web-green")],
                    "load_balancers": [{"name": "web-alb", "listeners": [listener(80, "web-blue"), listener(8080, "web-green")]}],
                    "groups": behind(live("web"), &["web-blue"], &["web-green"])})
            }
            Strategy::Shift => {
                let forward =
                    |blue: &str, green: &str| json!({"forward": [{"group": blue, "weight": 100}, {"group": green, "weight": 0}]});
                // One is shifted by its default rule, the other one by a rule with a path.
                let nobody = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
                let rule = json!({"priority": PRIORITY, "conditions": {"path-pattern": ["/*"]}, "actions": forward("int-blue", "int-green")});
                json!({"latencies": latencies,
                    "target_groups": [group("web-blue"), group("web-green"), group("int-blue"), group("int-green")],
                    "load_balancers": [
                        {"name": "web-alb", "listeners": [{"port": 80, "actions": forward("web-blue", "web-green")}]},
                        {"name": "web-int", "listeners": [{"port": 80, "actions": nobody, "rules": [rule]}]},
                    ],
                    "groups": behind(live("web"), &["web-blue", "int-blue"], &["web-green", "int-green"])})
            }
        };
        serde_json::from_value(world).expect("a world")
    }

    /// The plan of its workflow.
    pub(crate) fn plan(self) -> Plan {
        let source = Source { name: "faults.yaml".into(), text: self.workflow() };
        shiftgate_workflow::plan(&source, &NoFiles, &Inputs::new()).expect("a plan")
    }

    /// Its workflow file.
    pub(crate) fn workflow(self) -> String {
        let approve = "{ manual: { message: \"Stay?\" } }";
        let rule = rule_arn("web-int", 80, Some(PRIORITY));
        let (strategy, steps) = match self.strategy {
            Strategy::Basic => ("basic", format!("  deploy: 100%\n  approve: [ {approve} ]\n")),
            Strategy::Canary => {
                ("canary", format!("  phases:\n    - {{ deploy: 50% }}\n    - {{ deploy: 100%, approve: [ {approve} ] }}\n"))
            }
            Strategy::Swap => (
                "blue-green",
                format!(
                    "  deploy: 100%\n  loadBalancers: [ {{ name: web-alb, production: {{ port: 80 }}, stage: {{ port: 8080 }} }} ]\n  \
                     route:\n    - swap: {{ downsizeOld: true }}\n    - approve: {approve}\n"
                ),
            ),
            Strategy::Shift => (
                "blue-green",
                format!(
                    "  deploy: 100%\n  loadBalancers: [ {{ name: web-alb, port: 80 }}, {{ name: web-int, port: 80, rule: \"{rule}\" }} ]\n  \
                     route:\n    - shift: 10%\n    - shift: {{ weight: 100%, downsizeOld: true }}\n    - approve: {approve}\n"
                ),
            ),
        };
        format!(
            "version: 1\nservice: {{ name: web, artifact: {{ ami: {NEW} }} }}\nenvironment: {{ name: prod }}\n\
             infrastructure:\n  name: east\n  region: us-east-1\n  elastigroup: {{ group: {{ compute: {{ launchSpecification: \
             {{ healthCheckType: EC2 }} }} }} }}\nworkflow:\n  name: web\n  strategy: {strategy}\n  \
             setup: {{ name: web, instances: same-as-running, steadyStateTimeout: 3s }}\n{steps}"
        )
    }
}

/// Production, and the empty stage group that an earlier run left.
fn behind(mut live: Value, old: &[&str], new: &[&str]) -> Value {
    live["target_groups"] = json!(old);
    let stage = json!({"id": "sig-0000ef70", "name": "web__STAGE__Harness", "image": "ami-0ld", "target_groups": new,
        "capacity": {"minimum": 0, "target": 0, "maximum": 0}, "tags": marker("20260101-000000-aaaa")});
    json!([live, stage])
}

fn marker(run: &str) -> Value {
    json!({"shiftgate:run": run, "shiftgate:step": "setup"})
}
