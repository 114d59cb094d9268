//! Targets that follow their Elastigroups, and what health checks find on them, over a paused clock.

use super::*;
use crate::{HealthPlan, Image, Latencies, TargetState, rule_arn, target_group_arn};

/// `shop` with times that can be told apart, and blue's group up.
fn slow() -> World {
    let latencies = Latencies { launch: 1_000, healthy: 2_000, drain: 500, propagation: 300, target_healthy: 4_000 };
    let delay = |seed: TargetGroupSeed| TargetGroupSeed { deregistration_delay: 10, ..seed };
    let world = shop();
    let target_groups = world.target_groups.into_iter().map(delay).collect();
    let blue = GroupSeed { target_groups: vec!["web-blue".to_owned()], ..seed("blue", 2) };
    World { latencies, target_groups, groups: vec![blue], ..world }
}

/// A group whose instances stand in a target group.
fn standing(name: &str, target_group: &str, target: u32) -> Value {
    let mut body = payload(name, capacity(0, target, 10));
    body["group"]["compute"]["launchSpecification"]["loadBalancersConfig"] = config(&[target_group]);
    body
}

pub(super) fn config(target_groups: &[&str]) -> Value {
    let row = |name: &&str| json!({"name": name, "arn": target_group_arn(name), "type": "TARGET_GROUP"});
    json!({"loadBalancers": target_groups.iter().map(row).collect::<Vec<_>>()})
}

async fn start(client: &Client, target_group: &str, target: u32) -> String {
    let reply = client.send("POST", "/aws/ec2/group", standing("green", target_group, target)).await;
    reply.item()["id"].as_str().unwrap().to_owned()
}

/// `initial Elb.RegistrationInProgress` of each target, as the API has it.
async fn health(client: &Client, target_group: &str) -> Vec<String> {
    let reply = client.elb("DescribeTargetHealth", &[("TargetGroupArn", &target_group_arn(target_group))]).await;
    let reason = |health: &&str| AwsReply { status: 200, body: (*health).to_owned() }.text("Reason").to_owned();
    let states = reply.all("State").into_iter().map(str::to_owned);
    let reasons = reply.all("TargetHealth").iter().map(reason).collect::<Vec<_>>();
    states.zip(reasons).map(|(state, reason)| format!("{state} {reason}").trim().to_owned()).collect()
}

