//! Whole files, good and bad.

mod background;
mod bad_balancers;
mod bad_fields;
mod bad_inputs;
mod bad_phases;
mod bad_plugins;
mod bad_references;
mod bad_route_fields;
mod bad_routes;
mod bad_sides;
mod bad_steps;
mod bad_yaml;
mod good_blue_green;
mod good_files;
mod mutations;
mod reference;
mod secrets;

use std::collections::BTreeMap;

use crate::{Files, Inputs, Source};

/// Files in memory; paths become absolute under `/deploy`.
pub(crate) struct Memory(pub(crate) BTreeMap<&'static str, String>);

impl Memory {
    pub(crate) fn with(files: &[(&'static str, &str)]) -> Self {
        Self(files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect())
    }

    /// The example's Elastigroup JSON under its usual name.
    pub(crate) fn example() -> Self {
        Self::with(&[("./elastigroup.json", include_str!("../../../../docs/examples/elastigroup.json"))])
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn resolve(&self, path: &str) -> String {
        format!("/deploy/{}", path.trim_start_matches("./"))
    }
}

pub(crate) fn source(text: &str) -> Source {
    Source { name: "web.yaml".to_owned(), text: text.to_owned() }
}

/// What `check` says of a file, as an operator sees it. The example's Elastigroup JSON is at hand.
pub(crate) fn rendered(text: &str) -> String {
    match crate::check(&source(text), &Memory::example(), &inputs(&[])) {
        Ok(summary) => summary.warnings.map_or_else(|| "no diagnostics".to_owned(), |warnings| warnings.render(false, 100)),
        Err(found) => found.render(false, 100),
    }
}

/// The plan of a file that has no mistakes.
pub(crate) fn planned(text: &str) -> crate::Plan {
    crate::plan(&source(text), &Memory::example(), &inputs(&[])).unwrap()
}

pub(crate) fn inputs(given: &[(&str, &str)]) -> Inputs {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The shortest file, with parts of it replaced.
pub(crate) fn short(service: &str, infra: &str, rest: &str, workflow: &str) -> String {
    format!(
        "version: 1\n\
         service: {{ name: web, artifact: {{ ami: ami-1 }}{service} }}\n\
         environment: {{ name: prod }}\n\
         infrastructure: {{ name: east, region: us-east-1, elastigroup: {{ group: {{ compute: {{ launchSpecification: {{}} }} }} }}{infra} }}\n\
         {rest}\
         workflow:\n  name: w\n{workflow}"
    )
}

pub(crate) const SETUP: &str = "  setup: { instances: { min: 0, target: 4, max: 10 } }\n";

/// The shortest basic workflow.
pub(crate) fn basic(rest: &str) -> String {
    short("", "", rest, &format!("  strategy: basic\n{SETUP}  deploy: 100%\n"))
}

/// The shortest canary workflow around `phases`.
pub(crate) fn canary(phases: &str) -> String {
    short("", "", "", &format!("  strategy: canary\n{SETUP}  phases:\n{phases}"))
}

/// The shortest blue/green workflow but for load balancers and routes.
pub(crate) fn blue_green(rest: &str) -> String {
    short("", "", "", &format!("  strategy: blue-green\n{SETUP}{rest}"))
}
