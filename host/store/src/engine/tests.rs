//! The engine on a real journal, with toy runs: what the trait promises holds over restarts and kills. duroxide keeps the
//! wall clock, so the times here are short; the behaviour of deployments is tested on `Sim`, in `engine`.

mod backwards;
mod orders;
#[cfg(feature = "postgres")]
mod shared;
#[cfg(feature = "postgres")]
mod tls;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use shiftgate_engine::{Durable, DurableError, Heard, Next, Order, TaskReply, give_order};
use shiftgate_model::{Ballot, ErrorClass, StepError, StepId, Timestamp, Vote};

use super::*;
use crate::fixture::{Home, create};

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A toy run: its input is a list of orders. `act X`, `sleep MS`, `wait SIGNAL MS` (acts with what came), `fail WHY`,
/// `end ENDING`.
async fn toy<D: Durable>(d: &D, orders: &[String]) -> Result<Ending, DurableError> {
    for order in orders {
        let words: Vec<&str> = order.split(' ').collect();
        match words[..] {
            ["act", what] => drop(d.act("step", what.to_owned()).await?),
            ["sleep", time] => drop(d.wait(None, Millis(time.parse().unwrap())).await?),
            ["wait", signal, time] => {
                d.status(format!("waits for {signal}"));
                let came = match d.wait(Some(signal), Millis(time.parse().unwrap())).await? {
                    Heard::Signal(payload) => payload,
                    Heard::Order => "order".to_owned(),
                    Heard::Nothing => "nothing".to_owned(),
                };
                d.act("step", format!("{signal}={came}")).await?;
            }
            ["fail", why] => return Err(DurableError(why.to_owned())),
            ["end", ending] => return Ok(serde_json::from_str(&format!("\"{ending}\"")).unwrap()),
            _ => panic!("`{order}` is no order"),
        }
    }
    Ok(Ending::Succeeded)
}

fn toys(durable: Duroxide, input: String) -> BoxFuture<'static, Result<String, String>> {
    Box::pin(async move {
        let orders: Vec<String> = serde_json::from_str(&input).unwrap();
        let ending = toy(&durable, &orders).await.map_err(|error| error.0)?;
        Ok(serde_json::to_string(&ending).unwrap())
    })
}

/// The reply of a step whose failure leads to a rollback.
fn turned_back() -> String {
    let error = StepError::new(ErrorClass::Application, "sick");
    serde_json::to_string(&TaskReply::Failed { error, next: Next::Rollback }).unwrap()
}

/// A file that activities write what they do into, a line each; it outlives them. `hang` never returns, `turn` turns back.
#[derive(Clone)]
struct Log(PathBuf);

impl Log {
    fn handler(&self) -> Handler {
        let log = self.clone();
        Arc::new(move |_, input| {
            let log = log.clone();
            Box::pin(async move {
                log.write(&input);
                if input == "hang" {
                    std::future::pending::<()>().await;
                }
                match input.as_str() {
                    "turn" => Ok(turned_back()),
                    "no" => Err("no".to_owned()),
                    "big" => Ok("x".repeat(200_000)),
                    _ => Ok("done".to_owned()),
                }
            })
        })
    }

