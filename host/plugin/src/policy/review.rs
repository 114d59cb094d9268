//! What a component asks for, held against what the policy gives it: for a person who decides about an upgrade.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use shiftgate_model::{Digest, HttpGrant};

use super::{Policy, PolicyError, text};
use crate::Inspection;
use crate::grants::{Rule, granted_rule};
use crate::log::printable;
use crate::manifest::Manifest;

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
    /// Destinations that its config names, so that an operator has to say which: pointer and reason.
    pub open: Vec<(String, String)>,
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
        let (fixed, open) = wishes(manifest);
        let (mut allowed, mut more, mut asked) = (Vec::new(), Vec::new(), Vec::new());
        for wish in fixed.into_iter().chain(given.iter().cloned()) {
            let rule = wish.rule()?;
            let covered = rules.iter().any(|known| known.includes(&rule));
            asked.push(rule);
            if covered { allowed.push(wish) } else { more.push(wish) }
        }
        let needed = |rule: &Rule| !open.is_empty() || asked.iter().any(|asked| rule.includes(asked) || asked.includes(rule));
        let unasked = rules.iter().filter(|rule| !needed(rule)).map(ToString::to_string).collect();
        let known = entries.iter().any(|entry| entry.sha256.contains(&inspection.digest));
        Ok(Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: inspection.digest.clone(),
            known,
            upgrade: !known && !entries.is_empty(),
            allowed,
            more,
            open,
            unasked,
        })
    }

    /// Writes into the policy at `file` that this component may be granted what it asks for.
    ///
    /// # Errors
    /// The file cannot be read, changed or written.
    pub fn grant(&self, file: &Path) -> Result<(), PolicyError> {
        text::grant(file, &self.name, &self.digest, &self.more)
    }
}

/// The destinations of a manifest: those that it names, and those that its config will name.
fn wishes(manifest: &Manifest) -> (Vec<Wish>, Vec<(String, String)>) {
    let (mut fixed, mut open) = (Vec::new(), Vec::new());
    for request in &manifest.requests.http {
        let (methods, reason) = (request.methods.clone(), request.reason.clone());
        match (&request.url, &request.from_config) {
            (Some(url), _) => fixed.push(Wish { url: url.clone(), methods, addresses: Vec::new(), reason }),
            (None, pointer) => open.push((pointer.clone().unwrap_or_default(), format!("{} {reason}", methods.join("|")))),
        }
    }
    (fixed, open)
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
        for (pointer, what) in &self.open {
            writeln!(f, "  ? {}, at the URL in {} of its config", printable(what), printable(pointer))?;
        }
        for rule in &self.unasked {
            writeln!(f, "  - {rule}")?;
        }
        Ok(())
    }
}
