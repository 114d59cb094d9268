//! The journal that many hosts share: duroxide's PostgreSQL provider, in a schema `shiftgate_engine` of the record's database.
//!
//! duroxide takes every fault of its store for the end of what it was about: an activity whose lease could not be renewed is
//! taken from its queue as if it were cancelled, a turn that could not be written fails its run. A database that is away for
//! some seconds is no such end, so here a write is tried again until the database answers, whatever the answer is. It may
//! not decide what an answer means. Next: `journal`.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::ProviderError;
use duroxide_pg::{PostgresProvider, ProviderConfig};
use shiftgate_model::StoreError;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::at::PostgresUrl;
use crate::fault;

/// duroxide's own tables, apart from the record's.
const SCHEMA: &str = "shiftgate_engine";

/// How long a connection may take. The pool would ask for half a minute, at ever longer intervals.
const REACH: Duration = Duration::from_secs(3);

/// Between two tries while the database is away.
const AGAIN: Duration = Duration::from_millis(200);

/// The database.
pub(super) struct Database {
    pub(super) provider: Arc<PostgresProvider>,
    url: PostgresUrl,
}

impl Database {
    /// Connects, and makes duroxide's tables where they are missing.
    pub(super) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        const ACTION: &str = "open the engine's journal";
        // The provider's errors are text; this says what is wrong.
        connect(url).await.map_err(|error| fault::of_database(ACTION, url.to_string(), &error))?;
        let mut config = ProviderConfig::url(url.secret());
        config.schema_name = Some(SCHEMA.to_owned());
        let provider = PostgresProvider::new_with_config(config).await;
        let provider = provider.map_err(|error| match error.downcast_ref::<sqlx::Error>() {
            Some(cause) => fault::of_database(ACTION, url.to_string(), cause),
            None => fault::of(ACTION, url.to_string(), error.to_string()),
        })?;
        Ok(Self { provider: Arc::new(provider), url: url.clone() })
    }

    /// Whether there is a connection now. What is asked next finds it in the pool.
    pub(super) async fn reach(&self) -> bool {
        matches!(timeout(REACH, self.provider.pool().acquire()).await, Ok(Ok(_)))
    }

    /// Why there is none, in words.
    pub(super) async fn why_away(&self, action: String) -> StoreError {
        match connect(&self.url).await {
            Ok(()) => fault::of(action, self.url.to_string(), "the database was away, and is back now; try again"),
            Err(error) => fault::of_database(action, self.url.to_string(), &error),
        }
    }

    /// Writes, and tries again while the database is away, until `deadline` where there is one.
    ///
    /// A write whose acknowledgement was lost is written twice: duroxide refuses a lock token that it does not know any
    /// more, and takes a message that it knows already for what it is.
    pub(super) async fn write<T, F>(&self, act: impl Fn() -> F, deadline: Option<Instant>) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        loop {
            if !self.provider.pool().is_closed() && self.reach().await {
                match act().await {
                    Err(error) if is_away(&error) => tracing::debug!(%error, "the database is away; trying again"),
                    answer => return answer,
                }
            } else if self.provider.pool().is_closed() {
                return act().await;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return act().await;
            }
            sleep(AGAIN).await;
        }
    }
}

/// Whether a write may be tried again.
pub(super) fn is_away(error: &ProviderError) -> bool {
    fault::message_is_away(&error.message)
}

async fn connect(url: &PostgresUrl) -> Result<(), sqlx::Error> {
    let connected = timeout(REACH, PgConnection::connect(url.secret())).await;
    connected.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await
}
