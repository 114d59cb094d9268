//! What is deployed where: the names, the artifact and the variables, and so what expressions may use.
//!
//! The order is fixed: inputs, then names and the region, then the artifact, then the workflow's variables, then the
//! service's. Each may use what comes before it.

use std::collections::BTreeMap;

use serde_json::Value;
use shiftgate_model::AmiId;

use super::inputs::bad_name;
use crate::expression::{Scope, is_name};
use crate::near::{listed, nearest};
use crate::read::{ARTIFACT, Node, Table, Tree};
use crate::session::{Session, Within};
use crate::source::Span;

/// The four named sections of a file, as typed.
#[derive(Clone, Copy)]
pub(crate) struct Sections<'n> {
    pub(crate) service: Option<Table<'n>>,
    pub(crate) environment: Option<Table<'n>>,
    pub(crate) infrastructure: Option<Table<'n>>,
    pub(crate) workflow: Option<Table<'n>>,
}

/// What is deployed where, resolved as far as it can be.
pub(crate) struct Names {
    pub(crate) service: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) infrastructure: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) workflow: Option<String>,
    pub(crate) artifact: Option<AmiId>,
    /// Everything that an expression outside of a phase may use.
    pub(crate) scope: Scope,
    /// The same without the service's variables.
    before_variables: Scope,
    /// The service's variables, the environment's in front.
    variables: BTreeMap<String, Option<Value>>,
}

pub(crate) fn names(s: &mut Session<'_>, sections: Sections<'_>, inputs: &Scope) -> Names {
    let Sections { service: svc, environment: env, infrastructure: infra, workflow: flow } = sections;
    let service = s.needed_text(svc, "name", "`service`", inputs.now());
    let environment = s.needed_text(env, "name", "`environment`", inputs.now());
    let infrastructure = s.needed_text(infra, "name", "`infrastructure`", inputs.now());
    let region = region(s, infra, inputs);
    let workflow = s.needed_text(flow, "name", "`workflow`", inputs.now());
    let scope = inputs
        .with("service", [named("name", service.as_ref())])
        .with("env", [named("name", environment.as_ref())])
        .with("infra", [named("name", infrastructure.as_ref()), named("region", region.as_ref())])
        .with("workflow", [named("name", workflow.as_ref())]);

    let (artifact, scope) = artifact(s, svc, &scope);
    let values = variables(s, flow, scope.now());
    let before_variables = scope.with("workflow.variables", values);
    let mut variables_of_service = variables(s, svc, before_variables.now());
    variables_of_service.extend(variables(s, env, before_variables.now()));
    let scope = before_variables.with("serviceVariable", variables_of_service.clone());
    Names {
        service,
        environment,
        infrastructure,
        region,
        workflow,
        artifact,
        scope,
        before_variables,
        variables: variables_of_service,
    }
}

impl Names {
    /// The scope of a phase that overrides some of the service's variables.
    pub(crate) fn in_phase(&self, s: &mut Session<'_>, phase: Table<'_>) -> Scope {
        let overrides = variables(s, Some(phase), self.before_variables.now());
        let entries = phase.get("variables").map(|node| s.entries(node)).unwrap_or_default();
        for (key, _) in entries.iter().filter(|(key, _)| is_name(&key.text) && !self.variables.contains_key(&key.text)) {
            let names = self.variables.keys().map(String::as_str);
            let label = nearest(&key.text, names.clone())
                .map_or_else(|| "overrides nothing".to_owned(), |near| format!("did you mean `{near}`?"));
            let known =
                if self.variables.is_empty() { "it has none".to_owned() } else { format!("its variables are {}", listed(names)) };
            let message = format!("neither the service nor the environment has a variable `{}`", key.text);
            s.error_hint(
                "unknown-name",
                key.span,
                message,
                label,
                format!("declare it under `variables` of the service; {known}"),
            );
        }
        self.scope.with("serviceVariable", overrides)
    }
}

fn named(name: &str, value: Option<&String>) -> (String, Option<Value>) {
    (name.to_owned(), value.cloned().map(Value::String))
}

fn region(s: &mut Session<'_>, infra: Option<Table<'_>>, inputs: &Scope) -> Option<String> {
    let node = infra?.need("region", "`infrastructure`", &mut s.found)?;
    let region = s.text(node, inputs.now())?;
    let parts: Vec<_> = region.split('-').collect();
    let words = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    let number = parts.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if parts.len() < 3 || !words || !number {
        s.error_hint(
            "malformed-region",
            node.place,
            format!("`{region}` is not an AWS region"),
            "a region is expected",
            "regions look like `us-east-1`",
        );
        return None;
    }
    Some(region)
}

fn artifact(s: &mut Session<'_>, service: Option<Table<'_>>, scope: &Scope) -> (Option<AmiId>, Scope) {
    let table = s.section(service, "artifact", "`service`", &ARTIFACT);
    let metadata = match table.and_then(|table| table.get("metadata")) {
        Some(node) => {
            s.entries(node).iter().map(|(key, node)| (key.text.clone(), s.text(node, scope.now()).map(Value::String))).collect()
        }
        None => Vec::new(),
    };
    if let Some(tags) = table.and_then(|table| table.key("tags")) {
        s.error_hint(
            "not-in-this-release",
            tags.span,
            "an image cannot be found by its tags yet",
            "not supported yet",
            "give the image itself: `ami: \"${input.ami}\"`",
        );
    }
    let ami = match table {
        Some(table) if table.key("tags").is_none() || table.get("ami").is_some() => {
            table.need("ami", "`artifact`", &mut s.found).and_then(|node| Some((s.text(node, scope.now())?, node.place)))
        }
        _ => None,
    };
    let ami = ami.and_then(|(ami, place)| image(s, &ami, place));
    let value = ami.as_ref().map(|ami| Value::String(ami.as_str().to_owned()));
    (ami, scope.with("artifact", [("ami".to_owned(), value)]).with("artifact.metadata", metadata))
}

fn image(s: &mut Session<'_>, ami: &str, place: Span) -> Option<AmiId> {
    let id = ami.strip_prefix("ami-").filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    if id.is_none() {
        s.error_hint(
            "malformed-ami",
            place,
            format!("`{ami}` is not an image id"),
            "an image id is expected",
            "image ids look like `ami-0123456789abcdef0`",
        );
    }
    id.map(|_| AmiId::new(ami))
}

/// The `variables:` of a section. A variable is one value.
fn variables(s: &mut Session<'_>, section: Option<Table<'_>>, within: Within<'_>) -> BTreeMap<String, Option<Value>> {
    let entries = section.and_then(|table| table.get("variables")).map(|node| s.entries(node)).unwrap_or_default();
    let mut read = BTreeMap::new();
    for (key, node) in entries {
        if is_name(&key.text) {
            read.insert(key.text.clone(), variable(s, node, within));
        } else {
            s.found.push(bad_name(key, "a variable"));
        }
    }
    read
}

fn variable(s: &mut Session<'_>, node: &Node, within: Within<'_>) -> Option<Value> {
    match &node.tree {
        Tree::Scalar(_) if node.is_null() => Some(Value::String(String::new())),
        Tree::Scalar(_) => s.value(node, within),
        Tree::List(_) | Tree::Map(_) => {
            s.error(
                "wrong-type",
                node.place,
                format!("the variable {} has to be one value, and is {}", node.called(), node.kind()),
                "text or a number is expected",
            );
            None
        }
    }
}
