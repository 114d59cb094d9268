//! End to end: the program as a user runs it, against the simulated account, and the rules of the house.
//!
//! `author` writes plugins and tests them; `campaign` kills the program at every moment and has it go on; `cases` runs every folder of
//! `tests/cases`, with `deeds` for what others do to the account meanwhile; `commands` is everything else that a user types;
//! `detection` counts how often a verification is right; `golden` goes on with runs of earlier releases; `guests` plays plugins of
//! other languages; `policy` is what an operator allows; `replay` judges again; `providers` and `vendors` let plugins meet what others wrote;
//! `report` shows how a run went; `house_rules` holds the import table and the sizes. One binary, because linking the whole program
//! takes longer than running it.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and stops")]

mod author;
mod campaign;
mod cases;
mod commands;
mod deeds;
mod detection;
mod faults;
mod golden;
mod guests;
mod hostile;
mod house_rules;
mod plan;
mod policy;
#[path = "../host/store/src/fixture/postgres.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "the store's own tests use the rest of it; it says why it is skipped")]
mod postgres;
mod program;
mod providers;
mod replay;
mod report;
mod storage;
mod traffic;
mod vendors;
mod workers;

use shiftgate_store::PostgresUrl;
