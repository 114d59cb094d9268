//! What every command works with: the surroundings, the flags of all commands, and the screen.

use std::path::PathBuf;

use shiftgate_engine::Runs as _;
use shiftgate_model::{Events as _, RunId};
use shiftgate_store::{Record, StoreAt};

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

/// Where a policy is.
#[derive(Clone, Debug)]
pub(crate) enum PolicyAt {
    /// Somebody said so: it has to be there.
    Named(PathBuf),
    /// Where it would be.
    Usual(PathBuf),
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

    /// Where the operator's policy for plugins is: the flag, SHIFTGATE_POLICY, or the usual place.
    pub(crate) fn policy_file(&self) -> Option<PolicyAt> {
        let named = self.global.policy.clone().or_else(|| self.env.get("SHIFTGATE_POLICY").map(PathBuf::from));
        named.map(PolicyAt::Named).or_else(|| self.env.policy_file().map(PolicyAt::Usual))
    }

    /// The database that many hosts share, where one is named; a state directory that a flag names comes before a variable.
    fn database(&self) -> Result<Option<StoreAt>, Failure> {
        let variable = || self.env.get("SHIFTGATE_STORE").filter(|_| self.global.state_dir.is_none());
        let Some(text) = self.global.store.as_deref().or_else(variable) else { return Ok(None) };
        match StoreAt::parse(text) {
            Ok(StoreAt::Directory(_)) => {
                Err(Failure::new(Exit::Usage, "the store is no database: it does not begin with postgres://")
                    .hint("write --store postgres://user@host:5432/database, or name a directory with --state-dir"))
            }
            Ok(database) => Ok(Some(database)),
            Err(error) => Err(Failure::new(Exit::Usage, error.to_string())),
        }
    }

    /// The record of all runs.
    pub(crate) async fn record(&self) -> Result<Record, Failure> {
        let at = match self.database()? {
            Some(database) => database,
            None => StoreAt::Directory(self.state_dir()?),
        };
        Ok(Record::open_at(&at).await?)
    }

    /// The program's commands, as a person would type them to reach the same record.
    pub(crate) fn commands(&self) -> Commands {
        if self.global.store.is_some()
            && let Ok(Some(database)) = self.database()
        {
            return Commands::of_database(&database.to_string());
        }
        let flag = self.global.state_dir.as_ref().map(|dir| std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
        Commands::new(flag.as_deref())
    }

    /// The columns that a text on standard error may have.
    pub(crate) fn columns(&self) -> usize {
        self.told_columns().unwrap_or(COLUMNS)
    }

    /// The columns that a text on standard output may have.
    pub(crate) fn columns_out(&self) -> usize {
        self.told_columns().or_else(Screen::columns).unwrap_or(COLUMNS)
    }

    fn told_columns(&self) -> Option<usize> {
        self.env.get("COLUMNS").and_then(|text| text.parse().ok()).filter(|columns| *columns >= 40)
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
