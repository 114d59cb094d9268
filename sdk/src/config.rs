//! What a plugin is configured with: the step's `with:` in a workflow file.
//!
//! A config is a struct with `#[derive(Config)]`. Its fields get the workflow file's names (`initial_delay` is
//! `initialDelay`), its doc comments become descriptions, and the JSON Schema of all that is a constant in the manifest.
//! The host checks a config against the schema before it calls; unknown fields are refused.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub use crate::json::Json;
pub use shiftgate_sdk_macros::Config;

/// A struct that a plugin is configured with; see [`derive(Config)`](derive@Config).
///
/// Options of a field, in `#[config(…)]`:
///
/// | option | meaning |
/// |---|---|
/// | `default = "10s"` | stands in for a missing field, and is shown in the schema |
/// | `default` | the type's own default |
/// | `flatten` | the fields of this field's struct stand among the outer ones; all of them are optional |
/// | `rename = "for"` | the field's name in the file |
/// | `minimum`, `maximum`, `exclusive_minimum`, `exclusive_maximum`, `min_length`, `max_length`, `pattern`, `format`, `min_items`, `max_items`, `min_properties` | the keyword of JSON Schema |
///
/// A field of type `Option` may be missing; every other field without a default is required.
pub trait Config: Schema + DeserializeOwned {
    /// The doc comment of the struct, as a JSON string.
    const DESCRIPTION: Json;
    /// What stands between the braces of `properties`.
    const PROPERTIES: Json;
    /// Whether none of its fields has to be there.
    const ALL_OPTIONAL: bool;
    /// Whether it has a field of that name in the file.
    fn takes(name: &str) -> bool;
}

/// A type that has a JSON Schema. Derived for structs of named fields and for enums of names.
pub trait Schema {
    /// Keywords and their values, without braces: `"type":"string"`. Never empty.
    const KEYWORDS: Json;
    /// `,"minimum":…` where the type has one and the field sets none.
    const MINIMUM: Json = Json::EMPTY;
    /// `,"maximum":…` where the type has one and the field sets none.
    const MAXIMUM: Json = Json::EMPTY;
}

/// A whole schema, for a manifest.
#[must_use]
pub const fn root_schema<C: Config>() -> Json {
    Json::All(
        const {
            &[
                Json::Raw("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"description\":"),
                C::DESCRIPTION,
                Json::Raw(","),
                C::KEYWORDS,
                Json::Raw("}"),
            ]
        },
    )
}

/// Something wrong in a config that the schema cannot say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the config: `/threshold/max`; empty for the whole.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem at a JSON pointer.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

macro_rules! schemas {
    ($($ty:ty: $keywords:literal $(, $minimum:literal, $maximum:literal)?;)*) => {
        $(impl Schema for $ty {
            const KEYWORDS: Json = Json::Raw($keywords);
            $(
                const MINIMUM: Json = Json::Raw(concat!(",\"minimum\":", $minimum));
                const MAXIMUM: Json = Json::Raw(concat!(",\"maximum\":", $maximum));
            )?
        })*
    };
}

schemas! {
    bool: r#""type":"boolean""#;
    String: r#""type":"string""#;
    f64: r#""type":"number""#;
    u8: r#""type":"integer""#, "0", "255";
    u16: r#""type":"integer""#, "0", "65535";
    u32: r#""type":"integer""#, "0", "4294967295";
    u64: r#""type":"integer""#, "0", "18446744073709551615";
    i32: r#""type":"integer""#, "-2147483648", "2147483647";
    i64: r#""type":"integer""#, "-9223372036854775808", "9223372036854775807";
    Value: r#""type":["object","array","string","number","boolean","null"]"#;
    crate::Duration: r#""type":"string","pattern":"^[0-9]+(ms|s|m|h|d)( ?[0-9]+(ms|s|m|h|d))*$""#;
}

impl<T: Schema> Schema for Option<T> {
    const KEYWORDS: Json = T::KEYWORDS;
    const MINIMUM: Json = T::MINIMUM;
    const MAXIMUM: Json = T::MAXIMUM;
}

impl<T: Schema> Schema for Vec<T> {
    const KEYWORDS: Json =
        Json::All(&[Json::Raw("\"type\":\"array\",\"items\":{"), T::KEYWORDS, T::MINIMUM, T::MAXIMUM, Json::Raw("}")]);
}

