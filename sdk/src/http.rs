//! Requests through the host, to the destinations that the manifest asks for and the workflow grants; nothing else.
//!
//! ```no_run
//! # use shiftgate_sdk::{Context, Result};
//! # fn f(cx: &Context<'_>) -> Result<()> {
//! let answer = cx.get("https://example.org/health").header("accept", "application/json").send()?;
//! if answer.is_success() {
//!     let body: serde_json::Value = answer.json()?;
//! }
//! # Ok(()) }
//! ```

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::step::read_json;
use crate::{Duration, Host, StepError};

/// A request as the host gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Upper case: `GET`.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Host, Connection, Transfer-Encoding and Proxy-* are refused.
    pub headers: Vec<(String, String)>,
    /// 256 KiB at most.
    pub body: Vec<u8>,
    /// For the whole exchange; 30 s when none is given, and at most.
    pub timeout: Option<Duration>,
    /// How many redirects to follow, each checked afresh.
    pub max_redirects: u32,
}

/// The answer. Any status is an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// `200`
    pub status: u16,
    /// Where the answer came from, after redirects.
    pub final_url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// 1 MiB at most.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// No grant covers the method and URL; the text says which grant would.
    NotGranted(String),
    /// The name resolves to an address that the grant does not open.
    AddressBlocked(String),
    /// The name does not resolve.
    Dns(String),
    /// Nothing accepts the connection.
    Connect(String),
    /// No trusted connection.
    Tls(String),
    /// Took too long.
    Timeout,
    /// The answer, or the request's body, is larger than allowed.
    TooLarge,
    /// More redirects than allowed.
    TooManyRedirects,
    /// Malformed request or answer.
    Protocol(String),
    /// Too many requests in this call.
    Quota,
}

impl HttpError {
    /// Short, stable, kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotGranted(_) => "not-granted",
            Self::AddressBlocked(_) => "address-blocked",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::TooManyRedirects => "too-many-redirects",
            Self::Protocol(_) => "protocol",
            Self::Quota => "quota",
        }
    }

    /// Whether policy refused the request. It was not sent, and will not be until somebody grants it.
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::NotGranted(_) | Self::AddressBlocked(_))
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(why) | Self::AddressBlocked(why) => f.write_str(why),
            Self::Dns(why) => write!(f, "the name does not resolve: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Tls(why) => write!(f, "no trusted connection: {why}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::TooLarge => f.write_str("the exchange is larger than the host allows"),
            Self::TooManyRedirects => f.write_str("too many redirects"),
            Self::Protocol(why) => write!(f, "not proper HTTP: {why}"),
            Self::Quota => f.write_str("the host allows no more requests in one call"),
        }
    }
}

impl std::error::Error for HttpError {}

/// A request that is being put together; [`Context`](crate::Context) begins one.
#[must_use = "nothing is asked before `send`"]
pub struct RequestBuilder<'a> {
    host: &'a dyn Host,
    request: Request,
}

impl<'a> RequestBuilder<'a> {
    pub(crate) fn new(host: &'a dyn Host, method: &str, url: &str) -> Self {
        let request = Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
            max_redirects: 0,
        };
        Self { host, request }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter to the URL's query, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let url = &mut self.request.url;
        url.push(if url.contains('?') { '&' } else { '?' });
        encode(name, url);
        url.push('=');
        encode(value, url);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self
    }

    /// Sets a JSON body with its content type.
    ///
    /// # Errors
    /// `bad-body` when the value cannot be written as JSON, such as a map with keys that are no text.
    pub fn json(self, value: &impl Serialize) -> Result<Self, StepError> {
        let body = serde_json::to_value(value)
            .and_then(|json| serde_json::to_vec(&json))
            .map_err(|error| StepError::never("bad-body", format!("the request's body cannot be written as JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Gives the whole exchange this long; the host allows 30 s at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = Some(timeout);
        self
    }

    /// Follows up to so many redirects; none by default.
    pub fn redirects(mut self, most: u32) -> Self {
        self.request.max_redirects = most;
        self
    }

    /// Sends, and waits for the whole answer.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer. A status of 500 is an answer.
    pub fn send(self) -> Result<Response, HttpError> {
        self.host.send(&self.request)
    }
}

impl Response {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// `bad-answer` when it is no JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, StepError> {
        read_json(&self.body).map_err(|error| {
            StepError::backoff("bad-answer", format!("the answer of {} cannot be read as JSON: {error}", self.final_url))
        })
    }
}

/// Percent-encodes everything but unreserved characters.
fn encode(text: &str, to: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;

    #[test]
    fn parameters_are_encoded() {
        let host = FakeHost::new();
        host.answer(204, "");
        let request = RequestBuilder::new(&host, "GET", "http://p/api").query("query", "rate(a{b=\"c\"}[5m]) é").query("t", "1");
        assert_eq!(request.send().unwrap().status, 204);
        assert_eq!(host.requests()[0].url, "http://p/api?query=rate%28a%7Bb%3D%22c%22%7D%5B5m%5D%29%20%C3%A9&t=1");
    }

    #[test]
    fn json_goes_both_ways() {
        let host = FakeHost::new();
        host.answer(200, r#"{"ok":true}"#);
        let answer = RequestBuilder::new(&host, "POST", "http://p/").json(&["a"]).unwrap().send().unwrap();
        assert_eq!(answer.json::<serde_json::Value>().unwrap()["ok"], true);
        assert_eq!(answer.json::<Vec<u8>>().unwrap_err().code, "bad-answer");
        let sent = &host.requests()[0];
        assert_eq!(sent.body, br#"["a"]"#);
        assert_eq!(sent.headers, [("content-type".to_owned(), "application/json".to_owned())]);
    }
}
