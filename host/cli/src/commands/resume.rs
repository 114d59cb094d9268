//! `shiftgate resume`: goes on with a run that was interrupted, killed or aborted, from its own copy of the plan.

use shiftgate_engine::{Pace, Runs as _};
use shiftgate_model::{Ending, EventKind, Events as _};

use crate::app::{self, App};
use crate::args::Resume;
use crate::drive::{self, Drive, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{credentials, preflight, run_id, wiring};

pub(crate) async fn run(app: &mut App, args: &Resume) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let row = run_id::find(&record, &args.look.run).await?;
    let run = &row.id;
    match row.ending {
        None | Some(Ending::Aborted) => {}
        Some(ending) => {
            let logs = app.commands().of("logs", run);
            return Err(Failure::new(Exit::Ended, format!("run {run} has ended: {ending}; there is nothing to go on with"))
                .hint(format!("`{logs}` shows what happened; `shiftgate run` starts a new one")));
        }
    }
    let plan = record.plan(run).await?;
    let _lock = drive::lock(&record, run)?;
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
