//! What ELBv2 refuses: each list or name that it would not take, with its code, and that nothing has changed by it.

use super::*;
use crate::{listener_arn, load_balancer_arn, rule_arn, target_group_arn};

/// `shop` as ever, and a second load balancer that has `web-taken`; `web-far` is in another VPC, `web-sticky` is sticky.
fn crowded() -> World {
    let mut world = shop();
    let sticky = TargetGroupSeed { stickiness: Some(60), ..TargetGroupSeed::new("web-sticky") };
    let far = TargetGroupSeed { vpc: "vpc-2".into(), ..TargetGroupSeed::new("web-far") };
    world.target_groups.extend([sticky, far]);
    world.target_groups.extend(["web-taken", "web-e", "web-f"].map(TargetGroupSeed::new));
    world.load_balancers.push(balancer("other", [ListenerSeed::forward(80, &[("web-taken", 1)])]));
    world
}

/// The refusals of `ModifyRule` for lists in AWS's form, one a line.
async fn refusals(aws: &Client, lists: impl IntoIterator<Item = Value>) -> String {
    let rule = rule_arn("shop", 80, Some(10));
    let before = aws.sim.routes();
    let mut errors = Vec::new();
    for list in lists {
        let form = flat("Actions", &list);
        errors.push(aws.elb("ModifyRule", &with(&[("RuleArn", &rule)], &form)).await.error());
        assert_eq!(aws.sim.routes(), before);
    }
    errors.join("\n")
}

fn tuple(name: &str, weight: impl Into<Value>) -> Value {
    json!({"TargetGroupArn": target_group_arn(name), "Weight": weight.into()})
}

fn to(groups: impl Into<Value>) -> Value {
    json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups.into()}}])
}

fn stick(config: Value) -> Value {
    let mut list = to([tuple("web-blue", 1), tuple("web-green", 1)].to_vec());
    list[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = config;
    list
}

#[tokio::test]
async fn forwards_that_cannot_be_are_refused() {
    let aws = Client::new(crowded()).await;
    let six = ["web-blue", "web-green", "web-spare", "web-sticky", "web-e", "web-f"].map(|name| tuple(name, 1));
    let (blue, green) = (target_group_arn("web-blue"), target_group_arn("web-green"));
    let lists = [
        to([tuple("web-blue", 1_000)].to_vec()),
        to([tuple("web-blue", "much")].to_vec()),
        to(six.to_vec()),
        to([tuple("web-blue", 1), json!({"TargetGroupArn": green})].to_vec()),
        to([tuple("web-blue", 1), tuple("web-blue", 2)].to_vec()),
        to([tuple("web-none", 1)].to_vec()),
        to([json!({"TargetGroupArn": "web-blue"})].to_vec()),
        to([tuple("web-taken", 1)].to_vec()),
        to([tuple("web-far", 1)].to_vec()),
        to([tuple("web-blue", 1), tuple("web-sticky", 1)].to_vec()),
        stick(json!({"Enabled": true})),
        stick(json!({"Enabled": false, "DurationSeconds": 0})),
        stick(json!({"Enabled": true, "DurationSeconds": 604_801})),
        json!([{"Type": "forward"}]),
        json!([{"Type": "forward", "TargetGroupArn": blue, "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": green}]}}]),
        json!([{"Type": "forward", "TargetGroupArn": blue, "ForwardConfig": {"TargetGroups": [tuple("web-blue", 1), tuple("web-green", 1)]}}]),
    ];
    insta::assert_snapshot!(refusals(&aws, lists).await, @"
    400 ValidationError: The weight for each target group must be between 0 and 999, inclusive
    400 ValidationError: The weight for each target group must be between 0 and 999, inclusive
    400 ValidationError: A forward action must specify between 1 and 5 target groups, inclusive
    400 ValidationError: The weight for each target group must be between 0 and 999, inclusive
    400 ValidationError: Target group 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418' is specified more than once
    400 TargetGroupNotFound: Target groups 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-none/4a5014c448935fa0' not found
    400 ValidationError: 'web-blue' is not a valid target group ARN
    400 TargetGroupAssociationLimit: The following target groups cannot be associated with more than one load balancer: arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-taken/23cb1a9c83e81430
    400 InvalidConfigurationRequest: The target group 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-far/1d5543e5324b02b4' and the load balancer 'arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/ba875cc3e1642f98' are in different VPCs
    400 InvalidLoadBalancerAction: You must enable target group stickiness on the action when one of its target groups has stickiness enabled
    400 ValidationError: Target group stickiness duration must be between 1 and 604800 seconds
    400 ValidationError: Target group stickiness duration must be between 1 and 604800 seconds
    400 ValidationError: Target group stickiness duration must be between 1 and 604800 seconds
    400 ValidationError: A forward action must specify between 1 and 5 target groups, inclusive
    400 InvalidLoadBalancerAction: You cannot specify both 'TargetGroupArn' and a 'ForwardConfig' that does not name that target group alone
    400 InvalidLoadBalancerAction: You cannot specify both 'TargetGroupArn' and a 'ForwardConfig' that does not name that target group alone
    ");
}

