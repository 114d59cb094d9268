//! One gate a (method, route): every call passes it, so that all clones of a client obey one rate limit.
//!
//! Spot counts calls per organisation, route and method in a sliding window, says in headers what is left, and starts the
//! window anew for every call that it blocks. So a gate counts down what is left, shuts when nothing is, and after a shut
//! time lets one call try before it lets the others follow. It makes no calls; the next module is `call`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::RetryPolicy;
use crate::operation::Operation;

/// How long Spot counts a call.
const WINDOW: Duration = Duration::from_secs(60);
/// A longer time than this in a header is a mistake: the window is a minute.
const LONGEST_RESET: Duration = Duration::from_secs(3_600);

/// What a reply's headers say about the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Calls left in the window.
    pub(crate) remaining: Option<u64>,
    /// Time until a call is allowed.
    pub(crate) reset: Option<Duration>,
}

impl Limits {
    /// Reads `X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds); what makes no sense says nothing.
    pub(crate) fn parse(remaining: Option<&str>, reset: Option<&str>) -> Self {
        let number = |text: Option<&str>| text.and_then(|t| t.trim().parse::<f64>().ok()).filter(|n| n.is_finite());
        let reset = number(reset).and_then(|n| Duration::try_from_secs_f64(n.max(0.0)).ok()).filter(|d| *d <= LONGEST_RESET);
        let remaining = remaining.and_then(|t| t.trim().parse::<i64>().ok()).map(|n| u64::try_from(n).unwrap_or(0));
        Self { remaining, reset }
    }
}

/// What a finished attempt tells the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Spot answered, and did not block the call.
    Passed(Limits),
    /// Spot blocked the call (429).
    Blocked(Limits),
    /// AWS throttles Spot.
    Throttled(Limits),
}

/// The gates of one client.
#[derive(Debug)]
pub(crate) struct Limiter {
    policy: RetryPolicy,
    gates: Mutex<HashMap<(Method, &'static str), Arc<Gate>>>,
}

impl Limiter {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, gates: Mutex::default() }
    }

    /// The gate of an operation's method and route template.
    pub(crate) fn gate(&self, operation: Operation) -> Arc<Gate> {
        let key = (operation.method(), operation.route());
        let gate = || Arc::new(Gate { policy: self.policy, state: Mutex::default(), changed: Notify::new() });
        Arc::clone(lock(&self.gates).entry(key).or_insert_with(gate))
    }
}

/// Who may call, on one route.
#[derive(Debug)]
pub(crate) struct Gate {
    policy: RetryPolicy,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Calls that have begun and not ended.
    in_flight: u64,
    /// How often in a row the route was shut by a refusal.
    strikes: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing is known that forbids a call.
    #[default]
    Free,
    /// So many calls may begin before `until`.
    Counted { left: u64, until: Instant },
    /// No call may begin before `until`; then one may.
    Shut { until: Instant },
    /// That one is under way; the others wait for what it brings.
    Trying,
}

enum Admission {
    Enter { trial: bool },
    Wait(Option<Instant>),
}

impl Gate {
    /// Waits until a call may begin.
    pub(crate) async fn enter(self: &Arc<Self>) -> Permit {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let admission = lock(&self.state).admit(Instant::now());
            match admission {
                Admission::Enter { trial } => return Permit { gate: Arc::clone(self), trial, said: false },
                Admission::Wait(None) => changed.await,
                Admission::Wait(Some(until)) => {
                    // Whichever comes first; the state is looked at anew after both.
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
            }
        }
    }

    /// How long the gate stays shut; none when it is not.
    pub(crate) fn shut_for(&self) -> Option<Duration> {
        match lock(&self.state).phase {
            Phase::Shut { until } => Some(until.saturating_duration_since(Instant::now())),
            Phase::Free | Phase::Counted { .. } | Phase::Trying => None,
        }
    }

    fn leave(&self, trial: bool, word: Option<Word>) {
        {
            let mut state = lock(&self.state);
            state.in_flight = state.in_flight.saturating_sub(1);
            state.hear(trial, word, &self.policy, Instant::now());
        }
        self.changed.notify_waiters();
    }
}

