//! The operator's policy: which plugins may run here at all, and the most that a workflow may give each.
//!
//! A third list beside a plugin's manifest and a workflow's grants; what a plugin may do is what all three say. Where there is
//! a policy, a component that it does not name by digest does not run. Where there is none, workflow and manifest decide.
//! `text.rs` reads and writes the file; `grants/` compares requests with it; `review.rs` tells what an upgrade asks beyond it.

mod review;
mod text;

use std::path::PathBuf;

use ipnet::IpNet;
use shiftgate_model::{Auth, Digest, Grants, SecretRef};

pub use self::review::{Ask, Review, Wish};
pub use self::text::PolicyError;
use crate::budgets::Bounds;
use crate::grants::Rule;

/// An operator's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The file that it was read from.
    pub(crate) file: PathBuf,
    entries: Vec<Entry>,
}

/// What a policy says of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name, for people.
    pub(crate) name: String,
    /// The components that are meant: the digest counts.
    pub(crate) sha256: Vec<Digest>,
    /// Requests that it may be granted.
    pub(crate) http: Vec<Rule>,
    /// Where secrets may come from: `env:NAME`, `file:/run/secrets/*`, `command:pass`.
    secrets: Vec<String>,
    /// AWS services that requests may be signed for.
    aws: Vec<String>,
    /// The most that a workflow may give it: what is said of it, else of every plugin, else the host's own.
    pub(crate) bounds: Bounds,
    /// What its versions asked for beside fixed destinations when they were granted, for people who look at the next: it gives nothing.
    asks: Vec<String>,
}

impl Policy {
    /// What it says of the component of that digest; none when it does not name it.
    pub(crate) fn entry(&self, digest: &Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.sha256.iter().any(|known| known.0.eq_ignore_ascii_case(&digest.0)))
    }

    /// The entries of that name: what other versions of a plugin were given.
    fn named(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.name == name)
    }
}

impl Entry {
    /// What a workflow may give it beyond requests, in words.
    fn gives(&self) -> Vec<String> {
        let secrets = self.secrets.iter().map(|place| format!("secrets from `{place}`"));
        secrets.chain(self.aws.iter().map(|service| format!("signatures for the AWS service `{service}`"))).collect()
    }

    /// Whether it allows everything that a workflow grants beyond requests: secrets and signatures.
    ///
    /// # Errors
    /// What it does not allow, with the line that would.
    pub(crate) fn allows(&self, grants: &Grants) -> Result<(), String> {
        let of_auth = grants.http.iter().filter_map(|grant| grant.auth.as_ref());
        for auth in of_auth {
            match auth {
                Auth::Bearer { secret } | Auth::Basic { secret, .. } | Auth::Header { secret, .. } => {
                    self.allows_secret(secret)?
                }
                Auth::Sigv4 { service, .. } if self.aws.contains(service) => {}
                Auth::Sigv4 { service, .. } => {
                    return Err(format!(
                        "does not let it sign requests for the AWS service `{service}`; this line of its entry would: aws = [\"{service}\"]"
                    ));
                }
            }
        }
        grants.secrets.values().try_for_each(|grant| self.allows_secret(&grant.at))
    }

    fn allows_secret(&self, at: &SecretRef) -> Result<(), String> {
        let place = match at {
            SecretRef::Env(name) => format!("env:{name}"),
            SecretRef::File(path) => format!("file:{path}"),
            SecretRef::Command(words) => format!("command:{}", words.first().map(String::as_str).unwrap_or_default()),
        };
        // A path that climbs is not below what it begins with.
        let climbs = place.split('/').any(|part| part == "..");
        let covers = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => place.starts_with(start) && !climbs,
            None => *pattern == place,
        };
        if self.secrets.iter().any(covers) {
            return Ok(());
        }
        Err(format!("does not let it have the secret in {at}; this line of its entry would: secrets = [\"{place}\"]"))
    }
}

/// The ranges that both lists open.
pub(crate) fn both(ours: &[IpNet], theirs: &[IpNet]) -> Vec<IpNet> {
    let mut shared: Vec<IpNet> = Vec::new();
    for (a, b) in ours.iter().flat_map(|a| theirs.iter().map(move |b| (a, b))) {
        if a.contains(b) {
            shared.push(*b);
        } else if b.contains(a) {
            shared.push(*a);
        }
    }
    shared
}

#[cfg(test)]
mod tests;
