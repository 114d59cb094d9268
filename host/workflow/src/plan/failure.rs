//! What failures of a step lead to, by their class. Says it only; the room `engine` does it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use shiftgate_model::{ErrorClass, Millis};

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureAction {
    /// Put everything back.
    Rollback,
    /// Stop where it stands; `resume` goes on.
    Abort,
    /// End as failed, without putting anything back.
    Fail,
    /// Say so and go on.
    Ignore,
    /// Try again, then do `then`.
    Retry {
        /// Attempts after the first.
        count: u32,
        /// The pause before each; it doubles.
        backoff: Millis,
        /// How long a person is asked before `then`; none to ask nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ask: Option<Millis>,
        /// What a last failure leads to.
        then: Final,
    },
    /// Ask a person: try again, go on without, or do `then`.
    Ask {
        /// How long.
        timeout: Millis,
        /// What no, and silence, lead to.
        then: Final,
    },
}

/// What a failure leads to once nothing is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Final {
    /// As [`FailureAction::Rollback`].
    Rollback,
    /// As [`FailureAction::Abort`].
    Abort,
    /// As [`FailureAction::Fail`].
    Fail,
    /// As [`FailureAction::Ignore`].
    Ignore,
}

impl FailureAction {
    /// What it leads to once nothing is tried again and nobody is asked.
    #[must_use]
    pub const fn last(self) -> Final {
        match self {
            Self::Rollback => Final::Rollback,
            Self::Abort => Final::Abort,
            Self::Fail => Final::Fail,
            Self::Ignore => Final::Ignore,
            Self::Retry { then, .. } | Self::Ask { then, .. } => then,
        }
    }
}

impl fmt::Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rollback => "rollback",
            Self::Abort => "abort",
            Self::Fail => "fail",
            Self::Ignore => "ignore",
        })
    }
}

/// What failures lead to, by class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailurePolicy {
    /// For every class not named. Drift and store failures abort unless named: nobody's change is written over unasked.
    pub default: FailureAction,
    /// For the classes named.
    pub by_class: BTreeMap<ErrorClass, FailureAction>,
}

impl FailurePolicy {
    /// The action for a failure of `class`.
    #[must_use]
    pub fn action(&self, class: ErrorClass) -> FailureAction {
        match (self.by_class.get(&class), class) {
            (Some(action), _) => *action,
            (None, ErrorClass::Drift | ErrorClass::Store) => FailureAction::Abort,
            (None, _) => self.default,
        }
    }
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self { default: FailureAction::Rollback, by_class: BTreeMap::new() }
    }
}
