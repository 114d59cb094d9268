//! What a manifest says that its own config schema contradicts: a URL that no config can have, a default that is refused.
//!
//! No host minds either: the plugin would only never get its grant, or tell people of a value that they cannot write. So it is a
//! problem where plugins are built and tried, and `inspect` of the plugin host stays as it is. Only what is certain is one: a schema
//! that cannot be followed allows everything.

use jsonschema::{Draft, PatternOptions};
use serde_json::{Map, Value};
use shiftgate_plugin::{Inspection, Manifest, Plugins};

use crate::AuthorError;

/// So many parts of a schema are looked at for one pointer: a schema may refer to itself, and twice each time.
const STEPS: u32 = 10_000;
/// So many of them are within each other.
const DEPTH: u32 = 100;
/// So many defaults are tried, of so many bytes, against schemas of so many: a stranger's schema is no work for minutes.
const DEFAULTS: usize = 200;
const DEFAULT_BYTES: usize = 4 << 10;
const SCHEMA_BYTES: usize = 32 << 10;
/// The most bytes of one compiled pattern.
const PATTERN: usize = 64 << 10;

/// Looks at a component as the plugin host does, and at what its manifest says of itself besides.
///
/// # Errors
/// As [`Plugins::inspect`].
pub fn inspect(plugins: &Plugins, file: &str) -> Result<Inspection, AuthorError> {
    let mut found = plugins.inspect(file)?;
    if let Some(manifest) = &found.manifest {
        found.problems.extend(contradictions(manifest));
    }
    Ok(found)
}

fn contradictions(manifest: &Manifest) -> Vec<String> {
    // What is no JSON is a problem already.
    let Ok(schema) = manifest.config.value() else { return Vec::new() };
    let asked = manifest.requests.http.iter().enumerate();
    let pointers = asked.filter_map(|(number, request)| Some((number, request.from_config.as_deref()?)));
    let nowhere =
        pointers.filter(|(_, pointer)| Reader { root: &schema, left: STEPS, depth: 0 }.excludes(&schema, &tokens(pointer)));
    let mut problems: Vec<String> = nowhere
        .map(|(number, pointer)| {
            let pointer = plain(pointer);
            format!("/requests/http/{number}: `from_config` is `{pointer}`, where the config's schema has no room for a URL; correct one of them")
        })
        .collect();
    let mut defaults = Vec::new();
    collect(&schema, "/config", &mut defaults);
    problems.extend(defaults.into_iter().take(DEFAULTS).filter_map(|(place, schema)| {
        let why = refused_default(schema)?;
        Some(format!("{}: the `default` does not fit its own schema: {}; correct one of them", plain(&place), plain(&why)))
    }));
    problems
}

/// Words of a manifest without what a terminal would act on.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The parts of a JSON pointer.
fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// Follows a pointer through a schema.
struct Reader<'a> {
    root: &'a Value,
    left: u32,
    depth: u32,
}

impl<'a> Reader<'a> {
    /// Whether no config can have a URL, or a list of them, there.
    fn excludes(&mut self, schema: &'a Value, path: &[String]) -> bool {
        let Value::Object(keywords) = schema else { return *schema == Value::Bool(false) };
        if self.left == 0 || self.depth == DEPTH {
            return false;
        }
        self.left -= 1;
        self.depth += 1;
        let excludes = self.excluded_by(keywords, path);
        self.depth -= 1;
        excludes
    }

    fn excluded_by(&mut self, keywords: &'a Map<String, Value>, path: &[String]) -> bool {
        let target = keywords.get("$ref").and_then(Value::as_str).and_then(|at| self.root.pointer(at.strip_prefix('#')?));
        if target.is_some_and(|target| self.excludes(target, path)) {
            return true;
        }
        let mut parts = |name: &str, all: bool| {
            let parts = keywords.get(name).and_then(Value::as_array).filter(|parts| !parts.is_empty());
            parts.is_some_and(|parts| match all {
                true => parts.iter().all(|part| self.excludes(part, path)),
                false => parts.iter().any(|part| self.excludes(part, path)),
            })
        };
        if parts("allOf", false) || parts("anyOf", true) || parts("oneOf", true) {
            return true;
        }
        match path.split_first() {
            None => !may_be(keywords, &["string", "array"]),
            Some((token, rest)) => !may_be(keywords, &["object", "array"]) || self.excludes_below(keywords, token, rest),
        }
    }

    /// The same for a field; what is an element of a list is anyone's guess.
    fn excludes_below(&mut self, keywords: &'a Map<String, Value>, token: &str, rest: &[String]) -> bool {
        let is_index = !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
        if is_index && may_be(keywords, &["array"]) {
            return false;
        }
        if !may_be(keywords, &["object"]) {
            return true;
        }
        if let Some(field) = keywords.get("properties").and_then(|fields| fields.get(token)) {
            return self.excludes(field, rest);
        }
        let patterns = keywords.get("patternProperties").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
        match keywords.get("additionalProperties") {
            Some(others) if !patterns => self.excludes(others, rest),
            _ => false,
        }
    }
}

