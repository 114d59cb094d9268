//! The tree of a YAML or JSON text.

use serde_json::{Map, Number, Value};

use crate::source::Span;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) tree: Tree,
    /// All of it.
    pub(crate) span: Span,
    /// Where to point at: all of a short value, the key of a long one, or its first line.
    pub(crate) place: Span,
    /// The name of the field that it is the value of; none for an entry of a list.
    pub(crate) field: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A single value, as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Without quotes: `4` may be a number.
    pub(crate) plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// What an unquoted text says in YAML 1.2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Number(Number),
    Text,
}

impl Scalar {
    pub(crate) fn plain(&self) -> Plain {
        if !self.plain {
            return Plain::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
            "true" | "True" | "TRUE" => Plain::Bool(true),
            "false" | "False" | "FALSE" => Plain::Bool(false),
            text => number(text).map_or(Plain::Text, Plain::Number),
        }
    }

    /// The value, without a look at expressions.
    pub(crate) fn value(&self) -> Value {
        match self.plain() {
            Plain::Null => Value::Null,
            Plain::Bool(yes) => Value::Bool(yes),
            Plain::Number(number) => Value::Number(number),
            Plain::Text => Value::String(self.text.clone()),
        }
    }
}

/// A number as JSON writes it, with an optional `+`. A number with leading zeros is text: it names something.
fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit())
        && unsigned.ends_with(|c: char| c.is_ascii_digit())
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if leading_zero || !numeric {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let whole = || text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok();
    whole().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.tree, Tree::Scalar(scalar) if scalar.plain() == Plain::Null)
    }

    /// What it is, for "has to be text, and is …".
    pub(crate) fn kind(&self) -> &'static str {
        match &self.tree {
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
            Tree::Scalar(scalar) => match scalar.plain() {
                Plain::Null => "nothing",
                Plain::Bool(_) => "true or false",
                Plain::Number(_) => "a number",
                Plain::Text => "text",
            },
        }
    }

    /// `` `timeout` ``, or "this entry".
    pub(crate) fn called(&self) -> String {
        self.field.as_ref().map_or_else(|| "this entry".to_owned(), |field| format!("`{field}`"))
    }

    /// The value, without a look at expressions.
    pub(crate) fn value(&self) -> Value {
        match &self.tree {
            Tree::Scalar(scalar) => scalar.value(),
            Tree::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Tree::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.text.clone(), node.value())).collect::<Map<_, _>>())
            }
        }
    }

    /// A tree of a value that has no places of its own: everything stands at `place`.
    pub(crate) fn from_value(value: &Value, span: Span, place: Span) -> Self {
        let scalar = |text: String, plain| Tree::Scalar(Scalar { text, plain });
        let tree = match value {
            Value::String(text) => scalar(text.clone(), false),
            Value::Null | Value::Bool(_) | Value::Number(_) => scalar(value.to_string(), true),
            Value::Array(items) => Tree::List(items.iter().map(|item| Self::from_value(item, span, place)).collect()),
            Value::Object(fields) => Tree::Map(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let node = Self { field: Some(name.clone()), ..Self::from_value(value, span, place) };
                        (Key { text: name.clone(), span: place }, node)
                    })
                    .collect(),
            ),
        };
        Self { tree, span, place, field: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unquoted_text_says_what_yaml_1_2_says() {
        let value = |text: &str| Scalar { text: text.to_owned(), plain: true }.value();
        let read = [
            "4",
            "-4",
            "+4",
            "1.10",
            "1e3",
            "18446744073709551615",
            "~",
            "",
            "true",
            "no",
            "0012",
            "0",
            "0.5",
            "1.2.3",
            "25%",
            "-",
            "1-2",
        ];
        let meant = [
            json!(4),
            json!(-4),
            json!(4),
            json!(1.1),
            json!(1e3),
            json!(18_446_744_073_709_551_615_u64),
            json!(null),
            json!(null),
            json!(true),
            json!("no"),
            json!("0012"),
            json!(0),
            json!(0.5),
            json!("1.2.3"),
            json!("25%"),
            json!("-"),
            json!("1-2"),
        ];
        assert_eq!(read.map(value), meant);
    }
}
