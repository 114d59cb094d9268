//! The record: one fully synced file, `state.db`, that every process of this machine shares.
//!
//! It holds what may never be lost: runs and their plans, events, the ledger of effects, locks, ballots. The SQL is what
//! SQLite and PostgreSQL both take, through sqlx's `Any` driver. No call here waits for anything but the disk, and no
//! cloud is known. Each table has its own file beside this one; the next room to read is `engine`.

mod ballots;
mod driver;
mod events;
mod ledger;
mod locks;
mod orders;
mod prune;
mod runs;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use shiftgate_model::{Clock, Millis, RunId, StoreError, Timestamp};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Executor, Row};
use tokio::sync::watch;

use crate::clock::SystemClock;
use crate::file::FileIdentity;
use crate::{fault, file};

pub use ballots::CastBallot;
pub use driver::{DriveError, DriverLock};
pub use runs::{Found, NewRun, RunRow};

/// What SQLite is told on every connection. `FULL` syncs the write-ahead log on every commit: what was promised on paper
/// survives a power cut. `fullfsync` makes the same true where the system's sync alone does not reach the disk (macOS).
const PRAGMAS: [&str; 4] =
    ["PRAGMA busy_timeout = 30000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA fullfsync = ON"];

/// How long a call may wait for the one connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(40);

/// The record of all runs on this machine. Many processes may have it open at once.
#[derive(Clone)]
pub struct Record {
    pool: AnyPool,
    directory: PathBuf,
    place: String,
    identity: FileIdentity,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
}

impl Record {
    /// Opens the record in a state directory, makes both where they are missing (for their owner only), and brings the
    /// tables up to what this program knows.
    ///
    /// # Errors
    /// What stands in the way, in words: a directory that is a file or cannot be written, a full disk, a read-only or
    /// damaged file, a file that a newer program wrote.
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// As [`Record::open`].
    pub async fn open_with(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        const ACTION: &str = "open the record";
        file::make_directory(directory)?;
        let path = directory.join("state.db");
        let place = path.display().to_string();
        file::touch(ACTION, &path)?;
        // Two processes that make the tables at once would trip over each other, and so would two that switch a new file
        // to its write-ahead log: the second one waits here for the first.
        let gate = file::touch(ACTION, &directory.join("state.lock"))?;
        let gate = tokio::task::spawn_blocking(move || gate.lock().map(|()| gate))
            .await
            .map_err(|error| fault::of(ACTION, &place, error.to_string()))?
            .map_err(|error| fault::of_file(ACTION, &directory.join("state.lock"), &error))?;
        file::try_database(ACTION, &path).await?;
        let pool =
            connect(&file::sqlite_url(ACTION, &path)?).await.map_err(|error| fault::of_database(ACTION, &place, &error))?;
        migrator().run(&pool).await.map_err(|error| fault::of_schema(&place, &error))?;
        drop(gate);
        let identity = FileIdentity::of(&path).map_err(|error| fault::of_file(ACTION, &path, &error))?;
        Ok(Self { pool, directory: directory.to_owned(), place, identity, clock, changes: watch::Sender::new(0) })
    }

    /// A number that grows whenever this process appends to the record: a reader sleeps on it instead of polling.
    /// What other processes append does not tick here.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The state directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The run's own directory, `runs/<run>`. It need not be there.
    #[must_use]
    pub fn run_directory(&self, run: &RunId) -> PathBuf {
        self.directory.join("runs").join(run.as_str())
    }

    /// The file for the engine of a run that a process drives by itself: `runs/<run>/engine.db`.
    #[must_use]
    pub fn engine_file(&self, run: &RunId) -> PathBuf {
        self.run_directory(run).join("engine.db")
    }

    /// Closes the file, for every clone of this record. What was acknowledged is on the disk already, so a process may
    /// also end without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether the file that is written is still the one that others find under its name: SQLite goes on with a file that was
    /// deleted, and what is promised there is on no paper.
    fn in_place(&self, action: impl Into<String>) -> Result<(), StoreError> {
        let found = FileIdentity::of(Path::new(&self.place));
        if found.is_ok_and(|found| found == self.identity) { Ok(()) } else { Err(fault::of(action, &self.place, fault::MOVED)) }
    }

    fn tick(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Turns a fault of the database into one that names the action and the file.
    fn failed(&self, action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> StoreError {
        let (action, place) = (action.into(), self.place.clone());
        move |error| fault::of_database(action, place, &error)
    }

    fn refused(&self, action: impl Into<String>, reason: impl Into<String>) -> StoreError {
        fault::of(action, &self.place, reason)
    }
}

/// One connection: SQLite writes one at a time anyway, and a queue in front of it is fairer than its busy waiting.
async fn connect(url: &str) -> Result<AnyPool, sqlx::Error> {
    AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for pragma in PRAGMAS {
                    connection.execute(pragma).await?;
                }
                Ok(())
            })
        })
        .connect(url)
        .await
}

/// The tables, forward only. A file that was released is never edited.
fn migrator() -> Migrator {
    let migrations = [
        (1, "record", include_str!("../../migrations/1_record.sql")),
        (2, "ledger by effect", include_str!("../../migrations/2_ledger_by_effect.sql")),
        (3, "terms and orders", include_str!("../../migrations/3_terms_and_orders.sql")),
    ]
    .map(|(version, name, sql)| Migration::new(version, name.into(), MigrationType::Simple, sql.into(), false));
    Migrator { migrations: migrations.to_vec().into(), ..Migrator::DEFAULT }
}

/// A time as the tables hold it.
fn to_column(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A count, number or time as the tables hold it; what is below zero was never written.
fn from_column(row: &AnyRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}

/// JSON out of a text column.
fn json_column<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) })
}

/// JSON for a text column. The types of this program always have one.
fn to_json<T: serde::Serialize>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// The moment `before` another.
fn earlier(now: Timestamp, before: Millis) -> Timestamp {
    Timestamp(now.0.saturating_sub(before.0))
}

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod tests;
