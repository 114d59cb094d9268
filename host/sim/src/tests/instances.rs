//! Launching, health, draining, shortage, interruption, detaching, another hand.

use super::*;
use crate::{Edit, HealthPlan, Image, Latencies, Shortage};

fn slow() -> World {
    World { latencies: Latencies { launch: 1_000, healthy: 2_000, drain: 3_000, ..Latencies::default() }, ..World::default() }
}

fn image(health: HealthPlan) -> World {
    World { images: [("ami-1".to_owned(), Image { health, ..Image::default() })].into(), ..slow() }
}

fn statuses(reply: &Reply) -> Vec<String> {
    let row =
        |row: &Value| format!("{} {}", if row["instanceId"].is_null() { "-" } else { "i" }, row["status"].as_str().unwrap());
    reply.items().iter().map(row).collect()
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_requested_launched_and_healthy_in_turn() {
    let client = Client::new(slow()).await;
    let id = client.create("web", capacity(0, 1, 4)).await;
    let status = client.get(&group(&id, "/status")).await;
    assert_eq!(statuses(&status), ["- pending-evaluation"]);
    assert!(status.item()["spotInstanceRequestId"].as_str().unwrap().starts_with("sir-"));
    assert_eq!(client.health(&id).await, "0/0");
    pass(1_000).await;
    let status = client.get(&group(&id, "/status")).await;
    assert_eq!(statuses(&status), ["i fulfilled"]);
    let health = client.get(&group(&id, "/instanceHealthiness")).await;
    assert_eq!((&health.item()["healthStatus"], &health.item()["lifeCycle"]), (&json!("INSUFFICIENT_DATA"), &json!("SPOT")));
    assert_eq!(health.item()["instanceId"], status.item()["instanceId"]);
    pass(2_000).await;
    assert_eq!(client.health(&id).await, "1/1");
    client.put(&group(&id, "/capacity"), json!({"capacity": capacity(0, 2, 4)})).await;
    assert_eq!(statuses(&client.get(&group(&id, "/status")).await), ["- pending-evaluation", "i fulfilled"]);
}

#[tokio::test(start_paused = true)]
async fn an_instant_world_has_its_instances_at_the_first_look() {
    let client = Client::new(World::instant()).await;
    let id = client.create("web", capacity(0, 3, 4)).await;
    assert_eq!(client.health(&id).await, "3/3");
    client.put(&group(&id, "/capacity"), json!({"capacity": capacity(0, 0, 0)})).await;
    assert_eq!(client.health(&id).await, "0/0");
}

#[tokio::test(start_paused = true)]
async fn a_leaving_instance_stays_listed_until_it_has_drained() {
    let client = Client::new(with_groups(slow(), [seed("web", 3)])).await;
    assert_eq!(client.health("sig-web").await, "3/3");
    client.put(&group("sig-web", "/capacity"), json!({"capacity": capacity(0, 1, 1)})).await;
    pass(2_999).await;
    assert_eq!(client.health("sig-web").await, "3/3");
    let leaving = client.get(&group("sig-web", "/instanceHealthiness")).await.item()["instanceId"].as_str().unwrap().to_owned();
    let lookup = client.get(&format!("/aws/ec2/instance/{leaving}")).await;
    assert_eq!(lookup.item()["lifeCycleState"], "TERMINATING");
    pass(1).await;
    assert_eq!(client.health("sig-web").await, "1/1");
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_image_that_an_instance_was_launched_with() {
    for (health, after) in [
        (HealthPlan::Never, ["0/1", "0/1", "0/1"]),
        (HealthPlan::Flapping, ["0/1", "1/1", "0/1"]),
        (HealthPlan::AfterMs(500), ["0/1", "1/1", "1/1"]),
    ] {
        let client = Client::new(image(health)).await;
        let id = client.create("web", capacity(0, 1, 4)).await;
        let mut seen = Vec::new();
        for wait in [1_000, 2_000, 2_000] {
            pass(wait).await;
            seen.push(client.health(&id).await);
        }
        assert_eq!(seen, after, "{health:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shortage_leaves_requests_open_until_there_is_room() {
    let world = World { shortage: Shortage { total: Some(3), per_group: Some(2) }, ..slow() };
    let client = Client::new(with_groups(world, [seed("old", 2)])).await;
    let id = client.create("web", capacity(0, 2, 4)).await;
    pass(9_000).await;
    assert_eq!(statuses(&client.get(&group(&id, "/status")).await), ["- capacity-not-available", "i fulfilled"]);
    client.put(&group("sig-old", "/capacity"), json!({"capacity": capacity(0, 0, 0)})).await;
    // Drained after 3 s, launched 1 s and healthy 2 s later, whenever somebody looks.
    pass(5_999).await;
    assert_eq!(client.health(&id).await, "1/2");
    pass(1).await;
    assert_eq!(client.health(&id).await, "2/2");
    client.sim.set(&json!({"shortage": {"total": null, "per_group": 3}})).unwrap();
    client.put(&group(&id, "/capacity"), json!({"capacity": capacity(0, 4, 4)})).await;
    pass(9_000).await;
    assert_eq!(client.health(&id).await, "3/3");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_instance_is_replaced() {
    let client = Client::new(with_groups(slow(), [seed("web", 2)])).await;
    let victim = client.sim.interrupt("sig-web").unwrap().unwrap();
    let status = client.get(&group("sig-web", "/status")).await;
    let marked = status.items().iter().find(|row| row["instanceId"] == victim.as_str()).unwrap();
    assert_eq!(marked["status"], "marked-for-termination");
    assert_eq!(statuses(&status), ["- pending-evaluation", "i marked-for-termination", "i fulfilled"]);
    pass(3_000).await;
    assert_eq!(client.health("sig-web").await, "2/2");
    assert!(client.sim.interrupt("sig-none").is_err());
}

#[tokio::test(start_paused = true)]
async fn detaching_replaces_or_decrements() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 3)])).await;
    let ids = |reply: &Reply| -> Vec<Value> { reply.items().iter().map(|row| row["instanceId"].clone()).collect() };
    let before = ids(&client.get(&group("sig-web", "/instanceHealthiness")).await);
    let path = group("sig-web", "/detachInstances");
    let detached = client.put(&path, json!({"instancesToDetach": [before[0]], "shouldTerminateInstances": true})).await;
    assert_eq!(detached.body["response"], json!({"status": {"code": 200, "message": "OK"}}));
    let after = ids(&client.get(&group("sig-web", "/instanceHealthiness")).await);
    assert!(after.len() == 3 && !after.contains(&before[0]));
    client.put(&path, json!({"instancesToDetach": [after[0]], "shouldDecrementTargetCapacity": true})).await;
    assert_eq!(client.health("sig-web").await, "2/2");
    assert_eq!(client.sim.groups()[0].capacity.target, 2);
    let stranger = client.put(&path, json!({"instancesToDetach": ["i-0aaa"]})).await;
    assert_eq!(stranger.error(), "400 ValidationError body:instancesToDetach");
}