impl State {
    fn admit(&mut self, now: Instant) -> Admission {
        let trial = match self.phase {
            Phase::Free => false,
            Phase::Counted { left: 0, until } if now < until => return Admission::Wait(Some(until)),
            // The replies that would say what is left did not come.
            Phase::Counted { left: 0, .. } => {
                self.phase = Phase::Trying;
                true
            }
            // The window slides: what was left is left again, at the least.
            Phase::Counted { left, until } => {
                let until = if now < until { until } else { now + WINDOW };
                self.phase = Phase::Counted { left: left - 1, until };
                false
            }
            Phase::Shut { until } if now < until => return Admission::Wait(Some(until)),
            Phase::Shut { .. } => {
                self.phase = Phase::Trying;
                true
            }
            Phase::Trying => return Admission::Wait(None),
        };
        self.in_flight += 1;
        Admission::Enter { trial }
    }

    fn hear(&mut self, trial: bool, word: Option<Word>, policy: &RetryPolicy, now: Instant) {
        match word {
            Some(Word::Blocked(limits)) => {
                let pause = self.strike(policy);
                self.shut(now + limits.reset.unwrap_or(policy.limit_window.duration()) + pause);
            }
            Some(Word::Throttled(limits)) => {
                let pause = self.strike(policy);
                let reset = limits.reset.filter(|_| limits.remaining == Some(0)).unwrap_or_default();
                self.shut(now + reset.max(pause));
            }
            Some(Word::Passed(limits)) => self.passed(trial, limits, now),
            // No answer: the next one tries.
            None if trial => self.phase = Phase::Shut { until: now },
            None => {}
        }
    }

    fn passed(&mut self, trial: bool, limits: Limits, now: Instant) {
        // An answer that was under way when another call was blocked opens nothing.
        if !trial && matches!(self.phase, Phase::Shut { .. } | Phase::Trying) {
            return;
        }
        self.strikes = 0;
        let until = now + limits.reset.unwrap_or(WINDOW);
        self.phase = match limits.remaining {
            Some(0) => Phase::Shut { until },
            Some(left) => Phase::Counted { left: left.saturating_sub(self.in_flight), until },
            None if trial => Phase::Free,
            None => self.phase,
        };
    }

    /// Shuts the gate, or keeps it shut for longer.
    fn shut(&mut self, until: Instant) {
        self.phase = match self.phase {
            Phase::Shut { until: earlier } => Phase::Shut { until: until.max(earlier) },
            Phase::Free | Phase::Counted { .. } | Phase::Trying => Phase::Shut { until },
        };
    }

    /// A longer pause for each refusal in a row; calls that were refused together count once.
    fn strike(&mut self, policy: &RetryPolicy) -> Duration {
        if !matches!(self.phase, Phase::Shut { .. }) {
            self.strikes = self.strikes.saturating_add(1);
        }
        pause(policy.first_pause.duration(), policy.longest_pause.duration(), self.strikes.saturating_sub(1))
    }
}

/// Leave to make one call; given back by [`Permit::tell`], or by being dropped when no answer came.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Arc<Gate>,
    trial: bool,
    said: bool,
}

impl Permit {
    /// Tells the gate how the call ended.
    pub(crate) fn tell(mut self, word: Word) {
        self.said = true;
        self.gate.leave(self.trial, Some(word));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.said {
            self.gate.leave(self.trial, None);
        }
    }
}

/// The `nth` pause (from 0) of an exponential row, jittered: between one and two times its nominal length.
pub(crate) fn pause(first: Duration, longest: Duration, nth: u32) -> Duration {
    use backon::BackoffBuilder;
    let row =
        backon::ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_jitter().without_max_times();
    row.build().nth(usize::try_from(nth).unwrap_or(usize::MAX).min(64)).unwrap_or(longest)
}

