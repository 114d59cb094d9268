//! What is forgotten of old runs and what never is; which runs may be taken up again.

use shiftgate_engine::{Order, Runs as _, decide_rollback, give_order};
use shiftgate_model::{Ending, EventKind, Events as _, Ledger as _, StepId};

use super::*;
use crate::fixture::{Home, create};

async fn ended(record: &Record, id: &str, ending: Ending, at: u64) -> RunId {
    let run = create(record, id, at).await;
    record.append(&run, None, None, EventKind::RunResumed).await.unwrap();
    for effect in ["create", "name sig-1"] {
        record.intend(&run, &StepId::new("setup"), &format!("{effect}{id}"), &serde_json::json!({})).await.unwrap();
    }
    drop(record.drive(&run).unwrap());
    record.end(&run, ending, Timestamp(at)).await.unwrap();
    run
}

#[tokio::test]
async fn the_last_success_and_what_may_go_on_are_never_forgotten() {
    let home = Home::new();
    let record = home.open().await;
    for (id, ending, at) in [
        ("first", Ending::Succeeded, 1),
        ("failed", Ending::Failed, 2),
        ("stuck", Ending::Stuck, 3),
        ("aborted", Ending::Aborted, 4),
        ("last", Ending::Succeeded, 5),
        ("back", Ending::RolledBack, 6),
    ] {
        ended(&record, id, ending, at).await;
    }
    create(&record, "goes-on", 0).await;
    let names = |runs: Vec<RunId>| runs.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(record.prunable(Timestamp(3)).await.unwrap()), ["first", "failed"]);
    assert_eq!(names(record.prunable(Timestamp(100)).await.unwrap()), ["first", "failed", "back"]);
}

/// A workflow's baseline is its own last success, also where another workflow has deployed onto the family since.
#[tokio::test]
async fn the_last_success_of_each_workflow_is_never_forgotten() {
    let home = Home::new();
    let record = home.open().await;
    for (id, workflow, at) in [("1", "canary", 1), ("2", "hotfix", 2), ("3", "hotfix", 3), ("4", "canary", 4), ("5", "canary", 5)]
    {
        let plan = crate::fixture::plan();
        let run = NewRun::of(&plan, RunId::new(id), shiftgate_model::AccountId::new("act-1"), "web.yaml", Timestamp(at));
        let run = NewRun { workflow: workflow.into(), ..run };
        record.create_run(&run).await.unwrap();
        drop(record.drive(&run.id).unwrap());
        record.end(&run.id, Ending::Succeeded, Timestamp(at)).await.unwrap();
    }
    let old: Vec<String> = record.prunable(Timestamp(100)).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(old, ["1", "2", "4"]);
}

#[tokio::test]
async fn a_forgotten_run_leaves_the_names_that_it_gave() {
    let home = Home::new();
    let record = home.open().await;
    let run = ended(&record, "r1", Ending::Succeeded, 1).await;
    let lock = record.drive(&run).unwrap();
    assert_eq!(record.prune(&run).await, Ok(false), "a process works on it");
    drop(lock);
    assert_eq!(record.prune(&run).await, Ok(true));
    assert_eq!(record.prune(&run).await, Ok(false), "it is gone");
    assert_eq!(record.run(&run).await, Ok(None));
    assert_eq!(record.read(&run, 0).await, Ok(Vec::new()));
    assert!(!record.run_directory(&run).unwrap().exists());
    assert_eq!(record.known("name sig-1r1").await, Ok(true));
    assert_eq!(record.known("creater1").await, Ok(false));
}

#[tokio::test]
async fn a_run_that_may_go_on_is_not_forgotten_by_mistake() {
    let home = Home::new();
    let record = home.open().await;
    let run = ended(&record, "r1", Ending::Aborted, 1).await;
    assert_eq!(record.prune(&run).await, Ok(false));
    assert!(record.run(&run).await.unwrap().is_some());
}

#[tokio::test]
async fn a_success_is_taken_up_again_for_its_rollback_only() {
    let home = Home::new();
    let record = home.open().await;
    let run = ended(&record, "r1", Ending::Succeeded, 1).await;
    record.reopen(&run).await.unwrap();
    assert_eq!(record.run(&run).await.unwrap().unwrap().ending, Some(Ending::Succeeded));
    decide_rollback(&record, &run, "ann asked for it").await.unwrap();
    record.reopen(&run).await.unwrap();
    assert_eq!(record.run(&run).await.unwrap().unwrap().ending, None);
    record.end(&run, Ending::RolledBack, Timestamp(2)).await.unwrap();
    record.reopen(&run).await.unwrap();
    assert_eq!(record.run(&run).await.unwrap().unwrap().ending, Some(Ending::RolledBack), "what is put back stays so");
}

#[tokio::test]
async fn an_order_is_open_until_it_is_closed_and_while_its_run_goes_on() {
    let home = Home::new();
    let record = home.open().await;
    let [one, other] = [create(&record, "r1", 0).await, create(&record, "r2", 0).await];
    for run in [&one, &other, &one] {
        give_order(&record, run, Order::Abort, "ann asked for it").await.unwrap();
    }
    let open = |run: &RunId| (run.clone(), "abort 1".to_owned());
    assert_eq!(record.orders_open().await, Ok(vec![open(&one), open(&other)]));
    shiftgate_engine::close_orders(&record, &one, &[Order::Abort], "heeded").await.unwrap();
    assert_eq!(record.orders_open().await, Ok(vec![open(&other)]));
    record.end(&other, Ending::Aborted, Timestamp(1)).await.unwrap();
    assert_eq!(record.orders_open().await, Ok(Vec::new()));
}
