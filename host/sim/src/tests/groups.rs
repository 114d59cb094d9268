//! Create, list, read, update, capacity, scale, suspension, delete; tokens and accounts.

use super::*;

#[tokio::test]
async fn a_group_is_created_read_and_listed_as_it_was_sent() {
    let client = Client::new(World::instant()).await;
    let created = client.send("POST", "/aws/ec2/group?asyncScale=True", payload("web__1", capacity(0, 0, 0))).await;
    let id = created.item()["id"].as_str().unwrap();
    assert!(id.starts_with("sig-") && id.len() == 12, "{id}");
    assert_eq!(created.body["response"]["kind"], "spotinst:aws:ec2:group");
    assert_eq!(created.body["request"]["url"], "/aws/ec2/group?asyncScale=True&accountId=act-12345678");
    assert_eq!(created.body["request"]["method"], "POST");
    assert_eq!(created.item()["novelty"], json!({"kept": [1, 2]}));
    assert!(created.item()["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(client.get(&group(id, "")).await.item(), created.item());
    client.create("web__2", capacity(0, 0, 0)).await;
    assert_eq!(client.get("/aws/ec2/group").await.items().len(), 2);
    let named = client.get("/aws/ec2/group?name=web__2").await;
    assert_eq!((named.items().len(), named.body["response"]["count"].as_u64()), (1, Some(1)));
}

#[tokio::test]
async fn ids_are_the_same_in_every_account() {
    let (one, other) = (Client::new(World::instant()).await, Client::new(World::instant()).await);
    one.get("/aws/ec2/group").await;
    assert_eq!(one.create("web", capacity(0, 1, 1)).await, other.create("web", capacity(0, 1, 1)).await);
}

#[tokio::test]
async fn a_create_is_refused_by_field() {
    let client = Client::new(World::instant()).await;
    let mut nameless = payload("web", capacity(0, 0, 0));
    nameless["group"].as_object_mut().unwrap().remove("name");
    let mut computeless = payload("web", capacity(0, 0, 0));
    computeless["group"].as_object_mut().unwrap().remove("compute");
    let mut errors = Vec::new();
    for body in [json!({}), nameless, computeless, payload("web", capacity(1, 0, 2)), payload("web", capacity(0, 3, 2))] {
        errors.push(client.send("POST", "/aws/ec2/group", body).await.error());
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    400 ValidationError body:group
    400 ValidationError body:group.name
    400 ValidationError body:group.compute
    400 ValidationError body:group.capacity.minimum
    400 ValidationError body:group.capacity.target
    ");
    assert_eq!(client.sim.groups(), []);
}

#[tokio::test]
async fn an_update_merges_and_refuses_what_cannot_change() {
    let client = Client::new(World::instant()).await;
    let id = client.create("web", capacity(0, 0, 4)).await;
    let change = json!({"group": {"name": "web2", "strategy": {"drainingTimeout": null}, "compute": {
        "launchSpecification": {"imageId": "ami-2", "userData": null, "tags": [{"tagKey": "a", "tagValue": "b"}]}}}});
    let updated = client.put(&group(&id, "?autoApplyTags=True"), change).await;
    let item = updated.item();
    assert_eq!((&item["name"], &item["strategy"]), (&json!("web2"), &json!({"risk": 100})));
    let specification = &item["compute"]["launchSpecification"];
    assert_eq!(specification["tags"], json!([{"tagKey": "a", "tagValue": "b"}]));
    assert_eq!((&specification["imageId"], specification.get("userData")), (&json!("ami-2"), None));
    assert_eq!(item["compute"]["product"], "Linux/UNIX");

    let mut errors = Vec::new();
    for change in [
        json!({"capacity": {"unit": "instance"}}),
        json!({"compute": {"product": "Linux/UNIX"}}),
        json!({"capacity": {"target": 9}}),
        json!({"name": null}),
    ] {
        errors.push(client.put(&group(&id, ""), json!({"group": change})).await.error());
    }
    errors.push(client.put(&group(&id, "?autoApplyTags=maybe"), json!({"group": {}})).await.error());
    errors.push(client.put(&group("sig-none", ""), json!({"group": {}})).await.error());
    insta::assert_snapshot!(errors.join("\n"), @"
    400 ValidationError body:group.capacity.unit
    400 ValidationError body:group.compute.product
    400 ValidationError body:group.capacity.target
    400 ValidationError body:group.name
    400 ValidationError query:autoApplyTags
    400 GROUP_DOESNT_EXIST
    ");
    assert_eq!(client.get(&group(&id, "")).await.item()["name"], "web2");
}

#[tokio::test]
async fn capacity_is_written_whole_or_in_part() {
    let client = Client::new(World::instant()).await;
    let id = client.create("web", capacity(0, 0, 0)).await;
    let path = group(&id, "/capacity");
    let written = client.put(&path, json!({"capacity": {"minimum": 1, "target": 2, "maximum": 4}})).await;
    assert_eq!(written.body["response"]["kind"], "spotinst:aws:ec2:group:capacity");
    assert_eq!(written.item(), &json!({"capacity": {"minimum": 1, "maximum": 4, "target": 2}}));
    client.put(&path, json!({"capacity": {"target": 3}})).await;
    assert_eq!(client.health(&id).await, "3/3");
    let mut errors = Vec::new();
    for capacity in [json!({"target": 5}), json!({"minimum": 4}), json!({"unit": "instance"}), json!({"target": 1.5})] {
        errors.push(client.put(&path, json!({"capacity": capacity})).await.error());
    }
    errors.push(client.put(&path, json!({})).await.error());
    insta::assert_snapshot!(errors.join("\n"), @"
    400 ValidationError body:capacity.target
    400 ValidationError body:capacity.minimum
    400 ValidationError body:capacity.unit
    400 ValidationError body:capacity.target
    400 ValidationError body:capacity
    ");
}

#[tokio::test]
async fn scaling_stays_between_minimum_and_maximum() {
    let client = Client::new(World::instant()).await;
    let id = client.create("web", capacity(1, 1, 3)).await;
    let up = client.put(&group(&id, "/scale/up?adjustment=5"), json!({"type": "up", "adjustment": 5})).await;
    assert_eq!(up.body["response"]["kind"], "spotinst:aws:ec2:scale");
    assert_eq!(up.item()["newSpotRequests"].as_array().unwrap().len(), 2);
    assert_eq!(client.health(&id).await, "3/3");
    let down = client.put(&group(&id, "/scale/down?adjustment=1"), Value::Null).await;
    assert!(down.item()["victimSpotRequests"][0]["instanceId"].as_str().unwrap().starts_with("i-"));
    assert_eq!(client.health(&id).await, "2/2");
    client.put(&group(&id, "/scale/down?adjustment=9"), Value::Null).await;
    assert_eq!(client.health(&id).await, "1/1");
    assert_eq!(client.put(&group(&id, "/scale/up"), Value::Null).await.error(), "400 ValidationError query:adjustment");
}

#[tokio::test]
async fn a_deleted_group_is_gone_and_says_so() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 2)])).await;
    let deleted = client.send("DELETE", &group("sig-web", ""), json!({"statefulDeallocation": {}})).await;
    assert_eq!((deleted.status, deleted.body["response"].clone()), (200, json!({"status": {"code": 200, "message": "OK"}})));
    for rest in ["", "/status", "/instanceHealthiness", "/roll", "/suspension"] {
        assert_eq!(client.get(&group("sig-web", rest)).await.error(), "400 GROUP_DOESNT_EXIST");
    }
    assert_eq!(client.send("DELETE", &group("sig-web", ""), Value::Null).await.error(), "400 GROUP_DOESNT_EXIST");
    assert_eq!(client.get("/aws/ec2/group").await.items().len(), 0);
    assert_eq!(client.get("/aws/ec2/group?includeDeleted=TRUE").await.items().len(), 1);
    let view = &client.sim.groups()[0];
    assert_eq!((view.deleted, view.instances.total), (true, 0));
}