    fn write(&self, line: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(&self.0).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until a line is there.
    async fn has(&self, line: &str) {
        let there = async {
            while !self.lines().iter().any(|found| found == line) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.expect(line);
    }
}

struct Bench {
    home: Home,
    record: Record,
    run: RunId,
    log: Log,
}

impl Bench {
    async fn new() -> Self {
        let home = Home::new();
        let record = home.open().await;
        let run = create(&record, "r1", 0).await;
        let log = Log(home.directory.path().join("log"));
        Self { home, record, run, log }
    }

    async fn engine(&self) -> Engine {
        let (at, options) = (self.record.journal(&self.run), EngineOptions::default());
        Engine::start_with(&at, &self.record, toys, self.log.handler(), options).await.unwrap()
    }

    async fn launch(&self, engine: &Engine, orders: &[&str]) {
        engine.launch_text(&self.run, serde_json::to_string(orders).unwrap()).await.unwrap();
    }

    /// Waits until the run says that it waits.
    async fn waits(&self, engine: &Engine) {
        let waits = async {
            while engine.standing(&self.run).await.unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.expect("the run waits");
    }

    async fn ended(&self, engine: &Engine) -> Result<Ending, EngineError> {
        tokio::time::timeout(PATIENCE, engine.ended(&self.run)).await.expect("the run comes to its end")
    }
}

fn ballot(subject: &str) -> Ballot {
    let comment = "looks good".to_owned();
    Ballot { subject: subject.to_owned(), vote: Vote::Approve, at: Timestamp(3), comment, bound_digest: None }
}

#[tokio::test]
async fn a_run_acts_sleeps_and_waits() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let began = Instant::now();
    let orders =
        ["act first", "sleep 150", "wait go 100", "wait stop 60000", "wait stop 60000", "wait stop 1", "end rolled_back"];
    bench.launch(&engine, &orders).await;
    // Sent long before the run waits for them; each is kept for its own wait.
    engine.signal(&bench.run, "stop", "one").await.unwrap();
    engine.signal(&bench.run, "stop", "two").await.unwrap();
    assert_eq!(bench.ended(&engine).await, Ok(Ending::RolledBack));
    assert!(began.elapsed() >= Duration::from_millis(250), "it slept and waited");
    assert_eq!(bench.log.lines(), ["first", "go=nothing", "stop=one", "stop=two", "stop=nothing"]);
    assert_eq!(engine.standing(&bench.run).await.unwrap().as_deref(), Some("waits for stop"));
    assert_eq!(bench.ended(&engine).await, Ok(Ending::RolledBack), "an end can be asked for again");
    engine.stop().await;
}

#[tokio::test]
async fn a_stopped_engine_goes_on_where_it_stood() {
    let bench = Bench::new().await;
    let orders = ["act first", "wait go 60000", "act last"];
    let engine = bench.engine().await;
    bench.launch(&engine, &orders).await;
    bench.log.has("first").await;
    bench.launch(&engine, &orders).await;
    engine.stop().await;

    let engine = bench.engine().await;
    assert_eq!(engine.signal(&bench.run, "go", "now").await, Err(EngineError::NotLaunched(bench.run.clone())));
    bench.launch(&engine, &orders).await;
    engine.signal(&bench.run, "go", "now").await.unwrap();
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    bench.launch(&engine, &orders).await;
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    assert_eq!(bench.log.lines(), ["first", "go=now", "last"], "nothing was done twice");
    engine.stop().await;
}

#[tokio::test]
async fn an_activity_that_was_cut_short_runs_again_at_once() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    bench.launch(&engine, &["act first", "act hang"]).await;
    bench.log.has("hang").await;
    drop(engine);
    // The cut-off engine gives the journal back as soon as its last task is gone.
    let file = bench.record.journal(&bench.run);
    let log = Log(bench.home.directory.path().join("second"));
    let opened = async {
        loop {
            match Engine::start_with(&file, &bench.record, toys, log.handler(), EngineOptions::default()).await {
                Ok(engine) => return engine,
                Err(error) => assert!(error.reason.ends_with("has it open"), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let engine = tokio::time::timeout(PATIENCE, opened).await.unwrap();
    log.has("hang").await;
    assert_eq!(log.lines(), ["hang"]);
    engine.stop().await;
}

#[tokio::test]
async fn ballots_reach_the_step_that_asked_once() {
    let bench = Bench::new().await;
    let step = StepId::new("approve");
    bench.record.cast(&bench.run, &step, &ballot("ann")).await.unwrap();
    let engine = bench.engine().await;
    let orders = ["wait approve 60000", "act asked", "wait approve 60000", "wait approve 1"];
    bench.launch(&engine, &orders).await;
    bench.log.has("asked").await;
    bench.record.cast(&bench.run, &step, &ballot("bob")).await.unwrap();
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    insta::assert_snapshot!(bench.log.lines().join("\n"), @r#"
    approve={"id":1,"subject":"ann","vote":"approve","at":3,"comment":"looks good","bound_digest":null}
    asked
    approve={"id":2,"subject":"bob","vote":"approve","at":3,"comment":"looks good","bound_digest":null}
    approve=nothing
    "#);
    assert_eq!(bench.record.ballots_waiting().await, Ok(Vec::new()));
    engine.stop().await;
}

#[tokio::test]
async fn a_run_that_stopped_early_is_interpreted_anew_and_one_that_ended_is_not() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let why = |reason: &str| Err(EngineError::Stopped { run: bench.run.clone(), reason: reason.to_owned() });
    for (orders, end) in [
        (vec!["act a", "fail disk-full"], why("disk-full")),
        (vec!["act b", "act no"], why("no")),
        (vec!["act c", "end aborted"], Ok(Ending::Aborted)),
        (vec!["act d", "end failed"], Ok(Ending::Failed)),
        (vec!["act e", "end succeeded"], Ok(Ending::Failed)),
    ] {
        bench.launch(&engine, &orders).await;
        assert_eq!(bench.ended(&engine).await, end, "{orders:?}");
    }
    assert_eq!(bench.log.lines(), ["a", "b", "no", "c", "d"]);
    engine.stop().await;
}

#[tokio::test]
async fn a_launch_takes_an_aborted_run_up_again() {
    use shiftgate_engine::Runs;
    let bench = Bench::new().await;
    bench.record.end(&bench.run, Ending::Aborted, Timestamp(1)).await.unwrap();
    let engine = bench.engine().await;
    bench.launch(&engine, &["act a"]).await;
    assert_eq!(bench.record.run(&bench.run).await.unwrap().unwrap().ending, None);
    engine.stop().await;
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_journal_is_said_in_words() {
    let bench = Bench::new().await;
    let path = bench.home.directory.path();
    let refused = async |at: JournalAt| {
        let started = Engine::start_with(&at, &bench.record, toys, bench.log.handler(), EngineOptions::default()).await;
        let error = started.err().unwrap().to_string();
        error.replace(&path.display().to_string(), "[HOME]").replace(&std::process::id().to_string(), "[PID]")
    };
    let engine = bench.engine().await;
    std::fs::write(path.join("file"), "").unwrap();
    std::fs::write(path.join("damaged.db"), "no database, but some text ".repeat(400)).unwrap();
    let mut seen = Vec::new();
    let file = |name: &str| JournalAt::File(path.join(name));
    for at in [bench.record.journal(&bench.run), file("file/engine.db"), file("damaged.db")] {
        seen.push(refused(at).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    cannot open the engine's journal in [HOME]/state/runs/r1/engine.db: process [PID] has it open
    cannot make the state directory in [HOME]/file: a file stands where a directory should be; choose another state directory
    cannot open the engine's journal in [HOME]/damaged.db: the file is damaged or is not a database of shiftgate; move it away or restore it from a backup
    ");
    assert_eq!(engine.ended(&RunId::new("r2")).await, Err(EngineError::NotLaunched(RunId::new("r2"))));
    engine.stop().await;
}

#[tokio::test]
async fn a_full_disk_ends_the_waiting_and_the_run_goes_on_when_there_is_room() {
    let bench = Bench::new().await;
    let orders = ["wait go 60000", "act big", "act last"];
    let engine = bench.engine().await;
    bench.launch(&engine, &orders).await;
    limit_pages(&engine.journal).await;
    engine.signal(&bench.run, "go", "now").await.unwrap();
    let error = bench.ended(&engine).await.unwrap_err().to_string();
    let home = bench.home.directory.path().display().to_string();
    insta::assert_snapshot!(error.replace(&home, "[HOME]"), @"cannot record the progress of run r1 in [HOME]/state/runs/r1/engine.db: the disk is full; free some space, then try again");
    engine.stop().await;

    let engine = bench.engine().await;
    bench.launch(&engine, &orders).await;
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    // On a busy machine it is done again before the first engine is stopped, too.
    let mut lines = bench.log.lines();
    assert!(lines.iter().filter(|line| *line == "big").count() >= 2, "what could not be recorded is done again: {lines:?}");
    lines.dedup();
    assert_eq!(lines, ["go=now", "big", "last"]);
    engine.stop().await;
}

/// What SQLite does when the disk has no more room, on every connection of the journal.
async fn limit_pages(journal: &Journal) {
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(journal.pool().acquire().await.unwrap());
    }
    for connection in &mut all {
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut **connection).await.unwrap();
    }
}

/// A process that is killed with its run, and not before.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

const CHILD: &str = "SHIFTGATE_STORE_TEST_CHILD";

/// Not a test of its own: the process that the next test kills. It does nothing unless it is told where.
#[tokio::test]
async fn child() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let record = Record::open(&directory).await.unwrap();
    let run = RunId::new("r1");
    let _lock = record.drive(&run).unwrap();
    let log = Log(directory.join("log"));
    let engine = Engine::start_with(&record.journal(&run), &record, toys, log.handler(), EngineOptions::default()).await.unwrap();
    engine.launch_text(&run, r#"["act first", "wait go 1", "act hang", "act last"]"#.to_owned()).await.unwrap();
    engine.ended(&run).await.unwrap();
}

#[tokio::test]
async fn a_killed_process_repeats_nothing_that_was_done() {
    let bench = Bench::new().await;
    let directory = bench.record.directory().unwrap().to_owned();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine::tests::child", "--test-threads=1"])
        .env(CHILD, &directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Killed(child);
    let log = Log(directory.join("log"));
    log.has("hang").await;
    bench.record.drive(&bench.run).unwrap_err();
    drop(child);

    let began = Instant::now();
    let _lock = bench.record.drive(&bench.run).unwrap();
    let after = Log(directory.join("after"));
    let file = bench.record.journal(&bench.run);
    let handler: Handler = {
        let after = after.clone();
        Arc::new(move |_, input| {
            after.write(&input);
            Box::pin(async { Ok("done".to_owned()) })
        })
    };
    let engine = Engine::start_with(&file, &bench.record, toys, handler, EngineOptions::default()).await.unwrap();
    bench.launch(&engine, &[]).await;
    after.has("hang").await;
    assert!(began.elapsed() < Duration::from_secs(2), "nobody waited for the lease of the killed process");
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    assert_eq!(log.lines(), ["first", "go=nothing", "hang"]);
    assert_eq!(after.lines(), ["hang", "last"], "what was done is not repeated; what was being done is");
    engine.stop().await;
}
