//! Verification: asks a URL, and passes as soon as it answers as expected.
//!
//! `check` holds an answer against `config`. Between tries the step is suspended. No answer is a failed try; a request
//! that nobody granted is an error of the step.

pub mod check;
pub mod config;

use serde::{Deserialize, Serialize};
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use config::{Method, Settings};

/// The plugin.
#[derive(Debug)]
pub struct HttpCheck;

/// What is remembered between tries.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tries {
    /// When the first was.
    began: Timestamp,
    /// How many there were.
    tried: u32,
    /// How many went well since the last that did not.
    good_in_a_row: u32,
    /// Why the last bad one was bad; empty when none was.
    last_failure: String,
}

impl Verification for HttpCheck {
    type Config = Settings;
    type State = Tries;

    fn validate(config: &Settings) -> Vec<Problem> {
        config.problems()
    }

    fn start(cx: &Context<'_>, config: &Settings) -> Result<Step<Report, Tries>> {
        if let Some(problem) = config.problems().first() {
            return Err(StepError::never("bad-config", format!("{}: {}", problem.pointer, problem.message)));
        }
        if cx.run().dry_run && config.method == Method::Post {
            let summary = format!("would post to {}; a dry run changes nothing", config.url);
            return Ok(Report::new(Verdict::Skipped, summary).into());
        }
        let tries = Tries { began: cx.now(), tried: 0, good_in_a_row: 0, last_failure: String::new() };
        Self::poll(cx, config, tries, Wake::Timer)
    }

    fn poll(cx: &Context<'_>, config: &Settings, mut tries: Tries, _: Wake) -> Result<Step<Report, Tries>> {
        let asked_at = cx.now();
        let answer = ask(cx, config)?;
        tries.tried += 1;
        match answer.as_ref().map_or_else(|why| Some(why.to_string()), |response| check::mismatch(response, config)) {
            None => tries.good_in_a_row += 1,
            Some(why) => {
                cx.progress(format!("try {}: {why}", tries.tried));
                tries.good_in_a_row = 0;
                tries.last_failure = why;
            }
        }
        let took = asked_at.since(tries.began);
        if tries.good_in_a_row >= config.successes {
            let summary = match (config.successes, tries.tried) {
                (1, 1) => format!("{} answers as expected", config.url),
                (1, _) => format!("{} answers as expected, after {took}", config.url),
                (row, _) => format!("{} answers as expected, {row} times in a row, after {took}", config.url),
            };
            return Ok(with_evidence(Report::pass(summary), &tries, answer.ok(), config).into());
        }
        // Another try has to begin before the time is over.
        if cx.now() + config.interval <= tries.began + config.r#for {
            return Ok(Step::wait(tries).after(config.interval));
        }
        let summary = match tries.tried {
            1 => format!("{} does not answer as expected: {}", config.url, tries.last_failure),
            tried => format!("{} does not answer as expected, after {tried} tries in {took}: {}", config.url, tries.last_failure),
        };
        let report = Report::fail(summary).finding(Verdict::Fail, tries.last_failure.clone());
        Ok(with_evidence(report, &tries, answer.ok(), config).into())
    }
}

/// Asks once. What policy refuses is an error of the step, everything else a failed try.
fn ask(cx: &Context<'_>, config: &Settings) -> Result<Result<Response, HttpError>> {
    let mut request = cx.request(config.method.as_str(), &config.url).timeout(config.timeout).redirects(config.redirects);
    for (name, value) in &config.headers {
        request = request.header(name, value);
    }
    request = match &config.body {
        None => request,
        Some(Value::String(text)) => request.body(text.as_str()),
        Some(json) => request.json(json)?,
    };
    match request.send() {
        Err(error) if error.is_denied() => Err(error.into()),
        answer => Ok(answer),
    }
}

fn with_evidence(report: Report, tries: &Tries, last: Option<Response>, config: &Settings) -> Report {
    let answer = last.map(|last| json!({"status": last.status, "url": last.final_url, "body": check::shown(&last)}));
    let evidence = json!({
        "method": config.method.as_str(),
        "url": config.url,
        "tries": tries.tried,
        "lastFailure": tries.last_failure,
        "lastAnswer": answer,
    });
    report.evidence("http", evidence).output("tries", tries.tried)
}

plugin! {
    verification: HttpCheck,
    http: [{ from_config: "/url", methods: ["GET", "HEAD", "POST"], reason: "asks the URL that is to be checked" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    fn verify(host: &FakeHost, more: Value) -> Result<Report> {
        let mut config = json!({"url": "http://web/health"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        testing::verify::<HttpCheck>(host, &config)
    }

    #[test]
    fn one_good_answer_passes() {
        let host = FakeHost::new();
        host.answer(200, "ok");
        let report = verify(&host, json!({"headers": {"x-probe": "1"}})).unwrap();
        assert_eq!((report.verdict, report.summary.as_str()), (Verdict::Pass, "http://web/health answers as expected"));
        let request = &host.requests()[0];
        assert_eq!((request.method.as_str(), request.headers[0].0.as_str()), ("GET", "x-probe"));
    }

    #[test]
    fn without_a_time_there_is_one_try() {
        let host = FakeHost::new();
        host.answer(503, "");
        let report = verify(&host, json!({})).unwrap();
        assert_eq!(report.verdict, Verdict::Fail);
        assert_eq!(report.summary, "http://web/health does not answer as expected: HTTP 503, expected 200");
    }

    #[test]
    fn keeps_trying_for_its_time() {
        let host = FakeHost::new();
        host.fail(HttpError::Connect("refused".into()));
        host.answer(503, "");
        host.answer(200, "");
        let report = verify(&host, json!({"for": "1m"})).unwrap();
        assert_eq!(report.summary, "http://web/health answers as expected, after 20s");
        assert_eq!(host.progress_seen(), ["try 1: no connection: refused", "try 2: HTTP 503, expected 200"]);

        let host = FakeHost::new();
        host.always(Err(HttpError::Timeout));
        let report = verify(&host, json!({"for": "1m", "interval": "20s"})).unwrap();
        assert_eq!(report.verdict, Verdict::Fail);
        assert_eq!(report.summary, "http://web/health does not answer as expected, after 4 tries in 1m: no answer in time");
    }

    #[test]
    fn successes_have_to_come_in_a_row() {
        let host = FakeHost::new();
        for status in [200, 500, 200, 200] {
            host.answer(status, "");
        }
        let report = verify(&host, json!({"for": "1m", "successes": 2})).unwrap();
        assert_eq!(report.summary, "http://web/health answers as expected, 2 times in a row, after 30s");
    }

    #[test]
    fn what_is_not_granted_is_no_failed_try() {
        let host = FakeHost::new();
        host.fail(HttpError::NotGranted("add this grant".into()));
        let error = verify(&host, json!({"for": "10m"})).unwrap_err();
        assert_eq!(error, StepError::never("not-granted", "add this grant"));
    }

    #[test]
    fn a_dry_run_posts_nothing() {
        let mut host = FakeHost::new();
        host.run.dry_run = true;
        let report = verify(&host, json!({"method": "POST", "body": {"a": 1}})).unwrap();
        assert_eq!((report.verdict, host.requests().len()), (Verdict::Skipped, 0));
    }

    #[test]
    fn a_post_sends_its_body() {
        let host = FakeHost::new();
        host.answer(200, "");
        verify(&host, json!({"method": "POST", "body": {"a": 1}})).unwrap();
        assert_eq!(host.requests()[0].body, br#"{"a":1}"#);
    }
}
