//! Errors that cross rooms: of a cloud, of the store, of a step.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Actions, Capacity, GroupId, Millis, RuleArn};

/// A remote service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Spot's REST API.
    Spot,
    /// AWS Elastic Load Balancing, version 2.
    Elb,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spot => f.write_str("Spot"),
            Self::Elb => f.write_str("ELB"),
        }
    }
}

/// Where an error arose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The service answered, and said no.
    Remote {
        /// HTTP status.
        status: u16,
        /// The service's own code, such as `GROUP_DOESNT_EXIST`; none when it gave none.
        code: Option<String>,
        /// The service's own words, without credentials.
        message: String,
    },
    /// No answer came: connection, TLS, timeout. Whether the call took effect is not known.
    Transport(String),
    /// The answer could not be read.
    Decode(String),
    /// The call was not made: this program refused it.
    Refused(String),
    /// There are no credentials to make the call with.
    NoCredentials(String),
}

/// Whether the same call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It would fail again.
    Never,
    /// After a pause of the caller's choice.
    Backoff,
    /// Not before this long.
    After(Millis),
}

/// A call to a cloud that did not succeed, after the client's own retries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct CloudError {
    /// Whom the call went to.
    pub service: Service,
    /// The call, by the service's name for it: `CreateGroup`, `UpdateCapacity`.
    pub operation: String,
    /// The group or other thing that the call was about.
    pub subject: Option<String>,
    /// Where the error arose.
    pub origin: Origin,
    /// Whether the same call may be made again.
    pub retry: Retry,
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.operation)?;
        if let Some(subject) = &self.subject {
            write!(f, " for `{subject}`")?;
        }
        match &self.origin {
            Origin::Remote { status, code: Some(code), message } => write!(f, ": HTTP {status} {code}: {message}"),
            Origin::Remote { status, code: None, message } => write!(f, ": HTTP {status}: {message}"),
            Origin::Transport(why) => write!(f, ": no answer: {why}"),
            Origin::Decode(why) => write!(f, ": the answer could not be read: {why}"),
            Origin::Refused(why) | Origin::NoCredentials(why) => write!(f, ": {why}"),
        }
    }
}

impl CloudError {
    /// Which class of failure a step that meets this error ends in.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        // AWS throttles with HTTP 400.
        let throttled = |code: &str| matches!(code, "Throttling" | "ThrottlingException" | "RequestLimitExceeded");
        match &self.origin {
            Origin::NoCredentials(_) | Origin::Remote { status: 401 | 403, .. } => ErrorClass::Authentication,
            Origin::Transport(_) => ErrorClass::Connectivity,
            Origin::Remote { status, .. } if *status >= 500 || *status == 429 => ErrorClass::Connectivity,
            Origin::Remote { code: Some(code), .. } if throttled(code) => ErrorClass::Connectivity,
            Origin::Remote { .. } | Origin::Decode(_) | Origin::Refused(_) => ErrorClass::Application,
        }
    }
}

/// The record could not be read or written. Nothing may be done to a cloud that cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("cannot {action} in {place}: {reason}")]
pub struct StoreError {
    /// What was tried: `record the intent of phase-1/deploy`.
    pub action: String,
    /// The file or database.
    pub place: String,
    /// Why it did not work: `disk full`, `read-only`, …
    pub reason: String,
}

/// The class of a failure: a failure strategy may differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// The deployment or the cloud said no.
    Application,
    /// A service did not answer.
    Connectivity,
    /// Credentials are missing or refused.
    Authentication,
    /// A verification failed or could not decide.
    Verification,
    /// Something took longer than it may.
    Timeout,
    /// A person said no, or nobody said anything in time.
    Approval,
    /// The cloud is not as this run left it.
    Drift,
    /// The record could not be written.
    Store,
    /// Nothing failed: an operator has ordered otherwise. No failure strategy is asked.
    Operator,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Connectivity => "connectivity",
            Self::Authentication => "authentication",
            Self::Verification => "verification",
            Self::Timeout => "timeout",
            Self::Approval => "approval",
            Self::Drift => "drift",
            Self::Store => "store",
            Self::Operator => "operator",
        })
    }
}

/// Why a step did not succeed, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct StepError {
    /// The class of the failure.
    pub class: ErrorClass,
    /// What, which, why.
    pub message: String,
    /// What next; none when the run itself goes on to do it.
    pub hint: Option<String>,
}

impl StepError {
    /// An error of a class, without a hint.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The cloud is not as this run left it: both sides are shown.
    #[must_use]
    pub fn drift(group: &GroupId, recorded: Capacity, live: Capacity) -> Self {
        Self::new(ErrorClass::Drift, format!("group `{group}` changed under this run: it left {recorded}, and finds {live}"))
            .hint(
                "look who changed the group; set it back and `shiftgate resume` this run, or resume it with --accept-drift to go on \
                 over the change",
            )
    }
}

impl StepError {
    /// A rule is not as this run left it: both sides are shown.
    #[must_use]
    pub fn route_drift(rule: &RuleArn, recorded: &Actions, live: &Actions) -> Self {
        let message = format!("rule `{rule}` changed under this run: it left {recorded}, and finds {live}");
        Self::new(ErrorClass::Drift, message).hint(
            "look who changed the rule; give it back the weights that this run left and `shiftgate resume` this run, or resume \
                 it with --accept-drift to go on over the change",
        )
    }
}

impl From<CloudError> for StepError {
    fn from(error: CloudError) -> Self {
        Self::new(error.class(), error.to_string())
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorClass::Store, error.to_string())
            .hint("nothing was done that is not recorded; make the state directory writable, then `shiftgate resume`")
    }
}
