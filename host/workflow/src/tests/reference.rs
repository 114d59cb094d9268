//! docs/workflow.md names everything that the parser knows and everything that it says.

use crate::expression::{FACTS, SPACES};
use crate::read::ALL;

const REFERENCE: &str = include_str!("../../../../docs/workflow.md");

#[test]
fn every_field_is_in_the_reference() {
    let known = ALL.iter().flat_map(|fields| fields.keys.iter().map(move |key| (fields.what, *key)));
    let missing: Vec<_> = known.filter(|(_, key)| !REFERENCE.contains(&format!("`{key}`"))).collect();
    assert_eq!(missing, []);
}

/// A space stands there with the names in it: `input.NAME`.
#[test]
fn every_name_of_an_expression_is_in_the_reference() {
    let missing: Vec<_> = SPACES.into_iter().chain(FACTS).filter(|name| !REFERENCE.contains(&format!("`{name}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The codes are whatever stands in quotes behind the functions that make diagnostics.
#[test]
fn every_code_is_in_the_reference() {
    let sources = [
        include_str!("../read/fields.rs"),
        include_str!("../read/yaml.rs"),
        include_str!("../expression/engine.rs"),
        include_str!("../session.rs"),
        include_str!("../source.rs"),
        include_str!("../summary.rs"),
        include_str!("../meaning/arns.rs"),
        include_str!("../meaning/background.rs"),
        include_str!("../meaning/failure.rs"),
        include_str!("../meaning/grants.rs"),
        include_str!("../meaning/infrastructure.rs"),
        include_str!("../meaning/inputs.rs"),
        include_str!("../meaning/limits.rs"),
        include_str!("../meaning/load_balancers.rs"),
        include_str!("../meaning/mod.rs"),
        include_str!("../meaning/names.rs"),
        include_str!("../meaning/phases.rs"),
        include_str!("../meaning/plugins.rs"),
        include_str!("../meaning/progress.rs"),
        include_str!("../meaning/routes.rs"),
        include_str!("../meaning/secrets.rs"),
        include_str!("../meaning/setup.rs"),
        include_str!("../meaning/sizes.rs"),
        include_str!("../meaning/steps.rs"),
    ];
    let mut missing = Vec::new();
    for call in sources
        .iter()
        .flat_map(|source| ["error(", "error_hint(", "warn(", "warning(", "problem(", "code: "].map(|f| source.split(f)))
        .flatten()
    {
        let code = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let is_code = code.contains('-') && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if is_code && !REFERENCE.contains(&format!("`{code}`")) {
            missing.push(code);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
