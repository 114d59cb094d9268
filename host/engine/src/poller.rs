//! One poller for all runs of a process: runs that wait for the same group share one look at it.
//!
//! A look counts for a waiter only when it began after the waiter asked, so nobody is shown a group from before their own
//! change. At most four looks are under way at once, and no more than 120 begin in a minute once 20 have begun at a time: calls
//! do not grow with runs, each of them is looked at more rarely.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shiftgate_model::{CloudError, GroupId, Groups, InstanceHealth};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep};

const LOOKS_AT_ONCE: usize = 4;
/// The time between two looks where many are wanted.
const SPACING: Duration = Duration::from_millis(500);
/// How far looks may be ahead of that spacing: 20 of them.
const AHEAD: Duration = Duration::from_secs(10);

type Look = Result<Arc<Vec<InstanceHealth>>, CloudError>;
/// Where the waiters of one group queue, with the last look and when it began.
type Seat = Arc<Mutex<Option<(Instant, Look)>>>;

/// Shares looks at groups.
pub(crate) struct Poller {
    groups: Arc<dyn Groups>,
    looks: Semaphore,
    /// When the next look would begin if all of them were spaced.
    due: Mutex<Instant>,
    seats: Mutex<HashMap<GroupId, Seat>>,
}

impl Poller {
    pub(crate) fn new(groups: Arc<dyn Groups>) -> Self {
        Self { groups, looks: Semaphore::new(LOOKS_AT_ONCE), due: Mutex::new(Instant::now()), seats: Mutex::default() }
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
        self.turn().await;
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

    /// Waits until a further look may begin.
    async fn turn(&self) {
        let mut due = self.due.lock().await;
        let now = Instant::now();
        let turn = (*due).max(now);
        *due = turn + SPACING;
        drop(due);
        sleep((turn - now).saturating_sub(AHEAD)).await;
    }

    /// Forgets the group when nobody waits for it.
    async fn leave(&self, group: &GroupId) {
        let mut seats = self.seats.lock().await;
        if seats.get(group).is_some_and(|seat| Arc::strong_count(seat) == 1) {
            seats.remove(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use shiftgate_model::{Capacity, Created, Deleted, Group, GroupName, GroupSpec};

    use super::*;

    /// Counts looks; each takes a while.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    #[async_trait]
    impl Groups for Counted {
        async fn health(&self, _id: &GroupId) -> Result<Vec<InstanceHealth>, CloudError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(200)).await;
            Ok(Vec::new())
        }

        async fn list(&self) -> Result<Vec<Group>, CloudError> {
            Ok(Vec::new())
        }

        async fn read(&self, _id: &GroupId) -> Result<Option<Group>, CloudError> {
            Ok(None)
        }

        async fn create(&self, spec: &GroupSpec) -> Result<Created, CloudError> {
            Ok(Created { id: GroupId::new(spec.name.as_str()), adopted: false })
        }

        async fn set_capacity(&self, _id: &GroupId, _capacity: Capacity) -> Result<(), CloudError> {
            Ok(())
        }

        async fn rename(&self, _id: &GroupId, _name: &GroupName) -> Result<(), CloudError> {
            Ok(())
        }

        async fn delete(&self, _id: &GroupId) -> Result<Deleted, CloudError> {
            Ok(Deleted::Now)
        }
    }

    /// The looks in ten minutes of so many deployments, each on a group of its own, that look every 20 seconds.
    async fn looks(deployments: usize) -> usize {
        let counted = Arc::new(Counted::default());
        let poller = Arc::new(Poller::new(Arc::clone(&counted) as _));
        let waits: Vec<_> = (0..deployments)
            .map(|number| {
                let poller = Arc::clone(&poller);
                tokio::spawn(async move {
                    let group = GroupId::new(format!("sig-{number}"));
                    loop {
                        poller.health(&group).await.unwrap();
                        sleep(Duration::from_secs(20)).await;
                    }
                })
            })
            .collect();
        sleep(Duration::from_secs(600)).await;
        waits.iter().for_each(tokio::task::JoinHandle::abort);
        counted.0.load(Ordering::SeqCst)
    }

    #[tokio::test(start_paused = true)]
    async fn calls_do_not_grow_with_runs() {
        let [few, many, more] = [looks(10).await, looks(200).await, looks(1_000).await];
        assert!((290..=310).contains(&few), "ten deployments are looked at every 20 seconds: {few}");
        assert!((1_190..=1_221).contains(&many), "120 a minute, and 20 at once in the beginning: {many}");
        assert_eq!(many, more);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_for_one_group_share_a_look() {
        let counted = Arc::new(Counted::default());
        let poller = Arc::new(Poller::new(Arc::clone(&counted) as _));
        let group = GroupId::new("sig-1");
        let waiting = (0..50).map(|_| poller.health(&group));
        all_at_once(waiting).await;
        assert!(counted.0.load(Ordering::SeqCst) <= 2, "{:?}", counted.0);
    }

    async fn all_at_once(waiting: impl Iterator<Item = impl Future<Output = Look>>) {
        let mut waiting: Vec<_> = waiting.map(Box::pin).collect();
        for one in &mut waiting {
            let first = std::future::poll_fn(|cx| std::task::Poll::Ready(one.as_mut().poll(cx))).await;
            assert!(first.is_pending());
        }
        for one in waiting {
            one.await.unwrap();
        }
    }
}
