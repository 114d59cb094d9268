//! The control endpoint, the AWS port, and the end of an account.

use super::*;

pub(super) async fn control(client: &Client, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/_sim{path}", client.sim.spot_url());
    let request = if body.is_null() { client.http.get(url) } else { client.http.post(url).body(body.to_string()) };
    let reply = request.send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn another_process_looks_at_the_world_and_changes_it() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 2)])).await;
    let (_, world) = control(&client, "/world", Value::Null).await;
    insta::assert_json_snapshot!(world["groups"], @r#"
    [
      {
        "name": "web",
        "id": "sig-web",
        "capacity": {
          "minimum": 0,
          "target": 2,
          "maximum": 10
        },
        "image": "ami-1",
        "instances": {
          "total": 2,
          "healthy": 2
        },
        "tags": {
          "service": "web"
        },
        "deleted": false
      }
    ]
    "#);
    assert_eq!(
        world["settings"]["latencies"],
        json!({"launch": 0, "healthy": 0, "drain": 0, "propagation": 0, "target_healthy": 0})
    );

    let fault = json!({"method": "GET", "route": "/aws/ec2/group", "kind": {"status": 502}});
    assert_eq!(control(&client, "/faults", json!([fault, {"kind": "reset", "nth": 2}])).await.0, 200);
    assert_eq!(client.get("/aws/ec2/group").await.status, 502);
    assert!(client.try_send("GET", "/aws/ec2/group", Value::Null).await.is_err());
    assert_eq!(client.get("/aws/ec2/group").await.status, 200);
    let (_, calls) = control(&client, "/calls", Value::Null).await;
    let statuses: Vec<&Value> = calls.as_array().unwrap().iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [&json!(502), &json!(null), &json!(200)]);
    assert_eq!(calls[0]["route"], "/aws/ec2/group");

    let (_, interrupted) = control(&client, "/interrupt", json!({"group": "sig-web"})).await;
    assert!(interrupted["instance"].as_str().unwrap().starts_with("i-"));
    let edit = json!({"group": "sig-web", "edit": {"capacity": {"minimum": 0, "target": 1, "maximum": 1}}});
    assert_eq!(control(&client, "/edit", edit).await.0, 200);
    assert_eq!(control(&client, "/world", json!({"images": {"ami-1": {"errors": 0.5}}})).await.0, 200);
    assert_eq!(client.health("sig-web").await, "1/1");
}

#[tokio::test]
async fn a_wrong_control_call_says_why() {
    let client = Client::new(World::instant()).await;
    let mut errors = Vec::new();
    for (path, body) in [
        ("/faults", json!({"kind": "explode"})),
        ("/faults", json!({"route": "/nowhere", "kind": "reset"})),
        ("/faults", json!({"nth": 2, "after": 1, "kind": "reset"})),
        ("/interrupt", json!({"group": "sig-none"})),
        ("/edit", json!({"group": "sig-none"})),
        ("/world", json!({"latency": 1})),
        ("/world", json!({"groups": []})),
        ("/nothing", json!({})),
    ] {
        let (status, reply) = control(&client, path, body).await;
        errors.push(format!("{status} {}", reply["error"].as_str().unwrap()));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    400 unknown variant `explode`, expected one of `status`, `too_many_requests`, `throttled_400`, `slow_ms`, `reset`, `reply_lost`, `garbage`, `truncated`, `expired_token`, `empty_items`, `hidden_user_data`
    400 the simulated world is not possible: fault: there is no route `/nowhere`
    400 the simulated world is not possible: fault: `nth` stands alone, without `after` and `times`
    400 Group sig-none doesn't exist
    400 Group sig-none doesn't exist
    400 the simulated world is not possible: unknown field `latency`, expected one of `tokens`, `accounts`, `latencies`, `shortage`, `images`, `default_image`, `rate_limit`, `quirks`, `groups`, `target_groups`, `load_balancers`, `faults`
    400 the simulated world is not possible: `groups` is no setting of a running account
    404 no such control call
    ");
}

#[tokio::test]
async fn the_aws_port_refuses_an_unknown_action_in_its_own_shape() {
    let client = Client::new(World::instant()).await;
    let reply = client.elb("Describe<X>", &[]).await;
    assert_eq!(reply.status, 400);
    let id = reply.text("RequestId").to_owned();
    insta::assert_snapshot!(reply.body.replace(&id, "id"), @r#"
    <ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
      <Error>
        <Type>Sender</Type>
        <Code>InvalidAction</Code>
        <Message>Could not find operation Describe&lt;X&gt; for version 2015-12-01</Message>
      </Error>
      <RequestId>id</RequestId>
    </ErrorResponse>
    "#);
}

#[tokio::test]
async fn a_stopped_account_closes_its_ports_and_a_taken_port_is_named() {
    let client = Client::new(World::instant()).await;
    client.get("/aws/ec2/group").await;
    let port = client.sim.spot_url().rsplit(':').next().unwrap().parse().unwrap();
    let taken = Sim::start(World::default(), Ports { spot: port, aws: 0 }).await.unwrap_err();
    assert_eq!(taken.to_string(), format!("cannot listen on 127.0.0.1:{port} for the simulated Spot API"));
    client.sim.stop().await;
    assert!(client.try_send("GET", "/aws/ec2/group", Value::Null).await.unwrap_err().is_connect());
    Sim::start(World::default(), Ports { spot: port, aws: 0 }).await.unwrap().stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_account_stops_and_ends_slow_replies() {
    let Client { sim, http } = Client::new(World::instant()).await;
    let url = format!("{}/aws/ec2/group?accountId=a", sim.spot_url());
    sim.inject(Fault::new("GET", "*", FaultKind::SlowMs(u64::from(u32::MAX)))).unwrap();
    let call = tokio::spawn(http.get(url).bearer_auth("t").send());
    while sim.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let before = tokio::time::Instant::now();
    drop(sim);
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
    assert!(before.elapsed().as_secs() < 60);
}
