//! duroxide's journal: in one SQLite file, which one process has for itself, or in a database that many hosts share.
//!
//! duroxide's own providers have no way to wait for work: each of its workers would ask every few milliseconds, and a
//! waiting run would keep a core busy. [`Journal`] stands before them and adds what one process can know: it wakes a worker
//! when work was put in, lets one worker ask while the others queue behind it, and sleeps until the next timer (a file) or
//! for a moment (a database, which others put work into). It changes nothing of what is stored, and knows no run.
//! Next: `engine`.

#[cfg(feature = "postgres")]
mod database;
mod file;
mod opening;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::{Provider, ProviderAdmin, ProviderError};
use shiftgate_model::{Millis, StoreError};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;

#[cfg(feature = "postgres")]
use self::database::Database;
use self::file::FileJournal;
use crate::at::{JournalAt, PostgresUrl};
use crate::fault;

/// How long a worker sleeps at most before it asks the file again: for leases that ran out, and clocks that were set.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a worker sleeps before it asks the database again: other hosts put work in, and nothing tells of it.
#[cfg(feature = "postgres")]
const MOMENT: Duration = Duration::from_millis(100);

/// The journal of one engine.
pub(crate) struct Journal {
    store: Arc<dyn Provider>,
    kind: Kind,
    // One writer at a time to a file: duroxide's transactions read before they write, and two at once end in `database is
    // locked`.
    writer: Mutex<()>,
    activities: Lane,
    turns: Lane,
    written: watch::Sender<u64>,
    endings: watch::Sender<u64>,
    faults: watch::Sender<Option<String>>,
    place: String,
    patience: Duration,
}

enum Kind {
    File(FileJournal),
    #[cfg(feature = "postgres")]
    Database(Database),
}

/// One kind of work: who asks for it next, and whether there may be some.
#[derive(Default)]
struct Lane {
    gate: Mutex<()>,
    ready: Notify,
}

type Fetched<T> = Result<Option<(T, String, u32)>, ProviderError>;

impl Journal {
    /// Opens the journal, and makes it where it is missing: a file for its owner only, tables in a schema of their own.
    /// `patience` is how long a database may be away before whoever starts a run or signals one is told.
    pub(crate) async fn open(at: &JournalAt, patience: Millis) -> Result<Self, StoreError> {
        let (store, kind, place): (Arc<dyn Provider>, _, _) = match at {
            JournalAt::File(path) => {
                let journal = FileJournal::open(path).await?;
                (Arc::clone(&journal.file) as Arc<dyn Provider>, Kind::File(journal), path.display().to_string())
            }
            JournalAt::Postgres(url) => Self::open_database(url).await?,
        };
        Ok(Self {
            store,
            kind,
            writer: Mutex::new(()),
            activities: Lane::default(),
            turns: Lane::default(),
            written: watch::Sender::new(0),
            endings: watch::Sender::new(0),
            faults: watch::Sender::new(None),
            place,
            patience: patience.duration(),
        })
    }

    #[cfg(feature = "postgres")]
    async fn open_database(url: &PostgresUrl) -> Result<(Arc<dyn Provider>, Kind, String), StoreError> {
        let database = Database::open(url).await?;
        Ok((Arc::clone(&database.provider) as Arc<dyn Provider>, Kind::Database(database), url.to_string()))
    }

    #[cfg(not(feature = "postgres"))]
    async fn open_database(url: &PostgresUrl) -> Result<(Arc<dyn Provider>, Kind, String), StoreError> {
        Err(fault::of("open the engine's journal", url.to_string(), "this program was built without PostgreSQL"))
    }

    /// Ticks when a run in the journal has taken a turn here.
    pub(crate) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Ticks when a run in the journal has come to an end here.
    pub(crate) fn endings(&self) -> watch::Receiver<u64> {
        self.endings.subscribe()
    }

