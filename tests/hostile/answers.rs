//! Answers: too many, too large, not what the contract promises, or out of turn.

use shiftgate_model::{ActionState, Call, Digest, Ending, Limit, Limits, PluginKind, Seal, Wake};
use shiftgate_plugin::Budgets;

use super::guests::{Text, guest, manifest};
use super::stage::{ANSWER, Attack, Row, Stage, body, row, text};

use PluginKind::{Approval, Verification, WrapUp};

pub(super) const ROWS: usize = 33;

const STEP: &str = "step `phase-1/verify-1`";
const BROKE: &str = "the plugin broke the contract";

/// Stores a word at an offset of the answer.
fn put(offset: u32, value: usize) -> String {
    format!("(i32.store (i32.const {}) (i32.const {value}))", 1024 + offset)
}

/// Stores a word at 4096 and on.
fn at(offset: u32, value: usize) -> String {
    format!("(i32.store (i32.const {}) (i32.const {value}))", 4096 + offset)
}

/// A report that begins with these stores.
fn report(stores: &[String], more: &str) -> Attack {
    body(&format!("{} {ANSWER}", stores.concat()), more)
}

fn text_at_2048(text: &str) -> String {
    text_at(2048, text)
}

fn text_at(place: u32, text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(data (i32.const {place}) "{escaped}")"#)
}

/// One metric with that value; the report says `pass`.
fn metric(value: &str, verdict: usize) -> Attack {
    let value = format!("(f64.store (i32.const 4112) (f64.const {value}))");
    let stores = [put(36, 4096), put(40, 1), at(0, 2048), at(4, 4), at(8, 1), value, at(40, verdict)];
    report(&stores, &text_at_2048("rate"))
}

/// A wait with a state of `state` bytes, `signals` signals of that name, and a time or none.
fn wait(state: usize, signals: usize, name: &str, after: bool) -> Attack {
    let list: String = (0..signals)
        .map(|index| {
            let offset = u32::try_from(index * 8).expect("few signals");
            at(offset, 2048) + &at(offset + 4, name.len())
        })
        .collect();
    let stores =
        [put(8, 1), put(16, 1), put(20, 0), put(24, state), put(32, usize::from(after)), put(48, 4096), put(52, signals), list];
    report(&stores, &text_at_2048(name))
}

fn too_much() -> Vec<Row> {
    let problems = format!("{} {} {ANSWER}", put(0, 131_072), put(4, 1_001));
    let validate = Text { validate: &problems, ..Text::default() };
    let list = |offset: u32, count: usize| report(&[put(offset, 131_072), put(offset + 4, count)], "");
    let ballots = format!("{} {} {ANSWER}", put(8, 131_072), put(12, 1_001));
    let ballots = Text { start: &ballots, ..Text::default() };
    let actions = format!("{} {} {ANSWER}", put(16, 131_072), put(20, 1_001));
    let actions = Text { start: &actions, ..Text::default() };
    let summary = || Call::Start { summary: Some((Ending::Succeeded, String::new())) };
    let lines = "(local $n i32) (loop $more (call $log (i32.const 1) (i32.const 2048) (i32.const 8))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000)))) (i32.const 1024)";
    let long = "(call $log (i32.const 1) (i32.const 131072) (i32.const 120000)) (i32.const 1024)";
    let far = "(call $progress (i32.const 131072) (i32.const 120000)) (i32.const 1024)";
    let error = [put(0, 1), put(8, 131_072), put(12, 100_000), put(16, 131_072), put(20, 100_000)];
    let evidence = |json: &str| {
        report(&[put(44, 4096), put(48, 1), at(0, 2048), at(4, 0), at(8, 131_072), at(12, json.len())], &text_at(131_072, json))
    };
    vec![
        row("a state that is too large", wait(65_537, 0, "", true), &[STEP, "budget `state` of 64 KiB: it used 65537 bytes"]),
        row("a thousand and one findings", list(28, 1_001), &[STEP, "budget `findings` of 1000: it answered with 1001"]),
        row("a thousand and one metrics", list(36, 1_001), &[STEP, "budget `metrics` of 1000: it answered with 1001"]),
        row("a thousand and one ballots", text(Approval, &ballots), &[STEP, "budget `ballots` of 1000"]),
        row("a thousand and one actions", text(WrapUp, &actions).action(summary()), &[STEP, "budget `actions` of 1000"]),
        row(
            "a thousand and one problems",
            text(Verification, &validate).action(Call::Validate),
            &[STEP, "budget `config problems` of 1000"],
        ),
        row(
            "a summary beyond the outputs",
            report(&[put(20, 131_072), put(24, 120_000)], "").limits(Limits::from([(Limit::Outputs, 100_000)])),
            &[STEP, "budget `outputs` of 97.6 KiB"],
        ),
        row("a summary of 120,000 bytes", report(&[put(20, 131_072), put(24, 120_000)], ""), &["…"]),
        row("five thousand lines of log", body(lines, ""), &["4000 more lines were left out"]),
        row("a line of 120,000 bytes", body(long, ""), &["…"]),
        row("progress of 120,000 bytes", body(far, ""), &["…"]),
        row("an error of 200,000 bytes", report(&error, ""), &["…"]),
        row("JSON that is deep", evidence(&"[".repeat(100_000)), &[BROKE, "is not JSON: recursion limit exceeded"]),
        row("JSON that is none", evidence("{\"a\":"), &[BROKE, "is not JSON"]),
        row("a number beyond numbers", evidence("1e999"), &[BROKE, "is not JSON"]),
        row("evidence with characters that turn text", evidence("\"\\u001b]0;x\\u0007\""), &["pass", "\\u001b]0;x\\u0007"]),
    ]
}

