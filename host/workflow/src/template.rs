//! The files that `shiftgate init` writes.

use crate::Strategy;

/// A whole workflow file with comments, valid as it stands beside an `elastigroup.json`.
#[must_use]
pub fn template(strategy: Strategy) -> String {
    match strategy {
        Strategy::Basic => include_str!("templates/basic.yaml"),
        Strategy::Canary => include_str!("templates/canary.yaml"),
    }
    .to_owned()
}

/// A console export with invented ids, to stand beside a [`template`] until the user's own does.
#[must_use]
pub fn elastigroup_example() -> String {
    include_str!("../../../docs/examples/elastigroup.json").to_owned()
}
