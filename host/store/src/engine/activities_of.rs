//! Whose activities perform a run's tasks. A command has those of its one run; a worker of many hosts' runs makes them run by
//! run, since each run has an account and credentials of its own. Next: `backwards`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use shiftgate_engine::Activities;
use shiftgate_model::{Millis, RunId};
use tokio::time::{Instant, sleep};

use super::Handler;
use crate::record::Record;

/// Between two tries of an activity whose record was away.
const AGAIN: Duration = Duration::from_millis(500);

/// Has, or makes, the activities of each run.
#[async_trait]
pub trait ActivitiesOf: Send + Sync {
    /// The activities that perform the tasks of `run`. Asked for each task, so an implementation keeps what it has made.
    ///
    /// # Errors
    /// Why there are none, in words: the run is unknown, its credentials are not here. The run stops there, and can be
    /// resumed.
    async fn of(&self, run: &RunId) -> Result<Arc<Activities>, String>;
}

/// The same for every run.
#[async_trait]
impl ActivitiesOf for Arc<Activities> {
    async fn of(&self, _run: &RunId) -> Result<Arc<Activities>, String> {
        Ok(Self::clone(self))
    }
}

#[async_trait]
impl ActivitiesOf for Arc<dyn ActivitiesOf> {
    async fn of(&self, run: &RunId) -> Result<Arc<Activities>, String> {
        self.as_ref().of(run).await
    }
}

/// What every task says of itself.
#[derive(Deserialize)]
struct Assigned {
    run: RunId,
}

/// Performs each task by its run's activities.
pub(super) fn handler(activities: impl ActivitiesOf + 'static) -> Handler {
    let activities = Arc::new(activities);
    Arc::new(move |_, input| {
        let activities = Arc::clone(&activities);
        Box::pin(async move {
            let assigned: Assigned = serde_json::from_str(&input).map_err(|error| format!("cannot read the task: {error}"))?;
            activities.of(&assigned.run).await?.perform_text(&input).await
        })
    })
}

/// Performs a task again when it failed while the record's database was away, until it was away for `patience`. A failed
/// activity ends its run's interpreter, which a database that comes back in a moment is no reason for; and a task may
/// always be performed again.
pub(super) fn patient(handler: Handler, record: Record, patience: Millis) -> Handler {
    Arc::new(move |name, input| {
        let (handler, record) = (Arc::clone(&handler), record.clone());
        Box::pin(async move {
            let mut failing_since: Option<Instant> = None;
            loop {
                let (before, began) = (record.outages(), Instant::now());
                let failed = match handler(name, input.clone()).await {
                    Err(reason) if record.outages() != before => reason,
                    performed => return performed,
                };
                if began.elapsed() >= patience.duration() {
                    // It worked for long before it failed: that outage has only begun.
                    failing_since = None;
                }
                let since = *failing_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= patience.duration() {
                    return Err(failed);
                }
                tracing::debug!(name, failed, "the record was away; performing the task again");
                sleep(AGAIN).await;
            }
        })
    })
}
