//! Says that this engine is there, for whoever asks which workers a database has. Nothing depends on it: who has which step
//! is for the leases of the journal. Next: `crate::record`, where workers lie.

use std::time::Duration;

use shiftgate_model::StoreError;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::record::Record;

/// How often. A worker is taken for gone after five times as long.
const PERIOD: Duration = Duration::from_secs(2);

/// A row of this engine's own, kept fresh until it is dropped.
pub(super) struct Presence {
    record: Record,
    id: String,
    beating: AbortOnDropHandle<()>,
}

impl Presence {
    /// Begins to be there.
    pub(super) async fn begin(record: Record, host: &str) -> Result<Self, StoreError> {
        let id = uuid::Uuid::new_v4().to_string();
        let started_at = record.now();
        record.work_as(&id, host, started_at).await?;
        let (beat, host, own) = (record.clone(), host.to_owned(), id.clone());
        let beating = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                sleep(PERIOD).await;
                if let Err(error) = beat.work_as(&own, &host, started_at).await {
                    tracing::debug!(%error, "nobody sees this worker");
                }
            }
        }));
        Ok(Self { record, id, beating })
    }

    /// Is gone, and says so where it can.
    pub(super) async fn end(self) {
        self.beating.abort();
        if let Err(error) = self.record.leave(&self.id).await {
            tracing::debug!(%error, "this worker is taken for gone by itself");
        }
    }
}

/// What the system calls this host.
pub(super) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "a host without a name".to_owned() } else { name.to_owned() }
}
