//! Why an attempt did not succeed: what Spot or the network said, the class that decides about another attempt, and the
//! error that leaves this room.

use reqwest::StatusCode;
use shiftgate_model::{CloudError, Millis, Origin, Retry, Service};

use crate::operation::Request;
use crate::redact::Redactor;

/// Spot's code for a group that is not there. It comes with HTTP 400, not 404.
pub(crate) const MISSING: &str = "GROUP_DOESNT_EXIST";
const THROTTLED: [&str; 3] = ["RequestLimitExceeded", "Throttling", "RateLimitExceeded"];
const PROVISIONING: [&str; 2] = ["CANT_CREATE_GROUP", "CANT_VALIDATE_IMAGE"];

/// An attempt that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Spot said no.
    Said(Refusal),
    /// The call never left: no connection.
    NotSent(String),
    /// The call left and no whole answer came; it may have had its effect.
    Lost(String),
    /// It may have had its effect, but the answer makes no sense.
    Unreadable(String),
}

/// Spot's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// The code of every error in the answer, in order.
    pub(crate) codes: Vec<String>,
    /// The words of every error, joined.
    pub(crate) message: String,
}

/// What may follow a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Spot's own rate limit: the route stands still for all.
    Limited,
    /// AWS throttles Spot: the route slows down for all.
    Throttled,
    /// AWS is not ready for this group yet.
    Provisioning,
    /// The server failed, and its answer does not say what it had done.
    Unavailable,
    /// No connection.
    NotSent,
    /// No answer, or none that can be read.
    Lost,
    /// An answer that cannot be read: of a proxy, or cut off.
    Unreadable,
    /// There is no such group.
    Missing,
    /// It would fail again.
    Final,
}

impl Class {
    /// Whether the call may have had its effect all the same.
    pub(crate) const fn may_have_happened(self) -> bool {
        matches!(self, Self::Unavailable | Self::Lost | Self::Unreadable)
    }
}

impl Failure {
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Said(refusal) => refusal.class(),
            Self::NotSent(_) => Class::NotSent,
            Self::Lost(_) => Class::Lost,
            Self::Unreadable(_) => Class::Unreadable,
        }
    }

    /// The error that leaves this room. `wait` is how long the route stands still, where it does.
    pub(crate) fn into_error(self, request: &Request, redactor: &Redactor, wait: Option<Millis>) -> CloudError {
        let retry = match (self.class(), wait) {
            (Class::Limited | Class::Throttled, Some(wait)) => Retry::After(wait),
            (Class::Final | Class::Missing | Class::Unreadable, _) => Retry::Never,
            _ => Retry::Backoff,
        };
        let origin = match self {
            Self::Said(refusal) => Origin::Remote {
                status: refusal.status,
                code: refusal.codes.first().map(|code| redactor.clean(code)),
                message: refusal.advice(&redactor.clean(&refusal.message)),
            },
            Self::NotSent(why) | Self::Lost(why) => Origin::Transport(redactor.clean(&why)),
            Self::Unreadable(why) => Origin::Decode(redactor.clean(&why)),
        };
        let subject = request.subject.clone();
        CloudError { service: Service::Spot, operation: request.operation.name().to_owned(), subject, origin, retry }
    }
}

impl Refusal {
    fn class(&self) -> Class {
        let has = |wanted: &[&str]| self.codes.iter().any(|code| wanted.iter().any(|w| code.eq_ignore_ascii_case(w)));
        let message = self.message.to_ascii_lowercase();
        match self.status {
            429 => Class::Limited,
            // A proxy in between gave up on an idle connection.
            408 => Class::Lost,
            500.. => Class::Unavailable,
            400 if has(&THROTTLED) => Class::Throttled,
            400 if has(&PROVISIONING) || message.contains("invalid iam instance profile") => Class::Provisioning,
            400 | 404 if has(&[MISSING]) => Class::Missing,
            _ => Class::Final,
        }
    }

