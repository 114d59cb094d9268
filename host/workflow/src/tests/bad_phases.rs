//! Phases and sizes that make no deployment. Each with all that is said of it.

use super::{canary, rendered};

#[test]
fn phases_that_do_not_grow_or_end() {
    let text = canary(
        "    - { name: a, deploy: 50% }\n    - { name: a, deploy: 25% }\n    - { deploy: 120% }\n    - { deploy: 11 }\n    - { deploy: 3 }\n",
    );
    insta::assert_snapshot!(rendered(&text), @r#"
    duplicate-name

      × two phases are called `a`
        ╭─[web.yaml:11:15]
      9 │   phases:
     10 │     - { name: a, deploy: 50% }
        ·               ┬
        ·               ╰── first here
     11 │     - { name: a, deploy: 25% }
        ·               ┬
        ·               ╰── and again
     12 │     - { deploy: 120% }
        ╰────

    phases-do-not-grow

      × this phase deploys 25%, and the one before it 50%
        ╭─[web.yaml:11:26]
      9 │   phases:
     10 │     - { name: a, deploy: 50% }
        ·                          ─┬─
        ·                           ╰── deployed before
     11 │     - { name: a, deploy: 25% }
        ·                          ─┬─
        ·                           ╰── not more
     12 │     - { deploy: 120% }
        ╰────
      help: amounts are totals, not increments: each phase needs more than the one before it

    out-of-range

      × `deploy` is 120%, and has to be 1% to 100%
        ╭─[web.yaml:12:17]
     11 │     - { name: a, deploy: 25% }
     12 │     - { deploy: 120% }
        ·                 ──┬─
        ·                   ╰── 1% to 100%
     13 │     - { deploy: 11 }
        ╰────

    out-of-range

      × this deploys 11 instances, and the setup's `max` is 10
        ╭─[web.yaml:13:17]
     12 │     - { deploy: 120% }
     13 │     - { deploy: 11 }
        ·                 ─┬
        ·                  ╰── at most 10
     14 │     - { deploy: 3 }
        ╰────
      help: deploy fewer, or raise `max` in `setup.instances`

    phases-do-not-grow

      × this phase deploys 3 instances, and the one before it 11 instances
        ╭─[web.yaml:14:17]
     12 │     - { deploy: 120% }
     13 │     - { deploy: 11 }
        ·                 ─┬
        ·                  ╰── deployed before
     14 │     - { deploy: 3 }
        ·                 ┬
        ·                 ╰── not more
        ╰────
      help: amounts are totals, not increments: each phase needs more than the one before it

    never-complete

      × the last phase deploys 3 instances, so the deployment never ends
        ╭─[web.yaml:14:17]
     13 │     - { deploy: 11 }
     14 │     - { deploy: 3 }
        ·                 ┬
        ·                 ╰── 100% is expected
        ╰────
      help: let the last phase deploy 100%

    6 errors
    "#);
}

#[test]
fn a_downsize_without_meaning() {
    let text =
        canary("    - { deploy: 25%, downsizeOld: 101% }\n    - { deploy: { percent: 100, downsizeOld: 1 }, order: first }\n");
    insta::assert_snapshot!(rendered(&text), @r#"
    out-of-range

      × `downsizeOld` is 101%, and has to be 0% to 100%
        ╭─[web.yaml:10:35]
      9 │   phases:
     10 │     - { deploy: 25%, downsizeOld: 101% }
        ·                                   ──┬─
        ·                                     ╰── 0% to 100%
     11 │     - { deploy: { percent: 100, downsizeOld: 1 }, order: first }
        ╰────

    meaningless-field

      × `downsizeOld` has no meaning where the whole is deployed: nothing stays of the old group then
        ╭─[web.yaml:11:46]
     10 │     - { deploy: 25%, downsizeOld: 101% }
     11 │     - { deploy: { percent: 100, downsizeOld: 1 }, order: first }
        ·                                              ┬
        ·                                              ╰── no meaning here
        ╰────
      help: remove it

    unknown-name

      × `order` cannot be `first`
        ╭─[web.yaml:11:58]
     10 │     - { deploy: 25%, downsizeOld: 101% }
     11 │     - { deploy: { percent: 100, downsizeOld: 1 }, order: first }
        ·                                                          ──┬──
        ·                                                            ╰── unknown
        ╰────
      help: it can be `new-first`, `old-first`

    3 errors
    "#);
}

#[test]
fn instances_out_of_order() {
    let text = canary("    - deploy: 100%\n").replace("min: 0, target: 4, max: 10", "min: 5, target: 4, max: 3");
    insta::assert_snapshot!(rendered(&text), @r#"
    out-of-range

      × `target` is 4, and `min` is 5
       ╭─[web.yaml:8:41]
     7 │   strategy: canary
     8 │   setup: { instances: { min: 5, target: 4, max: 3 } }
       ·                              ┬          ┬
       ·                              │          ╰── below `min`
       ·                              ╰── the least
     9 │   phases:
       ╰────
      help: min <= target <= max has to hold

    out-of-range

      × `target` is 4, and `max` is 3
       ╭─[web.yaml:8:41]
     7 │   strategy: canary
     8 │   setup: { instances: { min: 5, target: 4, max: 3 } }
       ·                                         ┬       ┬
       ·                                         │       ╰── the most
       ·                                         ╰── above `max`
     9 │   phases:
       ╰────
      help: min <= target <= max has to hold

    2 errors
    "#);
}

#[test]
fn a_share_that_adds_nothing_and_a_count_that_cannot_be_the_whole() {
    let text = canary("    - deploy: 20%\n    - deploy: 30%\n    - deploy: 4\n");
    insta::assert_snapshot!(rendered(&text), @r#"
    phase-adds-nothing

      ⚠ 30% of 4 is as many instances as 20%: 1
        ╭─[web.yaml:11:15]
     10 │     - deploy: 20%
     11 │     - deploy: 30%
        ·               ───
     12 │     - deploy: 4
        ╰────
      help: the phase verifies the same instances once more

    1 warning
    "#);
    let text = text.replace("{ min: 0, target: 4, max: 10 }", "same-as-running");
    insta::assert_snapshot!(rendered(&text), @r#"
    never-complete

      × the last phase deploys 4 instances, and how many run is known only when the setup looks
        ╭─[web.yaml:12:15]
     11 │     - deploy: 30%
     12 │     - deploy: 4
        ·               ┬
        ·               ╰── 100% is expected
        ╰────
      help: with `same-as-running`, let the last phase deploy 100%

    1 error
    "#);
}
