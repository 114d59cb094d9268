//! Whole deployments with users on the load balancer, and what came of their requests.
//!
//! Each function here is one deployment from its start to its end. It only measures: what a number has to be is said by
//! `tests/traffic.rs` and by the benchmarks, which both look at the same deployments.

mod deployment;
mod users;

use shiftgate_model::*;
use shiftgate_sim::{ListenerSeed, Sim};

pub(crate) use deployment::NoFiles;
use deployment::{BALANCER, Deployment, OLD, PACE, PROPAGATION, load_balancer, target_group, world};
use users::{End, Request};

/// A load balancer beside the one that users come in at; both are shifted together.
const OTHER: &str = "web-internal";
/// So many requests are a second of them.
const A_SECOND: usize = 200;
/// So many requests make a share.
const ENOUGH: usize = 2_000;

const SHIFT: &str = "
  loadBalancers: [ { name: web-alb, port: 80 }, { name: web-internal, port: 80 } ]
  route:
    - shift: 10%
    - approve: { manual: { message: More? } }
    - shift: 50%
    - approve: { manual: { message: All of them? } }
    - shift: { weight: 100%, downsizeOld: true }
";

const SWAP: &str = "
  loadBalancers: [ { name: web-alb, production: { port: 80 }, stage: { port: 8080 } } ]
  route:
    - swap: { downsizeOld: true }
    - approve: { manual: { message: Stay? } }
";

/// What came of a deployment.
pub(crate) struct Measured {
    /// None for one that was left where it stood.
    pub(crate) ending: Option<Ending>,
    /// All that users sent, from before the run until after it.
    pub(crate) requests: usize,
    /// How many a second.
    pub(crate) rate: f64,
    /// Errors that the instances answered with.
    pub(crate) errors: usize,
    /// What users saw instead of an answer, each.
    pub(crate) lost: Vec<String>,
    /// Answers that the load balancer gave in nobody's name, as it counts them.
    pub(crate) balancer_5xx: u64,
    /// The weight of the new group, and its share of the requests in percent.
    pub(crate) shares: Vec<(u16, f64)>,
    /// Calls of the AWS API for one load balancer, of each step that wrote weights.
    pub(crate) calls: Vec<usize>,
    /// The same, of the guards before the old group is emptied.
    pub(crate) guards: usize,
    /// From when the old group was found healthy in a rollback until no request went to the new one, in looks.
    pub(crate) polls: Option<f64>,
}

impl Measured {
    async fn of(deployment: Deployment, ending: Option<Ending>) -> Self {
        let (sim, users) = deployment.stop().await;
        let all = users.finish().await;
        let traffic = sim.traffic().remove(&format!("{BALANCER}:80")).unwrap_or_default();
        sim.stop().await;
        let ends = all.first().zip(all.last()).expect("users have sent something");
        let time = ends.1.sent.since(ends.0.sent).duration();
        let lost = all.iter().filter_map(|request| match &request.end {
            End::Lost(how) => Some(how.clone()),
            End::Served(_) | End::Failed(_) => None,
        });
        Self {
            ending,
            requests: all.len(),
            rate: all.len() as f64 / time.as_secs_f64(),
            errors: all.iter().filter(|request| matches!(request.end, End::Failed(_))).count(),
            lost: lost.collect(),
            balancer_5xx: traffic.balancer_5xx,
            shares: Vec::new(),
            calls: Vec::new(),
            guards: 0,
            polls: None,
        }
    }
}

