//! `--with KEY=VALUE`: one setting of a stored config made another. What the plugin thinks of it is the plugin's business. Pure.

use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;

/// The config with these settings changed, one after the other.
///
/// # Errors
/// A key reaches into what has no inside.
pub(super) fn changed(config: &Value, settings: &[(String, String)]) -> Result<Value, Failure> {
    let mut config = config.clone();
    for (key, value) in settings {
        set(&mut config, key, meant(value)).map_err(|why| {
            let hint = "write a key as in the step's `with:`, with dots between names: `limits.errors`";
            Failure::new(Exit::Usage, format!("--with {key}={value}: {why}")).hint(hint)
        })?;
    }
    Ok(config)
}

/// JSON where it is some, else text.
fn meant(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}

fn set(config: &mut Value, key: &str, value: Value) -> Result<(), String> {
    let (way, last) = key.rsplit_once('.').map_or((None, key), |(way, last)| (Some(way), last));
    let mut place = config;
    for name in way.into_iter().flat_map(|way| way.split('.')) {
        place = inside(place, name)?;
    }
    match place {
        Value::Array(items) => *item(items, last)? = value,
        Value::Object(fields) if value.is_null() => drop(fields.shift_remove(last)),
        Value::Object(fields) => drop(fields.insert(last.to_owned(), value)),
        other => return Err(format!("`{last}` would be inside of {other}")),
    }
    Ok(())
}

/// What stands under a name; an object is made where nothing does.
fn inside<'v>(place: &'v mut Value, name: &str) -> Result<&'v mut Value, String> {
    match place {
        Value::Object(fields) => Ok(fields.entry(name).or_insert_with(|| Value::Object(Map::new()))),
        Value::Array(items) => item(items, name),
        other => Err(format!("`{name}` would be inside of {other}")),
    }
}

fn item<'v>(items: &'v mut [Value], name: &str) -> Result<&'v mut Value, String> {
    let count = items.len();
    let number = name.parse::<usize>().ok();
    number.and_then(|number| items.get_mut(number)).ok_or_else(|| format!("`{name}` is no place in a list of {count}, from 0"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<Value, String> {
        let config = json!({"max": 0.01, "interval": "30s", "limits": {"errors": 4}, "metrics": [{"max": 1}, {"max": 2}]});
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        changed(&config, &settings).map_err(|failure| match failure {
            Failure::Told { message, .. } => message,
            Failure::Shown(_) => String::new(),
        })
    }

    #[test]
    fn a_value_is_json_or_else_text_and_dots_reach_inside() {
        let changed =
            with(&[("max", "0.5"), ("interval", "1m"), ("limits.errors", "0"), ("metrics.1.max", "7"), ("new.deep.one", "[1]")]);
        let wanted = json!({
            "max": 0.5, "interval": "1m", "limits": {"errors": 0}, "metrics": [{"max": 1}, {"max": 7}], "new": {"deep": {"one": [1]}},
        });
        assert_eq!(changed, Ok(wanted));
        let without = with(&[("limits", "null"), ("metrics", "null"), ("interval", "\"null\"")]);
        assert_eq!(without, Ok(json!({"max": 0.01, "interval": "null"})));
    }

    #[test]
    fn a_key_that_reaches_into_nothing_says_so() {
        assert_eq!(with(&[("max.deep", "1")]), Err("--with max.deep=1: `deep` would be inside of 0.01".into()));
        assert_eq!(with(&[("metrics.2.max", "1")]), Err("--with metrics.2.max=1: `2` is no place in a list of 2, from 0".into()));
    }
}
