//! Durable execution and state: what survives a killed process.
//!
//! Two kinds of file, never one. The [`Record`], `state.db`, fully synced: runs, events, the ledger of effects, locks of
//! group families, ballots; ours, and the truth. And an [`Engine`], `engine.db`: duroxide's journal, which lets the
//! interpreter go on where it stood. In PostgreSQL both lie in one database, a schema each, and many hosts work on them:
//! docs/adr/0011-postgresql-for-many-hosts.md. A journal that loses its last moments repeats activities, and the ledger makes that
//! harmless; so only the record is synced on every write. Nothing here knows a cloud or a plugin, and nothing prints.
//! The ports that it implements are in `model`, [`Durable`](shiftgate_engine::Durable) and
//! [`Runs`](shiftgate_engine::Runs) in `engine`; the next room is `cli`, which wires.

mod adapter;
mod at;
mod clock;
mod engine;
mod fault;
mod file;
#[cfg(test)]
mod fixture;
mod journal;
mod record;

pub use at::{JournalAt, PostgresUrl, StoreAt};
pub use clock::SystemClock;
pub use engine::{ActivitiesOf, Engine, EngineError, EngineOptions};
pub use record::{CastBallot, DriveError, DriverLock, Found, NewRun, Record, RunRow, Worker};