/// 0, 10, 50, 100, and the old group to nothing.
pub(crate) async fn whole_shift() -> Measured {
    let deployment = shifting(0).await;
    let (mut shares, mut calls) = (Vec::new(), Vec::new());
    let mut asked = deployment.asked(0).await;
    for weight in [10, 50] {
        let before = deployment.sim.aws_calls().len();
        deployment.vote(&asked, Vote::Approve).await;
        let shifted = deployment.event(asked.sequence, |kind| matches!(kind, EventKind::Shifted { .. })).await;
        asked = deployment.asked(shifted.sequence).await;
        calls.push(calls_a_balancer(&deployment.sim, before));
        shares.push((weight, share(&deployment, &shifted).await));
    }
    let before = deployment.sim.aws_calls().len();
    deployment.vote(&asked, Vote::Approve).await;
    let shifted = deployment.event(asked.sequence, |kind| matches!(kind, EventKind::Shifted { .. })).await;
    deployment.event(shifted.sequence, |kind| matches!(kind, EventKind::DrainAwaited { .. })).await;
    calls.push(calls_a_balancer(&deployment.sim, before));
    let before = deployment.sim.aws_calls().len();
    let ending = deployment.ended().await;
    let guards = calls_a_balancer(&deployment.sim, before);
    shares.push((100, share(&deployment, &shifted).await));
    Measured { shares, calls, guards, ..Measured::of(deployment, Some(ending)).await }
}

/// A swap, the old group to nothing, and the end, or everything back.
pub(crate) async fn whole_swap(last: Vote) -> Measured {
    let listeners = [(80, "blue"), (8080, "green")].map(|(port, color)| (port, target_group(BALANCER, color)));
    let listeners = listeners.iter().map(|(port, group)| ListenerSeed::forward(*port, &[(group, 1)])).collect();
    let deployment = Deployment::start(world(vec![load_balancer(BALANCER, listeners)]), SWAP).await;
    let asked = deployment.asked(0).await;
    deployment.vote(&asked, Vote::Approve).await;
    let swapped = deployment.event(asked.sequence, |kind| matches!(kind, EventKind::Swapped)).await;
    let asked = deployment.asked(swapped.sequence).await;
    let shares = vec![(100, share(&deployment, &swapped).await)];
    let (ending, polls) = match last {
        Vote::Approve => {
            deployment.vote(&asked, last).await;
            (deployment.ended().await, None)
        }
        Vote::Reject => {
            let (ending, polls) = rolled_back(&deployment, &asked).await;
            (ending, Some(polls))
        }
    };
    Measured { shares, polls, ..Measured::of(deployment, Some(ending)).await }
}

/// A whole shift while the rules keep each client with its target group for two seconds.
pub(crate) async fn sticky_shift() -> Measured {
    let deployment = shifting(2).await;
    let asked = half(&deployment).await;
    deployment.vote(&asked, Vote::Approve).await;
    let ending = deployment.ended().await;
    deployment.users.more(A_SECOND).await;
    Measured::of(deployment, Some(ending)).await
}

/// A shift to 50 % that is rejected there.
pub(crate) async fn rollback_of_a_half() -> Measured {
    let deployment = shifting(0).await;
    let asked = half(&deployment).await;
    let (ending, polls) = rolled_back(&deployment, &asked).await;
    Measured { polls: Some(polls), ..Measured::of(deployment, Some(ending)).await }
}

/// What somebody in a hurry does at 10 %: all the weight, and the old group to nothing at once.
pub(crate) async fn careless_shift() -> Measured {
    let deployment = shifting(0).await;
    let asked = deployment.asked(0).await;
    deployment.vote(&asked, Vote::Approve).await;
    let asked = deployment.asked(asked.sequence).await;
    // The load balancer follows the weight that was written.
    let new = target_group(BALANCER, "green");
    deployment.users.until(|ended| ended.iter().any(|one| one.sent >= asked.at && one.group() == Some(&new))).await;

    let balancer = deployment.elb.load_balancer(BALANCER).await.expect("a reply").expect("the load balancer");
    let listeners = deployment.elb.listeners(&balancer.arn).await.expect("the listeners");
    let listener = listeners.first().expect("a listener").arn.clone();
    let rules = deployment.elb.rules(&listener).await.expect("the rules");
    let rule = rules.first().expect("a rule");
    let mut targets = rule.actions.forward().expect("a forward").targets.clone();
    for target in &mut targets {
        let new = target.group.name() == target_group(BALANCER, "green");
        target.weight = Some(if new { 100 } else { 0 });
    }
    let route = Route { rule: rule.arn.clone(), listener, default: rule.default };
    deployment.elb.set_actions(&route, &rule.actions.with_targets(&targets)).await.expect("the weights are written");
    deployment.spot.set_capacity(&GroupId::new(OLD), Capacity::ZERO).await.expect("the old group is emptied");
    deployment.users.more(3 * A_SECOND).await;
    Measured::of(deployment, None).await
}

