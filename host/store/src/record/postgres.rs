//! Opens the record in a PostgreSQL database: a schema of its own, `shiftgate`, and a few connections.
//!
//! The statements are those of the file. What differs is that writers do not queue behind one connection here, so the few
//! that count up a number take the run's own row first ([`Record::one_at_a_time`]); and that other processes' writes are
//! looked for by the clock, since nothing tells of them. Next: `workers`.

use std::sync::Arc;
use std::time::Duration;

use shiftgate_model::{Clock, RunId, StoreError};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Record, migrator};
use crate::at::{PostgresUrl, StoreAt};
use crate::{fault, file};

/// Connections of one process. Each activity needs one for moments only.
const CONNECTIONS: u32 = 8;

/// How long a call waits for a connection of the pool: all of them may be in the queue for one group lock of a busy database.
/// Short enough that whoever retries learns of an outage while it lasts.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the first connection may take, which waits for nobody.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection is not kept longer, so that one to a server that has become a standby goes by itself.
const LIFETIME: Duration = Duration::from_mins(10);

/// How often those who follow runs are told to look again.
const LOOK: Duration = Duration::from_millis(500);

/// The schema. It is made where it is missing; the role needs `CREATE` on the database for that, once.
const SCHEMA: &str = "CREATE SCHEMA IF NOT EXISTS shiftgate";

/// What every connection is told. A commit is on the server's disk (and on its synchronous standby's) before it is
/// acknowledged, whatever the server's own default is weakened to; a transaction that hangs gives its locks back.
const SETTINGS: [&str; 4] = [
    "SET search_path TO shiftgate",
    "SET synchronous_commit = on",
    "SET lock_timeout = '20s'",
    "SET idle_in_transaction_session_timeout = '30s'",
];

/// Opens, prepares and watches the record at `url`.
pub(super) async fn open(url: &PostgresUrl, clock: Arc<dyn Clock>) -> Result<Record, StoreError> {
    const ACTION: &str = "open the record";
    let place = url.to_string();
    file::install_drivers();
    if !cfg!(feature = "postgres") {
        return Err(fault::of(ACTION, place, "this program was built without PostgreSQL; name a state directory"));
    }
    let failed = |error: sqlx::Error| fault::of_database(ACTION, url.to_string(), &error);
    prepare(url).await.map_err(failed)?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(LIFETIME)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for setting in SETTINGS {
                    connection.execute(setting).await?;
                }
                Ok(())
            })
        })
        .connect(url.secret())
        .await
        .map_err(failed)?;
    // The migrator takes an advisory lock: two processes that make the tables at once take turns.
    migrator().run(&pool).await.map_err(|error| fault::of_schema(&place, &error))?;
    let changes = watch::Sender::new(0);
    let looking = Some(Arc::new(AbortOnDropHandle::new(tokio::spawn(look_again(pool.clone(), changes.clone())))));
    Ok(Record {
        pool,
        at: StoreAt::Postgres(url.clone()),
        place,
        identity: None,
        clock,
        changes,
        outages: Arc::default(),
        _looking: looking,
    })
}

/// One connection, without a pool: a pool asks again and again until its time is over, and then says only that.
async fn prepare(url: &PostgresUrl) -> Result<(), sqlx::Error> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, AnyConnection::connect(url.secret())).await;
    let mut connection = connected.map_err(|_| sqlx::Error::PoolTimedOut)??;
    let there = connection.fetch_optional("SELECT 1 FROM pg_namespace WHERE nspname = 'shiftgate'").await?;
    if there.is_none()
        && let Err(error) = connection.execute(SCHEMA).await
    {
        // Two that make it at the same moment: the second is told that it is there.
        let twice = error.as_database_error().is_some_and(|error| error.is_unique_violation());
        if !twice {
            return Err(error);
        }
    }
    connection.close().await
}

/// Nothing tells of other processes' writes, so whoever follows a run is woken to look by itself, which is one look at an
/// index. Without a follower nothing happens.
async fn look_again(pool: AnyPool, changes: watch::Sender<u64>) {
    while !pool.is_closed() {
        tokio::time::sleep(LOOK).await;
        if changes.receiver_count() > 0 {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Record {
    /// Begins a transaction that has a run for itself until it ends, among those that begin so. A statement that counts up
    /// from the highest number would otherwise find the same number in two processes.
    ///
    /// SQLite lets one transaction write at a time anyway, and needs nothing for it.
    pub(super) async fn one_at_a_time(&self, run: &RunId) -> Result<Transaction<'static, Any>, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if self.is_shared() {
            sqlx::query("SELECT 1 FROM run WHERE id = $1 FOR UPDATE").bind(run.as_str()).fetch_optional(&mut *tx).await?;
        }
        Ok(tx)
    }

    /// Keeps every other process from launching a run, until what is returned is dropped; none where no other could.
    ///
    /// An advisory lock, not the run's row: a launch writes to that row. It goes with the connection of a killed process.
    pub(crate) async fn launching(&self, run: &RunId) -> Result<Option<Transaction<'static, Any>>, StoreError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let locked = async {
            let mut tx = self.pool.begin().await?;
            sqlx::query("SELECT COUNT(pg_advisory_xact_lock(hashtext('shiftgate launch'), hashtext($1))) AS locked")
                .bind(run.as_str())
                .fetch_one(&mut *tx)
                .await?;
            Ok(Some(tx))
        };
        locked.await.map_err(self.failed(format!("launch run {run}")))
    }
}
