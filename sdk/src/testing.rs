//! A host for native tests: canned answers, a clock that jumps, and a record of what the plugin did.
//!
//! ```
//! # use shiftgate_sdk::{prelude::*, testing::{self, FakeHost}};
//! # #[derive(Config)]
//! # struct Settings { url: String }
//! # struct Page;
//! # impl Verification for Page {
//! #     type Config = Settings;
//! #     type State = ();
//! #     fn start(cx: &Context<'_>, config: &Settings) -> Result<Step<Report>> {
//! #         let answer = cx.get(&config.url).send()?;
//! #         Ok(if answer.is_success() { Report::pass("fine") } else { Report::fail("down") }.into())
//! #     }
//! # }
//! let host = FakeHost::new();
//! host.answer(503, "");
//! let report = testing::verify::<Page>(&host, &serde_json::json!({"url": "https://example.org"}))?;
//! assert_eq!(report.verdict, Verdict::Fail);
//! assert_eq!(host.requests()[0].url, "https://example.org");
//! # Ok::<(), StepError>(())
//! ```
//!
//! State goes through its saved form at every wait, as with a real host.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use serde_json::Value;

use crate::http::{HttpError, Request, Response};
use crate::{
    Approval, Duration, Host, Level, Progress, Receipt, Report, Result, RunInfo, SavedState, Step, StepError, Summary, Timestamp,
    Verification, Wake, WrapUp, approval, verification, wrap_up,
};

/// How often a plugin may be woken by one of the drivers here before the test gives up.
const MOST_WAKES: usize = 10_000;

/// A host without a world.
#[derive(Default)]
pub struct FakeHost {
    /// The facts that calls get.
    pub run: RunInfo,
    now: Cell<u64>,
    answers: RefCell<VecDeque<Result<Response, HttpError>>>,
    always: RefCell<Option<Result<Response, HttpError>>>,
    requests: RefCell<Vec<Request>>,
    logs: RefCell<Vec<(Level, String)>>,
    progress: RefCell<Vec<String>>,
    waits: RefCell<Vec<Duration>>,
}

impl FakeHost {
    /// A host at 2026-01-01T00:00:00Z, in an ordinary run, that answers no request.
    #[must_use]
    pub fn new() -> Self {
        let now = 1_767_225_600_000;
        let run = RunInfo {
            run: "run-1".into(),
            step: "verify".into(),
            attempt: 1,
            idempotency_key: "run-1/verify".into(),
            workflow: "web-canary".into(),
            service: "web".into(),
            environment: "prod".into(),
            infrastructure: "prod-us-east-1".into(),
            strategy: "canary".into(),
            artifact: crate::Artifact { ami: "ami-0123".into(), ..Default::default() },
            started_at: Timestamp(now),
            ..RunInfo::default()
        };
        Self { run, now: Cell::new(now), ..Self::default() }
    }

    /// Answers the next unanswered request.
    pub fn answer(&self, status: u16, body: impl Into<Vec<u8>>) {
        self.respond(Response { status, body: body.into(), ..Response::default() });
    }

    /// Answers the next unanswered request, headers included.
    pub fn respond(&self, response: Response) {
        self.answers.borrow_mut().push_back(Ok(response));
    }

    /// Leaves the next unanswered request without an answer.
    pub fn fail(&self, error: HttpError) {
        self.answers.borrow_mut().push_back(Err(error));
    }

    /// Answers every request that nothing else answers.
    pub fn always(&self, answer: Result<Response, HttpError>) {
        *self.always.borrow_mut() = Some(answer);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.now.set(self.now.get().saturating_add(by.as_millis()));
    }

    /// What was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// What was logged, in order.
    pub fn logs(&self) -> Vec<(Level, String)> {
        self.logs.borrow().clone()
    }

    /// Every word on how far the step is, in order.
    pub fn progress_seen(&self) -> Vec<String> {
        self.progress.borrow().clone()
    }

    /// How long each wait was that a driver here has jumped over.
    pub fn waits(&self) -> Vec<Duration> {
        self.waits.borrow().clone()
    }

    fn jump(&self, by: Duration) {
        self.waits.borrow_mut().push(by);
        self.advance(by);
    }
}

