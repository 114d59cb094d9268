//! A request's method and URL, checked before they are compared with anything.
//!
//! A URL whose path could mean one thing here and another at the server is refused outright: dot segments, empty segments,
//! encoded slashes and dots, backslashes. So is one that carries a user name.

use std::net::IpAddr;

use url::{Host, Position, Url};

/// A request's method and URL, unambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    method: String,
    url: Url,
    origin: String,
}

/// Why a request is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the method is not upper-case letters such as GET; CONNECT and TRACE are never sent")]
    Method,
    #[error("the URL cannot be read: {0}")]
    Url(url::ParseError),
    #[error("the URL has to begin with http:// or https://")]
    Scheme,
    #[error("the URL holds a user name or a password; send an Authorization header instead")]
    UserInfo,
    #[error("the URL holds a space or a control character")]
    Blank,
    #[error("the URL is longer than {0} bytes")]
    Long(usize),
    #[error("the URL's path {0}, which servers read differently")]
    Path(&'static str),
}

/// Longer URLs are refused.
const URL_LIMIT: usize = 8 << 10;

/// Whether `text` is a method as grants and requests write it.
pub(crate) fn is_method(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase()) && !matches!(text, "CONNECT" | "TRACE")
}

/// What of a URL's path could be read in two ways; works on the text as it was written.
pub(crate) fn path_trick(text: &str) -> Option<&'static str> {
    if text.contains('\\') {
        return Some("holds a backslash");
    }
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let until_query = after_scheme.split(['?', '#']).next().unwrap_or_default();
    let path = until_query.split_once('/').map_or("", |(_, path)| path);
    let lower = path.to_ascii_lowercase();
    if ["%2f", "%5c", "%2e", "%00", "%25"].iter().any(|code| lower.contains(code)) {
        return Some("holds an encoded slash, backslash, dot, percent sign or zero");
    }
    if ["%0a", "%0d", "%c0", "%c1"].iter().any(|code| lower.contains(code)) {
        return Some("holds an encoded line break, or bytes that are no UTF-8");
    }
    // Some servers cut `;…` off a segment before they look at what it means.
    let bare = lower.replace("%3b", ";");
    if bare.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
        return Some("holds `.` or `..`");
    }
    // A slash at the end is no empty segment.
    if path.starts_with('/') || path.contains("//") {
        return Some("holds `//`");
    }
    None
}

impl Target {
    /// Reads a request's method and URL.
    pub(crate) fn parse(method: &str, text: &str) -> Result<Self, Malformed> {
        if !is_method(method) {
            return Err(Malformed::Method);
        }
        if text.len() > URL_LIMIT {
            return Err(Malformed::Long(URL_LIMIT));
        }
        // The parser would drop or encode these without a word.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Malformed::Blank);
        }
        let url = Url::parse(text).map_err(Malformed::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !text.contains("://") {
            return Err(Malformed::Scheme);
        }
        let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '\\', '?', '#']).next()).unwrap_or_default();
        if authority.is_empty() {
            return Err(Malformed::Path("follows an empty host"));
        }
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(Malformed::UserInfo);
        }
        if let Some(trick) = path_trick(text) {
            return Err(Malformed::Path(trick));
        }
        Ok(Self::of_url(method.to_owned(), url))
    }

    fn of_url(method: String, mut url: Url) -> Self {
        url.set_fragment(None);
        let origin = url[..Position::BeforePath].to_owned();
        Self { method, url, origin }
    }

    /// Where a redirect of this request leads, checked like a first request.
    pub(crate) fn redirected(&self, method: &str, location: &str) -> Result<Self, Malformed> {
        let url = self.url.join(location).map_err(Malformed::Url)?;
        Self::parse(method, url.as_str())
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Scheme, host and port, without a default port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn scheme(&self) -> &str {
        self.url.scheme()
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The address that stands in the URL in place of a name, in its one form.
    pub(crate) fn literal_address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(IpAddr::from(address).to_canonical()),
            Host::Domain(_) => None,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.url.path().split('/').filter(|segment| !segment.is_empty())
    }
}
