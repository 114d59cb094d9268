//! The run does not go forward any more: what goes on beside it is told so, and may begin again with a run that is resumed. Called
//! off is not ended: the same may be told twice, by the step that stopped the run and by the run's end, and is said once.

use shiftgate_model::{EventKind, Parked, RunInfo, Stage, StoreError};

use super::super::{Cx, Stop};
use super::{cancel, of, planned};

/// Whether a verification that is called off begins again, when its run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    Again,
    Never,
}

impl Later {
    /// An aborted run may be resumed, and does not succeed without its verifications.
    pub(crate) const fn after(ending: shiftgate_model::Ending) -> Self {
        use shiftgate_model::Ending as E;
        match ending {
            E::Aborted => Self::Again,
            E::Succeeded | E::Failed | E::RolledBack | E::Stuck => Self::Never,
        }
    }
}

/// The run does not go forward any more: each that is open is told so, once.
pub(crate) async fn call_off(cx: &Cx<'_>, later: Later, reason: &str) -> Result<(), StoreError> {
    if cx.plan.background().next().is_none() {
        return Ok(());
    }
    for parked in cx.ports.parking.parked(cx.run).await? {
        if let (Stage::Waits { state }, Ok((_, verify))) = (&parked.stage, planned(cx, &parked.run.step)) {
            match cancel(cx, verify, &parked, state.clone()).await {
                Err(Stop::Store(error)) => return Err(error),
                Ok(()) | Err(Stop::Step(_) | Stop::Background(_)) => {}
            }
        }
        let own = of(cx, &parked);
        if is_open(cx, &parked).await? {
            let key = format!("{}/left-off/{}", own.step, cx.fence);
            own.say_once(&key, EventKind::StepSkipped { reason: reason.to_owned() }).await?;
        }
        let ours = match later {
            Later::Never => cx.ports.parking.unpark(cx.run, own.step, cx.holding()).await?,
            Later::Again => {
                let (run, due) = (RunInfo { attempt: 1, ..parked.run.clone() }, cx.ports.clock.now());
                let parked = Parked { run, due, stage: Stage::Starts, ..parked.clone() };
                cx.ports.parking.park(cx.run, &parked, cx.holding()).await?
            }
        };
        if !ours {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether it has not come to an end yet. One that failed for good, and one that was called off, have been told of already.
async fn is_open(cx: &Cx<'_>, parked: &Parked) -> Result<bool, StoreError> {
    match &parked.stage {
        Stage::Waits { .. } | Stage::Undecided { .. } => return Ok(true),
        Stage::Starts | Stage::Failed { .. } => {}
    }
    let events = cx.ports.events.read(cx.run, 0).await?;
    let mut of_step = events.iter().rev().filter(|event| event.step.as_ref() == Some(&parked.run.step));
    let last = of_step.find_map(|event| match event.kind {
        EventKind::StepStarted { .. } | EventKind::StepRetried { .. } | EventKind::BackgroundStarted { .. } => Some(true),
        EventKind::StepSucceeded { .. }
        | EventKind::StepFailed { .. }
        | EventKind::StepIgnored { .. }
        | EventKind::StepSkipped { .. } => Some(false),
        _ => None,
    });
    Ok(last.unwrap_or(true))
}
