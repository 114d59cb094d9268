//! One run at a time on an account's group family, first come first served.
//!
//! The holder is a run, not a process: a lock does not lapse. It is free again when the run gives it back, or when the
//! run's ending says that it will never touch the family again. A place in the queue is weaker: it goes with the run's
//! ending, and with a minute of silence. Every change begins with a write to the lock's own row, so that two processes
//! take turns on it in either database. Next: `events`.

use async_trait::async_trait;
use shiftgate_model::{Acquired, Family, Hold, Holding, Locks, Millis, RunId, StoreError};
use sqlx::{Any, Row, Transaction};

use super::{Record, earlier, to_column};

/// A waiting run that has not asked for this long has lost its place.
const SILENCE: Millis = Millis::minutes(1);

/// One lock and the run that asks.
struct Ask<'a> {
    account: &'a str,
    family: &'a str,
    run: &'a str,
    now: i64,
    silent_since: i64,
}

#[async_trait]
impl Locks for Record {
    async fn acquire(&self, account: &str, family: &Family, run: &RunId) -> Result<Acquired, StoreError> {
        let now = self.clock.now();
        let ask = Ask {
            account,
            family: family.as_str(),
            run: run.as_str(),
            now: to_column(now),
            silent_since: to_column(earlier(now, SILENCE)),
        };
        let action = || format!("take the lock of group family `{}`", family.as_str());
        let mut tx = self.pool.begin().await.map_err(self.failed(action()))?;
        let acquired = ask.acquire(&mut tx).await.map_err(self.failed(action()))?;
        tx.commit().await.map_err(self.failed(action()))?;
        Ok(acquired)
    }

    async fn enter(&self, account: &str, family: &Family, run: &RunId, fence: i64) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(
            "UPDATE group_lock SET term = term + 1 WHERE account = $1 AND family = $2 AND holder = $3 AND fence = $4 \
             RETURNING term",
        )
        .bind(account)
        .bind(family.as_str())
        .bind(run.as_str())
        .bind(fence)
        .fetch_optional(&self.pool)
        .await;
        let term = row.and_then(|row| row.map(|row| row.try_get("term")).transpose());
        term.map_err(self.failed(format!("enter under the lock of group family `{}`", family.as_str())))
    }

    async fn holds(&self, account: &str, family: &Family, run: &RunId, hold: Hold) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 AS held FROM group_lock \
             WHERE account = $1 AND family = $2 AND holder = $3 AND fence = $4 AND term = $5",
        )
        .bind(account)
        .bind(family.as_str())
        .bind(run.as_str())
        .bind(hold.fence)
        .bind(hold.term)
        .fetch_optional(&self.pool)
        .await
        .map_err(self.failed(format!("look at the lock of group family `{}`", family.as_str())))?;
        Ok(row.is_some())
    }

    async fn release(&self, account: &str, family: &Family, run: &RunId) -> Result<(), StoreError> {
        let action = || format!("give the lock of group family `{}` back", family.as_str());
        let mut tx = self.pool.begin().await.map_err(self.failed(action()))?;
        for text in [
            "UPDATE group_lock SET holder = NULL WHERE account = $1 AND family = $2 AND holder = $3",
            "DELETE FROM lock_queue WHERE account = $1 AND family = $2 AND run_id = $3",
        ] {
            let query = sqlx::query(text).bind(account).bind(family.as_str()).bind(run.as_str());
            query.execute(&mut *tx).await.map_err(self.failed(action()))?;
        }
        tx.commit().await.map_err(self.failed(action()))
    }
}

/// Whether the lock is held so; nobody else gets it, nor a new term of it, until the transaction ends.
pub(super) async fn holds_on(tx: &mut Transaction<'_, Any>, run: &RunId, holding: Holding<'_>) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(
        "UPDATE group_lock SET term = term WHERE account = $1 AND family = $2 AND holder = $3 AND fence = $4 AND term = $5",
    )
    .bind(holding.account)
    .bind(holding.family.as_str())
    .bind(run.as_str())
    .bind(holding.hold.fence)
    .bind(holding.hold.term)
    .execute(&mut **tx)
    .await?;
    Ok(row.rows_affected() > 0)
}

