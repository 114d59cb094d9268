//! The one stream of what happened, a run's events numbered 1, 2, 3, … without a gap. It only grows. Next: `ballots`.

use async_trait::async_trait;
use shiftgate_model::{Event, EventKind, Events, RunId, StepId, StoreError, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::{Record, from_column, json_column, to_column, to_json};

#[async_trait]
impl Events for Record {
    async fn append(&self, run: &RunId, step: Option<&StepId>, key: Option<&str>, kind: EventKind) -> Result<(), StoreError> {
        let action = || format!("record an event of run {run}");
        self.in_place(action())?;
        let text = to_json(&kind).map_err(self.failed(action()))?;
        let appended = async {
            let mut tx = self.one_at_a_time(run).await?;
            let inserted = sqlx::query(
                "INSERT INTO event (run_id, sequence, at_ms, step, dedup_key, kind) \
                 SELECT $1, COALESCE(MAX(sequence), 0) + 1, $2, $3, $4, $5 FROM event WHERE run_id = $1 \
                 ON CONFLICT (run_id, dedup_key) DO NOTHING",
            )
            .bind(run.as_str())
            .bind(to_column(self.clock.now()))
            .bind(step.map(StepId::as_str))
            .bind(key)
            .bind(&text)
            .execute(&mut *tx)
            .await?;
            let appended = inserted.rows_affected() > 0;
            if appended {
                note_asked(&mut tx, run, step, &kind).await?;
            }
            tx.commit().await?;
            Ok(appended)
        };
        let appended = appended.await.map_err(self.failed(action()))?;
        if appended {
            self.tick();
        }
        Ok(())
    }

    async fn read(&self, run: &RunId, after: u64) -> Result<Vec<Event>, StoreError> {
        let rows =
            sqlx::query("SELECT sequence, at_ms, step, kind FROM event WHERE run_id = $1 AND sequence > $2 ORDER BY sequence")
                .bind(run.as_str())
                .bind(i64::try_from(after).unwrap_or(i64::MAX))
                .fetch_all(&self.pool)
                .await;
        rows.and_then(|rows| rows.iter().map(|row| event(run, row)).collect())
            .map_err(self.failed(format!("read the events of run {run}")))
    }
}

/// Keeps with the run whether it waits for a person: what an event says of that, and nothing for the others.
async fn note_asked(
    tx: &mut Transaction<'_, Any>,
    run: &RunId,
    step: Option<&StepId>,
    kind: &EventKind,
) -> Result<(), sqlx::Error> {
    let text = match kind {
        EventKind::ApprovalRequested { .. } | EventKind::InterventionRequested { .. } => {
            "UPDATE run SET asked_in = $2 WHERE id = $1"
        }
        // A background verification says the same beside the step that asks, and ends no question but its own.
        EventKind::Approved { .. }
        | EventKind::Rejected { .. }
        | EventKind::ApprovalExpired
        | EventKind::InterventionExpired { .. }
        | EventKind::RetryOrdered { .. }
        | EventKind::StepFailed { .. }
        | EventKind::StepIgnored { .. }
        | EventKind::StepSkipped { .. } => "UPDATE run SET asked_in = NULL WHERE id = $1 AND asked_in = $2",
        EventKind::RollbackStarted { .. } | EventKind::RunEnded { .. } => {
            let over = "UPDATE run SET asked_in = NULL WHERE id = $1 AND asked_in IS NOT NULL";
            sqlx::query(over).bind(run.as_str()).execute(&mut **tx).await?;
            return Ok(());
        }
        _ => return Ok(()),
    };
    sqlx::query(text).bind(run.as_str()).bind(step.map(StepId::as_str)).execute(&mut **tx).await?;
    Ok(())
}

fn event(run: &RunId, row: &AnyRow) -> Result<Event, sqlx::Error> {
    Ok(Event {
        run: run.clone(),
        sequence: from_column(row, "sequence")?,
        at: Timestamp(from_column(row, "at_ms")?),
        step: row.try_get::<Option<String>, _>("step")?.map(StepId::new),
        kind: json_column(row, "kind")?,
    })
}
