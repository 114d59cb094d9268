//! Runs of a database that many hosts share: commands record and launch them, workers drive them, and what they do is shown.
//!
//! Nothing of a cloud is touched here, and no plugin is loaded: that is the workers' part (`commands::worker`). A signal ends the
//! showing, never the run.

use shiftgate_model::{Ending, RunId};
use shiftgate_store::{Engine, Record};
use shiftgate_workflow::Plan;

use crate::app::App;
use crate::args::Format;
use crate::drive;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;

/// Hands a run to the workers, and shows the events behind `after` until it ends.
pub(crate) async fn launch(
    app: &mut App,
    record: &Record,
    run: &RunId,
    plan: &Plan,
    output: Format,
    after: u64,
) -> Result<Ending, Failure> {
    Engine::submit(record, run, plan).await.map_err(drive::engine_failure)?;
    follow(app, record, run, output, after).await
}

/// Shows the events behind `after` until the run ends, or a signal comes.
pub(crate) async fn follow(app: &mut App, record: &Record, run: &RunId, output: Format, after: u64) -> Result<Ending, Failure> {
    let mut interrupts = Interrupts::listen()?;
    if record.driven(run).await == Some(false) {
        app.screen.note("no worker is there yet: the run begins when one is; `shiftgate worker` starts one");
    }
    let (logs, abort) = (app.commands().of("logs", run), app.commands().of("abort", run));
    let interrupted = tokio::select! {
        ending = crate::commands::logs::follow(app, record, run, output, after) => return ending,
        () = interrupts.next() => Failure::Shown(Exit::Interrupted),
    };
    app.screen.note(&format!(
        "\nNo longer shown: run {run} goes on, its workers drive it.\nNext: `{logs} --follow` shows it, `{abort}` stops it"
    ));
    Err(interrupted)
}
