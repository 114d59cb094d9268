//! Reads a number out of a JSON answer, and fails when it stays too large.

use shiftgate_sdk::prelude::*;

/// Which number is judged, and how.
#[derive(Config)]
pub struct Settings {
    /// What to ask. It answers JSON, such as `{"depth": 12}`.
    pub url: String,
    /// Where in the answer the number stands, as a JSON pointer.
    #[config(default = "/depth", pattern = "^/")]
    pub pointer: String,
    /// The most that it may be.
    pub max: f64,
    /// How often to look before it fails.
    #[config(default = 3, minimum = 1, maximum = 1000)]
    pub looks: u32,
    /// The pause between two looks.
    #[config(default = "10s")]
    pub interval: Duration,
}

/// The plugin.
pub struct Plugin;

impl Verification for Plugin {
    type Config = Settings;
    /// How often it has looked.
    type State = u32;

    fn start(cx: &Context<'_>, config: &Settings) -> Result<Step<Report, u32>> {
        look(cx, config, 1)
    }

    fn poll(cx: &Context<'_>, config: &Settings, looks: u32, _: Wake) -> Result<Step<Report, u32>> {
        look(cx, config, looks + 1)
    }
}

/// Looks once. `looks` counts this one.
fn look(cx: &Context<'_>, config: &Settings, looks: u32) -> Result<Step<Report, u32>> {
    let answer = cx.get(&config.url).send()?;
    if !answer.is_success() {
        let message = format!("{} answers HTTP {}", config.url, answer.status);
        return Err(StepError::backoff("bad-answer", message));
    }
    let json: Value = answer.json()?;
    // Without data nothing passes.
    let Some(found) = json.pointer(&config.pointer).and_then(Value::as_f64) else {
        let summary = format!("there is no number at {} of the answer", config.pointer);
        return Ok(Report::inconclusive(summary).into());
    };
    cx.progress(format!("look {looks}: {found}"));
    if found > config.max && looks < config.looks {
        return Ok(Step::wait(looks).after(config.interval));
    }
    let report = if found > config.max {
        Report::fail(format!(
            "{found} is more than {}, {looks} times in a row",
            config.max
        ))
    } else {
        Report::pass(format!("{found} is not more than {}", config.max))
    };
    let verdict = report.verdict;
    let metric = Metric::new("value", Some(found), verdict).threshold(format!("<= {}", config.max));
    Ok(report.metric(metric).output("looks", looks).into())
}

plugin! {
    verification: Plugin,
    http: [{ from_config: "/url", methods: ["GET"], reason: "asks for the number" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    #[test]
    fn it_looks_again_before_it_fails() {
        let host = FakeHost::new();
        host.answer(200, r#"{"depth": 500}"#);
        host.answer(200, r#"{"depth": 5}"#);
        let config = json!({"url": "http://queue", "max": 100});
        let report = testing::verify::<Plugin>(&host, &config).unwrap();
        assert_eq!(report.verdict, Verdict::Pass);
        assert_eq!(host.waits(), [Duration::from_secs(10)]);
    }
}
