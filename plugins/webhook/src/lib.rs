//! Wrap-up: posts the end of a run as JSON to a URL, again until it is taken.
//!
//! `template` makes the body, `retry` says when to try again. The idempotency key is the same for every try, so a
//! receiver that knows it takes a doubled post once. Between tries the step is suspended; the body is part of the state,
//! because it must not change.

pub mod config;
pub mod retry;
pub mod template;

use serde::{Deserialize, Serialize};
use shiftgate_sdk::prelude::*;

use config::Settings;

/// The plugin.
#[derive(Debug)]
pub struct Webhook;

/// What is remembered between tries.
#[derive(Debug, Serialize, Deserialize)]
pub struct Post {
    /// How many tries there were.
    tried: u32,
    /// What is posted.
    body: Value,
}

impl WrapUp for Webhook {
    type Config = Settings;
    type State = Post;

    fn validate(config: &Settings) -> Vec<Problem> {
        config.problems()
    }

    fn start(cx: &Context<'_>, config: &Settings, summary: &Summary) -> Result<Step<Receipt, Post>> {
        if let Some(problem) = config.problems().first() {
            return Err(StepError::never("bad-config", format!("{}: {}", problem.pointer, problem.message)));
        }
        if cx.run().dry_run {
            return Ok(Receipt::of(Action::Planned(format!("post `{}` to {}", summary.ending, config.url))).into());
        }
        let facts = template::facts(cx.run(), summary);
        let body = template::body(config.body.as_ref(), &facts);
        Self::poll(cx, config, Post { tried: 0, body }, Wake::Timer)
    }

    fn poll(cx: &Context<'_>, config: &Settings, mut post: Post, _: Wake) -> Result<Step<Receipt, Post>> {
        let mut request =
            cx.post(&config.url).header("idempotency-key", &cx.run().idempotency_key).timeout(config.timeout).json(&post.body)?;
        for (name, value) in &config.headers {
            request = request.header(name, value);
        }
        let answer = request.send();
        post.tried += 1;
        let (why, answer) = match answer {
            Ok(answer) if config.succeeded(answer.status) => {
                return Ok(receipt(Action::Done(format!("Posted to {}", config.url)), &post, Some(answer.status)).into());
            }
            Ok(answer) if !retry::may_pass(answer.status) => {
                let why = format!("{} refuses the post: HTTP {}", config.url, answer.status);
                return Ok(receipt(Action::Failed(why), &post, Some(answer.status)).into());
            }
            Ok(answer) => (format!("HTTP {}", answer.status), Some(answer)),
            Err(error) if error.is_denied() => return Err(error.into()),
            Err(error) => (error.to_string(), None),
        };
        if post.tried > config.retries {
            let why = format!("{} does not take the post, after {} tries: {why}", config.url, post.tried);
            return Ok(receipt(Action::Failed(why), &post, answer.map(|answer| answer.status)).into());
        }
        let pause = retry::pause(post.tried, config.backoff, answer.as_ref(), cx.now());
        cx.progress(format!("try {}: {why}; the next in {pause}", post.tried));
        Ok(Step::wait(post).after(pause))
    }
}

fn receipt(action: Action, post: &Post, status: Option<u16>) -> Receipt {
    Receipt::of(action).output("tries", post.tried).output("status", status)
}

plugin! {
    wrap_up: Webhook,
    http: [{ from_config: "/url", methods: ["POST"], reason: "posts the end of the run" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::http::Response;
    use shiftgate_sdk::testing::{self, FakeHost};

    const URL: &str = "https://hooks.example.org/x";

    fn post(host: &FakeHost, more: Value) -> Result<Receipt> {
        let mut config = json!({"url": URL});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let summary = Summary { ending: "succeeded".into(), text: "web runs ami-0123".into(), ..Summary::default() };
        testing::wrap_up::<Webhook>(host, &config, &summary)
    }

    #[test]
    fn posts_once_with_the_idempotency_key() {
        let host = FakeHost::new();
        host.answer(202, "");
        let receipt = post(&host, json!({"headers": {"x-team": "web"}, "body": {"t": "{{text}}"}})).unwrap();
        assert_eq!(receipt.actions, [Action::Done(format!("Posted to {URL}"))]);
        let request = &host.requests()[0];
        assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", br#"{"t":"web runs ami-0123"}"#.as_slice()));
        let headers: Vec<_> = request.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        assert_eq!(headers, ["idempotency-key: run-1/verify", "content-type: application/json", "x-team: web"]);
    }

    #[test]
    fn tries_again_with_the_same_post() {
        let host = FakeHost::new();
        host.fail(HttpError::Timeout);
        host.answer(503, "");
        host.respond(Response { status: 429, headers: vec![("retry-after".into(), "42".into())], ..Response::default() });
        host.answer(200, "");
        let receipt = post(&host, json!({})).unwrap();
        assert_eq!(receipt.outputs, [("tries".to_owned(), json!(4)), ("status".to_owned(), json!(200))]);
        assert_eq!(host.waits(), [5, 10, 42].map(Duration::from_secs));
        let requests = host.requests();
        assert!(requests.iter().all(|request| request == &requests[0]), "body and key stay the same");
        assert_eq!(host.progress_seen()[0], "try 1: no answer in time; the next in 5s");
    }

    #[test]
    fn gives_up_in_the_end() {
        let host = FakeHost::new();
        host.always(Ok(Response { status: 500, ..Response::default() }));
        let receipt = post(&host, json!({"retries": 2})).unwrap();
        assert_eq!(receipt.actions, [Action::Failed(format!("{URL} does not take the post, after 3 tries: HTTP 500"))]);
        assert_eq!(host.requests().len(), 3);
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        let host = FakeHost::new();
        host.answer(404, "");
        let receipt = post(&host, json!({})).unwrap();
        assert_eq!(receipt.actions, [Action::Failed(format!("{URL} refuses the post: HTTP 404"))]);
        host.fail(HttpError::NotGranted("add this grant".into()));
        assert_eq!(post(&host, json!({})), Err(StepError::never("not-granted", "add this grant")));
        assert_eq!(host.requests().len(), 2);
    }

    #[test]
    fn success_may_be_another_status() {
        let host = FakeHost::new();
        host.answer(302, "");
        let receipt = post(&host, json!({"status": [200, 302]})).unwrap();
        assert!(matches!(receipt.actions[0], Action::Done(_)));
    }

    #[test]
    fn a_dry_run_posts_nothing() {
        let mut host = FakeHost::new();
        host.run.dry_run = true;
        let receipt = post(&host, json!({})).unwrap();
        assert_eq!(receipt.actions, [Action::Planned(format!("post `succeeded` to {URL}"))]);
        assert_eq!(host.requests(), []);
    }
}
