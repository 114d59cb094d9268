//! The files that `shiftgate init` writes.

use crate::Strategy;

/// Which file to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// All at once.
    Basic,
    /// In phases.
    Canary,
    /// Blue/green with instant traffic shift: production and stage swap.
    Swap,
    /// Blue/green with incremental traffic shift: weights move.
    Shift,
}

impl From<Strategy> for Template {
    /// Blue/green alone is the swap.
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Basic => Self::Basic,
            Strategy::Canary => Self::Canary,
            Strategy::BlueGreen => Self::Swap,
        }
    }
}

/// A whole workflow file with comments, valid as it stands beside an `elastigroup.json`.
#[must_use]
pub fn template(which: impl Into<Template>) -> String {
    match which.into() {
        Template::Basic => include_str!("templates/basic.yaml"),
        Template::Canary => include_str!("templates/canary.yaml"),
        Template::Swap => include_str!("templates/swap.yaml"),
        Template::Shift => include_str!("templates/shift.yaml"),
    }
    .to_owned()
}

/// A console export with invented ids, to stand beside a [`template`] until the user's own does.
#[must_use]
pub fn elastigroup_example() -> String {
    include_str!("../../../docs/examples/elastigroup.json").to_owned()
}
