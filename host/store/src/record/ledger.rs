//! The ledger of effects: promise on paper before touching the world. The first intent and the first outcome of an effect
//! are kept; nothing is ever taken back. Next: `locks`.

use async_trait::async_trait;
use serde_json::Value;
use shiftgate_model::{Effect, EffectRecord, EffectToken, Family, Ledger, RunId, StepId, StoreError};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Record, from_column, json_column, to_json};

#[async_trait]
impl Ledger for Record {
    async fn intend(&self, run: &RunId, step: &StepId, effect: &str, intent: &Value) -> Result<Effect, StoreError> {
        let action = || format!("record the intent `{effect}` of {step}");
        let text = to_json(intent).map_err(self.failed(action()))?;
        let mut tx = self.one_at_a_time(run).await.map_err(self.failed(action()))?;
        let row = sqlx::query(
            "INSERT INTO ledger (run_id, step, effect, place, token, intent, attempts) \
             SELECT $1, $2, $3, COALESCE(MAX(place), 0) + 1, $4, $5, 1 FROM ledger WHERE run_id = $1 \
             ON CONFLICT (run_id, step, effect) DO UPDATE SET attempts = ledger.attempts + 1 \
             RETURNING token, outcome, attempts",
        )
        .bind(run.as_str())
        .bind(step.as_str())
        .bind(effect)
        // Made of the three names only: every attempt, in every process, has the same.
        .bind(format!("{run}/{step}/{effect}"))
        .bind(text)
        .fetch_one(&mut *tx)
        .await
        .map_err(self.failed(action()))?;
        tx.commit().await.map_err(self.failed(action()))?;
        effect_of(&row).map_err(self.failed(action()))
    }

    async fn settle(&self, run: &RunId, step: &StepId, effect: &str, outcome: &Value) -> Result<(), StoreError> {
        let action = || format!("record the outcome `{effect}` of {step}");
        let text = to_json(outcome).map_err(self.failed(action()))?;
        let updated =
            sqlx::query("UPDATE ledger SET outcome = COALESCE(outcome, $4) WHERE run_id = $1 AND step = $2 AND effect = $3")
                .bind(run.as_str())
                .bind(step.as_str())
                .bind(effect)
                .bind(text)
                .execute(&self.pool)
                .await
                .map_err(self.failed(action()))?;
        if updated.rows_affected() == 0 {
            return Err(self.refused(action(), "its intent was never recorded"));
        }
        Ok(())
    }

    async fn record(&self, run: &RunId) -> Result<Vec<EffectRecord>, StoreError> {
        let rows = sqlx::query("SELECT step, effect, intent, outcome FROM ledger WHERE run_id = $1 ORDER BY place, step, effect")
            .bind(run.as_str())
            .fetch_all(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(effect_record).collect())
            .map_err(self.failed(format!("read the ledger of run {run}")))
    }

    async fn known(&self, effect: &str) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM ledger WHERE effect = $1 LIMIT 1").bind(effect).fetch_optional(&self.pool).await;
        row.map(|row| row.is_some()).map_err(self.failed(format!("look for `{effect}`")))
    }

    async fn of_others(
        &self,
        account: &str,
        family: &Family,
        run: &RunId,
        beginning: &str,
    ) -> Result<Vec<(RunId, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT ledger.run_id, ledger.effect FROM run JOIN ledger ON ledger.run_id = run.id \
             WHERE run.account = $1 AND run.family = $2 AND run.id <> $3 AND SUBSTR(ledger.effect, 1, LENGTH($4)) = $4 \
             ORDER BY run.created_at, run.id, ledger.place",
        )
        .bind(account)
        .bind(family.as_str())
        .bind(run.as_str())
        .bind(beginning)
        .fetch_all(&self.pool)
        .await;
        let named = |row: &AnyRow| Ok((RunId::new(row.try_get::<String, _>("run_id")?), row.try_get("effect")?));
        rows.and_then(|rows| rows.iter().map(named).collect())
            .map_err(self.failed(format!("look at what other runs did with group family `{}`", family.as_str())))
    }
}

fn effect_of(row: &AnyRow) -> Result<Effect, sqlx::Error> {
    let outcome = outcome(row)?;
    let attempted = outcome.is_none() && from_column(row, "attempts")? > 1;
    Ok(Effect { token: EffectToken::new(row.try_get::<String, _>("token")?), outcome, attempted })
}

fn effect_record(row: &AnyRow) -> Result<EffectRecord, sqlx::Error> {
    Ok(EffectRecord {
        step: StepId::new(row.try_get::<String, _>("step")?),
        effect: row.try_get("effect")?,
        intent: json_column(row, "intent")?,
        outcome: outcome(row)?,
    })
}

/// None while the column is empty; the JSON `null` is an outcome like any other.
fn outcome(row: &AnyRow) -> Result<Option<Value>, sqlx::Error> {
    match row.try_get::<Option<String>, _>("outcome")? {
        Some(_) => json_column(row, "outcome").map(Some),
        None => Ok(None),
    }
}
