//! `shiftgate resume`: goes on with a run that was interrupted, killed or aborted, from its own copy of the plan.

use shiftgate_engine::{Runs as _, decide_rollback};
use shiftgate_model::{Ending, EventKind, Events as _, RunId};

use crate::app::{self, App};
use crate::args::Resume;
use crate::drive::{self, Drive, Driven};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wiring::Clouds;
use crate::{credentials, preflight, run_id, wiring};

pub(crate) async fn run(app: &mut App, args: &Resume) -> Result<Exit, Failure> {
    take_up(app, args, Way::On).await
}

/// `shiftgate rollback`: the same, but backwards: everything that the run has changed is put back, from its record.
pub(crate) async fn roll_back(app: &mut App, args: &Resume) -> Result<Exit, Failure> {
    take_up(app, args, Way::Back).await
}

/// Where a stopped run goes from where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
}

async fn take_up(app: &mut App, args: &Resume, way: Way) -> Result<Exit, Failure> {
    let record = app.record().await?;
    let found = run_id::find(&record, &args.look.run).await?;
    let run = &found.id;
    goes_on(app, run, found.ending, way)?;
    let _lock = drive::lock(&record, run)?;
    // Whoever drove it until now may have brought it to its end.
    let row = record.run(run).await?.ok_or_else(|| Failure::bug(format!("run {run} is gone from the record")))?;
    goes_on(app, run, row.ending, way)?;
    let plan = record.plan(run).await?;
    let config = credentials::clouds(&app.env, &plan, Some(row.account.clone()))?;
    let pace = wiring::pace(&app.env)?;
    preflight::account(&config.spot).await?;
    let plugins = wiring::plugins(app)?;
    let clouds = Clouds::connect(&config).await?;
    preflight::load_balancers(&clouds, &plan).await?;
    let after = app::view(&record, run).await?.events;
    if way == Way::Back {
        let who = app.env.user().unwrap_or("somebody");
        decide_rollback(&record, run, &format!("{who} asked for it")).await?;
    }
    record.reopen(run).await?;
    record.append(run, None, None, EventKind::RunResumed).await?;
    app.screen.note(&format!("Run {run}"));
    let drive = Drive {
        record: &record,
        run,
        plan: &plan,
        activities: wiring::activities(&record, &clouds, &plugins, pace, args.when_busy),
        output: args.look.output,
        after,
        commands: app.commands(),
        aside: None,
    };
    match drive::drive(app, drive).await? {
        Driven::Ended(Ending::RolledBack) if way == Way::Back => Ok(Exit::Succeeded),
        Driven::Ended(ending) => Ok(drive::exit(ending)),
        Driven::Interrupted => Err(super::run::interrupted(app, run)),
    }
}

/// An ending is terminal, but for an abort, and for a rollback that got stuck.
fn goes_on(app: &App, run: &RunId, ending: Option<Ending>, way: Way) -> Result<(), Failure> {
    match ending {
        None | Some(Ending::Aborted | Ending::Stuck) => Ok(()),
        Some(ending) => {
            let logs = app.commands().of("logs", run);
            let nothing = match way {
                Way::On => "there is nothing to go on with",
                Way::Back => "only a run that was stopped can be rolled back",
            };
            Err(Failure::new(Exit::Ended, format!("run {run} has ended: {ending}; {nothing}"))
                .hint(format!("`{logs}` shows what happened; `shiftgate run` starts a new one")))
        }
    }
}
