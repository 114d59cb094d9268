//! What a plugin may reach: manifest AND operator AND workflow, and nothing by default.
//!
//! [`decide`] is the one place that says yes or no to a request; every path to the network goes through it. Pure: no network
//! here; `egress/` sends, and filters the addresses that names resolve to. `policy/` is where the operator's list comes from.

mod addresses;
mod pattern;
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use serde_json::Value;
use shiftgate_model::{Auth, Grants, HttpGrant, SecretGrant, SecretRef};

pub(crate) use addresses::refusal as address_refusal;
pub(crate) use pattern::Pattern;
pub(crate) use target::{Malformed, Target, is_method};

use crate::manifest::Manifest;
use crate::policy::{Entry, both};

/// Requests that one entry of a manifest or of a workflow covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Scheme, host, port, path prefix.
    pub(crate) pattern: Pattern,
    /// Methods, upper case.
    pub(crate) methods: Vec<String>,
    /// Ranges outside the public internet that it opens.
    pub(crate) addresses: Vec<IpNet>,
    /// What the host adds to such a request.
    pub(crate) auth: Option<Auth>,
}

impl Rule {
    fn covers(&self, target: &Target) -> bool {
        self.methods.iter().any(|method| method == target.method()) && self.pattern.covers(target)
    }

    /// Whether it covers everything that `other` does.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let opens = |range: &IpNet| self.addresses.iter().any(|open| open.contains(range));
        self.pattern.includes(&other.pattern)
            && other.methods.iter().all(|method| self.methods.contains(method))
            && other.addresses.iter().all(opens)
    }
}

/// `GET|POST https://api.example.com/v1`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.methods.join("|"), self.pattern)
    }
}

/// A secret that may travel, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Traveller {
    /// Where it is.
    pub(crate) at: SecretRef,
    to: Vec<Pattern>,
}

impl Traveller {
    /// Whether it may go there.
    pub(crate) fn may_reach(&self, target: &Target) -> bool {
        self.to.iter().any(|pattern| pattern.covers(target))
    }
}

/// Everything that one call of one plugin may be measured by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    /// The plugin's name in the workflow file, for the lines that would grant something.
    plugin: String,
    asked: Vec<Rule>,
    granted: Vec<Rule>,
    /// What the operator's policy allows; none where there is no policy.
    allowed: Option<Allowed>,
    secrets: BTreeMap<String, Traveller>,
}

/// An operator's list, and the file that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    file: String,
    http: Vec<Rule>,
}

/// Whether a request may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It may, to public addresses and to those in these ranges.
    Allow {
        /// Ranges that the grants open beyond the public internet.
        addresses: Vec<IpNet>,
        /// What the host adds to it.
        auth: Option<Auth>,
    },
    /// It may not; the text says why, and which lines would allow it.
    Deny(String),
}

impl Rights {
    /// The rights of `plugin` under this config, and under the operator's entry where there is a policy.
    ///
    /// # Errors
    /// A grant that cannot be read, with the reason.
    pub(crate) fn new(
        plugin: &str,
        manifest: &Manifest,
        grants: &Grants,
        config: &Value,
        operator: Option<(&Path, &Entry)>,
    ) -> Result<Self, String> {
        let mut asked = Vec::new();
        for request in &manifest.requests.http {
            for pattern in request.patterns(config) {
                asked.push(Rule { pattern, methods: request.methods.clone(), addresses: Vec::new(), auth: None });
            }
        }
        let granted = grants.http.iter().map(granted_rule).collect::<Result<_, _>>()?;
        let secrets = grants.secrets.iter().map(|(name, grant)| Ok((name.clone(), traveller(name, grant)?)));
        let allowed = operator.map(|(file, entry)| Allowed { file: file.display().to_string(), http: entry.http.clone() });
        Ok(Self { plugin: plugin.to_owned(), asked, granted, allowed, secrets: secrets.collect::<Result<_, String>>()? })
    }

    /// The secret that a placeholder of that name stands for; none where none is granted.
    pub(crate) fn secret(&self, name: &str) -> Option<&Traveller> {
        self.secrets.get(name)
    }

    /// Where every secret is that the plugin's requests may carry, with its name; none for one of an `auth`.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (Option<&str>, &SecretRef)> {
        let named = self.secrets.iter().map(|(name, secret)| (Some(name.as_str()), &secret.at));
        let of_auth = self.granted.iter().filter_map(|rule| match rule.auth.as_ref()? {
            Auth::Bearer { secret } | Auth::Basic { secret, .. } | Auth::Header { secret, .. } => Some((None, secret)),
            Auth::Sigv4 { .. } => None,
        });
        named.chain(of_auth)
    }

    /// What the manifest asks for under this config.
    fn asked(&self) -> String {
        let asked: Vec<String> = self.asked.iter().map(|rule| format!("{} {}", rule.methods.join("|"), rule.pattern)).collect();
        if asked.is_empty() { "nothing".to_owned() } else { asked.join(", ") }
    }

    /// Why an address is closed to a request, and the lines that would open it: those of the workflow, or, where the workflow opens
    /// it, that of the operator's policy.
    pub(crate) fn closed(&self, target: &Target, range: IpNet) -> String {
        let opens = |rule: &Rule| rule.covers(target) && rule.addresses.iter().any(|open| open.contains(&range));
        match self.allowed.as_ref().filter(|_| self.granted.iter().any(opens)) {
            Some(allowed) => format!(
                "which the workflow opens and the operator's policy {} does not; this line of the plugin's entry would:\n{}",
                allowed.file,
                policy_line(target, &[range])
            ),
            None => format!(
                "which no grant opens; these lines of the workflow would open it:\n{}",
                self.lines(target, Some(&range.to_string()))
            ),
        }
    }

    /// The lines that would grant `target`, and with it no more than the manifest asks for at that origin.
    fn lines(&self, target: &Target, range: Option<&str>) -> String {
        let prefix = self.asked.iter().find(|rule| rule.covers(target)).map(|rule| rule.pattern.path()).unwrap_or_default();
        let url = format!("{}{prefix}", target.origin());
        grant_lines(&self.plugin, &[grant_entry(&url, target.method(), range)])
    }
}

