//! Time: guests that never end, in every function that the host calls, computing and waiting.

use serde_json::json;
use shiftgate_model::{ActionState, Call, Ending, Grants, HttpGrant, Millis, PluginKind, Wake};
use shiftgate_plugin::Budgets;

use super::guests::{Text, fetcher};
use super::server::Server;
use super::stage::{ANSWER, Attack, Row, Stage, body, row, text};

use PluginKind::{Approval, Verification, WrapUp};

pub(super) const ROWS: usize = 20;

const FOREVER: &str = "(loop $forever (br $forever)) unreachable";
const COMPUTE: &str = "budget `compute time` of 200ms: it was still computing";
const WALL: &str = "budget `wall time` of 1s: the call had not ended";
const STEP: &str = "step `phase-1/verify-1`";

/// Text at 2048 and what a call of it needs.
const CLOCK: &str = r#"
    (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $after (param i64) (result i32)))
    (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#;
const RANDOM: &str = r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))"#;

fn saved() -> ActionState {
    ActionState::new(1, Vec::new())
}

fn poll() -> Call {
    Call::Poll { state: saved(), wake: Wake::Timer }
}

fn computing() -> Vec<Row> {
    let everywhere = Text { start: FOREVER, poll: FOREVER, validate: FOREVER, cancel: FOREVER, ..Text::default() };
    let ends = &[STEP, COMPUTE];
    let summary = Some((Ending::Succeeded, String::new()));
    let realloc = Text { realloc: "(loop $forever (br $forever))", ..Text::default() };
    let host = |call: &str| format!("(loop $more {call} (br $more)) unreachable");
    let denied = "(call $send (i32.const 0) (i32.const 3) (i32.const 8) (i32.const 8) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 3) (i32.const 512))
        (global.set $heap (i32.const 65536))";
    let random = host("(call $random (i64.const 65536) (i32.const 512)) (global.set $heap (i32.const 65536))");
    let random = Text { start: &random, talkative: true, imports: RANDOM, ..Text::default() };
    vec![
        row("a loop in start", text(Verification, &everywhere), ends),
        row("a loop in poll", text(Verification, &everywhere).action(poll()), ends),
        row("a loop in validate", text(Verification, &everywhere).action(Call::Validate), ends),
        row("a loop in cancel", text(Verification, &everywhere).action(Call::Cancel { state: saved() }), ends),
        row("a loop in an approval", text(Approval, &everywhere), ends),
        row("a loop in a wrap-up", text(WrapUp, &everywhere).action(Call::Start { summary }), ends),
        row("a loop in the core start function", body(ANSWER, "(func $init (loop $l (br $l))) (start $init)"), ends),
        row("a loop in cabi_realloc", text(Verification, &realloc), ends),
        row("a loop of tail calls", body("(call $spin) unreachable", "(func $spin (return_call $spin))"), ends),
        row("a loop of host calls", body(&host("(drop (call $now))"), ""), ends),
        row("a loop of log lines", body(&host("(call $log (i32.const 1) (i32.const 0) (i32.const 64))"), ""), ends),
        row("a loop of progress", body(&host("(call $progress (i32.const 0) (i32.const 60000))"), ""), ends),
        row("a loop of requests", body(&host(denied), r#"(data (i32.const 0) "GET     http://a")"#), ends),
        row("a loop of large fills", body(&host("(memory.fill (i32.const 0) (i32.const 1) (i32.const 262144))"), ""), ends),
        row("a loop of random bytes", text(Verification, &random), ends),
    ]
}

/// Waits that nothing of the guest's own ends.
fn waiting(silent: &Server) -> Vec<Row> {
    let ends = &[STEP, WALL];
    let hour = format!("(call $block (call $after (i64.const 3600000000000))) {ANSWER}");
    let sleeps =
        Text { start: &hour, poll: &hour, validate: &hour, cancel: &hour, talkative: true, imports: CLOCK, ..Text::default() };
    let init = Text {
        more: "(func $init (call $block (call $after (i64.const -1)))) (start $init)",
        talkative: true,
        imports: CLOCK,
        ..Text::default()
    };
    let url = silent.origin();
    let grant = HttpGrant { addresses: vec!["127.0.0.0/8".into()], ..HttpGrant::new(&url, &["GET"]) };
    let asks = Attack::start(fetcher(&url)).with(json!({ "url": url }), Grants::of(vec![grant]));
    vec![
        row("a sleep of an hour", text(Verification, &sleeps), ends),
        row("a cancel that hangs in a host call", text(Verification, &sleeps).action(Call::Cancel { state: saved() }), ends),
        row("a validate that hangs in a host call", text(Verification, &sleeps).action(Call::Validate), ends),
        row("a sleep of centuries in the core start function", text(Verification, &init), ends),
        row("a server that never answers", asks, ends),
    ]
}

#[tokio::test]
async fn time_ends() {
    let silent = Server::start(|_| String::new()).await;
    let budgets =
        Budgets { start_compute: Millis(200), poll_compute: Millis(200), wall: Millis::seconds(1), ..Budgets::default() };
    let stage = Stage::new(budgets);
    let rows = computing().into_iter().chain(waiting(&silent)).collect();
    stage.play("time", ROWS, rows).await;
}
