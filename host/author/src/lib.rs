//! The author's loop: a plugin from nothing, built, checked, tried and measured.
//!
//! [`create`] writes a new plugin, [`build`] makes its component, [`TestBed`] runs that component on the real plugin host, with a
//! script in the network's place and a clock that jumps: its scenarios, and the conformance kit that every plugin has to pass.
//! [`drive`] plays one step from start to end, over whatever world it is given; a [`Recording`] plays one that a run recorded. Nothing here prints or reads the environment; the
//! room that does is `cli`. What a call may do is decided in `plugin`, and nowhere here.

mod bench;
mod build;
mod conformance;
mod drive;
mod error;
mod lang;
mod new;
mod replay;
mod scenario;
mod schema;
mod sdk;
mod sources;
mod stage;
mod test_bed;

pub use bench::{Measured, bench};
pub use build::{Built, build, build_changed, component_of};
pub use drive::{End, Outside, Step, Story, Woken, drive, grants_for, plain_run};
pub use error::AuthorError;
pub use lang::{Lang, has_interpreter};
pub use new::{NewPlugin, create};
pub use replay::{Gap, Missing, Recording, Replayed};
pub use scenario::{Mismatch, Scenario, read_all, read_named};
pub use schema::inspect;
pub use test_bed::{Checked, Place, TestBed};

#[cfg(test)]
mod tests;
