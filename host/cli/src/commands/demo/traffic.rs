//! Somebody who uses the service while it is deployed: requests to the simulated load balancer, counted by the group that
//! answered, and shown beside the weights.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shiftgate_model::{Event, EventKind};
use shiftgate_sim::{Sim, Traffic};
use tokio::task::JoinHandle;

use super::world::BALANCER;

/// The time between two requests.
const PACE: Duration = Duration::from_millis(10);
/// With fewer requests than these, a share says nothing.
const ENOUGH: u64 = 50;

/// Requests under way until it is dropped.
pub(super) struct Users {
    task: JoinHandle<()>,
}

impl Users {
    /// Sends requests to the production listener; none when the account has no load balancer.
    pub(super) fn start(sim: &Sim) -> Option<Self> {
        let url = sim.data_plane_url(BALANCER, 80)?;
        let client = reqwest::Client::builder().tls_backend_rustls().no_proxy().build().ok()?;
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(PACE);
            loop {
                beat.tick().await;
                let request = client.get(&url);
                // What came of it is the load balancer's to count.
                tokio::spawn(async move { drop(request.send().await) });
            }
        });
        Some(Self { task })
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the load balancer has counted since the routes changed last.
#[derive(Clone, Default)]
pub(super) struct Shares(Arc<Mutex<Traffic>>);

impl Shares {
    /// The share of requests that each group got, in a line, where a step ends or a new one begins; nothing elsewhere.
    pub(super) fn beside(&self, sim: &Sim, event: &Event) -> String {
        let now = production(sim);
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match &event.kind {
            EventKind::StepSucceeded { .. } | EventKind::StepFailed { .. } | EventKind::DrainAwaited { .. } => {
                shares(&since, &now)
            }
            EventKind::RouteRequested { .. } => shares(&since, &now),
            _ => String::new(),
        };
        if !line.is_empty() || matches!(event.kind, EventKind::RouteWritten { .. }) {
            *since = now;
        }
        line
    }

    /// Everything since the start, in a line.
    pub(super) fn all(sim: &Sim) -> String {
        let all = production(sim);
        let Traffic { requests, balancer_5xx, instance_5xx, .. } = all;
        format!("  {requests} requests to `{BALANCER}`: {balancer_5xx} lost by it, {instance_5xx} errors of the image\n")
    }
}

fn production(sim: &Sim) -> Traffic {
    sim.traffic().remove(&format!("{BALANCER}:80")).unwrap_or_default()
}

fn shares(since: &Traffic, now: &Traffic) -> String {
    let answered = |traffic: &Traffic| traffic.target_groups.values().sum::<u64>();
    let total = answered(now).saturating_sub(answered(since));
    if total < ENOUGH {
        return String::new();
    }
    let share = |(name, count): (&String, &u64)| {
        let count = count.saturating_sub(since.target_groups.get(name).copied().unwrap_or(0));
        let per_mille = count * 1_000 / total;
        format!("{name} got {}.{}%", per_mille / 10, per_mille % 10)
    };
    let shares: Vec<String> = now.target_groups.iter().map(share).collect();
    let lost = now.balancer_5xx.saturating_sub(since.balancer_5xx);
    format!("  of {total} requests {}; {lost} were lost\n", shares.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(blue: u64, green: u64) -> Traffic {
        let target_groups = [("web-blue".to_owned(), blue), ("web-green".to_owned(), green)].into();
        Traffic { requests: blue + green, target_groups, ..Traffic::default() }
    }

    #[test]
    fn shares_are_those_since_the_last_look() {
        let line = shares(&traffic(100, 0), &traffic(190, 10));
        assert_eq!(line, "  of 100 requests web-blue got 90.0%, web-green got 10.0%; 0 were lost\n");
        assert_eq!(shares(&traffic(100, 0), &traffic(120, 2)), "", "too few to say anything");
    }
}
