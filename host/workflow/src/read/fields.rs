//! The names of the fields: which may stand where. The reference in docs/workflow.md names each of them.

use super::{Key, Node, Tree};
use crate::Diagnostic;
use crate::near::{listed, nearest};

/// The fields of one kind of mapping.
#[derive(Debug)]
pub(crate) struct Fields {
    /// What the mapping is, for "is not a field of …".
    pub(crate) what: &'static str,
    /// Its fields, in the order of the reference.
    pub(crate) keys: &'static [&'static str],
}

macro_rules! fields {
    ($($name:ident, $what:literal, [$($key:literal),* $(,)?];)*) => {
        $(pub(crate) const $name: Fields = Fields { what: $what, keys: &[$($key),*] };)*
        /// Every kind of mapping.
        pub(crate) const ALL: &[&Fields] = &[$(&$name),*];
    };
}

fields! {
    ROOT, "the file", ["version", "service", "environment", "infrastructure", "inputs", "secrets", "plugins", "workflow"];
    SERVICE, "`service`", ["name", "artifact", "userData", "userDataFile", "variables"];
    ARTIFACT, "`artifact`", ["ami", "metadata", "tags"];
    ENVIRONMENT, "`environment`", ["name", "variables"];
    INFRASTRUCTURE, "`infrastructure`", ["name", "region", "spot", "aws", "elastigroup"];
    SPOT, "`spot`", ["account", "token"];
    AWS, "`aws`", ["profile"];
    INPUT, "an input", ["required", "default", "type", "description", "allowed"];
    SECRET, "a secret", ["env", "file", "command"];
    PLUGIN, "a plugin", ["source", "sha256", "grants", "limits"];
    GRANTS, "`grants`", ["http", "secrets"];
    HTTP_GRANT, "an HTTP grant", ["url", "methods", "addresses", "auth"];
    AUTH, "`auth`", ["bearer", "basic", "header", "sigv4"];
    BASIC_AUTH, "`basic`", ["user", "password"];
    HEADER_AUTH, "`header`", ["name", "value"];
    SIGV4, "`sigv4`", ["service", "region", "profile"];
    LIMITS, "`limits`",
        ["file", "memory", "start", "poll", "wall", "requests", "request", "response", "requestTimeout", "logLines", "log",
         "findings", "metrics", "outputs", "state"];
    BASIC, "a basic workflow",
        ["name", "strategy", "variables", "setup", "deploy", "verify", "approve", "steps", "rollback", "wrapUp", "onFailure"];
    CANARY, "a canary workflow", ["name", "strategy", "variables", "setup", "phases", "rollback", "wrapUp", "onFailure"];
    BLUE_GREEN, "a blue-green workflow",
        ["name", "strategy", "variables", "setup", "loadBalancers", "deploy", "verify", "approve", "steps", "route", "rollback",
         "wrapUp", "onFailure"];
    SETUP, "`setup`", ["name", "instances", "steadyStateTimeout", "keepOldGroups", "stageSuffix", "onFailure"];
    INSTANCES, "`instances`", ["min", "target", "max"];
    PHASE, "a phase",
        ["name", "deploy", "verify", "approve", "steps", "variables", "onFailure", "downsizeOld", "order"];
    DEPLOY, "`deploy`", ["count", "percent", "downsizeOld", "order", "timeout", "onFailure"];
    STEP, "an entry of `steps`", ["deploy", "verify", "approve"];
    ROLLBACK_STEP, "an entry of `rollback`", ["verify", "approve"];
    SWAP_BALANCER, "a load balancer of a swap", ["name", "production", "stage"];
    SHIFT_BALANCER, "a load balancer of a shift", ["name", "port", "listener", "rule"];
    SIDE, "a side of a load balancer", ["port", "listener", "rule"];
    ROUTE_STEP, "an entry of `route`", ["swap", "shift", "verify", "approve", "downsizeOld", "timeout"];
    SWAP, "`swap`", ["downsizeOld", "timeout", "onFailure"];
    SHIFT, "`shift`", ["weight", "downsizeOld", "timeout", "onFailure"];
    VERIFY, "a verification", ["name", "plugin", "with", "timeout", "background", "onFailure"];
    MANUAL_APPROVAL, "an approval by hand", ["name", "manual", "timeout", "onFailure"];
    MANUAL, "`manual`", ["message", "approvers", "quorum", "expires", "onReject", "onExpiry"];
    PLUGIN_APPROVAL, "an approval by a plugin",
        ["name", "plugin", "with", "message", "approvers", "quorum", "expires", "onReject", "onExpiry", "timeout", "onFailure"];
    WRAP_UP, "a wrap-up", ["name", "plugin", "with", "timeout", "onFailure"];
    STAGED_POLICY, "a failure strategy with `retry` or `manual`", ["retry", "manual", "then"];
    RETRY, "`retry`", ["count", "backoff"];
    INTERVENTION, "`manual`", ["timeout"];
    BY_CLASS_POLICY, "a failure strategy by class", ["default", "byClass"];
}

