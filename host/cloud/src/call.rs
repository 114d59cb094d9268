//! One call, attempt after attempt: the only loop that decides about another one.
//!
//! A call that may be repeated is: behind the route's gate after a rate limit, after a pause when no answer came or the
//! server failed. A call that may not is attempted once, whatever happens; what follows is its caller's (`create`).

use std::time::Duration;

use serde_json::Value;
use shiftgate_model::{CloudError, Millis};
use tokio::time::Instant;

use crate::config::RetryPolicy;
use crate::envelope;
use crate::failure::{Class, Failure, Refusal};
use crate::limiter::{Limiter, Permit, Word, pause};
use crate::operation::Request;
use crate::redact::Redactor;
use crate::wire::Wire;

/// What all clones of a client share.
pub(crate) struct Caller {
    wire: Box<dyn Wire>,
    limiter: Limiter,
    pub(crate) policy: RetryPolicy,
    pub(crate) redactor: Redactor,
}

/// The last failure of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error: CloudError,
    pub(crate) class: Class,
    /// Whether any of its attempts may have had its effect.
    pub(crate) may_have_happened: bool,
}

impl From<Failed> for CloudError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

/// What a call has used of its budgets.
#[derive(Default)]
struct Used {
    attempts: u32,
    busy: Duration,
    limited: Duration,
    may_have_happened: bool,
    last: Option<Failed>,
}

impl Caller {
    pub(crate) fn new(wire: Box<dyn Wire>, policy: RetryPolicy, redactor: Redactor) -> Self {
        Self { wire, limiter: Limiter::new(policy), policy, redactor }
    }

    /// Makes a call and returns its items.
    pub(crate) async fn call(&self, request: &Request) -> Result<Vec<Value>, Failed> {
        let gate = self.limiter.gate(request.operation);
        let mut used = Used::default();
        loop {
            let permit = self.enter(request, &mut used).await?;
            let begun = Instant::now();
            let failure = match self.attempt(permit, request).await {
                Ok(items) => return Ok(items),
                Err(failure) => failure,
            };
            used.busy += begun.elapsed();
            let class = failure.class();
            used.may_have_happened |= class.may_have_happened();
            let error = failure.into_error(request, &self.redactor, gate.shut_for().map(Millis::from));
            let failed = Failed { error, class, may_have_happened: used.may_have_happened };
            if !request.operation.idempotent() {
                return Err(failed);
            }
            match class {
                Class::Limited | Class::Throttled => {
                    tracing::info!(operation = request.operation.name(), wait = ?gate.shut_for(), "rate limit");
                    used.last = Some(failed);
                }
                Class::NotSent | Class::Lost | Class::Unavailable | Class::Unreadable => self.wait(&mut used, failed).await?,
                Class::Provisioning | Class::Missing | Class::Final => return Err(failed),
            }
        }
    }

    /// Passes the route's gate, inside the time that a call may wait for it.
    async fn enter(&self, request: &Request, used: &mut Used) -> Result<Permit, Failed> {
        let gate = self.limiter.gate(request.operation);
        let begun = Instant::now();
        let left = self.policy.limit_budget.duration().saturating_sub(used.limited);
        let entered = tokio::time::timeout(left, gate.enter()).await;
        used.limited += begun.elapsed();
        entered.map_err(|_| {
            used.last.take().unwrap_or_else(|| {
                let message = format!("Spot's rate limit kept this route shut for {}", self.policy.limit_budget);
                let failure = Failure::Said(Refusal { status: 429, codes: vec![], message });
                let error = failure.into_error(request, &self.redactor, gate.shut_for().map(Millis::from));
                Failed { error, class: Class::Limited, may_have_happened: false }
            })
        })
    }

    async fn attempt(&self, permit: Permit, request: &Request) -> Result<Vec<Value>, Failure> {
        let begun = Instant::now();
        // No answer: the permit is dropped unspoken, and the gate learns nothing.
        let reply = self.wire.exchange(request).await?;
        let answer = envelope::read(reply.status, &reply.body, request.operation.asks());
        permit.tell(match answer.as_ref().err().map(Failure::class) {
            Some(Class::Limited) => Word::Blocked(reply.limits),
            Some(Class::Throttled) => Word::Throttled(reply.limits),
            _ => Word::Passed(reply.limits),
        });
        let (operation, subject) = (request.operation.name(), request.subject.as_deref());
        tracing::debug!(operation, subject, status = reply.status, elapsed = ?begun.elapsed(), "answered");
        answer
    }

