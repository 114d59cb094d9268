//! `secrets:`: where each secret is. A workflow names secrets and never holds one.

use std::collections::BTreeMap;

use shiftgate_model::SecretRef;

use crate::expression::{Scope, is_name, secret_name};
use crate::read::{Key, Node, SECRET, Table, Tree};
use crate::session::Session;

/// Where each secret is; none for one that is a mistake.
pub(crate) struct Secrets<'n>(BTreeMap<&'n str, (&'n Key, Option<SecretRef>)>);

pub(crate) fn secrets<'n>(s: &mut Session<'_>, root: Table<'n>, scope: &Scope) -> Secrets<'n> {
    let entries = root.get("secrets").map(|node| s.entries(node)).unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for (key, node) in entries {
        if !is_name(&key.text) {
            s.found.push(super::inputs::bad_name(key, "a secret"));
        }
        let place = s.table(node, &SECRET).and_then(|table| secret(s, table, scope));
        secrets.insert(key.text.as_str(), (key, place));
    }
    Secrets(secrets)
}

fn secret(s: &mut Session<'_>, table: Table<'_>, scope: &Scope) -> Option<SecretRef> {
    match (table.get("env"), table.get("file"), table.get("command")) {
        (Some(node), None, None) => s.text(node, scope.now()).map(SecretRef::Env),
        (None, Some(node), None) => s.text(node, scope.now()).map(|path| SecretRef::File(s.files.resolve(&path))),
        (None, None, Some(node)) => command(s, node, scope),
        (env, file, command) => {
            let message = match [env, file, command].iter().flatten().count() {
                0 => "a secret names neither `env` nor `file` nor `command`",
                _ => "a secret is in one place, and this names more",
            };
            let hint = "write `{ env: NAME }`, `{ file: path }` or `{ command: [program, argument] }`";
            s.error_hint("missing-field", table.node.place, message, "where is it?", hint);
            None
        }
    }
}

/// A program and its arguments; no shell reads them.
fn command(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<SecretRef> {
    let words: Vec<_> = s.list(node).iter().map(|word| s.text(word, scope.now())).collect();
    if matches!(&node.tree, Tree::List(words) if words.is_empty()) {
        s.error("empty-list", node.place, "a command without words prints no secret", "needs a program");
    }
    let words: Vec<String> = words.into_iter().collect::<Option<_>>()?;
    (!words.is_empty()).then_some(SecretRef::Command(words))
}

impl Secrets<'_> {
    /// Where the secret of that name is; a name that the file does not declare is reported at `node`.
    pub(crate) fn named(&self, s: &mut Session<'_>, name: &str, node: &Node) -> Option<SecretRef> {
        s.mark_used(format!("secrets.{name}"));
        match self.0.get(name) {
            Some((_, place)) => place.clone(),
            None => {
                let names = self.0.keys().copied();
                s.no_such(node.place, &format!("there is no secret `{name}`"), name, names, "the file declares");
                None
            }
        }
    }

    /// The secret that `node` refers to, as `${secrets.NAME}` and nothing else. `what` it is never stands in a file.
    pub(crate) fn reference(&self, s: &mut Session<'_>, node: &Node, what: &str, hint: &str) -> Option<SecretRef> {
        let name = match &node.tree {
            Tree::Scalar(scalar) => secret_name(&scalar.text),
            Tree::List(_) | Tree::Map(_) => None,
        };
        if let Some(name) = name {
            return self.named(s, name, node);
        }
        if !matches!(&node.tree, Tree::Scalar(scalar) if scalar.text.contains("${")) {
            s.hide(node);
        }
        s.error_hint(
            "secret-in-file",
            node.place,
            format!("{what} never stands in a workflow file"),
            "a reference is expected",
            hint,
        );
        None
    }

    /// Says of each secret that nothing uses it.
    pub(crate) fn warn_unused(&self, s: &mut Session<'_>) {
        for (name, (key, _)) in self.0.iter().filter(|(name, _)| !s.uses("secrets", name)).collect::<Vec<_>>() {
            let hint = "remove it, or grant it to a plugin, or write `token: ${secrets.NAME}`";
            s.warn("unused-secret", key.span, format!("nothing uses the secret `{name}`"), hint);
        }
    }
}
