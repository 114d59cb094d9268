//! Which engines work on a database that many hosts share. A worker that was not seen for a while is gone, or cannot reach
//! the database, which is the same to its runs. What it says here is for people: who has which step is for the leases of
//! the engine's journal. Next: `driver`.

use shiftgate_model::{Millis, StoreError, Timestamp};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Record, earlier, from_column, to_column};

/// One not seen for this long is gone. Five times the period of [`Record::work_as`]'s callers.
const SILENCE: Millis = Millis::seconds(10);

/// Rows of the gone are kept for this long, for whoever asks what happened.
const KEPT: Millis = Millis::minutes(60);

/// An engine that works on a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// Its id, made when it started.
    pub id: String,
    /// The host that it is on, as it calls itself.
    pub host: String,
    /// When it started, by its own clock.
    pub started_at: Timestamp,
    /// When it was last there, by its own clock.
    pub last_seen: Timestamp,
}

impl Record {
    /// The engines that are there, oldest first; none for a state directory, where runs have no workers but a process each.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn workers(&self) -> Result<Vec<Worker>, StoreError> {
        let since = to_column(earlier(self.clock.now(), SILENCE));
        let text = "SELECT id, host, started_at, last_seen FROM worker WHERE last_seen >= $1 ORDER BY started_at, id";
        let rows = sqlx::query(text).bind(since).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(worker).collect()).map_err(self.failed("list the workers"))
    }

    /// Notes that a worker is there, and forgets those that are long gone.
    pub(crate) async fn work_as(&self, id: &str, host: &str, started_at: Timestamp) -> Result<(), StoreError> {
        let action = || format!("note that worker {id} is there");
        let now = self.clock.now();
        sqlx::query(
            "INSERT INTO worker (id, host, started_at, last_seen) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen",
        )
        .bind(id)
        .bind(host)
        .bind(to_column(started_at))
        .bind(to_column(now))
        .execute(&self.pool)
        .await
        .map_err(self.failed(action()))?;
        sqlx::query("DELETE FROM worker WHERE last_seen < $1")
            .bind(to_column(earlier(now, KEPT)))
            .execute(&self.pool)
            .await
            .map_err(self.failed(action()))?;
        Ok(())
    }

    /// Notes that a worker is gone.
    pub(crate) async fn leave(&self, id: &str) -> Result<(), StoreError> {
        let left = sqlx::query("DELETE FROM worker WHERE id = $1").bind(id).execute(&self.pool).await;
        left.map(drop).map_err(self.failed(format!("note that worker {id} is gone")))
    }
}

fn worker(row: &AnyRow) -> Result<Worker, sqlx::Error> {
    Ok(Worker {
        id: row.try_get("id")?,
        host: row.try_get("host")?,
        started_at: Timestamp(from_column(row, "started_at")?),
        last_seen: Timestamp(from_column(row, "last_seen")?),
    })
}
