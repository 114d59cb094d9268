//! What a verdict looks like: a word with a colour, and in a chart a shape, so that no reader depends on colours. Pure.

use maud::{Markup, html};
use shiftgate_model::{Ending, Verdict};

use crate::analysis::Mark;
use crate::story::{State, StepState};

/// The name of a verdict's colour in the style sheet.
pub(super) const fn tone(mark: Mark) -> &'static str {
    match mark {
        Mark::Pass => "pass",
        Mark::Warn => "warn",
        Mark::Fail | Mark::Error => "fail",
        Mark::Inconclusive => "unsure",
        Mark::Skipped => "calm",
    }
}

pub(super) const fn state_tone(state: State) -> &'static str {
    match state {
        State::Ended(Ending::Succeeded) => "pass",
        State::Ended(Ending::RolledBack | Ending::Aborted) | State::Asks | State::RollingBack | State::Stopped => "warn",
        State::Ended(Ending::Failed | Ending::Stuck) => "fail",
        State::Running => "new",
    }
}

pub(super) const fn step_tone(state: StepState) -> &'static str {
    match state {
        StepState::Pending | StepState::NotReached | StepState::Skipped => "calm",
        StepState::Running => "new",
        StepState::Done => "done",
        StepState::Ignored | StepState::Left => "warn",
        StepState::Failed => "fail",
    }
}

/// The word of a verdict on its colour.
pub(super) fn badge(verdict: Option<Verdict>) -> Markup {
    match verdict {
        Some(verdict) => html! { span.badge.(tone(verdict.into())) { (verdict.to_string()) } },
        None => html! { span.badge.calm { "no verdict" } },
    }
}

/// The shape of a verdict in a chart, around a place.
pub(super) fn shape(mark: Mark, x: f64, y: f64, words: &str) -> Markup {
    let path = match mark {
        Mark::Pass => format!("M{x:.1} {y:.1}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"),
        Mark::Warn => format!("M{x:.1} {y:.1}m0 -5l5 9h-10z"),
        Mark::Fail => format!("M{x:.1} {y:.1}m-4 -4h8v8h-8z"),
        Mark::Inconclusive => format!("M{x:.1} {y:.1}m0 -5l5 5l-5 5l-5 -5z"),
        Mark::Skipped => format!("M{x:.1} {y:.1}m-4 0h8"),
        Mark::Error => format!("M{x:.1} {y:.1}m-4 -4l8 8m0 -8l-8 8"),
    };
    html! { path.mark.(tone(mark)).open[matches!(mark, Mark::Error | Mark::Skipped)] d=(path) { title { (words) } } }
}
