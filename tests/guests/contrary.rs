//! A plugin that does what a test asks it to: tests/guests.rs.

use shiftgate_sdk::prelude::*;

/// What to do.
#[derive(Config)]
struct Contrary {
    /// The deed.
    #[config(rename = "do")]
    deed: String,
    /// A text for it.
    text: String,
}

impl Verification for Contrary {
    type Config = Self;
    type State = Value;
    const STATE_VERSION: u32 = 2;
    const STATE_READS: &'static [u32] = &[1, 2, 3];

    fn validate(config: &Self) -> Vec<Problem> {
        if config.deed == "nothing" { vec![Problem::at("/do", config.text.clone())] } else { Vec::new() }
    }

    #[expect(clippy::panic, reason = "a test wants to see it crash")]
    fn start(cx: &Context<'_>, config: &Self) -> Result<Step<Report, Value>> {
        let text = &config.text;
        Ok(match config.deed.as_str() {
            "throw" => panic!("{text}"),
            "give up" => return Err(StepError::backoff("busy", text)),
            "listen" => Step::wait(json!({ "heard": text })).on_signal_or_after("ready", Duration::from_secs(60)),
            "keep too much" => Step::wait(json!("x".repeat(70_000))).after(Duration::from_secs(1)),
            "log" => {
                cx.info(text);
                cx.warn(format!("of {}", cx.run().step));
                Report::pass(format!("at {}", cx.now().0)).into()
            }
            _ => report(text).into(),
        })
    }

    fn poll(_: &Context<'_>, _: &Self, state: Value, wake: Wake) -> Result<Step<Report, Value>> {
        let Wake::Signal { name, payload } = wake else { return Err(StepError::never("no-signal", "it was the timer")) };
        Ok(Report::pass(format!("{}, {name} {payload}", state["heard"].as_str().unwrap_or_default())).into())
    }

    fn cancel(_: &Context<'_>, _: &Self, state: Value) -> Result<()> {
        let heard = state["heard"].as_str().unwrap_or_default();
        Err(StepError::never("left-behind", format!("{heard} is still there")))
    }

    fn upgrade(version: u32, state: Value) -> Option<Value> {
        (version == 1).then(|| json!({ "heard": format!("{} of old", state.as_str().unwrap_or_default()) }))
    }
}

fn report(text: &str) -> Report {
    let rate = Metric::new("rate", Some(0.5), Verdict::Pass).unit("ratio").threshold("<= 1");
    let lost = Metric::new("lost", Some(f64::NAN), Verdict::Inconclusive);
    let report = Report::new(Verdict::Warn, text).finding(Verdict::Warn, "a finding").metric(rate).metric(lost);
    report.evidence("asked", json!({ "é": [1, null] })).output("answer", 42)
}

plugin! { verification: Contrary, name: "contrary" }
