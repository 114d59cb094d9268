//! `background: true`: a verification that goes on beside the later steps, and the last step of the plan, which waits for it.

use shiftgate_model::StepId;

use super::failure::Place;
use super::steps::StepContext;
use crate::plan::{Action, Phase, Step};
use crate::read::{Node, Table};
use crate::session::Session;
use crate::source::Span;

/// The id of the step that waits for what is still open.
const LAST: &str = "background";

/// Whether a verification goes on beside the later steps, which one of the rollback cannot; none is a mistake.
pub(crate) fn background(
    s: &mut Session<'_>,
    cx: &mut StepContext<'_>,
    table: Table<'_>,
    node: &Node,
    id: &StepId,
) -> Option<bool> {
    let background = s.flag(node, cx.scope.now())?;
    if !background {
        return Some(false);
    }
    let place = table.key("background").map_or(node.place, |key| key.span);
    if cx.place == Place::Rollback {
        let message = "a verification of `rollback` cannot go on in the background";
        let hint = "remove it: Elastigroup Rollback begins when the steps of `rollback` have ended";
        s.error_hint("meaningless-field", place, message, "no meaning here", hint);
        return None;
    }
    cx.backgrounds.push((id.clone(), place));
    Some(true)
}

/// Says of a background verification that nothing goes on beside it.
pub(crate) fn warn_alone(s: &mut Session<'_>, phases: &[Phase], backgrounds: &[(StepId, Span)]) {
    let mut from_the_end = phases.iter().rev().flat_map(|phase| phase.steps.iter().rev());
    let (Some(last), before) = (from_the_end.next(), from_the_end.next()) else { return };
    if !last.is_background() || before.is_some_and(Step::is_background) {
        return;
    }
    if let Some((_, place)) = backgrounds.iter().find(|(id, _)| *id == last.id) {
        let message = "no step comes behind this background verification, so the run waits for it at once";
        s.warn("nothing-beside", *place, message, "remove `background`, or put the verification before a later step");
    }
}

/// The last step, where there is something to wait for.
pub(crate) fn add_last(phases: &mut [Phase]) {
    let any = phases.iter().flat_map(|phase| &phase.steps).any(Step::is_background);
    if let Some(last) = phases.last_mut().filter(|_| any) {
        let title = "Background verifications".to_owned();
        last.steps.push(Step { id: StepId::new(LAST), title, action: Action::Background, on_failure: None });
    }
}
