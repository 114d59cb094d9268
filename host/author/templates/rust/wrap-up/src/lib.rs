//! Tells a chat how a run ended.

use shiftgate_sdk::prelude::*;

/// Where to, and how often.
#[derive(Config)]
pub struct Settings {
    /// Takes `{"text": "…"}`.
    pub url: String,
    /// How often to try again.
    #[config(default = 3, maximum = 20)]
    pub retries: u32,
    /// The pause between two tries.
    #[config(default = "10s")]
    pub pause: Duration,
}

/// The plugin.
pub struct Plugin;

impl WrapUp for Plugin {
    type Config = Settings;
    /// How often it has tried, and what it says.
    type State = (u32, String);

    fn start(
        cx: &Context<'_>,
        config: &Settings,
        summary: &Summary,
    ) -> Result<Step<Receipt, (u32, String)>> {
        let text = format!("{}: {}. {}", cx.run().service, summary.ending, summary.text);
        if cx.run().dry_run {
            return Ok(Receipt::of(Action::Planned(format!("say `{text}`"))).into());
        }
        say(cx, config, 1, text)
    }

    fn poll(
        cx: &Context<'_>,
        config: &Settings,
        (tries, text): (u32, String),
        _: Wake,
    ) -> Result<Step<Receipt, (u32, String)>> {
        say(cx, config, tries + 1, text)
    }
}

/// Tries once. `tries` counts this one.
fn say(
    cx: &Context<'_>,
    config: &Settings,
    tries: u32,
    text: String,
) -> Result<Step<Receipt, (u32, String)>> {
    // The same key for every try: a chat that knows it takes a doubled message once.
    let request = cx
        .post(&config.url)
        .header("idempotency-key", &cx.run().idempotency_key);
    let why = match request.json(&json!({ "text": text }))?.send() {
        Ok(answer) if answer.is_success() => {
            return Ok(Receipt::of(Action::Done(format!("said `{text}`")))
                .output("tries", tries)
                .into());
        }
        Ok(answer) => format!("HTTP {}", answer.status),
        // What is not granted now will not be later.
        Err(error) if error.is_denied() => return Err(error.into()),
        Err(error) => error.to_string(),
    };
    cx.progress(format!("try {tries}: {why}"));
    if tries <= config.retries {
        return Ok(Step::wait((tries, text)).after(config.pause));
    }
    let action = Action::Failed(format!("the chat does not take `{text}`: {why}"));
    Ok(Receipt::of(action).output("tries", tries).into())
}

plugin! {
    wrap_up: Plugin,
    http: [{ from_config: "/url", methods: ["POST"], reason: "says how the run ended" }],
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::{self, FakeHost};

    #[test]
    fn it_tries_again() {
        let host = FakeHost::new();
        host.answer(503, "");
        host.answer(200, "");
        let summary = Summary {
            ending: "succeeded".into(),
            ..Summary::default()
        };
        let config = json!({"url": "http://chat"});
        let receipt = testing::wrap_up::<Plugin>(&host, &config, &summary).unwrap();
        assert!(matches!(receipt.actions[0], Action::Done(_)));
        assert_eq!(host.requests().len(), 2);
    }
}
