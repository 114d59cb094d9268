//! From JSON to a plugin's own types.
//!
//! It reads what `serde_json::from_value` reads, with less code: a type is read in the one way that it asks for, and no error
//! prints a number. That makes a component about a seventh smaller, and its code quicker to compile and to load. `step.rs`,
//! `http.rs` and plugins call [`from_value`]; nothing here knows what is read.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// What JSON has that a type cannot be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }

    // The provided ones print numbers, and to print one that has a fraction is 20 KiB of code.
    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        wrong("type", &found, wanted)
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        wrong("value", &found, wanted)
    }
}

fn wrong(what: &str, found: &Unexpected<'_>, wanted: &dyn Expected) -> ReadError {
    let found = match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Str(text) => return ReadError(format!("invalid {what}: string {text:?}, expected {wanted}")),
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "something else",
    };
    ReadError(format!("invalid {what}: {found}, expected {wanted}"))
}

/// Reads a value as a type.
///
/// # Errors
/// [`ReadError`] when the value is not of that shape.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ReadError> {
    T::deserialize(Reader(value))
}

/// Reads JSON text by way of a [`Value`]: a component then holds one JSON parser, and one reader a type.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, ReadError> {
    from_value(parse(json)?)
}

/// Reads JSON text.
pub(crate) fn parse(json: &[u8]) -> Result<Value, ReadError> {
    serde_json::from_slice(json).map_err(ReadError::custom)
}

struct Reader(Value);

fn refuse<T>(found: &Value, wanted: &dyn Expected) -> Result<T, ReadError> {
    let found = match found {
        Value::Null => Unexpected::Unit,
        Value::Bool(it) => Unexpected::Bool(*it),
        Value::Number(_) => Unexpected::Float(0.0),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    };
    Err(ReadError::invalid_type(found, wanted))
}

fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, ReadError> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

fn list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, ReadError> {
    let mut items = Items(items.into_iter());
    let read = visitor.visit_seq(&mut items)?;
    if items.0.len() == 0 { Ok(read) } else { Err(ReadError("the list is too long".to_owned())) }
}

fn object<'de, V: Visitor<'de>>(fields: Map<String, Value>, visitor: V) -> Result<V::Value, ReadError> {
    visitor.visit_map(Fields { rest: fields.into_iter(), value: Value::Null })
}

/// Methods that read one shape and refuse every other.
macro_rules! read {
    ($($shape:ident by $read:expr => $($method:ident($($name:ty),*))*;)*) => {
        $($(fn $method<V: Visitor<'de>>(self, $(_: $name,)* visitor: V) -> Result<V::Value, ReadError> {
            match self.0 {
                Value::$shape(found) => $read(found, visitor),
                other => refuse(&other, &visitor),
            }
        })*)*
    };
}

impl<'de> Deserializer<'de> for Reader {
    type Error = ReadError;

