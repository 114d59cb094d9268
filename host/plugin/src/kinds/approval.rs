//! Approval: collects ballots. The host counts them; nothing here decides that a run is approved.

use shiftgate_model::{Ballot, Call, Outcome, Progress, Tally, Timestamp, Vote};
use wasmtime::Store;

use super::{Answered, Fault, Request, validated};
use crate::convert::{Intake, run_info, saved_state, wake};
use crate::guest::Guest;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "approval-plugin",
        exports: { default: async },
        with: {
            "shiftgate:step/types@0.1.0": crate::bindings::shiftgate::step::types,
            "shiftgate:step/host@0.1.0": crate::bindings::shiftgate::step::host,
            "shiftgate:step/http@0.1.0": crate::bindings::shiftgate::step::http,
        },
    });
}

use bindings::exports::shiftgate::step::approval as wit;

/// An approval, ready to be instantiated.
pub(crate) type Pre = bindings::ApprovalPluginPre<Guest>;

pub(super) async fn call(pre: &Pre, store: &mut Store<Guest>, request: &Request<'_>) -> Result<Answered, Fault> {
    let plugin = pre.instantiate_async(&mut *store).await?;
    let step = plugin.shiftgate_step_approval();
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
        Ok(progress) => taken(progress, request),
        Err(error) => Err(request.intake().step_error(&error)?),
    }
}

fn taken(progress: wit::Progress, request: &Request<'_>) -> Result<Answered, Fault> {
    let mut intake = request.intake();
    let tally = progress.tally;
    intake.count("ballots", tally.ballots.len())?;
    let ballots = tally.ballots.into_iter().map(|ballot| taken_ballot(ballot, &mut intake)).collect::<Result<_, Fault>>()?;
    let summary = intake.text(&tally.summary)?;
    let findings = intake.findings(tally.findings)?;
    intake.attributes("output", tally.outputs)?;
    let next = progress.next.map(|next| intake.suspension(next)).transpose()?;
    let remarks = findings.into_iter().map(|finding| format!("{}: {}", finding.verdict, finding.message)).collect();
    Ok(Answered { outcome: Outcome::Counted(Progress { tally: Tally { ballots, summary }, next }), remarks })
}

fn taken_ballot(ballot: wit::Ballot, intake: &mut Intake<'_>) -> Result<Ballot, Fault> {
    if ballot.subject.trim().is_empty() {
        return Err(Fault::Broken("it claims a ballot of nobody".to_owned()));
    }
    Ok(Ballot {
        subject: intake.text(&ballot.subject)?,
        vote: match ballot.vote {
            wit::Vote::Approve => Vote::Approve,
            wit::Vote::Reject => Vote::Reject,
        },
        at: Timestamp(ballot.at),
        comment: intake.text(&ballot.comment)?,
        bound_digest: ballot.bound_digest.map(|digest| intake.text(&digest)).transpose()?,
    })
}
