//! The hostile campaign: one small guest or input a row. Every row ends in the words that it has to end in, within its time,
//! and after each of them the same host runs a good plugin's step as if nothing had been.
//!
//! A chapter is a host with its rows; `docs/security.md` has the count. `guests` makes components on the spot, `stage` plays
//! rows, and each other file is a chapter.

#![expect(clippy::print_stdout, reason = "the campaign says how each row ended")]

mod answers;
mod budgets;
mod cache;
mod compiling;
mod files;
#[path = "../host/plugin/src/tests/guests.rs"]
#[expect(clippy::unwrap_used, reason = "the plugin host's own tests share it")]
mod guests;
mod manifests;
mod network;
mod secrets;
#[path = "../host/plugin/src/tests/server.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "the plugin host's own tests use all of it")]
pub(crate) mod server;
mod shown;
mod stage;
mod time;

use std::fs;

use crate::program::root;

/// Rows of each chapter; each chapter says that it has as many.
const CHAPTERS: [(&str, usize); 10] = [
    ("time", time::ROWS),
    ("budgets", budgets::ROWS),
    ("answers", answers::ROWS),
    ("files", files::ROWS),
    ("manifests", manifests::ROWS),
    ("compiling", compiling::ROWS),
    ("network", network::ROWS),
    ("secrets", secrets::ROWS),
    ("cache", cache::ROWS),
    ("shown", shown::ROWS),
];

#[test]
fn the_documentation_has_the_count() {
    let rows: usize = CHAPTERS.iter().map(|(_, rows)| rows).sum();
    let text = fs::read_to_string(root().join("docs/security.md")).expect("docs/security.md");
    assert!(text.contains(&format!("**{rows} rows**")), "docs/security.md has another count than {rows}: {CHAPTERS:?}");
}
