//! Forgets what happened in runs that ended long ago: their events, votes, evidence, effects and journals.
//!
//! What is never forgotten: a run that may still go on, one that is pinned as baseline, the last success of each workflow on a
//! family, which is what the workflow's next run compares with and what a rollback goes back from, and which groups this tool
//! named, by which it knows its own. Next: `crate::engine`.

use shiftgate_engine::OPERATOR;
use shiftgate_model::{Ending, RunId, StoreError, Timestamp};
use sqlx::Row;

use super::baseline::PIN;
use super::runs::word;
use super::{Record, to_column};
use crate::fault;

/// How the effects begin by which a group is known as this tool's own.
const KEPT: &str = "name %";

impl Record {
    /// The runs that ended before that moment and may be forgotten, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn prunable(&self, before: Timestamp) -> Result<Vec<RunId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM run WHERE ended_at < $1 AND ending IN ($2, $3, $4) AND NOT EXISTS (SELECT 1 FROM run AS last \
             WHERE last.id = run.id AND last.ending = $2 AND NOT EXISTS (SELECT 1 FROM run AS later \
             WHERE later.account = last.account AND later.family = last.family AND later.workflow = last.workflow AND later.ending = $2 \
             AND later.ended_at > last.ended_at)) AND NOT EXISTS (SELECT 1 FROM ledger WHERE ledger.run_id = run.id \
             AND ledger.step = $5 AND SUBSTR(ledger.effect, 1, LENGTH($6)) = $6 AND ledger.outcome IS NULL) ORDER BY ended_at, id",
        )
        .bind(to_column(before))
        .bind(word(Ending::Succeeded))
        .bind(word(Ending::Failed))
        .bind(word(Ending::RolledBack))
        .bind(OPERATOR)
        .bind(PIN)
        .fetch_all(&self.pool)
        .await;
        let ids = rows.and_then(|rows| rows.iter().map(|row| Ok(RunId::new(row.try_get::<String, _>("id")?))).collect());
        ids.map_err(self.failed("look for runs to forget"))
    }

    /// Forgets a run that has ended; false, and nothing is forgotten, when a process works on it or it has no ending any more.
    ///
    /// # Errors
    /// The file cannot be written, or the run's directory cannot be removed.
    pub async fn prune(&self, run: &RunId) -> Result<bool, StoreError> {
        if self.run(run).await?.is_none() {
            return Ok(false);
        }
        let Ok(lock) = self.drive(run) else { return Ok(false) };
        let action = || format!("forget run {run}");
        let mut tx = self.pool.begin().await.map_err(self.failed(action()))?;
        let gone = sqlx::query("DELETE FROM run WHERE id = $1 AND ending IN ($2, $3, $4)")
            .bind(run.as_str())
            .bind(word(Ending::Succeeded))
            .bind(word(Ending::Failed))
            .bind(word(Ending::RolledBack))
            .execute(&mut *tx)
            .await
            .map_err(self.failed(action()))?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        for text in [
            "DELETE FROM event WHERE run_id = $1",
            "DELETE FROM ballot WHERE run_id = $1",
            "DELETE FROM evidence WHERE run_id = $1",
            "DELETE FROM background WHERE run_id = $1",
        ] {
            sqlx::query(text).bind(run.as_str()).execute(&mut *tx).await.map_err(self.failed(action()))?;
        }
        sqlx::query("DELETE FROM ledger WHERE run_id = $1 AND effect NOT LIKE $2")
            .bind(run.as_str())
            .bind(KEPT)
            .execute(&mut *tx)
            .await
            .map_err(self.failed(action()))?;
        tx.commit().await.map_err(self.failed(action()))?;
        let directory = self.run_directory(run);
        drop(lock);
        // In a database the engine's journal of the run stays: it is duroxide's, and small.
        if let Some(directory) = directory {
            std::fs::remove_dir_all(&directory).map_err(|error| fault::of_file(action(), &directory, &error))?;
        }
        Ok(true)
    }
}
