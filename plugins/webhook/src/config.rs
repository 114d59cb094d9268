//! What the plugin is configured with, and what the schema cannot say about it.

use std::collections::BTreeMap;

use shiftgate_sdk::prelude::*;

use crate::template;

/// Posts the end of a run as JSON.
#[derive(Config)]
pub struct Settings {
    /// Where to post.
    #[config(min_length = 1)]
    pub url: String,
    /// More headers. `Content-Type` and `Idempotency-Key` are set already.
    #[config(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, with `{{ending}}`, `{{text}}` and the like in its texts; a text that is nothing but such a name becomes
    /// that value as it is. Without it all facts are posted.
    pub body: Option<Value>,
    /// The statuses that are a success; 200 to 299 without it.
    pub status: Option<OneOrMany<u16>>,
    /// How often to try again.
    #[config(default = 5, maximum = 20)]
    pub retries: u32,
    /// The pause before the first retry; it doubles each time, up to 5m.
    #[config(default = "5s")]
    pub backoff: Duration,
    /// How long one try may take.
    #[config(default = "10s")]
    pub timeout: Duration,
}

/// Headers that the plugin or the host sets.
const TAKEN: [&str; 6] = ["content-type", "idempotency-key", "host", "connection", "transfer-encoding", "content-length"];

impl Settings {
    /// Whether a status is a success.
    pub fn succeeded(&self, status: u16) -> bool {
        match &self.status {
            Some(statuses) => statuses.as_slice().contains(&status),
            None => (200..=299).contains(&status),
        }
    }

    /// What the schema cannot say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(self.url.starts_with("http://") || self.url.starts_with("https://")) {
            problems.push(Problem::at("/url", "expected a URL that begins with `http://` or `https://`"));
        }
        for name in self.headers.keys() {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                problems.push(Problem::at("/headers", format!("`{}` is no name of a header", name.escape_debug())));
            } else if TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
                problems.push(Problem::at("/headers", format!("`{name}` is set already")));
            }
        }
        if let Some(body) = &self.body {
            let unknown = template::unknown_names(body);
            problems.extend(unknown.into_iter().map(|name| {
                let message = format!("there is no `{{{{{name}}}}}`; there are: {}", template::NAMES.join(", "));
                Problem::at("/body", message)
            }));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let problems = |config: Value| serde_json::from_value::<Settings>(config).unwrap().problems();
        assert_eq!(problems(json!({"url": "https://hooks", "headers": {"x-a": "1"}, "body": {"t": "{{text}}"}})), []);
        let bad = json!({"url": "hooks", "headers": {"a b": "1", "Host": "x"}, "body": {"t": "{{txet}}"}});
        let pointers: Vec<_> = problems(bad).into_iter().map(|problem| problem.pointer).collect();
        assert_eq!(pointers, ["/url", "/headers", "/headers", "/body"]);
    }
}
