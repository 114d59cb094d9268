//! Calls that go wrong: what the client sees, and whether the effect happened.

use super::*;
use crate::{Limited, RateLimit};

const CREATE: (&str, &str) = ("POST", "/aws/ec2/group");

async fn create_with(kind: FaultKind) -> (reqwest::Result<Reply>, usize, Client) {
    let client = Client::new(World::instant()).await;
    client.sim.inject(Fault::new(CREATE.0, CREATE.1, kind)).unwrap();
    let reply = client.try_send(CREATE.0, CREATE.1, payload("web", capacity(0, 0, 0))).await;
    let groups = client.sim.groups().len();
    (reply, groups, client)
}

#[tokio::test]
async fn a_lost_reply_has_had_its_effect_and_a_reset_has_not() {
    let (reply, groups, client) = create_with(FaultKind::ReplyLost).await;
    assert!(reply.is_err());
    assert_eq!(groups, 1);
    assert_eq!(client.get("/aws/ec2/group?name=web").await.items().len(), 1);
    assert_eq!(client.sim.calls().iter().map(|call| call.status).collect::<Vec<_>>(), [None, Some(200)]);
    let (reply, groups, client) = create_with(FaultKind::Reset).await;
    assert!(reply.is_err());
    assert_eq!(groups, 0);
    client.create("web", capacity(0, 0, 0)).await;
}

#[tokio::test]
async fn a_server_error_has_an_envelope_without_errors() {
    let (reply, groups, _client) = create_with(FaultKind::Status(503)).await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, groups, reply.limits.len()), (503, 0, 3));
    assert_eq!(reply.body["response"], json!({"status": {"code": 503, "message": "Service Unavailable"}}));
}

#[tokio::test]
async fn throttling_of_aws_comes_as_a_400() {
    let (reply, groups, _client) = create_with(FaultKind::Throttled400).await;
    assert_eq!((reply.unwrap().error().as_str(), groups), ("400 RequestLimitExceeded", 0));
}

#[tokio::test]
async fn a_429_comes_with_or_without_headers() {
    let limited = |reset_seconds| FaultKind::TooManyRequests(Limited { reset_seconds });
    let (reply, groups, _client) = create_with(limited(Some(7))).await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, groups), (429, 0));
    assert_eq!(reply.body["response"]["data"], "Rate limit exceeded");
    assert_eq!(reply.limits, ["60", "0", "7"]);
    let (reply, ..) = create_with(limited(None)).await;
    assert!(reply.unwrap().limits.is_empty());
}

#[tokio::test]
async fn garbage_empty_items_and_hidden_user_data_are_replies_to_calls_that_were_done() {
    let (reply, groups, _client) = create_with(FaultKind::Garbage).await;
    assert_eq!((reply.unwrap().body, groups), (Value::Null, 1));
    let (reply, groups, _client) = create_with(FaultKind::EmptyItems).await;
    assert_eq!((reply.unwrap().items().len(), groups), (0, 1));
    let (reply, groups, client) = create_with(FaultKind::HiddenUserData).await;
    let user_data = |reply: &Reply| reply.item()["compute"]["launchSpecification"]["userData"].clone();
    assert_eq!((user_data(&reply.unwrap()), groups), (json!("__hidden__"), 1));
    assert_eq!(user_data(&client.get("/aws/ec2/group").await), "IyEvYmluL3No");
    client.sim.set(&json!({"quirks": {"hidden_user_data": true}})).unwrap();
    assert_eq!(user_data(&client.get("/aws/ec2/group").await), "__hidden__");
}

#[tokio::test]
async fn half_a_reply_is_no_json_and_the_call_was_done() {
    let (reply, groups, _client) = create_with(FaultKind::Truncated).await;
    let reply = reply.unwrap();
    assert_eq!((reply.status, reply.body, groups), (200, Value::Null, 1));
}

#[tokio::test]
async fn a_token_expires_and_stays_so_until_the_faults_are_cleared() {
    let client = Client::new(World::instant()).await;
    client.get("/aws/ec2/group").await;
    client.sim.inject(Fault::new("*", "*", FaultKind::ExpiredToken).after(1).for_ever()).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.get("/aws/ec2/group").await.status);
    }
    assert_eq!((statuses.as_slice(), client.sim.faults_hit()), ([200, 401, 401].as_slice(), 2));
    assert_eq!(client.get("/aws/ec2/group").await.error(), "401 UNAUTHORIZED");
    client.sim.clear_faults();
    assert_eq!((client.get("/aws/ec2/group").await.status, client.sim.faults_hit()), (200, 3));
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_has_its_effect_at_once() {
    let client = Client::new(World::instant()).await;
    client.sim.inject(Fault::new(CREATE.0, CREATE.1, FaultKind::SlowMs(5_000))).unwrap();
    let before = tokio::time::Instant::now();
    client.create("web", capacity(0, 0, 0)).await;
    assert!(before.elapsed().as_millis() >= 5_000);
    client.sim.inject(Fault::new("GET", "*", FaultKind::SlowMs(3_600_000))).unwrap();
    let read = client.try_send("GET", "/aws/ec2/group", Value::Null);
    let gave_up = tokio::time::timeout(std::time::Duration::from_secs(30), read).await;
    assert!(gave_up.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_limited_account_counts_by_method_and_route() {
    let world = World { rate_limit: Some(RateLimit { per_minute: 2 }), ..World::instant() };
    let client = Client::new(with_groups(world, [seed("web", 0), seed("api", 0)])).await;
    assert_eq!(client.get("/aws/ec2/group").await.limits, ["2", "1", "60"]);
    client.get("/aws/ec2/group").await;
    let limited = client.get("/aws/ec2/group").await;
    assert_eq!((limited.status, limited.limits), (429, vec!["2".to_owned(), "0".to_owned(), "60".to_owned()]));
    assert_eq!(client.get(&group("sig-web", "")).await.limits[1], "1");
    assert_eq!(client.get(&group("sig-api", "")).await.limits[1], "0");
    pass(60_000).await;
    assert_eq!(client.get("/aws/ec2/group").await.status, 200);
}

#[tokio::test]
async fn a_fault_hits_the_calls_that_it_names() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 0)])).await;
    let fault = Fault::new("PUT", "/aws/ec2/group/{groupId}/capacity", FaultKind::Status(500)).after(1).times(2);
    client.sim.inject(fault).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        client.get("/aws/ec2/group").await;
        statuses.push(client.put(&group("sig-web", "/capacity"), json!({"capacity": capacity(0, 0, 1)})).await.status);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    assert!(client.sim.inject(Fault::new("PUT", "/aws/ec2/groups", FaultKind::Reset)).is_err());
}
