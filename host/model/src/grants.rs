//! What a plugin may do and use up: requests, secrets, limits. Said by a workflow, bounded by an operator; decided in the room
//! `plugin`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a plugin may do beyond computing; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Requests that it may send.
    pub http: Vec<HttpGrant>,
    /// Secrets that its requests may carry, by the name that stands in for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretGrant>,
}

/// Requests to one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// Scheme, host (exact, or with one left-most `*.` label), port, and a path prefix.
    pub url: String,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// Address ranges (CIDR) outside the public internet that the host may resolve to; empty for none.
    pub addresses: Vec<String>,
    /// What the host adds to each request as it leaves; the plugin never holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

impl Grants {
    /// These requests, and no secret.
    #[must_use]
    pub fn of(http: Vec<HttpGrant>) -> Self {
        Self { http, secrets: BTreeMap::new() }
    }
}

impl HttpGrant {
    /// Requests to public addresses, to which nothing is added.
    #[must_use]
    pub fn new(url: impl Into<String>, methods: &[&str]) -> Self {
        let methods = methods.iter().map(ToString::to_string).collect();
        Self { url: url.into(), methods, addresses: Vec::new(), auth: None }
    }
}

/// How a request proves who sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer {
        /// Where the token is.
        secret: SecretRef,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name, without a colon.
        user: String,
        /// Where the password is.
        secret: SecretRef,
    },
    /// A header of this name.
    Header {
        /// The header: `X-Api-Key`.
        name: String,
        /// Where its value is.
        secret: SecretRef,
    },
    /// AWS Signature Version 4, with the credentials of the operator's own chain.
    Sigv4 {
        /// The service's signing name: `monitoring`, `aps`.
        service: String,
        /// The region.
        region: String,
        /// The profile of AWS's shared files whose credentials sign; none leaves it to AWS's own chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        profile: Option<String>,
    },
}

/// A secret that the requests of a plugin may carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretGrant {
    /// Where it is.
    pub at: SecretRef,
    /// Where it may go, written as in [`HttpGrant::url`].
    pub to: Vec<String>,
}

/// Where a secret is; never what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// An environment variable of this name.
    Env(String),
    /// A file, absolute; its text without the last newline.
    File(String),
    /// A program with its arguments; what it prints, without the last newline.
    Command(Vec<String>),
}

/// As an operator reads it: `the variable NAME`.
impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::File(path) => write!(f, "the file {path}"),
            Self::Command(words) => write!(f, "the command `{}`", words.join(" ")),
        }
    }
}

/// What stands for a secret in a plugin's config: the host puts the secret in its place as a request leaves.
#[must_use]
pub fn secret_placeholder(name: &str) -> String {
    format!("{PLACEHOLDER}{name}{PLACEHOLDER_END}")
}

/// The names whose placeholders stand in `text`, in order, with repetition.
#[must_use]
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut names = Vec::new();
    while let Some((_, after)) = rest.split_once(PLACEHOLDER) {
        let Some((name, after)) = after.split_once(PLACEHOLDER_END) else { break };
        names.push(name);
        rest = after;
    }
    names
}

/// Letters that every place of a request takes as they are. A name holds no two underscores at its end.
const PLACEHOLDER: &str = "__shiftgate-secret-";
const PLACEHOLDER_END: &str = "-secret__";

/// How much a plugin may use up, where that differs from the defaults: bytes, milliseconds or a count, by the limit's unit.
pub type Limits = BTreeMap<Limit, u64>;

/// A budget that a workflow may change within an operator's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    /// The component file, in bytes.
    File,
    /// All linear memories of one call, in bytes.
    Memory,
    /// Compute time of `start`, in milliseconds.
    Start,
    /// Compute time of `poll`, `validate` and `cancel`, in milliseconds.
    Poll,
    /// A whole call, waiting included, in milliseconds.
    Wall,
    /// HTTP requests a call.
    Requests,
    /// Body and headers of one request, in bytes.
    Request,
    /// Body of one response, in bytes.
    Response,
    /// One exchange, in milliseconds.
    RequestTimeout,
    /// Lines of log a call.
    LogLines,
    /// Log a call, in bytes.
    Log,
    /// Findings, ballots, actions or config problems of one answer.
    Findings,
    /// Metrics of one report.
    Metrics,
    /// Texts, evidence and outputs of one answer, in bytes.
    Outputs,
    /// What is saved over a wait, in bytes.
    State,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: `64 MiB`.
    Bytes,
    /// Milliseconds: `30s`.
    Time,
    /// A number.
    Count,
}

impl Limit {
    /// Every limit.
    pub const ALL: [Self; 15] = [
        Self::File,
        Self::Memory,
        Self::Start,
        Self::Poll,
        Self::Wall,
        Self::Requests,
        Self::Request,
        Self::Response,
        Self::RequestTimeout,
        Self::LogLines,
        Self::Log,
        Self::Findings,
        Self::Metrics,
        Self::Outputs,
        Self::State,
    ];

    /// Its field in a workflow and in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Memory => "memory",
            Self::Start => "start",
            Self::Poll => "poll",
            Self::Wall => "wall",
            Self::Requests => "requests",
            Self::Request => "request",
            Self::Response => "response",
            Self::RequestTimeout => "requestTimeout",
            Self::LogLines => "logLines",
            Self::Log => "log",
            Self::Findings => "findings",
            Self::Metrics => "metrics",
            Self::Outputs => "outputs",
            Self::State => "state",
        }
    }

    /// The limit of that field.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::File | Self::Memory | Self::Request | Self::Response | Self::Log | Self::Outputs | Self::State => Unit::Bytes,
            Self::Start | Self::Poll | Self::Wall | Self::RequestTimeout => Unit::Time,
            Self::Requests | Self::LogLines | Self::Findings | Self::Metrics => Unit::Count,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A size in bytes: `512 KiB`, `128 MiB`, `2 GiB`, `4096` or `4096 bytes`, above zero; none for anything else.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" | "bytes" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|size| *size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_by_their_names() {
        let text = format!("https://h/{}/x?k={}", secret_placeholder("slack_path"), secret_placeholder("k-1"));
        assert_eq!(placeholders(&text), ["slack_path", "k-1"]);
        assert!(placeholders("__shiftgate-secret-open").is_empty());
        assert!(secret_placeholder("a").bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    }

    #[test]
    fn sizes_have_a_unit_or_are_bytes() {
        let read = ["512 KiB", "128MiB", "2 GiB", "7", "7 bytes", "0", "1.5 MiB", "MiB", "9 MB", "99999999999 GiB"].map(size);
        assert_eq!(read, [Some(512 << 10), Some(128 << 20), Some(2 << 30), Some(7), Some(7), None, None, None, None, None]);
    }

    #[test]
    fn every_limit_has_a_name_of_its_own() {
        for limit in Limit::ALL {
            assert_eq!(Limit::of_name(limit.name()), Some(limit));
            assert_eq!(serde_json::to_value(limit).ok(), Some(limit.name().into()));
        }
    }
}