impl Ask<'_> {
    async fn acquire(&self, tx: &mut Transaction<'_, Any>) -> Result<Acquired, sqlx::Error> {
        let (holder, fence) = self.enter(tx).await?;
        if holder.as_deref() == Some(self.run) {
            return Ok(Acquired::Held { fence });
        }
        self.line_up(tx).await?;
        let ahead = self.ahead(tx).await?;
        let busy =
            |holder: &str| Acquired::Busy { holder: RunId::new(holder), ahead: u32::try_from(ahead.len()).unwrap_or(u32::MAX) };
        match (holder, ahead.first()) {
            (Some(holder), _) => Ok(busy(&holder)),
            (None, Some(first)) => Ok(busy(first)),
            (None, None) => self.take(tx).await,
        }
    }

    /// Makes the row where it is missing, and keeps everyone else off it until the transaction ends. A holder whose run
    /// is over holds nothing.
    async fn enter(&self, tx: &mut Transaction<'_, Any>) -> Result<(Option<String>, i64), sqlx::Error> {
        let row = sqlx::query(
            "INSERT INTO group_lock (account, family, holder, fence) VALUES ($1, $2, NULL, 0) \
             ON CONFLICT (account, family) DO UPDATE SET holder = CASE WHEN EXISTS (SELECT 1 FROM run \
             WHERE run.id = group_lock.holder AND run.ending IS NOT NULL) \
             THEN NULL ELSE group_lock.holder END RETURNING holder, fence",
        )
        .bind(self.account)
        .bind(self.family)
        .fetch_one(&mut **tx)
        .await?;
        Ok((row.try_get("holder")?, row.try_get("fence")?))
    }

    /// Drops the places that nobody stands in any more, then takes one at the end, or keeps the one there is.
    async fn line_up(&self, tx: &mut Transaction<'_, Any>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM lock_queue WHERE account = $1 AND family = $2 AND run_id <> $3 \
             AND (last_seen < $4 OR run_id IN (SELECT id FROM run WHERE ending IS NOT NULL))",
        )
        .bind(self.account)
        .bind(self.family)
        .bind(self.run)
        .bind(self.silent_since)
        .execute(&mut **tx)
        .await?;
        sqlx::query(
            "INSERT INTO lock_queue (account, family, run_id, place, last_seen) \
             SELECT $1, $2, $3, COALESCE(MAX(place), 0) + 1, $4 FROM lock_queue WHERE account = $1 AND family = $2 \
             ON CONFLICT (account, family, run_id) DO UPDATE SET last_seen = excluded.last_seen",
        )
        .bind(self.account)
        .bind(self.family)
        .bind(self.run)
        .bind(self.now)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The runs whose place is before this one's, first one first.
    async fn ahead(&self, tx: &mut Transaction<'_, Any>) -> Result<Vec<String>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT run_id FROM lock_queue WHERE account = $1 AND family = $2 AND place < (SELECT mine.place FROM lock_queue mine \
             WHERE mine.account = $1 AND mine.family = $2 AND mine.run_id = $3) ORDER BY place",
        )
        .bind(self.account)
        .bind(self.family)
        .bind(self.run)
        .fetch_all(&mut **tx)
        .await?;
        rows.iter().map(|row| row.try_get("run_id")).collect()
    }

    async fn take(&self, tx: &mut Transaction<'_, Any>) -> Result<Acquired, sqlx::Error> {
        let row = sqlx::query(
            "UPDATE group_lock SET holder = $3, fence = fence + 1 WHERE account = $1 AND family = $2 RETURNING fence",
        )
        .bind(self.account)
        .bind(self.family)
        .bind(self.run)
        .fetch_one(&mut **tx)
        .await?;
        sqlx::query("DELETE FROM lock_queue WHERE account = $1 AND family = $2 AND run_id = $3")
            .bind(self.account)
            .bind(self.family)
            .bind(self.run)
            .execute(&mut **tx)
            .await?;
        Ok(Acquired::Held { fence: row.try_get("fence")? })
    }
}
