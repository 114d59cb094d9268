//! The control endpoint on load balancers and target groups: another process sees and changes what a test does.

use super::control::control;
use super::*;
use crate::rule_arn;

#[tokio::test]
async fn another_process_looks_at_routes_targets_and_traffic() {
    let blue = GroupSeed { target_groups: vec!["web-blue".to_owned()], ..seed("blue", 1) };
    let client = Client::new(with_groups(shop(), [blue])).await;
    let (_, routes) = control(&client, "/routes", Value::Null).await;
    insta::assert_json_snapshot!(routes, @r#"
    [
      {
        "name": "shop",
        "arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/ba875cc3e1642f98",
        "listeners": [
          {
            "port": 80,
            "arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/shop/ba875cc3e1642f98/6841e591a415df81",
            "rules": [
              {
                "priority": "10",
                "arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/shop/ba875cc3e1642f98/6841e591a415df81/2c1d8d59d0bcdce3",
                "conditions": [
                  {
                    "Field": "path-pattern",
                    "Values": [
                      "/api/*"
                    ],
                    "PathPatternConfig": {
                      "Values": [
                        "/api/*"
                      ]
                    }
                  }
                ],
                "weights": [
                  [
                    "web-blue",
                    90
                  ],
                  [
                    "web-green",
                    10
                  ]
                ],
                "actions": [
                  {
                    "Type": "forward",
                    "ForwardConfig": {
                      "TargetGroups": [
                        {
                          "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418",
                          "Weight": 90
                        },
                        {
                          "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-green/977b42e0bb070e0d",
                          "Weight": 10
                        }
                      ],
                      "TargetGroupStickinessConfig": {
                        "Enabled": true,
                        "DurationSeconds": 600
                      }
                    }
                  }
                ]
              },
              {
                "priority": "default",
                "arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/shop/ba875cc3e1642f98/6841e591a415df81/f6613598d7d845d7",
                "conditions": [],
                "weights": [
                  [
                    "web-blue",
                    1
                  ]
                ],
                "actions": [
                  {
                    "Type": "forward",
                    "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418",
                    "ForwardConfig": {
                      "TargetGroups": [
                        {
                          "TargetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-blue/d52ecb146f222418",
                          "Weight": 1
                        }
                      ],
                      "TargetGroupStickinessConfig": {
                        "Enabled": false
                      }
                    }
                  }
                ]
              }
            ]
          }
        ]
      }
    ]
    "#);
    assert_eq!(routes, json!(client.sim.routes()));
    let (_, targets) = control(&client, "/targets", Value::Null).await;
    let id = client.sim.targets()["web-blue"][0].0.clone();
    assert_eq!(targets, json!({"web-blue": [[id, "healthy"]], "web-green": [], "web-spare": []}));

    client.http.get(client.sim.data_plane_url("shop", 80).unwrap()).send().await.unwrap();
    let count = |requests: u64, groups: Value| json!({"shop:80": {"requests": requests, "target_groups": groups, "balancer_5xx": 0, "instance_5xx": 0}});
    assert_eq!(control(&client, "/traffic", Value::Null).await.1, count(1, json!({"web-blue": 1})));
    let reset = client.http.delete(format!("{}/_sim/traffic", client.sim.spot_url())).send().await.unwrap();
    assert_eq!(reset.status(), 200);
    assert_eq!(control(&client, "/traffic", Value::Null).await.1, count(0, json!({})));

    client.elb("DescribeRules", &[("ListenerArn", "arn:none")]).await;
    let (_, calls) = control(&client, "/aws_calls", Value::Null).await;
    assert_eq!(calls, json!([{"action": "DescribeRules", "subject": "arn:none", "outcome": {"refused": "ListenerNotFound"}}]));
}

#[tokio::test]
async fn another_process_changes_rules_and_health() {
    let client = Client::new(shop()).await;
    let rule = rule_arn("shop", 80, None);
    let actions = json!({"rule": rule, "actions": {"forward": [{"group": "web-green", "weight": 2}]}});
    assert_eq!(control(&client, "/actions", actions).await, (200, json!({})));
    assert_eq!(client.sim.routes()[0].listeners[0].rules[1].weights, [("web-green".to_owned(), 2)]);
    let health = |state: Value| json!({"target_group": "web-green", "state": state});
    assert_eq!(control(&client, "/target_health", health(json!("unhealthy"))).await.0, 200);
    assert_eq!(control(&client, "/target_health", health(Value::Null)).await.0, 200);
    let mut errors = Vec::new();
    for (path, body) in [
        ("/actions", json!({"rule": "arn:none", "actions": []})),
        ("/actions", json!({"rule": rule, "actions": []})),
        ("/actions", json!({"rule": rule})),
        ("/target_health", health(json!("ill"))),
        ("/target_health", json!({"target_group": "none", "state": null})),
        ("/world", json!({"load_balancers": []})),
    ] {
        let (status, reply) = control(&client, path, body).await;
        errors.push(format!("{status} {}", reply["error"].as_str().unwrap()));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    400 there is no rule `arn:none`
    400 Actions must be a list of at least one action
    400 missing field `actions` at line 1 column 136
    400 `ill` must be one of [initial, healthy, unhealthy, unavailable]
    400 there is no target group `none`
    400 the simulated world is not possible: `load_balancers` is no setting of a running account
    ");
}
