//! The simulated account of each example, and how it looks after the run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use shiftgate_sim::{
    GroupSeed, GroupView, HealthPlan, Image, Latencies, ListenerSeed, LoadBalancerSeed, LoadBalancerState, Numbers, Scheme, Sim,
    TargetGroupSeed, World,
};

use crate::args::Scenario;
use crate::text::{align, printable};

/// The image that is live before.
const BLUE: &str = "ami-0b10e000000000000";
/// The image that is deployed.
pub(super) const GREEN: &str = "ami-0900d000000000000";
/// The image that `--bad` deploys.
pub(super) const BAD: &str = "ami-0bad0000000000000";
/// The share of requests that the bad image answers with errors.
const BAD_ERRORS: f64 = 0.05;
/// The load balancer of the blue/green examples.
pub(super) const BALANCER: &str = "web-alb";

/// An account with one live group, and an image that serves errors; for the basic example one that does not get healthy.
pub(super) fn world(scenario: Scenario) -> World {
    let blue_green = matches!(scenario, Scenario::Swap | Scenario::Shift);
    let live = GroupSeed {
        id: None,
        name: if blue_green { "web" } else { "web__1" }.to_owned(),
        capacity: Numbers { minimum: 0, target: 4, maximum: 10 },
        image: BLUE.to_owned(),
        tags: BTreeMap::new(),
        target_groups: if blue_green { vec!["web-blue".to_owned()] } else { Vec::new() },
        extra: None,
    };
    let bad = match scenario {
        Scenario::Basic => Image { health: HealthPlan::Never, ..Image::default() },
        Scenario::Canary | Scenario::Swap | Scenario::Shift => Image { errors: BAD_ERRORS, ..Image::default() },
    };
    World {
        images: [(BAD.to_owned(), bad)].into(),
        latencies: Latencies::default(),
        groups: vec![live],
        target_groups: if blue_green { ["web-blue", "web-green"].map(TargetGroupSeed::new).into() } else { Vec::new() },
        load_balancers: listeners(scenario).map(load_balancer).into_iter().collect(),
        ..World::default()
    }
}

fn listeners(scenario: Scenario) -> Option<Vec<ListenerSeed>> {
    match scenario {
        Scenario::Basic | Scenario::Canary => None,
        Scenario::Swap => {
            Some(vec![ListenerSeed::forward(80, &[("web-blue", 1)]), ListenerSeed::forward(8080, &[("web-green", 1)])])
        }
        Scenario::Shift => Some(vec![ListenerSeed::forward(80, &[("web-blue", 100), ("web-green", 0)])]),
    }
}

fn load_balancer(listeners: Vec<ListenerSeed>) -> LoadBalancerSeed {
    LoadBalancerSeed {
        name: BALANCER.to_owned(),
        vpc: "vpc-1".to_owned(),
        scheme: Scheme::default(),
        state: LoadBalancerState::default(),
        listeners,
    }
}

/// The groups and routes of the simulated account, and the calls that were made to it.
pub(super) fn after(sim: &Sim) -> String {
    let mut text = format!("\n{}\n", "World after".bold());
    let mut rows: Vec<[String; 4]> = sim.groups().iter().map(group).collect();
    align(&mut rows);
    for row in &rows {
        let _ = writeln!(text, "  {}", row.join("  ").trim_end());
    }
    for balancer in sim.routes() {
        for listener in &balancer.listeners {
            for rule in &listener.rules {
                let weights: Vec<String> = rule.weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
                let _ = writeln!(text, "  {}:{}  {}", printable(&balancer.name), listener.port, weights.join(", "));
            }
        }
    }
    let aws = sim.aws_calls().len();
    let of_aws = if aws == 0 { String::new() } else { format!(", {aws} of AWS's") };
    let _ = writeln!(text, "  {} calls of Spot's API{of_aws}", sim.calls().len());
    text
}

fn group(group: &GroupView) -> [String; 4] {
    let GroupView { name, id, capacity, image, instances, deleted, .. } = group;
    let has = match deleted {
        true => "deleted".to_owned(),
        false => format!("min {}, max {}, target {}", capacity.minimum, capacity.maximum, capacity.target),
    };
    let instances = match deleted {
        true => String::new(),
        false => format!("{} of {} healthy, {}", instances.healthy, instances.total, printable(image)),
    };
    [printable(name), id.clone(), has, instances]
}
