//! What a component asks for, held against what the policy gives it: for a person who decides about an upgrade.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use shiftgate_model::{Digest, HttpGrant};

use super::{Policy, PolicyError, text};
use crate::Inspection;
use crate::grants::{Rule, granted_rule};
use crate::log::printable;
use crate::manifest::{HttpRequest, Manifest};

/// Between the methods and the place of a destination that a config names.
const AT: &str = " at the URL in ";

/// A destination that a plugin may be granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// Scheme, host, port, path prefix.
    pub url: String,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// Ranges outside the public internet.
    pub addresses: Vec<String>,
    /// Why; empty when nobody says.
    pub reason: String,
}

/// Something that a component asks for, and that is no fixed destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// What: `POST at the URL in /hook of its config`, ``the secret `grafana` ``, ``1 GiB as its limit `memory` ``.
    pub what: String,
    /// Why; empty when nobody says.
    pub reason: String,
    /// Whether an operator has to say which destination is meant.
    pub open: bool,
    /// Whether no version of it had asked for that when it was granted.
    pub new: bool,
}

/// What stands between a component and its entry of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The component.
    pub digest: Digest,
    /// Whether the policy names this very component.
    pub known: bool,
    /// Whether it names another component of that name.
    pub upgrade: bool,
    /// What it asks for and the policy allows.
    pub allowed: Vec<Wish>,
    /// What it asks for beyond.
    pub more: Vec<Wish>,
    /// What else it asks for: destinations that its config will name, secrets, limits.
    pub asks: Vec<Ask>,
    /// What the entry lets a workflow give it beyond requests, since the versions before may have it: secrets, signatures for AWS.
    pub gives: Vec<String>,
    /// What the policy allows, and it does not ask for any more.
    pub unasked: Vec<String>,
}

impl Review {
    /// Holds a component against a policy; `given` are the destinations that an operator names.
    ///
    /// # Errors
    /// The component has no manifest that can be used, or a destination cannot be read.
    pub fn of(inspection: &Inspection, policy: Option<&Policy>, given: &[Wish]) -> Result<Self, String> {
        let manifest =
            inspection.manifest.as_ref().ok_or("it has no manifest that can be used, so nobody can say what it asks for")?;
        let entries: Vec<_> = policy.map(|policy| policy.named(&manifest.name).collect()).unwrap_or_default();
        let rules: Vec<&Rule> = entries.iter().flat_map(|entry| &entry.http).collect();
        let known = entries.iter().any(|entry| entry.sha256.contains(&inspection.digest));
        let fixed = fixed(manifest);
        let mut asks = asks(manifest);
        for ask in &mut asks {
            ask.new = !known && !entries.iter().flat_map(|entry| &entry.asks).any(|known| covers(known, &ask.what));
        }
        let open = asks.iter().any(|ask| ask.open);
        let (mut allowed, mut more, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for wish in fixed.into_iter().chain(given.iter().cloned()) {
            let rule = wish.rule()?;
            let covered = rules.iter().any(|known| known.includes(&rule));
            asked.push(rule);
            if covered { allowed.push(wish) } else { more.push(wish) }
        }
        let needed = |rule: &Rule| open || asked.iter().any(|asked| rule.includes(asked) || asked.includes(rule));
        let unasked = rules.iter().filter(|rule| !needed(rule)).map(ToString::to_string).collect();
        let gives = entries.iter().flat_map(|entry| entry.gives()).collect();
        Ok(Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: inspection.digest.clone(),
            known,
            upgrade: !known && !entries.is_empty(),
            allowed,
            more,
            asks,
            gives,
            unasked,
        })
    }

    /// Writes into the policy at `file` that this component may be granted what it asks for.
    ///
    /// # Errors
    /// The file cannot be read, changed or written.
    pub fn grant(&self, file: &Path) -> Result<(), PolicyError> {
        let asks: Vec<&str> = self.asks.iter().map(|ask| ask.what.as_str()).collect();
        text::grant(file, &self.name, &self.digest, &self.more, &asks)
    }

