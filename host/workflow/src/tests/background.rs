//! Verifications that go on beside the later steps: the plan, and what is said of those that cannot.

use super::{canary, planned, rendered, short};
use crate::Action;

#[test]
fn a_background_verification_adds_a_last_step() {
    let phases = "    - { deploy: 25%, verify: [ { plugin: prometheus, background: true, timeout: 30m, onFailure: abort } ] }\n    \
        - { deploy: 100%, verify: [ { plugin: prometheus, background: '${1 == 2}' } ] }\n";
    let plan = planned(&canary(phases));
    let steps: Vec<_> = plan
        .phases
        .iter()
        .flat_map(|phase| phase.steps.iter().map(move |step| format!("{}: {} {}", phase.name, step.id, step.title)))
        .collect();
    insta::assert_snapshot!(steps.join("\n"), @r"
    Phase 1: setup Elastigroup Setup
    Phase 1: phase-1/deploy Elastigroup Deploy 25%
    Phase 1: phase-1/verify-1 Verify with `prometheus`
    Phase 2: phase-2/deploy Elastigroup Deploy 100%
    Phase 2: phase-2/verify-1 Verify with `prometheus`
    Phase 2: background Background verifications
    ");
    assert_eq!(plan.background().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["phase-1/verify-1"]);
    let [.., verify] = plan.phases[0].steps.as_slice() else { panic!("{steps:?}") };
    insta::assert_json_snapshot!(verify, @r#"
    {
      "id": "phase-1/verify-1",
      "title": "Verify with `prometheus`",
      "action": {
        "verify": {
          "plugin": {
            "name": "prometheus",
            "file": "prometheus",
            "sha256": null,
            "grants": {
              "http": []
            }
          },
          "with": {},
          "timeout": 1800000,
          "background": true
        }
      },
      "on_failure": {
        "default": "abort",
        "by_class": {}
      }
    }
    "#);
    assert_eq!(plan.phases[1].steps.last().map(|step| &step.action), Some(&Action::Background));
}

/// A plan without one is, letter by letter, what it was before there were any.
#[test]
fn without_one_nothing_is_added() {
    let plan = planned(&canary("    - { deploy: 100%, verify: [ { plugin: prometheus, background: false } ] }\n"));
    assert!(!serde_json::to_string(&plan).unwrap().contains("background"));
}

#[test]
fn what_cannot_go_on_in_the_background_is_said() {
    let text = canary("    - { deploy: 100%, verify: [ { plugin: prometheus, background: maybe } ] }\n")
        + "  rollback: [ { verify: { plugin: prometheus, background: true } } ]\n  \
           wrapUp: [ { plugin: webhook, background: true } ]\n";
    insta::assert_snapshot!(rendered(&text), @r"
    wrong-type

      × `background` has to be true or false, and is text
        ╭─[web.yaml:10:67]
      9 │   phases:
     10 │     - { deploy: 100%, verify: [ { plugin: prometheus, background: maybe } ] }
        ·                                                                   ──┬──
        ·                                                                     ╰── true or false is expected
     11 │   rollback: [ { verify: { plugin: prometheus, background: true } } ]
        ╰────

    meaningless-field

      × a verification of `rollback` cannot go on in the background
        ╭─[web.yaml:11:47]
     10 │     - { deploy: 100%, verify: [ { plugin: prometheus, background: maybe } ] }
     11 │   rollback: [ { verify: { plugin: prometheus, background: true } } ]
        ·                                               ─────┬────
        ·                                                    ╰── no meaning here
     12 │   wrapUp: [ { plugin: webhook, background: true } ]
        ╰────
      help: remove it: Elastigroup Rollback begins when the steps of `rollback` have ended

    unknown-field

      × `background` is not a field of a wrap-up
        ╭─[web.yaml:12:32]
     11 │   rollback: [ { verify: { plugin: prometheus, background: true } } ]
     12 │   wrapUp: [ { plugin: webhook, background: true } ]
        ·                                ─────┬────
        ·                                     ╰── not here
        ╰────
      help: `background` is a field of a verification; here, its fields are `name`, `plugin`, `with`,
            `timeout`, `onFailure`

    3 errors
    ");
}

#[test]
fn one_with_nothing_behind_it_is_probably_not_meant() {
    let text = canary("    - { deploy: 100%, verify: [ { plugin: prometheus, background: true } ] }\n");
    insta::assert_snapshot!(rendered(&text), @r"
    nothing-beside

      ⚠ no step comes behind this background verification, so the run waits for it at once
        ╭─[web.yaml:10:55]
      9 │   phases:
     10 │     - { deploy: 100%, verify: [ { plugin: prometheus, background: true } ] }
        ·                                                       ──────────
        ╰────
      help: remove `background`, or put the verification before a later step

    1 warning
    ");
    // Two of them go on beside each other.
    let two = "{ plugin: prometheus, background: true }";
    assert_eq!(rendered(&canary(&format!("    - {{ deploy: 100%, verify: [ {two}, {two} ] }}\n"))), "no diagnostics");
    let basic = short(
        "",
        "",
        "",
        "  strategy: basic\n  setup: { instances: same-as-running }\n  verify: [ { plugin: prometheus, background: true } ]\n  deploy: 100%\n",
    );
    assert!(rendered(&basic).contains("nothing-beside"), "a verification stands behind the deploy");
}