fn promises() -> Vec<Row> {
    let failing = [put(28, 4096), put(32, 1), at(0, 2), at(4, 2048), at(8, 4)];
    let nobody = format!("{} {} {ANSWER}", put(8, 4096), put(12, 1));
    let nobody = Text { start: &nobody, ..Text::default() };
    let ages = [put(8, 1), put(32, 1), "(i64.store (i32.const 1064) (i64.const -1))".to_owned()];
    let forever = "it wants to wait, and names neither a time nor a signal to be woken by";
    vec![
        row("a metric that is NaN", metric("nan", 0), &["inconclusive", BROKE, "the metric `rate` has no value"]),
        row("a metric that is a signalling NaN", metric("nan:0x4000000000000", 0), &["inconclusive", BROKE]),
        row("a metric that is infinite", metric("inf", 0), &["inconclusive", BROKE, "the metric `rate` has no value"]),
        row("a metric that is minus infinity", metric("-inf", 0), &["inconclusive", BROKE]),
        row("a pass with a failing metric", metric("1", 2), &["inconclusive", BROKE, "failing metrics: rate"]),
        row(
            "a pass with a failing finding",
            report(&failing, &text_at_2048("seen")),
            &["inconclusive", BROKE, "1 failing finding"],
        ),
        row("a pass without a value", metric("nan", 3), &["inconclusive", BROKE, "none of its metrics has a value"]),
        row("a wait without a wake", wait(0, 0, "", false), &["inconclusive", forever]),
        row("a wait of half an eternity", report(&ages, ""), &["inconclusive", BROKE, "it wants to wait "]),
        row("a wait for seventeen signals", wait(0, 17, "ballot", false), &["inconclusive", "17 signals; 16 are the most"]),
        row("a signal with an escape in its name", wait(0, 1, "bal\u{1b}[2Jlot", false), &["inconclusive", "bal\\\\u{1b}[2Jlot"]),
        row("a ballot of nobody", text(Approval, &nobody), &[STEP, "it claims a ballot of nobody"]),
    ]
}

/// Calls with a state that is not the step's own.
fn out_of_turn() -> Vec<Row> {
    let seal = |plugin: &str| Some(Box::new(Seal { plugin: Digest(plugin.repeat(64)), polls: 1, check: Digest("0".repeat(64)) }));
    let poll = |state: ActionState| Call::Poll { state, wake: Wake::Timer };
    let plain = Text::default();
    let mut versions = manifest(Verification);
    versions["state"] = serde_json::json!({ "writes": 2, "reads": [2] });
    let versions = || Attack::start(guest(Verification, &Text::default(), &versions));
    vec![
        row("a poll after it was done", text(Verification, &plain).action(poll(ActionState::new(0, Vec::new()))), &["pass"]),
        row(
            "a poll with another component's state",
            text(Verification, &plain).action(poll(ActionState { seal: seal("a"), ..ActionState::new(1, vec![1]) })),
            &[STEP, "its saved state is of the component with sha256 aaaa"],
        ),
        row(
            "a cancel with another component's state",
            text(Verification, &plain)
                .action(Call::Cancel { state: ActionState { seal: seal("a"), ..ActionState::new(1, vec![1]) } }),
            &[STEP, "its saved state is of the component with sha256 aaaa"],
        ),
        row(
            "a state of a version that it does not read",
            versions().action(poll(ActionState::new(1, Vec::new()))),
            &[STEP, "the saved state is of version 1; this component reads 2"],
        ),
        row("a wrap-up without the run's summary", text(WrapUp, &plain), &[STEP, "a wrap-up starts with the run's summary"]),
    ]
}

#[tokio::test]
async fn answers_are_held_against_the_contract() {
    let rows = too_much().into_iter().chain(promises()).chain(out_of_turn()).collect();
    Stage::new(Budgets::default()).play("answers", ROWS, rows).await;
}
