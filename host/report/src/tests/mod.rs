//! Stories in, pages out: what a reader sees, whatever the outside wrote, and however much of it.

mod fixture;
mod hostile;
mod large;
mod outline;

use anstream::adapter::strip_str;
use insta::assert_snapshot;
use serde_json::Value;

use self::outline::outline;
use crate::{Story, page, terminal};

fn text(story: &Story, columns: usize) -> String {
    strip_str(&terminal(story, columns)).to_string()
}

#[test]
fn a_canary_whose_verification_fails() {
    let story = fixture::failed_canary().story();
    assert_snapshot!("failed_canary_text", text(&story, 80));
    assert_snapshot!("failed_canary_page", outline(&page(&story)));
}

#[test]
fn a_shift_that_people_approve() {
    let story = fixture::approved_shift().story();
    assert_snapshot!("approved_shift_text", text(&story, 100));
    assert_snapshot!("approved_shift_page", outline(&page(&story)));
}

#[test]
fn a_shift_that_somebody_rejects() {
    let story = fixture::rejected_shift().story();
    assert_snapshot!("rejected_shift_text", text(&story, 80));
    assert_snapshot!("rejected_shift_page", outline(&page(&story)));
}

#[test]
fn a_run_that_waits_for_people() {
    let story = fixture::running();
    assert_snapshot!("running_text", text(&story, 80));
    assert_snapshot!("running_page", outline(&page(&story)));
}

#[test]
fn a_run_of_which_nothing_is_known_yet() {
    let story = fixture::empty();
    assert_snapshot!("empty_text", text(&story, 80));
    assert_snapshot!("empty_page", outline(&page(&story)));
}

#[test]
fn a_verification_without_evidence_is_told_from_its_events() {
    let mut tale = fixture::failed_canary();
    tale.evidence.clear();
    let story = tale.story();
    let text = text(&story, 80);
    assert!(text.contains("errors = 0.024 ratio, wanted <= 0.01: fail"), "{text}");
    let outline = outline(&page(&story));
    assert!(outline.contains("errors | 0.024 ratio | &lt;= 0.01 | fail"), "{outline}");
}

#[test]
fn each_attempt_stands_by_itself() {
    let mut tale = fixture::failed_canary();
    let mut failed = tale.evidence[1].clone();
    (failed.report, failed.error) = (None, Some("out of fuel".to_owned()));
    // Taken up again, the step counts its attempts from 1.
    tale.evidence[1].fence = 2;
    tale.evidence.insert(1, failed);
    let story = tale.story();
    let outline = outline(&page(&story));
    assert!(outline.contains("no verdict\nIt failed: out of fuel"), "{outline}");
    assert_eq!(story.verifications.iter().map(|one| one.calls).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(text(&story, 80).contains("    It failed: out of fuel"));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let stories = [
        fixture::failed_canary().story(),
        fixture::approved_shift().story(),
        fixture::rejected_shift().story(),
        fixture::running(),
    ];
    for (story, columns) in stories.iter().flat_map(|story| [80, 93, 120].map(|columns| (story, columns))) {
        for line in text(story, columns).lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn programs_get_the_whole_story() {
    let story = serde_json::to_value(fixture::failed_canary().story()).unwrap();
    let at = |pointer: &str| story.pointer(pointer).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/state/ended"), "rolled_back");
    assert_eq!(at("/service"), "web");
    assert_eq!(at("/verifications/1/verdict"), "fail");
    assert_eq!(at("/verifications/1/analysis/metrics/0/series/0/points/9/1"), Value::Null);
    assert_eq!(at("/verifications/1/analysis/metrics/0/judgement/p"), 0.0004);
    assert_eq!(at("/groups/1/healthy/0/1"), 0);
    assert_eq!(at("/errors/0/hint"), "look at the metric `errors` of the new image; the run puts the old group back by itself");
}

#[test]
fn a_page_needs_nothing_else_and_runs_nothing() {
    let page = page(&fixture::failed_canary().story());
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""));
    for word in ["<script", "<link", "<img", "<iframe", "<form", "@import", "src=", "http-equiv=\"refresh\""] {
        assert!(!page.contains(word), "{word}");
    }
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap_or_default();
    assert!(!style.replace("url(#asks)", "").contains("url("), "the style loads nothing");
    let named = page.matches("role=\"img\" aria-label").count();
    assert_eq!(page.matches("role=\"img\"").count(), named, "every drawing has a name");
}

#[test]
fn a_verification_that_tries_again_beside_the_steps_is_not_done() {
    use shiftgate_model::{ErrorClass, EventKind, Millis, RunId, StepError};

    use crate::story::{Busy, StepState};

    let mut tale = fixture::Tale::new("canary");
    tale.tell(0, "setup", EventKind::LockWaited { family: "web".into(), holder: RunId::new("other"), ahead: 1 });
    tale.tell(900, "phase-1/verify-1", EventKind::StepStarted { title: "Verify".into() });
    let error = StepError::new(ErrorClass::Connectivity, "it could not ask");
    tale.tell(900, "phase-1/verify-1", EventKind::StepRetried { attempt: 2, after: Millis(5_000), error });
    tale.tell(900, "phase-2/deploy", EventKind::StepStarted { title: "Deploy".into() });
    let state = |story: &Story| story.steps.iter().map(|step| (step.id.to_string(), step.state)).collect::<Vec<_>>();
    let story = tale.story();
    let of = |id: &str| story.steps.iter().find(|step| step.id.to_string() == id).unwrap();
    assert_eq!(of("setup").state, StepState::Done, "the wait for another run is over");
    let verification = of("phase-1/verify-1");
    assert_eq!(verification.state, StepState::Running, "{:?}", state(&story));
    assert_eq!(verification.spans.last().map(|span| (span.what, span.to)), Some((Busy::Waits, None)));
}
