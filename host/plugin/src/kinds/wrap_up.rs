//! Wrap-up: acts after the end, whatever the end was.

use shiftgate_model::{Call, Ending, Outcome, Receipt, ReceiptAction};
use wasmtime::Store;

use super::{Answered, Fault, Request, validated};
use crate::convert::{run_info, saved_state, wake};
use crate::guest::Guest;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "wrap-up-plugin",
        exports: { default: async },
        with: {
            "shiftgate:step/types@0.1.0": crate::bindings::shiftgate::step::types,
            "shiftgate:step/host@0.1.0": crate::bindings::shiftgate::step::host,
            "shiftgate:step/http@0.1.0": crate::bindings::shiftgate::step::http,
        },
    });
}

use bindings::exports::shiftgate::step::wrap_up as wit;

/// A wrap-up, ready to be instantiated.
pub(crate) type Pre = bindings::WrapUpPluginPre<Guest>;

pub(super) async fn call(pre: &Pre, store: &mut Store<Guest>, request: &Request<'_>) -> Result<Answered, Fault> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    let step = plugin.shiftgate_step_wrap_up();
    let config = request.config;
    let run = run_info(request.run);
    let answer = match request.action {
        Call::Validate => {
            let problems = plugin.shiftgate_step_config().call_validate(store, config).await?;
            return Ok(validated!(request, problems).into());
        }
        Call::Start { summary } => {
            let (ending, text) =
                summary.as_ref().ok_or(Fault::Senseless("a wrap-up starts with the run's summary, and got none"))?;
            let summary = wit::Summary { ending: ending_word(*ending).to_owned(), text: text.clone(), attributes: Vec::new() };
            step.call_start(store, config, &run, &summary).await?
        }
        Call::Poll { state, wake: why } => step.call_poll(store, config, &run, &saved_state(state), &wake(why)).await?,
        Call::Cancel { state } => {
            return match step.call_cancel(store, config, &run, &saved_state(state)).await? {
                Ok(()) => Ok(Outcome::Accepted.into()),
                Err(error) => Err(request.intake().step_error(&error)?),
            };
        }
    };
    match answer {
        Ok(outcome) => Ok(taken(outcome, request)?.into()),
        Err(error) => Err(request.intake().step_error(&error)?),
    }
}

fn taken(outcome: wit::Outcome, request: &Request<'_>) -> Result<Outcome, Fault> {
    let mut intake = request.intake();
    match outcome {
        wit::Outcome::Wait(suspension) => Ok(Outcome::Wait(intake.suspension(suspension)?)),
        wit::Outcome::Done(receipt) => {
            intake.count("actions", receipt.actions.len())?;
            let mut actions = Vec::with_capacity(receipt.actions.len());
            for action in receipt.actions {
                actions.push(match action {
                    wit::Action::Planned(what) => ReceiptAction::Planned(intake.text(&what)?),
                    wit::Action::Done(what) => ReceiptAction::Done(intake.text(&what)?),
                    wit::Action::AlreadyDone(what) => ReceiptAction::AlreadyDone(intake.text(&what)?),
                    wit::Action::Failed(what) => ReceiptAction::Failed(intake.text(&what)?),
                });
            }
            Ok(Outcome::Received(Receipt { actions, outputs: intake.attributes("output", receipt.outputs)? }))
        }
    }
}

/// The word of the contract for an ending.
const fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::Failed => "failed",
        Ending::RolledBack => "rolled_back",
        Ending::Aborted => "aborted",
        Ending::Stuck => "stuck",
    }
}
