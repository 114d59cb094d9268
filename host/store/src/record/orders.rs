//! Orders of operators that are open, over all runs: what `shiftgate abort` and its kin wrote, for the process that drives the
//! run to hear of. What an order means is decided in `engine`. Next: `crate::engine`.

use shiftgate_engine::OPERATOR;
use shiftgate_model::{RunId, StoreError};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::Record;

impl Record {
    /// Every open order of a run that has not come to its end: the run, and the order's name on record, which is its own.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn orders_open(&self) -> Result<Vec<(RunId, String)>, StoreError> {
        // The condition is that of the index `ledger_open_orders`, letter by letter.
        let query = format!(
            "SELECT ledger.run_id, ledger.effect FROM ledger JOIN run ON run.id = ledger.run_id \
             WHERE ledger.step = '{OPERATOR}' AND ledger.outcome IS NULL AND run.ending IS NULL \
             ORDER BY ledger.run_id, ledger.place"
        );
        let order = |row: &AnyRow| Ok((RunId::new(row.try_get::<String, _>("run_id")?), row.try_get("effect")?));
        let rows = sqlx::query(&query).fetch_all(&self.pool).await;
        rows.and_then(|rows| rows.iter().map(order).collect()).map_err(self.failed("look for orders"))
    }
}
