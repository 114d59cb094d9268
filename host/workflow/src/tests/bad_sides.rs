//! Sides, rules and ARNs of load balancers that do not fit together.

use super::bad_balancers::{LISTENER, RULE, said, shift, swap};
use super::rendered;

#[test]
fn the_same_listener_and_rule_twice() {
    let text = swap(
        "    - { name: a, production: { port: 80 }, stage: { port: 80 } }\n    - { name: b, production: { port: 80 }, stage: { port: 81 } }\n    \
         - { name: b, production: { port: 81 }, stage: { port: 82 } }\n",
    );
    insta::assert_snapshot!(rendered(&text), @"
    duplicate-route

      × production and stage are the same listener and the same rule, so there is nothing to swap
        ╭─[web.yaml:10:51]
      9 │   loadBalancers:
     10 │     - { name: a, production: { port: 80 }, stage: { port: 80 } }
        ·                              ──────┬─────         ──────┬─────
        ·                                    │                    ╰── the same
        ·                                    ╰── as this
     11 │     - { name: b, production: { port: 80 }, stage: { port: 81 } }
        ╰────
      help: give the stage a listener or a rule of its own

    duplicate-route

      × this listener and rule stand here twice, and a run changes each once
        ╭─[web.yaml:12:30]
     10 │     - { name: a, production: { port: 80 }, stage: { port: 80 } }
     11 │     - { name: b, production: { port: 80 }, stage: { port: 81 } }
        ·                                                   ──────┬─────
        ·                                                         ╰── first here
     12 │     - { name: b, production: { port: 81 }, stage: { port: 82 } }
        ·                              ──────┬─────
        ·                                    ╰── and again
     13 │   route: { swap: {} }
        ╰────
      help: remove one of them

    2 errors
    ");
    let text = shift("    - { name: a, port: 80 }\n    - { name: b, port: 80 }\n    - { name: a, port: 80 }\n");
    insta::assert_snapshot!(rendered(&text), @"
    duplicate-route

      × this listener and rule stand here twice, and a run changes each once
        ╭─[web.yaml:12:7]
      9 │   loadBalancers:
     10 │     - { name: a, port: 80 }
        ·       ──────────┬──────────
        ·                 ╰── first here
     11 │     - { name: b, port: 80 }
     12 │     - { name: a, port: 80 }
        ·       ──────────┬──────────
        ·                 ╰── and again
     13 │   route: { shift: 100% }
        ╰────
      help: remove one of them

    1 error
    ");
    let by_arn = shift(&format!(
        "    - {{ listener: '{LISTENER}' }}\n    - {{ listener: '{LISTENER}', rule: '{RULE}' }}\n    - {{ listener: '{LISTENER}' }}\n    - {{ name: web-alb, port: 80, rule: '{RULE}' }}\n"
    ));
    insta::assert_snapshot!(said(&by_arn), @"
    duplicate-route: this listener and rule stand here twice, and a run changes each once
      and again | remove one of them
    duplicate-route: this listener and rule stand here twice, and a run changes each once
      and again | remove one of them
    ");
}

#[test]
fn arns_that_lead_elsewhere() {
    let elsewhere = [
        ("not one at all", "listener: web-alb".to_owned()),
        ("of another service", "listener: 'arn:aws:s3:::bucket/key'".to_owned()),
        ("of a rule", format!("listener: '{RULE}'")),
        ("of a target group", "listener: 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1'".to_owned()),
        ("of a network load balancer", format!("listener: '{}'", LISTENER.replace("/app/", "/net/"))),
        ("cut short", format!("listener: '{}'", LISTENER.replace("/f2f7dc8efc522ab2", ""))),
        ("in another region", format!("listener: '{}'", LISTENER.replace("us-east-1", "eu-west-1"))),
        ("of a listener", format!("port: 80, rule: '{LISTENER}'")),
        ("a rule in another region", format!("port: 80, rule: '{}'", RULE.replace("us-east-1", "eu-west-1"))),
        ("a rule of another listener", format!("listener: '{LISTENER}', rule: '{}'", RULE.replace("f2f7", "0000"))),
        ("a listener of another load balancer", format!("listener: '{}'", LISTENER.replace("web-alb", "api-alb"))),
        ("a rule of another load balancer", format!("port: 80, rule: '{}'", RULE.replace("web-alb", "api-alb"))),
    ];
    let all =
        elsewhere.map(|(what, fields)| format!("{what}: {}", said(&shift(&format!("    - {{ name: web-alb, {fields} }}\n")))));
    insta::assert_snapshot!(all.join("\n"), @"
    not one at all: malformed-arn: `listener` is not the ARN of a listener: it is not one of ELB's
      a listener is expected | listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`

    of another service: malformed-arn: `listener` is not the ARN of a listener: it is not one of ELB's
      a listener is expected | listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`

    of a rule: malformed-arn: `listener` is not the ARN of a listener: it is that of a rule
      a listener is expected | listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`

    of a target group: malformed-arn: `listener` is not the ARN of a listener: it is that of a target group
      a listener is expected | listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`

    of a network load balancer: not-in-this-release: `listener` is of a network or gateway load balancer, which has no rules to route by
      not an application load balancer | blue/green needs an application load balancer

    cut short: malformed-arn: `listener` is not the ARN of a listener: it does not lead to the end
      a listener is expected | listeners look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/NAME/ID/ID`

    in another region: wrong-region: `listener` is in `eu-west-1`, and the infrastructure in `us-east-1`
      another region | a group and its load balancers share a region

    of a listener: malformed-arn: `rule` is not the ARN of a rule: it is that of a listener
      a rule is expected | rules look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/NAME/ID/ID/ID`

    a rule in another region: wrong-region: `rule` is in `eu-west-1`, and the infrastructure in `us-east-1`
      another region | a group and its load balancers share a region

    a rule of another listener: unrelated-arn: `rule` is not a rule of `listener`
      of another listener | the ARN of a rule begins as that of its listener, with `listener-rule` for `listener`

    a listener of another load balancer: unrelated-arn: `listener` is of the load balancer `api-alb`, and this one is called `web-alb`
      of another load balancer | give each load balancer an entry of its own

    a rule of another load balancer: unrelated-arn: `rule` is of the load balancer `api-alb`, and this one is called `web-alb`
      of another load balancer | give each load balancer an entry of its own
    ");
    insta::assert_snapshot!(rendered(&shift("    - { name: web-alb, listener: 'arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/1/2' }\n")), @"
    wrong-region

      × `listener` is in `eu-west-1`, and the infrastructure in `us-east-1`
        ╭─[web.yaml:10:34]
      9 │   loadBalancers:
     10 │     - { name: web-alb, listener: 'arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/1/2' }
        ·                                  ──────────────────────────────┬──────────────────────────────
        ·                                                                ╰── another region
     11 │   route: { shift: 100% }
        ╰────
      help: a group and its load balancers share a region

    1 error
    ");
}

#[test]
fn a_rule_that_spot_steers() {
    let steered =
        format!("launchSpecification: {{ itf: {{ loadBalancers: [ {{ listenerRules: [ {{ ruleArn: '{RULE}' }} ] }} ] }} }}");
    let text =
        shift(&format!("    - {{ name: web-alb, port: 80, rule: '{RULE}' }}\n")).replace("launchSpecification: {}", &steered);
    insta::assert_snapshot!(said(&text), @"
    steered-rule: Spot itself writes the weights of `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee`: the Elastigroup JSON names it in `launchSpecification.itf`
      steered by Spot | remove the rule from `itf`, or route by another one
    ");
    assert_eq!(said(&text.replace("port: 80, rule", "port: 80 } # ")), "no errors");
}

#[test]
fn what_a_setup_of_two_groups_cannot_have() {
    let of = |setup: &str| shift("    - { name: a, port: 80 }\n").replace("setup: {", &format!("setup: {{ {setup},"));
    insta::assert_snapshot!(rendered(&of("keepOldGroups: 3, stageSuffix: ''")), @"
    meaningless-field

      × `keepOldGroups` has no meaning in a blue-green workflow: it has a production and a stage
      │ group, and no revisions to keep
       ╭─[web.yaml:8:12]
     7 │   strategy: blue-green
     8 │   setup: { keepOldGroups: 3, stageSuffix: '', instances: { min: 0, target: 4, max: 10 } }
       ·            ──────┬──────
       ·                  ╰── no meaning here
     9 │   loadBalancers:
       ╰────
      help: remove it

    empty-text

      × `stageSuffix` is empty
       ╭─[web.yaml:8:43]
     7 │   strategy: blue-green
     8 │   setup: { keepOldGroups: 3, stageSuffix: '', instances: { min: 0, target: 4, max: 10 } }
       ·                                           ─┬
       ·                                            ╰── needs a value
     9 │   loadBalancers:
       ╰────

    2 errors
    ");
    insta::assert_snapshot!(rendered(&of("name: web, stageSuffix: -17")), @"
    bad-name

      × the stage group would be called `web__17`, as a numbered revision of `web` is
       ╭─[web.yaml:8:36]
     7 │   strategy: blue-green
     8 │   setup: { name: web, stageSuffix: -17, instances: { min: 0, target: 4, max: 10 } }
       ·                                    ─┬─
       ·                                     ╰── a revision's name
     9 │   loadBalancers:
       ╰────
      help: the usual one is `__STAGE__Harness`

    1 error
    ");
    insta::assert_snapshot!(rendered(&super::basic("").replace("setup: {", "setup: { stageSuffix: x,")), @"
    meaningless-field

      × `stageSuffix` has no meaning in a basic workflow: its groups are numbered revisions, and none
      │ is a stage
       ╭─[web.yaml:8:12]
     7 │   strategy: basic
     8 │   setup: { stageSuffix: x, instances: { min: 0, target: 4, max: 10 } }
       ·            ─────┬─────
       ·                 ╰── no meaning here
     9 │   deploy: 100%
       ╰────
      help: remove it

    1 error
    ");
}
