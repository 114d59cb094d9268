//! Which step and attempt are meant, and what is said when there is nothing to replay.

use std::path::PathBuf;

use shiftgate_model::{AmiId, Call, RunInfo};

use super::*;

fn call(fence: i64, attempt: u32, call: u32) -> Evidence {
    let (run, step) = (RunId::new("r1"), StepId::new("v"));
    Evidence {
        step: step.clone(),
        fence,
        attempt,
        call,
        at: Timestamp(u64::from(call)),
        plugin: "errors".into(),
        digest: Digest("0".repeat(64)),
        config: Value::Null,
        run: RunInfo::new(run, step, AmiId::new("ami-1"), Timestamp(1)),
        action: Call::Start { summary: None },
        exchanges: Vec::new(),
        left_out: 0,
        report: None,
        error: None,
    }
}

fn told(failure: Failure) -> String {
    match failure {
        Failure::Told { message, hint, .. } => format!("{message}; {}", hint.unwrap_or_default()),
        Failure::Shown(exit) => format!("{exit:?}"),
    }
}

fn args(settings: &[&str], plugin: Option<&str>) -> Replay {
    let settings = settings.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect();
    let plugin = plugin.map(PathBuf::from);
    Replay { run: "r1".into(), step: "verify-1".into(), attempt: None, settings, plugin, output: Format::Text }
}

#[test]
fn a_step_is_known_by_its_id_or_by_a_part_that_is_its_own() {
    let run = RunId::new("r1");
    let all = ["phase-1/verify-1", "phase-1/verify-12", "phase-2/verify-1"].map(StepId::new);
    let of = |typed: &str| step_of(&all, &run, typed).map(|step| step.to_string()).map_err(told);
    assert_eq!(of("phase-1/verify-1").as_deref(), Ok("phase-1/verify-1"));
    assert_eq!(of("verify-12").as_deref(), Ok("phase-1/verify-12"));
    let names = "`phase-1/verify-1`, `phase-1/verify-12`, `phase-2/verify-1`";
    assert_eq!(
        of("verify-1"),
        Err(format!("several verifications of run r1 have `verify-1` in their names; name one of {names}"))
    );
    assert_eq!(of("deploy"), Err(format!("run r1 has no evidence of a verification `deploy`; it has evidence of {names}")));
    let none = step_of(&[], &run, "x").map_err(told).unwrap_err();
    assert!(none.starts_with("run r1 has no evidence: no verification has been called in it; "), "{none}");
}

#[test]
fn the_last_attempt_is_meant_also_of_a_run_that_was_taken_up_again() {
    let all = [(1, 1, 1), (1, 2, 1), (1, 2, 2), (2, 1, 1)].map(|(fence, attempt, number)| call(fence, attempt, number));
    let of = |wanted| {
        let calls = attempt_of(all.to_vec(), &StepId::new("v"), wanted).map_err(told)?;
        Ok::<_, String>(calls.iter().map(|one| (one.fence, one.attempt, one.call)).collect::<Vec<_>>())
    };
    assert_eq!(of(None), Ok(vec![(2, 1, 1)]));
    assert_eq!(of(Some(1)), Ok(vec![(2, 1, 1)]));
    assert_eq!(of(Some(2)), Ok(vec![(1, 2, 1), (1, 2, 2)]));
    assert_eq!(of(Some(3)), Err("step `v` has no attempt 3; there is evidence of attempt 1, 2".into()));
}

#[test]
fn a_request_without_an_answer_is_named_with_what_can_be_changed() {
    let gap = |why| Gap { request: "GET http://p/?time=2".into(), why };
    let rows = [
        told(unanswered(&gap(Missing::Unasked), &args(&["range", "step"], None))),
        told(unanswered(&gap(Missing::Unasked), &args(&[], Some("other.wasm")))),
        told(unanswered(&gap(Missing::Unasked), &args(&[], None))),
        told(unanswered(&gap(Missing::OtherHeaders), &args(&["headers.x-scope-orgid"], None))),
        told(unanswered(&gap(Missing::LeftOut(3)), &args(&["max"], None))),
        told(unanswered(&gap(Missing::Cut), &args(&["max"], None))),
    ];
    insta::assert_snapshot!(rows.join("\n"), @r"
    no answer is on record to GET http://p/?time=2: a replay works offline, and this was not asked then; settings that say how answers are judged can be changed: thresholds, counts, limits; `range` or `step` changes what is asked, or when
    no answer is on record to GET http://p/?time=2: a replay works offline, and this was not asked then; this component asks otherwise than the one that judged then
    no answer is on record to GET http://p/?time=2: a replay works offline, and this was not asked then; the plugin asks otherwise each time, by chance or by a clock of its own
    no answer is on record to GET http://p/?time=2 with these headers: a replay works offline, and it had others then; settings that say how answers are judged can be changed: thresholds, counts, limits; `headers.x-scope-orgid` changes what is asked, or when
    no answer is on record to GET http://p/?time=2: 3 exchanges of this attempt were left out for want of room; docs/evidence.md says how much is kept of a call
    the answer to GET http://p/?time=2 was longer than what is kept of one, so it cannot be judged again; docs/evidence.md says how much is kept of a call
    ");
}