    /// The last fault of the disk or the file, in words; it changes with every new one. A database has none: it is away, and
    /// comes back.
    pub(crate) fn faults(&self) -> watch::Receiver<Option<String>> {
        self.faults.subscribe()
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &sqlx::SqlitePool {
        match &self.kind {
            Kind::File(journal) => journal.file.get_pool(),
            #[cfg(feature = "postgres")]
            Kind::Database(_) => panic!("a database has another pool"),
        }
    }

    /// The file's name, or the database's without its password.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether others work on it too: what they write does not tick here, and leases of theirs hold.
    pub(crate) const fn is_shared(&self) -> bool {
        !matches!(self.kind, Kind::File(_))
    }

    fn file(&self) -> Option<&FileJournal> {
        match &self.kind {
            Kind::File(journal) => Some(journal),
            #[cfg(feature = "postgres")]
            Kind::Database(_) => None,
        }
    }

    /// Whether this journal can be asked now; a file always.
    pub(crate) async fn reach(&self) -> bool {
        match &self.kind {
            Kind::File(_) => true,
            #[cfg(feature = "postgres")]
            Kind::Database(database) => database.reach().await,
        }
    }

    /// What to say of a database that was away for longer than anybody waits.
    pub(crate) async fn why_away(&self, action: String, last: String) -> StoreError {
        match &self.kind {
            Kind::File(_) => fault::of(action, &self.place, last),
            #[cfg(feature = "postgres")]
            Kind::Database(database) => database.why_away(action).await,
        }
    }

    /// Makes sure that what was written is on the disk. duroxide leaves that to the system, which is right for all that
    /// can be done again, and wrong before the record says that the journal has something. A database has it on its disk.
    pub(crate) async fn sync(&self) -> Result<(), StoreError> {
        let Some(journal) = self.file() else { return Ok(()) };
        let _writer = self.writer.lock().await;
        let synced = journal.file.checkpoint().await;
        synced.map_err(|error| fault::of_database("write the engine's journal", &self.place, &error))
    }

    /// The names of what has begun in a file and has not come to an end. A database has those of others too, which are
    /// none of this process's business: none.
    pub(crate) async fn unfinished(&self) -> Result<Vec<String>, StoreError> {
        let Some(journal) = self.file() else { return Ok(Vec::new()) };
        let running = journal.file.list_instances_by_status("Running").await;
        running.map_err(|error| fault::of("look for unfinished runs", &self.place, error.message))
    }

    /// Drops what is queued in a file for an instance: activities, timers, signals. Before any worker is started, that is all
    /// of it.
    pub(crate) async fn drop_work(&self, instance: &str) -> Result<(), StoreError> {
        let Some(journal) = self.file() else { return Ok(()) };
        let _writer = self.writer.lock().await;
        let dropped = file::drop_work(&journal.file, instance).await;
        dropped.map_err(|error| fault::of_database(format!("drop the work of {instance}"), &self.place, &error))
    }

    /// Closes the file or the connections. Whoever asks for work afterwards is told so.
    pub(crate) async fn close(&self) {
        match &self.kind {
            Kind::File(journal) => journal.file.get_pool().close().await,
            #[cfg(feature = "postgres")]
            Kind::Database(database) => database.provider.pool().close().await,
        }
    }

    /// One write. duroxide tries again for ever on a file, and only its log says why: a full disk would look like a run
    /// that hangs, so faults of the disk are kept. On a database the trying again is done here.
    async fn write<T, F>(&self, act: impl Fn() -> F + Send + Sync) -> Result<T, ProviderError>
    where
        T: Send,
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        self.write_until(act, None).await
    }

    async fn write_until<T, F>(&self, act: impl Fn() -> F + Send + Sync, deadline: Option<Instant>) -> Result<T, ProviderError>
    where
        T: Send,
        F: Future<Output = Result<T, ProviderError>> + Send,
    {
        #[cfg(feature = "postgres")]
        if let Kind::Database(database) = &self.kind {
            return database.write(act, deadline).await;
        }
        let _ = deadline;
        let _writer = self.writer.lock().await;
        let result = act().await;
        if let Err(error) = &result
            && let Some(reason) = fault::sqlite_message_reason(&error.message)
        {
            self.faults.send_replace(Some(reason));
        }
        result
    }

    /// The asking of a worker: a fault that may pass is no work. duroxide's own pause after many of them overflows (2 to the
    /// power of their number).
    async fn ask<T, F>(&self, fetch: impl Fn() -> F + Send + Sync) -> Fetched<T>
    where
        T: Send,
        F: Future<Output = Fetched<T>> + Send,
    {
        let fetched = match &self.kind {
            Kind::File(_) => self.write(fetch).await,
            #[cfg(feature = "postgres")]
            Kind::Database(database) => match database.reach().await {
                true => fetch().await,
                false => return Ok(None),
            },
        };
        match fetched {
            Err(error) if error.is_retryable() || (self.is_shared() && fault::message_is_away(&error.message)) => {
                tracing::debug!(%error, "the journal could not be asked for work");
                Ok(None)
            }
            other => other,
        }
    }

    /// When a turn may be due that nobody tells of.
    async fn next_turn(&self) -> Instant {
        let wait = match &self.kind {
            Kind::File(journal) => journal.until_next_turn(PATIENCE).await,
            #[cfg(feature = "postgres")]
            Kind::Database(_) => MOMENT,
        };
        Instant::now() + wait
    }

    /// When an activity may be there that nobody told of.
    fn next_activity(&self) -> Instant {
        let wait = match &self.kind {
            Kind::File(_) => PATIENCE,
            #[cfg(feature = "postgres")]
            Kind::Database(_) => MOMENT,
        };
        Instant::now() + wait
    }

    /// Until when a start or a signal is tried.
    fn deadline(&self) -> Option<Instant> {
        Some(Instant::now() + self.patience)
    }
}
