//! The record: one fully synced file, `state.db`, that every process of this machine shares; or a PostgreSQL database that
//! many hosts share.
//!
//! It holds what may never be lost: runs and their plans, events, the ledger of effects, locks, ballots, evidence, background
//! verifications. The SQL is what SQLite and PostgreSQL both take, through sqlx's `Any` driver. No call here waits for anything but
//! the disk, and no cloud is known. Each table has its own file beside this one; the next room to read is `engine`.

mod background;
mod ballots;
mod baseline;
mod driver;
mod events;
mod evidence;
mod ledger;
mod locks;
mod orders;
mod postgres;
mod prune;
mod runs;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shiftgate_model::{Clock, Millis, RunId, StoreError, Timestamp};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Executor, Row};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::at::{JournalAt, PostgresUrl, StoreAt};
use crate::clock::SystemClock;
use crate::file::FileIdentity;
use crate::{fault, file};

pub use ballots::CastBallot;
pub use driver::{DriveError, DriverLock};
pub use runs::{Found, NewRun, RunRow};
pub use workers::Worker;

/// What SQLite is told on every connection. `FULL` syncs the write-ahead log on every commit: what was promised on paper
/// survives a power cut. `fullfsync` makes the same true where the system's sync alone does not reach the disk (macOS).
const PRAGMAS: [&str; 4] =
    ["PRAGMA busy_timeout = 30000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA fullfsync = ON"];

/// How long a call may wait for the one connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(40);

/// The record of all runs of this machine, or of many. Many processes may have it open at once.
#[derive(Clone)]
pub struct Record {
    pool: AnyPool,
    at: StoreAt,
    place: String,
    // The file as it was opened; none for a database.
    identity: Option<FileIdentity>,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
    // How often a call failed because the database was away.
    outages: Arc<AtomicU64>,
    // Wakes followers; ends with the last clone. None for a file.
    _looking: Option<Arc<AbortOnDropHandle<()>>>,
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
        let identity = Some(FileIdentity::of(&path).map_err(|error| fault::of_file(ACTION, &path, &error))?);
        let at = StoreAt::Directory(directory.to_owned());
        let changes = watch::Sender::new(0);
        Ok(Self { pool, at, place, identity, clock, changes, outages: Arc::default(), _looking: None })
    }

    /// Opens the record in a database, and brings its tables, in a schema `shiftgate` of their own, up to what this program
    /// knows. It keeps a few connections, and makes new ones when they are lost.
    ///
    /// # Errors
    /// What stands in the way, in words and without the password: nothing listens there, the password or the database is
    /// wrong, the server takes reads only, TLS is asked for or refused, a newer program made the tables.
    pub async fn open_postgres(url: &PostgresUrl) -> Result<Self, StoreError> {
        Self::open_postgres_with(url, Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    ///
    /// # Errors
    /// As [`Record::open_postgres`].
    pub async fn open_postgres_with(url: &PostgresUrl, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        postgres::open(url, clock).await
    }

    /// Opens the record wherever it is.
    ///
    /// # Errors
    /// As [`Record::open`] and [`Record::open_postgres`].
    pub async fn open_at(at: &StoreAt) -> Result<Self, StoreError> {
        match at {
            StoreAt::Directory(directory) => Self::open(directory).await,
            StoreAt::Postgres(url) => Self::open_postgres(url).await,
        }
    }

    /// A number that grows whenever this process appends to the record: a reader sleeps on it instead of polling.
    ///
    /// What other processes append to a file does not tick here. In a database it grows every half second besides, for as
    /// long as somebody watches: look whether there is something new.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Where the record is.
    #[must_use]
    pub const fn at(&self) -> &StoreAt {
        &self.at
    }

    /// Whether other hosts may work on this record's runs.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self.at, StoreAt::Postgres(_))
    }

    /// The state directory; none when the record is in a database.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match &self.at {
            StoreAt::Directory(directory) => Some(directory),
            StoreAt::Postgres(_) => None,
        }
    }

    /// The run's own directory, `runs/<run>`. It need not be there; none when the record is in a database.
    #[must_use]
    pub fn run_directory(&self, run: &RunId) -> Option<PathBuf> {
        Some(self.directory()?.join("runs").join(run.as_str()))
    }

    /// Where the engine's journal of a run is: a file of its own, `runs/<run>/engine.db`, or the database of the record,
    /// which has the journals of all runs.
    #[must_use]
    pub fn journal(&self, run: &RunId) -> JournalAt {
        match &self.at {
            StoreAt::Directory(directory) => JournalAt::File(directory.join("runs").join(run.as_str()).join("engine.db")),
            StoreAt::Postgres(url) => JournalAt::Postgres(url.clone()),
        }
    }

    #[cfg(test)]
    pub(crate) async fn execute(&self, statement: &str) {
        self.pool.execute(statement).await.unwrap();
    }

    /// The record's own clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How often a call failed since the opening because the database was away for a moment.
    pub(crate) fn outages(&self) -> u64 {
        self.outages.load(Ordering::Relaxed)
    }

    /// Closes the file, for every clone of this record. What was acknowledged is on the disk already, so a process may
    /// also end without it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Whether the file that is written is still the one that others find under its name: SQLite goes on with a file that was
    /// deleted, and what is promised there is on no paper.
    fn in_place(&self, action: impl Into<String>) -> Result<(), StoreError> {
        let Some(opened) = self.identity else { return Ok(()) };
        let found = FileIdentity::of(Path::new(&self.place));
        if found.is_ok_and(|found| found == opened) { Ok(()) } else { Err(fault::of(action, &self.place, fault::MOVED)) }
    }

    fn tick(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Turns a fault of the database into one that names the action and the file.
    fn failed(&self, action: impl Into<String>) -> impl FnOnce(sqlx::Error) -> StoreError {
        let (action, place, outages) = (action.into(), self.place.clone(), Arc::clone(&self.outages));
        move |error| {
            if fault::is_away(&error) {
                outages.fetch_add(1, Ordering::Relaxed);
            }
            fault::of_database(action, place, &error)
        }
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
        (4, "workers", include_str!("../../migrations/4_workers.sql")),
        (5, "asked", include_str!("../../migrations/5_asked.sql")),
        (6, "evidence", include_str!("../../migrations/6_evidence.sql")),
        (7, "background", include_str!("../../migrations/7_background.sql")),
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
mod background_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod evidence_tests;
#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod tests;
