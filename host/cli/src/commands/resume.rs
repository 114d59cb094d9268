//! `shiftgate resume`: goes on with a run that was interrupted, killed or aborted, from its own copy of the plan.

use shiftgate_engine::{Pace, Runs as _};
use shiftgate_model::{Ending, EventKind, Events as _, RunId};

use crate::app::{self, App};
use crate::args::Resume;
use crate::drive::{self, Drive, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{credentials, preflight, run_id, wiring};

pub(crate) async fn run(app: &mut App, args: &Resume) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let found = run_id::find(&record, &args.look.run).await?;
    let run = &found.id;
    goes_on(app, run, found.ending)?;
    let _lock = drive::lock(&record, run)?;
    // Whoever drove it until now may have brought it to its end.
    let row = record.run(run).await?.ok_or_else(|| Failure::bug(format!("run {run} is gone from the record")))?;
    goes_on(app, run, row.ending)?;
    let plan = record.plan(run).await?;
    let config = credentials::spot(&app.env, &plan.infrastructure, Some(row.account.clone()))?;
    preflight::account(&config).await?;
    let plugins = wiring::plugins(app)?;
    let spot = wiring::spot(config)?;
    let after = app::view(&record, run).await?.events;
    record.reopen(run).await?;
    record.append(run, None, None, EventKind::RunResumed).await?;
    app.screen.note(&format!("Run {run}"));
    let drive = Drive {
        record: &record,
        run,
        plan: &plan,
        activities: wiring::activities(&record, &spot, &plugins, Pace::default(), args.when_busy),
        output: args.look.output,
        after,
        commands: app.commands(),
        before_end: None,
    };
    match drive::drive(app, drive).await? {
        Driven::Ended(ending) => Ok(drive::exit(ending)),
        Driven::Interrupted => Err(super::run::interrupted(app, run)),
    }
}

/// An ending is terminal, but for an abort, and for a rollback that got stuck.
fn goes_on(app: &App, run: &RunId, ending: Option<Ending>) -> Result<(), Failure> {
    match ending {
        None | Some(Ending::Aborted | Ending::Stuck) => Ok(()),
        Some(ending) => {
            let logs = app.commands().of("logs", run);
            Err(Failure::new(Exit::Ended, format!("run {run} has ended: {ending}; there is nothing to go on with"))
                .hint(format!("`{logs}` shows what happened; `shiftgate run` starts a new one")))
        }
    }
}
