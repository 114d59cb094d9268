//! The world's part of a scenario: who answers which request, with what, and when not at all.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shiftgate_model::Millis;
use shiftgate_plugin::{Reply, Silence};
use url::Url;

/// Requests to one URL, and their answers in order; the last one answers all that come after it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// Any method where it is left out.
    #[serde(default, deserialize_with = "some_method")]
    method: Option<String>,
    url: Place,
    #[serde(deserialize_with = "some_answers")]
    answers: Vec<Answer>,
}

/// What can be granted, and so what can be sent.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// A method as a workflow takes it: upper or lower case.
pub(super) fn method(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Ok(upper);
    }
    Err(format!("`{text}` is no method that can be granted; the methods are {}", METHODS.join(", ")))
}

fn some_method<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    method(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

/// Answers in their order: without any, nothing would answer what the route is for.
fn some_answers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Answer>, D::Error> {
    let answers = Vec::deserialize(from)?;
    if answers.is_empty() {
        let message =
            "`answers` has to hold one at least: a status and a body, or a `fault` such as `connect` where nobody answers";
        return Err(D::Error::custom(message));
    }
    Ok(answers)
}

/// A URL. Without a query it stands for any query; with a `*` at its end for all that begins so.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Place {
    url: String,
    any_query: bool,
    any_end: bool,
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (text, any_end) = text.strip_suffix('*').map_or((text.as_str(), false), |start| (start, true));
        let url = Url::parse(text).map_err(|error| format!("`{text}` is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{text}` has to begin with http:// or https://"));
        }
        Ok(Self { any_query: url.query().is_none(), url: url.to_string(), any_end })
    }
}

/// One answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Typed")]
pub(crate) struct Answer {
    pub(crate) said: Said,
    /// How long it takes.
    pub(crate) delay: Millis,
    /// How often it is given.
    times: usize,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A response.
    Reply(Reply),
    /// None.
    Silence(Silence),
}

/// An answer as it is typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    json: Option<Value>,
    fault: Option<Fault>,
    #[serde(default, deserialize_with = "length")]
    delay: Millis,
    times: Option<usize>,
}

/// Faults by their names.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    Dns,
    Connect,
    Reset,
    Tls,
    Timeout,
}

impl TryFrom<Typed> for Answer {
    type Error = String;

    fn try_from(typed: Typed) -> Result<Self, String> {
        let Typed { status, headers, body, json, fault, delay, times } = typed;
        let times = times.unwrap_or(1);
        if times == 0 {
            return Err("an answer that is given 0 times is none; leave it out".to_owned());
        }
        if let Some(fault) = fault {
            if status.is_some() || body.is_some() || json.is_some() || !headers.is_empty() {
                return Err("an answer is a `fault`, or has a `status`; not both".to_owned());
            }
            return Ok(Self { said: Said::Silence(fault.into()), delay, times });
        }
        let status = status.unwrap_or(200);
        if !(100..=599).contains(&status) {
            return Err(format!("{status} is no HTTP status; they go from 100 to 599"));
        }
        let is_json = json.is_some();
        let body = match (body, json) {
            (Some(_), Some(_)) => return Err("an answer has a `body` or a `json`, not both".to_owned()),
            (body, None) => body.unwrap_or_default().into_bytes(),
            (None, Some(json)) => json.to_string().into_bytes(),
        };
        let mut headers: Vec<(String, String)> = headers.into_iter().collect();
        if is_json && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        Ok(Self { said: Said::Reply(Reply { status, headers, body }), delay, times })
    }
}

impl From<Fault> for Silence {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Dns => Self::Dns,
            Fault::Connect => Self::Refused,
            Fault::Reset => Self::Reset,
            Fault::Tls => Self::Tls,
            Fault::Timeout => Self::Timeout,
        }
    }
}

impl Answer {
    /// One that comes at once.
    pub(crate) const fn of(said: Said) -> Self {
        Self { said, delay: Millis(0), times: 1 }
    }
}

impl Route {
    /// Whether a request is for it.
    pub(crate) fn is_for(&self, method: &str, url: &str) -> bool {
        let fits = |url: &str| if self.url.any_end { url.starts_with(&self.url.url) } else { url == self.url.url };
        let bare = if self.url.any_query { url.split('?').next().unwrap_or_default() } else { url };
        self.method.as_ref().is_none_or(|wanted| wanted == method) && fits(bare)
    }

    /// The answer to a request, of which this is so many: 1 for the first.
    pub(crate) fn answer(&self, number: usize) -> Option<&Answer> {
        let mut given = 0;
        let in_turn = self.answers.iter().find(|answer| {
            given += answer.times;
            number <= given
        });
        in_turn.or(self.answers.last())
    }
}

/// A length of time, as in a workflow file: `30s`, `1h 30m`.
pub(crate) fn length<'de, D: Deserializer<'de>>(from: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(from)?;
    shiftgate_workflow::duration(&text).map_err(D::Error::custom)
}

/// The same where it may be left out.
pub(super) fn some_length<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Millis>, D::Error> {
    length(from).map(Some)
}
