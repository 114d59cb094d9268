//! What a verification compares with: the last deployment that succeeded, or the one that an operator has pinned.
//!
//! A run that failed or was rolled back is none, and stops to be one when it is rolled back later. A pin is on record in the
//! ledger, as an operator's orders are, and holds for the run's workflow on its group family.

use shiftgate_engine::OPERATOR;
use shiftgate_model::{Baseline, Ending, Evidence, Ledger as _, RunId, StepId, StoreError, Verdict};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::runs::word;
use super::{Record, json_column};

/// How a pin's effect begins.
pub(super) const PIN: &str = "baseline ";
/// Runs whose effect is an open pin; $1 is the operator's step, $2 the beginning of a pin.
const PINNED: &str = "SELECT 1 FROM ledger WHERE ledger.run_id = run.id AND ledger.step = $1 \
                      AND SUBSTR(ledger.effect, 1, LENGTH($2)) = $2 AND ledger.outcome IS NULL";

impl Record {
    /// Makes a run the baseline of its workflow on its family, in the place of the last one that succeeds.
    ///
    /// # Errors
    /// It has not succeeded, or the file cannot be written.
    pub async fn pin_baseline(&self, run: &RunId, reason: &str) -> Result<(), StoreError> {
        let action = format!("pin run {run} as baseline");
        let row = self.run(run).await?.ok_or_else(|| self.refused(action.clone(), "there is no such run"))?;
        if row.ending != Some(Ending::Succeeded) {
            return Err(self.refused(action, "only a run that succeeded can be one"));
        }
        let others = "SELECT id FROM run WHERE account = $3 AND family = $4 AND workflow = $5 AND id <> $6";
        let others = sqlx::query(&format!("{others} AND EXISTS ({PINNED})"))
            .bind(OPERATOR)
            .bind(PIN)
            .bind(row.account.as_str().to_owned())
            .bind(row.family.clone())
            .bind(row.workflow.clone())
            .bind(run.as_str())
            .fetch_all(&self.pool)
            .await;
        for other in others.and_then(|rows| rows.iter().map(id).collect::<Result<Vec<_>, _>>()).map_err(self.failed(action))? {
            self.unpin_baseline(&other, &format!("run {run} is pinned instead")).await?;
        }
        let pins = self.record(run).await?.into_iter().filter(|entry| entry.effect.starts_with(PIN)).collect::<Vec<_>>();
        if pins.iter().any(|entry| entry.outcome.is_none()) {
            return Ok(());
        }
        let effect = format!("{PIN}{}", pins.len() + 1);
        self.intend(run, &StepId::new(OPERATOR), &effect, &reason.into()).await.map(|_| ())
    }

    /// Takes a pin back; false when the run has none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn unpin_baseline(&self, run: &RunId, reason: &str) -> Result<bool, StoreError> {
        let open = self.record(run).await?;
        let open = open.into_iter().filter(|entry| entry.effect.starts_with(PIN) && entry.outcome.is_none());
        let mut found = false;
        for entry in open {
            self.settle(run, &StepId::new(OPERATOR), &entry.effect, &reason.into()).await?;
            found = true;
        }
        Ok(found)
    }

    /// The runs that are pinned.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn pinned_baselines(&self) -> Result<Vec<RunId>, StoreError> {
        let query = format!("SELECT id FROM run WHERE EXISTS ({PINNED}) ORDER BY created_at DESC");
        let rows = sqlx::query(&query).bind(OPERATOR).bind(PIN).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(id).collect()).map_err(self.failed("look for pinned baselines"))
    }

    /// What a step of a run compares with: the same step of the pinned run of its workflow and family, or, where none is pinned, of
    /// the last one that succeeded with it.
    pub(super) async fn find_baseline(&self, run: &RunId, step: &StepId) -> Result<Option<Baseline>, StoreError> {
        let action = || format!("look for the baseline of {step} of run {run}");
        let Some(row) = self.run(run).await? else { return Ok(None) };
        let query = format!(
            "SELECT run.id AS id, evidence.evidence AS evidence, CASE WHEN EXISTS ({PINNED}) THEN 1 ELSE 0 END AS pinned FROM run \
             LEFT JOIN evidence ON evidence.run_id = run.id AND evidence.step = $3 AND evidence.report IS NOT NULL \
             WHERE run.account = $4 AND run.family = $5 AND run.workflow = $6 AND run.id <> $7 AND run.ending = $8 \
             ORDER BY pinned DESC, run.ended_at DESC, evidence.fence DESC, evidence.attempt DESC, evidence.call DESC LIMIT 20"
        );
        let rows = sqlx::query(&query)
            .bind(OPERATOR)
            .bind(PIN)
            .bind(step.as_str())
            .bind(row.account.as_str().to_owned())
            .bind(row.family.clone())
            .bind(row.workflow.clone())
            .bind(run.as_str())
            .bind(word(Ending::Succeeded))
            .fetch_all(&self.pool)
            .await
            .map_err(self.failed(action()))?;
        for row in &rows {
            let (pinned, found) = candidate(row).map_err(self.failed(action()))?;
            if found.is_some() || pinned {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

fn id(row: &AnyRow) -> Result<RunId, sqlx::Error> {
    Ok(RunId::new(row.try_get::<String, _>("id")?))
}

/// Whether the run is pinned, and what its step left; none where that was no judgement, or a bad one.
fn candidate(row: &AnyRow) -> Result<(bool, Option<Baseline>), sqlx::Error> {
    let pinned = row.try_get::<i64, _>("pinned")? == 1;
    if row.try_get::<Option<String>, _>("evidence")?.is_none() {
        return Ok((pinned, None));
    }
    let evidence: Evidence = json_column(row, "evidence")?;
    let good = evidence.report.as_ref().is_some_and(|report| matches!(report.verdict, Verdict::Pass | Verdict::Warn));
    let run = id(row)?;
    Ok((pinned, good.then(|| Baseline::of(run, &evidence))))
}
