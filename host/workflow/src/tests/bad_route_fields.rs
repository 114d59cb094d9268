//! Fields of a blue/green workflow that have no place where they stand.

use super::bad_routes::{RULE, SIDES, swap};
use super::{Memory, SETUP, basic, blue_green, canary, inputs, rendered, short, source};
use crate::check;

#[test]
fn deploys_that_touch_the_old_group_or_not_all_of_the_new_one() {
    insta::assert_snapshot!(swap("  deploy: { count: 2, downsizeOld: 1, order: old-first }\n  route: { swap: {} }\n"), @"
    not-the-whole

      ⚠ this deploys 2 instances, so production has less than the setup's target after the swap
        ╭─[web.yaml:10:20]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   deploy: { count: 2, downsizeOld: 1, order: old-first }
        ·                    ─
     11 │   route: { swap: {} }
        ╰────
      help: write `deploy: 100%`, or leave it out

    meaningless-field

      × `downsizeOld` has no meaning in `deploy` of a blue-green workflow: the old group is not
      │ touched here
        ╭─[web.yaml:10:23]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   deploy: { count: 2, downsizeOld: 1, order: old-first }
        ·                       ─────┬─────
        ·                            ╰── no meaning here
     11 │   route: { swap: {} }
        ╰────
      help: the old group is downsized behind the routes: `route: { swap: { downsizeOld: true } }`

    meaningless-field

      × `order` has no meaning in `deploy` of a blue-green workflow: the old group is not touched here
        ╭─[web.yaml:10:39]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   deploy: { count: 2, downsizeOld: 1, order: old-first }
        ·                                       ──┬──
        ·                                         ╰── no meaning here
     11 │   route: { swap: {} }
        ╰────
      help: remove it: one group alone needs no order

    2 errors, 1 warning
    ");
    insta::assert_snapshot!(swap("  deploy: 50%\n  route: { swap: {} }\n"), @"
    not-the-whole

      ⚠ this deploys 50%, so production has less than the setup's target after the swap
        ╭─[web.yaml:10:11]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   deploy: 50%
        ·           ───
     11 │   route: { swap: {} }
        ╰────
      help: write `deploy: 100%`, or leave it out

    1 warning
    ");
    insta::assert_snapshot!(swap("  steps: [ { verify: { plugin: prometheus } }, { deploy: } ]\n  route: { swap: {} }\n"), @"
    missing-field

      × `deploy` of an entry of `steps` is empty
        ╭─[web.yaml:10:50]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   steps: [ { verify: { plugin: prometheus } }, { deploy: } ]
        ·                                                  ───┬──
        ·                                                     ╰── needs a value
     11 │   route: { swap: {} }
        ╰────
      help: write `deploy: 100%`

    1 error
    ");
    insta::assert_snapshot!(swap("  steps: [ { deploy: 100% }, { deploy: 100% } ]\n  route: { swap: {} }\n"), @"
    duplicate-name

      × a blue-green workflow deploys once, and this deploys twice
        ╭─[web.yaml:10:40]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   steps: [ { deploy: 100% }, { deploy: 100% } ]
        ·                      ──┬─              ──┬─
        ·                        │                 ╰── and again
        ·                        ╰── first here
     11 │   route: { swap: {} }
        ╰────
      help: remove one of them

    1 error
    ");
    insta::assert_snapshot!(swap("  steps: [ { verify: { plugin: prometheus } } ]\n  route: { swap: {} }\n"), @"
    missing-field

      × `steps` has no `deploy`
        ╭─[web.yaml:10:10]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   steps: [ { verify: { plugin: prometheus } } ]
        ·          ───────────────────┬──────────────────
        ·                             ╰── needs one
     11 │   route: { swap: {} }
        ╰────
      help: a blue-green workflow deploys once: `- deploy: 100%`

    1 error
    ");
    insta::assert_snapshot!(rendered(&blue_green(&format!("{RULE}  deploy: {{ count: 4, downsizeOld: 0 }}\n  route: {{ shift: 100% }}\n"))), @"
    out-of-range

      × a shift deploys the whole group, and this deploys 4 instances
        ╭─[web.yaml:10:20]
      9 │   loadBalancers: [ { name: a, port: 80 } ]
     10 │   deploy: { count: 4, downsizeOld: 0 }
        ·                    ┬
        ·                    ╰── 100% is expected
     11 │   route: { shift: 100% }
        ╰────
      help: remove it: the weights in `route` say how many requests the new group gets

    meaningless-field

      × `downsizeOld` has no meaning in `deploy` of a blue-green workflow: the old group is not
      │ touched here
        ╭─[web.yaml:10:23]
      9 │   loadBalancers: [ { name: a, port: 80 } ]
     10 │   deploy: { count: 4, downsizeOld: 0 }
        ·                       ─────┬─────
        ·                            ╰── no meaning here
     11 │   route: { shift: 100% }
        ╰────
      help: the old group is downsized behind the routes: `- shift: { weight: 100%, downsizeOld:
            true }`

    2 errors
    ");
}

#[test]
fn fields_of_another_strategy() {
    insta::assert_snapshot!(swap("  phases: [ { deploy: 100% } ]\n  route: { swap: {} }\n"), @"
    unknown-field

      × `phases` is not a field of a blue-green workflow
        ╭─[web.yaml:10:3]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   phases: [ { deploy: 100% } ]
        ·   ───┬──
        ·      ╰── not here
     11 │   route: { swap: {} }
        ╰────
      help: `phases` is a field of a canary workflow; here, its fields are `name`, `strategy`,
            `variables`, `setup`, `loadBalancers`, `deploy`, `verify`, `approve`, `steps`, `route`,
            `rollback`, `wrapUp`, `onFailure`

    1 error
    ");
    let more = format!("{RULE}  route: {{ shift: 100% }}\n");
    insta::assert_snapshot!(rendered(&(basic("") + &more)), @"
    unknown-field

      × `loadBalancers` is not a field of a basic workflow
        ╭─[web.yaml:10:3]
      9 │   deploy: 100%
     10 │   loadBalancers: [ { name: a, port: 80 } ]
        ·   ──────┬──────
        ·         ╰── not here
     11 │   route: { shift: 100% }
        ╰────
      help: `loadBalancers` is a field of a blue-green workflow; here, its fields are `name`,
            `strategy`, `variables`, `setup`, `deploy`, `verify`, `approve`, `steps`, `rollback`,
            `wrapUp`, `onFailure`

    unknown-field

      × `route` is not a field of a basic workflow
        ╭─[web.yaml:11:3]
     10 │   loadBalancers: [ { name: a, port: 80 } ]
     11 │   route: { shift: 100% }
        ·   ──┬──
        ·     ╰── not here
        ╰────
      help: `route` is a field of a blue-green workflow; here, its fields are `name`, `strategy`,
            `variables`, `setup`, `deploy`, `verify`, `approve`, `steps`, `rollback`, `wrapUp`,
            `onFailure`

    2 errors
    ");
    insta::assert_snapshot!(rendered(&(canary("    - deploy: 100%\n") + &more)), @"
    unknown-field

      × `loadBalancers` is not a field of a canary workflow
        ╭─[web.yaml:11:3]
     10 │     - deploy: 100%
     11 │   loadBalancers: [ { name: a, port: 80 } ]
        ·   ──────┬──────
        ·         ╰── not here
     12 │   route: { shift: 100% }
        ╰────
      help: `loadBalancers` is a field of a blue-green workflow; here, its fields are `name`,
            `strategy`, `variables`, `setup`, `phases`, `rollback`, `wrapUp`, `onFailure`

    unknown-field

      × `route` is not a field of a canary workflow
        ╭─[web.yaml:12:3]
     11 │   loadBalancers: [ { name: a, port: 80 } ]
     12 │   route: { shift: 100% }
        ·   ──┬──
        ·     ╰── not here
        ╰────
      help: `route` is a field of a blue-green workflow; here, its fields are `name`, `strategy`,
            `variables`, `setup`, `phases`, `rollback`, `wrapUp`, `onFailure`

    2 errors
    ");
    insta::assert_snapshot!(rendered(&blue_green(&format!("{SIDES}  route: {{ swap: {{}} }}\n")).replace("blue-green", "bluegren")), @"
    unknown-name

      × `strategy` cannot be `bluegren`
       ╭─[web.yaml:7:13]
     6 │   name: w
     7 │   strategy: bluegren
       ·             ────┬───
       ·                 ╰── did you mean `blue-green`?
     8 │   setup: { instances: { min: 0, target: 4, max: 10 } }
       ╰────
      help: it can be `basic`, `canary`, `blue-green`

    1 error
    ");
}

#[test]
fn a_rollback_may_ask_and_look_and_not_route() {
    let text = format!(
        "{RULE}  route: {{ shift: 100% }}\n  rollback: [ {{ approve: {{ manual: {{ message: Sure? }} }} }}, {{ verify: {{ plugin: prometheus }} }} ]\n"
    );
    assert_eq!(rendered(&blue_green(&text)), "no diagnostics");
    insta::assert_snapshot!(rendered(&blue_green(&text.replace("approve: { manual: { message: Sure? } }", "swap: {}"))), @"
    unknown-field

      × `swap` is not a field of an entry of `rollback`
        ╭─[web.yaml:11:17]
     10 │   route: { shift: 100% }
     11 │   rollback: [ { swap: {} }, { verify: { plugin: prometheus } } ]
        ·                 ──┬─
        ·                   ╰── not here
        ╰────
      help: `swap` is a field of an entry of `route`; here, its fields are `verify`, `approve`

    1 error
    ");
}

#[test]
fn what_an_input_says_is_checked_when_it_is_given() {
    let text = short(
        "",
        "",
        "inputs: { weight: { required: true }, gone: { default: no } }\n",
        &format!(
            "  strategy: blue-green\n{SETUP}{RULE}  route: [ {{ shift: {{ weight: '${{input.weight}}', downsizeOld: '${{input.gone}}' }} }} ]\n"
        ),
    );
    let said = |weight: &str| check(&source(&text), &Memory::example(), &inputs(&[("weight", weight)])).unwrap_err().to_string();
    insta::assert_snapshot!([said("50%"), said("a lot"), said("1e3")].join("\n"), @"
    web.yaml:11:31: error: the last shift is to 50%, so the old group serves for ever
    web.yaml:11:63: error: `downsizeOld` has to be true or false, and resolves to `no`
    web.yaml:11:31: error: `weight` is `a lot`, which is no weight
    web.yaml:11:63: error: `downsizeOld` has to be true or false, and resolves to `no`
    web.yaml:11:31: error: `weight` is `1e3`, which is no weight
    web.yaml:11:63: error: `downsizeOld` has to be true or false, and resolves to `no`
    ");
    insta::assert_snapshot!(rendered(&text), @"
    wrong-type

      × `downsizeOld` has to be true or false, and resolves to `no`
        ╭─[web.yaml:11:63]
     10 │   loadBalancers: [ { name: a, port: 80 } ]
     11 │   route: [ { shift: { weight: '${input.weight}', downsizeOld: '${input.gone}' } } ]
        ·                                                               ───────┬───────
        ·                                                                      ╰── true or false is expected
        ╰────

    1 error
    ");
}
