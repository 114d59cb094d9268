//! What a plugin saves over a wait, and what binds it to the step that it is of.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What a plugin saves over a wait: opaque to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionState {
    /// The plugin's own version of the bytes.
    pub version: u32,
    /// The bytes, 64 KiB at most.
    pub bytes: Vec<u8>,
    /// What it is bound to; none only in what a version before 0.2 left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Box<Seal>>,
}

impl ActionState {
    /// What a plugin saves, bound to nothing yet.
    #[must_use]
    pub const fn new(version: u32, bytes: Vec<u8>) -> Self {
        Self { version, bytes, seal: None }
    }
}

/// Binds a saved state to the run, the step and the plugin that it is of: it goes back to these, unchanged, and to no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The component that saved it.
    pub plugin: Digest,
    /// How many calls of the step there were before it was saved.
    pub polls: u32,
    /// SHA-256 over run, step, plugin, polls, version and bytes.
    pub check: Digest,
}
