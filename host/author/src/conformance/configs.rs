//! Configs made from a plugin's schema: one that it may take, and some that it does not.

use serde_json::{Map, Value, json};
use shiftgate_plugin::Manifest;

/// A config with all that the schema requires, each value as plain as can be; none without a schema that says so much.
pub(super) fn suggested(manifest: &Manifest) -> Option<Value> {
    let schema = manifest.config.value().ok()?;
    example(&schema, 0)
}

fn example(schema: &Value, depth: usize) -> Option<Value> {
    if depth > 8 {
        return None;
    }
    if let Some(value) = schema.get("default").or_else(|| schema.get("const")).or_else(|| schema.get("enum")?.get(0)) {
        return Some(value.clone());
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str);
    let least = |name: &str| schema.get(name).cloned().unwrap_or_else(|| json!(1));
    match kind {
        Some("string") => Some(json!("https://plugin.example.com")),
        Some("integer" | "number") => Some(least("minimum")),
        Some("boolean") => Some(json!(false)),
        Some("array") => Some(json!([])),
        Some("object") => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let mut fields = Map::new();
            for name in required {
                fields.insert(name.to_owned(), example(schema.get("properties")?.get(name)?, depth + 1)?);
            }
            Some(Value::Object(fields))
        }
        _ if schema == &Value::Bool(true) => Some(json!({})),
        _ => None,
    }
}

/// Configs that are wrong, each in one way.
pub(super) fn wrong(manifest: &Manifest, config: &Value) -> Vec<(String, Value)> {
    let mut wrong = vec![
        ("a config that is null".to_owned(), Value::Null),
        ("a config that is a text".to_owned(), json!("config")),
        ("a config that is a list".to_owned(), json!([])),
    ];
    let Value::Object(fields) = config else { return wrong };
    let with = |name: &str, value: Value| {
        let mut fields = fields.clone();
        fields.insert(name.to_owned(), value);
        Value::Object(fields)
    };
    wrong.push(("a config with an unknown field".to_owned(), with("shiftgate-conformance", json!(true))));
    for name in fields.keys() {
        wrong.push((format!("`{name}` of another type"), with(name, json!({ "of": ["another", "type"] }))));
        wrong.push((format!("`{name}` that is null"), with(name, Value::Null)));
    }
    let schema = manifest.config.value().unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        let mut fields = fields.clone();
        fields.remove(name);
        wrong.push((format!("a config without `{name}`"), Value::Object(fields)));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_requires_is_made_up() {
        let schema = json!({
            "type": "object", "required": ["url", "max", "mode", "on"],
            "properties": {
                "url": { "type": "string" }, "max": { "type": "number", "minimum": 3 }, "mode": { "enum": ["a", "b"] },
                "on": { "type": "boolean" }, "not": { "type": "string" },
            },
        });
        let made = json!({ "url": "https://plugin.example.com", "max": 3, "mode": "a", "on": false });
        assert_eq!(example(&schema, 0), Some(made));
        assert_eq!(example(&json!(true), 0), Some(json!({})));
        assert_eq!(example(&json!({ "$ref": "#/x" }), 0), None);
    }
}
