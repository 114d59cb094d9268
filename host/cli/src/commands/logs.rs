//! `shiftgate logs`: the events of one run again, and with `--follow` those to come, whichever process makes them.

use std::time::Duration;

use shiftgate_engine::Runs as _;
use shiftgate_model::{Ending, Events as _, RunId};
use shiftgate_store::Record;

use crate::app::App;
use crate::args::{Format, Logs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log::Log;
use crate::run_id;

/// How often the record is read while following: what another process appends gives no sign here.
const LOOK_EVERY: Duration = Duration::from_millis(300);

pub(crate) async fn run(app: &mut App, args: &Logs) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let row = run_id::find(&record, &args.look.run).await?;
    let plan = record.plan(&row.id).await.ok();
    let mut log = Log::new(row.id.clone(), plan.as_deref(), app.commands());
    let mut after = show(app, &record, &mut log, args.look.output, 0).await?;
    if !args.follow {
        return Ok(Exit::Succeeded);
    }
    if log.view().ending.is_none() && record.driven(&row.id).await == Some(false) && !record.is_shared() {
        let resume = app.commands().of("resume", &row.id);
        app.screen.note(&format!("no process works on this run; `{resume}` goes on, and shows here"));
    }
    while log.view().ending.is_none() {
        tokio::time::sleep(LOOK_EVERY).await;
        after = show(app, &record, &mut log, args.look.output, after).await?;
    }
    Ok(Exit::Succeeded)
}

/// Shows the events behind `after` as another process makes them, until the run ends.
pub(crate) async fn follow(
    app: &mut App,
    record: &Record,
    run: &RunId,
    output: Format,
    mut after: u64,
) -> Result<Ending, Failure> {
    let plan = record.plan(run).await.ok();
    let mut log = Log::new(run.clone(), plan.as_deref(), app.commands());
    for event in record.read(run, 0).await?.iter().take_while(|event| event.sequence <= after) {
        log.lines(event);
    }
    loop {
        // Asked before the last look, so that an end which came with the process's own is seen.
        let driven = record.driven(run).await.filter(|_| !record.is_shared());
        after = show(app, record, &mut log, output, after).await?;
        match (log.view().ending, driven) {
            (Some(ending), _) => return Ok(ending),
            (None, Some(false)) => {
                let resume = app.commands().of("resume", run);
                let message = format!("the process that drove run {run} is gone; the order stands on record");
                return Err(Failure::new(Exit::Interrupted, message)
                    .hint(format!("give the same command again to carry it out from here, or `{resume}` to take it back")));
            }
            (None, _) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Shows the events behind `after`; returns the number of the last.
async fn show(app: &mut App, record: &Record, log: &mut Log, output: Format, mut after: u64) -> Result<u64, Failure> {
    let run = log.view().run.clone();
    for event in record.read(&run, after).await? {
        after = event.sequence;
        let lines = log.lines(&event);
        match output {
            Format::Text => app.screen.print(&lines)?,
            Format::Json => app.screen.json(&event)?,
        }
    }
    Ok(after)
}
