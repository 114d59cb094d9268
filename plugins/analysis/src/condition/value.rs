//! Values of a condition: JSON, with NaN and infinity.

use std::fmt;

use serde_json::Value;

/// What an expression may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// Nothing.
    Nil,
    /// True or false.
    Bool(bool),
    /// A number, perhaps NaN or infinite.
    Number(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Val>),
    /// An object's fields, in order.
    Map(Vec<(String, Val)>),
}

impl Val {
    /// JSON as a value.
    pub fn of(json: &Value) -> Self {
        match json {
            Value::Null => Self::Nil,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(fields) => Self::Map(fields.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect()),
        }
    }

    /// The number that it is: itself, or the only item of a list.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::List(items) => match items.as_slice() {
                [Self::Number(number)] => Some(*number),
                _ => None,
            },
            Self::Nil | Self::Bool(_) | Self::Text(_) | Self::Map(_) => None,
        }
    }

    /// Whether no number in it is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Number(number) => number.is_finite(),
            Self::List(items) => items.iter().all(Self::is_finite),
            Self::Map(fields) => fields.iter().all(|(_, value)| value.is_finite()),
            Self::Nil | Self::Bool(_) | Self::Text(_) => true,
        }
    }

    /// What kind of value it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }
}

/// As an expression would write it; long lists and texts are cut.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => match text.char_indices().nth(80) {
                Some((cut, _)) => write!(f, "{:?}…", text.split_at(cut).0),
                None => write!(f, "{text:?}"),
            },
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().take(SHOWN).enumerate() {
                    write!(f, "{}{item}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(if items.len() > SHOWN { ", …]" } else { "]" })
            }
            Self::Map(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().take(SHOWN).enumerate() {
                    write!(f, "{}{name}: {value}", if index > 0 { ", " } else { "" })?;
                }
                f.write_str(if fields.len() > SHOWN { ", …}" } else { "}" })
            }
        }
    }
}
