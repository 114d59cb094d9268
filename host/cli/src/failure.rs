//! Why a command did not do what it was asked: what, which and why, what next, and the exit code that goes with it.
//!
//! Rooms below raise their own errors; here each gets its class. Nothing here prints: `main` does, once.

use std::error::Error;

use shiftgate_author::AuthorError;
use shiftgate_model::{CloudError, ErrorClass, Origin, PluginError, Service, StoreError};
use shiftgate_plugin::{HostError, PolicyError};

use crate::exit::Exit;

/// An end that is not what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told: one message, and what to do next.
    Told {
        /// The class of the end.
        exit: Exit,
        /// What, which, why.
        message: String,
        /// What next; none when the message says it.
        hint: Option<String>,
    },
    /// The output has said it already.
    Shown(Exit),
}

impl Failure {
    /// A message without a hint.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told { exit, message: message.into(), hint: None }
    }

    /// The same with what to do next; a hint that stands already stays.
    #[must_use]
    pub(crate) fn hint(mut self, next: impl Into<String>) -> Self {
        if let Self::Told { hint, .. } = &mut self {
            hint.get_or_insert_with(|| next.into());
        }
        self
    }

    /// What cannot happen, and did.
    pub(crate) fn bug(what: impl std::fmt::Display) -> Self {
        Self::new(Exit::Bug, format!("this is a bug in shiftgate: {what}"))
            .hint("please report it, with the command and the output of SHIFTGATE_LOG=debug")
    }

    /// What, which and why, for whoever is not at the screen.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Told { message, .. } => message.clone(),
            Self::Shown(exit) => exit.meaning().to_owned(),
        }
    }

    /// The exit code that goes with it.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Told { exit, .. } | Self::Shown(exit) => *exit,
        }
    }
}

/// An error and its causes in one line, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::State, error.to_string())
            .hint("free or unlock the directory, or name another with --state-dir; nothing was done that is not recorded")
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        let (place, credentials, address) = match error.service {
            Service::Spot => (
                "the workflow's `infrastructure.spot` may name them too",
                "check the token and the account: the workflow's `infrastructure.spot`, SPOTINST_TOKEN and SPOTINST_ACCOUNT, \
                 or ~/.spotinst/credentials",
                "check the network, a proxy in between, and SHIFTGATE_SPOT_URL if it is set",
            ),
            Service::Elb => (
                "the workflow's `infrastructure.aws.profile` may name a profile of ~/.aws/config",
                "check the AWS credentials and what they may do: elasticloadbalancing:Describe*, ModifyListener, ModifyRule",
                "check `infrastructure.region`, the network, a proxy in between, and AWS_ENDPOINT_URL if it is set",
            ),
        };
        if let Origin::NoCredentials(why) = error.origin {
            return Self::new(Exit::Credentials, why).hint(place);
        }
        match error.class() {
            ErrorClass::Authentication => Self::new(Exit::Credentials, error.to_string()).hint(credentials),
            _ => Self::new(Exit::Unreachable, error.to_string()).hint(address),
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        let message = error.to_string();
        Self::Told { exit: Exit::PluginRefused, message, hint: error.hint }
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        Self::new(Exit::PluginRefused, error.to_string()).hint(error.hint())
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        let message = chain(&error);
        match error {
            HostError::Load(error) => Self::new(Exit::PluginRefused, message).hint(error.hint()),
            HostError::Manifest { .. } => Self::new(Exit::PluginRefused, message).hint(
                "docs/plugins.md shows a whole manifest, and `shiftgate plugin inspect FILE --output json` that of any plugin",
            ),
            HostError::Engine { .. } | HostError::Ticker { .. } => Self::new(Exit::PluginRefused, message)
                .hint("this machine does not let shiftgate run WebAssembly; see its memory limits"),
        }
    }
}

impl From<AuthorError> for Failure {
    fn from(error: AuthorError) -> Self {
        let exit = match error {
            AuthorError::Host(error) => return error.into(),
            AuthorError::Plugin(error) => return error.into(),
            AuthorError::BadName { .. }
            | AuthorError::NoSdk { .. }
            | AuthorError::NoConfig { .. }
            | AuthorError::NoTemplate { .. } => Exit::Usage,
            AuthorError::NotEmpty { .. } | AuthorError::Write { .. } => Exit::Output,
            AuthorError::BadScenario { .. } | AuthorError::Read { .. } => Exit::InvalidWorkflow,
            AuthorError::NotAPlugin { .. }
            | AuthorError::NoTool { .. }
            | AuthorError::NoTarget { .. }
            | AuthorError::NoBuilder { .. }
            | AuthorError::BadManifest { .. }
            | AuthorError::BuildFailed { .. }
            | AuthorError::NothingBuilt { .. } => Exit::NotBuilt,
            AuthorError::NoComponent { .. } | AuthorError::Unusable { .. } => Exit::PluginRefused,
        };
        Self::Told { exit, message: chain(&error), hint: error.hint() }
    }
}

#[cfg(test)]
mod tests {
    use shiftgate_model::Retry;

    use super::*;

    fn cloud(origin: Origin) -> Exit {
        let error =
            CloudError { service: Service::Spot, operation: "ListGroups".into(), subject: None, origin, retry: Retry::Never };
        Failure::from(error).exit()
    }

    #[test]
    fn a_refused_token_and_a_silent_api_end_differently() {
        let remote = |status| Origin::Remote { status, code: None, message: "no".into() };
        assert_eq!(cloud(remote(401)), Exit::Credentials);
        assert_eq!(cloud(remote(403)), Exit::Credentials);
        assert_eq!(cloud(Origin::NoCredentials("none".into())), Exit::Credentials);
        assert_eq!(cloud(remote(404)), Exit::Unreachable);
        assert_eq!(cloud(remote(502)), Exit::Unreachable);
        assert_eq!(cloud(Origin::Transport("connection refused".into())), Exit::Unreachable);
    }

    #[test]
    fn the_first_hint_stays() {
        let failure = Failure::new(Exit::Failed, "x").hint("first").hint("second");
        assert!(matches!(failure, Failure::Told { hint: Some(hint), .. } if hint == "first"));
    }
}
