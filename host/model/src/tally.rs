//! An approval as a plugin counts it: ballots are claims, and the host decides what they come to.

use serde::{Deserialize, Serialize};

use crate::{Suspension, Timestamp};

/// The ballots of an approval so far. The host counts; a plugin never decides that a run is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Every ballot seen, oldest first.
    pub ballots: Vec<Ballot>,
    /// One sentence.
    pub summary: String,
}

/// A claim that somebody voted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Who.
    pub subject: String,
    /// What they said.
    pub vote: Vote,
    /// When.
    pub at: Timestamp,
    /// Why; empty when they did not say.
    pub comment: String,
    /// The digest of the plan that they were shown; none when the vote is not bound to one.
    pub bound_digest: Option<String>,
}

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Go on.
    Approve,
    /// Do not go on.
    Reject,
}

/// An approval between two wakes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The ballots so far.
    pub tally: Tally,
    /// How to go on while the host finds no decision; none when no more ballots can come.
    pub next: Option<Suspension>,
}