impl<T: Schema> Schema for BTreeMap<String, T> {
    const KEYWORDS: Json = Json::All(&[
        Json::Raw("\"type\":\"object\",\"additionalProperties\":{"),
        T::KEYWORDS,
        T::MINIMUM,
        T::MAXIMUM,
        Json::Raw("}"),
    ]);
}

/// One value, or a list of at least one: `status: 200`, `status: [200, 204]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(Vec<T>);

impl<T> OneOrMany<T> {
    /// The values; at least one.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Schema> Schema for OneOrMany<T> {
    const KEYWORDS: Json = Json::All(&[
        Json::Raw("\"oneOf\":[{"),
        T::KEYWORDS,
        T::MINIMUM,
        T::MAXIMUM,
        Json::Raw("},{\"type\":\"array\",\"minItems\":1,\"items\":{"),
        T::KEYWORDS,
        T::MINIMUM,
        T::MAXIMUM,
        Json::Raw("}}]"),
    ]);
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let items = match Value::deserialize(from)? {
            Value::Array(items) if items.is_empty() => return Err(D::Error::custom("expected at least one value")),
            Value::Array(items) => items,
            one => vec![one],
        };
        items.into_iter().map(serde_json::from_value).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

/// Reads what `#[config(default = …)]` says, the way the same value in a file is read.
pub fn default_of<'de, T, L, E>(literal: L) -> Result<T, E>
where
    T: Deserialize<'de>,
    L: IntoDeserializer<'de, E>,
    E: serde::de::Error,
{
    T::deserialize(literal.into_deserializer())
}

/// Reads an object whose fields belong to several structs.
pub fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    Map::deserialize(from)
}

/// Takes the fields of one flattened struct out of an object, and reads them.
pub fn part<T: Config, E: serde::de::Error>(map: &mut Map<String, Value>) -> Result<T, E> {
    own(map, T::takes)
}

