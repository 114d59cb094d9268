//! The record against a real file: what is promised holds over writers, handles and openings.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use shiftgate_engine::Runs;
use shiftgate_model::{Acquired, Ballot, Ending, EventKind, Events, Family, Hold, Ledger, Locks, StepId, Vote};

use super::*;
use crate::fixture::{Home, create, family, plan, shown};

/// The same cases on a file, a test each, and on a database, all on one server.
macro_rules! on_both_databases {
    ($($case:ident,)*) => {
        mod on_a_file {
            use crate::fixture::Home;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(Home::new()).await;
                }
            )*
        }

        #[cfg(feature = "postgres")]
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn on_postgresql() {
            let Some(server) = crate::fixture::postgres::Server::start().await else { return };
            $(
                let began = std::time::Instant::now();
                $case(Home::in_database(server.database(stringify!($case)).await)).await;
                println!("{} took {:?}", stringify!($case), began.elapsed());
            )*
        }
    };
}

on_both_databases! {
    the_first_intent_and_the_first_outcome_of_an_effect_are_kept,
    what_other_runs_of_a_family_did_is_found_by_the_beginning_of_its_name,
    events_have_no_gap_whoever_writes_them,
    an_append_wakes_whoever_watches_and_a_kept_key_does_not,
    racing_runs_hold_a_lock_one_at_a_time,
    the_first_to_ask_is_the_first_to_hold,
    a_place_that_nobody_stands_in_blocks_nobody,
    a_run_that_has_ended_holds_nothing,
    runs_are_found_by_the_beginning_of_their_id,
    an_ending_stands_unless_the_run_was_aborted,
    a_run_is_recorded_once_and_its_id_can_name_a_directory,
    a_ballot_waits_until_an_engine_has_it,
    everything_is_there_after_an_opening,
}

fn step() -> StepId {
    StepId::new("phase-1/deploy")
}

fn said(message: &str) -> EventKind {
    EventKind::PluginProgress { message: message.to_owned() }
}

