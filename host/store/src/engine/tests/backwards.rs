//! Runs that are stopped on their way forward, and rolled back then.

use shiftgate_engine::decide_rollback;

use super::*;

#[tokio::test]
async fn a_run_that_is_to_be_rolled_back_neither_waits_nor_goes_forward() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    bench.launch(&engine, &["act first", "wait vote 60000", "act forward"]).await;
    bench.waits(&engine).await;
    engine.stop().await;

    decide_rollback(&bench.record, &bench.run, "ann asked for it").await.unwrap();
    let engine = bench.engine().await;
    bench.launch(&engine, &["act back", "wait vote 60000"]).await;
    bench.log.has("back").await;
    assert_eq!(bench.log.lines(), ["first", "back"]);
    engine.stop().await;
}

#[tokio::test]
async fn an_activity_that_was_cut_short_does_not_run_again_before_a_rollback() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    bench.launch(&engine, &["act first", "act hang", "act forward"]).await;
    bench.log.has("hang").await;
    engine.stop().await;

    decide_rollback(&bench.record, &bench.run, "ann asked for it").await.unwrap();
    let engine = bench.engine().await;
    bench.launch(&engine, &["act back", "end rolled_back"]).await;
    assert_eq!(bench.ended(&engine).await, Ok(Ending::RolledBack));
    assert_eq!(bench.log.lines(), ["first", "hang", "back"]);
    engine.stop().await;
}

#[tokio::test]
async fn a_run_that_turned_back_by_itself_goes_on_where_it_stood() {
    let bench = Bench::new().await;
    let orders = ["act first", "act turn", "wait go 60000", "act back", "end rolled_back"];
    let engine = bench.engine().await;
    bench.launch(&engine, &orders).await;
    bench.waits(&engine).await;
    engine.stop().await;

    decide_rollback(&bench.record, &bench.run, "sick").await.unwrap();
    let engine = bench.engine().await;
    bench.launch(&engine, &[]).await;
    engine.signal(&bench.run, "go", "now").await.unwrap();
    assert_eq!(bench.ended(&engine).await, Ok(Ending::RolledBack));
    assert_eq!(bench.log.lines(), ["first", "turn", "go=now", "back"], "nothing is asked anew");
    engine.stop().await;
}

/// Its wait lies in the journal without the word of orders; it is interpreted anew, and heeds the order there.
#[tokio::test]
async fn a_run_of_an_older_interpreter_is_taken_up_anew_when_it_is_to_be_aborted() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let input = serde_json::to_string(&["act first", "wait vote 60000"]).unwrap();
    engine.client.start_orchestration_versioned(bench.run.as_str(), INTERPRETER, "1.0.0", input).await.unwrap();
    bench.log.has("first").await;
    engine.stop().await;

    give_order(&bench.record, &bench.run, Order::Abort, "ann asked for it").await.unwrap();
    let engine = bench.engine().await;
    bench.launch(&engine, &["act anew", "end aborted"]).await;
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Aborted));
    assert_eq!(bench.log.lines(), ["first", "anew"]);
    engine.stop().await;
}
