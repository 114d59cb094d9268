//! `shiftgate approve` and `shiftgate reject`: a ballot into the record. Whether it counts is the engine's to say; the
//! process that drives the run carries it there.

use shiftgate_model::{Ballot, Clock as _, RunId, Vote};
use shiftgate_store::{Record, SystemClock};

use crate::app::{self, App};
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run_id;
use crate::text::printable;
use crate::view::{View, Wait};

pub(crate) async fn run(app: &mut App, args: &args::Vote, vote: Vote) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let row = run_id::find(&record, &args.run).await?;
    let subject = subject(args.subject.as_deref().or_else(|| app.env.user()))?;
    let view = app::view(&record, &row.id).await?;
    let (step, approvers) = match &view.waits_for {
        Some(Wait::Vote { step, approvers, .. }) => (step, approvers.as_slice()),
        Some(Wait::Intervention { step, .. }) => (step, [].as_slice()),
        Some(Wait::Lock { .. } | Wait::SteadyState { .. } | Wait::Signal { .. } | Wait::Drain { .. }) | None => {
            return Err(nothing_waits(&row.id, &view).hint(format!("see `{}`", app.commands().of("status", &row.id))));
        }
    };
    let bound_digest = args.plan.as_deref().map(super::plan::whole).transpose()?;
    let comment = args.comment.clone();
    let ballot = Ballot { subject: subject.clone(), vote, at: SystemClock.now(), comment, bound_digest };
    record.cast(&row.id, step, &ballot).await?;
    let said = match vote {
        Vote::Approve => "approves",
        Vote::Reject => "rejects",
    };
    app.screen.print(&format!("Recorded: {} {said} `{step}` of run {}\n", printable(&subject), row.id))?;
    if !approvers.is_empty() && !approvers.contains(&subject) {
        let who = printable(&approvers.join(", "));
        app.screen.note(&format!("note: only {who} may decide this, so the vote of {} does not count", printable(&subject)));
    }
    nobody_hears(app, &record, &row.id).await;
    Ok(Exit::Succeeded)
}

/// Says so when no process is there to hear what was recorded.
pub(crate) async fn nobody_hears(app: &mut App, record: &Record, run: &RunId) {
    if record.driven(run).await == Some(false) {
        let resume = app.commands().of("resume", run);
        app.screen.note(&format!("note: no process works on this run; `{resume}` goes on with it"));
    }
}

/// Who votes.
fn subject(name: Option<&str>) -> Result<String, Failure> {
    match name.map(str::trim) {
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => {
            Err(Failure::new(Exit::Usage, "it is not known who votes: the environment names no user")
                .hint("say so with --as NAME"))
        }
    }
}

fn nothing_waits(run: &RunId, view: &View) -> Failure {
    let state = match (view.ending, &view.waits_for) {
        (Some(ending), _) => format!("it has ended: {ending}"),
        (None, Some(Wait::Lock { holder, .. })) => format!("it waits for run {holder}"),
        (None, _) => "no step asks for one now".to_owned(),
    };
    Failure::new(Exit::NothingWaits, format!("run {run} waits for no vote: {state}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_has_a_name() {
        assert_eq!(subject(Some(" ann ")).ok(), Some("ann".to_owned()));
        assert_eq!(subject(Some(" ")).err().map(|failure| failure.exit()), Some(Exit::Usage));
        assert_eq!(subject(None).err().map(|failure| failure.exit()), Some(Exit::Usage));
    }

    #[test]
    fn a_run_that_asks_nothing_says_so() {
        let run = RunId::new("r1");
        let failure = nothing_waits(&run, &View::new(run.clone(), None));
        assert!(matches!(failure, Failure::Told { exit: Exit::NothingWaits, message, .. }
            if message == "run r1 waits for no vote: no step asks for one now"));
    }
}
