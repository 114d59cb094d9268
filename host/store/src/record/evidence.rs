//! What verifications leave: a row for each call, with every exchange that it had with the outside.
//!
//! One attempt of a step has 16 MiB; beyond that the oldest calls lose their exchanges, which are counted, and never the last
//! call its own. Next: `ledger`.

use async_trait::async_trait;
use shiftgate_model::{Baseline, Call, CallKey, Evidence, EvidenceLog, Report, RunId, StepId, StoreError};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::{Record, json_column, to_column, to_json};

/// The most text of one attempt of a step.
const ATTEMPT: i64 = 16 << 20;

/// One call of one attempt.
const ONE: &str = "run_id = $1 AND step = $2 AND fence = $3 AND attempt = $4 AND call = $5";

#[async_trait]
impl EvidenceLog for Record {
    async fn keep(&self, run: &RunId, evidence: &Evidence) -> Result<Option<Report>, StoreError> {
        let action = || format!("record the evidence of {} of run {run}", evidence.step);
        self.in_place(action())?;
        let kept = async {
            let mut tx = self.pool.begin().await?;
            let stands = if put(&mut tx, run, evidence).await? {
                make_room(&mut tx, run, evidence).await?;
                evidence.report.clone()
            } else {
                let statement = format!("SELECT report FROM evidence WHERE {ONE}");
                let one = sqlx::query(&statement).bind(run.as_str()).bind(evidence.step.as_str()).bind(evidence.fence);
                let one = one.bind(i64::from(evidence.attempt)).bind(i64::from(evidence.call));
                json_column(&one.fetch_one(&mut *tx).await?, "report").map(Some)?
            };
            tx.commit().await?;
            Ok(stands)
        };
        kept.await.map_err(self.failed(action()))
    }

    async fn standing(&self, run: &RunId, call: &CallKey) -> Result<Option<Evidence>, StoreError> {
        let statement = format!("SELECT evidence FROM evidence WHERE {ONE} AND report IS NOT NULL");
        let one = sqlx::query(&statement).bind(run.as_str()).bind(call.step.as_str()).bind(call.fence);
        let one = one.bind(i64::from(call.attempt)).bind(i64::from(call.call)).fetch_optional(&self.pool).await;
        one.and_then(|row| row.map(|row| json_column(&row, "evidence")).transpose())
            .map_err(self.failed(format!("read the evidence of {} of run {run}", call.step)))
    }

    async fn baseline(&self, run: &RunId, step: &StepId) -> Result<Option<Baseline>, StoreError> {
        self.find_baseline(run, step).await
    }
}

impl Record {
    /// All that the verifications of a run left, call by call, in the order in which they were made.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn evidence(&self, run: &RunId) -> Result<Vec<Evidence>, StoreError> {
        let query = "SELECT evidence FROM evidence WHERE run_id = $1 ORDER BY fence, at_ms, step, attempt, call";
        let rows = sqlx::query(query).bind(run.as_str()).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(|row| json_column(row, "evidence")).collect())
            .map_err(self.failed(format!("read the evidence of run {run}")))
    }

    /// The steps of a run that left evidence, in the order in which they were first called.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn evidence_steps(&self, run: &RunId) -> Result<Vec<StepId>, StoreError> {
        let query = "SELECT step, MIN(at_ms) AS first FROM evidence WHERE run_id = $1 GROUP BY step ORDER BY first, step";
        let rows = sqlx::query(query).bind(run.as_str()).fetch_all(&self.pool).await;
        let steps = rows.and_then(|rows| rows.iter().map(|row| Ok(StepId::new(row.try_get::<String, _>("step")?))).collect());
        steps.map_err(self.failed(format!("look for the evidence of run {run}")))
    }

    /// The evidence of one step, call by call; the attempts in their order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn evidence_of(&self, run: &RunId, step: &StepId) -> Result<Vec<Evidence>, StoreError> {
        let query = "SELECT evidence FROM evidence WHERE run_id = $1 AND step = $2 ORDER BY fence, attempt, call";
        let rows = sqlx::query(query).bind(run.as_str()).bind(step.as_str()).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(|row| json_column(row, "evidence")).collect())
            .map_err(self.failed(format!("read the evidence of {step} of run {run}")))
    }
}

