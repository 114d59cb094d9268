//! The client against the simulated account: what a blue/green deployment reads and writes, and what the account does to it.
//!
//! Each test asks the world afterwards. The account shares no type with this crate.

use secrecy::SecretString;
use serde_json::{Value, json};
use shiftgate_model::{
    Actions, Draining, ErrorClass, ForwardTarget, ListenerArn, LoadBalancerArn, Millis, Origin, Route, RouteAction, Routes,
    RuleArn, TargetGroupArn, TargetState,
};
use shiftgate_sim::{
    Fault, FaultKind, GroupSeed, ListenerSeed, LoadBalancerSeed, Ports, RuleSeed, Sim, TargetGroupSeed, World, forward,
    listener_arn, load_balancer_arn, rule_arn, target_group_arn,
};

use super::{Elb, ElbConfig, ElbRetry, ElbTimeouts};

const SECRET: &str = "world-secret-0123456789";

/// One load balancer: port 80 is shifted, by its default rule and by rule 10; ports 443 and 8443 are swapped.
fn shop() -> World {
    let rule = RuleSeed { priority: 10, conditions: json!({"path-pattern": ["/api/*"]}), actions: sticky() };
    let listeners = vec![
        ListenerSeed { rules: vec![rule], ..ListenerSeed::forward(80, &[("web-blue", 100), ("web-green", 0)]) },
        ListenerSeed::forward(443, &[("web-blue", 1)]),
        ListenerSeed::forward(8443, &[("web-green", 1)]),
    ];
    let balancer = json!({"name": "shop"});
    let balancer = LoadBalancerSeed { listeners, ..serde_json::from_value(balancer).unwrap() };
    let green = TargetGroupSeed { deregistration_delay: 60, ..TargetGroupSeed::new("web-green") };
    let group: GroupSeed = serde_json::from_value(json!({"name": "web", "image": "ami-1", "target_groups": ["web-blue"],
        "capacity": {"minimum": 2, "target": 2, "maximum": 2}}))
    .unwrap();
    World {
        load_balancers: vec![balancer],
        target_groups: vec![TargetGroupSeed::new("web-blue"), green],
        groups: vec![group],
        ..World::instant()
    }
}

fn sticky() -> Value {
    let mut actions = forward(&[("web-blue", 100), ("web-green", 0)]);
    actions["stickiness_seconds"] = json!(600);
    actions
}

async fn account(world: World) -> (Sim, Elb) {
    let sim = Sim::start(world, Ports::default()).await.unwrap();
    let elb = client(&sim, ElbTimeouts::default()).await;
    (sim, elb)
}

async fn client(sim: &Sim, timeouts: ElbTimeouts) -> Elb {
    let mut config = ElbConfig::new("us-east-1").with_static_credentials("AKIDWORLD", SecretString::from(SECRET.to_owned()));
    config.endpoint_url = Some(sim.aws_url());
    config.retry = ElbRetry { first_pause: Millis(1), longest_pause: Millis(4), ..ElbRetry::default() };
    config.timeouts = timeouts;
    Elb::new(config).await.unwrap()
}

fn route(port: u16, priority: Option<u32>) -> Route {
    Route {
        rule: RuleArn::new(rule_arn("shop", port, priority)),
        listener: ListenerArn::new(listener_arn("shop", port)),
        default: priority.is_none(),
    }
}

fn group(name: &str) -> TargetGroupArn {
    TargetGroupArn::new(target_group_arn(name))
}

fn targets(blue: u16, green: u16) -> Vec<ForwardTarget> {
    let target = |name, weight| ForwardTarget { group: group(name), weight: Some(weight) };
    vec![target("web-blue", blue), target("web-green", green)]
}

/// The action list that the world shows for a rule.
fn shown(sim: &Sim, route: &Route) -> Value {
    let balancers = sim.routes();
    let rules = balancers.iter().flat_map(|balancer| balancer.listeners.iter().flat_map(|listener| &listener.rules));
    let rule = rules.into_iter().find(|rule| rule.arn == route.rule.as_str()).unwrap();
    Value::from(rule.actions.clone())
}

