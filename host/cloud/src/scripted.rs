//! A wire whose answers are written beforehand: for tests of waiting and repeating on a paused clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::call::Caller;
use crate::config::RetryPolicy;
use crate::failure::Failure;
use crate::limiter::Limits;
use crate::operation::{Operation, Request};
use crate::redact::Redactor;
use crate::wire::{Reply, Wire};

/// The token that scripted clients have.
pub(crate) const TOKEN: &str = "scripted-token-0123456789";

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Replies(Reply),
    Fails(Failure),
    Slow(Duration, Failure),
}

/// A 200 with these items.
pub(crate) fn ok(items: &str) -> Answer {
    Answer::raw(200, &format!(r#"{{"response":{{"status":{{"code":200}},"items":{items}}}}}"#))
}

impl Answer {
    pub(crate) fn raw(status: u16, body: &str) -> Self {
        Self::Replies(Reply { status, limits: Limits::default(), body: body.as_bytes().to_vec() })
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        let errors = if code.is_empty() { "[]".to_owned() } else { format!(r#"[{{"code":"{code}","message":"said no"}}]"#) };
        Self::raw(status, &format!(r#"{{"response":{{"status":{{"code":{status}}},"errors":{errors}}}}}"#))
    }

    pub(crate) fn limited(reset: Option<u64>) -> Self {
        let limits = Limits { remaining: Some(0), reset: reset.map(Duration::from_secs) };
        let body = br#"{"response":{"status":{"code":429},"data":"Rate limit exceeded"}}"#.to_vec();
        Self::Replies(Reply { status: 429, limits, body })
    }
}

/// The answers to come, and the calls that were made.
#[derive(Clone)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<Mutex<Vec<(Operation, Instant)>>>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), calls: Arc::default() }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::new(Box::new(self.clone()), RetryPolicy::default(), Redactor::new(SecretString::from(TOKEN.to_owned())))
    }

    pub(crate) fn calls(&self) -> Vec<Operation> {
        self.calls.lock().unwrap().iter().map(|(operation, _)| *operation).collect()
    }
}

#[async_trait]
impl Wire for Script {
    async fn exchange(&self, request: &Request) -> Result<Reply, Failure> {
        self.calls.lock().unwrap().push((request.operation, Instant::now()));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer.expect("the script has an answer for every call") {
            Answer::Replies(reply) => Ok(reply),
            Answer::Fails(failure) => Err(failure),
            Answer::Slow(after, failure) => {
                tokio::time::sleep(after).await;
                Err(failure)
            }
        }
    }
}
