//! A plugin that watches a queue.

use shiftgate_sdk::prelude::*;

/// How deep the queue may be.
#[derive(Config)]
struct QueueDepth {
    /// Answers `{"depth": 12}`.
    url: String,
    /// The most messages that may wait.
    max: u64,
    /// How often to look before it fails.
    #[config(default = 3, minimum = 1)]
    tries: u32,
}

impl Verification for QueueDepth {
    type Config = Self;
    type State = u32;

    fn start(cx: &Context<'_>, config: &Self) -> Result<Step<Report, u32>> {
        Self::poll(cx, config, 1, Wake::Timer)
    }

    fn poll(cx: &Context<'_>, config: &Self, tries: u32, _: Wake) -> Result<Step<Report, u32>> {
        let answer: Value = cx.get(&config.url).send()?.json()?;
        let Some(depth) = answer["depth"].as_u64() else {
            return Ok(Report::inconclusive("the queue does not say how deep it is").into());
        };
        cx.progress(format!("{depth} messages wait"));
        match depth <= config.max {
            true => Ok(Report::pass(format!("{depth} messages wait")).into()),
            false if tries < config.tries => Ok(Step::wait(tries + 1).after(Duration::from_secs(10))),
            false => Ok(Report::fail(format!("{depth} messages wait, and {} may", config.max)).into()),
        }
    }
}

plugin! { verification: QueueDepth, http: [{ from_config: "/url", methods: ["GET"], reason: "asks the queue" }] }
