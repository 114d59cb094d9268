//! Routes that no deployment can take. Each with all that is said of it.

use super::{blue_green, rendered};

pub(super) const SIDES: &str = "  loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]\n";
pub(super) const RULE: &str = "  loadBalancers: [ { name: a, port: 80 } ]\n";

pub(super) fn swap(rest: &str) -> String {
    rendered(&blue_green(&format!("{SIDES}{rest}")))
}

pub(super) fn shift(route: &str) -> String {
    rendered(&blue_green(&format!("{RULE}  route:\n{route}")))
}

#[test]
fn weights_that_do_not_grow_or_end() {
    insta::assert_snapshot!(shift("    - shift: 50%\n    - shift: 50%\n    - shift: 20%\n"), @"
    weights-do-not-grow

      × this shifts 50%, and the one before it 50%
        ╭─[web.yaml:12:14]
     10 │   route:
     11 │     - shift: 50%
        ·              ─┬─
        ·               ╰── shifted before
     12 │     - shift: 50%
        ·              ─┬─
        ·               ╰── not more
     13 │     - shift: 20%
        ╰────
      help: weights are the new group's whole share, not increments: each shift needs more than the
            one before it

    weights-do-not-grow

      × this shifts 20%, and the one before it 50%
        ╭─[web.yaml:13:14]
     11 │     - shift: 50%
     12 │     - shift: 50%
        ·              ─┬─
        ·               ╰── shifted before
     13 │     - shift: 20%
        ·              ─┬─
        ·               ╰── not more
        ╰────
      help: weights are the new group's whole share, not increments: each shift needs more than the
            one before it

    never-complete

      × the last shift is to 20%, so the old group serves for ever
        ╭─[web.yaml:13:14]
     12 │     - shift: 50%
     13 │     - shift: 20%
        ·              ─┬─
        ·               ╰── 100% is expected
        ╰────
      help: let the last shift be to 100%

    3 errors
    ");
    insta::assert_snapshot!(shift("    - shift: 0%\n    - { shift: 100% }\n    - shift: 100\n"), @"
    shift-adds-nothing

      ⚠ this shifts 0%, and the new group begins with that
        ╭─[web.yaml:11:14]
     10 │   route:
     11 │     - shift: 0%
        ·              ──
     12 │     - { shift: 100% }
        ╰────
      help: remove it, or let it shift something

    weights-do-not-grow

      × this shifts 100%, and the one before it 100%
        ╭─[web.yaml:13:14]
     11 │     - shift: 0%
     12 │     - { shift: 100% }
        ·                ──┬─
        ·                  ╰── shifted before
     13 │     - shift: 100
        ·              ─┬─
        ·               ╰── not more
        ╰────
      help: weights are the new group's whole share, not increments: each shift needs more than the
            one before it

    1 error, 1 warning
    ");
}

#[test]
fn weights_that_are_none() {
    insta::assert_snapshot!(shift("    - shift: 101%\n    - shift: -1\n    - shift: half\n    - shift: 12.5%\n    - shift: [ 1 ]\n    - shift: { downsizeOld: maybe }\n    - shift: { wieght: 100% }\n"), @"
    out-of-range

      × `shift` is 101%, and has to be 0% to 100%
        ╭─[web.yaml:11:14]
     10 │   route:
     11 │     - shift: 101%
        ·              ──┬─
        ·                ╰── 0% to 100%
     12 │     - shift: -1
        ╰────

    out-of-range

      × `shift` is -1%, and has to be 0% to 100%
        ╭─[web.yaml:12:14]
     11 │     - shift: 101%
     12 │     - shift: -1
        ·              ─┬
        ·               ╰── 0% to 100%
     13 │     - shift: half
        ╰────

    wrong-type

      × `shift` is `half`, which is no weight
        ╭─[web.yaml:13:14]
     12 │     - shift: -1
     13 │     - shift: half
        ·              ──┬─
        ·                ╰── a weight is expected
     14 │     - shift: 12.5%
        ╰────
      help: write the new group's share of the requests in whole percents: `10%`

    wrong-type

      × `shift` is `12.5%`, which is no weight
        ╭─[web.yaml:14:14]
     13 │     - shift: half
     14 │     - shift: 12.5%
        ·              ──┬──
        ·                ╰── a weight is expected
     15 │     - shift: [ 1 ]
        ╰────
      help: write the new group's share of the requests in whole percents: `10%`

    wrong-type

      × `shift` has to be a weight, and is a list
        ╭─[web.yaml:15:14]
     14 │     - shift: 12.5%
     15 │     - shift: [ 1 ]
        ·              ──┬──
        ·                ╰── a weight is expected
     16 │     - shift: { downsizeOld: maybe }
        ╰────
      help: write the new group's share of the requests in whole percents: `10%`

    missing-field

      × `shift` has no `weight`
        ╭─[web.yaml:16:14]
     15 │     - shift: [ 1 ]
     16 │     - shift: { downsizeOld: maybe }
        ·              ───────────┬──────────
        ·                         ╰── needs `weight`
     17 │     - shift: { wieght: 100% }
        ╰────
      help: write `weight: 10%`, or `shift: 10%` for short

    wrong-type

      × `downsizeOld` has to be true or false, and is text
        ╭─[web.yaml:16:29]
     15 │     - shift: [ 1 ]
     16 │     - shift: { downsizeOld: maybe }
        ·                             ──┬──
        ·                               ╰── true or false is expected
     17 │     - shift: { wieght: 100% }
        ╰────

    unknown-field

      × `wieght` is not a field of `shift`
        ╭─[web.yaml:17:16]
     16 │     - shift: { downsizeOld: maybe }
     17 │     - shift: { wieght: 100% }
        ·                ───┬──
        ·                   ╰── did you mean `weight`?
        ╰────

    8 errors
    ");
}

#[test]
fn a_downsize_while_the_old_group_serves() {
    insta::assert_snapshot!(shift("    - shift: { weight: 10%, downsizeOld: true }\n    - { shift: 50%, downsizeOld: false }\n    - { shift: 90%, downsizeOld: '${1 == 1}' }\n    - { shift: { weight: 100%, timeout: 1m }, timeout: 10 }\n"), @"
    meaningless-field

      × the old group still serves 90% of the requests here, and cannot be downsized
        ╭─[web.yaml:11:42]
     10 │   route:
     11 │     - shift: { weight: 10%, downsizeOld: true }
        ·                                          ──┬─
        ·                                            ╰── too early
     12 │     - { shift: 50%, downsizeOld: false }
        ╰────
      help: downsize it with the shift to 100%

    meaningless-field

      × the old group still serves 10% of the requests here, and cannot be downsized
        ╭─[web.yaml:13:34]
     12 │     - { shift: 50%, downsizeOld: false }
     13 │     - { shift: 90%, downsizeOld: '${1 == 1}' }
        ·                                  ─────┬─────
        ·                                       ╰── too early
     14 │     - { shift: { weight: 100%, timeout: 1m }, timeout: 10 }
        ╰────
      help: downsize it with the shift to 100%

    conflicting-fields

      × `timeout` stands in `shift` and beside it
        ╭─[web.yaml:14:56]
     13 │     - { shift: 90%, downsizeOld: '${1 == 1}' }
     14 │     - { shift: { weight: 100%, timeout: 1m }, timeout: 10 }
        ·                                                        ─┬
        ·                                                         ╰── one of the two
        ╰────
      help: remove one of them

    3 errors
    ");
}

#[test]
fn steps_that_do_not_belong_together() {
    insta::assert_snapshot!(shift("    - shift: 10%\n    - swap: {}\n"), @"
    conflicting-fields

      × a route swaps or shifts, and this does both
        ╭─[web.yaml:12:7]
     10 │   route:
     11 │     - shift: 10%
        ·              ─┬─
        ·               ╰── first here
     12 │     - swap: {}
        ·       ──┬─
        ·         ╰── not both
        ╰────
      help: a swap exchanges two listeners, a shift moves the weights of one rule: keep one of the two

    1 error
    ");
    insta::assert_snapshot!(swap("  route: [ { swap: {} }, { verify: { plugin: prometheus }, downsizeOld: true }, { swap: { downsizeOld: 1 } } ]\n"), @"
    meaningless-field

      × `downsizeOld` belongs to a swap or a shift, and stands beside `verify`
        ╭─[web.yaml:10:60]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   route: [ { swap: {} }, { verify: { plugin: prometheus }, downsizeOld: true }, { swap: { downsizeOld: 1 } } ]
        ·                                                            ─────┬─────
        ·                                                                 ╰── no meaning here
        ╰────
      help: remove it

    duplicate-name

      × a route swaps once, and this swaps twice
        ╭─[web.yaml:10:83]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   route: [ { swap: {} }, { verify: { plugin: prometheus }, downsizeOld: true }, { swap: { downsizeOld: 1 } } ]
        ·              ──┬─                                                                 ──┬─
        ·                │                                                                    ╰── and again
        ·                ╰── first here
        ╰────
      help: remove one of them

    wrong-type

      × `downsizeOld` has to be true or false, and is a number
        ╭─[web.yaml:10:104]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   route: [ { swap: {} }, { verify: { plugin: prometheus }, downsizeOld: true }, { swap: { downsizeOld: 1 } } ]
        ·                                                                                                        ┬
        ·                                                                                                        ╰── true or false is expected
        ╰────

    3 errors
    ");
    insta::assert_snapshot!(shift("    - { shift: 10%, approve: { manual: { message: Go? } } }\n    - { shfit: 100% }\n    - shift:\n    - {}\n    - deploy: 100%\n"), @"
    conflicting-fields

      × an entry of `route` is one step, and this has two
        ╭─[web.yaml:11:30]
     10 │   route:
     11 │     - { shift: 10%, approve: { manual: { message: Go? } } }
        ·                              ──────────────┬─────────────
        ·                                            ╰── a second step
     12 │     - { shfit: 100% }
        ╰────
      help: give it an entry of its own: `- approve: …`

    unknown-field

      × `shfit` is not a field of an entry of `route`
        ╭─[web.yaml:12:9]
     11 │     - { shift: 10%, approve: { manual: { message: Go? } } }
     12 │     - { shfit: 100% }
        ·         ──┬──
        ·           ╰── did you mean `shift`?
     13 │     - shift:
        ╰────

    missing-field

      × `shift` of an entry of `route` is empty
        ╭─[web.yaml:13:7]
     12 │     - { shfit: 100% }
     13 │     - shift:
        ·       ──┬──
        ·         ╰── needs a value
     14 │     - {}
        ╰────
      help: write `shift: 10%`

    missing-field

      × an entry of `route` is one of `swap`, `shift`, `verify`, `approve`
        ╭─[web.yaml:14:7]
     13 │     - shift:
     14 │     - {}
        ·       ─┬
        ·        ╰── which step?
     15 │     - deploy: 100%
        ╰────

    unknown-field

      × `deploy` is not a field of an entry of `route`
        ╭─[web.yaml:15:7]
     14 │     - {}
     15 │     - deploy: 100%
        ·       ───┬──
        ·          ╰── not here
        ╰────
      help: `deploy` is a field of a basic workflow, a blue-green workflow, a phase, an entry of
            `steps`; here, its fields are `swap`, `shift`, `verify`, `approve`, `downsizeOld`,
            `timeout`

    5 errors
    ");
    insta::assert_snapshot!(swap("  route: [ { verify: { plugin: prometheus } } ]\n"), @"
    missing-field

      × `route` neither swaps nor shifts, so production never changes
        ╭─[web.yaml:10:10]
      9 │   loadBalancers: [ { name: a, production: { port: 80 }, stage: { port: 8080 } } ]
     10 │   route: [ { verify: { plugin: prometheus } } ]
        ·          ───────────────────┬──────────────────
        ·                             ╰── needs a step
        ╰────
      help: write `route: { swap: { downsizeOld: true } }` for all at once, or `route: [ { shift:
            10% }, { shift: 100% } ]` by weight

    1 error
    ");
}
