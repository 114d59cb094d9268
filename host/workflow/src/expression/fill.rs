//! Facts of a run, put into a plan's deferred texts. Only the names between the two reserved characters are looked at:
//! a value that merely looks like an expression stays as it is.

use serde_json::Value;

use crate::source::{DEFER_CLOSE, DEFER_OPEN};

/// A deferred text that cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The facts have no such name.
    #[error("`{name}` is no fact of this run")]
    UnknownFact {
        /// The dotted name: `setup.newGroup.id`.
        name: String,
    },
    /// The fact is a list or an object, and stands inside of a text.
    #[error("`{name}` is neither text nor number, and stands inside of a text")]
    NotText {
        /// The dotted name.
        name: String,
    },
    /// A reserved character stands alone: the plan was changed by hand.
    #[error("the text `{0}` holds a reserved character")]
    Malformed(String),
}

/// The value with every deferred name replaced. `facts` is `{"setup": {"newGroup": {"id", "name"}, "oldGroup": {"id",
/// "name"} or null}, "run": {"id"}}`. A text that is one name takes the fact as it is, null included; inside of a longer
/// text a null is empty.
///
/// # Errors
/// [`FillError`] when `facts` lacks a name.
pub fn fill(value: &Value, facts: &Value) -> Result<Value, FillError> {
    match value {
        Value::String(text) => match whole(text) {
            Some(name) => fact(name, facts).cloned(),
            None => fill_text(text, facts).map(Value::String),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, facts)).collect::<Result<_, _>>().map(Value::Array),
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), fill(value, facts)?)));
            filled.collect::<Result<_, _>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
    }
}

/// As [`fill()`], for a text that stays text: the message of an approval.
///
/// # Errors
/// As [`fill()`].
pub fn fill_text(text: &str, facts: &Value) -> Result<String, FillError> {
    let malformed = || FillError::Malformed(text.replace([DEFER_OPEN, DEFER_CLOSE], "?"));
    let mut parts = text.split(DEFER_OPEN);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    if filled.contains(DEFER_CLOSE) {
        return Err(malformed());
    }
    for part in parts {
        let (name, rest) = part.split_once(DEFER_CLOSE).ok_or_else(malformed)?;
        if rest.contains(DEFER_CLOSE) {
            return Err(malformed());
        }
        match fact(name, facts)? {
            Value::Null => {}
            Value::String(text) => filled.push_str(text),
            value @ (Value::Bool(_) | Value::Number(_)) => filled.push_str(&value.to_string()),
            Value::Array(_) | Value::Object(_) => return Err(FillError::NotText { name: name.to_owned() }),
        }
        filled.push_str(rest);
    }
    Ok(filled)
}

/// The text that stands for a name until a run knows it.
pub(super) fn defer(name: &str) -> String {
    format!("{DEFER_OPEN}{name}{DEFER_CLOSE}")
}

/// The name, when the text is nothing else.
fn whole(text: &str) -> Option<&str> {
    let name = text.strip_prefix(DEFER_OPEN)?.strip_suffix(DEFER_CLOSE)?;
    (!name.contains([DEFER_OPEN, DEFER_CLOSE])).then_some(name)
}

/// A name below a null is null: there is no old group, so it has no id.
fn fact<'f>(name: &str, facts: &'f Value) -> Result<&'f Value, FillError> {
    let mut value = facts;
    for part in name.split('.') {
        value = match value {
            Value::Null => return Ok(value),
            value => value.get(part).ok_or_else(|| FillError::UnknownFact { name: name.to_owned() })?,
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn facts() -> Value {
        json!({"setup": {"newGroup": {"id": "sig-1", "name": "web__2"}, "oldGroup": null}, "run": {"id": "r1"}})
    }

    #[test]
    fn a_fact_takes_its_place() {
        let text = format!("up{{group=\"{}\"}} was {}", defer("setup.newGroup.id"), defer("setup.oldGroup.id"));
        let value = json!({"query": text, "old": defer("setup.oldGroup.name"), "n": 1, "run": [defer("run.id")]});
        let filled = json!({"query": "up{group=\"sig-1\"} was ", "old": null, "n": 1, "run": ["r1"]});
        assert_eq!(fill(&value, &facts()), Ok(filled));
    }

    #[test]
    fn what_is_no_fact_is_an_error() {
        let error = |text: String| fill(&Value::String(text), &facts()).map_err(|e| e.to_string());
        assert_eq!(error(defer("setup.newGroup.size")), Err("`setup.newGroup.size` is no fact of this run".to_owned()));
        assert_eq!(
            error(format!("x{}", defer("setup.newGroup"))),
            Err("`setup.newGroup` is neither text nor number, and stands inside of a text".to_owned())
        );
        assert_eq!(error(format!("a{DEFER_OPEN}b")), Err("the text `a?b` holds a reserved character".to_owned()));
        assert_eq!(error(format!("a{DEFER_CLOSE}b")), Err("the text `a?b` holds a reserved character".to_owned()));
    }

    proptest! {
        #[test]
        fn a_text_without_deferred_names_stays_as_it_is(text in "(\\PC|\\$\\{setup\\.newGroup\\.id\\})*") {
            prop_assert_eq!(fill(&Value::String(text.clone()), &facts()), Ok(Value::String(text)));
        }

        #[test]
        fn what_a_fact_holds_is_not_looked_at_again(id in "(\\PC|\\$\\{run\\.id\\})*") {
            let facts = json!({"setup": {"newGroup": {"id": id}}});
            let text = format!("<{}>", defer("setup.newGroup.id"));
            prop_assert_eq!(fill_text(&text, &facts), Ok(format!("<{id}>")));
        }
    }
}