impl Host for FakeHost {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self.requests.borrow_mut().push(request.clone());
        let canned = self.answers.borrow_mut().pop_front();
        let mut answer = canned
            .or_else(|| self.always.borrow().clone())
            .unwrap_or_else(|| Err(HttpError::Connect("the test has no answer for this request".into())));
        if let Ok(response) = &mut answer
            && response.final_url.is_empty()
        {
            response.final_url.clone_from(&request.url);
        }
        answer
    }

    fn log(&self, level: Level, message: &str) {
        self.logs.borrow_mut().push((level, message.to_owned()));
    }

    fn progress(&self, message: &str) {
        self.progress.borrow_mut().push(message.to_owned());
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.get())
    }
}

/// Runs a verification to its end, jumping over its waits.
///
/// # Errors
/// The plugin's own, or one of the test's when the plugin waits for a signal or never ends.
pub fn verify<P: Verification>(host: &FakeHost, config: &Value) -> Result<Report> {
    let config = config.to_string();
    let first = verification::call::start::<P>(host, &config, &host.run)?;
    to_the_end(host, first, |state| verification::call::poll::<P>(host, &config, &host.run, state, Wake::Timer))
}

/// Runs a wrap-up to its end, jumping over its waits.
///
/// # Errors
/// As [`verify`].
pub fn wrap_up<P: WrapUp>(host: &FakeHost, config: &Value, summary: &Summary) -> Result<Receipt> {
    let config = config.to_string();
    let first = wrap_up::call::start::<P>(host, &config, &host.run, summary)?;
    to_the_end(host, first, |state| wrap_up::call::poll::<P>(host, &config, &host.run, state, Wake::Timer))
}

fn to_the_end<T>(
    host: &FakeHost,
    first: Step<T, SavedState>,
    mut poll: impl FnMut(&SavedState) -> Result<Step<T, SavedState>>,
) -> Result<T> {
    let mut step = first;
    for _ in 0..MOST_WAKES {
        match step {
            Step::Done(end) => return Ok(end),
            Step::Wait(wait) => {
                let after = wait.after.ok_or_else(|| StepError::never("test", "the plugin waits for a signal only"))?;
                host.jump(after);
                step = poll(&wait.state)?;
            }
        }
    }
    Err(StepError::never("test", format!("the plugin has not ended after {MOST_WAKES} wakes")))
}

/// An approval between two wakes.
pub struct ApprovalTest<'a, P> {
    host: &'a FakeHost,
    config: String,
    progress: Progress<SavedState>,
    plugin: std::marker::PhantomData<P>,
}

impl<'a, P: Approval> ApprovalTest<'a, P> {
    /// Begins the step.
    ///
    /// # Errors
    /// The plugin's own.
    pub fn start(host: &'a FakeHost, config: &Value) -> Result<Self> {
        let config = config.to_string();
        let progress = approval::call::start::<P>(host, &config, &host.run)?;
        Ok(Self { host, config, progress, plugin: std::marker::PhantomData })
    }

    /// The plugin's last answer.
    pub const fn progress(&self) -> &Progress<SavedState> {
        &self.progress
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The plugin's own, or the test's when the plugin does not wait for that signal.
    pub fn signal(&mut self, name: &str, payload: Value) -> Result<&Progress<SavedState>> {
        let waits = self.progress.next.as_ref().is_some_and(|next| next.signals.iter().any(|signal| signal == name));
        if !waits {
            return Err(StepError::never("test", format!("the plugin does not wait for `{name}`")));
        }
        self.wake(Wake::Signal { name: name.to_owned(), payload })
    }

    /// Jumps to when the plugin wants to be woken.
    ///
    /// # Errors
    /// The plugin's own, or the test's when the plugin does not wait for a time.
    pub fn timer(&mut self) -> Result<&Progress<SavedState>> {
        let after = self.progress.next.as_ref().and_then(|next| next.after);
        self.host.jump(after.ok_or_else(|| StepError::never("test", "the plugin does not wait for a time"))?);
        self.wake(Wake::Timer)
    }

    fn wake(&mut self, wake: Wake) -> Result<&Progress<SavedState>> {
        if let Some(next) = &self.progress.next {
            self.progress = approval::call::poll::<P>(self.host, &self.config, &self.host.run, &next.state, wake)?;
        }
        Ok(&self.progress)
    }
}
