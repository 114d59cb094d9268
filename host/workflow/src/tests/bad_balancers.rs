//! Load balancers that no blue/green deployment can route by. Each with all that is said of it.

use super::{blue_green, rendered, source};
use crate::tests::{Memory, inputs};

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2";
const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

fn swap(balancers: &str) -> String {
    blue_green(&format!("  loadBalancers:\n{balancers}  route: {{ swap: {{}} }}\n"))
}

fn shift(balancers: &str) -> String {
    blue_green(&format!("  loadBalancers:\n{balancers}  route: {{ shift: 100% }}\n"))
}

/// ARNs make wide pictures; these say what `Display` says.
fn said(text: &str) -> String {
    crate::check(&source(text), &Memory::example(), &inputs(&[])).map_or_else(
        |found| {
            found
                .list()
                .iter()
                .map(|d| {
                    format!(
                        "{}: {}\n  {} | {}\n",
                        d.code,
                        d.message,
                        d.label.as_deref().unwrap_or("-"),
                        d.hint.as_deref().unwrap_or("-")
                    )
                })
                .collect()
        },
        |_| "no errors".to_owned(),
    )
}

#[test]
fn without_load_balancers_and_routes() {
    insta::assert_snapshot!(rendered(&blue_green("")), @"
    missing-field

      × a blue-green workflow has no `loadBalancers`
       ╭─[web.yaml:5:1]
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
     5 │ workflow:
       · ────┬───
       ·     ╰── needs `loadBalancers`
     6 │   name: w
       ╰────
      help: write `loadBalancers: [ { name: web-alb, production: { port: 80 }, stage: { port:
            8080 } } ]`

    missing-field

      × a blue-green workflow has no `route`
       ╭─[web.yaml:5:1]
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
     5 │ workflow:
       · ────┬───
       ·     ╰── needs `route`
     6 │   name: w
       ╰────
      help: write `route: { swap: { downsizeOld: true } }` for all at once, or `route: [ { shift:
            10% }, { shift: 100% } ]` by weight

    2 errors
    ");
    insta::assert_snapshot!(rendered(&blue_green("  loadBalancers: []\n  route: []\n")), @"
    empty-list

      × a blue-green workflow has load balancers, and this has none
        ╭─[web.yaml:9:18]
      8 │   setup: { instances: { min: 0, target: 4, max: 10 } }
      9 │   loadBalancers: []
        ·                  ─┬
        ·                   ╰── needs a load balancer
     10 │   route: []
        ╰────
      help: write `loadBalancers: [ { name: web-alb, production: { port: 80 }, stage: { port:
            8080 } } ]`

    empty-list

      × `route` has no step, so production never changes
        ╭─[web.yaml:10:10]
      9 │   loadBalancers: []
     10 │   route: []
        ·          ─┬
        ·           ╰── needs a step
        ╰────
      help: write `route: { swap: { downsizeOld: true } }` for all at once, or `route: [ { shift:
            10% }, { shift: 100% } ]` by weight

    2 errors
    ");
    insta::assert_snapshot!(rendered(&blue_green("  loadBalancer: [ { name: a, port: 80 } ]\n  routes: { shift: 100% }\n")), @"
    unknown-field

      × `loadBalancer` is not a field of a blue-green workflow
        ╭─[web.yaml:9:3]
      8 │   setup: { instances: { min: 0, target: 4, max: 10 } }
      9 │   loadBalancer: [ { name: a, port: 80 } ]
        ·   ──────┬─────
        ·         ╰── did you mean `loadBalancers`?
     10 │   routes: { shift: 100% }
        ╰────

    unknown-field

      × `routes` is not a field of a blue-green workflow
        ╭─[web.yaml:10:3]
      9 │   loadBalancer: [ { name: a, port: 80 } ]
     10 │   routes: { shift: 100% }
        ·   ───┬──
        ·      ╰── did you mean `route`?
        ╰────

    2 errors
    ");
    insta::assert_snapshot!(rendered(&blue_green("  loadBalancers: web-alb\n  route: swap\n")), @"
    wrong-type

      × `loadBalancers` has to be a list, and is text
        ╭─[web.yaml:9:18]
      8 │   setup: { instances: { min: 0, target: 4, max: 10 } }
      9 │   loadBalancers: web-alb
        ·                  ───┬───
        ·                     ╰── a list is expected
     10 │   route: swap
        ╰────
      help: begin each entry with `- `, or put the entries into `[` and `]`

    wrong-type

      × `route` has to be a step or a list of steps, and is text
        ╭─[web.yaml:10:10]
      9 │   loadBalancers: web-alb
     10 │   route: swap
        ·          ──┬─
        ·            ╰── a step is expected
        ╰────
      help: write `route: { swap: { downsizeOld: true } }` for all at once, or `route: [ { shift:
            10% }, { shift: 100% } ]` by weight

    2 errors
    ");
}

#[test]
fn sides_that_lead_to_no_listener() {
    let text = swap(
        "    - { production: { port: 80, listener: x }, stage: {} }\n    - { name: a, production: { prot: 80 } }\n    - { name: b, port: 80, stage: { port: 0 } }\n",
    );
    insta::assert_snapshot!(rendered(&text), @"
    missing-field

      × a load balancer of a swap has no `name`
        ╭─[web.yaml:10:7]
      9 │   loadBalancers:
     10 │     - { production: { port: 80, listener: x }, stage: {} }
        ·       ──────────────────────────┬─────────────────────────
        ·                                 ╰── needs `name`
     11 │     - { name: a, production: { prot: 80 } }
        ╰────

    conflicting-fields

      × `production` has both `port` and `listener`
        ╭─[web.yaml:10:43]
      9 │   loadBalancers:
     10 │     - { production: { port: 80, listener: x }, stage: {} }
        ·                                           ┬
        ·                                           ╰── one of the two
     11 │     - { name: a, production: { prot: 80 } }
        ╰────
      help: remove one of them

    missing-field

      × `stage` has neither `port` nor `listener`
        ╭─[web.yaml:10:55]
      9 │   loadBalancers:
     10 │     - { production: { port: 80, listener: x }, stage: {} }
        ·                                                       ─┬
        ·                                                        ╰── which listener?
     11 │     - { name: a, production: { prot: 80 } }
        ╰────
      help: write `port: 80`, or `listener:` and its ARN

    missing-field

      × a load balancer of a swap has no `stage`
        ╭─[web.yaml:11:7]
     10 │     - { production: { port: 80, listener: x }, stage: {} }
     11 │     - { name: a, production: { prot: 80 } }
        ·       ──────────────────┬──────────────────
        ·                         ╰── needs `stage`
     12 │     - { name: b, port: 80, stage: { port: 0 } }
        ╰────
      help: a swap exchanges two listeners: write `stage: { port: 8080 }`

    unknown-field

      × `prot` is not a field of a side of a load balancer
        ╭─[web.yaml:11:32]
     10 │     - { production: { port: 80, listener: x }, stage: {} }
     11 │     - { name: a, production: { prot: 80 } }
        ·                                ──┬─
        ·                                  ╰── did you mean `port`?
     12 │     - { name: b, port: 80, stage: { port: 0 } }
        ╰────

    missing-field

      × a load balancer of a swap has no `production`
        ╭─[web.yaml:12:7]
     11 │     - { name: a, production: { prot: 80 } }
     12 │     - { name: b, port: 80, stage: { port: 0 } }
        ·       ────────────────────┬────────────────────
        ·                           ╰── needs `production`
     13 │   route: { swap: {} }
        ╰────
      help: a swap exchanges two listeners: write `production: { port: 80 }`

    unknown-field

      × `port` is not a field of a load balancer of a swap
        ╭─[web.yaml:12:18]
     11 │     - { name: a, production: { prot: 80 } }
     12 │     - { name: b, port: 80, stage: { port: 0 } }
        ·                  ──┬─
        ·                    ╰── not here
     13 │   route: { swap: {} }
        ╰────
      help: `port` is a field of a load balancer of a shift, a side of a load balancer; here, its
            fields are `name`, `production`, `stage`

    out-of-range

      × `port` is 0, and has to be 1 to 65535
        ╭─[web.yaml:12:43]
     11 │     - { name: a, production: { prot: 80 } }
     12 │     - { name: b, port: 80, stage: { port: 0 } }
        ·                                           ┬
        ·                                           ╰── 1 to 65535
     13 │   route: { swap: {} }
        ╰────

    8 errors
    ");
}

#[test]
fn a_stage_where_weights_move_and_a_listener_without_a_load_balancer() {
    let text = shift(
        "    - { name: a, port: 80, stage: { port: 8080 } }\n    - { port: 65536 }\n    - { name: b, rule: 7 }\n    - web-alb\n",
    );
    insta::assert_snapshot!(rendered(&text), @"
    unknown-field

      × `stage` is not a field of a load balancer of a shift
        ╭─[web.yaml:10:28]
      9 │   loadBalancers:
     10 │     - { name: a, port: 80, stage: { port: 8080 } }
        ·                            ──┬──
        ·                              ╰── not here
     11 │     - { port: 65536 }
        ╰────
      help: `stage` is a field of a load balancer of a swap; here, its fields are `name`, `port`,
            `listener`, `rule`

    missing-field

      × a load balancer whose listener is given by its port has no `name`
        ╭─[web.yaml:11:7]
     10 │     - { name: a, port: 80, stage: { port: 8080 } }
     11 │     - { port: 65536 }
        ·       ───────┬───────
        ·              ╰── needs `name`
     12 │     - { name: b, rule: 7 }
        ╰────

    out-of-range

      × `port` is 65536, and has to be 1 to 65535
        ╭─[web.yaml:11:15]
     10 │     - { name: a, port: 80, stage: { port: 8080 } }
     11 │     - { port: 65536 }
        ·               ──┬──
        ·                 ╰── 1 to 65535
     12 │     - { name: b, rule: 7 }
        ╰────

    missing-field

      × a load balancer of a shift has neither `port` nor `listener`
        ╭─[web.yaml:12:7]
     11 │     - { port: 65536 }
     12 │     - { name: b, rule: 7 }
        ·       ──────────┬─────────
        ·                 ╰── which listener?
     13 │     - web-alb
        ╰────
      help: write `port: 80`, or `listener:` and its ARN

    malformed-arn

      × `rule` is not the ARN of a rule: it is not one of ELB's
        ╭─[web.yaml:12:24]
     11 │     - { port: 65536 }
     12 │     - { name: b, rule: 7 }
        ·                        ┬
        ·                        ╰── a rule is expected
     13 │     - web-alb
        ╰────
      help: rules look like `arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/
            NAME/ID/ID/ID`

    wrong-type

      × this entry has to be a mapping, and is text
        ╭─[web.yaml:13:7]
     12 │     - { name: b, rule: 7 }
     13 │     - web-alb
        ·       ───┬───
        ·          ╰── a mapping is expected
     14 │   route: { shift: 100% }
        ╰────
      help: a load balancer of a shift has these fields: `name`, `port`, `listener`, `rule`

    6 errors
    ");
}

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
