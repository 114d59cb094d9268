//! How a step goes on: it is done, it waits, or it could not do its job.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Duration;
use crate::http::HttpError;

/// What a plugin function returns: [`StepError`] means that the plugin could not do its job, which is not a verdict.
pub type Result<T, E = StepError> = std::result::Result<T, E>;

/// A step is done, or goes on later in a fresh instance.
///
/// `T` is what the kind ends in, `S` what the plugin saves over a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<T, S = ()> {
    /// The end.
    Done(T),
    /// Go on later; made by [`Step::wait`].
    Wait(Suspension<S>),
}

impl<T, S> Step<T, S> {
    /// Saves `state` and waits; the returned value asks for what:
    ///
    /// ```
    /// # use shiftgate_sdk::{Duration, Report, Step};
    /// let step: Step<Report, u32> = Step::wait(1).after(Duration::from_secs(10));
    /// ```
    pub const fn wait(state: S) -> Wait<T, S> {
        Wait { state, ends_in: PhantomData }
    }
}

impl<T, S> From<T> for Step<T, S> {
    fn from(end: T) -> Self {
        Self::Done(end)
    }
}

/// A wait that does not say yet what it waits for.
#[derive(Debug)]
#[must_use = "say what to wait for: `.after(…)` or `.on_signal(…)`"]
pub struct Wait<T, S> {
    state: S,
    ends_in: PhantomData<T>,
}

impl<T, S> Wait<T, S> {
    /// Until this much time is over.
    pub fn after(self, after: Duration) -> Step<T, S> {
        Step::Wait(self.suspend().or_after(after))
    }

    /// Until the signal comes.
    pub fn on_signal(self, name: impl Into<String>) -> Step<T, S> {
        Step::Wait(self.suspend().or_on_signal(name))
    }

    /// Until the signal comes, or this much time is over.
    pub fn on_signal_or_after(self, name: impl Into<String>, after: Duration) -> Step<T, S> {
        Step::Wait(self.suspend().or_on_signal(name).or_after(after))
    }

    fn suspend(self) -> Suspension<S> {
        Suspension { state: self.state, after: None, signals: Vec::new() }
    }
}

/// A request to be woken, with what to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension<S> {
    /// What the next poll gets back.
    pub state: S,
    /// Wake after this long.
    pub after: Option<Duration>,
    /// Wake on any of these signals.
    pub signals: Vec<String>,
}

impl<S> Suspension<S> {
    /// Waits for the signal.
    pub fn on_signal(state: S, name: impl Into<String>) -> Self {
        Self { state, after: None, signals: vec![name.into()] }
    }

    /// Wakes also after this much time.
    #[must_use]
    pub fn or_after(mut self, after: Duration) -> Self {
        self.after = Some(after);
        self
    }

    /// Wakes also on this signal.
    #[must_use]
    pub fn or_on_signal(mut self, name: impl Into<String>) -> Self {
        self.signals.push(name.into());
        self
    }
}

/// Why a plugin is woken.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// The time asked for is over.
    Timer,
    /// A signal came.
    Signal {
        /// Its name: `ballot`.
        name: String,
        /// Its payload.
        payload: Value,
    },
}

/// Whether a step that could not do its job may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// After a pause.
    Backoff,
    /// At once.
    Immediate,
}

/// The plugin could not do its job. That is not a verdict: a failed check is a [`Report`](crate::Report).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// Short, stable, kebab-case: `bad-answer`.
    pub code: String,
    /// What, which, why, and what next.
    pub message: String,
    /// Whether to try again.
    pub retry: Retry,
}

impl StepError {
    /// An error that another attempt would meet again.
    pub fn never(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retry: Retry::Never }
    }

    /// An error that may be gone after a pause.
    pub fn backoff(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retry: Retry::Backoff }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for StepError {}

impl From<HttpError> for StepError {
    /// What policy refuses stays refused; the network may be back later.
    fn from(error: HttpError) -> Self {
        let retry = if error.is_denied() || error == HttpError::Quota { Retry::Never } else { Retry::Backoff };
        Self { code: error.code().to_owned(), message: error.to_string(), retry }
    }
}

/// State as the host keeps it: bytes with the plugin's own version of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The version.
    pub version: u32,
    /// JSON; as much as the host keeps, 64 KiB unless it was told otherwise, and never more than 1 MiB.
    pub bytes: Vec<u8>,
}

