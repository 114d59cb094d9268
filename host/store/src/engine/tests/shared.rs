//! Many workers on one database: what is promised holds over kills, take-overs and a failover. Next: `journal`, `outages`.

mod journal;
mod outages;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use duroxide::EventKind;
use duroxide::providers::WorkItem;
use shiftgate_engine::Runs;

use super::*;
use crate::PostgresUrl;
use crate::fixture::postgres::{Proxy, Server, url};

const URL: &str = "SHIFTGATE_STORE_TEST_URL";
const WORKER: &str = "SHIFTGATE_STORE_TEST_WORKER";
const LEASE: Duration = Duration::from_secs(5);

fn options() -> EngineOptions {
    EngineOptions { lease: Millis(5_000), host: "test".to_owned(), ..EngineOptions::default() }
}

/// What a worker does: it notes the beginning and the end of each activity under its own name. `slow X` takes a moment,
/// `hang X` never ends in a worker whose name begins with `stuck`, `last X` records the end of its run.
fn works_of(record: Record, log: Log, worker: String) -> Handler {
    Arc::new(move |_, input| {
        let (record, log, worker) = (record.clone(), log.clone(), worker.clone());
        Box::pin(async move {
            log.write(&format!("{worker} begins {input}"));
            match input.split_once(':') {
                Some(("slow", _)) => tokio::time::sleep(Duration::from_millis(300)).await,
                Some(("long", _)) => tokio::time::sleep(Duration::from_secs(6)).await,
                Some(("hang", _)) if worker.starts_with("stuck") => std::future::pending::<()>().await,
                Some(("last", run)) => {
                    let at = record.now();
                    record.end(&RunId::new(run), Ending::Succeeded, at).await.map_err(|error| error.to_string())?;
                }
                _ => {}
            }
            log.write(&format!("{worker} ends {input}"));
            Ok(input)
        })
    })
}

/// Not a test of its own: a worker, in a process that other tests start and kill. It launches every run that it finds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let told = |name: &str| std::env::var_os(name).and_then(|told| told.into_string().ok());
    let (Some(url), Some(name)) = (told(URL), told(WORKER)) else { return };
    let url = PostgresUrl::parse(&url).unwrap();
    let record = Record::open_postgres(&url).await.unwrap();
    let handler = works_of(record.clone(), Log(directory.join("log")), name);
    let engine = Engine::start_with(&JournalAt::Postgres(url), &record, toys, handler, options()).await.unwrap();
    let orders = std::fs::read_to_string(directory.join("orders")).unwrap();
    let orders: HashMap<String, Vec<String>> = serde_json::from_str(&orders).unwrap();
    for (run, orders) in orders {
        // A launch that a database in trouble fails is another worker's.
        let _ = engine.launch_text(&RunId::new(run), serde_json::to_string(&orders).unwrap()).await;
    }
    std::future::pending::<()>().await;
}

/// A database with runs, and the processes that work on it.
struct Works {
    home: tempfile::TempDir,
    url: PostgresUrl,
    record: Record,
    orders: HashMap<String, Vec<String>>,
}

impl Works {
    /// `runs` runs of `steps` orders each, made from their number.
    async fn new(url: PostgresUrl, runs: usize, order: impl Fn(&str) -> Vec<String>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let record = Record::open_postgres(&url).await.unwrap();
        let mut orders = HashMap::new();
        for number in 0..runs {
            let run = format!("r{number}");
            create(&record, &run, 0).await;
            orders.insert(run.clone(), order(&run));
        }
        std::fs::write(home.path().join("orders"), serde_json::to_string(&orders).unwrap()).unwrap();
        Self { home, url, record, orders }
    }

    fn log(&self) -> Log {
        Log(self.home.path().join("log"))
    }