/// Whether a schema lets a value be of one of these types.
fn may_be(keywords: &Map<String, Value>, types: &[&str]) -> bool {
    match keywords.get("type") {
        Some(Value::String(one)) => types.contains(&one.as_str()),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(|one| types.contains(&one)),
        _ => true,
    }
}

/// Every schema with a default, and where it stands.
fn collect<'a>(schema: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
    let Value::Object(keywords) = schema else { return };
    if keywords.contains_key("default") {
        found.push((place.to_owned(), schema));
    }
    for (keyword, value) in keywords {
        let below = |name: &str| format!("{place}/{keyword}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas", Value::Object(fields)) => {
                fields.iter().for_each(|(name, schema)| collect(schema, &below(name), found));
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().enumerate().for_each(|(number, schema)| collect(schema, &below(&number.to_string()), found));
            }
            ("items" | "additionalProperties" | "contains" | "if" | "then" | "else", schema) => {
                collect(schema, &format!("{place}/{keyword}"), found);
            }
            _ => {}
        }
    }
}

/// Why a schema refuses its own default.
fn refused_default(schema: &Value) -> Option<String> {
    let default = schema.get("default")?;
    // What refers elsewhere, or looks at everything twice, may take for ever.
    let text = schema.to_string();
    let is_hard = ["\"$ref\"", "\"$dynamicRef\"", "\"unevaluated"].iter().any(|word| text.contains(word));
    if is_hard || text.len() > SCHEMA_BYTES || default.to_string().len() > DEFAULT_BYTES {
        return None;
    }
    let patterns = PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN);
    let validator = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns).build(schema).ok()?;
    let error = validator.iter_errors(default).next()?;
    Some(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(config: Value, from_config: &str) -> Vec<String> {
        let manifest = json!({
            "name": "errors", "version": "1.0.0", "kind": "verification", "contract": "0.1.0", "config": config,
            "requests": { "http": [{ "from_config": from_config, "methods": ["GET"] }] },
        });
        contradictions(&serde_json::from_value(manifest).unwrap())
    }

    #[test]
    fn a_pointer_to_what_no_config_has_is_a_problem() {
        let closed = json!({
            "type": "object", "additionalProperties": false, "$defs": { "url": { "type": "string" } },
            "properties": {
                "url": { "type": "string" }, "urls": { "type": ["array", "null"], "items": { "type": "string" } },
                "max": { "type": "number" }, "api": { "type": "object", "additionalProperties": { "type": "string" } },
                "other": { "$ref": "#/$defs/url" }, "any": { "anyOf": [{ "type": "null" }, { "type": "string" }] },
                "none": { "oneOf": [{ "type": "null" }, { "type": "integer" }] }, "open": true,
            },
        });
        for pointer in ["/url", "/urls", "/urls/0", "/api/main", "/other", "/any", "/open/x"] {
            assert_eq!(told(closed.clone(), pointer), Vec::<String>::new(), "{pointer}");
        }
        for pointer in ["/urll", "/max", "/url/x", "/api", "/other/x", "/none", "/urls/x", ""] {
            let problems = told(closed.clone(), pointer);
            assert!(problems.iter().any(|problem| problem.contains("no room for a URL")), "{pointer}: {problems:?}");
        }
        assert_eq!(told(json!({ "properties": { "url": {} }, "additionalProperties": false }), "/urll").len(), 1);
        // A schema that leaves it open, or refers to itself for ever, allows it.
        assert!(told(json!({ "type": "object", "properties": { "url": {} } }), "/urll").is_empty());
        assert!(told(json!(true), "/url").is_empty());
        assert!(told(json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }] }), "/url").is_empty());
    }

    #[test]
    fn a_default_that_its_schema_forbids_is_a_problem() {
        let of = |field: Value| told(json!({ "properties": { "url": {}, "a/b": field } }), "/url");
        for field in [
            json!({ "type": "integer", "minimum": 1, "default": 3 }),
            json!({ "oneOf": [{ "const": "GET" }, { "const": "POST" }], "default": "GET" }),
            json!({ "type": "object", "properties": { "default": { "type": "string" } } }),
            json!({ "$ref": "#", "default": 3 }),
        ] {
            assert_eq!(of(field), Vec::<String>::new());
        }
        let problems = of(json!({ "type": "integer", "minimum": 1, "default": 0 }));
        insta::assert_snapshot!(problems.join("\n"), @"/config/properties/a~1b: the `default` does not fit its own schema: 0 is less than the minimum of 1; correct one of them");
        assert_eq!(of(json!({ "oneOf": [{ "const": "GET" }], "default": "get" })).len(), 1);
        assert_eq!(of(json!({ "type": "array", "items": { "type": "string", "pattern": "^a", "default": "b" } })).len(), 1);
    }
}