/// A mapping whose fields are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'n> {
    pub(crate) node: &'n Node,
    entries: &'n [(Key, Node)],
    fields: &'static Fields,
}

impl<'n> Table<'n> {
    /// The value of a field; none when it is absent or empty.
    pub(crate) fn get(&self, field: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, node)| key.text == field && !node.is_null()).map(|(_, node)| node)
    }

    /// The field's name as it stands there, with its place.
    pub(crate) fn key(&self, field: &str) -> Option<&'n Key> {
        self.entries.iter().find(|(key, _)| key.text == field).map(|(key, _)| key)
    }

    /// The value of a field that has to be there.
    pub(crate) fn need(&self, field: &str, what: &str, found: &mut Vec<Diagnostic>) -> Option<&'n Node> {
        let value = self.get(field);
        if value.is_none() && !self.misspelt(field) {
            found.push(self.missing(field, what));
        }
        value
    }

    /// The same, with a hint on what to write.
    pub(crate) fn need_hint(&self, field: &str, what: &str, hint: &str, found: &mut Vec<Diagnostic>) -> Option<&'n Node> {
        let value = self.get(field);
        if value.is_none() && !self.misspelt(field) {
            found.push(self.missing(field, what).hint(hint));
        }
        value
    }

    fn missing(&self, field: &str, what: &str) -> Diagnostic {
        match self.key(field) {
            Some(key) => {
                Diagnostic::error("missing-field", Some(key.span), format!("`{field}` of {what} is empty")).label("needs a value")
            }
            None => {
                let message = format!("{what} has no `{field}`");
                Diagnostic::error("missing-field", Some(self.node.place), message).label(format!("needs `{field}`"))
            }
        }
    }

    /// Whether a field stands there that it does not have; that is reported already.
    pub(crate) fn has_unknown(&self) -> bool {
        self.entries.iter().any(|(key, _)| !self.fields.keys.contains(&key.text.as_str()))
    }

    /// Whether a field that is reported as unknown was probably meant to be this one.
    pub(crate) fn misspelt(&self, field: &str) -> bool {
        let keys = || self.fields.keys.iter().copied();
        let mut unknown = self.entries.iter().filter(|(key, _)| !self.fields.keys.contains(&key.text.as_str()));
        unknown.any(|(key, _)| nearest(&key.text, keys()) == Some(field))
    }
}

/// Reads a mapping; fields that it does not have are reported.
pub(crate) fn table<'n>(node: &'n Node, fields: &'static Fields, found: &mut Vec<Diagnostic>) -> Option<Table<'n>> {
    let Tree::Map(entries) = &node.tree else {
        let message = format!("{} has to be a mapping, and is {}", node.called(), node.kind());
        let hint = format!("{} has these fields: {}", fields.what, listed(fields.keys.iter().copied()));
        found.push(Diagnostic::error("wrong-type", Some(node.place), message).label("a mapping is expected").hint(hint));
        return None;
    };
    for (key, value) in entries.iter().filter(|(key, _)| !fields.keys.contains(&key.text.as_str())) {
        found.push(unknown(key, value, fields));
    }
    Some(Table { node, entries, fields })
}

fn unknown(key: &Key, value: &Node, fields: &Fields) -> Diagnostic {
    let message = format!("`{}` is not a field of {}", key.text, fields.what);
    let diagnostic = Diagnostic::error("unknown-field", Some(key.span), message);
    if key.text == "<<" {
        return diagnostic.label("merge keys are not read").hint("write the fields out, or use an alias for the whole value");
    }
    if value.is_null() && key.text.contains(' ') {
        return diagnostic.label("part of a text?").hint("inside of `{` and `}`, a text with a comma needs quotes");
    }
    if let Some(name) = nearest(&key.text, fields.keys.iter().copied()) {
        return diagnostic.label(format!("did you mean `{name}`?"));
    }
    let elsewhere: Vec<_> = ALL.iter().filter(|other| other.keys.contains(&key.text.as_str())).map(|other| other.what).collect();
    let known = format!("its fields are {}", listed(fields.keys.iter().copied()));
    match elsewhere.as_slice() {
        [] => diagnostic.label("unknown").hint(known),
        places => diagnostic.label("not here").hint(format!("`{}` is a field of {}; here, {known}", key.text, places.join(", "))),
    }
}
