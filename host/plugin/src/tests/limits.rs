//! Guests that take too much: each budget ends them, and says so.

use super::guests::{Text, guest, manifest, verification};
use super::*;

use PluginKind::Verification;
use shiftgate_model::{ActionState, Millis, Wake};

const ANSWER: &str = "(i32.const 1024)";
const FOREVER: &str = "(loop $forever (br $forever)) unreachable";

/// What a start of this text says under `budgets`.
async fn refusal(budgets: Budgets, start: &str, more: &str) -> String {
    let world = World::with(budgets);
    match world.start(&verification(start, more)).await {
        Ok(reply) => shape(&reply.outcome),
        Err(error) => world.told(&error),
    }
}

#[tokio::test]
async fn an_endless_loop_ends_with_the_compute_budget() {
    let budgets = Budgets { start_compute: Millis(30), poll_compute: Millis(50), ..Budgets::default() };
    insta::assert_snapshot!(refusal(budgets.clone(), FOREVER, "").await, @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `compute time` of 30ms: it was still computing
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");

    let world = World::with(budgets);
    let text = Text { poll: FOREVER, validate: FOREVER, ..Text::default() };
    let source = world.source(&guest(Verification, &text, &manifest(Verification)));
    let poll = Call::Poll { state: ActionState::new(1, vec![]), wake: Wake::Timer };
    for action in [poll, Call::Validate] {
        let error = world.call(&source, Verification, action).await.unwrap_err();
        assert!(error.message.contains("`compute time` of 50ms"), "{error}");
        assert!(!error.retryable);
    }
}

#[tokio::test]
async fn an_endless_start_function_ends_too() {
    let budgets = Budgets { start_compute: Millis(30), ..Budgets::default() };
    let told = refusal(budgets, ANSWER, "(func $init (loop $forever (br $forever))) (start $init)").await;
    assert!(told.contains("`compute time` of 30ms"), "{told}");
}

#[tokio::test]
async fn a_loop_leaves_the_thread_to_others() {
    let world = World::with(Budgets { start_compute: Millis(100), ..Budgets::default() });
    let source = world.source(&verification(FOREVER, ""));
    world.plugins.prepare(&source, Verification).await.unwrap();
    let turns = std::cell::Cell::new(0_u32);
    let others = async {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = world.call(&source, Verification, Call::Start { summary: None }) => assert!(ended.is_err()),
        () = others => {}
    }
    assert!(turns.get() >= 5, "{}", turns.get());
}

#[tokio::test]
async fn memory_is_bounded_over_all_memories() {
    let budgets = Budgets { memory_bytes: 1 << 20, ..Budgets::default() };
    let bomb = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    insta::assert_snapshot!(refusal(budgets.clone(), bomb, "").await, @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `memory` of 1 MiB: it had 1 MiB and asked for 64 KiB more
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
    let handled = format!("(drop (memory.grow (i32.const 1000))) {ANSWER}");
    assert_eq!(refusal(budgets.clone(), &handled, "").await, "pass: ");
    let second = "(drop (memory.grow $second (i32.const 8))) (drop (memory.grow $second (i32.const 8))) unreachable";
    let told = refusal(budgets.clone(), second, "(memory $second 1)").await;
    assert!(told.contains("`memory` of 1 MiB"), "{told}");
    let large = refusal(budgets, ANSWER, "(memory $second 20)").await;
    assert!(large.contains("`memory` of 1 MiB"), "{large}");
}

#[tokio::test]
async fn a_component_that_cannot_fit_is_told_so() {
    let many = "(memory 1) (memory 1) (memory 1) (memory 1)";
    insta::assert_snapshot!(refusal(Budgets::default(), ANSWER, many).await, @r"
plugin `guest`: `DIR/guest.wasm` is built to take more than a plugin may: module memory does not fit in pooling allocator requirements: defined memories count of 5 exceeds the per-instance limit of 4
  hint: build it with fewer or smaller memories, tables and instances
");
    insta::assert_snapshot!(refusal(Budgets::default(), ANSWER, "(memory 2000)").await, @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `memory` of 64 MiB: it had 256 KiB and asked for 125 MiB more
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
    insta::assert_snapshot!(refusal(Budgets::default(), ANSWER, "(table 30000 funcref)").await, @r"
plugin `guest`: `DIR/guest.wasm` is built to take more than a plugin may: module table does not fit in pooling allocator requirements: table index 0 has a minimum element size of 30000 which exceeds the limit of 20000
  hint: build it with fewer or smaller memories, tables and instances
");
}

#[tokio::test]
async fn tables_and_the_stack_are_bounded() {
    let table = "(drop (table.grow $t (ref.null func) (i32.const 30000))) unreachable";
    let told = refusal(Budgets::default(), table, "(table $t 1 funcref)").await;
    assert!(told.contains("`table elements` of 20000"), "{told}");
    let deep = "(drop (call $deep (i32.const 1))) unreachable";
    let told = refusal(
        Budgets::default(),
        deep,
        "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (local.get 0)))",
    )
    .await;
    assert!(told.contains("`call stack` of 512 KiB"), "{told}");
}

#[tokio::test]
async fn what_crosses_to_the_host_is_bounded() {
    let budgets = Budgets { host_call_bytes: 100_000, ..Budgets::default() };
    let log = "(call $log (i32.const 1) (i32.const 0) (i32.const 200000)) (i32.const 1024)";
    insta::assert_snapshot!(refusal(budgets, log, "").await, @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `host-call bytes` of 97.6 KiB: it passed more in one call to the host, or in its answer
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
}

#[tokio::test]
async fn answers_are_bounded_by_their_own_budgets() {
    let budgets = Budgets { findings: 3, metrics: 3, output_bytes: 100, state_bytes: 10, ..Budgets::default() };
    let put = |offset: u32, value: u32| format!("(i32.store (i32.const {}) (i32.const {value}))", 1024 + offset);
    let list = |offset, count| format!("{} {} {ANSWER}", put(offset, 8192), put(offset + 4, count));
    let mut told = Vec::new();
    for start in [
        list(28, 4),
        list(36, 4),
        list(20, 101),
        format!("{} {} {} {} {ANSWER}", put(8, 1), put(20, 8192), put(24, 11), put(32, 1)),
    ] {
        told.push(refusal(budgets.clone(), &start, "").await);
    }
    insta::assert_snapshot!(told.join("\n"), @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `findings` of 3: it answered with 4
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
plugin `guest`: step `phase-1/verify-1`: it used up its budget `metrics` of 3: it answered with 4
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
plugin `guest`: step `phase-1/verify-1`: it used up its budget `outputs` of 100 bytes: it used 101 bytes
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
plugin `guest`: step `phase-1/verify-1`: it used up its budget `state` of 10 bytes: it used 11 bytes
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
}

#[tokio::test]
async fn too_much_log_is_counted_and_no_error() {
    let world = World::with(Budgets { log_lines: 2, ..Budgets::default() });
    let line = "(call $log (i32.const 1) (i32.const 2048) (i32.const 2))";
    let start = format!("{line} {line} {line} {line} {ANSWER}");
    let reply = world.start(&verification(&start, r#"(data (i32.const 2048) "hi")"#)).await.unwrap();
    let messages: Vec<_> = reply.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(messages, ["hi", "hi", "2 more lines were left out: the log holds 2 lines and 262144 bytes a call"]);
}

#[tokio::test]
async fn a_crash_is_reported_with_its_panic_and_its_place() {
    let world = World::new();
    let panic = "thread 'main' panicked at src/lib.rs:3:5:\\0aboom\\0anote: run with a backtrace\\0a";
    let more = format!(
        r#"(data (i32.const 2048) "{panic}")
           (func $explode (call $write (call $stderr) (i32.const 2048) (i32.const 72) (i32.const 512)) unreachable)"#
    );
    let text = Text { start: "(call $explode) unreachable", more: &more, talkative: true, ..Text::default() };
    let error = world.start(&guest(Verification, &text, &manifest(Verification))).await.unwrap_err();
    // On a busy machine the clock moves once or twice even in this.
    let told = ["10ms", "20ms", "30ms"]
        .iter()
        .fold(world.told(&error), |told, some| told.replace(&format!("and {some} of"), "and 0s of"));
    insta::assert_snapshot!(told, @r"
plugin `guest`: step `phase-1/verify-1`: it crashed: wasm trap: wasm `unreachable` instruction executed; it said: thread 'main' panicked at src/lib.rs:3:5: boom; in explode < start; component sha256 SHA; it had used 256 KiB of 64 MiB memory and 0s of 30s compute time
  hint: report it to the plugin's author, with this message
");
    assert!(!error.retryable);
    let fine = world.start(&verification(ANSWER, "")).await;
    assert!(fine.is_ok(), "the next call is not touched: {fine:?}");
}

#[tokio::test]
async fn an_exit_is_a_crash_and_not_the_hosts_end() {
    let world = World::new();
    let text = Text { start: "(call $exit (i32.const 1)) unreachable", talkative: true, ..Text::default() };
    let error = world.start(&guest(Verification, &text, &manifest(Verification))).await.unwrap_err();
    assert!(error.message.contains("ended itself with exit status 1"), "{error}");
}

#[tokio::test]
async fn many_calls_at_once_queue_for_their_place() {
    let world = World::with(Budgets { concurrent_calls: 2, ..Budgets::default() });
    let source = world.source(&verification(ANSWER, ""));
    let call = || world.call(&source, Verification, Call::Start { summary: None });
    let replies = tokio::join!(call(), call(), call(), call(), call(), call());
    let ok = [replies.0, replies.1, replies.2, replies.3, replies.4, replies.5].iter().all(Result::is_ok);
    assert!(ok);
}

#[tokio::test]
async fn without_room_for_a_pool_plugins_run_all_the_same() {
    // A million slots of 4 GiB each are more than an address space has.
    let budgets = Budgets { concurrent_calls: 1_000_000, memory_bytes: 1 << 20, ..Budgets::default() };
    assert_eq!(refusal(budgets.clone(), ANSWER, "").await, "pass: ");
    let told = refusal(budgets, ANSWER, "(memory $second 20)").await;
    assert!(told.contains("`memory` of 1 MiB"), "{told}");
}
