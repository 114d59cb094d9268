//! Many workers on one database: what is promised holds over kills, take-overs and a database that goes away.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use duroxide::EventKind;
use duroxide::providers::WorkItem;
use shiftgate_engine::{Runs, decide_rollback};
use shiftgate_model::Events;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_comes_back_is_waited_for_and_one_that_does_not_is_told() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.database("runs").await;
    let works = Works::new(url.clone(), 1, |_| Vec::new()).await;
    let (run, log) = (RunId::new("r0"), works.log());
    let handler = works_as(&works, "one");
    let patient = EngineOptions { patience: Millis(30_000), ..options() };
    let engine = Engine::start_with(&JournalAt::Postgres(url.clone()), &works.record, toys, handler, patient).await.unwrap();
    let orders = ["act first", "act long:1", "act again", "act last:r0"];
    engine.launch_text(&run, serde_json::to_string(&orders).unwrap()).await.unwrap();
    log.has("one begins long:1").await;
    server.stop();
    let ended = engine.ended(&run);
    let away = async {
        log.has("one ends long:1").await;
        server.up().await;
        Instant::now()
    };
    let (ended, back) = tokio::join!(ended, away);
    assert_eq!(ended, Ok(Ending::Succeeded));
    println!("ended {:?} after the database was back: {:?}", back.elapsed(), log.lines());
    assert_eq!(works.ends("first"), 1);
    engine.stop().await;

    let handler = works_as(&works, "two");
    let hasty = EngineOptions { patience: Millis(2_000), ..options() };
    let engine = Engine::start_with(&JournalAt::Postgres(url.clone()), &works.record, toys, handler, hasty).await.unwrap();
    let run = create(&works.record, "r1", 0).await;
    engine.launch_text(&run, r#"["wait go 60000"]"#.to_owned()).await.unwrap();
    server.stop();
    let error = tokio::time::timeout(PATIENCE, engine.ended(&run)).await.expect("the patience ends").unwrap_err();
    let text = error.to_string().replace(&url.to_string(), "[URL]");
    insta::assert_snapshot!(text, @"cannot read how r1 stands in [URL]: nothing listens there (connection refused); look at host and port, and whether the database runs");
    let stopping = Instant::now();
    engine.stop().await;
    println!("stopped without a database in {:?}", stopping.elapsed());
    assert!(stopping.elapsed() < Duration::from_secs(10), "an engine can be stopped while the database is away");
}