fn weights(sim: &Sim, route: &Route) -> Vec<u64> {
    let actions = shown(sim, route);
    let list = actions.as_array().unwrap();
    let forward = list.iter().find(|action| action["Type"] == "forward").unwrap();
    let groups = forward["ForwardConfig"]["TargetGroups"].as_array().unwrap();
    groups.iter().map(|group| group["Weight"].as_u64().unwrap()).collect()
}

fn called(sim: &Sim) -> Vec<String> {
    sim.aws_calls().into_iter().map(|call| call.action).collect()
}

async fn read(elb: &Elb, route: &Route) -> Actions {
    elb.rule(&route.rule).await.unwrap().unwrap().actions
}

#[tokio::test]
async fn what_stands_there_is_read_one_call_each() {
    let (sim, elb) = account(shop()).await;
    let balancer = elb.load_balancer("shop").await.unwrap().unwrap();
    assert_eq!((balancer.arn.as_str(), balancer.state.as_str()), (load_balancer_arn("shop").as_str(), "active"));
    assert_eq!((balancer.name.as_str(), balancer.vpc.as_str(), balancer.application), ("shop", "vpc-1", true));

    let mut listeners = elb.listeners(&balancer.arn).await.unwrap();
    listeners.sort_by_key(|listener| listener.port);
    assert_eq!(listeners.iter().map(|listener| listener.port).collect::<Vec<_>>(), [80, 443, 8443]);
    assert_eq!(elb.listener(&listeners[0].arn).await, Ok(Some(listeners[0].clone())));

    let rules = elb.rules(&listeners[0].arn).await.unwrap();
    assert_eq!(rules.iter().filter(|rule| rule.default).count(), 1);
    for rule in &rules {
        assert_eq!(elb.rule(&rule.arn).await.as_ref(), Ok(&Some(rule.clone())));
        assert_eq!(rule.actions.to_string(), "web-blue 100, web-green 0");
        let stickiness = rule.actions.forward().unwrap().stickiness_seconds;
        assert_eq!(stickiness, if rule.default { None } else { Some(600) });
    }

    let groups = elb.target_groups(&[group("web-blue"), group("web-green"), group("web-blue")]).await.unwrap();
    assert_eq!(groups.len(), 2);
    assert!(groups.iter().all(|group| group.target_type == "instance" && group.load_balancers == [balancer.arn.clone()]));
    assert_eq!(elb.draining(&group("web-green")).await, Ok(Draining { deregistration_delay: 60, stickiness: None }));
    let health = elb.target_health(&group("web-blue")).await.unwrap();
    assert_eq!(health.iter().filter(|row| row.state == TargetState::Healthy && row.reason.is_none()).count(), 2);
    assert_eq!(elb.target_health(&group("web-green")).await, Ok(vec![]));
    assert_eq!(
        called(&sim),
        [
            "DescribeLoadBalancers",
            "DescribeListeners",
            "DescribeListeners",
            "DescribeRules",
            "DescribeRules",
            "DescribeRules",
            "DescribeTargetGroups",
            "DescribeTargetGroupAttributes",
            "DescribeTargetHealth",
            "DescribeTargetHealth"
        ]
    );
}

