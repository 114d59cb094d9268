//! How long a check would take, counted before it is begun.
//!
//! A schema of a few lines can ask for each of its parts twice, and theirs twice again: a validator would be busy for years.
//! This walks schema and config together as a validator does, and gives up at a number of steps. So that it meets the same
//! parts, a schema may refer to itself by JSON pointers only.

use serde_json::{Map, Value};

/// The most steps of one check.
const STEPS: u32 = 100_000;
/// The most schemas that are within each other.
const DEPTH: u32 = 200;
/// The most patterns of one schema.
const PATTERNS: usize = 200;

/// Why a check is not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooHard {
    #[error("its config schema takes more than {STEPS} steps to check this config")]
    Steps,
    #[error("its config schema goes more than {DEPTH} levels deep with this config")]
    Depth,
    #[error("its config schema refers to `{0}`; it may refer to its own parts, by JSON pointers such as `#/$defs/limit`")]
    Reference(String),
    #[error("its config schema has more than {PATTERNS} patterns")]
    Patterns,
}

/// Refuses a schema that has more patterns than can be compiled in a moment.
pub(super) fn few_patterns(schema: &Value) -> Result<(), TooHard> {
    if patterns(schema) > PATTERNS { Err(TooHard::Patterns) } else { Ok(()) }
}

fn patterns(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| own_patterns(name, value) + patterns(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn own_patterns(name: &str, value: &Value) -> usize {
    match name {
        "pattern" => 1,
        "patternProperties" => value.as_object().map_or(0, Map::len),
        _ => 0,
    }
}

/// Counts the steps of checking `config` against `schema`.
pub(super) fn bounded(schema: &Value, config: &Value) -> Result<(), TooHard> {
    Walk { root: schema, left: STEPS, depth: 0 }.descend(schema, config)
}

struct Walk<'a> {
    root: &'a Value,
    left: u32,
    depth: u32,
}

impl<'a> Walk<'a> {
    fn descend(&mut self, schema: &'a Value, config: &Value) -> Result<(), TooHard> {
        self.left = self.left.checked_sub(1).ok_or(TooHard::Steps)?;
        let Value::Object(keywords) = schema else { return Ok(()) };
        if self.depth == DEPTH {
            return Err(TooHard::Depth);
        }
        // What says what is left over has its neighbours looked at once more.
        let passes = 1 + keywords.keys().filter(|name| name.starts_with("unevaluated")).count();
        self.depth += 1;
        for _ in 0..passes {
            for (keyword, value) in keywords {
                self.keyword(keyword, value, config)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn keyword(&mut self, keyword: &str, value: &'a Value, config: &Value) -> Result<(), TooHard> {
        match keyword {
            "$ref" => {
                let target = self.target(value)?;
                self.descend(target, config)
            }
            "$dynamicRef" | "$recursiveRef" => Err(TooHard::Reference(shown(value))),
            "$id" if self.depth > 1 => Err(TooHard::Reference(shown(value))),
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" => parts(value).try_for_each(|part| self.descend(part, config)),
            "not" | "if" | "then" | "else" => self.descend(value, config),
            "properties" => {
                let both = value.as_object().into_iter().flatten();
                let mut both = both.filter_map(|(name, part)| Some((part, config.get(name)?)));
                both.try_for_each(|(part, held)| self.descend(part, held))
            }
            "prefixItems" => parts(value).zip(parts(config)).try_for_each(|(part, held)| self.descend(part, held)),
            "patternProperties" => parts(value).try_for_each(|part| self.each(part, config)),
            "items" | "contains" | "additionalProperties" | "unevaluatedItems" | "unevaluatedProperties" => {
                self.each(value, config)
            }
            "propertyNames" => parts(config).try_for_each(|_| self.descend(value, &Value::Null)),
            // Values, annotations, and definitions, which count where they are referred to.
            _ => Ok(()),
        }
    }

    fn each(&mut self, schema: &'a Value, config: &Value) -> Result<(), TooHard> {
        parts(config).try_for_each(|held| self.descend(schema, held))
    }

    fn target(&self, reference: &Value) -> Result<&'a Value, TooHard> {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).ok_or_else(|| TooHard::Reference(shown(reference)))
    }
}

/// What an array or an object holds.
fn parts(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

fn shown(value: &Value) -> String {
    crate::log::strangers(value.as_str().unwrap_or("something that is no text"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each definition asks for the next one twice.
    fn doubling(key: &str, times: usize) -> Value {
        let next = |index: usize| json!({ "$ref": format!("#/$defs/a{index}") });
        let mut definitions: Map<String, Value> =
            (0..times).map(|index| (format!("a{index}"), json!({ key: [next(index + 1), next(index + 1)] }))).collect();
        definitions.insert(format!("a{times}"), Value::Bool(true));
        json!({ "$defs": definitions, "$ref": "#/$defs/a0" })
    }

    #[test]
    fn what_would_take_for_ever_is_not_begun() {
        let config = json!({ "a": { "a": { "a": 1 } }, "list": [1, 2, 3] });
        let leftovers = (0..60).fold(json!({}), |inside, _| json!({ "unevaluatedProperties": true, "allOf": [inside] }));
        let rows = [
            (doubling("allOf", 10), Ok(())),
            (doubling("allOf", 60), Err(TooHard::Steps)),
            (doubling("anyOf", 60), Err(TooHard::Steps)),
            (json!({ "$ref": "#" }), Err(TooHard::Depth)),
            (json!({ "properties": { "a": { "$ref": "#" } } }), Ok(())),
            (leftovers, Err(TooHard::Steps)),
            (json!({ "properties": { "$ref": { "type": "string" } } }), Ok(())),
            (json!({ "$ref": "#/$defs/none" }), Err(TooHard::Reference("#/$defs/none".to_owned()))),
            (json!({ "$dynamicRef": "#x" }), Err(TooHard::Reference("#x".to_owned()))),
            (json!({ "not": { "$id": "http://a/" } }), Err(TooHard::Reference("http://a/".to_owned()))),
            (json!({ "$id": "http://a/", "items": { "type": "string" } }), Ok(())),
        ];
        for (schema, expected) in rows {
            assert_eq!(bounded(&schema, &config), expected, "{schema}");
        }
    }

    #[test]
    fn patterns_are_counted_wherever_they_stand() {
        let many: Vec<Value> = (0..=PATTERNS).map(|_| json!({ "pattern": "a" })).collect();
        assert_eq!(few_patterns(&json!({ "anyOf": many })), Err(TooHard::Patterns));
        assert_eq!(few_patterns(&json!({ "patternProperties": { "a": {}, "b": {} } })), Ok(()));
    }
}
