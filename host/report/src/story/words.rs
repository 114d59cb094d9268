//! The words for how far things are. Pure.

use super::{Answer, Busy, Role, State, StepState};

impl State {
    pub(crate) fn word(self) -> String {
        match self {
            Self::Ended(ending) => ending.to_string(),
            Self::Running => "running".to_owned(),
            Self::Asks => "waits for a person".to_owned(),
            Self::RollingBack => "rolling back".to_owned(),
            Self::Stopped => "stopped, no process works on it".to_owned(),
        }
    }
}

impl StepState {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotReached => "not reached",
            Self::Running => "running",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Left => "left",
        }
    }
}

impl Busy {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Acts => "running",
            Self::Settles => "waits for instances",
            Self::Drains => "waits for requests to end",
            Self::Asks => "waits for a person",
            Self::Waits => "waits",
        }
    }
}

impl Role {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Older => "older",
        }
    }
}

impl Answer {
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Open => "still open".to_owned(),
            Self::Approved(by) => format!("approved by {by}"),
            Self::Rejected(by) => format!("rejected by {by}"),
            Self::Retried(why) if why.is_empty() => "tried again".to_owned(),
            Self::Retried(why) => format!("tried again: {why}"),
            Self::Expired(then) if then.is_empty() => "nobody decided in time".to_owned(),
            Self::Expired(then) => format!("nobody answered in time: {then}"),
            Self::Dropped => "not answered".to_owned(),
        }
    }
}
