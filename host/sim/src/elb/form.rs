//! The form of a Query call, read into one JSON object: `A.B=x` is a field of a field, `A.member.1` a list, and
//! `A.entry.1.key` a map, kept as `{"entry": [{"key": .., "value": ..}]}`. Names that nobody knows stay.
//!
//! Reads only; what a field means is `describe.rs` and `modify.rs`.

use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::xml::is_name;

/// Fields that are numbers, and fields that are booleans, wherever they stand.
const NUMBERS: [&str; 5] = ["Order", "Weight", "DurationSeconds", "SessionTimeout", "PageSize"];
const FLAGS: [&str; 2] = ["Enabled", "UseExistingClientSecret"];

/// Deeper than any shape of the service.
const DEPTH: usize = 16;

/// Reads a form. A number or boolean that is none stays text, for the action to refuse.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    let mut root = Map::new();
    for (key, value) in url::form_urlencoded::parse(body) {
        let parts: Vec<&str> = key.split('.').collect();
        if parts.len() > DEPTH || !parts.iter().all(|part| is_name(part) || is_number(part)) {
            return Err(Refusal::new("MalformedQueryString", format!("The query parameter `{key}` is malformed")));
        }
        let last = parts.last().copied().unwrap_or_default();
        insert(&mut root, &parts, scalar(last, &value));
    }
    Ok(fold(Value::Object(root)))
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn scalar(name: &str, value: &str) -> Value {
    let number = value.parse::<u64>().ok().filter(|_| NUMBERS.contains(&name)).map(|number| json!(number));
    let flag = value.parse::<bool>().ok().filter(|_| FLAGS.contains(&name)).map(|flag| json!(flag));
    number.or(flag).unwrap_or_else(|| json!(value))
}

fn insert(into: &mut Map<String, Value>, parts: &[&str], value: Value) {
    let Some((first, rest)) = parts.split_first() else { return };
    if rest.is_empty() {
        into.insert((*first).to_owned(), value);
        return;
    }
    let slot = into.entry((*first).to_owned()).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    if let Value::Object(fields) = slot {
        insert(fields, rest, value);
    }
}

/// Turns `{"member": {"1": .., "2": ..}}` into a list, bottom up.
fn fold(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let mut fields: Map<String, Value> = fields.into_iter().map(|(key, value)| (key, fold(value))).collect();
    if fields.len() == 1 {
        if let Some(list) = fields.get("member").and_then(numbered) {
            return Value::Array(list);
        }
        if let Some(list) = fields.get("entry").and_then(numbered) {
            fields.insert("entry".to_owned(), Value::Array(list));
        }
    }
    Value::Object(fields)
}

fn numbered(value: &Value) -> Option<Vec<Value>> {
    let fields = value.as_object()?;
    let numbered: Option<Vec<(u64, Value)>> =
        fields.iter().map(|(key, value)| Some((key.parse().ok()?, value.clone()))).collect();
    let mut numbered = numbered?;
    numbered.sort_by_key(|(number, _)| *number);
    Some(numbered.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_maps_numbers_and_unknown_names_are_read() {
        let body = "Action=ModifyRule&Actions.member.10.Type=forward&Actions.member.2.Type=x&Actions.member.2.Order=1\
                    &Actions.member.2.Novel.Deep.member.1=a%20b&Actions.member.2.Extra.entry.1.key=k&Actions.member.2.Extra.entry.1.value=v\
                    &Actions.member.10.Weight=many";
        assert_eq!(
            parse(body.as_bytes()).unwrap(),
            json!({"Action": "ModifyRule", "Actions": [
                {"Type": "x", "Order": 1, "Novel": {"Deep": ["a b"]}, "Extra": {"entry": [{"key": "k", "value": "v"}]}},
                {"Type": "forward", "Weight": "many"},
            ]})
        );
        assert_eq!(parse(b"A.<b>=1").unwrap_err().code, "MalformedQueryString");
    }
}
