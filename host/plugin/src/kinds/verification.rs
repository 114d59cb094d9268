//! Verification: judges a deployment.
//!
//! A broken promise makes its verdict inconclusive instead of an error, so that a person decides. The next file is
//! `promises.rs`.

use shiftgate_model::{Call, Outcome, Report};
use wasmtime::Store;

use super::{Answered, Fault, Request, validated};
use crate::convert::{run_info, saved_state, verdict, wake};
use crate::guest::Guest;
use crate::promises::{inconclusive, kept};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "verification-plugin",
        exports: { default: async },
        with: {
            "shiftgate:step/types@0.1.0": crate::bindings::shiftgate::step::types,
            "shiftgate:step/host@0.1.0": crate::bindings::shiftgate::step::host,
            "shiftgate:step/http@0.1.0": crate::bindings::shiftgate::step::http,
        },
    });
}

use bindings::exports::shiftgate::step::verification as wit;

/// A verification, ready to be instantiated.
pub(crate) type Pre = bindings::VerificationPluginPre<Guest>;

pub(super) async fn call(pre: &Pre, store: &mut Store<Guest>, request: &Request<'_>) -> Result<Answered, Fault> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    let step = plugin.shiftgate_step_verification();
    let config = request.config;
    let run = run_info(request.run);
    let answer = match request.action {
        Call::Validate => {
            let problems = plugin.shiftgate_step_config().call_validate(store, config).await?;
            return Ok(validated!(request, problems).into());
        }
        Call::Start { .. } => step.call_start(store, config, &run).await?,
        Call::Poll { state, wake: why } => step.call_poll(store, config, &run, &saved_state(state), &wake(why)).await?,
        Call::Cancel { state } => {
            return match step.call_cancel(store, config, &run, &saved_state(state)).await? {
                Ok(()) => Ok(Outcome::Accepted.into()),
                Err(error) => Err(request.intake().step_error(&error)?),
            };
        }
    };
    match answer {
        Ok(outcome) => match taken(outcome, request) {
            Ok(outcome) => Ok(outcome.into()),
            Err(Fault::Broken(why)) => Ok(Outcome::Reported(inconclusive(&why)).into()),
            Err(fault) => Err(fault),
        },
        Err(error) => Err(request.intake().step_error(&error)?),
    }
}

fn taken(outcome: wit::Outcome, request: &Request<'_>) -> Result<Outcome, Fault> {
    let mut intake = request.intake();
    match outcome {
        wit::Outcome::Wait(suspension) => Ok(Outcome::Wait(intake.suspension(suspension)?)),
        wit::Outcome::Done(report) => Ok(Outcome::Reported(kept(Report {
            verdict: verdict(report.verdict),
            summary: intake.text(&report.summary)?,
            findings: intake.findings(report.findings)?,
            metrics: intake.metrics(report.metrics)?,
            evidence: intake.attributes("evidence", report.evidence)?,
            outputs: intake.attributes("output", report.outputs)?,
        }))),
    }
}