#[tokio::test]
async fn what_is_not_there_is_none_and_no_group_is_no_call() {
    let (sim, elb) = account(shop()).await;
    assert_eq!(elb.load_balancer("nobody").await, Ok(None));
    assert_eq!(elb.listener(&ListenerArn::new(listener_arn("shop", 1))).await, Ok(None));
    assert_eq!(elb.rule(&RuleArn::new(rule_arn("shop", 80, Some(99)))).await, Ok(None));
    let calls = sim.aws_calls().len();
    assert_eq!(elb.target_groups(&[]).await, Ok(vec![]));
    assert_eq!(sim.aws_calls().len(), calls);
    let error = elb.listeners(&LoadBalancerArn::new(load_balancer_arn("nobody"))).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Remote { status: 400, code: Some(code), .. } if code == "LoadBalancerNotFound"));
    assert_eq!(error.class(), ErrorClass::Application);
    let found = elb.target_groups(&[group("web-blue"), group("nobody")]).await.unwrap();
    assert_eq!(found.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["web-blue"]);
    let rules = [RuleArn::new(rule_arn("shop", 80, None)), RuleArn::new(rule_arn("shop", 80, Some(99)))];
    assert_eq!(elb.rules_by_arn(&rules).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_default_rule_and_another_one_are_shifted_and_keep_what_they_have() {
    let (sim, elb) = account(shop()).await;
    for (route, modify) in [(route(80, None), "ModifyListener"), (route(80, Some(10)), "ModifyRule")] {
        let original = read(&elb, &route).await;
        for (blue, green) in [(90, 10), (50, 50), (0, 100)] {
            let wanted = original.with_targets(&targets(blue, green));
            elb.set_actions(&route, &wanted).await.unwrap();
            assert_eq!(read(&elb, &route).await, wanted);
            assert_eq!(weights(&sim, &route), [u64::from(blue), u64::from(green)]);
        }
        elb.set_actions(&route, &original).await.unwrap();
        assert_eq!(read(&elb, &route).await, original);
        assert_eq!(called(&sim).iter().filter(|action| *action == modify).count(), 4);
    }
    let balancers = sim.routes();
    let rule = &balancers[0].listeners[0].rules[0];
    assert_eq!(rule.conditions[0]["Values"], json!(["/api/*"]));
    assert_eq!(rule.actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"]["DurationSeconds"], 600);
}

#[tokio::test]
async fn two_listeners_are_swapped() {
    let (sim, elb) = account(shop()).await;
    let (production, stage) = (route(443, None), route(8443, None));
    let (blue, green) = (read(&elb, &production).await, read(&elb, &stage).await);
    assert_eq!((blue.to_string(), green.to_string()), ("web-blue".to_owned(), "web-green".to_owned()));
    let to = |group: &Actions| group.forward().unwrap().targets.clone();
    let (new_production, new_stage) = (blue.with_targets(&to(&green)), green.with_targets(&to(&blue)));
    elb.set_actions(&production, &new_production).await.unwrap();
    elb.set_actions(&stage, &new_stage).await.unwrap();
    assert_eq!((read(&elb, &production).await, read(&elb, &stage).await), (new_production, new_stage));
    assert_eq!(shown(&sim, &production)[0]["TargetGroupArn"], target_group_arn("web-green"));
    assert_eq!(shown(&sim, &stage)[0]["TargetGroupArn"], target_group_arn("web-blue"));
}

/// A world whose rule 10 logs clients in before it forwards.
fn guarded(login: Value) -> World {
    let forward = json!({"Type": "forward", "Order": 7, "ForwardConfig": {"TargetGroups": [
        {"TargetGroupArn": target_group_arn("web-blue"), "Weight": 100}, {"TargetGroupArn": target_group_arn("web-green"), "Weight": 0}]}});
    let mut world = shop();
    world.load_balancers[0].listeners[0].rules[0].actions = json!([login, forward]);
    world
}

/// Without the order of fields and map entries, which the wire does not keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut pairs: Vec<_> = fields.iter().map(|(key, value)| json!([key, sorted(value)])).collect();
            pairs.sort_by_key(Value::to_string);
            Value::from(pairs)
        }
        Value::Array(list) => {
            let mut list: Vec<_> = list.iter().map(sorted).collect();
            list.sort_by_key(Value::to_string);
            Value::from(list)
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn logins_before_the_forward_stay_as_they_are() {
    let oidc = json!({"Type": "authenticate-oidc", "Order": 2, "AuthenticateOidcConfig": {
        "Issuer": "https://id.example.com", "AuthorizationEndpoint": "https://id.example.com/authorize",
        "TokenEndpoint": "https://id.example.com/token", "UserInfoEndpoint": "https://id.example.com/me", "ClientId": "shop",
        "SessionCookieName": "session", "Scope": "openid email", "SessionTimeout": 3600, "OnUnauthenticatedRequest": "deny",
        "AuthenticationRequestExtraParams": {"entry": [{"key": "display", "value": "page"}, {"key": "prompt", "value": "login"}]}}});
    let cognito = json!({"Type": "authenticate-cognito", "Order": 2, "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/pool", "UserPoolClientId": "shop",
        "UserPoolDomain": "login", "SessionTimeout": 60}});
    let jwt = json!({"Type": "jwt-validation", "Order": 2, "JwtValidationConfig": {
        "JwksEndpoint": "https://id.example.com/keys", "Issuer": "https://id.example.com", "AdditionalClaims": [
            {"Format": "string-array", "Name": "roles", "Values": ["a", "b"]}]}});
    for login in [oidc, cognito, jwt] {
        let (sim, elb) = account(guarded(login)).await;
        let route = route(80, Some(10));
        let (original, before) = (read(&elb, &route).await, shown(&sim, &route));
        assert_eq!(original.to_string(), "1 other action, then web-blue 100, web-green 0");
        let wanted = original.with_targets(&targets(90, 10));
        elb.set_actions(&route, &wanted).await.unwrap();
        assert_eq!(read(&elb, &route).await, wanted);
        let after = shown(&sim, &route);
        assert_eq!((sorted(&after[0]), after[1]["Order"].clone()), (sorted(&before[0]), json!(7)));
        assert_eq!(weights(&sim, &route), [90, 10]);
    }
}

#[tokio::test]
async fn an_element_that_the_sdk_does_not_know_is_never_dropped() {
    let login = json!({"Type": "authenticate-cognito", "Order": 2, "AuthenticateCognitoConfig": {
        "UserPoolArn": "arn:pool", "UserPoolClientId": "shop", "UserPoolDomain": "login", "Passkeys": {"Required": true}}});
    let (sim, elb) = account(guarded(login)).await;
    let route = route(80, Some(10));
    let original = read(&elb, &route).await;
    assert!(original.forward().is_some());
    let calls = sim.aws_calls().len();
    let error = elb.set_actions(&route, &original.with_targets(&targets(90, 10))).await.unwrap_err();
    assert!(matches!(error.origin, Origin::Refused(_)));
    assert!(error.to_string().contains("`AuthenticateCognitoConfig.Passkeys`"), "{error}");
    assert_eq!((sim.aws_calls().len(), weights(&sim, &route)), (calls, vec![100, 0]));
    // What stands in one rule says nothing about another.
    let rules = elb.rules(&route.listener).await.unwrap();
    let others: Vec<_> = rules.iter().filter(|rule| rule.arn != route.rule).collect();
    assert!(others.iter().all(|rule| rule.actions.0.iter().all(|action| matches!(action, RouteAction::Forward(_)))));
}

#[tokio::test]
async fn a_shift_goes_through_every_trouble() {
    let faults =
        [FaultKind::Throttled400, FaultKind::Reset, FaultKind::ReplyLost, FaultKind::Status(500), FaultKind::Status(503)];
    for fault in faults {
        let (sim, elb) = account(shop()).await;
        for (route, modify) in [(route(80, None), "ModifyListener"), (route(80, Some(10)), "ModifyRule")] {
            sim.inject(Fault::aws(modify, fault).times(3)).unwrap();
            let wanted = read(&elb, &route).await.with_targets(&targets(50, 50));
            elb.set_actions(&route, &wanted).await.unwrap();
            assert_eq!(weights(&sim, &route), [50, 50], "{fault:?}");
            assert_eq!(called(&sim).iter().filter(|action| *action == modify).count(), 4, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn throttling_that_does_not_end_is_no_refusal() {
    let (sim, elb) = account(shop()).await;
    sim.inject(Fault::aws("DescribeRules", FaultKind::Throttled400).times(99)).unwrap();
    let error = elb.rule(&route(80, None).rule).await.unwrap_err();
    assert!(matches!(&error.origin, Origin::Remote { status: 400, code: Some(code), .. } if code == "ThrottlingException"));
    assert_eq!((error.class(), sim.aws_calls().len()), (ErrorClass::Connectivity, 8));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_left_in_time() {
    let (sim, _) = account(shop()).await;
    let timeouts = ElbTimeouts { attempt: Millis(200), operation: Millis(500), ..ElbTimeouts::default() };
    let elb = client(&sim, timeouts).await;
    sim.inject(Fault::aws("DescribeRules", FaultKind::SlowMs(60_000)).times(99)).unwrap();
    let error = elb.rule(&route(80, None).rule).await.unwrap_err();
    assert!(matches!(error.origin, Origin::Transport(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Connectivity);
}

#[tokio::test]
async fn what_aws_refuses_is_told_in_its_words() {
    let (sim, elb) = account(shop()).await;
    let route = route(80, Some(10));
    let nobody = ForwardTarget { group: group("nobody"), weight: Some(0) };
    let wanted = read(&elb, &route).await.with_targets(&[targets(90, 10).remove(0), nobody]);
    let error = elb.set_actions(&route, &wanted).await.unwrap_err();
    assert!(error.to_string().contains("HTTP 400 TargetGroupNotFound: "), "{error}");
    // The same rule as a default one: the call that AWS refuses is never made to look like success.
    let wrong = Route { default: false, ..self::route(80, None) };
    let error = elb.set_actions(&wrong, &read(&elb, &route).await).await.unwrap_err();
    assert!(error.to_string().contains("OperationNotPermitted"), "{error}");
    assert_eq!(weights(&sim, &route), [100, 0]);
}

#[tokio::test]
async fn an_answer_that_is_no_xml_is_no_answer() {
    let (sim, elb) = account(shop()).await;
    sim.inject(Fault::aws("DescribeTargetHealth", FaultKind::Garbage).times(99)).unwrap();
    let error = elb.target_health(&group("web-blue")).await.unwrap_err();
    assert!(matches!(error.origin, Origin::Decode(_)), "{error:?}");
    assert!(!format!("{error} {error:?} {elb:?}").contains(SECRET));
}

#[tokio::test]
async fn an_answer_that_is_no_xml_or_half_of_it_is_asked_for_again() {
    let route = route(80, None);
    for kind in [FaultKind::Garbage, FaultKind::Truncated] {
        let (sim, elb) = account(shop()).await;
        for action in ["DescribeRules", "ModifyListener", "DescribeTargetHealth"] {
            sim.inject(Fault::aws(action, kind)).unwrap();
        }
        assert_eq!(elb.rules(&route.listener).await.unwrap().len(), 2, "half a list is no list");
        let wanted = read(&elb, &route).await.with_targets(&targets(90, 10));
        elb.set_actions(&route, &wanted).await.unwrap();
        assert_eq!(weights(&sim, &route), [90, 10]);
        assert_eq!(elb.target_health(&group("web-blue")).await.unwrap().len(), 2);
        assert_eq!(sim.faults_hit(), 3);

        sim.inject(Fault::aws("*", kind).for_ever()).unwrap();
        let error = elb.rules(&route.listener).await.unwrap_err();
        assert!(matches!(error.origin, Origin::Decode(_)), "{error:?}");
        assert!(error.to_string().starts_with("ELB DescribeRules for `arn:"), "{error}");
        assert!(error.to_string().contains(": the answer could not be read: HTTP 200 with "), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_has_met_an_outage_tries_again_as_before() {
    let (sim, elb) = account(shop()).await;
    sim.inject(Fault::aws("*", FaultKind::Status(503)).times(80)).unwrap();
    for _ in 0..10 {
        assert_eq!(elb.target_health(&group("web-blue")).await.unwrap_err().class(), ErrorClass::Connectivity);
    }
    sim.inject(Fault::aws("*", FaultKind::Status(503))).unwrap();
    assert_eq!(elb.target_health(&group("web-blue")).await.unwrap().len(), 2);
    assert_eq!(sim.faults_hit(), 81);
}
