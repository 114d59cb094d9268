//! Blue/green files that plan, and every way to write one.

use serde_json::json;
use shiftgate_model::{Amount, Weight};

use super::good_files::{planned, steps};
use super::{SETUP, short, source};
use crate::{Action, Plan, RoutingShape, Shift, Swap};

const SWAP: &str = include_str!("../../../../docs/examples/swap.yaml");
const SHIFT: &str = include_str!("../../../../docs/examples/shift.yaml");
const RICH: &str = include_str!("rich_blue_green.yaml");

const INPUTS: [(&str, &str); 3] = [("ami", "ami-0123"), ("prometheus", "http://127.0.0.1:4000"), ("pace", "1s")];

fn last(plan: &Plan) -> &Action {
    &plan.phases.last().unwrap().steps.iter().rfind(|step| step.id.as_str().starts_with("route/s")).unwrap().action
}

#[test]
fn the_swap_example_plans() {
    let plan = planned(&source(SWAP), &INPUTS);
    insta::assert_snapshot!(steps(&plan).join("\n"), @"
    Deploy: setup Elastigroup Setup
    Deploy: phase-1/deploy Elastigroup Deploy 100%
    Deploy: phase-1/verify-1 Verify with `errors`
    Route Update: route/swap Swap Production with Stage
    Route Update: route/verify-1 Verify with `errors`
    ");
    insta::assert_json_snapshot!(plan.setup.routing, @r#"
    {
      "shape": {
        "swap": [
          {
            "load_balancer": "web-alb",
            "production": {
              "listener": {
                "port": 80
              },
              "rule": null
            },
            "stage": {
              "listener": {
                "port": 8080
              },
              "rule": null
            }
          }
        ]
      },
      "stage_suffix": "__STAGE__Harness",
      "assume_production": []
    }
    "#);
    assert_eq!(last(&plan), &Action::Swap(Swap { downsize_old: true, timeout: None }));
    assert_eq!(serde_json::from_value::<Plan>(serde_json::to_value(&plan).unwrap()).unwrap(), plan);
}

#[test]
fn the_shift_example_plans() {
    let plan = planned(&source(SHIFT), &INPUTS);
    insta::assert_snapshot!(steps(&plan).join("\n"), @"
    Deploy: setup Elastigroup ALB Shift Setup
    Deploy: phase-1/deploy Elastigroup ALB Shift Deploy
    Route Update: route/shift-1 Shift Traffic Weight 10%
    Route Update: route/verify-1 Verify with `errors`
    Route Update: route/shift-2 Shift Traffic Weight 50%
    Route Update: route/verify-2 Verify with `errors`
    Route Update: route/shift-3 Shift Traffic Weight 100%
    ");
    insta::assert_json_snapshot!(plan.setup.routing, @r#"
    {
      "shape": {
        "shift": [
          {
            "load_balancer": "web-alb",
            "production": {
              "listener": {
                "port": 80
              },
              "rule": null
            }
          }
        ]
      },
      "stage_suffix": "__STAGE__Harness",
      "assume_production": []
    }
    "#);
    assert_eq!(last(&plan), &Action::Shift(Shift { weight: Weight::ALL, downsize_old: true, timeout: None }));
    assert_eq!(serde_json::from_value::<Plan>(serde_json::to_value(&plan).unwrap()).unwrap(), plan);
}

#[test]
fn every_way_to_write_a_shift_is_read() {
    let plan = planned(&source(RICH), &[("port", "443")]);
    insta::assert_snapshot!(steps(&plan).join("\n"), @"
    Deploy: setup Elastigroup ALB Shift Setup
    Deploy: phase-1/approve-1 Approval
    Deploy: phase-1/deploy Elastigroup ALB Shift Deploy
    Deploy: phase-1/verify-1 Verify with `http-check`
    Route Update: route/shift-1 Shift Traffic Weight 10%
    Route Update: route/approve-1 Approval
    Route Update: route/verify-1 Verify with `prometheus`
    Route Update: route/shift-2 Shift Traffic Weight 50%
    Route Update: route/shift-3 Shift Traffic Weight 100%
    Route Update: route/verify-2 Verify with `prometheus`
    rollback/approve-1 Approval
    wrap-up-1 Wrap Up with `webhook`
    ");
    assert_eq!(plan.infrastructure.aws_profile.as_deref(), Some("prod"));
    insta::assert_json_snapshot!(plan.setup.routing, @r#"
    {
      "shape": {
        "shift": [
          {
            "load_balancer": "web-alb",
            "production": {
              "listener": {
                "port": 443
              },
              "rule": null
            }
          },
          {
            "load_balancer": null,
            "production": {
              "listener": {
                "arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/api-alb/50dc6c495c0c9188/f2f7dc8efc522ab2"
              },
              "rule": "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/api-alb/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
            }
          }
        ]
      },
      "stage_suffix": "__next",
      "assume_production": []
    }
    "#);
    let natives = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .filter(|step| matches!(step.action, Action::Setup | Action::Deploy(_) | Action::Shift(_)));
    let natives: Vec<_> =
        natives.map(|step| json!([step.id, step.action, step.on_failure.as_ref().map(|p| p.default)])).collect();
    insta::assert_snapshot!(natives.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @r#"
    ["setup","setup","abort"]
    ["phase-1/deploy",{"deploy":{"amount":{"percent":100},"downsize_old":null,"order":"new-first","timeout":1800000}},{"retry":{"count":2,"backoff":10000,"then":"rollback"}}]
    ["route/shift-1",{"shift":{"weight":10,"downsize_old":false,"timeout":null}},null]
    ["route/shift-2",{"shift":{"weight":50,"downsize_old":false,"timeout":null}},{"retry":{"count":1,"backoff":10000,"then":"rollback"}}]
    ["route/shift-3",{"shift":{"weight":100,"downsize_old":true,"timeout":600000}},null]
    "#);
}

#[test]
fn every_way_to_write_a_swap_is_read() {
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener";
    let balancers = format!(
        "  loadBalancers:\n    - {{ name: a, production: {{ port: 443, rule: '{arn}-rule/app/a/1/2/3' }}, stage: {{ port: 443, rule: '{arn}-rule/app/a/1/2/4' }} }}\n    \
         - {{ name: b, production: {{ listener: '{arn}/app/b/1/2' }}, stage: {{ listener: '{arn}/app/b/1/3', rule: '{arn}-rule/app/b/1/3/4' }} }}\n"
    );
    let swaps = [
        ("  route: { swap: {} }\n", false, None),
        ("  route: { swap: { downsizeOld: false, timeout: 10m } }\n", false, Some(600_000)),
        ("  route: { swap: {}, downsizeOld: true, timeout: 10m }\n", true, Some(600_000)),
        ("  deploy: { percent: 100, timeout: 1m }\n  route:\n    - swap: { downsizeOld: '${1 == 1}' }\n", true, None),
    ];
    for (rest, downsize_old, timeout) in swaps {
        let plan = planned(&source(&short("", "", "", &format!("  strategy: blue-green\n{SETUP}{balancers}{rest}"))), &[]);
        assert_eq!(last(&plan), &Action::Swap(Swap { downsize_old, timeout: timeout.map(shiftgate_model::Millis) }), "{rest}");
        let Action::Deploy(deploy) = plan.phases[0].steps[1].action else { panic!("a deploy") };
        assert_eq!(deploy.amount, Amount::Percent(100), "{rest}");
        assert!(matches!(&plan.setup.routing.unwrap().shape, RoutingShape::Swap(routes) if routes.len() == 2));
    }
}

#[test]
fn the_blue_green_snippets_of_the_reference_are_right() {
    let reference = include_str!("../../../../docs/workflow.md");
    let blocks: Vec<_> = reference.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let blocks: Vec<_> = blocks.iter().filter(|block| block.starts_with("loadBalancers:")).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let indented: String = block.lines().map(|line| format!("  {line}\n")).collect();
        let text =
            short("", "", "plugins: { errors: { source: prometheus } }\n", &format!("  strategy: blue-green\n{SETUP}{indented}"));
        assert_eq!(planned(&source(&text), &[]).phases.len(), 2);
    }
}