#[tokio::test(start_paused = true)]
async fn risk_and_on_demand_count_decide_the_market() {
    let client = Client::new(World::instant()).await;
    for (strategy, wanted) in [(json!({"risk": 50}), 2), (json!({"onDemandCount": 1}), 1), (json!({"risk": 100}), 0)] {
        let mut body = payload("web", capacity(0, 4, 4));
        body["group"]["strategy"] = strategy;
        let id = client.send("POST", "/aws/ec2/group", body).await.item()["id"].as_str().unwrap().to_owned();
        let status = client.get(&group(&id, "/status")).await;
        assert_eq!(status.items().iter().filter(|row| row["spotInstanceRequestId"].is_null()).count(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_health_check_an_instance_may_stay_unknown() {
    let world = with_groups(
        World::instant(),
        [GroupSeed { extra: Some(json!({"compute": {"launchSpecification": {"healthCheckType": null}}})), ..seed("web", 1) }],
    );
    let client = Client::new(world).await;
    assert_eq!(client.health("sig-web").await, "1/1");
    client.sim.set(&json!({"quirks": {"unknown_without_health_check": true}})).unwrap();
    let health = client.get(&group("sig-web", "/instanceHealthiness")).await;
    assert_eq!(health.item()["healthStatus"], "UNKNOWN");
}

#[tokio::test(start_paused = true)]
async fn another_hand_changes_a_group() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 1)])).await;
    let edit = Edit { capacity: Some(Numbers { minimum: 1, target: 2, maximum: 2 }), name: Some("web-2".into()) };
    client.sim.edit("sig-web", &edit).unwrap();
    let read = client.get(&group("sig-web", "")).await;
    assert_eq!((&read.item()["name"], &read.item()["capacity"]["target"]), (&json!("web-2"), &json!(2)));
    assert_eq!(client.health("sig-web").await, "2/2");
    let wrong = Edit { capacity: Some(Numbers { minimum: 3, target: 2, maximum: 2 }), name: None };
    assert!(client.sim.edit("sig-web", &wrong).unwrap_err().to_string().contains("must be less than or equal to 2"));
}
