//! Steps that contradict each other, or that nobody can answer. Each with all that is said of it.

use super::{canary, rendered};

#[test]
fn steps_that_contradict_each_other() {
    let text = canary(
        "    - { deploy: 10%, steps: [ { deploy: 25%, verify: { plugin: prometheus } }, { aprove: {} } ] }\n    - { verify: [] }\n    \
         - steps: [ { deploy: 50% }, { deploy: 60% } ]\n    - { deploy: { count: 4, percent: 100 } }\n",
    );
    insta::assert_snapshot!(rendered(&text), @r#"
    conflicting-fields

      × `deploy` stands beside `steps`
        ╭─[web.yaml:10:9]
      9 │   phases:
     10 │     - { deploy: 10%, steps: [ { deploy: 25%, verify: { plugin: prometheus } }, { aprove: {} } ] }
        ·         ───┬──
        ·            ╰── one of the two
     11 │     - { verify: [] }
        ╰────
      help: move it into `steps`, in the order that you want

    conflicting-fields

      × an entry of `steps` is one step, and this has two
        ╭─[web.yaml:10:54]
      9 │   phases:
     10 │     - { deploy: 10%, steps: [ { deploy: 25%, verify: { plugin: prometheus } }, { aprove: {} } ] }
        ·                                                      ───────────┬──────────
        ·                                                                 ╰── a second step
     11 │     - { verify: [] }
        ╰────
      help: give it an entry of its own: `- verify: …`

    unknown-field

      × `aprove` is not a field of an entry of `steps`
        ╭─[web.yaml:10:82]
      9 │   phases:
     10 │     - { deploy: 10%, steps: [ { deploy: 25%, verify: { plugin: prometheus } }, { aprove: {} } ] }
        ·                                                                                  ───┬──
        ·                                                                                     ╰── did you mean `approve`?
     11 │     - { verify: [] }
        ╰────

    missing-field

      × a phase has no `deploy`
        ╭─[web.yaml:11:7]
     10 │     - { deploy: 10%, steps: [ { deploy: 25%, verify: { plugin: prometheus } }, { aprove: {} } ] }
     11 │     - { verify: [] }
        ·       ───────┬──────
        ·              ╰── needs `deploy`
     12 │     - steps: [ { deploy: 50% }, { deploy: 60% } ]
        ╰────

    duplicate-name

      × a phase deploys once, and this deploys twice
        ╭─[web.yaml:12:43]
     11 │     - { verify: [] }
     12 │     - steps: [ { deploy: 50% }, { deploy: 60% } ]
        ·                          ─┬─              ─┬─
        ·                           │                ╰── and again
        ·                           ╰── first here
     13 │     - { deploy: { count: 4, percent: 100 } }
        ╰────
      help: make it a phase of its own

    conflicting-fields

      × `count` and `percent` stand side by side
        ╭─[web.yaml:13:38]
     12 │     - steps: [ { deploy: 50% }, { deploy: 60% } ]
     13 │     - { deploy: { count: 4, percent: 100 } }
        ·                                      ─┬─
        ·                                       ╰── one of the two
        ╰────
      help: remove one of them

    6 errors
    "#);
}

#[test]
fn approvals_that_nobody_can_give() {
    let text = canary(
        "    - deploy: 100%\n      approve:\n        - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }\n        \
         - { manual: { message: ok, quorum: 0 }, with: {} }\n",
    );
    insta::assert_snapshot!(rendered(&text), @r#"
    missing-field

      × `manual` has no `message`
        ╭─[web.yaml:12:21]
     11 │       approve:
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
        ·                     ─────────────────────────────────┬─────────────────────────────────
        ·                                                      ╰── needs `message`
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ╰────

    duplicate-name

      × `ann` is an approver already
        ╭─[web.yaml:12:40]
     11 │       approve:
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
        ·                                        ─┬─
        ·                                         ╰── named twice
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ╰────

    out-of-range

      × 2 have to approve, and only 1 person may vote
        ╭─[web.yaml:12:54]
     11 │       approve:
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
        ·                                                      ┬
        ·                                                      ╰── at most 1
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ╰────
      help: name more `approvers`, or ask for fewer votes

    out-of-range

      × `expires` is `0s`, and has to be 1ms or more
        ╭─[web.yaml:12:66]
     11 │       approve:
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
        ·                                                                  ─┬
        ·                                                                   ╰── too short
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ╰────

    unknown-name

      × `onExpiry` cannot be `ignore`
        ╭─[web.yaml:12:80]
     11 │       approve:
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
        ·                                                                                ───┬──
        ·                                                                                   ╰── unknown
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ╰────
      help: it can be `rollback`, `abort`, `fail`

    out-of-range

      × `quorum` is 0, and has to be 1 to 1000
        ╭─[web.yaml:13:44]
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ·                                            ┬
        ·                                            ╰── 1 to 1000
        ╰────

    unknown-field

      × `with` is not a field of an approval by hand
        ╭─[web.yaml:13:49]
     12 │         - { manual: { approvers: [ann, ann], quorum: 2, expires: 0s, onExpiry: ignore } }
     13 │         - { manual: { message: ok, quorum: 0 }, with: {} }
        ·                                                 ──┬─
        ·                                                   ╰── not here
        ╰────
      help: `with` is a field of a verification, an approval by a plugin, a wrap-up; here, its fields
            are `name`, `manual`, `timeout`, `onFailure`

    7 errors
    "#);
}

#[test]
fn failure_strategies_out_of_place() {
    let after = "  rollback: [ { verify: { plugin: prometheus, onFailure: rollback } } ]\n  \
        wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]\n  \
        onFailure: { default: rolback, byClass: { verfication: fail } }\n";
    let text = canary("    - { deploy: 100%, onFailure: manual-intervention }\n") + after;
    insta::assert_snapshot!(rendered(&text), @r#"
    unknown-name

      × `manual-intervention` cannot stand here
        ╭─[web.yaml:10:34]
      9 │   phases:
     10 │     - { deploy: 100%, onFailure: manual-intervention }
        ·                                  ─────────┬─────────
        ·                                           ╰── no manual intervention
     11 │   rollback: [ { verify: { plugin: prometheus, onFailure: rollback } } ]
        ╰────
      help: a person is asked by `onFailure: manual`, or by `onFailure: { manual: { timeout: 4h },
            then: rollback }`

    unknown-name

      × `onFailure` cannot be `rollback`
        ╭─[web.yaml:11:58]
     10 │     - { deploy: 100%, onFailure: manual-intervention }
     11 │   rollback: [ { verify: { plugin: prometheus, onFailure: rollback } } ]
        ·                                                          ────┬───
        ·                                                              ╰── unknown
     12 │   wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]
        ╰────
      help: it can be `abort`, `fail`, `ignore`

    out-of-range

      × `count` is 0, and has to be 1 to 100
        ╭─[web.yaml:12:61]
     11 │   rollback: [ { verify: { plugin: prometheus, onFailure: rollback } } ]
     12 │   wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]
        ·                                                             ┬
        ·                                                             ╰── 1 to 100
     13 │   onFailure: { default: rolback, byClass: { verfication: fail } }
        ╰────

    unknown-name

      × `then` cannot be `abort`
        ╭─[web.yaml:12:72]
     11 │   rollback: [ { verify: { plugin: prometheus, onFailure: rollback } } ]
     12 │   wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]
        ·                                                                        ──┬──
        ·                                                                          ╰── unknown
     13 │   onFailure: { default: rolback, byClass: { verfication: fail } }
        ╰────
      help: it can be `fail`, `ignore`

    unknown-name

      × `default` cannot be `rolback`
        ╭─[web.yaml:13:25]
     12 │   wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]
     13 │   onFailure: { default: rolback, byClass: { verfication: fail } }
        ·                         ───┬───
        ·                            ╰── did you mean `rollback`?
        ╰────
      help: it can be `rollback`, `abort`, `fail`, `ignore`

    unknown-name

      × there is no class of failures `verfication`
        ╭─[web.yaml:13:45]
     12 │   wrapUp: [ { plugin: webhook, onFailure: { retry: { count: 0 }, then: abort } } ]
     13 │   onFailure: { default: rolback, byClass: { verfication: fail } }
        ·                                             ─────┬─────
        ·                                                  ╰── did you mean `verification`?
        ╰────
      help: the classes are `application`, `connectivity`, `authentication`, `verification`,
            `timeout`, `approval`, `drift`, `store`

    6 errors
    "#);
}