    /// The message, with what to do next where Spot's words leave that open.
    fn advice(&self, message: &str) -> String {
        match self.status {
            401 => format!("{message} (the token was refused: is it valid, and of this organisation?)"),
            403 => format!("{message} (the token may not do this on this account: check its permissions and the account id)"),
            300..=399 => format!("{message} (redirects are not followed with a token: is the Spot URL right?)"),
            _ => message.to_owned(),
        }
    }
}

/// The standard text of a status: `Bad Gateway`.
pub(crate) fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("no reason given")
}

/// A call that this program does not make.
pub(crate) fn refused(operation: &str, subject: Option<String>, why: String) -> CloudError {
    CloudError {
        service: Service::Spot,
        operation: operation.to_owned(),
        subject,
        origin: Origin::Refused(why),
        retry: Retry::Never,
    }
}

/// An answer that could be read, and does not hold what it must.
pub(crate) fn unreadable(request: &Request, redactor: &Redactor, why: String) -> CloudError {
    Failure::Unreadable(why).into_error(request, redactor, None)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::operation::Operation;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        let codes = if code.is_empty() { vec![] } else { vec![code.to_owned()] };
        Refusal { status, codes, message: message.to_owned() }
    }

    #[test]
    fn every_refusal_has_its_class() {
        let class = |status, code, message| refusal(status, code, message).class();
        assert_eq!(class(429, "", "Rate limit exceeded"), Class::Limited);
        assert_eq!(class(400, "RequestLimitExceeded", ""), Class::Throttled);
        assert_eq!(class(400, "throttling", ""), Class::Throttled);
        assert_eq!(class(400, "CANT_CREATE_GROUP", "Failed to create group"), Class::Provisioning);
        assert_eq!(class(400, "InvalidParameterValue", "Invalid IAM Instance Profile name"), Class::Provisioning);
        assert_eq!(class(400, "InvalidParameterValue", "Invalid subnet"), Class::Final);
        assert_eq!(class(400, "GROUP_DOESNT_EXIST", ""), Class::Missing);
        assert_eq!(class(404, "GROUP_DOESNT_EXIST", ""), Class::Missing);
        assert_eq!([class(404, "", ""), class(401, "", ""), class(403, "", ""), class(302, "", "")], [Class::Final; 4]);
        assert_eq!([class(500, "", ""), class(503, "", "")], [Class::Unavailable; 2]);
        assert_eq!(class(408, "", ""), Class::Lost);
    }

    #[test]
    fn an_error_says_which_call_why_and_what_next() {
        let redactor = Redactor::new(SecretString::from("s3cret".to_owned()));
        let request = Request::group(Operation::SetCapacity, &shiftgate_model::GroupId::new("sig-0a1b2c3d"));
        let text = |failure: Failure| failure.into_error(&request, &redactor, Some(Millis::seconds(7))).to_string();
        insta::assert_snapshot!(
            text(Failure::Said(refusal(400, "ValidationError", "\"minimum\" is s3cret"))),
            @r#"Spot UpdateCapacity for `sig-0a1b2c3d`: HTTP 400 ValidationError: "minimum" is [redacted]"#
        );
        insta::assert_snapshot!(
            text(Failure::Said(refusal(401, "", "Unauthorized"))),
            @"Spot UpdateCapacity for `sig-0a1b2c3d`: HTTP 401: Unauthorized (the token was refused: is it valid, and of this organisation?)"
        );
        insta::assert_snapshot!(
            text(Failure::NotSent("connection refused".to_owned())),
            @"Spot UpdateCapacity for `sig-0a1b2c3d`: no answer: connection refused"
        );
        let limited = Failure::Said(refusal(429, "", "Rate limit exceeded"));
        assert_eq!(limited.into_error(&request, &redactor, Some(Millis::seconds(7))).retry, Retry::After(Millis::seconds(7)));
    }
}