async fn the_first_intent_and_the_first_outcome_of_an_effect_are_kept(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let first = record.intend(&run, &step(), "create", &json!({"name": "web__1"})).await.unwrap();
    assert_eq!((first.outcome.clone(), first.attempted), (None, false));
    let again = record.intend(&run, &step(), "create", &json!({"name": "web__2"})).await.unwrap();
    assert_eq!((again.token.clone(), again.outcome, again.attempted), (first.token.clone(), None, true));
    record.settle(&run, &step(), "create", &json!("sig-1")).await.unwrap();
    record.settle(&run, &step(), "create", &json!("sig-2")).await.unwrap();
    let settled = record.intend(&run, &step(), "create", &json!({})).await.unwrap();
    assert_eq!((settled.token, settled.outcome, settled.attempted), (first.token, Some(json!("sig-1")), false));
    assert!(record.known("create").await.unwrap());
    assert!(!record.known("name sig-1").await.unwrap());

    record.intend(&run, &StepId::new("a"), "delete", &Value::Null).await.unwrap();
    record.settle(&run, &StepId::new("a"), "delete", &Value::Null).await.unwrap();
    let lines = record.record(&run).await.unwrap();
    let lines: Vec<_> =
        lines.iter().map(|line| format!("{} {} {} {:?}", line.step, line.effect, line.intent, line.outcome)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    phase-1/deploy create {"name":"web__1"} Some(String("sig-1"))
    a delete null Some(Null)
    "#);
    let error = record.settle(&run, &step(), "never intended", &Value::Null).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot record the outcome `never intended` of phase-1/deploy in [HOME]/state/state.db: its intent was never recorded");
}

async fn what_other_runs_of_a_family_did_is_found_by_the_beginning_of_its_name(home: Home) {
    let record = home.open().await;
    let begin = StepId::new("begin");
    let (mine, younger, older) = (create(&record, "b", 2).await, create(&record, "c", 3).await, create(&record, "a", 1).await);
    for (run, effect) in [
        (&mine, "began 1"),
        (&younger, "output"),
        (&younger, "began 2"),
        (&younger, "began 4"),
        (&older, "began 3"),
        (&older, "Began"),
    ] {
        record.intend(run, &begin, effect, &Value::Null).await.unwrap();
    }
    let others = async |account: &str, family: &str| {
        let found = record.of_others(account, &Family::new(family).unwrap(), &mine, "began ").await.unwrap();
        found.into_iter().map(|(run, effect)| format!("{run} {effect}")).collect::<Vec<_>>()
    };
    assert_eq!(others("act-1", "web").await, ["a began 3", "c began 2", "c began 4"]);
    assert!(others("act-2", "web").await.is_empty());
    assert!(others("act-1", "shop").await.is_empty());
}

async fn events_have_no_gap_whoever_writes_them(home: Home) {
    let records = [home.open().await, home.open().await];
    let run = create(&records[0], "r1", 0).await;
    let writers = (0..8).map(|writer| {
        let (record, run) = (records[writer % 2].clone(), run.clone());
        tokio::spawn(async move {
            for number in 0..25 {
                record.append(&run, Some(&step()), None, said(&format!("{writer}/{number}"))).await.unwrap();
                // Only one of the sixteen is kept.
                record.append(&run, None, Some(&format!("key-{number}")), said("keyed")).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let events = records[1].read(&run, 0).await.unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, (1..=225).collect::<Vec<u64>>());
    assert_eq!(events.iter().filter(|event| event.step.is_none()).count(), 25);
    assert_eq!(records[0].read(&run, 223).await.unwrap().len(), 2);
}

async fn an_append_wakes_whoever_watches_and_a_kept_key_does_not(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let mut changes = record.changes();
    record.append(&run, None, Some("once"), said("one")).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    record.append(&run, None, Some("once"), said("two")).await.unwrap();
    // In a database it ticks by the clock too, for what others wrote.
    assert!(!home.is_directory() || !changes.has_changed().unwrap());
}

async fn racing_runs_hold_a_lock_one_at_a_time(home: Home) {
    let records = [home.open().await, home.open().await];
    let inside = Arc::new(AtomicU32::new(0));
    // Each asking is a commit, and they take turns on one row: many that do nothing else keep a database busy with its disk.
    let (racers, pause) = if home.is_directory() { (40, Duration::ZERO) } else { (20, Duration::from_millis(50)) };
    let runs = (0..racers).map(|number: i64| {
        let (record, inside) = (records[usize::from(number % 2 == 1)].clone(), Arc::clone(&inside));
        tokio::spawn(async move {
            let run = RunId::new(format!("r{number}"));
            loop {
                if let Acquired::Held { fence } = record.acquire("act-1", &family(), &run).await.unwrap() {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two runs hold the lock");
                    let holds = async |fence, term| record.holds("act-1", &family(), &run, Hold { fence, term }).await.unwrap();
                    let term = record.enter("act-1", &family(), &run, fence).await.unwrap().unwrap();
                    assert!(holds(fence, term).await);
                    assert!(!holds(fence - 1, term).await);
                    let next = record.enter("act-1", &family(), &run, fence).await.unwrap().unwrap();
                    assert!(!holds(fence, term).await, "an earlier term is over");
                    assert!(holds(fence, next).await);
                    assert_eq!(record.enter("act-1", &family(), &run, fence - 1).await, Ok(None));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    record.release("act-1", &family(), &run).await.unwrap();
                    return fence;
                }
                tokio::time::sleep(pause).await;
            }
        })
    });
    let mut fences = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        fences.push(run.await.unwrap());
    }
    fences.sort_unstable();
    assert_eq!(fences, (1..=racers).collect::<Vec<i64>>());
}

/// Who asks, and what the answer is in a word.
async fn ask(record: &Record, run: &str) -> String {
    match record.acquire("act-1", &family(), &RunId::new(run)).await.unwrap() {
        Acquired::Held { fence } => format!("{run} holds it, {fence}"),
        Acquired::Busy { holder, ahead } => format!("{run} waits for {holder}, {ahead} ahead"),
    }
}

async fn give_back(record: &Record, run: &str) {
    record.release("act-1", &family(), &RunId::new(run)).await.unwrap();
}

async fn the_first_to_ask_is_the_first_to_hold(home: Home) {
    let record = home.open().await;
    let mut seen = Vec::new();
    for run in ["a", "b", "c", "a", "c", "b"] {
        seen.push(ask(&record, run).await);
    }
    give_back(&record, "c").await;
    give_back(&record, "b").await;
    seen.push(ask(&record, "c").await);
    seen.push(ask(&record, "b").await);
    give_back(&record, "a").await;
    give_back(&record, "a").await;
    for run in ["b", "c", "b"] {
        seen.push(ask(&record, run).await);
    }
    insta::assert_snapshot!(seen.join("\n"), @r"
    a holds it, 1
    b waits for a, 0 ahead
    c waits for a, 1 ahead
    a holds it, 1
    c waits for a, 1 ahead
    b waits for a, 0 ahead
    c waits for a, 0 ahead
    b waits for a, 1 ahead
    b waits for c, 1 ahead
    c holds it, 2
    b waits for c, 0 ahead
    ");
}

async fn a_place_that_nobody_stands_in_blocks_nobody(home: Home) {
    let record = home.open().await;
    let gone = create(&record, "gone", 0).await;
    let mut seen = Vec::new();
    for run in ["a", "gone", "silent", "b"] {
        seen.push(ask(&record, run).await);
    }
    give_back(&record, "a").await;
    record.end(&gone, Ending::Aborted, Timestamp(1)).await.unwrap();
    seen.push(ask(&record, "b").await);
    home.clock.advance(Millis::seconds(61));
    seen.push(ask(&record, "b").await);
    insta::assert_snapshot!(seen.join("\n"), @r"
    a holds it, 1
    gone waits for a, 0 ahead
    silent waits for a, 1 ahead
    b waits for a, 2 ahead
    b waits for silent, 1 ahead
    b holds it, 2
    ");
}

async fn a_run_that_has_ended_holds_nothing(home: Home) {
    // Killed between its end and its release: no other run waits for one that nobody drives.
    let record = home.open().await;
    let mut fence = 0;
    for ending in [Ending::Succeeded, Ending::Failed, Ending::RolledBack, Ending::Aborted, Ending::Stuck] {
        let (first, second) = (format!("a{fence}"), format!("b{fence}"));
        let run = create(&record, &first, 0).await;
        assert_eq!(ask(&record, &first).await, format!("{first} holds it, {}", fence + 1));
        assert_eq!(ask(&record, &second).await, format!("{second} waits for {first}, 0 ahead"));
        record.end(&run, ending, Timestamp(1)).await.unwrap();
        fence += 2;
        assert_eq!(ask(&record, &second).await, format!("{second} holds it, {fence}"), "{ending}");
        give_back(&record, &second).await;
    }
}

async fn runs_are_found_by_the_beginning_of_their_id(home: Home) {
    let record = home.open().await;
    for (id, at) in [("0192-aa", 10), ("0192-ab", 20), ("0193", 30), ("0193-x", 30)] {
        create(&record, id, at).await;
    }
    let found = async |text: &str| match record.find(text).await.unwrap() {
        Found::None => "none".to_owned(),
        Found::One(run) => run.id.to_string(),
        Found::Many(runs) => runs.iter().map(RunId::as_str).collect::<Vec<_>>().join(" or "),
    };
    assert_eq!(found("0192-aa").await, "0192-aa");
    assert_eq!(found("0192-a").await, "0192-ab or 0192-aa");
    assert_eq!(found("0193").await, "0193", "a whole id is that run, whatever else begins so");
    assert_eq!(found("0193-").await, "0193-x");
    assert_eq!((found("").await, found("%").await, found("7").await), ("none".into(), "none".into(), "none".into()));
    let newest: Vec<_> = record.runs(3).await.unwrap().into_iter().map(|run| run.id.to_string()).collect();
    assert_eq!(newest, ["0193-x", "0193", "0192-ab"]);
}

async fn an_ending_stands_unless_the_run_was_aborted(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 5).await;
    let ending = async || record.run(&run).await.unwrap().unwrap().ending;
    assert_eq!(ending().await, None);
    record.end(&run, Ending::Aborted, Timestamp(7)).await.unwrap();
    record.reopen(&run).await.unwrap();
    assert_eq!(ending().await, None);
    record.end(&run, Ending::Aborted, Timestamp(8)).await.unwrap();
    record.end(&run, Ending::Succeeded, Timestamp(9)).await.unwrap();
    record.end(&run, Ending::Succeeded, Timestamp(10)).await.unwrap();
    record.reopen(&run).await.unwrap();
    let row = record.run(&run).await.unwrap().unwrap();
    assert_eq!((row.ending, row.ended_at), (Some(Ending::Succeeded), Some(Timestamp(9))));
    let error = record.end(&run, Ending::Failed, Timestamp(11)).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot record the end of run r1 in [HOME]/state/state.db: it is recorded as succeeded already, and cannot become failed");
    let error = record.plan(&RunId::new("r2")).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot read the plan of run r2 in [HOME]/state/state.db: there is no such run");
}

async fn a_run_is_recorded_once_and_its_id_can_name_a_directory(home: Home) {
    let record = home.open().await;
    create(&record, "r1", 0).await;
    let plan = plan();
    let mut again = NewRun {
        id: RunId::new("r1"),
        workflow: String::new(),
        strategy: String::new(),
        service: String::new(),
        environment: String::new(),
        infrastructure: String::new(),
        artifact: plan.artifact.clone(),
        family: family(),
        account: shiftgate_model::AccountId::new("act-1"),
        file: String::new(),
        created_at: Timestamp(0),
        plan: &plan,
    };
    let error = record.create_run(&again).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot record run r1 in [HOME]/state/state.db: there is a run of that id already");
    again.id = RunId::new("../r1");
    let error = record.create_run(&again).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot record run ../r1 in [HOME]/state/state.db: a run's id is made of letters, digits, `-`, `_` and `.`");
}

fn ballot(subject: &str) -> Ballot {
    Ballot { subject: subject.to_owned(), vote: Vote::Approve, at: Timestamp(3), comment: String::new(), bound_digest: None }
}

async fn a_ballot_waits_until_an_engine_has_it(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    let step = StepId::new("phase-1/approve");
    assert_eq!(record.cast(&run, &step, &ballot("ann")).await, Ok(1));
    assert_eq!(record.cast(&run, &step, &ballot("bob")).await, Ok(2));
    record.consume(&run, 1).await.unwrap();
    let waiting = record.ballots_waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|cast| (cast.id, cast.ballot.subject.as_str())).collect::<Vec<_>>(), [(2, "bob")]);
    let all = record.ballots_after(&run, 0).await.unwrap();
    assert_eq!(all.iter().map(|cast| cast.consumed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(record.ballots_after(&run, 1).await.unwrap(), waiting);
    let error = record.cast(&RunId::new("r2"), &step, &ballot("ann")).await.unwrap_err();
    insta::assert_snapshot!(shown(&home, &error), @"cannot record the vote of ann on run r2 in [HOME]/state/state.db: there is no such run");
}

async fn everything_is_there_after_an_opening(home: Home) {
    let record = home.open().await;
    let run = create(&record, "r1", 0).await;
    record.intend(&run, &step(), "create", &json!(1)).await.unwrap();
    record.append(&run, None, None, said("hello")).await.unwrap();
    record.cast(&run, &step(), &ballot("ann")).await.unwrap();
    let held = record.acquire("act-1", &family(), &run).await.unwrap();
    let before =
        (record.record(&run).await, record.read(&run, 0).await, record.ballots_after(&run, 0).await, record.runs(9).await);
    record.close().await;

    let record = home.open().await;
    let after =
        (record.record(&run).await, record.read(&run, 0).await, record.ballots_after(&run, 0).await, record.runs(9).await);
    assert_eq!(before, after);
    assert_eq!(record.acquire("act-1", &family(), &run).await.unwrap(), held);
    assert_eq!(*record.plan(&run).await.unwrap(), plan());
    assert!(record.intend(&run, &step(), "create", &json!(2)).await.unwrap().attempted);
    if !home.is_directory() {
        return;
    }
    let synced: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&record.pool).await.unwrap();
    assert_eq!(synced, 2, "2 is FULL");
}

#[tokio::test]
async fn one_process_drives_a_run() {
    let home = Home::new();
    let record = home.open().await;
    let run = RunId::new("r1");
    let lock = record.drive(&run).unwrap();
    let error = record.drive(&run).unwrap_err();
    assert_eq!(error, DriveError::Busy { run: run.clone(), holder: Some(std::process::id()) });
    assert!(error.to_string().starts_with(&format!("run r1 is driven by process {} already", std::process::id())));
    record.drive(&RunId::new("r2")).unwrap();
    drop(lock);
    record.drive(&run).unwrap();
}
