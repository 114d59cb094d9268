//! Compiling: a few kilobytes that would keep a compiler busy for minutes, in a child with little time and memory.

use shiftgate_model::Millis;
use shiftgate_plugin::{Budgets, Compiler, PluginsConfig};

use super::guests::{length, verification, with_section};
use super::stage::{ANSWER, Attack, Row, Stage, row};

pub(super) const ROWS: usize = 3;

fn child() -> Compiler {
    Compiler::Child { program: env!("CARGO_BIN_EXE_shiftgate").into(), args: vec!["compile-component".to_owned()] }
}

/// A guest with functions of 300 loops in each other over 300 values that are all alive through all of them.
fn bomb(functions: usize) -> Vec<u8> {
    const DEEP: usize = 300;
    let values: String =
        (0..DEEP).map(|at| format!("(local.set {at} (i64.add (local.get {at}) (local.get {})))", (at * 7 + 3) % DEEP)).collect();
    let ends: String = (0..DEEP).map(|at| format!("(br_if 0 (i64.eqz (local.get {at}))))")).collect();
    let one = format!("(func (local {}) {} {values} {ends})", "i64 ".repeat(DEEP), "(loop ".repeat(DEEP));
    verification(ANSWER, &one.repeat(functions))
}

/// A good plugin with a core module of so many bytes of data in it.
fn heavy(bytes: usize) -> Vec<u8> {
    let memory = with_section(b"\0asm\x01\0\0\0".to_vec(), 5, &[1, 0, 1]);
    let data = [&[1, 0, 0x41, 0, 0x0b][..], &length(bytes), &vec![b'a'; bytes]].concat();
    with_section(verification(ANSWER, ""), 1, &with_section(memory, 11, &data))
}

fn rows() -> Vec<Row> {
    vec![
        row("nested loops over many locals", Attack::start(bomb(1)), &["pass"]),
        row(
            "more of them than even quick code can be made of",
            Attack::start(bomb(40)),
            &["is too hard to compile", "s of processor time"],
        ),
    ]
}

#[tokio::test]
async fn compiling_ends() {
    let with = |budgets: Budgets| Stage::with(|config| PluginsConfig { budgets, compiler: child(), ..config });
    let quick = rows();
    let count = quick.len();
    with(Budgets { compile: Millis::seconds(1), ..Budgets::default() }).play("compiling", count, quick).await;
    let attack = Attack::start(heavy(100 << 20));
    let ends = &["is too hard to compile", "more than 300 MiB of memory"];
    let row = row("more memory than a compile may have", attack, ends);
    let small = Budgets { component_bytes: 128 << 20, compile_bytes: 300 << 20, ..Budgets::default() };
    with(small).play("compiling", ROWS - count, vec![row]).await;
}
