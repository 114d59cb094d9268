//! A destination as manifests and grants write it: scheme, host (exact, or with one left-most `*.` label), port, path prefix.
//!
//! Reads and compares; decides nothing. `target.rs` reads what is compared with it.

use std::fmt;

use url::Url;

use crate::grants::target::{Target, path_trick};

/// A destination with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    scheme: String,
    host: Host,
    port: u16,
    /// Segments that a path has to begin with.
    path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// One label of any name, then this.
    Below(String),
}

/// Why a text is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("it is not a URL such as `https://api.example.com/v1`")]
    NotAUrl,
    #[error("its scheme is neither http nor https")]
    Scheme,
    #[error("it holds a user name or a password")]
    UserInfo,
    #[error("it has a query or a fragment; a grant ends with the path")]
    Query,
    #[error("its `*` is not a single left-most label above at least two others, as in `https://*.example.com`")]
    Wildcard,
    #[error("its path {0}")]
    Path(&'static str),
}

impl Pattern {
    /// Reads a destination as a manifest or a grant writes it.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let url = Url::parse(text).map_err(|_| PatternError::NotAUrl)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(PatternError::Query);
        }
        let pattern = Self::of_parsed(text, &url)?;
        match &pattern.host {
            Host::Below(base) if base.contains('*') || !base.trim_matches('.').contains('.') => Err(PatternError::Wildcard),
            Host::Exact(host) if host.contains('*') => Err(PatternError::Wildcard),
            Host::Exact(_) | Host::Below(_) => Ok(pattern),
        }
    }

    /// The destination that a URL in a config means: its origin and its path; the query does not count.
    pub(crate) fn of_url(text: &str) -> Result<Self, PatternError> {
        let url = Url::parse(text).map_err(|_| PatternError::NotAUrl)?;
        let pattern = Self::of_parsed(text, &url)?;
        match &pattern.host {
            Host::Exact(host) if !host.contains('*') => Ok(pattern),
            Host::Exact(_) | Host::Below(_) => Err(PatternError::Wildcard),
        }
    }

    fn of_parsed(text: &str, url: &Url) -> Result<Self, PatternError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(PatternError::Scheme);
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || text.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@'))
        {
            return Err(PatternError::UserInfo);
        }
        if let Some(trick) = path_trick(text) {
            return Err(PatternError::Path(trick));
        }
        let host = url.host_str().ok_or(PatternError::NotAUrl)?;
        let port = url.port_or_known_default().ok_or(PatternError::NotAUrl)?;
        let host = match host.strip_prefix("*.") {
            Some(base) => Host::Below(base.to_owned()),
            None => Host::Exact(host.to_owned()),
        };
        let path = url.path().split('/').filter(|segment| !segment.is_empty()).map(ToOwned::to_owned).collect();
        Ok(Self { scheme: url.scheme().to_owned(), host, port, path })
    }

    /// Whether `target` lies at or below this destination.
    pub(crate) fn covers(&self, target: &Target) -> bool {
        self.scheme == target.scheme() && self.port == target.port() && self.host.covers(target.host()) && {
            let mut segments = target.segments();
            self.path.iter().all(|wanted| segments.next().is_some_and(|segment| segment == wanted))
        }
    }
}

impl Pattern {
    /// Whether everything that `other` covers is covered by this.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Host::Below(ours), Host::Below(theirs)) => ours == theirs,
            (host, Host::Exact(theirs)) => host.covers(theirs),
            (Host::Exact(_), Host::Below(_)) => false,
        };
        self.scheme == other.scheme && self.port == other.port && host && other.path.starts_with(&self.path)
    }

    /// The path prefix: empty, or `/v1`.
    pub(crate) fn path(&self) -> String {
        self.path.iter().map(|segment| format!("/{segment}")).collect()
    }
}

impl Host {
    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::Below(base) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == base),
        }
    }
}

/// As it would be written in a grant: without a default port.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Exact(host) => write!(f, "{}://{host}", self.scheme)?,
            Host::Below(base) => write!(f, "{}://*.{base}", self.scheme)?,
        }
        if !matches!((self.scheme.as_str(), self.port), ("http", 80) | ("https", 443)) {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path())
    }
}
