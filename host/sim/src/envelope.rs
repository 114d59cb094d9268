//! The envelope of every Spot reply: request echo, status, items or errors. Shapes only; `spot.rs` fills in the call.

use std::fmt::Display;

use serde_json::{Value, json};

/// What a route answers when the call is accepted. The status is always 200.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// `kind`, `items` and `count`.
    Items(&'static str, Vec<Value>),
    /// The envelope alone: deletions, detachments, stopped rolls.
    Bare,
}

/// What a route answers when it refuses the call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) errors: Vec<Value>,
}

pub(crate) type Outcome = Result<Answer, Refusal>;

impl Refusal {
    /// 400 with one error.
    pub(crate) fn new(code: &str, message: impl Display) -> Self {
        Self { status: 400, errors: vec![json!({"code": code, "message": message.to_string()})] }
    }

    /// 400 `ValidationError` on one field, such as `body:group.capacity.minimum`.
    pub(crate) fn field(field: impl Display, message: impl Display) -> Self {
        let error = json!({"code": "ValidationError", "message": message.to_string(), "field": field.to_string()});
        Self { status: 400, errors: vec![error] }
    }

    /// What the first error says.
    pub(crate) fn message(&self) -> String {
        let message = self.errors.first().and_then(|error| error.get("message")).and_then(Value::as_str);
        message.unwrap_or("refused").to_owned()
    }

    /// The same with another status.
    pub(crate) const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// The echo of the call that each reply begins with.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) method: String,
}

impl Echo {
    fn wrap(&self, response: Value) -> Value {
        let timestamp = zulu(jiff::Timestamp::now());
        json!({
            "request": {"id": self.id, "url": self.url, "method": self.method, "timestamp": timestamp},
            "response": response,
        })
    }

    /// The reply to an accepted call.
    pub(crate) fn answer(&self, answer: Answer) -> Value {
        self.wrap(match answer {
            Answer::Items(kind, items) => {
                let count = items.len();
                json!({"status": status(200), "kind": kind, "items": items, "count": count})
            }
            Answer::Bare => json!({"status": status(200)}),
        })
    }

    /// The reply to a refused call.
    pub(crate) fn refusal(&self, refusal: Refusal) -> Value {
        self.wrap(json!({"status": status(refusal.status), "errors": refusal.errors}))
    }

    /// A reply that says its status and nothing else.
    pub(crate) fn status_only(&self, code: u16) -> Value {
        self.wrap(json!({"status": status(code)}))
    }

    /// The reply to a call above the rate limit.
    pub(crate) fn limited(&self) -> Value {
        self.wrap(json!({"status": status(429), "data": "Rate limit exceeded"}))
    }
}

fn status(code: u16) -> Value {
    let message = axum::http::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
    json!({"code": code, "message": message.unwrap_or("Unknown")})
}

/// `2026-03-01T10:15:30.123Z`: groups and instances.
pub(crate) fn zulu(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}

/// `2026-03-01T10:15:30.123+0000`: rolls and suspensions.
pub(crate) fn offset(at: jiff::Timestamp) -> String {
    zulu(at).replace('Z', "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_come_in_both_formats() {
        let at: jiff::Timestamp = "2026-03-01T10:15:30.1234Z".parse().unwrap();
        assert_eq!(zulu(at), "2026-03-01T10:15:30.123Z");
        assert_eq!(offset(at), "2026-03-01T10:15:30.123+0000");
    }
}
