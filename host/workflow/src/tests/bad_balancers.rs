//! Load balancers that no blue/green deployment can route by. Each with all that is said of it.

use super::{blue_green, rendered, source};
use crate::tests::{Memory, inputs};

pub(super) const LISTENER: &str =
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2";
pub(super) const RULE: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener-rule/app/web-alb/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee";

pub(super) fn swap(balancers: &str) -> String {
    blue_green(&format!("  loadBalancers:\n{balancers}  route: {{ swap: {{}} }}\n"))
}

pub(super) fn shift(balancers: &str) -> String {
    blue_green(&format!("  loadBalancers:\n{balancers}  route: {{ shift: 100% }}\n"))
}

/// ARNs make wide pictures; these say what `Display` says.
pub(super) fn said(text: &str) -> String {
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