/// Approves up to 50 %, and gives users some time there.
async fn half(deployment: &Deployment) -> Event {
    let mut asked = deployment.asked(0).await;
    for _ in [10, 50] {
        deployment.vote(&asked, Vote::Approve).await;
        asked = deployment.asked(asked.sequence).await;
    }
    deployment.users.more(2 * A_SECOND).await;
    asked
}

/// With rules that keep a client with its target group for so many seconds; for 0 they do not.
async fn shifting(stickiness_seconds: u32) -> Deployment {
    let balancer = |name| {
        let [blue, green] = ["blue", "green"].map(|color| target_group(name, color));
        let mut listener = ListenerSeed::forward(80, &[(&blue, 100), (&green, 0)]);
        if let Some(forward) = listener.actions.as_object_mut().filter(|_| stickiness_seconds > 0) {
            forward.insert("stickiness_seconds".to_owned(), stickiness_seconds.into());
        }
        load_balancer(name, vec![listener])
    };
    Deployment::start(world(vec![balancer(BALANCER), balancer(OTHER)]), SHIFT).await
}

/// Rejects what was asked; the ending, and how many looks it took from the old group's health until all traffic was back.
async fn rolled_back(deployment: &Deployment, asked: &Event) -> (Ending, f64) {
    deployment.vote(asked, Vote::Reject).await;
    let old = |kind: &EventKind| matches!(kind, EventKind::SteadyStateReached { group } if group.as_str() == OLD);
    let healthy = deployment.event(asked.sequence, old).await;
    let ending = deployment.ended().await;
    deployment.users.more(A_SECOND).await;
    let new = target_group(BALANCER, "green");
    let sent = deployment.users.since(healthy.at);
    let last = sent.iter().rfind(|request| request.group() == Some(&new));
    let time = last.map_or(Millis(0), |request| request.sent.since(healthy.at));
    (ending, time.0 as f64 / PACE.first.0 as f64)
}

/// The new group's percentage of the requests, once the load balancer follows what was written.
async fn share(deployment: &Deployment, written: &Event) -> f64 {
    let from = written.at.plus(PROPAGATION);
    // Those that were sent last are waited for as well, whoever answers them.
    let late = 50;
    let enough = |ended: &Vec<Request>| ended.iter().filter(|request| request.sent >= from).count() >= ENOUGH + late;
    deployment.users.until(enough).await;
    let requests = deployment.users.since(from);
    let new = target_group(BALANCER, "green");
    let counted: Vec<&Request> = requests.iter().take(ENOUGH).collect();
    let of_new = counted.iter().filter(|request| request.group() == Some(&new)).count();
    of_new as f64 * 100.0 / counted.len() as f64
}

/// The calls of the AWS API since the first `before`, for that load balancer which took most.
fn calls_a_balancer(sim: &Sim, before: usize) -> usize {
    let calls = sim.aws_calls();
    let of = |name: &str| calls.iter().skip(before).filter(|call| call.subject.contains(name)).count();
    let counts = [of(BALANCER), of(OTHER)];
    assert_eq!(counts.iter().sum::<usize>(), calls.len() - before, "every call is about one of them: {calls:#?}");
    counts.into_iter().max().unwrap_or_default()
}
