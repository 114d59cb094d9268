//! How ELBv2 refuses: a code, a message and a status. Codes are those of the real service, without `Exception`.

use std::fmt::Display;

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    /// 400, as the service answers every fault of the caller.
    pub(crate) fn new(code: &str, message: impl Display) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.to_string() }
    }

    /// The same with another status.
    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A parameter is missing or out of its range.
    pub(crate) fn validation(message: impl Display) -> Self {
        Self::new("ValidationError", message)
    }

    /// An action list that cannot be.
    pub(crate) fn action(message: impl Display) -> Self {
        Self::new("InvalidLoadBalancerAction", message)
    }

    /// Who is to blame, as the reply has it.
    pub(crate) const fn blame(&self) -> &'static str {
        if self.status >= 500 { "Receiver" } else { "Sender" }
    }
}