    /// Whether it asks for more than an operator has seen of its versions before. Of a component that the policy does not know at all,
    /// everything is new.
    #[must_use]
    pub fn asks_for_more(&self) -> bool {
        !self.more.is_empty() || self.asks.iter().any(|ask| ask.new)
    }
}

/// Whether what was asked for once holds what is asked for now: the same, or more methods at the same URL.
fn covers(known: &str, now: &str) -> bool {
    match (known.split_once(AT), now.split_once(AT)) {
        (Some((known, there)), Some((now, here))) => {
            there == here && now.split('|').all(|method| known.split('|').any(|m| m == method))
        }
        _ => known == now,
    }
}

/// The destinations that a manifest names.
fn fixed(manifest: &Manifest) -> Vec<Wish> {
    let wish = |request: &HttpRequest| {
        let (methods, reason) = (request.methods.clone(), request.reason.clone());
        Some(Wish { url: request.url.clone()?, methods, addresses: Vec::new(), reason })
    };
    manifest.requests.http.iter().filter_map(wish).collect()
}

/// What it asks for beside them.
fn asks(manifest: &Manifest) -> Vec<Ask> {
    let ask = |what, reason: &str, open| Ask { what, reason: reason.to_owned(), open, new: false };
    let of_config = manifest.requests.http.iter().filter(|request| request.url.is_none()).map(|request| {
        let pointer = request.from_config.as_deref().unwrap_or_default();
        ask(format!("{}{AT}{pointer} of its config", request.methods.join("|")), &request.reason, true)
    });
    let secrets = manifest.requests.secrets.iter();
    let secrets = secrets.map(|secret| ask(format!("the secret `{}`", secret.name), &secret.reason, false));
    let limits = manifest.limits.iter().map(|(name, figure)| {
        let figure = figure.as_str().map_or_else(|| figure.to_string(), ToOwned::to_owned);
        ask(format!("{figure} as its limit `{name}`"), "", false)
    });
    of_config.chain(secrets).chain(limits).collect()
}

impl Wish {
    fn rule(&self) -> Result<Rule, String> {
        let Self { url, methods, addresses, .. } = self.clone();
        granted_rule(&HttpGrant { url, methods, addresses, auth: None })
    }
}

/// `GET|POST https://api.example.com/v1: sends events`
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.methods.join("|"), printable(&self.url))?;
        if !self.addresses.is_empty() {
            write!(f, " at {}", self.addresses.join(", "))?;
        }
        if !self.reason.is_empty() {
            write!(f, ": {}", printable(&self.reason))?;
        }
        Ok(())
    }
}

/// What a person reads: `=` is there already, `+` is more, `-` is asked for no longer, `?` is for the operator to say.
impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = match (self.known, self.upgrade) {
            (true, _) => "the policy names this component",
            (false, true) => "the policy names another component of this name",
            (false, false) => "the policy does not name it",
        };
        writeln!(f, "{} {}: {standing}", self.name, printable(&self.version))?;
        writeln!(f, "sha256 {}", self.digest.0)?;
        let lists = [("=", &self.allowed), ("+", &self.more)];
        for (sign, wish) in lists.iter().flat_map(|(sign, list)| list.iter().map(move |wish| (sign, wish))) {
            writeln!(f, "  {sign} {wish}")?;
        }
        for Ask { what, reason, open, new } in &self.asks {
            let sign = match (new, open) {
                (true, _) => "+",
                (false, true) => "?",
                (false, false) => "=",
            };
            let why = if reason.is_empty() { String::new() } else { format!(": {}", printable(reason)) };
            writeln!(f, "  {sign} {}{why}", printable(what))?;
        }
        for rule in &self.unasked {
            writeln!(f, "  - {rule}")?;
        }
        for given in &self.gives {
            writeln!(f, "  its entry lets a workflow give it {}", printable(given))?;
        }
        Ok(())
    }
}