fn works_as(works: &Works, name: &str) -> Handler {
    works_of(works.record.clone(), works.log(), name.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_of_a_database_is_said_in_words() {
    let Some(server) = Server::start().await else { return };
    let good = server.database("runs").await;
    let record = Record::open_postgres(&good).await.unwrap();
    let standby = server.standby().await;
    server.ask("host all ann 127.0.0.1/32 scram-sha-256\nhostssl all eve 127.0.0.1/32 trust\nhost all eve all reject").await;
    server.execute("CREATE ROLE ann LOGIN PASSWORD 'right'").await;
    let (port, nobody) = (server.port(), url(1, "runs"));
    let other = |text: &str| PostgresUrl::parse(&format!("postgres://{text}")).unwrap();
    let mut seen = Vec::new();
    for url in [
        url(standby.port(), "runs"),
        url(port, "none"),
        nobody,
        other(&format!("ann:wrong@127.0.0.1:{port}/runs?sslmode=disable")),
        other(&format!("bob@127.0.0.1:{port}/runs?sslmode=disable")),
        other(&format!("ann:right@127.0.0.1:{port}/postgres?sslmode=disable")),
        other(&format!("postgres@127.0.0.1:{port}/runs?sslmode=require")),
        other(&format!("eve@127.0.0.1:{port}/runs?sslmode=disable")),
    ] {
        let opened = Record::open_postgres(&url).await.err().map(|error| error.to_string());
        let started = Journal::open(&JournalAt::Postgres(url.clone()), Millis(1_000)).await.err();
        for error in [opened, started.map(|error| error.to_string())] {
            let error = error.unwrap_or_else(|| format!("{url} can be opened"));
            seen.push(error.replace(&port.to_string(), "[PORT]").replace(&standby.port().to_string(), "[STANDBY]"));
        }
    }
    insta::assert_snapshot!(seen.join("\n"), @r#"
    cannot prepare the record in postgres://postgres@127.0.0.1:[STANDBY]/runs: this server takes reads only, as a standby does; name the primary, or an address that follows it
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[STANDBY]/runs: this server takes reads only, as a standby does; name the primary, or an address that follows it
    cannot open the record in postgres://postgres@127.0.0.1:[PORT]/none: database "none" does not exist; make it first: `createdb`
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[PORT]/none: database "none" does not exist; make it first: `createdb`
    cannot open the record in postgres://postgres@127.0.0.1:1/runs: nothing listens there (connection refused); look at host and port, and whether the database runs
    cannot open the engine's journal in postgres://postgres@127.0.0.1:1/runs: nothing listens there (connection refused); look at host and port, and whether the database runs
    cannot open the record in postgres://ann@127.0.0.1:[PORT]/runs: the database refuses the password of this user; look at the address or at the secret that it comes from
    cannot open the engine's journal in postgres://ann@127.0.0.1:[PORT]/runs: the database refuses the password of this user; look at the address or at the secret that it comes from
    cannot open the record in postgres://bob@127.0.0.1:[PORT]/runs: the database refuses this user from here (role "bob" does not exist); look at its pg_hba.conf
    cannot open the engine's journal in postgres://bob@127.0.0.1:[PORT]/runs: the database refuses this user from here (role "bob" does not exist); look at its pg_hba.conf
    cannot open the record in postgres://ann@127.0.0.1:[PORT]/postgres: permission denied for database postgres; the user needs CREATE on the database, or a schema `shiftgate` of its own
    cannot open the engine's journal in postgres://ann@127.0.0.1:[PORT]/postgres: permission denied for database postgres; the user needs CREATE on the database, or a schema `shiftgate` of its own
    cannot open the record in postgres://postgres@127.0.0.1:[PORT]/runs: TLS could not be set up: server does not support TLS; see `sslmode` and `sslrootcert` in docs/operations.md
    cannot open the engine's journal in postgres://postgres@127.0.0.1:[PORT]/runs: TLS could not be set up: server does not support TLS; see `sslmode` and `sslrootcert` in docs/operations.md
    cannot open the record in postgres://eve@127.0.0.1:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    cannot open the engine's journal in postgres://eve@127.0.0.1:[PORT]/runs: the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`
    "#);
    sqlx_newer(&record).await;
    let error = Record::open_postgres(&good).await.err().unwrap().to_string().replace(&port.to_string(), "[PORT]");
    insta::assert_snapshot!(error, @"cannot prepare the record in postgres://postgres@127.0.0.1:[PORT]/runs: a newer shiftgate wrote this database (its schema is 99); use that program, or choose another database");
}

async fn sqlx_newer(record: &Record) {
    record
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99, 'x', TRUE, '', 0)",
        )
        .await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_share_a_journal() {
    let Some(server) = Server::start().await else { return };
    late_acknowledgements_are_refused(&server.database("late").await).await;
    two_hosts_launch_a_run_once(server.database("launch").await).await;
    any_worker_carries_a_ballot(server.database("ballots").await).await;
    a_waiting_run_turns_back_by_itself(server.database("back").await).await;
    followers_see_what_others_write(server.database("follow").await).await;
}

async fn followers_see_what_others_write(url: PostgresUrl) {
    let (here, there) = (Record::open_postgres(&url).await.unwrap(), Record::open_postgres(&url).await.unwrap());
    let run = create(&there, "r0", 0).await;
    let mut changes = here.changes();
    changes.mark_unchanged();
    there.append(&run, None, None, shiftgate_model::EventKind::PluginProgress { message: "hello".to_owned() }).await.unwrap();
    let seen = async {
        while here.read(&run, 0).await.unwrap().is_empty() {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("a follower is woken");
}

async fn late_acknowledgements_are_refused(url: &PostgresUrl) {
    let open = async || Journal::open(&JournalAt::Postgres(url.clone()), Millis(10_000)).await.unwrap();
    let (zombie, other) = (open().await, open().await);
    let item = WorkItem::ActivityExecute {
        instance: "r1".to_owned(),
        execution_id: 1,
        id: 1,
        name: "step".to_owned(),
        input: String::new(),
        session_id: None,
        tag: None,
    };
    zombie.enqueue_for_worker(item).await.unwrap();
    let fetch = async |journal: &Journal, lease| {
        let fetched = journal.fetch_work_item(lease, Duration::from_secs(20), None, &Default::default()).await.unwrap();
        fetched.expect("the activity is there").1
    };
    let late = fetch(&zombie, Duration::from_secs(1)).await;
    let token = fetch(&other, Duration::from_secs(30)).await;
    let done = |result: &str| {
        let (instance, result) = ("r1".to_owned(), result.to_owned());
        Some(WorkItem::ActivityCompleted { instance, execution_id: 1, id: 1, result })
    };
    assert!(zombie.renew_work_item_lock(&late, LEASE).await.is_err(), "its lease is another's");
    assert!(zombie.ack_work_item(&late, done("late")).await.is_err(), "what it did is not recorded");
    assert!(zombie.ack_work_item(&late, None).await.is_err(), "nor does it take the activity away");
    other.ack_work_item(&token, done("in time")).await.unwrap();
}

async fn two_hosts_launch_a_run_once(url: PostgresUrl) {
    let works = Works::new(url.clone(), 1, |_| Vec::new()).await;
    let at = JournalAt::Postgres(url);
    let start = async |name: &str| Engine::start_with(&at, &works.record, toys, works_as(&works, name), options()).await.unwrap();
    let (one, two) = (start("one").await, start("two").await);
    let run = RunId::new("r0");
    for (attempt, orders) in
        [["act a", "wait go 60000", "fail sick"], ["act b", "wait go 60000", "end succeeded"]].iter().enumerate()
    {
        let text = serde_json::to_string(orders).unwrap();
        let (first, second) = tokio::join!(one.launch_text(&run, text.clone()), two.launch_text(&run, text));
        first.unwrap();
        second.unwrap();
        // Not before both are launched: one that has failed would be launched anew.
        two.signal(&run, "go", "now").await.unwrap();
        let (first, second) = tokio::join!(one.ended(&run), two.ended(&run));
        assert_eq!(first, second, "attempt {attempt}");
        assert_eq!(first.is_ok(), attempt == 1);
    }
    assert_eq!((works.ends("a"), works.ends("b")), (1, 1), "{:?}", works.log().lines());
    one.stop().await;
    two.stop().await;
}

async fn any_worker_carries_a_ballot(url: PostgresUrl) {
    let works = Works::new(url.clone(), 1, |_| Vec::new()).await;
    let (run, at, log) = (RunId::new("r0"), JournalAt::Postgres(url), works.log());
    let start = async |name: &str| Engine::start_with(&at, &works.record, toys, works_as(&works, name), options()).await.unwrap();
    let (one, two) = (start("one").await, start("two").await);
    one.launch_text(&run, r#"["act first", "wait approve 60000"]"#.to_owned()).await.unwrap();
    works.has_done(1).await;
    one.stop().await;
    works.record.cast(&run, &StepId::new("approve"), &ballot("ann")).await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, two.ended(&run)).await.expect("the run ends"), Ok(Ending::Succeeded));
    assert!(log.lines().iter().any(|line| line.contains(r#"approve={"id":1,"subject":"ann""#)), "{:?}", log.lines());
    two.stop().await;
}

async fn a_waiting_run_turns_back_by_itself(url: PostgresUrl) {
    let works = Works::new(url.clone(), 1, |_| Vec::new()).await;
    let (run, at, log) = (RunId::new("r0"), JournalAt::Postgres(url), works.log());
    let engine = Engine::start_with(&at, &works.record, toys, works_as(&works, "one"), options()).await.unwrap();
    let orders = r#"["act first", "wait vote 60000", "end rolled_back"]"#;
    engine.launch_text(&run, orders.to_owned()).await.unwrap();
    log.has("one ends first").await;
    let waits = async {
        while engine.standing(&run).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("the run waits");
    decide_rollback(&works.record, &run, "ann asked for it").await.unwrap();
    engine.launch_text(&run, orders.to_owned()).await.unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, engine.ended(&run)).await.expect("it wakes"), Ok(Ending::RolledBack));
    engine.stop().await;
}

/// Another one with each run of the tests; never zero.
fn a_seed() -> u64 {
    use shiftgate_model::Clock;
    // Spread over all bits: numbers that follow from seeds of one minute would look alike.
    crate::clock::SystemClock.now().0.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1
}
