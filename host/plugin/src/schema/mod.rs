//! Checks a step's config against the JSON Schema of the plugin's manifest, before any code of the plugin runs.
//!
//! Reaches no network and no file: a schema that refers outside itself is refused. Patterns run on an engine without
//! backtracking, and `steps` counts what a check would take before it is begun, so that a plugin's schema cannot stall its
//! host.

mod steps;

use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::log::strangers;
use crate::manifest::SchemaText;

pub(crate) use steps::TooHard;

/// The most bytes of one compiled pattern, and of what matching keeps of it.
const PATTERN: usize = 64 << 10;

/// A config schema, compiled once a component.
pub(crate) struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

impl fmt::Debug for ConfigSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfigSchema")
    }
}

/// A problem: a JSON pointer into the config, and what is wrong there.
pub(crate) type Problem = (String, String);

impl ConfigSchema {
    /// Reads and compiles a schema.
    pub(crate) fn read(text: &SchemaText) -> Result<Self, String> {
        Self::compile(text.value().map_err(|error| wrong(&error))?)
    }

    fn compile(schema: Value) -> Result<Self, String> {
        steps::few_patterns(&schema).map_err(|error| error.to_string())?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN))
            .build(&schema)
            .map_err(|error| wrong(&error))?;
        Ok(Self { schema, validator })
    }

    /// Every problem at once, in the schema's order, `limit` at most.
    ///
    /// # Errors
    /// The check would take too long.
    pub(crate) fn problems(&self, config: &Value, limit: usize) -> Result<Vec<Problem>, TooHard> {
        steps::bounded(&self.schema, config)?;
        if self.validator.is_valid(config) {
            return Ok(Vec::new());
        }
        let errors = self.validator.iter_errors(config).take(limit);
        Ok(errors.map(|error| (error.instance_path().to_string(), strangers(&error.to_string()))).collect())
    }
}

fn wrong(error: &dyn fmt::Display) -> String {
    format!("`config` is not a JSON Schema (2020-12): {error}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_comes_at_once_with_its_place() {
        let schema = ConfigSchema::compile(json!({
            "type": "object",
            "required": ["url"],
            "additionalProperties": false,
            "properties": {
                "url": { "type": "string" },
                "threshold": { "type": "object", "properties": { "max": { "type": "number", "minimum": 0 } } },
            },
        }))
        .unwrap();
        assert!(schema.problems(&json!({ "url": "http://a" }), 10).unwrap().is_empty());
        assert!(schema.problems(&json!({ "url": "http://a" }), 10).unwrap().is_empty(), "the second time as the first");
        let problems = schema.problems(&json!({ "threshold": { "max": -1 }, "tresh\u{1b}old": {} }), 10).unwrap();
        let told: Vec<String> = problems.iter().map(|(pointer, message)| format!("{pointer}: {message}")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
/threshold/max: -1 is less than the minimum of 0
: Additional properties are not allowed ('tresh\u{1b}old' was unexpected)
: "url" is a required property
"#);
    }

    #[test]
    fn a_schema_that_reaches_outside_or_is_none_is_refused() {
        assert!(ConfigSchema::compile(json!({ "type": "strange" })).is_err());
        assert!(ConfigSchema::compile(json!({ "$ref": "https://example.com/schema.json" })).is_err());
        assert!(ConfigSchema::compile(json!({ "$ref": "file:///etc/passwd" })).is_err());
    }

    #[test]
    fn a_schema_that_refers_to_itself_does_not_overflow_the_stack() {
        let endless = [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "anyOf": [{ "$ref": "#/$defs/a" }] } }, "$ref": "#/$defs/a" }),
            json!({ "not": { "$ref": "#" } }),
        ];
        for schema in endless {
            if let Ok(schema) = ConfigSchema::compile(schema) {
                let _ = schema.problems(&json!({ "a": { "a": {} } }), 10);
            }
        }
    }
}