/// A panic elsewhere leaves these maps and counters whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn limits(remaining: Option<u64>, reset: Option<u64>) -> Limits {
        Limits { remaining, reset: reset.map(seconds) }
    }

    fn gate() -> Arc<Gate> {
        Limiter::new(RetryPolicy::default()).gate(Operation::List)
    }

    async fn waited(gate: &Arc<Gate>, word: Word) -> Duration {
        let start = Instant::now();
        gate.enter().await.tell(word);
        start.elapsed()
    }

    #[test]
    fn headers_that_make_no_sense_say_nothing() {
        let parse = |remaining, reset| Limits::parse(Some(remaining), Some(reset));
        assert_eq!(parse("58", "41"), limits(Some(58), Some(41)));
        assert_eq!(parse("-1", "-3"), limits(Some(0), Some(0)));
        assert_eq!(parse(" 0 ", "0.5"), Limits { remaining: Some(0), reset: Some(Duration::from_millis(500)) });
        for reset in ["1767225600", "NaN", "inf", "soon", "", "1e300"] {
            assert_eq!(parse("x", reset), Limits::default(), "{reset}");
        }
    }

    #[test]
    fn routes_are_templates_with_a_method() {
        let limiter = Limiter::new(RetryPolicy::default());
        let same = |a, b| Arc::ptr_eq(&limiter.gate(a), &limiter.gate(b));
        assert!(same(Operation::Read, Operation::Read));
        assert!(!same(Operation::List, Operation::Create) && !same(Operation::List, Operation::Read));
        assert!(!same(Operation::Read, Operation::Delete) && !same(Operation::Read, Operation::Health));
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_call_shuts_the_route_for_its_reset_or_a_minute() {
        for (reset, least) in [(Some(7), 7), (None, 60), (Some(0), 0)] {
            let gate = gate();
            waited(&gate, Word::Blocked(limits(None, reset))).await;
            let waited = waited(&gate, Word::Passed(Limits::default())).await;
            assert!(waited >= seconds(least) && waited <= seconds(least + 2), "{reset:?}: {waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_left_shuts_the_route_before_spot_has_to() {
        let gate = gate();
        waited(&gate, Word::Passed(limits(Some(0), Some(9)))).await;
        let waited = waited(&gate, Word::Passed(Limits::default())).await;
        assert!(waited >= seconds(9) && waited < seconds(10), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_begin_than_are_left() {
        let gate = gate();
        gate.enter().await.tell(Word::Passed(limits(Some(2), Some(30))));
        let start = Instant::now();
        let held = [gate.enter().await, gate.enter().await];
        assert_eq!(start.elapsed(), Duration::ZERO);
        let third = gate.enter().await;
        assert_eq!(start.elapsed(), seconds(30));
        assert!(tokio::time::timeout(seconds(300), gate.enter()).await.is_err(), "a fourth began beside the trial");
        drop((held, third));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_is_still_left_after_the_window_and_no_more() {
        let gate = gate();
        gate.enter().await.tell(Word::Passed(limits(Some(1), Some(10))));
        tokio::time::advance(seconds(100)).await;
        let held = gate.enter().await;
        assert!(tokio::time::timeout(seconds(59), gate.enter()).await.is_err());
        held.tell(Word::Passed(limits(Some(40), Some(10))));
        assert!(tokio::time::timeout(Duration::from_millis(1), gate.enter()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_shut_time_one_call_tries_before_the_others_follow() {
        let gate = gate();
        gate.enter().await.tell(Word::Blocked(limits(None, Some(5))));
        let trial = gate.enter().await;
        assert!(tokio::time::timeout(seconds(300), gate.enter()).await.is_err(), "a second call began beside the trial");
        trial.tell(Word::Passed(Limits::default()));
        assert!(tokio::time::timeout(Duration::from_millis(1), gate.enter()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_dropped_lets_the_next_one_try() {
        let gate = gate();
        gate.enter().await.tell(Word::Blocked(limits(None, Some(5))));
        drop(gate.enter().await);
        assert!(tokio::time::timeout(Duration::from_millis(5), gate.enter()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_does_not_open_what_a_refusal_shut() {
        let gate = gate();
        let (slow, blocked) = (gate.enter().await, gate.enter().await);
        blocked.tell(Word::Blocked(limits(None, Some(20))));
        slow.tell(Word::Passed(limits(Some(50), Some(1))));
        assert!(waited(&gate, Word::Passed(Limits::default())).await >= seconds(20));
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_in_a_row_lengthen_the_pause_and_those_of_one_moment_count_once() {
        let gate = gate();
        let together = [gate.enter().await, gate.enter().await, gate.enter().await];
        for permit in together {
            permit.tell(Word::Throttled(Limits::default()));
        }
        let first = waited(&gate, Word::Throttled(Limits::default())).await;
        assert!(first <= seconds(1), "{first:?}");
        let second = waited(&gate, Word::Throttled(Limits::default())).await;
        let third = waited(&gate, Word::Passed(Limits::default())).await;
        assert!(second >= seconds(1) && third >= seconds(2), "{second:?} {third:?}");
    }
}
