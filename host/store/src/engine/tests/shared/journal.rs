//! Workers that share a journal, in one process: who may acknowledge, who launches, who carries a ballot.

use shiftgate_engine::decide_rollback;
use shiftgate_model::Events;

use super::*;

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
