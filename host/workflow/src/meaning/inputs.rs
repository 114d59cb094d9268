//! `inputs:` and what the command line gives for them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::expression::{Scope, is_name};
use crate::near::{listed, nearest};
use crate::read::{INPUT, Key, Node, Plain, Scalar, Table, Tree};
use crate::session::{Session, plain};
use crate::source::{DEFER_CLOSE, DEFER_OPEN};
use crate::{Diagnostic, Inputs};

/// What an input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

const TYPES: [(&str, InputType); 4] = [
    ("string", InputType::String),
    ("integer", InputType::Integer),
    ("number", InputType::Number),
    ("boolean", InputType::Boolean),
];

impl InputType {
    const fn described(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        }
    }

    /// A text of the command line, as this type.
    fn parse(self, text: &str) -> Option<Value> {
        let value = Scalar { text: text.to_owned(), plain: true }.value();
        match self {
            Self::String => Some(Value::String(text.to_owned())),
            Self::Integer | Self::Number | Self::Boolean => Some(value).filter(|value| self.admits(value)),
        }
    }

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
        }
    }
}

/// An input as the file declares it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputSpec {
    /// Its name.
    pub name: String,
    /// What it takes.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// What it is when it is not given; none when it has to be given.
    pub default: Option<Value>,
    /// What it is for; empty when the file does not say.
    pub description: String,
    /// The values that it may have; empty for any.
    pub allowed: Vec<Value>,
}

/// What the inputs come to.
pub(crate) struct ReadInputs {
    pub(crate) specs: Vec<InputSpec>,
    /// As given or defaulted; none for one that is missing or wrong.
    pub(crate) values: BTreeMap<String, Option<Value>>,
}

