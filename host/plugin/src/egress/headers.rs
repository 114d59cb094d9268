//! Which headers of a guest may leave, and which survive a redirect to another origin.

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

/// Headers that belong to the connection, which is the host's.
const CONNECTION: [&str; 9] =
    ["host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "http2-settings"];

/// What is sent on to another origin. Anything else may be a credential under a name of its own.
const HARMLESS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// More headers are refused.
const COUNT_LIMIT: usize = 64;

/// Checks and takes a guest's headers.
pub(super) fn checked(headers: &[(String, String)], body: usize) -> Result<HeaderMap, String> {
    if headers.len() > COUNT_LIMIT {
        return Err(format!("the request has {} headers, more than {COUNT_LIMIT}", headers.len()));
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        let shown = name.escape_debug();
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{shown}` is not a header name"))?;
        if CONNECTION.contains(&header.as_str()) || header.as_str().starts_with("proxy-") {
            return Err(format!("the header `{shown}` is the host's to set"));
        }
        if header == CONTENT_LENGTH {
            if value.trim().parse() == Ok(body) {
                continue;
            }
            return Err("the header `content-length` does not fit the body".to_owned());
        }
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of header `{shown}` holds a control character"))?;
        map.append(header, value);
    }
    if !map.contains_key(USER_AGENT) {
        map.insert(USER_AGENT, HeaderValue::from_static(concat!("shiftgate-plugin/", env!("CARGO_PKG_VERSION"))));
    }
    Ok(map)
}

/// Bytes of names and values.
pub(super) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// What may go to another origin.
pub(super) fn without_credentials(headers: HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in HARMLESS {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// What may go without the body that it describes.
pub(super) fn without_body(mut headers: HeaderMap) -> HeaderMap {
    for name in ["content-type", "content-encoding", "content-language", "content-location", "digest", "content-digest"] {
        headers.remove(name);
    }
    headers
}

/// A response's headers for a guest: names in lower case, values as text.
pub(super) fn received(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> String {
        checked(&[(name.to_owned(), value.to_owned())], 3).map_or_else(|error| error, |_| "taken".to_owned())
    }

    #[test]
    fn the_connection_is_the_hosts() {
        for name in ["Host", "connection", "Transfer-Encoding", "Proxy-Authorization", "proxy-x", "TE", "Upgrade", "Expect"] {
            assert!(refusal(name, "x").contains("the host's to set"), "{name}");
        }
        assert_eq!(refusal("X-Trace", "1"), "taken");
        assert_eq!(refusal("Content-Length", "3"), "taken");
        assert!(refusal("Content-Length", "4").contains("does not fit"));
        assert!(refusal("X\r\nHost", "x").contains("not a header name"));
        assert!(refusal("X", "a\r\nHost: b").contains("control character"));
    }

    #[test]
    fn another_origin_gets_no_header_that_may_be_a_credential() {
        let names = ["Authorization", "Cookie", "X-Api-Key", "Accept", "Content-Type"];
        let headers: Vec<_> = names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect();
        let kept = without_credentials(checked(&headers, 0).unwrap());
        let mut kept: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["accept", "content-type", "user-agent"]);
    }
}
