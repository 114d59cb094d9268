//! Takes the decision from a ticket: whoever approved or rejected it there has voted here.

use shiftgate_sdk::prelude::*;

/// Which ticket decides.
#[derive(Config)]
pub struct Settings {
    /// Where the ticket is read. It answers JSON: `{"state": "approved", "by": "alice"}`; the
    /// state is `open`, `approved` or `rejected`.
    pub url: String,
    /// The pause between two looks.
    #[config(default = "30s")]
    pub interval: Duration,
}

/// The plugin.
pub struct Plugin;

impl Approval for Plugin {
    type Config = Settings;
    type State = ();

    fn start(cx: &Context<'_>, config: &Settings) -> Result<Progress<()>> {
        look(cx, config)
    }

    fn poll(cx: &Context<'_>, config: &Settings, _: (), _: Wake) -> Result<Progress<()>> {
        look(cx, config)
    }
}

/// Reads the ticket once. The host counts the ballot: who may vote, and how many have to.
fn look(cx: &Context<'_>, config: &Settings) -> Result<Progress<()>> {
    let answer = cx.get(&config.url).send()?;
    if !answer.is_success() {
        let message = format!("{} answers HTTP {}", config.url, answer.status);
        return Err(StepError::backoff("bad-answer", message));
    }
    let ticket: Value = answer.json()?;
    let vote = match ticket["state"].as_str() {
        Some("approved") => Vote::Approve,
        Some("rejected") => Vote::Reject,
        Some("open") => {
            cx.progress("the ticket is open");
            let next = Suspension {
                state: (),
                after: Some(config.interval),
                signals: Vec::new(),
            };
            let tally = Tally::new(Vec::new(), "the ticket is open");
            return Ok(Progress {
                tally,
                next: Some(next),
            });
        }
        _ => {
            return Err(StepError::never(
                "bad-ticket",
                "the ticket says no state that is known",
            ));
        }
    };
    let Some(subject) = ticket["by"].as_str().filter(|name| !name.is_empty()) else {
        return Err(StepError::never(
            "bad-ticket",
            "the ticket does not say who decided",
        ));
    };
    let ballot = Ballot {
        subject: subject.to_owned(),
        vote,
        at: cx.now(),
        comment: config.url.clone(),
        bound_digest: None,
    };
    Ok(Progress {
        tally: Tally::new(vec![ballot], "the ticket is decided"),
        next: None,
    })
}

plugin! {
    approval: Plugin,
    http: [{ from_config: "/url", methods: ["GET"], reason: "reads the ticket" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::{ApprovalTest, FakeHost};

    #[test]
    fn it_waits_for_the_ticket() {
        let host = FakeHost::new();
        host.answer(200, r#"{"state": "open"}"#);
        host.answer(200, r#"{"state": "rejected", "by": "alice"}"#);
        let config = json!({"url": "http://tickets/42"});
        let mut step = ApprovalTest::<Plugin>::start(&host, &config).unwrap();
        let progress = step.timer().unwrap();
        assert_eq!(progress.tally.ballots[0].vote, Vote::Reject);
        assert!(progress.next.is_none());
    }
}
