//! Ballots: what people said, on paper before any engine hears of it.
//!
//! `shiftgate approve` writes here, in its own process; the process that drives the run carries each ballot into its
//! engine and marks it as consumed afterwards. A crash between the two carries it in twice, so a ballot has an id.
//! Who may vote and what counts is decided in `engine`. Next: `driver`.

use shiftgate_model::{Ballot, RunId, StepId, StoreError};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Record, from_column, json_column, to_column, to_json};

/// A ballot as it lies in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CastBallot {
    /// The run that it is about.
    pub run: RunId,
    /// 1 for the first ballot of the run; no number is left out.
    pub id: u64,
    /// The step that asked.
    pub step: StepId,
    /// What was said.
    pub ballot: Ballot,
    /// Whether an engine has it.
    pub consumed: bool,
}

const COLUMNS: &str = "ballot.run_id, ballot.id, ballot.step, ballot.ballot, ballot.consumed_at";

impl Record {
    /// Records a ballot; returns its id.
    ///
    /// # Errors
    /// There is no such run, or the file cannot be written.
    pub async fn cast(&self, run: &RunId, step: &StepId, ballot: &Ballot) -> Result<u64, StoreError> {
        let action = || format!("record the vote of {} on run {run}", ballot.subject);
        if self.run(run).await?.is_none() {
            return Err(self.refused(action(), "there is no such run"));
        }
        let text = to_json(ballot).map_err(self.failed(action()))?;
        let mut tx = self.one_at_a_time(run).await.map_err(self.failed(action()))?;
        let row = sqlx::query(
            "INSERT INTO ballot (run_id, id, step, ballot) \
             SELECT $1, COALESCE(MAX(id), 0) + 1, $2, $3 FROM ballot WHERE run_id = $1 RETURNING id",
        )
        .bind(run.as_str())
        .bind(step.as_str())
        .bind(text)
        .fetch_one(&mut *tx)
        .await;
        let id = row.and_then(|row| from_column(&row, "id")).map_err(self.failed(action()))?;
        tx.commit().await.map_err(self.failed(action()))?;
        self.tick();
        Ok(id)
    }

    /// A run's ballots with an id above `last`, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn ballots_after(&self, run: &RunId, last: u64) -> Result<Vec<CastBallot>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM ballot WHERE run_id = $1 AND id > $2 ORDER BY id");
        let last = i64::try_from(last).unwrap_or(i64::MAX);
        let rows = sqlx::query(&query).bind(run.as_str()).bind(last).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(cast_ballot).collect())
            .map_err(self.failed(format!("read the ballots of run {run}")))
    }

    /// The ballots of all running runs that no engine has yet, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn ballots_waiting(&self) -> Result<Vec<CastBallot>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS} FROM ballot JOIN run ON run.id = ballot.run_id \
             WHERE ballot.consumed_at IS NULL AND run.ending IS NULL ORDER BY ballot.run_id, ballot.id"
        );
        let rows = sqlx::query(&query).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(cast_ballot).collect()).map_err(self.failed("look for ballots"))
    }

    /// Notes that an engine has a ballot; the first time is kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn consume(&self, run: &RunId, id: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE ballot SET consumed_at = $3 WHERE run_id = $1 AND id = $2 AND consumed_at IS NULL")
            .bind(run.as_str())
            .bind(i64::try_from(id).unwrap_or(i64::MAX))
            .bind(to_column(self.clock.now()))
            .execute(&self.pool)
            .await
            .map_err(self.failed(format!("note ballot {id} of run {run} as consumed")))?;
        Ok(())
    }
}

fn cast_ballot(row: &AnyRow) -> Result<CastBallot, sqlx::Error> {
    Ok(CastBallot {
        run: RunId::new(row.try_get::<String, _>("run_id")?),
        id: from_column(row, "id")?,
        step: StepId::new(row.try_get::<String, _>("step")?),
        ballot: json_column(row, "ballot")?,
        consumed: row.try_get::<Option<i64>, _>("consumed_at")?.is_some(),
    })
}
