//! Somebody who uses the service while it is deployed: 200 requests a second to one listener, and what came of each.
//!
//! A client of its own over HTTP, which knows only what a user of the real load balancer would see: a status, headers, or
//! that there was no answer. What the load balancer counts itself is not asked here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shiftgate_model::{Clock as _, Timestamp};
use shiftgate_store::SystemClock;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The time between two requests: 200 a second. One that comes late is followed by those that were due.
const BEAT: Duration = Duration::from_millis(5);
/// Nobody sends more than these, which is 100 s of them.
const MOST: usize = 20_000;
/// Who has no answer by then has none.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many of them take turns, each with a cookie of its own where the load balancer gives one.
const BROWSERS: usize = 40;
/// The cookie that keeps a client with its target group.
const COOKIE: &str = "AWSALBTG=";

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) sent: Timestamp,
    pub(crate) end: End,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An instance of that target group answered.
    Served(String),
    /// An instance of that target group answered with an error of its own.
    Failed(String),
    /// The load balancer answered with a 5xx in nobody's name, or there was no answer: what, in words.
    Lost(String),
}

impl Request {
    /// The target group that answered; none when the request is lost.
    pub(crate) fn group(&self) -> Option<&str> {
        match &self.end {
            End::Served(group) | End::Failed(group) => Some(group),
            End::Lost(_) => None,
        }
    }
}

/// Requests under way, until they are told to end.
pub(crate) struct Users {
    /// Those that have ended, in that order.
    ended: Arc<watch::Sender<Vec<Request>>>,
    enough: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Users {
    pub(crate) fn start(url: String) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let (ended, enough) = (Arc::<watch::Sender<Vec<Request>>>::default(), Arc::<AtomicBool>::default());
        let (log, stop) = (Arc::clone(&ended), Arc::clone(&enough));
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(BEAT);
            let mut under_way = JoinSet::new();
            let browsers: [Arc<Mutex<Option<String>>>; BROWSERS] = std::array::from_fn(|_| Arc::default());
            for browser in browsers.iter().cycle().take(MOST) {
                beat.tick().await;
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (client, url, log, browser) = (client.clone(), url.clone(), Arc::clone(&log), Arc::clone(browser));
                under_way.spawn(async move {
                    let sent = SystemClock.now();
                    let end = ask(&client, &url, &browser).await;
                    log.send_modify(|ended| ended.push(Request { sent, end }));
                });
            }
            // Those that are under way are counted, too.
            under_way.join_all().await;
        });
        Self { ended, enough, task }
    }

    /// The requests that were sent from then on and have ended, in the order in which they were sent.
    pub(crate) fn since(&self, from: Timestamp) -> Vec<Request> {
        let mut found: Vec<Request> = self.ended.borrow().iter().filter(|request| request.sent >= from).cloned().collect();
        found.sort_by_key(|request| request.sent);
        found
    }

    /// Waits until what has ended is enough.
    pub(crate) async fn until(&self, enough: impl FnMut(&Vec<Request>) -> bool) {
        self.ended.subscribe().wait_for(enough).await.expect("the users are there");
    }

    /// Waits until so many more requests have ended.
    pub(crate) async fn more(&self, count: usize) {
        let wanted = self.ended.borrow().len() + count;
        self.until(|ended| ended.len() >= wanted).await;
    }

    /// Sends no more, waits for every answer that is due, and tells of all of them.
    pub(crate) async fn finish(mut self) -> Vec<Request> {
        self.enough.store(true, Ordering::Relaxed);
        (&mut self.task).await.expect("the users come to an end");
        self.since(Timestamp(0))
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn ask(client: &reqwest::Client, url: &str, cookie: &Mutex<Option<String>>) -> End {
    let mut request = client.get(url);
    if let Some(cookie) = locked(cookie).as_ref() {
        request = request.header("cookie", cookie);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return End::Lost(format!("no answer: {error:?}")),
    };
    let status = answer.status();
    let given = answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    if let Some(given) = given.filter_map(|value| value.split(';').next()).find(|value| value.starts_with(COOKIE)) {
        *locked(cookie) = Some(given.to_owned());
    }
    let group = answer.headers().get("x-target-group").and_then(|group| group.to_str().ok()).map(str::to_owned);
    if let Err(error) = answer.bytes().await {
        return End::Lost(format!("half an answer: {error:?}"));
    }
    match group {
        Some(group) if status.is_success() => End::Served(group),
        Some(group) => End::Failed(group),
        None => End::Lost(format!("{status} of the load balancer")),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