#[tokio::test]
async fn a_suspension_is_kept_until_it_is_resumed() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 0)])).await;
    let path = group("sig-web", "/suspension");
    client.send("POST", &path, json!({"processes": ["AUTO_SCALE"]})).await;
    let body =
        json!({"suspensions": [{"name": "OUT_OF_STRATEGY", "ttlInMinutes": 30}, {"name": "SCHEDULING", "ttlInMinutes": 0}]});
    client.send("POST", &path, body).await;
    let listed = client.get(&path).await;
    assert_eq!(listed.body["response"]["kind"], "spotinst:aws:ec2:suspension");
    assert_eq!(listed.item()["processes"], json!(["AUTO_SCALE", "OUT_OF_STRATEGY"]));
    assert!(listed.item()["suspensions"][1]["expiresAt"].as_str().unwrap().ends_with("+0000"));
    let resumed = client.send("DELETE", &path, json!({"processes": ["AUTO_SCALE", "AUTO_HEALING"]})).await;
    assert_eq!(resumed.item()["processes"], json!(["OUT_OF_STRATEGY"]));
    let ages = json!({"suspensions": [{"name": "SCHEDULING", "ttlInMinutes": i64::MAX}]});
    assert_eq!(client.send("POST", &path, ages).await.error(), "400 ValidationError body:suspensions.ttlInMinutes");
    assert_eq!(client.send("POST", &path, json!({"processes": ["NAP"]})).await.error(), "400 ValidationError body:processes");
}

#[tokio::test]
async fn token_and_account_are_required() {
    let world = World { tokens: vec!["right".into()], accounts: vec!["act-1".into()], ..World::instant() };
    let client = Client::new(world).await;
    let url = |query: &str| format!("{}/aws/ec2/group{query}", client.sim.spot_url());
    let mut answers = Vec::new();
    for (token, query) in [
        ("", "?accountId=act-1"),
        ("wrong", "?accountId=act-1"),
        ("right", ""),
        ("right", "?accountId=act-2"),
        ("right", "?accountId=act-1"),
    ] {
        let reply = client.http.get(url(query)).bearer_auth(token).send().await.unwrap();
        let (status, body) = (reply.status().as_u16(), reply.json::<Value>().await.unwrap());
        answers.push(format!("{status} {}", body["response"]["errors"][0]["code"]));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"
    401 "UNAUTHORIZED"
    401 "UNAUTHORIZED"
    400 "ValidationError"
    403 "FORBIDDEN"
    200 null
    "#);
}

#[tokio::test]
async fn an_unknown_route_and_a_broken_body_are_refused() {
    let client = Client::new(World::instant()).await;
    assert_eq!(client.get("/aws/ec2/groups").await.error(), "404 NOT_FOUND");
    let url = format!("{}/aws/ec2/group?accountId=act-1", client.sim.spot_url());
    let reply = client.http.post(url).bearer_auth("t").body("{").send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 400);
    assert_eq!(reply.json::<Value>().await.unwrap()["response"]["errors"][0]["field"], "body");
    assert_eq!(client.sim.calls().iter().map(|call| call.route.as_str()).collect::<Vec<_>>(), ["unknown", "/aws/ec2/group"]);
}
