//! Where background verifications stand between their calls: a row each, as long as it is open. What is in it is the engine's.
//! Next: `evidence`, which is what their calls left.

use async_trait::async_trait;
use shiftgate_model::{Holding, Parked, Parking, RunId, StepId, StoreError};

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::{Record, json_column, locks, to_column, to_json};

type Write<'q> = Query<'q, Any, AnyArguments<'q>>;

#[async_trait]
impl Parking for Record {
    async fn park(&self, run: &RunId, parked: &Parked, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        let step = &parked.run.step;
        let action = || format!("record where {step} of run {run} stands");
        self.in_place(action())?;
        let text = to_json(parked).map_err(self.failed(action()))?;
        let write = sqlx::query(
            "INSERT INTO background (run_id, step, due_ms, parked) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (run_id, step) DO UPDATE SET due_ms = excluded.due_ms, parked = excluded.parked",
        )
        .bind(run.as_str())
        .bind(step.as_str())
        .bind(to_column(parked.due))
        .bind(text);
        self.under(run, under, write).await.map_err(self.failed(action()))
    }

    async fn parked(&self, run: &RunId) -> Result<Vec<Parked>, StoreError> {
        let query = "SELECT parked FROM background WHERE run_id = $1 ORDER BY due_ms, step";
        let rows = sqlx::query(query).bind(run.as_str()).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(|row| json_column(row, "parked")).collect())
            .map_err(self.failed(format!("read the background verifications of run {run}")))
    }

    async fn unpark(&self, run: &RunId, step: &StepId, under: Option<Holding<'_>>) -> Result<bool, StoreError> {
        let action = || format!("record the end of {step} of run {run}");
        self.in_place(action())?;
        let query = "DELETE FROM background WHERE run_id = $1 AND step = $2";
        let write = sqlx::query(query).bind(run.as_str()).bind(step.as_str());
        self.under(run, under, write).await.map_err(self.failed(action()))
    }
}

impl Record {
    /// Writes under the run's lock; false, and nothing is written, when it is not held so any more.
    async fn under(&self, run: &RunId, under: Option<Holding<'_>>, write: Write<'_>) -> Result<bool, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        if let Some(holding) = under
            && !locks::holds_on(&mut tx, run, holding).await?
        {
            return Ok(false);
        }
        write.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}