    read! {
        Bool by |it, visitor: V| visitor.visit_bool(it) => deserialize_bool();
        Number by |it, visitor| number(&it, visitor) =>
            deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128() deserialize_u8()
            deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128() deserialize_f32() deserialize_f64();
        String by |text, visitor: V| visitor.visit_string(text) =>
            deserialize_char() deserialize_str() deserialize_string() deserialize_identifier();
        Array by list => deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize);
        Object by object => deserialize_map() deserialize_struct(&'static str, &'static [&'static str]);
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(it) => visitor.visit_bool(it),
            Value::Number(it) => number(&it, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => list(items, visitor),
            Value::Object(fields) => object(fields, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() { visitor.visit_unit() } else { refuse(&self.0, &visitor) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => list(items, visitor),
            other => refuse(&other, &visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(text(name)),
            Value::Object(fields) if fields.len() == 1 => match fields.into_iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant { name, content }),
                None => Err(ReadError("there is no variant".to_owned())),
            },
            other => refuse(&other, &visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        self.0.next().map(|item| seed.deserialize(Reader(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Fields {
    rest: serde_json::map::IntoIter,
    value: Value,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = ReadError;

    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = value;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(Reader(std::mem::take(&mut self.value)))
    }
}

fn text(text: String) -> StringDeserializer<ReadError> {
    text.into_deserializer()
}

/// A field's name: text, or a number or boolean written as text.
struct Key(String);

macro_rules! keys {
    ($($method:ident $visit:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            match self.0.parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => visitor.visit_string(self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key {
    type Error = ReadError;

    keys! {
        deserialize_bool visit_bool deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32
        deserialize_i64 visit_i64 deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32
        deserialize_u64 visit_u64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_enum(text(self.0))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// `{ "name": content }`.
struct Variant {
    name: String,
    content: Value,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = ReadError;
    type Variant = Reader;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Reader), ReadError> {
        Ok((seed.deserialize(text(self.name))?, Reader(self.content)))
    }
}

impl<'de> VariantAccess<'de> for Reader {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        from_value(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct All {
        unit: (),
        yes: bool,
        byte: u8,
        small: i8,
        large: u64,
        least: i64,
        part: f64,
        letter: char,
        text: String,
        none: Option<u32>,
        some: Option<Box<All>>,
        pair: (u32, String),
        list: Vec<Vec<u16>>,
        names: BTreeMap<String, Wrapped>,
        numbers: BTreeMap<u32, bool>,
        choices: Vec<Choice>,
        any: Value,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Wrapped(i32);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        one: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        List(Vec<u8>),
        Flat { one: String },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        UnitLike,
        One(String),
        Two(u8, u8),
        Named { a: bool },
    }

    fn all() -> All {
        All {
            yes: true,
            byte: 255,
            small: -128,
            large: u64::MAX,
            least: i64::MIN,
            part: 0.1,
            letter: 'é',
            text: "text".to_owned(),
            some: Some(Box::default()),
            pair: (7, "seven".to_owned()),
            list: vec![vec![], vec![1, 2]],
            names: BTreeMap::from([("a".to_owned(), Wrapped(-1))]),
            numbers: BTreeMap::from([(80, true), (443, false)]),
            choices: vec![Choice::UnitLike, Choice::One("x".to_owned()), Choice::Two(1, 2), Choice::Named { a: true }],
            any: json!({"a": [1, null, -1.5, "x"]}),
            ..All::default()
        }
    }

    #[test]
    fn what_serde_writes_is_read() {
        for written in [All::default(), all()] {
            assert_eq!(from_value::<All>(serde_json::to_value(&written).unwrap()).unwrap(), written);
            assert_eq!(from_slice::<All>(&serde_json::to_vec(&written).unwrap()).unwrap(), written);
        }
    }

    #[test]
    fn unknown_fields_are_passed_over() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Known {
            #[serde(default)]
            known: u8,
        }
        let value = json!({"unknown": {"deep": [[], {}]}, "known": 1});
        assert_eq!(from_value::<Known>(value).unwrap(), Known { known: 1 });
    }

    /// Reads as serde_json does, or refuses as it does.
    fn agrees<T: DeserializeOwned + fmt::Debug + PartialEq>(value: &Value) {
        let theirs = serde_json::from_value::<T>(value.clone()).ok();
        assert_eq!(from_value::<T>(value.clone()).ok(), theirs, "{value} as {}", std::any::type_name::<T>());
    }

    #[test]
    fn it_agrees_with_serde_json() {
        let values = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(300),
            json!(1.5),
            json!(5.0),
            json!(u64::MAX),
            json!(""),
            json!("x"),
            json!("12"),
            json!([]),
            json!([1]),
            json!([1, 2]),
            json!([1, "x"]),
            json!([1, "x", 2]),
            json!({}),
            json!({"1": true}),
            json!({"a": true}),
            json!({"true": 1}),
            json!({"one": "x"}),
            json!({"two": [1, 2]}),
            json!({"two": [1]}),
            json!({"named": {"a": true}}),
            json!({"one": "x", "two": [1, 2]}),
            json!("unit-like"),
            json!("one"),
            json!({"unit-like": null}),
        ];
        for value in &values {
            agrees::<()>(value);
            agrees::<bool>(value);
            agrees::<u8>(value);
            agrees::<i64>(value);
            agrees::<f64>(value);
            agrees::<char>(value);
            agrees::<String>(value);
            agrees::<Option<u8>>(value);
            agrees::<(u8, String)>(value);
            agrees::<[u8; 2]>(value);
            agrees::<Vec<u8>>(value);
            agrees::<BTreeMap<String, Value>>(value);
            agrees::<BTreeMap<u8, bool>>(value);
            agrees::<BTreeMap<bool, u8>>(value);
            agrees::<Wrapped>(value);
            agrees::<Choice>(value);
            agrees::<Flat>(value);
            agrees::<Either>(value);
            agrees::<Value>(value);
        }
    }

    #[test]
    fn a_refusal_says_what_is_there_and_what_is_wanted() {
        let refusals = [
            from_value::<u8>(json!("x")).unwrap_err(),
            from_value::<u8>(json!(300)).unwrap_err(),
            from_value::<String>(json!(1.5)).unwrap_err(),
            from_value::<Vec<u8>>(json!({})).unwrap_err(),
            from_value::<(u8, u8)>(json!([1, 2, 3])).unwrap_err(),
            from_value::<All>(json!(null)).unwrap_err(),
            from_value::<All>(json!({"unit": null})).unwrap_err(),
            from_value::<Choice>(json!("three")).unwrap_err(),
            from_slice::<Value>(b"{").unwrap_err(),
        ];
        assert_eq!(
            refusals.map(|error| error.to_string()),
            [
                "invalid type: string \"x\", expected u8",
                "invalid value: a number, expected u8",
                "invalid type: a number, expected a string",
                "invalid type: an object, expected a sequence",
                "the list is too long",
                "invalid type: null, expected struct All",
                "missing field `yes`",
                "unknown variant `three`, expected one of `unit-like`, `one`, `two`, `named`",
                "EOF while parsing an object at line 1 column 1",
            ]
        );
    }

    #[test]
    fn a_struct_is_an_object() {
        assert_eq!(from_value::<Wrapped>(json!(1)).unwrap(), Wrapped(1));
        // serde_json reads a struct from a list too. Nothing writes one so.
        #[derive(Debug, Deserialize)]
        struct Point {
            #[expect(dead_code, reason = "never read: a list is refused")]
            x: u8,
        }
        assert_eq!(from_value::<Point>(json!([1])).unwrap_err().to_string(), "invalid type: a list, expected struct Point");
    }
}