    fn worker(&self, name: &str) -> Killed {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engine::tests::shared::worker", "--test-threads=1", "--nocapture"])
            .env(CHILD, self.home.path())
            .env(URL, self.url.secret())
            .env(WORKER, name)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.home.path().join(name)).unwrap())
            .spawn()
            .unwrap();
        Killed(child)
    }

    /// Waits until every run has its end on record, and every interpreter in the journal; each step's end is there once.
    async fn all_ended(&self, hint: &str) {
        let ended = async {
            loop {
                match self.record.runs(1_000).await {
                    Ok(runs) if runs.iter().all(|run| run.ending.is_some()) => break,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(100), ended).await;
        assert!(ended.is_ok(), "{hint}: not every run ends: {:#?}", self.log().lines());
        let journal = Journal::open(&JournalAt::Postgres(self.url.clone()), Millis(10_000)).await.unwrap();
        for (run, orders) in &self.orders {
            let done = self.done(&journal, run).await;
            let ordered: Vec<_> = orders.iter().filter_map(|order| order.strip_prefix("act ")).collect();
            assert_eq!(done, ordered, "{hint}: {run}");
            assert!(journal.read(&format!("{run}~2")).await.unwrap().is_empty(), "{hint}: {run} is interpreted once");
        }
    }

    /// What the journal has as done, when the run is over there.
    async fn done(&self, journal: &Journal, run: &str) -> Vec<String> {
        let over = async {
            loop {
                let history = journal.read(run).await.unwrap();
                if history.iter().any(|event| matches!(event.kind, EventKind::OrchestrationCompleted { .. })) {
                    return history;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let history = tokio::time::timeout(PATIENCE, over).await.expect(run);
        let done = history.into_iter().filter_map(|event| match event.kind {
            EventKind::ActivityCompleted { result } => Some(result),
            _ => None,
        });
        done.collect()
    }

    fn ends(&self, of: &str) -> usize {
        self.log().lines().iter().filter(|line| line.contains(&format!(" ends {of}"))).count()
    }

    /// Waits until so many activities have ended.
    async fn has_done(&self, count: usize) {
        let there = async {
            while self.ends("") < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.expect("work is done");
    }
}

/// `count` slow steps, then the end.
fn steps(run: &str, count: usize) -> Vec<String> {
    let steps = (0..count).map(|step| format!("act slow:{run}/{step}"));
    steps.chain([format!("act last:{run}")]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_workers_run_is_taken_over_within_its_lease() {
    let Some(server) = Server::start().await else { return };
    let url = server.database("runs").await;
    let orders = |run: &str| ["first", "hang", "last"].map(|order| format!("act {order}:{run}")).to_vec();
    let works = Works::new(url, 1, orders).await;
    let (first, log) = (works.worker("stuck"), works.log());
    log.has("stuck begins hang:r0").await;
    let _second = works.worker("other");
    let there = async {
        while works.record.workers().await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("two workers are there");
    assert_eq!(works.record.driven(&RunId::new("r0")).await, Some(true));
    drop(first);
    let killed = Instant::now();
    log.has("other begins hang:r0").await;
    let took = killed.elapsed();
    println!("taken over after {took:?}");
    assert!(took < LEASE + Duration::from_secs(2), "taken over after {took:?}");
    works.all_ended("after a take-over").await;
    let began: Vec<_> = log.lines().into_iter().filter(|line| line.contains(" begins ")).collect();
    let expected = ["stuck begins first:r0", "stuck begins hang:r0", "other begins hang:r0", "other begins last:r0"];
    assert_eq!(began, expected, "only what was under way is done again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_of_the_database_loses_nothing() {
    let Some(mut primary) = Server::start().await else { return };
    primary.database("runs").await;
    let standby = primary.standby().await;
    let proxy = Proxy::to(&primary).await;
    let works = Works::new(proxy.url("runs"), 6, |run| steps(run, 5)).await;
    let _workers = ["one", "two"].map(|name| works.worker(name));
    works.has_done(8).await;
    primary.kill();
    let killed = Instant::now();
    standby.promote().await;
    proxy.turn_to(&standby);
    let before = works.ends("");
    works.has_done(before + 2).await;
    println!("work went on {:?} after the primary was killed", killed.elapsed());
    works.all_ended("after a failover").await;
    println!("all had ended {:?} after it; {} of 36 steps were done again", killed.elapsed(), works.ends("") - 36);
}

fn works_as(works: &Works, name: &str) -> Handler {
    works_of(works.record.clone(), works.log(), name.to_owned())
}

/// Numbers that look random and follow from a seed.
struct Dice(AtomicU64);

impl Dice {
    fn below(&self, limit: u64) -> u64 {
        let mut x = self.0.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.store(x, Ordering::Relaxed);
        x % limit
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_runs_end_whoever_is_killed() {
    let Some(server) = Server::start().await else { return };
    let seed = a_seed();
    let hint = format!("seed {seed}");
    println!("{hint}");
    let dice = Dice(AtomicU64::new(seed));
    let works = Works::new(server.database("runs").await, 20, |run| steps(run, 4)).await;
    let mut workers: Vec<Killed> = (0..3).map(|number| works.worker(&format!("w{number}"))).collect();
    let mut killed = 3;
    // A kill after each few activities, as long as there is enough left to be killed in.
    while works.ends("last:") < 12 {
        let more = works.ends("") + 3 + usize::try_from(dice.below(6)).unwrap();
        works.has_done(more.min(90)).await;
        let victim = usize::try_from(dice.below(3)).unwrap();
        workers[victim] = works.worker(&format!("w{killed}"));
        killed += 1;
    }
    works.all_ended(&hint).await;
    println!("{} kills; {} of 100 steps were done again", killed - 3, works.ends("") - 100);
}

/// Another one with each run of the tests; never zero.
fn a_seed() -> u64 {
    use shiftgate_model::Clock;
    // Spread over all bits: numbers that follow from seeds of one minute would look alike.
    crate::clock::SystemClock.now().0.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1
}