fn states(client: &Client, target_group: &str) -> Vec<TargetState> {
    client.sim.targets()[target_group].iter().map(|(_, state)| *state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_target_is_registered_checked_and_healthy_in_turn() {
    let client = Client::new(slow()).await;
    assert_eq!(health(&client, "web-blue").await, ["healthy", "healthy"], "what is up at the start is found healthy");
    start(&client, "web-green", 1).await;
    pass(999).await;
    assert_eq!(health(&client, "web-green").await.len(), 0, "there is no target before the launch");
    let mut seen = Vec::new();
    for wait in [1, 1_999, 1, 1_999, 1] {
        pass(wait).await;
        seen.extend(health(&client, "web-green").await);
    }
    assert_eq!(
        seen,
        [
            "initial Elb.RegistrationInProgress",
            "initial Elb.RegistrationInProgress",
            "initial Elb.InitialHealthChecking",
            "initial Elb.InitialHealthChecking",
            "healthy",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn target_health_has_the_shape_of_the_service() {
    let client = Client::new(slow()).await;
    start(&client, "web-green", 1).await;
    pass(1_000).await;
    let reply = client.elb("DescribeTargetHealth", &[("TargetGroupArn", &target_group_arn("web-green"))]).await;
    insta::assert_snapshot!(reply.text("DescribeTargetHealthResult"), @"
    <TargetHealthDescriptions>
      <member>
        <Target>
          <Id>i-0f3b8488c368cb0a6</Id>
          <Port>80</Port>
        </Target>
        <HealthCheckPort>80</HealthCheckPort>
        <TargetHealth>
          <State>initial</State>
          <Reason>Elb.RegistrationInProgress</Reason>
          <Description>Target registration is in progress</Description>
        </TargetHealth>
      </member>
    </TargetHealthDescriptions>
    ");
    let (there, absent) = (client.sim.targets()["web-green"][0].0.clone(), "i-0aaaaaaaaaaaaaaaa");
    let asked =
        [("Targets.member.1.Id", absent), ("Targets.member.2.Id", &*there), ("TargetGroupArn", &target_group_arn("web-green"))];
    let reply = client.elb("DescribeTargetHealth", &asked).await;
    assert_eq!((reply.all("State"), reply.text("Reason")), (vec!["unused", "initial"], "Target.NotRegistered"));
    let wrong = [("Targets.member.1.Id", "10.0.0.1"), ("TargetGroupArn", &target_group_arn("web-green"))];
    assert_eq!(client.elb("DescribeTargetHealth", &wrong).await.text("Code"), "InvalidTarget");
}

#[tokio::test(start_paused = true)]
async fn a_group_that_no_rule_names_is_not_checked_until_one_does() {
    let client = Client::new(slow()).await;
    start(&client, "web-spare", 1).await;
    pass(60_000).await;
    assert_eq!(health(&client, "web-spare").await, ["unused Target.NotInUse"]);
    let rule = rule_arn("shop", 80, Some(10));
    let named = forward("Actions", &[("web-blue", 1), ("web-spare", 0)]);
    assert_eq!(client.elb("ModifyRule", &with(&[("RuleArn", &rule)], &named)).await.status, 200);
    let mut seen = Vec::new();
    for wait in [0, 3_999, 1] {
        pass(wait).await;
        seen.extend(health(&client, "web-spare").await);
    }
    assert_eq!(seen, ["initial Elb.RegistrationInProgress", "initial Elb.InitialHealthChecking", "healthy"]);
    // Writing it again begins nothing anew; leaving it out does.
    client.elb("ModifyRule", &with(&[("RuleArn", &rule)], &named)).await;
    assert_eq!(states(&client, "web-spare"), [TargetState::Healthy]);
    client.elb("ModifyRule", &with(&[("RuleArn", &rule)], &forward("Actions", &[("web-blue", 1)]))).await;
    assert_eq!(states(&client, "web-spare"), [TargetState::Unused]);
    client.elb("ModifyRule", &with(&[("RuleArn", &rule)], &named)).await;
    assert_eq!(states(&client, "web-spare"), [TargetState::Initial]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_leaves_drains_and_its_instance_lives_for_as_long() {
    let client = Client::new(slow()).await;
    client.put(&group("sig-blue", "/capacity"), json!({"capacity": capacity(0, 1, 10)})).await;
    let mut left = health(&client, "web-blue").await;
    left.sort();
    assert_eq!(left, ["draining Target.DeregistrationInProgress", "healthy"]);
    pass(9_999).await;
    assert_eq!((client.health("sig-blue").await, health(&client, "web-blue").await.len()), ("2/2".to_owned(), 2));
    pass(1).await;
    assert_eq!(
        (client.health("sig-blue").await, health(&client, "web-blue").await),
        ("1/1".to_owned(), vec!["healthy".to_owned()])
    );
    // A group that is deleted drains as well.
    assert_eq!(client.send("DELETE", &group("sig-blue", ""), Value::Null).await.status, 200);
    assert_eq!(states(&client, "web-blue"), [TargetState::Draining]);
    pass(9_999).await;
    assert_eq!((states(&client, "web-blue").len(), client.sim.groups()[0].instances.total), (1, 1));
    pass(1).await;
    assert_eq!((states(&client, "web-blue").len(), client.sim.groups()[0].instances.total), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn another_load_balancer_config_registers_anew() {
    let client = Client::new(slow()).await;
    let update = json!({"group": {"compute": {"launchSpecification": {"loadBalancersConfig": config(&["web-green"])}}}});
    assert_eq!(client.put(&group("sig-blue", ""), update).await.status, 200);
    assert_eq!(states(&client, "web-blue"), [TargetState::Draining; 2]);
    assert_eq!(states(&client, "web-green"), [TargetState::Initial; 2]);
    pass(4_000).await;
    assert_eq!(states(&client, "web-green"), [TargetState::Healthy; 2]);
    pass(6_000).await;
    assert_eq!((states(&client, "web-blue").len(), client.health("sig-blue").await), (0, "2/2".to_owned()));
    let both =
        json!({"group": {"compute": {"launchSpecification": {"loadBalancersConfig": config(&["web-blue", "web-green"])}}}});
    client.put(&group("sig-blue", ""), both).await;
    assert_eq!(
        (states(&client, "web-blue"), states(&client, "web-green")),
        (vec![TargetState::Initial; 2], vec![TargetState::Healthy; 2])
    );
    let none = json!({"group": {"compute": {"launchSpecification": {"loadBalancersConfig": null}}}});
    client.put(&group("sig-blue", ""), none).await;
    assert_eq!(
        (states(&client, "web-blue"), states(&client, "web-green")),
        (vec![TargetState::Draining; 2], vec![TargetState::Draining; 2])
    );
}

#[tokio::test(start_paused = true)]
async fn a_detached_instance_drains_though_it_runs_elsewhere() {
    let client = Client::new(slow()).await;
    let id = client.sim.targets()["web-blue"][0].0.clone();
    let detach = json!({"instancesToDetach": [id], "shouldDecrementTargetCapacity": true});
    assert_eq!(client.put(&group("sig-blue", "/detachInstances"), detach).await.status, 200);
    assert_eq!(states(&client, "web-blue"), [TargetState::Draining, TargetState::Healthy]);
    assert_eq!(client.health("sig-blue").await, "1/1");
    pass(10_000).await;
    assert_eq!(states(&client, "web-blue"), [TargetState::Healthy]);
}

#[tokio::test(start_paused = true)]
async fn health_is_the_instances_own_or_another_hands() {
    let world = slow();
    let images = [("ami-1".to_owned(), Image { health: HealthPlan::Never, ..Image::default() })].into();
    let client = Client::new(World { images, ..world }).await;
    start(&client, "web-green", 1).await;
    pass(5_000).await;
    assert_eq!(health(&client, "web-green").await, ["unhealthy Target.FailedHealthChecks"]);
    client.sim.set_target_health("web-green", Some("healthy")).unwrap();
    assert_eq!(health(&client, "web-green").await, ["healthy"]);
    client.sim.set_target_health("web-green", Some("unavailable")).unwrap();
    assert_eq!(health(&client, "web-green").await, ["unavailable Target.HealthCheckDisabled"]);
    client.sim.set_target_health("web-green", None).unwrap();
    assert_eq!(states(&client, "web-green"), [TargetState::Unhealthy]);
    let refused = |name, state| client.sim.set_target_health(name, state).unwrap_err().to_string();
    insta::assert_snapshot!([refused("web-none", None), refused("web-green", Some("draining"))].join("\n"), @"
    the simulated account refuses: there is no target group `web-none`
    the simulated account refuses: `draining` must be one of [initial, healthy, unhealthy, unavailable]
    ");
}
