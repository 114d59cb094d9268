//! Which process drives a run: one. The lock is the system's own, on `runs/<run>/driver.lock`, so a killed process gives
//! it back. It guards processes, not the cloud: that is what `locks` does. In a database no process has a run for itself:
//! its workers share the runs step by step, by the leases of the engine's journal. Next: `crate::engine`.

use shiftgate_model::{RunId, StoreError};

use super::Record;
use crate::file::{self, Exclusive, NotExclusive};

/// The right to drive one run, while it is kept. In a database everybody has it, and this holds nothing.
#[derive(Debug)]
pub struct DriverLock {
    _file: Option<Exclusive>,
}

/// Why a run cannot be driven from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// Another process drives it.
    #[error("run {run} is driven by {} already; follow it with `shiftgate logs {run}`", process(*.holder))]
    Busy {
        /// The run.
        run: RunId,
        /// The process, where it could be told.
        holder: Option<u32>,
    },
    /// The lock file cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn process(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}

impl Record {
    /// Takes the right to drive a run, until the lock is dropped or the process ends. In a database it is always given.
    ///
    /// # Errors
    /// [`DriveError::Busy`] while another process (or another lock of this one) has it.
    pub fn drive(&self, run: &RunId) -> Result<DriverLock, DriveError> {
        let Some(directory) = self.run_directory(run) else { return Ok(DriverLock { _file: None }) };
        file::make_directory(&directory)?;
        match Exclusive::take("drive the run", &directory.join("driver.lock")) {
            Ok(file) => Ok(DriverLock { _file: Some(file) }),
            Err(NotExclusive::Taken(holder)) => Err(DriveError::Busy { run: run.clone(), holder }),
            Err(NotExclusive::Fault(error)) => Err(error.into()),
        }
    }

    /// Whether a run is driven now: some process has its lock; in a database, some worker is there (it has the run, or
    /// takes it up within its lease). None when that cannot be told.
    pub async fn driven(&self, run: &RunId) -> Option<bool> {
        if self.is_shared() {
            return self.workers().await.ok().map(|workers| !workers.is_empty());
        }
        match self.drive(run) {
            Ok(_) => Some(false),
            Err(DriveError::Busy { .. }) => Some(true),
            Err(DriveError::Store(_)) => None,
        }
    }
}