/// Reads the declarations and checks what is given. A required input that is not given is a mistake when `must_be_given`.
pub(crate) fn inputs(s: &mut Session<'_>, root: Table<'_>, given: &Inputs, must_be_given: bool) -> ReadInputs {
    let mut read = ReadInputs { specs: Vec::new(), values: BTreeMap::new() };
    let declared = root.get("inputs").map(|node| s.entries(node)).unwrap_or_default();
    for (key, node) in declared {
        if !is_name(&key.text) {
            s.found.push(bad_name(key, "an input"));
        }
        let spec = declare(s, key, node);
        let value = match (given.get(&key.text), &spec) {
            (_, None) => None,
            (Some(text), Some(spec)) => take(s, key, spec, text),
            (None, Some(spec)) => spec.default.clone().or_else(|| {
                if must_be_given {
                    let example = format!("give it on the command line: `--input {}=VALUE`", key.text);
                    s.error_hint(
                        "missing-input",
                        key.span,
                        format!("the input `{}` is required and is not given", key.text),
                        "no value",
                        example,
                    );
                }
                None
            }),
        };
        read.values.insert(key.text.clone(), value);
        read.specs.extend(spec);
    }
    for name in given.keys().filter(|name| !read.values.contains_key(*name)) {
        let names = read.values.keys().map(String::as_str);
        let near = nearest(name, names.clone()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let known = if read.values.is_empty() {
            "the file declares no inputs".to_owned()
        } else {
            format!("its inputs are {}", listed(names))
        };
        s.found.push(
            Diagnostic::error("unknown-input", None, format!("the workflow has no input `{name}`"))
                .hint(format!("{near}{known}")),
        );
    }
    read
}

/// The values as expressions see them: `${input.x}`.
pub(crate) fn scope(read: &ReadInputs) -> Scope {
    Scope::empty().with("input", read.values.clone())
}

/// `what` with its article: `an input`.
pub(crate) fn bad_name(key: &Key, what: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("bad-name", Some(key.span), format!("`{}` cannot name {what}", key.text));
    diagnostic.label("letters, digits and `_` only").hint("a name is written in expressions as it is")
}

fn declare(s: &mut Session<'_>, key: &Key, node: &Node) -> Option<InputSpec> {
    let name = key.text.clone();
    if node.is_null() {
        return Some(InputSpec { name, kind: InputType::String, default: None, description: String::new(), allowed: Vec::new() });
    }
    let table = s.table(node, &INPUT)?;
    let nothing = Scope::empty();
    let default = table.get("default");
    let kind = match (table.get("type"), default) {
        (Some(node), _) => s.choice(node, nothing.now(), &TYPES)?,
        (None, Some(default)) => kind_of(default),
        (None, None) => InputType::String,
    };
    let description = s.text_in(Some(table), "description", nothing.now()).unwrap_or_default();
    let allowed: Vec<_> = match table.get("allowed") {
        Some(node) => s.list(node).iter().filter_map(|item| literal(s, item, kind)).collect(),
        None => Vec::new(),
    };
    let required = table.get("required").map(|node| (node, s.boolean(node)));
    match (required, default) {
        (Some((node, Some(true))), Some(_)) => {
            s.error_hint(
                "required-with-default",
                node.place,
                format!("the input `{name}` is required, so its default is never used"),
                "required",
                "remove one of the two",
            );
        }
        (Some((node, Some(false))), None) => {
            s.error_hint(
                "no-default",
                node.place,
                format!("the input `{name}` is not required, and has no default"),
                "what is it when it is not given?",
                "add a `default`, or remove `required: false`",
            );
        }
        _ => {}
    }
    let default = match default {
        Some(node) => {
            let value = literal(s, node, kind)?;
            if !allowed.is_empty() && !allowed.contains(&value) {
                let message = format!("the default of the input `{name}` is not among its allowed values");
                s.error("not-allowed", node.place, message, "not allowed");
            }
            Some(value)
        }
        None => None,
    };
    Some(InputSpec { name, kind, default, description, allowed })
}

fn kind_of(default: &Node) -> InputType {
    match &default.tree {
        Tree::Scalar(scalar) => match scalar.plain() {
            Plain::Bool(_) => InputType::Boolean,
            Plain::Number(number) if number.is_f64() => InputType::Number,
            Plain::Number(_) => InputType::Integer,
            Plain::Null | Plain::Text => InputType::String,
        },
        Tree::List(_) | Tree::Map(_) => InputType::String,
    }
}

/// A value in the declaration: expressions do not stand there.
fn literal(s: &mut Session<'_>, node: &Node, kind: InputType) -> Option<Value> {
    let value = match &node.tree {
        Tree::Scalar(scalar) if scalar.text.contains("${") => {
            s.error("malformed-expression", node.place, "an input cannot depend on other names", "no expression can stand here");
            return None;
        }
        Tree::Scalar(scalar) if kind == InputType::String => Some(Value::String(scalar.text.clone())),
        Tree::Scalar(scalar) => Some(scalar.value()).filter(|value| kind.admits(value)),
        Tree::List(_) | Tree::Map(_) => None,
    };
    if value.is_none() {
        let message = format!("{} has to be {}, and is {}", node.called(), kind.described(), node.kind());
        s.error("wrong-type", node.place, message, format!("{} is expected", kind.described()));
    }
    value
}

fn take(s: &mut Session<'_>, key: &Key, spec: &InputSpec, text: &str) -> Option<Value> {
    let name = &key.text;
    if text.contains([DEFER_OPEN, DEFER_CLOSE]) {
        s.found.push(
            Diagnostic::error(
                "reserved-character",
                None,
                format!("the input `{name}` holds a reserved character, U+E9F0 or U+E9F1"),
            )
            .hint("remove it"),
        );
        return None;
    }
    let Some(value) = spec.kind.parse(text) else {
        let message = format!("the input `{name}` has to be {}, and `{text}` is given", spec.kind.described());
        s.found.push(Diagnostic::error("wrong-type", Some(key.span), message).label("declared here"));
        return None;
    };
    if !spec.allowed.is_empty() && !spec.allowed.contains(&value) {
        let allowed: Vec<_> = spec.allowed.iter().map(plain).collect();
        let diagnostic = Diagnostic::error("not-allowed", Some(key.span), format!("the input `{name}` cannot be `{text}`"))
            .label("declared here");
        s.found.push(diagnostic.hint(format!("it can be {}", listed(allowed.iter().map(String::as_str)))));
        return None;
    }
    Some(value)
}
