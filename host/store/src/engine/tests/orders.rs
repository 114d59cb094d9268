//! Runs that an operator orders something of: woken in their waits, and taken up again after their success.

use super::*;

#[tokio::test]
async fn an_order_wakes_a_run_once_and_does_not_wake_one_that_an_older_interpreter_began() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let orders = ["act first", "wait go 60000", "wait go 1", "act last"];
    bench.launch(&engine, &orders).await;
    bench.waits(&engine).await;
    give_order(&bench.record, &bench.run, Order::Retry, "ann asked for it").await.unwrap();
    assert_eq!(bench.ended(&engine).await, Ok(Ending::Succeeded));
    assert_eq!(bench.log.lines(), ["first", "go=order", "go=nothing", "last"]);

    let older = create(&bench.record, "r2", 0).await;
    give_order(&bench.record, &older, Order::Retry, "ann asked for it").await.unwrap();
    let input = serde_json::to_string(&["wait go 1000"]).unwrap();
    engine.client.start_orchestration_versioned(older.as_str(), INTERPRETER, "1.0.0", input).await.unwrap();
    engine.begun(older.as_str()).await.unwrap();
    engine.launch_text(&older, String::new()).await.unwrap();
    assert_eq!(engine.ended(&older).await, Ok(Ending::Succeeded));
    assert_eq!(bench.log.lines().last().map(String::as_str), Some("go=nothing"));
    engine.stop().await;
}

#[tokio::test]
async fn a_run_that_succeeded_is_interpreted_anew_for_its_rollback_only() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    for (orders, end) in [(["act a", "end succeeded"], Ending::Succeeded), (["act b", "end rolled_back"], Ending::Succeeded)] {
        bench.launch(&engine, &orders).await;
        assert_eq!(bench.ended(&engine).await, Ok(end), "{orders:?}");
    }
    give_order(&bench.record, &bench.run, Order::Rollback, "ann asked for it").await.unwrap();
    for _ in 0..2 {
        bench.launch(&engine, &["act c", "end rolled_back"]).await;
        assert_eq!(bench.ended(&engine).await, Ok(Ending::RolledBack));
    }
    assert_eq!(bench.log.lines(), ["a", "c"]);
    engine.stop().await;
}
