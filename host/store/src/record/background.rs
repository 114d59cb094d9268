//! Where background verifications stand between their calls: a row each, as long as it is open. What is in it is the engine's.
//! Next: `evidence`, which is what their calls left.

use async_trait::async_trait;
use shiftgate_model::{Parked, Parking, RunId, StepId, StoreError};

use super::{Record, json_column, to_column, to_json};

#[async_trait]
impl Parking for Record {
    async fn park(&self, run: &RunId, parked: &Parked) -> Result<(), StoreError> {
        let step = &parked.run.step;
        let action = || format!("record where {step} of run {run} stands");
        self.in_place(action())?;
        let text = to_json(parked).map_err(self.failed(action()))?;
        let written = sqlx::query(
            "INSERT INTO background (run_id, step, due_ms, parked) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (run_id, step) DO UPDATE SET due_ms = excluded.due_ms, parked = excluded.parked",
        )
        .bind(run.as_str())
        .bind(step.as_str())
        .bind(to_column(parked.due))
        .bind(text)
        .execute(&self.pool)
        .await;
        written.map(drop).map_err(self.failed(action()))
    }

    async fn parked(&self, run: &RunId) -> Result<Vec<Parked>, StoreError> {
        let query = "SELECT parked FROM background WHERE run_id = $1 ORDER BY due_ms, step";
        let rows = sqlx::query(query).bind(run.as_str()).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(|row| json_column(row, "parked")).collect())
            .map_err(self.failed(format!("read the background verifications of run {run}")))
    }

    async fn unpark(&self, run: &RunId, step: &StepId) -> Result<(), StoreError> {
        let action = || format!("record the end of {step} of run {run}");
        self.in_place(action())?;
        let query = "DELETE FROM background WHERE run_id = $1 AND step = $2";
        let gone = sqlx::query(query).bind(run.as_str()).bind(step.as_str()).execute(&self.pool).await;
        gone.map(drop).map_err(self.failed(action()))
    }
}