/// What a component may do under one config, with what is worth keeping of that config: a step is called with the same one at every
/// wake, and to read URLs, to check a config and to write it down takes as long as a call.
#[derive(Debug)]
pub(crate) struct Settled {
    plugin: String,
    grants: Grants,
    config: Value,
    /// The config as the guest gets it.
    pub(crate) text: String,
    /// What it may do.
    pub(crate) rights: Arc<Rights>,
    /// Whether the schema has nothing against the config; not known before it was asked.
    pub(crate) fits: AtomicBool,
}

/// What was settled for a component's last call.
#[derive(Debug, Default)]
pub(crate) struct LastSettled(Mutex<Option<Arc<Settled>>>);

impl LastSettled {
    /// What holds for `plugin` with these grants and this config: the last ones, or with the rights that `make` makes.
    ///
    /// # Errors
    /// What `make` says.
    pub(crate) fn of(
        &self,
        plugin: &str,
        grants: &Grants,
        config: &Value,
        make: impl FnOnce() -> Result<Rights, String>,
    ) -> Result<Arc<Settled>, String> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(settled) = &*last
            && settled.plugin == plugin
            && settled.grants == *grants
            && settled.config == *config
        {
            return Ok(Arc::clone(settled));
        }
        let settled = Arc::new(Settled {
            plugin: plugin.to_owned(),
            grants: grants.clone(),
            config: config.clone(),
            text: config.to_string(),
            rights: Arc::new(make()?),
            fits: AtomicBool::new(false),
        });
        *last = Some(Arc::clone(&settled));
        Ok(settled)
    }
}

fn traveller(name: &str, grant: &SecretGrant) -> Result<Traveller, String> {
    let pattern = |url: &String| {
        let read = Pattern::parse(url);
        read.map_err(|error| format!("the secret `{name}` may not go to `{}`: {error}", url.escape_debug()))
    };
    Ok(Traveller { at: grant.at.clone(), to: grant.to.iter().map(pattern).collect::<Result<_, _>>()? })
}

pub(crate) fn granted_rule(grant: &HttpGrant) -> Result<Rule, String> {
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
    Ok(Rule { pattern, methods: grant.methods.clone(), addresses, auth: grant.auth.clone() })
}

/// Decides whether a request may go out: the manifest asks for it, the operator allows it, and the workflow grants it.
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
    let mut granted = rights.granted.iter().filter(|rule| rule.covers(target)).peekable();
    if granted.peek().is_some() {
        let granted: Vec<&Rule> = granted.collect();
        let mut addresses: Vec<IpNet> = granted.iter().flat_map(|rule| &rule.addresses).copied().collect();
        if let Some(allowed) = &rights.allowed {
            match allowed.narrow(target, &addresses) {
                Ok(shared) => addresses = shared,
                Err(text) => return Decision::Deny(text),
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        return Decision::Allow { addresses, auth: granted.iter().find_map(|rule| rule.auth.clone()) };
    }
    // What the URL itself names can be told at once; what a name resolves to is known only once it is granted.
    let closed = target.literal_address().filter(|address| address_refusal(*address, &[]).is_some());
    let lines = rights.lines(target, closed.map(|address| IpNet::from(address).to_string()).as_deref());
    Decision::Deny(format!(
        "{method} {origin}{path} is not granted; these lines of the workflow would grant it:\n{lines}",
        path = target.path()
    ))
}

impl Allowed {
    /// The ranges that the policy opens too, for a request that it allows.
    ///
    /// # Errors
    /// It does not allow the request; the lines that would.
    fn narrow(&self, target: &Target, granted: &[IpNet]) -> Result<Vec<IpNet>, String> {
        let rules: Vec<&Rule> = self.http.iter().filter(|rule| rule.covers(target)).collect();
        if rules.is_empty() {
            let (method, origin, path) = (target.method(), target.origin(), target.path());
            return Err(format!(
                "{method} {origin}{path} is granted by the workflow, and the operator's policy {} does not allow it; this line of the plugin's entry would:\n{}",
                self.file,
                policy_line(target, granted)
            ));
        }
        let opened: Vec<IpNet> = rules.iter().flat_map(|rule| &rule.addresses).copied().collect();
        Ok(both(granted, &opened))
    }
}

/// The line of a policy's entry that allows a request, at these ranges beyond the public internet.
fn policy_line(target: &Target, ranges: &[IpNet]) -> String {
    let ranges: Vec<String> = ranges.iter().map(|range| format!("\"{range}\"")).collect();
    let addresses = if ranges.is_empty() { String::new() } else { format!(", addresses = [{}]", ranges.join(", ")) };
    format!("http = [{{ url = \"{}\", methods = [\"{}\"]{addresses} }}]", target.origin(), target.method())
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