    /// Pauses before the next attempt, or gives the failure back when attempts or time are used up.
    async fn wait(&self, used: &mut Used, failed: Failed) -> Result<(), Failed> {
        let policy = &self.policy;
        let pause = pause(policy.first_pause.duration(), policy.longest_pause.duration(), used.attempts);
        used.attempts += 1;
        used.busy += pause;
        if used.attempts >= policy.attempts || used.busy > policy.budget.duration() {
            return Err(failed);
        }
        tracing::info!(error = %failed.error, ?pause, attempt = used.attempts, "another attempt follows");
        tokio::time::sleep(pause).await;
        used.last = Some(failed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shiftgate_model::{GroupId, Origin, Retry};

    use super::*;
    use crate::operation::Operation;
    use crate::scripted::{Answer, Script, ok};

    fn read() -> Request {
        Request::group(Operation::Read, &GroupId::new("sig-0a1b2c3d"))
    }

    fn status(error: &CloudError) -> Option<u16> {
        match error.origin {
            Origin::Remote { status, .. } => Some(status),
            _ => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_waits_its_reset_and_a_minute_without_one() {
        for (reset, least) in [(Some(7), 7), (None, 60)] {
            let script = Script::new([Answer::limited(reset), ok("[]")]);
            let start = Instant::now();
            script.caller().call(&read()).await.unwrap();
            let waited = start.elapsed().as_secs();
            assert!((least..=least + 1).contains(&waited), "{reset:?}: {waited}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stays_limited_gives_up_in_the_end() {
        let script = Script::new((0..100).map(|_| Answer::limited(None)));
        let start = Instant::now();
        let failed = script.caller().call(&read()).await.unwrap_err();
        assert_eq!((status(&failed.error), failed.class), (Some(429), Class::Limited));
        assert!(matches!(failed.error.retry, Retry::After(_)));
        assert_eq!(start.elapsed(), RetryPolicy::default().limit_budget.duration());
        assert!(script.calls().len() < 16);
    }

    #[tokio::test(start_paused = true)]
    async fn the_policy_says_how_long_a_429_without_a_word_lasts() {
        let script = Script::new([Answer::limited(None), ok("[]")]);
        let policy = RetryPolicy { limit_window: Millis(20), first_pause: Millis(1), ..RetryPolicy::default() };
        let caller = Caller { limiter: Limiter::new(policy), policy, ..script.caller() };
        let start = Instant::now();
        caller.call(&read()).await.unwrap();
        assert!((20..=22).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_behind_spot_waits_and_goes_on() {
        let script = Script::new([Answer::error(400, "RequestLimitExceeded"), Answer::error(400, "Throttling"), ok("[]")]);
        let start = Instant::now();
        script.caller().call(&read()).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(1_500), "{:?}", start.elapsed());
        assert_eq!(script.calls().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn no_connection_lost_answers_and_5xx_are_tried_again() {
        let script = Script::new([
            Answer::Fails(Failure::NotSent("refused".to_owned())),
            Answer::Fails(Failure::Lost("reset".to_owned())),
            Answer::error(503, ""),
            ok(r#"[{"id":"sig-0a1b2c3d"}]"#),
        ]);
        let start = Instant::now();
        assert_eq!(script.caller().call(&read()).await.unwrap().len(), 1);
        // 0.5 + 1 + 2 s, and as much again of jitter.
        assert!((3_500..=7_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_so_is_their_time() {
        let script = Script::new((0..100).map(|_| Answer::error(500, "")));
        let failed = script.caller().call(&read()).await.unwrap_err();
        assert_eq!((status(&failed.error), failed.may_have_happened), (Some(500), true));
        assert_eq!(script.calls().len(), 5);

        let slow = Script::new((0..100).map(|_| Answer::Slow(Duration::from_secs(70), Failure::Lost("slow".to_owned()))));
        slow.caller().call(&read()).await.unwrap_err();
        assert_eq!(slow.calls().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_fail_again_is_not_tried_again() {
        for answer in [Answer::error(400, "ValidationError"), Answer::error(401, ""), Answer::error(404, "")] {
            let script = Script::new([answer]);
            let failed = script.caller().call(&read()).await.unwrap_err();
            assert_eq!(failed.error.retry, Retry::Never);
            assert_eq!(script.calls().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_makes_no_sense_is_asked_for_again() {
        for garbled in ["<html>", r#"{"response":{"items":[{"id":"sig-0a"#, ""] {
            let script = Script::new([Answer::raw(200, garbled), ok("[]")]);
            assert_eq!(script.caller().call(&read()).await.unwrap(), Vec::<Value>::new());
        }
        let script = Script::new((0..100).map(|_| Answer::raw(200, "<html>")));
        let failed = script.caller().call(&read()).await.unwrap_err();
        assert!(matches!(failed.error.origin, Origin::Decode(_)), "{failed:?}");
        assert_eq!((script.calls().len(), failed.may_have_happened), (5, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_is_attempted_once_whatever_happens() {
        for answer in [
            Answer::error(500, ""),
            Answer::limited(Some(5)),
            Answer::Fails(Failure::NotSent(String::new())),
            Answer::Fails(Failure::Lost(String::new())),
        ] {
            let script = Script::new([answer]);
            script.caller().call(&Request::account(Operation::Create)).await.unwrap_err();
            assert_eq!(script.calls().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_on_one_route_leaves_the_others_alone() {
        let script = Script::new([Answer::limited(Some(40)), ok("[]"), ok("[]")]);
        let caller = std::sync::Arc::new(script.caller());
        let start = Instant::now();
        let limited = tokio::spawn({
            let caller = std::sync::Arc::clone(&caller);
            async move { caller.call(&read()).await.map(|_| start.elapsed()) }
        });
        tokio::task::yield_now().await;
        caller.call(&Request::account(Operation::List)).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1));
        assert!(limited.await.unwrap().unwrap() >= Duration::from_secs(40));
    }
}
