//! What users notice of a deployment, and what a shift costs in calls: the deployments of `tests/traffic`, side by side, each
//! with its own account and its own users.

#[path = "../traffic/measure/mod.rs"]
pub(crate) mod measure;

use shiftgate_model::{Ending, Vote};

use crate::{Figure, Limit};

pub(crate) async fn figures() -> Vec<Figure> {
    let (shift, sticky, swap, half, back, careless) = tokio::join!(
        measure::whole_shift(),
        measure::sticky_shift(),
        measure::whole_swap(Vote::Approve),
        measure::rollback_of_a_half(),
        measure::whole_swap(Vote::Reject),
        measure::careless_shift(),
    );
    let all = [&shift, &sticky, &swap, &half, &back];
    let [done, undone] = [Ending::Succeeded, Ending::RolledBack].map(Some);
    assert_eq!(all.map(|measured| measured.ending), [done, done, done, undone, undone]);
    assert!(all.iter().all(|measured| measured.rate >= 195.0), "users sent 200 requests a second to each");
    assert!(all.iter().all(|measured| measured.errors > 0), "the images' own errors are told from lost requests");
    let requests: usize = all.iter().map(|measured| measured.requests).sum();
    // The users' count, or the load balancer's where that is higher.
    let lost: u64 = all.iter().map(|measured| measured.balancer_5xx.max(measured.lost.len() as u64)).sum();
    let shares = all.iter().flat_map(|measured| &measured.shares);
    let worst = shares.map(|(weight, share)| (share - f64::from(*weight)).abs()).fold(0.0, f64::max);
    let calls = shift.calls.iter().copied().max().expect("a step");
    vec![
        Figure { what: "lost by deployments and rollbacks", found: lost as f64, unit: "requests", limit: Limit::AtMost(0.0) },
        Figure { what: "of so many", found: requests as f64, unit: "requests", limit: Limit::None },
        Figure {
            what: "lost when the old group is emptied at once",
            found: careless.lost.len() as f64,
            unit: "requests",
            limit: Limit::AtLeast(1.0),
        },
        Figure { what: "share against weight, worst", found: worst, unit: "points", limit: Limit::AtMost(3.0) },
        Figure { what: "ELBv2 calls, shift step and balancer", found: calls as f64, unit: "calls", limit: Limit::AtMost(4.0) },
        Figure { what: "guards before the old group goes", found: shift.guards as f64, unit: "calls", limit: Limit::None },
        Figure {
            what: "all traffic back, rollback of 50%",
            found: half.polls.expect("a rollback"),
            unit: "polls",
            limit: Limit::AtMost(2.0),
        },
    ]
}
