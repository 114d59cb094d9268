//! One poller for all runs of a process: runs that wait for the same group share one look at it.
//!
//! A look counts for a waiter only when it began after the waiter asked, so nobody is shown a group from before their own
//! change. At most four looks are under way at once.

use std::collections::HashMap;
use std::sync::Arc;

use shiftgate_model::{CloudError, GroupId, Groups, InstanceHealth};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

const LOOKS_AT_ONCE: usize = 4;

type Look = Result<Arc<Vec<InstanceHealth>>, CloudError>;
/// Where the waiters of one group queue, with the last look and when it began.
type Seat = Arc<Mutex<Option<(Instant, Look)>>>;

/// Shares looks at groups.
pub(crate) struct Poller {
    groups: Arc<dyn Groups>,
    looks: Semaphore,
    seats: Mutex<HashMap<GroupId, Seat>>,
}

impl Poller {
    pub(crate) fn new(groups: Arc<dyn Groups>) -> Self {
        Self { groups, looks: Semaphore::new(LOOKS_AT_ONCE), seats: Mutex::default() }
    }

    /// The health of every instance of the group, looked at after this call began.
    pub(crate) async fn health(&self, group: &GroupId) -> Look {
        let asked = Instant::now();
        let seat = Arc::clone(self.seats.lock().await.entry(group.clone()).or_default());
        let mut last = seat.lock().await;
        if let Some((began, look)) = last.as_ref()
            && *began > asked
        {
            return look.clone();
        }
        // The semaphore is never closed; were it, the look is simply not counted.
        let _permit = self.looks.acquire().await;
        let began = Instant::now();
        let look = self.groups.health(group).await.map(Arc::new);
        *last = Some((began, look.clone()));
        drop(last);
        drop(seat);
        self.leave(group).await;
        look
    }

    /// Forgets the group when nobody waits for it.
    async fn leave(&self, group: &GroupId) {
        let mut seats = self.seats.lock().await;
        if seats.get(group).is_some_and(|seat| Arc::strong_count(seat) == 1) {
            seats.remove(group);
        }
    }
}
