//! The error that leaves this room, from the SDK's: who said no, why, and what to set when credentials are missing.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_elasticloadbalancingv2::config::http::HttpResponse;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use shiftgate_model::{CloudError, Origin, Retry, Service};

use super::whole::Garbled;
use crate::failure::reason;
use crate::redact::Redactor;

/// AWS's codes for credentials that were good once.
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];
/// AWS's codes for credentials that are none.
const WRONG: [&str; 5] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "IncompleteSignature",
];

/// A call, for its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// AWS's name for it: `ModifyRule`.
    pub(super) operation: &'static str,
    /// The thing that it is about.
    pub(super) subject: Option<&'a str>,
}

impl Call<'_> {
    fn error(&self, origin: Origin, retry: Retry) -> CloudError {
        let subject = self.subject.map(str::to_owned);
        CloudError { service: Service::Elb, operation: self.operation.to_owned(), subject, origin, retry }
    }

    /// An answer that does not hold what it must.
    pub(super) fn unreadable(&self, why: impl Into<String>) -> CloudError {
        self.error(Origin::Decode(why.into()), Retry::Never)
    }

    /// The SDK's error. `profile` is the one that was named for this client.
    pub(super) fn failed<E>(&self, error: &SdkError<E, HttpResponse>, profile: Option<&str>, redactor: &Redactor) -> CloudError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(why) = no_credentials(error, profile) {
            return self.error(Origin::NoCredentials(redactor.clean(&why)), Retry::Never);
        }
        if let Some(garbled) = find::<Garbled>(error) {
            return self.unreadable(garbled.to_string());
        }
        match error {
            SdkError::ServiceError(said) => self.said(said.raw().status().as_u16(), said.err(), redactor),
            SdkError::ConstructionFailure(_) => self.error(Origin::Refused(redactor.clean(&causes(error))), Retry::Never),
            _ => self.error(Origin::Transport(redactor.clean(&causes(error))), Retry::Backoff),
        }
    }

    fn said<E: ProvideErrorMetadata + Error + 'static>(&self, status: u16, error: &E, redactor: &Redactor) -> CloudError {
        let code = error.code().map(|code| redactor.clean(code));
        if (200..300).contains(&status) {
            return self.unreadable(format!("HTTP {status} with {}", redactor.clean(&chain(error))));
        }
        let words = error.message().unwrap_or_else(|| reason(status));
        let words = redactor.clean(words);
        let known = |codes: &[&str]| code.as_deref().is_some_and(|code| codes.contains(&code));
        if known(&EXPIRED) {
            let why = format!("the AWS credentials have expired ({words}); renew them, then `shiftgate resume`");
            return self.error(Origin::NoCredentials(why), Retry::Never);
        }
        let message = match (known(&WRONG), status) {
            (true, _) => format!("{words} (AWS does not take these credentials: are they complete, and of this account?)"),
            (false, 403) => format!("{words} (the credentials may not do this: allow `elasticloadbalancing:{}`)", self.operation),
            (false, 300..=399) => format!("{words} (redirects are not followed: is the AWS endpoint right?)"),
            (false, _) => words,
        };
        let origin = Origin::Remote { status, code, message };
        let retry = if passes(&origin) { Retry::Backoff } else { Retry::Never };
        self.error(origin, retry)
    }
}

/// Whether the same call may succeed later: the classes that the SDK has tried again already.
fn passes(origin: &Origin) -> bool {
    let throttled = |code: &str| matches!(code, "Throttling" | "ThrottlingException" | "RequestLimitExceeded");
    match origin {
        Origin::Remote { status, code, .. } => *status >= 500 || *status == 429 || code.as_deref().is_some_and(throttled),
        Origin::Transport(_) | Origin::Decode(_) | Origin::Refused(_) | Origin::NoCredentials(_) => false,
    }
}

/// A call that this program does not make.
pub(super) fn refused(operation: &'static str, subject: Option<&str>, why: String) -> CloudError {
    Call { operation, subject }.error(Origin::Refused(why), Retry::Never)
}

/// The first error of that type among an error and its causes.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// What to set, when the call was not made for want of credentials.
fn no_credentials<E: Error + 'static>(error: &SdkError<E, HttpResponse>, profile: Option<&str>) -> Option<String> {
    if matches!(error, SdkError::ServiceError(_) | SdkError::ResponseError(_)) {
        return None;
    }
    let found = find::<CredentialsError>(error);
    let why = causes(error);
    if found.is_none() && !why.contains("identity resolver timed out") {
        return None;
    }
    let set = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached";
    Some(match (profile, found) {
        _ if why.contains("sso") => {
            format!(
                "{why}; SSO sessions are not read here: add `credential_process = aws configure export-credentials --profile <sso profile>` to a profile, and name that one"
            )
        }
        (Some(profile), _) => format!("profile `{profile}` of AWS's shared files gives no credentials: {why}"),
        (None, Some(CredentialsError::CredentialsNotLoaded(_))) => format!(
            "there are no AWS credentials: neither in the environment, nor in a profile, a web identity, a container's role or an instance's role; {set}"
        ),
        (None, _) => format!("the AWS credentials cannot be read: {why}; {set}"),
    })
}

/// What stands behind the SDK's error; its own words (`dispatch failure`) help nobody.
fn causes(error: &(dyn Error + 'static)) -> String {
    chain(error.source().unwrap_or(error)).trim_start_matches("other: ").to_owned()
}

/// What an error says, its causes included, without saying anything twice.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(next) = cause {
        let words = next.to_string();
        if text.is_empty() {
            text = words;
        } else if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}
