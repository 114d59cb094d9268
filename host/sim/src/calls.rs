//! The record of the calls that were made, and the account's rate limit.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use crate::instance::Moment;
use crate::world::RateLimit;

/// One call on the Spot API, as it arrived and as it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The route's template, such as `/aws/ec2/group/{id}`; `unknown` when the API has no such route.
    pub route: String,
    /// The path that was asked for, without the query.
    pub path: String,
    /// The status of the reply; none while there is no reply, and where the connection was cut instead of one.
    pub status: Option<u16>,
}

/// The calls so far, oldest first. Only the most recent hundred thousand are kept.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    kept: VecDeque<Call>,
    dropped: usize,
}

impl Calls {
    const KEPT: usize = 100_000;

    /// Records a call and returns its number.
    pub(crate) fn begin(&mut self, method: &str, route: &str, path: &str) -> usize {
        if self.kept.len() == Self::KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(Call { method: method.into(), route: route.into(), path: path.into(), status: None });
        self.dropped + self.kept.len() - 1
    }

    pub(crate) fn end(&mut self, number: usize, status: u16) {
        let call = number.checked_sub(self.dropped).and_then(|index| self.kept.get_mut(index));
        if let Some(call) = call {
            call.status = Some(status);
        }
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.kept.iter().cloned().collect()
    }
}

/// What the three rate-limit headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until the next call is allowed, or until the minute is over while calls are left.
    pub(crate) reset: u64,
    pub(crate) allowed: bool,
}

/// Counts calls per method and route in a sliding minute.
#[derive(Debug, Default)]
pub(crate) struct Limiter(BTreeMap<(String, &'static str), Window>);

#[derive(Debug, Default)]
struct Window {
    calls: VecDeque<Moment>,
    blocked_until: Option<Moment>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Limiter {
    /// What headers show in an account without a limit.
    const NOMINAL: u32 = 6_000;

    /// Counts a call. A refused one starts the minute again.
    pub(crate) fn count(&mut self, limit: Option<RateLimit>, method: &str, route: &'static str, now: Moment) -> Allowance {
        let window = self.0.entry((method.to_owned(), route)).or_default();
        while window.calls.front().is_some_and(|call| *call + MINUTE <= now) {
            window.calls.pop_front();
        }
        let allowed_calls = limit.map_or(Self::NOMINAL, |limit| limit.per_minute);
        let blocked = window.blocked_until.is_some_and(|until| now < until);
        let full = window.calls.len() >= usize::try_from(allowed_calls).unwrap_or(usize::MAX);
        if limit.is_some() && (blocked || full) {
            window.blocked_until = Some(now + MINUTE);
            return Allowance { limit: allowed_calls, remaining: 0, reset: MINUTE.as_secs(), allowed: false };
        }
        window.blocked_until = None;
        if window.calls.len() < usize::try_from(Self::NOMINAL).unwrap_or(usize::MAX).max(1) || limit.is_some() {
            window.calls.push_back(now);
        }
        let used = u32::try_from(window.calls.len()).unwrap_or(u32::MAX);
        let floor = u32::from(limit.is_none());
        let oldest = window.calls.front().copied().unwrap_or(now);
        Allowance {
            limit: allowed_calls,
            remaining: allowed_calls.saturating_sub(used).max(floor),
            reset: (oldest + MINUTE).saturating_sub(now).as_secs_f64().ceil() as u64,
            allowed: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_above_the_limit_starts_the_minute_again() {
        let mut limiter = Limiter::default();
        let mut call = |at: u64| {
            let allowance = limiter.count(Some(RateLimit { per_minute: 2 }), "GET", "/aws/ec2/group", Duration::from_secs(at));
            (allowance.allowed, allowance.remaining, allowance.reset)
        };
        assert_eq!(call(0), (true, 1, 60));
        assert_eq!(call(20), (true, 0, 40));
        assert_eq!(call(30), (false, 0, 60));
        assert_eq!(call(61), (false, 0, 60));
        assert_eq!(call(121), (true, 1, 60));
    }

    #[test]
    fn without_a_limit_something_always_remains() {
        let mut limiter = Limiter::default();
        let last = (0..7_000).map(|_| limiter.count(None, "GET", "/aws/ec2/group", Duration::ZERO)).last().unwrap();
        assert_eq!((last.allowed, last.remaining), (true, 1));
    }
}
