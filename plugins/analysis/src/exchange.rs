//! One exchange with a provider: what can be mended by asking again, and what ends the step. The same for all of them.

use std::collections::BTreeMap;

use shiftgate_sdk::http::{HttpError, RequestBuilder, Response};
use shiftgate_sdk::prelude::{Duration, Result, StepError};

/// A request for JSON with what the config says of all of a provider's: headers, and how long it may take.
pub fn dressed<'a>(request: RequestBuilder<'a>, headers: &BTreeMap<String, String>, timeout: Duration) -> RequestBuilder<'a> {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.header("accept", "application/json").timeout(timeout).redirects(3)
}

/// Sends a request.
///
/// # Errors
/// [`StepError`] where no later request can do better: it is not granted. What may pass is the inner error, in words.
pub fn send(request: RequestBuilder<'_>, url: &str) -> Result<std::result::Result<Response, String>> {
    received(request.send(), url)
}

/// What came of a request that was sent.
///
/// # Errors
/// As [`send`].
pub fn received(sent: std::result::Result<Response, HttpError>, url: &str) -> Result<std::result::Result<Response, String>> {
    match sent {
        Ok(response) => Ok(Ok(response)),
        Err(error) if error.is_denied() => Err(error.into()),
        Err(error) => Ok(Err(format!("{url}: {error}"))),
    }
}

/// What a status other than 200 means. `why` is the provider's own words, with the status; `query` what was asked.
///
/// # Errors
/// [`StepError`] for a refusal that stays one: a query that cannot be read, missing rights, a wrong address.
pub fn refused(provider: &str, url: &str, query: &str, status: u16, why: &str) -> Result<String> {
    match status {
        400 | 422 => Err(StepError::never("bad-query", format!("{provider} refuses the query `{query}`: {why}"))),
        401 | 403 => Err(StepError::never("not-authorized", format!("{url} does not let the plugin in: {why}"))),
        404 | 405 => Err(StepError::never("no-query-api", format!("{url} has no query API of {provider}: {why}"))),
        _ => Ok(format!("{url}: {why}")),
    }
}

/// Percent-encodes everything but letters, digits, `-._~` and what is in `plain`.
pub fn encoded(text: &str, plain: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_is_encoded() {
        assert_eq!(encoded("My Shop é/1", b""), "My%20Shop%20%C3%A9%2F1");
        assert_eq!(encoded("logs-*,b", b"*,"), "logs-*,b");
    }
}