/// Takes the fields out of an object that `takes` says, and reads them.
pub fn own<T: DeserializeOwned, E: serde::de::Error>(map: &mut Map<String, Value>, takes: impl Fn(&str) -> bool) -> Result<T, E> {
    let names: Vec<String> = map.keys().filter(|name| takes(name)).cloned().collect();
    let part = names.into_iter().filter_map(|name| map.remove(&name).map(|value| (name, value))).collect();
    serde_json::from_value(Value::Object(part)).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Duration;
    use crate::json::{json_bytes, json_len, json_str};

    /// Watches a thing.
    ///
    /// For a while.
    #[derive(Debug, PartialEq, Config)]
    struct Watch {
        /// What to watch.
        #[config(min_length = 1)]
        name: String,
        /// How often.
        #[config(default = "10s")]
        interval: Duration,
        #[config(default = 3, minimum = 1)]
        max_tries: u32,
        #[config(default = 200)]
        status: OneOrMany<u16>,
        #[config(default = "min-max")]
        method: Method,
        r#for: Option<Duration>,
        #[config(default)]
        labels: BTreeMap<String, String>,
        #[config(rename = "threshold-pair")]
        pair: Option<Pair>,
    }

    #[derive(Debug, PartialEq, Config)]
    struct Pair {
        low: f64,
        any: Option<Value>,
    }

    #[derive(Debug, PartialEq, Config)]
    enum Method {
        /// Both ends.
        MinMax,
        #[config(rename = "AVG")]
        Mean,
    }

    fn schema() -> Value {
        const SCHEMA: Json = root_schema::<Watch>();
        const BYTES: [u8; json_len(&SCHEMA)] = json_bytes(&SCHEMA);
        serde_json::from_str(json_str(&BYTES)).unwrap()
    }

    #[test]
    fn the_schema_says_what_the_struct_says() {
        let duration = "^[0-9]+(ms|s|m|h|d)( ?[0-9]+(ms|s|m|h|d))*$";
        let status = json!({"type": "integer", "minimum": 0, "maximum": 65535});
        assert_eq!(
            schema(),
            json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "description": "Watches a thing.\nFor a while.",
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "description": "What to watch."},
                    "interval": {"type": "string", "pattern": duration, "default": "10s", "description": "How often."},
                    "maxTries": {"type": "integer", "minimum": 1, "maximum": 4294967295_u32, "default": 3},
                    "status": {"oneOf": [status, {"type": "array", "minItems": 1, "items": status}], "default": 200},
                    "method": {"oneOf": [{"const": "min-max", "description": "Both ends."}, {"const": "AVG"}], "default": "min-max"},
                    "for": {"type": "string", "pattern": duration},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "threshold-pair": {
                        "type": "object",
                        "properties": {
                            "low": {"type": "number"},
                            "any": {"type": ["object", "array", "string", "number", "boolean", "null"]},
                        },
                        "required": ["low"],
                        "additionalProperties": false,
                    },
                },
                "required": ["name"],
                "additionalProperties": false,
            })
        );
    }

    /// Asks often.
    #[derive(Debug, PartialEq, Config)]
    struct Asking {
        #[config(flatten)]
        pace: Pace,
        /// Where.
        url: String,
        #[config(flatten)]
        limits: Limits,
        #[config(default)]
        more: Vec<Limits>,
    }

    #[derive(Debug, PartialEq, Config)]
    struct Pace {
        #[config(default = "1m")]
        interval: Duration,
        count: Option<u32>,
    }

    #[derive(Debug, PartialEq, Config)]
    struct Limits {
        max: Option<f64>,
    }

    #[test]
    fn a_flattened_struct_stands_among_the_others() {
        const SCHEMA: Json = root_schema::<Asking>();
        const BYTES: [u8; json_len(&SCHEMA)] = json_bytes(&SCHEMA);
        let schema: Value = serde_json::from_str(json_str(&BYTES)).unwrap();
        let mut names: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["count", "interval", "max", "more", "url"]);
        assert_eq!(schema["required"], json!(["url"]));
        assert_eq!(schema["properties"]["more"]["items"]["properties"]["max"], json!({"type": "number"}));
        let read = |config: Value| serde_json::from_value::<Asking>(config);
        let asking = read(json!({"url": "http://a", "count": 3, "max": 0.5, "more": [{"max": 1}]})).unwrap();
        let limits = |max| Limits { max: Some(max) };
        let pace = Pace { interval: Duration::from_secs(60), count: Some(3) };
        assert_eq!(asking, Asking { pace, url: "http://a".into(), limits: limits(0.5), more: vec![limits(1.0)] });
        assert!(read(json!({"url": "http://a", "cuont": 3})).unwrap_err().to_string().starts_with("unknown field `cuont`"));
        assert_eq!(read(json!({"count": 3})).unwrap_err().to_string(), "missing field `url`");
    }

    #[test]
    fn what_is_missing_is_defaulted() {
        let watch: Watch = serde_json::from_value(json!({"name": "web", "threshold-pair": {"low": 1}})).unwrap();
        assert_eq!(
            watch,
            Watch {
                name: "web".into(),
                interval: Duration::from_secs(10),
                max_tries: 3,
                status: OneOrMany(vec![200]),
                method: Method::MinMax,
                r#for: None,
                labels: BTreeMap::new(),
                pair: Some(Pair { low: 1.0, any: None }),
            }
        );
    }

    #[test]
    fn what_is_given_is_read() {
        let given = json!({"name": "web", "interval": "1m 30s", "status": [200, 204], "method": "AVG", "for": "5m"});
        let watch: Watch = serde_json::from_value(given).unwrap();
        assert_eq!(watch.interval, Duration::from_secs(90));
        assert_eq!(watch.status.as_slice(), [200, 204]);
        assert_eq!(watch.method, Method::Mean);
        assert_eq!(watch.r#for, Some(Duration::from_secs(300)));
    }

    #[test]
    fn mistakes_are_refused_by_name() {
        let error = |json: Value| serde_json::from_value::<Watch>(json).unwrap_err().to_string();
        assert!(error(json!({"name": "web", "intervall": "1m"})).starts_with("unknown field `intervall`"));
        assert_eq!(error(json!({})), "missing field `name`");
        assert_eq!(error(json!({"name": "web", "status": []})), "expected at least one value");
        assert!(error(json!({"name": "web", "interval": "soon"})).contains("`soon` is no duration"));
    }
}
