//! Conditions of rules: read, kept in both of the forms that the service echoes, and matched against a request.
//!
//! Path patterns and host headers only; another field is refused, so that no rule holds where it would not.

use serde_json::{Map, Value, json};

use super::actions::named;
use super::refusal::Refusal;

/// A request as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    /// Without its port.
    pub(crate) host: &'a str,
}

const FIELDS: [(&str, &str); 2] = [("path-pattern", "PathPatternConfig"), ("host-header", "HostHeaderConfig")];

/// Checks a list of conditions, or an object from field to values, and returns the list as it is kept.
pub(crate) fn accept(given: &Value) -> Result<Vec<Value>, Refusal> {
    let spread = |fields: &Map<String, Value>| {
        fields.iter().map(|(field, values)| json!({"Field": field, "Values": values})).collect::<Vec<_>>()
    };
    let list = match given {
        Value::Array(list) => list.clone(),
        Value::Object(fields) => spread(fields),
        _ => Vec::new(),
    };
    if list.is_empty() {
        return Err(Refusal::validation("Conditions must be a list of at least one condition"));
    }
    list.into_iter().map(one).collect()
}

fn one(condition: Value) -> Result<Value, Refusal> {
    named(&condition)?;
    let field = condition.get("Field").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some((_, config)) = FIELDS.iter().find(|(name, _)| *name == field) else {
        let message = format!("Condition field '{field}' must be one of [path-pattern, host-header] in the simulated account");
        return Err(Refusal::validation(message));
    };
    let typed = condition.get(*config).and_then(|config| config.get("Values"));
    let values = match condition.get("Values").or(typed) {
        Some(Value::String(value)) => vec![json!(value)],
        Some(Value::Array(values)) if !values.is_empty() && values.iter().all(Value::is_string) => values.clone(),
        _ => return Err(Refusal::validation(format!("A condition value must be specified for '{field}'"))),
    };
    let Value::Object(mut condition) = condition else { return Ok(Value::Null) };
    condition.insert("Values".to_owned(), json!(values));
    condition.insert((*config).to_owned(), json!({"Values": values}));
    Ok(Value::Object(condition))
}

/// Whether every condition holds. A condition holds when one of its values does.
pub(crate) fn hold(conditions: &[Value], asked: Asked<'_>) -> bool {
    conditions.iter().all(|condition| {
        let values = condition.get("Values").and_then(Value::as_array);
        let mut values = values.into_iter().flatten().filter_map(Value::as_str);
        match condition.get("Field").and_then(Value::as_str) {
            Some("path-pattern") => values.any(|pattern| is_like(pattern.as_bytes(), asked.path.as_bytes())),
            Some("host-header") => {
                values.any(|pattern| is_like(pattern.to_ascii_lowercase().as_bytes(), asked.host.to_ascii_lowercase().as_bytes()))
            }
            _ => false,
        }
    })
}

/// Whether a text is like a pattern: `*` is any text, `?` one character. Steps back to the last `*` only, so that the time
/// is at most the product of both lengths.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == character => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, read) = (after, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_stars_and_question_marks() {
        let like = |pattern: &str, text: &str| is_like(pattern.as_bytes(), text.as_bytes());
        assert!(like("/api/*", "/api/") && like("/api/*", "/api/v1/x") && like("*", "") && like("*.gif", "/a.gif.gif"));
        assert!(like("/v?/*/end", "/v1/a/b/end") && like("**a", "bba"));
        assert!(!like("/api/*", "/api") && !like("/v?", "/v") && !like("/API", "/api") && !like("", "x"));
    }

    #[test]
    fn both_forms_are_kept_and_hosts_have_no_case() {
        let kept = accept(&json!({"host-header": ["*.Example.com"], "path-pattern": "/a/*"})).unwrap();
        assert_eq!(kept[1], json!({"Field": "path-pattern", "Values": ["/a/*"], "PathPatternConfig": {"Values": ["/a/*"]}}));
        let asked = |host, path| hold(&kept, Asked { host, path });
        assert!(asked("api.example.COM", "/a/b") && !asked("api.example.com", "/b") && !asked("example.com", "/a/b"));
        assert_eq!(accept(&json!([{"Field": "source-ip", "Values": ["10.0.0.0/8"]}])).unwrap_err().code, "ValidationError");
        assert!(accept(&json!([{"Field": "path-pattern", "Values": []}])).is_err());
        let typed = accept(&json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/x"]}}])).unwrap();
        assert_eq!(typed[0]["Values"], json!(["/x"]));
    }
}
