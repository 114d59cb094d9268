//! `plugins:`: where each component is, what it must be, and what it may do.

use std::collections::{BTreeMap, BTreeSet};

use shiftgate_model::{Auth, Digest, Grants, Limits, PluginKind, PluginSource};

use super::grants::grants;
use super::limits::limits;
use super::secrets::Secrets;
use crate::expression::Scope;
use crate::read::{Node, PLUGIN, Table};
use crate::session::Session;
use crate::source::Span;

/// Plugins that come with shiftgate.
pub(crate) const BUNDLED: [(&str, PluginKind); 10] = [
    ("http-check", PluginKind::Verification),
    ("prometheus", PluginKind::Verification),
    ("cloudwatch", PluginKind::Verification),
    ("datadog", PluginKind::Verification),
    ("newrelic", PluginKind::Verification),
    ("elasticsearch", PluginKind::Verification),
    ("appdynamics", PluginKind::Verification),
    ("http-json", PluginKind::Verification),
    ("manual-approval", PluginKind::Approval),
    ("webhook", PluginKind::WrapUp),
];

/// The plugins that steps may name.
#[derive(Default)]
pub(crate) struct Plugins {
    declared: BTreeMap<String, (Option<PluginSource>, Span)>,
    used: BTreeSet<String>,
}

pub(crate) fn plugins(s: &mut Session<'_>, root: Table<'_>, scope: &Scope, secrets: &Secrets<'_>) -> Plugins {
    let entries = root.get("plugins").map(|node| s.entries(node)).unwrap_or_default();
    let mut plugins = Plugins::default();
    for (key, node) in entries {
        if key.text == "manual" {
            s.error_hint("bad-name", key.span, "`manual` cannot name a plugin", "taken", "`manual:` is the approval by hand");
        }
        let source = declare(s, &key.text, node, scope, secrets);
        plugins.declared.insert(key.text.clone(), (source, key.span));
    }
    plugins
}

impl Plugins {
    /// Requests to AWS are signed by the profile of the infrastructure, where their grant names no other: what a verification
    /// measures is in the account that the run changes.
    pub(crate) fn sign_as(&mut self, infrastructure: &str) {
        let sources = self.declared.values_mut().filter_map(|(source, _)| source.as_mut());
        for grant in sources.flat_map(|source| &mut source.grants.http) {
            if let Some(Auth::Sigv4 { profile: profile @ None, .. }) = &mut grant.auth {
                *profile = Some(infrastructure.to_owned());
            }
        }
    }

    /// The plugin of a step. What cannot be found is reported at `place`.
    pub(crate) fn find(&mut self, s: &mut Session<'_>, name: &str, place: Span, kind: PluginKind) -> Option<PluginSource> {
        self.used.insert(name.to_owned());
        let source = match (self.declared.get(name), bundled(name)) {
            (Some((source, _)), _) => source.clone()?,
            (None, Some(_)) => PluginSource::new(name, name),
            (None, None) => {
                let names: Vec<_> = self.declared.keys().map(String::as_str).chain(BUNDLED.map(|(name, _)| name)).collect();
                s.no_such(
                    place,
                    &format!("there is no plugin `{name}`"),
                    name,
                    names.into_iter(),
                    "declare it under `plugins:`, or use one of",
                );
                return None;
            }
        };
        match bundled(&source.file) {
            Some(is) if is != kind => {
                let of_kind =
                    BUNDLED.iter().filter(|(_, other)| *other == kind).map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>();
                let message = format!("`{name}` is a plugin for {}, and stands where one for {} is needed", noun(is), noun(kind));
                s.error_hint(
                    "wrong-plugin-kind",
                    place,
                    message,
                    format!("not for {}", noun(kind)),
                    format!("shiftgate comes with {}", of_kind.join(", ")),
                );
                None
            }
            _ => Some(source),
        }
    }

    /// Every plugin that a step uses, once.
    pub(crate) fn used(&self) -> Vec<PluginSource> {
        let declared =
            self.declared.iter().filter(|(name, _)| self.used.contains(*name)).filter_map(|(_, (source, _))| source.clone());
        let without = self.used.iter().filter(|name| !self.declared.contains_key(*name) && bundled(name).is_some());
        declared.chain(without.map(|name| PluginSource::new(name.clone(), name.clone()))).collect()
    }

    /// Says of each plugin that no step uses it.
    pub(crate) fn warn_unused(&self, s: &mut Session<'_>) {
        for (name, (_, place)) in self.declared.iter().filter(|(name, _)| !self.used.contains(*name)) {
            s.warn("unused-plugin", *place, format!("no step uses the plugin `{name}`"), "remove it, or name it in a step");
        }
    }
}

fn bundled(name: &str) -> Option<PluginKind> {
    BUNDLED.iter().find(|(bundled, _)| *bundled == name).map(|(_, kind)| *kind)
}

pub(crate) const fn noun(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Verification => "verifications",
        PluginKind::Approval => "approvals",
        PluginKind::WrapUp => "wrap-ups",
    }
}

fn declare(s: &mut Session<'_>, name: &str, node: &Node, scope: &Scope, secrets: &Secrets<'_>) -> Option<PluginSource> {
    if node.is_null() && bundled(name).is_some() {
        return Some(PluginSource::new(name, name));
    }
    let table = s.table(node, &PLUGIN)?;
    let file = match table.get("source") {
        None if bundled(name).is_some() => Some(name.to_owned()),
        _ => table.need("source", "a plugin", &mut s.found).and_then(|node| file(s, node, scope)),
    };
    let sha256 = table.get("sha256").map(|node| digest(s, node, scope));
    let grants = table.get("grants").map_or(Some(Grants::default()), |node| grants(s, node, scope, secrets));
    let limits = table.get("limits").map_or(Some(Limits::new()), |node| limits(s, node, scope));
    let sha256 = match sha256 {
        Some(digest) => Some(digest?),
        None => None,
    };
    Some(PluginSource { name: name.to_owned(), file: file?, sha256, pinned: None, grants: grants?, limits: limits? })
}

fn file(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<String> {
    let source = s.text(node, scope.now())?;
    if bundled(&source).is_some() {
        return Some(source);
    }
    if source.ends_with(".wasm") {
        return Some(s.files.resolve(&source));
    }
    if source.ends_with(".cwasm") {
        s.error_hint(
            "bad-plugin-source",
            node.place,
            "a compiled component is never loaded from a file",
            "a `.cwasm` file",
            "give the `.wasm` file; it is compiled once and kept",
        );
    } else if source.contains(['/', '\\', '.']) {
        s.error_hint(
            "bad-plugin-source",
            node.place,
            format!("`{source}` is no component"),
            "not a `.wasm` file",
            "a source is a path that ends in `.wasm`, or the name of a plugin that comes with shiftgate",
        );
    } else {
        let names = BUNDLED.map(|(name, _)| name);
        s.no_such(
            node.place,
            &format!("shiftgate comes with no plugin `{source}`"),
            &source,
            names.into_iter(),
            "write a path that ends in `.wasm`, or one of",
        );
    }
    None
}

fn digest(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<Digest> {
    let text = s.text(node, scope.now())?.to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(Digest(text));
    }
    let message = format!("a SHA-256 has 64 hexadecimal digits, and this has {} characters", text.chars().count());
    s.error_hint("malformed-digest", node.place, message, "not a SHA-256", "`shiftgate plugin inspect FILE` prints it");
    None
}
