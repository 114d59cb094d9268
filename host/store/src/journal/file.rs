//! The journal of one process: a SQLite file that nobody else has open. It makes the file, gives up the leases of the process
//! that had it before, and says when the next timer is due. Next: `journal`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duroxide::providers::sqlite::SqliteProvider;
use shiftgate_model::StoreError;

use crate::fault;
use crate::file::{self, Exclusive, NotExclusive};

/// The file, and the right to it.
pub(super) struct FileJournal {
    pub(super) file: Arc<SqliteProvider>,
    // Kept as long as any of duroxide's tasks keeps the journal: nobody else opens the file before the last one is gone.
    _exclusive: Exclusive,
}

impl FileJournal {
    /// Opens the file, and makes it (for its owner only) where it is missing.
    pub(super) async fn open(path: &Path) -> Result<Self, StoreError> {
        const ACTION: &str = "open the engine's journal";
        let place = path.display().to_string();
        if let Some(directory) = path.parent() {
            file::make_directory(directory)?;
        }
        let exclusive = match Exclusive::take(ACTION, &path.with_extension("lock")) {
            Ok(exclusive) => exclusive,
            Err(NotExclusive::Taken(Some(process))) => {
                return Err(fault::of(ACTION, place, format!("process {process} has it open")));
            }
            Err(NotExclusive::Taken(None)) => return Err(fault::of(ACTION, place, "another engine has it open")),
            Err(NotExclusive::Fault(error)) => return Err(error),
        };
        file::touch(ACTION, path)?;
        file::try_database(ACTION, path).await?;
        let file = SqliteProvider::new(&file::sqlite_url(ACTION, path)?, None)
            .await
            .map_err(|error| fault::of_database(ACTION, &place, &error))?;
        forget_leases(&file).await.map_err(|error| fault::of_database(ACTION, &place, &error))?;
        Ok(Self { file: Arc::new(file), _exclusive: exclusive })
    }

    /// When the next timer is due, `patience` at most.
    pub(super) async fn until_next_turn(&self, patience: Duration) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let due: Option<i64> = sqlx::query_scalar("SELECT MIN(visible_at) FROM orchestrator_queue WHERE visible_at > $1")
            .bind(now)
            .fetch_one(self.file.get_pool())
            .await
            .unwrap_or_default();
        let wait = due.and_then(|due| u64::try_from(due.saturating_sub(now)).ok()).map_or(patience, Duration::from_millis);
        wait.min(patience)
    }
}

/// Gives up the leases of a process that is gone, so that its run goes on at once instead of when they run out.
///
/// duroxide leases work by time, because many processes may share its store. Here the file is this process's alone
/// ([`Exclusive`]), so every lease in it is of a process that has ended. A lease is the three columns that
/// `abandon_work_item` and `abandon_orchestration_item` clear, no more; the count of attempts stays.
async fn forget_leases(file: &SqliteProvider) -> Result<(), sqlx::Error> {
    let mut tx = file.get_pool().begin().await?;
    for statement in [
        "UPDATE worker_queue SET lock_token = NULL, locked_until = NULL WHERE lock_token IS NOT NULL",
        "UPDATE orchestrator_queue SET lock_token = NULL, locked_until = NULL WHERE lock_token IS NOT NULL",
        "DELETE FROM instance_locks",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await
}

/// The rows that duroxide's own deletion of an instance takes from its two queues.
pub(super) async fn drop_work(file: &SqliteProvider, instance: &str) -> Result<(), sqlx::Error> {
    let mut tx = file.get_pool().begin().await?;
    for statement in ["DELETE FROM worker_queue WHERE instance_id = $1", "DELETE FROM orchestrator_queue WHERE instance_id = $1"]
    {
        sqlx::query(statement).bind(instance).execute(&mut *tx).await?;
    }
    tx.commit().await
}
