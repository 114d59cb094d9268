//! A roll from its start to its end, its lock, its failure and what can be done about it.

use super::*;
use crate::{HealthPlan, Image, Latencies};

fn world() -> World {
    let bad = Image { health: HealthPlan::Never, ..Image::default() };
    World {
        latencies: Latencies { launch: 1_000, healthy: 2_000, drain: 500, ..Latencies::default() },
        images: [("ami-bad".to_owned(), bad)].into(),
        ..World::default()
    }
}

fn half() -> Value {
    json!({"batchSizePercentage": 50, "gracePeriod": 60})
}

async fn image(client: &Client, ami: &str) {
    let change = json!({"group": {"compute": {"launchSpecification": {"imageId": ami}}}});
    assert_eq!(client.put(&group("sig-web", ""), change).await.status, 200);
}

async fn start(client: &Client, body: Value) -> String {
    let started = client.put(&group("sig-web", "/roll"), body).await;
    assert_eq!((started.status, &started.item()["status"]), (200, &json!("starting")));
    started.item()["id"].as_str().unwrap().to_owned()
}

async fn row(client: &Client, id: &str) -> String {
    let reply = client.get(&group("sig-web", &format!("/roll/{id}"))).await;
    let row = reply.item();
    format!(
        "{} {}% batch {}/{} blue {} green {}",
        row["status"].as_str().unwrap(),
        row["progress"]["value"],
        row["currentBatch"],
        row["numOfBatches"],
        row["blueInstances"],
        row["greenInstances"]
    )
}