/// A request to be woken, as the host keeps it.
pub(crate) type SavedSuspension = Suspension<SavedState>;

/// The most that any host keeps; this one may keep less, and says so.
const MAX_STATE: usize = 1 << 20;

/// Reads JSON by way of a [`Value`]: a component then holds one JSON parser, and one reader a type.
pub(crate) fn read_json<T: DeserializeOwned>(json: &[u8]) -> std::result::Result<T, serde_json::Error> {
    T::deserialize(serde_json::from_slice::<Value>(json)?)
}

/// JSON as text: as `to_string` does it, but that one brings a second writer, and a third for indented text.
#[cfg(target_family = "wasm")]
pub(crate) fn write_json(json: &Value) -> String {
    // A `Value` can always be written.
    serde_json::to_string(json).unwrap_or_default()
}

/// Reads a config that the host has checked against the schema.
pub(crate) fn read_config<C: DeserializeOwned>(json: &str) -> Result<C> {
    read_json(json.as_bytes()).map_err(|error| StepError::never("bad-config", format!("the config cannot be read: {error}")))
}

pub(crate) fn save<S: Serialize>(suspension: &Suspension<S>, version: u32) -> Result<SavedSuspension> {
    let bytes = serde_json::to_value(&suspension.state)
        .and_then(|json| serde_json::to_vec(&json))
        .map_err(|error| StepError::never("bad-state", format!("the state cannot be written: {error}")))?;
    if bytes.len() > MAX_STATE {
        let message = format!("the state has {} bytes; no host keeps more than {MAX_STATE}", bytes.len());
        return Err(StepError::never("state-too-large", message));
    }
    Ok(Suspension { state: SavedState { version, bytes }, after: suspension.after, signals: suspension.signals.clone() })
}

/// Reads what [`save`] wrote; `upgrade` reads the JSON of other versions.
pub(crate) fn restore<S: DeserializeOwned>(
    saved: &SavedState,
    version: u32,
    upgrade: impl FnOnce(u32, Value) -> Option<S>,
) -> Result<S> {
    let unreadable = |error: serde_json::Error| {
        StepError::never("bad-state", format!("the saved state of version {} cannot be read: {error}", saved.version))
    };
    if saved.version == version {
        return read_json(&saved.bytes).map_err(unreadable);
    }
    let json = read_json(&saved.bytes).map_err(unreadable)?;
    upgrade(saved.version, json).ok_or_else(|| {
        let message = format!(
            "the step waits with state of version {}, and this version of the plugin reads {version}; \
             finish the run with the version of the plugin that began it",
            saved.version
        );
        StepError::never("unknown-state-version", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_goes_through_the_host_and_back() {
        let suspension = Suspension { state: (3, "x".to_owned()), after: Some(Duration::from_secs(5)), signals: vec![] };
        let saved = save(&suspension, 2).unwrap();
        assert_eq!(saved.after, Some(Duration::from_secs(5)));
        let back: (u32, String) = restore(&saved.state, 2, |_, _| None).unwrap();
        assert_eq!(back, (3, "x".to_owned()));
    }

    #[test]
    fn an_older_state_is_upgraded_or_refused() {
        let old = SavedState { version: 1, bytes: b"7".to_vec() };
        let upgraded = restore(&old, 2, |version, json| (version == 1).then(|| vec![json.as_u64().unwrap_or(0)]));
        assert_eq!(upgraded, Ok(vec![7]));
        let refused = restore::<u32>(&old, 2, |_, _| None).unwrap_err();
        assert_eq!(refused.code, "unknown-state-version");
    }

    #[test]
    fn a_state_that_no_host_keeps_is_refused() {
        let suspension = Suspension { state: "x".repeat(MAX_STATE), after: None, signals: vec![] };
        assert_eq!(save(&suspension, 1).unwrap_err().code, "state-too-large");
    }

    #[test]
    fn a_denied_request_is_not_tried_again() {
        let error = StepError::from(HttpError::NotGranted("grant it".into()));
        assert_eq!((error.code.as_str(), error.retry), ("not-granted", Retry::Never));
        assert_eq!(StepError::from(HttpError::Timeout).retry, Retry::Backoff);
    }
}
