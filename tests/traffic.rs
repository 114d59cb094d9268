//! Nobody loses a request over a deployment: 200 requests a second at the load balancer, from before the run until after it,
//! in an account that takes its time: rules that reach the data plane late, requests under way, targets that drain and go.
//!
//! `measure` holds the deployments; what has to come of them stands here. The careless one shows that the account bites.

pub(crate) mod measure;

use measure::Measured;
use shiftgate_model::{Ending, Vote};

/// Every request was answered by an instance, and the load balancer says so, too.
fn nothing_is_lost(measured: &Measured) {
    let Measured { lost, requests, .. } = measured;
    assert!(lost.is_empty(), "{} of {requests} requests are lost: {:?}", lost.len(), lost.first());
    assert_eq!(measured.balancer_5xx, 0, "the load balancer counts as the users do");
    assert!(measured.rate >= 195.0, "users sent {} requests a second", measured.rate);
    assert!(measured.errors > 0, "the images' own errors are told from lost requests");
}

/// Every share is within 3 points of its weight.
fn weights_hold(measured: &Measured, weights: &[u16]) {
    let found: Vec<u16> = measured.shares.iter().map(|(weight, _)| *weight).collect();
    assert_eq!(found, weights);
    for (weight, share) in &measured.shares {
        assert!((share - f64::from(*weight)).abs() <= 3.0, "at weight {weight} the new group gets {share} %");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_shift_loses_no_request_and_every_weight_holds() {
    let measured = measure::whole_shift().await;
    assert_eq!(measured.ending, Some(Ending::Succeeded));
    nothing_is_lost(&measured);
    weights_hold(&measured, &[10, 50, 100]);
    // Read, look whether it can serve, write, read back.
    assert!(measured.calls.len() == 3 && measured.calls.iter().all(|calls| *calls <= 4), "{:?} calls", measured.calls);
    assert!(measured.guards > 0, "the old group is not emptied before somebody has looked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_shift_loses_no_request_of_clients_that_the_rules_keep_with_the_old_group() {
    let measured = measure::sticky_shift().await;
    assert_eq!(measured.ending, Some(Ending::Succeeded));
    nothing_is_lost(&measured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_swap_loses_no_request() {
    let measured = measure::whole_swap(Vote::Approve).await;
    assert_eq!(measured.ending, Some(Ending::Succeeded));
    nothing_is_lost(&measured);
    weights_hold(&measured, &[100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_of_a_half_gives_all_traffic_back_within_two_polls_and_loses_no_request() {
    let measured = measure::rollback_of_a_half().await;
    assert_eq!(measured.ending, Some(Ending::RolledBack));
    nothing_is_lost(&measured);
    assert!(measured.polls.is_some_and(|polls| polls > 0.0 && polls <= 2.0), "{:?} polls", measured.polls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rollback_of_a_swap_that_emptied_the_old_group_loses_no_request() {
    let measured = measure::whole_swap(Vote::Reject).await;
    assert_eq!(measured.ending, Some(Ending::RolledBack));
    nothing_is_lost(&measured);
    assert!(measured.polls.is_some_and(|polls| polls > 0.0 && polls <= 2.0), "{:?} polls", measured.polls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_group_that_is_emptied_right_after_the_weights_are_written_loses_requests() {
    let measured = measure::careless_shift().await;
    assert!(measured.lost.iter().any(|how| how.starts_with("503")), "{:?}", measured.lost);
    assert_eq!(u64::try_from(measured.lost.len()), Ok(measured.balancer_5xx), "the load balancer counts as the users do");
}