#[tokio::test]
async fn action_lists_that_cannot_be_are_refused() {
    let aws = Client::new(crowded()).await;
    let forward = |order: u32| json!({"Type": "forward", "Order": order, "TargetGroupArn": target_group_arn("web-blue")});
    let oidc = |extra: Value| {
        let mut config = json!({"Issuer": "https://idp.example", "ClientId": "c"});
        config.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
        json!({"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config})
    };
    let cognito = json!({"Type": "authenticate-cognito", "Order": 3, "AuthenticateCognitoConfig": {"UserPoolArn": "arn:x"}});
    let lists = [
        json!([{"Type": "teleport"}]),
        json!([cognito]),
        json!([forward(1), cognito]),
        json!([forward(1), {"Type": "fixed-response", "Order": 2, "FixedResponseConfig": {"StatusCode": "404"}}]),
        json!([forward(1), forward(1)]),
        json!([cognito, {"Type": "forward", "TargetGroupArn": target_group_arn("web-blue")}]),
        json!([forward(50_001)]),
        json!([{"Type": "fixed-response", "FixedResponseConfig": {"MessageBody": "x"}}]),
        json!([{"Type": "redirect"}]),
        json!([oidc(json!({})), forward(2)]),
        json!([oidc(json!({"UseExistingClientSecret": false})), forward(2)]),
        json!([oidc(json!({"UseExistingClientSecret": true})), forward(2)]),
        json!([oidc(json!({"UseExistingClientSecret": true, "ClientSecret": "s"})), forward(2)]),
        json!([{"Type": "authenticate-oidc", "Order": 1}, forward(2)]),
    ];
    insta::assert_snapshot!(refusals(&aws, lists).await, @"
    400 ValidationError: Value 'teleport' at 'actions.type' failed to satisfy constraint: Member must satisfy enum value set: [forward, authenticate-oidc, authenticate-cognito, jwt-validation, redirect, fixed-response]
    400 InvalidLoadBalancerAction: The last action must be of type forward, redirect or fixed-response
    400 InvalidLoadBalancerAction: The last action must be of type forward, redirect or fixed-response
    400 TooManyActions: Only one action of type forward, redirect or fixed-response is allowed
    400 InvalidLoadBalancerAction: The actions must have different orders
    400 InvalidLoadBalancerAction: An order must be specified for each action when there are several
    400 ValidationError: The order of an action must be between 1 and 50000, inclusive
    400 InvalidLoadBalancerAction: 'FixedResponseConfig.StatusCode' must be specified
    400 InvalidLoadBalancerAction: 'RedirectConfig.StatusCode' must be specified
    400 InvalidLoadBalancerAction: You must either specify a client secret or set UseExistingClientSecret to true
    400 InvalidLoadBalancerAction: You must either specify a client secret or set UseExistingClientSecret to true
    400 InvalidLoadBalancerAction: UseExistingClientSecret is true, but the rule has no client secret to use
    400 InvalidLoadBalancerAction: You cannot both specify a client secret and set UseExistingClientSecret to true
    400 InvalidLoadBalancerAction: 'AuthenticateOidcConfig' must be specified for an action of type 'authenticate-oidc'
    ");
}

#[tokio::test]
async fn calls_that_name_nothing_or_too_much_are_refused() {
    let aws = Client::new(crowded()).await;
    let (balancer, listener) = (load_balancer_arn("shop"), listener_arn("shop", 80));
    let (rule, default) = (rule_arn("shop", 80, Some(10)), rule_arn("shop", 80, None));
    let (none, group) = (listener_arn("shop", 81), target_group_arn("web-none"));
    let shift = forward("Actions", &[("web-blue", 1)]);
    let shift_default = forward("DefaultActions", &[("web-taken", 1)]);
    let mut errors = Vec::new();
    for (action, fields) in [
        ("ModifyRule", with(&[("RuleArn", &default)], &shift)),
        ("ModifyRule", with(&[("RuleArn", &none)], &shift)),
        ("ModifyRule", vec![("RuleArn", rule.as_str())]),
        ("ModifyRule", shift.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()),
        ("ModifyRule", with(&[("RuleArn", &rule), ("Transforms.member.1.Type", "url-rewrite")], &shift)),
        ("ModifyListener", with(&[("ListenerArn", &none)], &shift_default)),
        ("ModifyListener", with(&[("ListenerArn", &listener)], &shift_default)),
        ("ModifyListener", with(&[("ListenerArn", &listener), ("Port", "81")], &shift_default)),
        ("ModifyListener", vec![("ListenerArn", listener.as_str())]),
        ("DescribeLoadBalancers", vec![("Names.member.1", "nowhere")]),
        ("DescribeLoadBalancers", vec![("LoadBalancerArns.member.1", listener.as_str())]),
        ("DescribeListeners", vec![]),
        ("DescribeListeners", vec![("LoadBalancerArn", balancer.as_str()), ("ListenerArns.member.1", listener.as_str())]),
        ("DescribeListeners", vec![("LoadBalancerArn", "arn:none")]),
        ("DescribeListeners", vec![("ListenerArns.member.1", none.as_str())]),
        ("DescribeRules", vec![]),
        ("DescribeRules", vec![("ListenerArn", none.as_str())]),
        ("DescribeRules", vec![("RuleArns.member.1", listener.as_str())]),
        ("DescribeTargetGroups", vec![("Names.member.1", "web-none")]),
        ("DescribeTargetGroups", vec![("TargetGroupArns.member.1", group.as_str())]),
        ("DescribeTargetHealth", vec![("TargetGroupArn", group.as_str())]),
        ("DescribeTargetHealth", vec![]),
        ("DescribeTargetGroupAttributes", vec![("TargetGroupArn", group.as_str())]),
        ("DescribeTags", vec![]),
        ("DescribeTags", vec![("ResourceArns.member.1", group.as_str())]),
        ("DescribeTags", vec![("ResourceArns.member.1", "web")]),
        ("CreateRule", vec![("ListenerArn", listener.as_str())]),
    ] {
        errors.push(format!("{action}: {}", aws.elb(action, &fields).await.error()));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    ModifyRule: 400 OperationNotPermitted: Default rule 'arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/shop/ba875cc3e1642f98/6841e591a415df81/f6613598d7d845d7' cannot be modified
    ModifyRule: 400 RuleNotFound: One or more rules not found
    ModifyRule: 400 ValidationError: You must specify actions or conditions
    ModifyRule: 400 ValidationError: The request must contain the parameter RuleArn
    ModifyRule: 400 ValidationError: 'Transforms' cannot be changed in the simulated account
    ModifyListener: 400 ListenerNotFound: One or more listeners not found
    ModifyListener: 400 TargetGroupAssociationLimit: The following target groups cannot be associated with more than one load balancer: arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-taken/23cb1a9c83e81430
    ModifyListener: 400 ValidationError: 'Port' cannot be changed in the simulated account
    ModifyListener: 400 ValidationError: You must specify the default actions
    DescribeLoadBalancers: 400 LoadBalancerNotFound: Load balancers '[nowhere]' not found
    DescribeLoadBalancers: 400 LoadBalancerNotFound: Load balancers '[arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shop/ba875cc3e1642f98/6841e591a415df81]' not found
    DescribeListeners: 400 ValidationError: You must specify one of a load balancer ARN and listener ARNs
    DescribeListeners: 400 ValidationError: You can specify only one of a load balancer ARN and listener ARNs
    DescribeListeners: 400 LoadBalancerNotFound: Load balancers '[arn:none]' not found
    DescribeListeners: 400 ListenerNotFound: One or more listeners not found
    DescribeRules: 400 ValidationError: You must specify one of a listener ARN and rule ARNs
    DescribeRules: 400 ListenerNotFound: One or more listeners not found
    DescribeRules: 400 RuleNotFound: One or more rules not found
    DescribeTargetGroups: 400 TargetGroupNotFound: One or more target groups not found
    DescribeTargetGroups: 400 TargetGroupNotFound: One or more target groups not found
    DescribeTargetHealth: 400 TargetGroupNotFound: One or more target groups not found
    DescribeTargetHealth: 400 ValidationError: The request must contain the parameter TargetGroupArn
    DescribeTargetGroupAttributes: 400 TargetGroupNotFound: One or more target groups not found
    DescribeTags: 400 ValidationError: Between 1 and 20 resource ARNs must be specified, inclusive
    DescribeTags: 400 TargetGroupNotFound: One or more target groups not found
    DescribeTags: 400 ValidationError: 'web' is not a valid resource ARN
    CreateRule: 400 InvalidAction: Could not find operation CreateRule for version 2015-12-01
    ");
    let old = aws.elb("DescribeLoadBalancers", &[("Version", "2012-06-01")]).await;
    assert_eq!(old.status, 400);
}

#[tokio::test]
async fn a_world_with_impossible_load_balancers_is_refused() {
    let mut errors = Vec::new();
    for text in [
        "target_groups: [{ name: a }, { name: a }]",
        "target_groups: [{ name: a_b }]",
        "target_groups: [{ name: a, deregistration_delay: 3601 }]",
        "target_groups: [{ name: a, stickiness: 0 }]",
        "target_groups: [{ name: a, port: 0 }]",
        "load_balancers: [{ name: w }, { name: w }]",
        "load_balancers: [{ name: w, listeners: [{ port: 80, actions: { forward: [{ group: none, weight: 1 }] } }] }]",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: { forward: [{ group: a, weight: 1000 }] } }] }] }",
        "{ target_groups: [{ name: a, vpc: vpc-2 }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: [{ Type: forward, TargetGroupArn: a }] }] }] }",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: { forwards: [] } }] }] }",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: &a { forward: [{ group: a, weight: 1 }] } }, { port: 80, actions: *a }] }] }",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: &a { forward: [{ group: a, weight: 1 }] } }] }, { name: v, listeners: [{ port: 80, actions: *a }] }] }",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: &a { forward: [{ group: a, weight: 1 }] }, rules: [{ priority: 0, conditions: { path-pattern: [x] }, actions: *a }] }] }] }",
        "{ target_groups: [{ name: a }], load_balancers: [{ name: w, listeners: [{ port: 80, actions: &a { forward: [{ group: a, weight: 1 }] }, rules: [{ priority: 1, conditions: { source-ip: [x] }, actions: *a }] }] }] }",
        "groups: [{ name: g, image: i, target_groups: [none], capacity: { minimum: 0, target: 0, maximum: 0 } }]",
        "{ target_groups: [{ name: a, target_type: ip }], groups: [{ name: g, image: i, target_groups: [a], capacity: { minimum: 0, target: 0, maximum: 0 } }] }",
    ] {
        let world = serde_saphyr::from_str(text).unwrap();
        errors.push(Sim::start(world, Ports::default()).await.unwrap_err().to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the simulated world is not possible: target group `a`: there are two of that name
    the simulated world is not possible: target group `a_b`: a name is 1 to 32 letters, digits and inner hyphens
    the simulated world is not possible: target group `a`: `deregistration_delay` is 0 to 3600 seconds
    the simulated world is not possible: target group `a`: `stickiness` is 1 to 604800 seconds
    the simulated world is not possible: target group `a`: `port` is 1 to 65535
    the simulated world is not possible: load balancer `w`: there are two of that name
    the simulated world is not possible: load balancer `w`, listener 80: the default rule: there is no target group `none`
    the simulated world is not possible: load balancer `w`, listener 80: the default rule: The weight for each target group must be between 0 and 999, inclusive
    the simulated world is not possible: load balancer `w`, listener 80: the default rule: The target group 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/005b3064a4161ae6' and the load balancer 'arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/w/017fb80e58b5d149' are in different VPCs
    the simulated world is not possible: load balancer `w`, listener 80: the default rule: actions are a list, or `{"forward": [{"group": .., "weight": ..}]}`: unknown field `forwards`, expected `forward` or `stickiness_seconds`
    the simulated world is not possible: load balancer `w`, listener 80: there are two on that port
    the simulated world is not possible: load balancer `v`, listener 80: the default rule: The following target groups cannot be associated with more than one load balancer: arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/005b3064a4161ae6
    the simulated world is not possible: load balancer `w`, listener 80: `priority` is 1 to 50000
    the simulated world is not possible: load balancer `w`, listener 80: rule 1: Condition field 'source-ip' must be one of [path-pattern, host-header] in the simulated account
    the simulated world is not possible: group `g`: there is no target group `none`
    the simulated world is not possible: group `g`: the target group `a` has no instances, but addresses
    "#);
    assert!(serde_saphyr::from_str::<World>("target_groups: [{ name: a, delay: 1 }]").is_err());
}