#[tokio::test(start_paused = true)]
async fn a_roll_replaces_batch_by_batch() {
    let client = Client::new(with_groups(world(), [seed("web", 4)])).await;
    image(&client, "ami-2").await;
    let id = start(&client, half()).await;
    assert!(id.starts_with("sbgd-"), "{id}");
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(format!("{}, {}", row(&client, &id).await, client.health("sig-web").await));
        pass(3_000).await;
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    in_progress 0% batch 1/2 blue 4 green 0, 4/4
    in_progress 50% batch 2/2 blue 2 green 2, 6/6
    finished 100% batch 2/2 blue 0 green 4, 6/6
    finished 100% batch 2/2 blue 0 green 4, 4/4
    ");
    let listed = client.get(&group("sig-web", "/roll?limit=5&sort=createdAt:DESC")).await;
    assert_eq!(listed.body["response"]["kind"], "spotinst:aws:ec2:group:roll");
    assert!(listed.item()["createdAt"].as_str().unwrap().ends_with("+0000"));
    let amis: Value = client
        .http
        .get(format!("{}/api/v1/query?query=count%20by%20(ami)%20(up)", client.sim.metrics_url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(amis["data"]["result"][0]["metric"], json!({"ami": "ami-2"}));
    assert_eq!(amis["data"]["result"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_roll_has_the_group_until_it_ends() {
    let client = Client::new(with_groups(world(), [seed("web", 4)])).await;
    let id = start(&client, half()).await;
    let busy = "400 DEPLOYMENT_ALREADY_IN_PROGRESS";
    let numbers = json!({"capacity": capacity(0, 1, 1)});
    assert_eq!(client.put(&group("sig-web", "/capacity"), numbers.clone()).await.error(), busy);
    assert_eq!(client.put(&group("sig-web", ""), json!({"group": {"name": "x"}})).await.error(), busy);
    assert_eq!(client.put(&group("sig-web", "/scale/down?adjustment=1"), Value::Null).await.error(), busy);
    assert_eq!(client.put(&group("sig-web", "/roll"), half()).await.error(), busy);
    let stop = client.put(&group("sig-web", &format!("/roll/{id}")), json!({"roll": {"status": "STOPPED"}})).await;
    assert_eq!(stop.body["response"], json!({"status": {"code": 200, "message": "OK"}}));
    assert_eq!(row(&client, &id).await, "stopped 0% batch 1/2 blue 4 green 0");
    assert_eq!(client.put(&group("sig-web", "/capacity"), numbers).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_roll_onto_a_bad_image_fails_after_its_grace_period_and_stays_in_the_way() {
    let client = Client::new(with_groups(world(), [seed("web", 4)])).await;
    image(&client, "ami-bad").await;
    let id = start(&client, half()).await;
    pass(60_000).await;
    assert_eq!(row(&client, &id).await, "failed 0% batch 1/2 blue 4 green 0");
    assert_eq!(client.health("sig-web").await, "4/6");
    assert_eq!(client.put(&group("sig-web", "/roll"), half()).await.error(), "400 DEPLOYMENT_ALREADY_IN_PROGRESS");
    let detail = client.get(&group("sig-web", &format!("/roll/{id}/status"))).await;
    assert_eq!(detail.item()["instances"][0]["green"].as_array().unwrap().len(), 2);
    assert_eq!(detail.item()["instances"][0]["blue"][3]["batchNum"], 2);
    let action = json!({"actionType": "DETACH_NEW", "shouldHandleAllBatches": true});
    let done = client.send("POST", &group("sig-web", &format!("/roll/{id}/action")), action.clone()).await;
    assert_eq!((done.item()["detachedInstances"].as_array().unwrap().len(), &done.item()["rollId"]), (2, &json!(id)));
    pass(500).await;
    assert_eq!(client.health("sig-web").await, "4/4");
    // The vendor's Python client leaves `/action` out.
    assert_eq!(client.send("POST", &group("sig-web", &format!("/roll/{id}")), action).await.status, 200);
    image(&client, "ami-1").await;
    start(&client, half()).await;
}

#[tokio::test(start_paused = true)]
async fn a_roll_can_clean_up_after_itself_restart_or_wait_unchecked() {
    let client = Client::new(with_groups(world(), [seed("web", 2)])).await;
    image(&client, "ami-bad").await;
    let cleaning = json!({"batchSizePercentage": 100, "gracePeriod": 10,
        "strategy": {"action": "REPLACE_SERVER", "onFailure": {"actionType": "DETACH_NEW", "shouldHandleAllBatches": true}}});
    let id = start(&client, cleaning).await;
    pass(10_500).await;
    assert_eq!(client.health("sig-web").await, "2/2");
    assert_eq!(row(&client, &id).await, "failed 0% batch 1/1 blue 2 green 0");

    let restart = json!({"batchSizePercentage": 100, "gracePeriod": 10, "strategy": {"action": "RESTART_SERVER"}});
    let id = start(&client, restart).await;
    assert_eq!(client.health("sig-web").await, "0/2");
    pass(2_000).await;
    assert_eq!(client.health("sig-web").await, "2/2");
    assert_eq!(row(&client, &id).await, "finished 100% batch 1/1 blue 0 green 2");

    let id = start(&client, json!({"batchSizePercentage": 100, "gracePeriod": 30, "healthCheckType": "NONE"})).await;
    pass(29_999).await;
    assert!(row(&client, &id).await.starts_with("in_progress 0%"));
    pass(1).await;
    assert!(row(&client, &id).await.starts_with("finished 100%"));
}

#[tokio::test(start_paused = true)]
async fn a_roll_is_refused_by_field_and_below_the_minimum() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 2)])).await;
    let mut errors = Vec::new();
    for body in [
        json!({"gracePeriod": 60}),
        json!({"batchSizePercentage": 0, "gracePeriod": 60}),
        json!({"batchSizePercentage": 20, "gracePeriod": 60, "strategy": {"action": "NAP"}}),
        json!({"batchSizePercentage": 20, "gracePeriod": 60, "strategy": {"onFailure": {"actionType": "NAP"}}}),
    ] {
        errors.push(client.put(&group("sig-web", "/roll"), body).await.error());
    }
    errors.push(client.get(&group("sig-web", "/roll/sbgd-none")).await.error());
    insta::assert_snapshot!(errors.join("\n"), @"
    400 ValidationError body:batchSizePercentage
    400 ValidationError body:batchSizePercentage
    400 ValidationError body:strategy.action
    400 ValidationError body:strategy.onFailure.actionType
    400 DEPLOYMENT_DOESNT_EXIST
    ");
}

#[tokio::test]
async fn replies_may_come_in_another_case_or_without_items() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 2)])).await;
    client.sim.set(&json!({"quirks": {"odd_case": true, "empty_roll_start": true}})).unwrap();
    let started = client.put(&group("sig-web", "/roll"), half()).await;
    assert_eq!((started.items().len(), &started.body["response"]["count"]), (0, &json!(0)));
    let listed = client.get(&group("sig-web", "/roll?limit=1")).await;
    assert_eq!(listed.item()["status"], "FINISHED");
    assert_eq!(client.get(&group("sig-web", "/instanceHealthiness")).await.item()["healthStatus"], "healthy");
}
