//! What a plugin can do in the world: log, say how far it is, read the clock, send granted requests.

use crate::http::{HttpError, Request, RequestBuilder, Response};
use crate::{RunInfo, Timestamp};

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// For the operator.
    Info,
    /// To look at.
    Warn,
    /// To act on.
    Error,
}

/// The imports of the contract. The real ones stand behind it in a component,
/// [`FakeHost`](crate::testing::FakeHost) in a native test.
pub trait Host {
    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;
    /// Writes a line to the run's log.
    fn log(&self, level: Level, message: &str);
    /// Says how far the step is.
    fn progress(&self, message: &str);
    /// The run's clock.
    fn now(&self) -> Timestamp;
}

/// One call of a plugin: the facts of the run, and the host.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    host: &'a dyn Host,
    run: &'a RunInfo,
}

impl<'a> Context<'a> {
    /// A call on that host.
    pub const fn new(host: &'a dyn Host, run: &'a RunInfo) -> Self {
        Self { host, run }
    }

    /// Facts of the run.
    #[must_use]
    pub const fn run(&self) -> &'a RunInfo {
        self.run
    }

    /// The run's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Says how far the step is; the last word is shown.
    pub fn progress(&self, message: impl AsRef<str>) {
        self.host.progress(message.as_ref());
    }

    /// Writes a line to the run's log.
    pub fn log(&self, level: Level, message: impl AsRef<str>) {
        self.host.log(level, message.as_ref());
    }

    /// Logs for the plugin's author.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.log(Level::Debug, message);
    }

    /// Logs for the operator.
    pub fn info(&self, message: impl AsRef<str>) {
        self.log(Level::Info, message);
    }

    /// Logs something to look at.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.log(Level::Warn, message);
    }

    /// Begins a `GET`.
    pub fn get(&self, url: &str) -> RequestBuilder<'a> {
        self.request("GET", url)
    }

    /// Begins a `POST`.
    pub fn post(&self, url: &str) -> RequestBuilder<'a> {
        self.request("POST", url)
    }

    /// Begins a request with any method, upper case.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder<'a> {
        RequestBuilder::new(self.host, method, url)
    }
}
