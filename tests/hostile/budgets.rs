//! Space: memory, tables, handles, the stack, instances, and what crosses between a guest and its host.

use shiftgate_model::{Millis, PluginKind};
use shiftgate_plugin::Budgets;

use super::guests::{Text, verification, with_section};
use super::stage::{ANSWER, Attack, Row, Stage, body, row, text};

use PluginKind::Verification;

pub(super) const ROWS: usize = 29;

const STEP: &str = "step `phase-1/verify-1`";
const STREAMS: &str = r#"
    (import "wasi:io/streams@0.2.6" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))"#;
const RANDOM: &str = r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $random (param i64 i32)))"#;

/// A good plugin that also makes what `inside` (a component's text) makes.
fn around(inside: &str) -> Attack {
    let guest = verification(ANSWER, "");
    let nested = guest_sections(&guest).into_iter().filter(|id| *id == COMPONENT).count();
    let place = u8::try_from(nested).expect("few components");
    let inside = wat::parse_str(inside).expect("a component");
    Attack::start(with_section(with_section(guest, COMPONENT, &inside), INSTANCE, &[1, 0, place, 0]))
}

const COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;

/// The ids of a component's own sections.
fn guest_sections(component: &[u8]) -> Vec<u8> {
    let (mut ids, mut at) = (Vec::new(), 8);
    while let Some(id) = component.get(at) {
        ids.push(*id);
        at += 1;
        let (mut size, mut shift) = (0_usize, 0);
        loop {
            let byte = component.get(at).copied().expect("a length");
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += size;
    }
    ids
}

/// A component that makes `count` instances of one core module.
fn instances(count: usize, module: &str) -> String {
    format!("(component (core module $m {module}) {})", "(core instance (instantiate $m))".repeat(count))
}

fn memory() -> Vec<Row> {
    let bomb = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let second = "(drop (memory.grow $s (i32.const 8))) (drop (memory.grow $s (i32.const 8))) unreachable";
    let memory = &[STEP, "budget `memory` of 1 MiB"];
    vec![
        row("memory that grows by a page", body(bomb, ""), memory),
        row("memory that grows at once", body("(drop (memory.grow (i32.const 60000))) unreachable", ""), memory),
        row("memory that is large from the beginning", body(ANSWER, "(memory $s 2000)"), memory),
        row("a second memory that grows", body(second, "(memory $s 1)"), memory),
        row("memory of four instances together", around(&instances(3, "(memory 8)")), memory),
        row("five memories", body(ANSWER, &"(memory 1)".repeat(4)), &["built to take more than a plugin may", "5"]),
        row("forty memories", around(&instances(40, "(memory 1)")), &["built to take more than a plugin may", "41", "4"]),
        row("data beyond the memory", body(ANSWER, r#"(data (i32.const 262143) "ab")"#), &[STEP, "out of bounds"]),
    ]
}

fn tables() -> Vec<Row> {
    let grows = "(drop (table.grow $t (ref.null func) (i32.const 30000))) unreachable";
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (local.get 0)))";
    let wide = format!(
        "(func $deep (param i32) (result i32) (local {}) (i32.add (call $deep (local.get 0)) (local.get 0)))",
        "i64 ".repeat(5_000)
    );
    let indirect = "(type $f (func (result i32))) (table $t 1 funcref) (elem (i32.const 0) $again)
        (func $again (result i32) (i32.add (call_indirect $t (type $f) (i32.const 0)) (i32.const 1)))";
    let stack = &[STEP, "budget `call stack` of 512 KiB"];
    vec![
        row(
            "a table that grows",
            body(grows, "(table $t 1 funcref)"),
            &[STEP, "budget `table elements` of 20000: it asked for 30001"],
        ),
        row(
            "a table that is large from the beginning",
            body(ANSWER, "(table 30000 funcref)"),
            &["built to take more than a plugin may", "20000"],
        ),
        row("twenty tables", around(&instances(20, "(table 1 funcref)")), &["built to take more than a plugin may"]),
        row("sixty instances", around(&instances(60, "")), &["built to take more than a plugin may", "50"]),
        row("deep recursion", body("(drop (call $deep (i32.const 1))) unreachable", deep), stack),
        row("recursion with large frames", body("(drop (call $deep (i32.const 1))) unreachable", &wide), stack),
        row("recursion through a table", body("(drop (call $again)) unreachable", indirect), stack),
    ]
}

fn crossing() -> Vec<Row> {
    let leak = "(loop $more (drop (call $stderr)) (br $more)) unreachable";
    let leak = Text { start: leak, talkative: true, ..Text::default() };
    let zeroes = format!("(call $zeroes (call $stderr) (i64.const 1099511627776) (i32.const 512)) {ANSWER}");
    let zeroes = Text { start: &zeroes, talkative: true, imports: STREAMS, ..Text::default() };
    let random = format!("(call $random (i64.const 1099511627776) (i32.const 512)) {ANSWER}");
    let random = Text { start: &random, talkative: true, imports: RANDOM, ..Text::default() };
    let named = "(func $_ZN5guest5judge6refuse17h0123456789abcdefE unreachable)";
    let fails = "(call $_ZN5guest5judge6refuse17h0123456789abcdefE) unreachable";
    let exit = Text { start: "(call $exit (i32.const 1)) unreachable", talkative: true, ..Text::default() };
    let log = |at: u32, length: u32| format!("(call $log (i32.const 1) (i32.const {at}) (i32.const {length})) {ANSWER}");
    let send = |headers: u32, body: u32| {
        format!(
            "(call $send (i32.const 0) (i32.const 3) (i32.const 8) (i32.const 8) (i32.const 131072) (i32.const {headers})
               (i32.const 0) (i32.const {body}) (i32.const 0) (i64.const 0) (i32.const 3) (i32.const 512)) {ANSWER}"
        )
    };
    // A thousand findings that are all the same 200,000 bytes of memory.
    let findings = format!(
        "(local $at i32) (local.set $at (i32.const 8192))
         (loop $more
           (i32.store offset=4 (local.get $at) (i32.const 0)) (i32.store offset=8 (local.get $at) (i32.const 200000))
           (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 12))) (i32.const 20192))))
         (i32.store (i32.const 1052) (i32.const 8192)) (i32.store (i32.const 1056) (i32.const 1000)) {ANSWER}"
    );
    let crosses = &[STEP, "budget `host-call bytes` of 97.6 KiB"];
    let crashed = &[STEP, "component sha256", "compute time"];
    vec![
        row("handles that are never dropped", text(Verification, &leak), &[STEP, "budget `handles` of 1000"]),
        row("a long text to the host", body(&log(0, 200_000), ""), crosses),
        row("eight thousand headers", body(&send(8_000, 0), ""), crosses),
        row("a long request", body(&send(0, 200_000), ""), crosses),
        row("one text, a thousand times", body(&findings, ""), crosses),
        row("a list beyond the memory", body(&send(0x7fff_ffff, 0), ""), crashed),
        row("a text beyond the memory", body(&log(0x7fff_ffff, 16), ""), crashed),
        row("a text that is no UTF-8", body(&log(2048, 4), r#"(data (i32.const 2048) "\ff\fe\80\c0")"#), crashed),
        row("an answer beyond the memory", body("(i32.const -8)", ""), crashed),
        row("an answer of no kind", body("(i32.store8 (i32.const 1024) (i32.const 9)) (i32.const 1024)", ""), crashed),
        row("a crash in a function with a name", body(fails, named), &[STEP, "it crashed", "in guest::judge::refuse < start"]),
        row("a terabyte of zeroes on standard error", text(Verification, &zeroes), crashed),
        row("a terabyte of random bytes", text(Verification, &random), crashed),
    ]
    .into_iter()
    .chain([row("an exit", text(Verification, &exit), &[STEP, "ended itself with exit status 1"])])
    .collect()
}

#[tokio::test]
async fn space_ends() {
    let budgets = Budgets {
        memory_bytes: 1 << 20,
        host_call_bytes: 100_000,
        start_compute: Millis::seconds(2),
        wall: Millis::seconds(8),
        ..Budgets::default()
    };
    let rows = memory().into_iter().chain(tables()).chain(crossing()).collect();
    Stage::new(budgets).play("budgets", ROWS, rows).await;
}
