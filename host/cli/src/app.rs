//! What every command works with: the surroundings, the flags of all commands, and the screen.

use std::path::PathBuf;

use shiftgate_engine::Runs as _;
use shiftgate_model::{Events as _, RunId};
use shiftgate_store::{DriveError, Record};

use crate::args::Global;
use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::text::Commands;
use crate::view::View;

/// The columns of diagnostics where the terminal does not say.
const COLUMNS: usize = 100;

/// One call of the program.
pub(crate) struct App {
    pub(crate) env: Environment,
    pub(crate) global: Global,
    pub(crate) screen: Screen,
}

impl App {
    /// Where runs are recorded.
    pub(crate) fn state_dir(&self) -> Result<PathBuf, Failure> {
        let dir = self.env.state_dir(self.global.state_dir.as_deref()).ok_or_else(|| {
            Failure::new(Exit::State, "there is no place to record runs: neither HOME nor XDG_STATE_HOME is set")
                .hint("name a directory with --state-dir or SHIFTGATE_STATE_DIR")
        })?;
        Ok(std::path::absolute(&dir).unwrap_or(dir))
    }

    /// The record of all runs.
    pub(crate) async fn record(&self) -> Result<Record, Failure> {
        Ok(Record::open(&self.state_dir()?).await?)
    }

    /// The program's commands, as a person would type them to reach the same record.
    pub(crate) fn commands(&self) -> Commands {
        let flag = self.global.state_dir.as_ref().map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
        Commands::new(flag.as_deref())
    }

    /// The columns that a text on standard error may have.
    pub(crate) fn columns(&self) -> usize {
        self.env.get("COLUMNS").and_then(|text| text.parse().ok()).filter(|columns| *columns >= 40).unwrap_or(COLUMNS)
    }
}

/// Where a run is: its plan, and all that has happened so far.
pub(crate) async fn view(record: &Record, run: &RunId) -> Result<View, Failure> {
    let plan = record.plan(run).await.ok();
    let mut view = View::new(run.clone(), plan.as_deref());
    for event in record.read(run, 0).await? {
        view.apply(&event);
    }
    Ok(view)
}

/// Whether a process works on the run; none when that cannot be told.
pub(crate) fn driven(record: &Record, run: &RunId) -> Option<bool> {
    match record.drive(run) {
        Ok(_lock) => Some(false),
        Err(DriveError::Busy { .. }) => Some(true),
        Err(DriveError::Store(_)) => None,
    }
}
