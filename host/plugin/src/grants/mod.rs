//! What a plugin may reach: manifest AND workflow, and nothing by default.
//!
//! [`decide`] is the one place that says yes or no to a request; every path to the network goes through it. An operator's
//! policy file would be a third list beside `asked` and `granted`. Pure: no network here; `egress/` sends, and filters the
//! addresses that names resolve to.

mod addresses;
mod pattern;
mod target;

use ipnet::IpNet;
use serde_json::Value;
use shiftgate_model::{Grants, HttpGrant};

pub(crate) use addresses::refusal as address_refusal;
pub(crate) use pattern::Pattern;
pub(crate) use target::{Malformed, Target, is_method};

use crate::manifest::Manifest;

/// Requests that one entry of a manifest or of a workflow covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Scheme, host, port, path prefix.
    pub(crate) pattern: Pattern,
    /// Methods, upper case.
    pub(crate) methods: Vec<String>,
    /// Ranges outside the public internet that it opens.
    pub(crate) addresses: Vec<IpNet>,
}

impl Rule {
    fn covers(&self, target: &Target) -> bool {
        self.methods.iter().any(|method| method == target.method()) && self.pattern.covers(target)
    }
}

/// Everything that one call of one plugin may be measured by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The plugin's name in the workflow file, for the lines that would grant something.
    plugin: String,
    asked: Vec<Rule>,
    granted: Vec<Rule>,
}

/// Whether a request may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It may, to public addresses and to those in these ranges.
    Allow {
        /// Ranges that the grants open beyond the public internet.
        addresses: Vec<IpNet>,
    },
    /// It may not; the text says why, and which lines would allow it.
    Deny(String),
}

impl Rights {
    /// The rights of `plugin` under this config.
    ///
    /// # Errors
    /// A grant that cannot be read, with the reason.
    pub(crate) fn new(plugin: &str, manifest: &Manifest, grants: &Grants, config: &Value) -> Result<Self, String> {
        let mut asked = Vec::new();
        for request in &manifest.requests.http {
            for pattern in request.patterns(config) {
                asked.push(Rule { pattern, methods: request.methods.clone(), addresses: Vec::new() });
            }
        }
        let granted = grants.http.iter().map(granted_rule).collect::<Result<_, _>>()?;
        Ok(Self { plugin: plugin.to_owned(), asked, granted })
    }

    /// What the manifest asks for under this config.
    fn asked(&self) -> String {
        let asked: Vec<String> = self.asked.iter().map(|rule| format!("{} {}", rule.methods.join("|"), rule.pattern)).collect();
        if asked.is_empty() { "nothing".to_owned() } else { asked.join(", ") }
    }

    /// The lines that would open `range` for `target`.
    pub(crate) fn address_lines(&self, target: &Target, range: &str) -> String {
        self.lines(target, Some(range))
    }

    /// The lines that would grant `target`, and with it no more than the manifest asks for at that origin.
    fn lines(&self, target: &Target, range: Option<&str>) -> String {
        let prefix = self.asked.iter().find(|rule| rule.covers(target)).map(|rule| rule.pattern.path()).unwrap_or_default();
        let url = format!("{}{prefix}", target.origin());
        grant_lines(&self.plugin, &[grant_entry(&url, target.method(), range)])
    }
}

fn granted_rule(grant: &HttpGrant) -> Result<Rule, String> {
    let pattern = Pattern::parse(&grant.url)
        .map_err(|error| format!("the grant `{}` cannot be read: {error}", grant.url.escape_debug()))?;
    if let Some(method) = grant.methods.iter().find(|method| !is_method(method)) {
        return Err(format!("the grant for {pattern} names `{}`, which is not a method in upper case", method.escape_debug()));
    }
    let addresses = grant
        .addresses
        .iter()
        .map(|range| {
            addresses::range(range).ok_or_else(|| {
                format!(
                    "the grant for {pattern} names `{}`, which is not an address range such as 10.0.0.0/8",
                    range.escape_debug()
                )
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Rule { pattern, methods: grant.methods.clone(), addresses })
}

/// Decides whether a request may go out: the manifest asks for it, and the workflow grants it.
pub(crate) fn decide(target: &Target, rights: &Rights) -> Decision {
    let origin = target.origin();
    let method = target.method();
    if !rights.asked.iter().any(|rule| rule.covers(target)) {
        return Decision::Deny(format!(
            "{method} {origin}{path}: the plugin's manifest does not ask for it, so no grant can allow it; with this config it asks for {asked}",
            path = target.path(),
            asked = rights.asked()
        ));
    }
    let mut allowed = false;
    let mut addresses: Vec<IpNet> = Vec::new();
    for rule in rights.granted.iter().filter(|rule| rule.covers(target)) {
        allowed = true;
        addresses.extend(&rule.addresses);
    }
    if allowed {
        addresses.sort_unstable();
        addresses.dedup();
        return Decision::Allow { addresses };
    }
    // What the URL itself names can be told at once; what a name resolves to is known only once it is granted.
    let closed = target.literal_address().filter(|address| address_refusal(*address, &[]).is_some());
    let lines = rights.lines(target, closed.map(|address| IpNet::from(address).to_string()).as_deref());
    Decision::Deny(format!(
        "{method} {origin}{path} is not granted; these lines of the workflow would grant it:\n{lines}",
        path = target.path()
    ))
}

/// One grant as it stands in a workflow file.
pub(crate) fn grant_entry(url: &str, methods: &str, addresses: Option<&str>) -> String {
    let addresses = addresses.map(|range| format!(", addresses: [\"{range}\"]")).unwrap_or_default();
    format!("- {{ url: \"{url}\", methods: [{methods}]{addresses} }}")
}

/// The lines of a workflow file that grant `entries` to `plugin`.
pub(crate) fn grant_lines(plugin: &str, entries: &[String]) -> String {
    let mut lines = format!("plugins:\n  {plugin}:\n    grants:\n      http:");
    for entry in entries {
        lines.push_str("\n        ");
        lines.push_str(entry);
    }
    lines
}

#[cfg(test)]
mod tests;