/// Writes a call down; false when a report of it stands already.
async fn put(tx: &mut Transaction<'_, Any>, run: &RunId, evidence: &Evidence) -> Result<bool, sqlx::Error> {
    let text = to_json(evidence)?;
    let report = evidence.report.as_ref().map(to_json).transpose()?;
    let written = sqlx::query(
        "INSERT INTO evidence (run_id, step, fence, attempt, call, at_ms, bytes, report, evidence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (run_id, step, fence, attempt, call) DO UPDATE \
         SET at_ms = excluded.at_ms, bytes = excluded.bytes, report = excluded.report, evidence = excluded.evidence \
         WHERE evidence.report IS NULL",
    )
    .bind(run.as_str())
    .bind(evidence.step.as_str())
    .bind(evidence.fence)
    .bind(i64::from(evidence.attempt))
    .bind(i64::from(evidence.call))
    .bind(to_column(evidence.at))
    .bind(i64::try_from(text.len()).unwrap_or(i64::MAX))
    .bind(report)
    .bind(text)
    .execute(&mut **tx)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Takes their exchanges from the oldest calls of the attempt, until it fits; the one that was just written stays whole.
async fn make_room(tx: &mut Transaction<'_, Any>, run: &RunId, last: &Evidence) -> Result<(), sqlx::Error> {
    let whole = sqlx::query(
        "SELECT call, bytes FROM evidence WHERE run_id = $1 AND step = $2 AND fence = $3 AND attempt = $4 AND bytes > 0 \
         ORDER BY call",
    );
    let attempt = i64::from(last.attempt);
    let whole = whole.bind(run.as_str()).bind(last.step.as_str()).bind(last.fence).bind(attempt).fetch_all(&mut **tx).await?;
    let calls = whole.iter().map(call_and_bytes).collect::<Result<Vec<_>, _>>()?;
    let mut all = calls.iter().fold(0_i64, |all, (_, bytes)| all.saturating_add(*bytes));
    for (call, bytes) in calls {
        if all <= ATTEMPT {
            break;
        }
        if call != i64::from(last.call) {
            shed(tx, run, last, call).await?;
            all = all.saturating_sub(bytes);
        }
    }
    Ok(())
}

fn call_and_bytes(row: &AnyRow) -> Result<(i64, i64), sqlx::Error> {
    Ok((row.try_get("call")?, row.try_get("bytes")?))
}

/// Takes its exchanges, and the state that it began with, from one call of the same attempt.
async fn shed(tx: &mut Transaction<'_, Any>, run: &RunId, last: &Evidence, call: i64) -> Result<(), sqlx::Error> {
    let attempt = i64::from(last.attempt);
    let statement = format!("SELECT evidence FROM evidence WHERE {ONE}");
    let one = sqlx::query(&statement).bind(run.as_str()).bind(last.step.as_str()).bind(last.fence).bind(attempt).bind(call);
    let mut old: Evidence = json_column(&one.fetch_one(&mut **tx).await?, "evidence")?;
    let gone = u32::try_from(old.exchanges.len()).unwrap_or(u32::MAX);
    old.left_out = old.left_out.saturating_add(gone);
    old.exchanges = Vec::new();
    match &mut old.action {
        Call::Poll { state, .. } | Call::Cancel { state } => state.bytes = Vec::new(),
        Call::Validate | Call::Start { .. } => {}
    }
    let statement = format!("UPDATE evidence SET bytes = 0, evidence = $6 WHERE {ONE}");
    let one = sqlx::query(&statement).bind(run.as_str()).bind(last.step.as_str()).bind(last.fence).bind(attempt).bind(call);
    one.bind(to_json(&old)?).execute(&mut **tx).await?;
    Ok(())
}
