//! Expressions: `${input.x}` in any text of the file, with minijinja's language inside the braces.
//!
//! Each text is looked at once: what an expression yields is never expanded again. A name that only a run knows stays
//! [deferred](fill()), between two characters that no user text may hold. Reads no file. The next module is `meaning`.

mod engine;
mod fill;
mod pieces;
mod scope;

pub use fill::{FillError, fill, fill_text};

pub(crate) use engine::{Engine, Granted, Outcome, Text, secret_name};
#[cfg(test)]
pub(crate) use scope::{FACTS, SPACES};
pub(crate) use scope::{Scope, is_name};
