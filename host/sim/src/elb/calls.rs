//! The record of the calls on the AWS API. Kept apart from Spot's, because a call here is an action on an ARN.

use std::collections::VecDeque;

use serde::Serialize;

/// One call on the AWS API, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AwsCall {
    /// The action, such as `ModifyRule`, as it was asked for; empty when none was.
    pub action: String,
    /// What it was about: an ARN, or the first ARN or name of a list; empty when it named nothing.
    pub subject: String,
    /// What came of it.
    pub outcome: AwsOutcome,
}

/// What came of a call on the AWS API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AwsOutcome {
    /// It was done and answered.
    Done,
    /// It was answered with this error code, and nothing was done.
    Refused(String),
    /// A fault reset the connection, and nothing was done.
    Reset,
    /// It was done, and a fault reset the connection instead of a reply.
    ReplyLost,
    /// It was done, and a fault answered 200 with a body that is no XML of the service, or half of one.
    Garbage,
}

/// The calls so far, oldest first. Only the most recent hundred thousand are kept.
#[derive(Debug, Default)]
pub(crate) struct AwsCalls(VecDeque<AwsCall>);

impl AwsCalls {
    const KEPT: usize = 100_000;

    pub(crate) fn add(&mut self, call: AwsCall) {
        if self.0.len() == Self::KEPT {
            self.0.pop_front();
        }
        self.0.push_back(call);
    }

    pub(crate) fn all(&self) -> Vec<AwsCall> {
        self.0.iter().cloned().collect()
    }
}
