//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use shiftgate_sdk::prelude::*;

/// Asks a URL until it answers as expected.
#[derive(Config)]
pub struct Settings {
    /// What to ask: `https://web.example.org/health`.
    #[config(min_length = 1)]
    pub url: String,
    /// How to ask.
    #[config(default = "GET")]
    pub method: Method,
    /// Headers to send.
    #[config(default)]
    pub headers: BTreeMap<String, String>,
    /// What to send with a `POST`: text as it is, anything else as JSON.
    pub body: Option<Value>,
    /// The status, or any of some, that the answer has to have.
    #[config(default = 200)]
    pub status: OneOrMany<u16>,
    /// A text that the answer's body has to contain.
    pub contains: Option<String>,
    /// Values that the answer's body, read as JSON, has to have, by JSON pointer: `/status: ok`.
    #[config(default)]
    pub json: BTreeMap<String, Value>,
    /// How long to keep trying. Without it there is one try.
    #[config(default = "0s")]
    pub r#for: Duration,
    /// The time between tries.
    #[config(default = "10s")]
    pub interval: Duration,
    /// How many tries in a row have to go well.
    #[config(default = 1, minimum = 1)]
    pub successes: u32,
    /// How long one try may take.
    #[config(default = "10s")]
    pub timeout: Duration,
    /// How many redirects to follow. The grants have to cover where they lead.
    #[config(default = 0, maximum = 10)]
    pub redirects: u32,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Config)]
pub enum Method {
    /// Reads.
    #[config(rename = "GET")]
    Get,
    /// Reads the status and the headers only.
    #[config(rename = "HEAD")]
    Head,
    /// Sends `body`.
    #[config(rename = "POST")]
    Post,
}

impl Method {
    /// As HTTP spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

impl Settings {
    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            problems.push(Problem::at("/url", "expected a URL that begins with `http://` or `https://`"));
        }
        if self.body.is_some() && self.method != Method::Post {
            problems.push(Problem::at("/body", format!("a {} has no body; set `method: POST`", self.method.as_str())));
        }
        if self.method == Method::Head && (self.contains.is_some() || !self.json.is_empty()) {
            problems.push(Problem::at("/method", "the answer to a HEAD has no body to look into; set `method: GET`"));
        }
        for pointer in self.json.keys().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            problems
                .push(Problem::at("/json", format!("`{pointer}` is no JSON pointer; write `/{}`", pointer.replace('.', "/"))));
        }
        if self.interval.is_zero() {
            problems.push(Problem::at("/interval", "expected more than no time"));
        }
        let least = self.interval * u64::from(self.successes.saturating_sub(1));
        if self.r#for < least {
            let message = format!("{} tries in a row, {} apart, need `for: {least}` at least", self.successes, self.interval);
            problems.push(Problem::at("/for", message));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let pointers = |config: Value| -> Vec<String> {
            let settings: Settings = serde_json::from_value(config).unwrap();
            settings.problems().into_iter().map(|problem| problem.pointer).collect()
        };
        assert_eq!(pointers(json!({"url": "https://web"})), [""; 0]);
        assert_eq!(
            pointers(json!({"url": "web", "body": {}, "json": {"a.b": 1}, "successes": 2})),
            ["/url", "/body", "/json", "/for"]
        );
        assert_eq!(
            pointers(json!({"url": "https://web", "method": "HEAD", "contains": "x", "interval": "0s"})),
            ["/method", "/interval"]
        );
    }
}
