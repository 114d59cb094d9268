//! Whether one answer is as expected. Pure.

use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::Settings;

/// How much of an answer is shown, in bytes.
const SHOWN: usize = 200;

/// Why the answer is not as expected; none when it is.
pub fn mismatch(response: &Response, settings: &Settings) -> Option<String> {
    let expected = settings.status.as_slice();
    if !expected.contains(&response.status) {
        let expected: Vec<String> = expected.iter().map(u16::to_string).collect();
        return Some(format!("HTTP {}, expected {}", response.status, expected.join(" or ")));
    }
    if let Some(text) = &settings.contains
        && !response.text().contains(text.as_str())
    {
        return Some(format!("the body does not contain `{text}`: {}", shown(response)));
    }
    if settings.json.is_empty() {
        return None;
    }
    let Ok(body) = response.json::<Value>() else {
        return Some(format!("the body is no JSON: {}", shown(response)));
    };
    settings.json.iter().find_map(|(pointer, expected)| match body.pointer(pointer) {
        Some(found) if same(found, expected) => None,
        Some(found) => Some(format!("`{pointer}` is {}, expected {expected}", cut(&found.to_string()))),
        None => Some(format!("the body has no `{pointer}`: {}", shown(response))),
    })
}

/// Equal as JSON; 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The beginning of a body, in one line.
pub fn shown(response: &Response) -> String {
    cut(&response.text())
}

fn cut(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    if line.len() > SHOWN {
        line.truncate(line.floor_char_boundary(SHOWN));
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: Value, status: u16, body: &str) -> Option<String> {
        let mut config = json!({"url": "http://web"});
        config.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        let settings = serde_json::from_value(config).unwrap();
        mismatch(&Response { status, body: body.into(), ..Response::default() }, &settings)
    }

    #[test]
    fn the_status_is_held_against_what_is_expected() {
        assert_eq!(check(json!({}), 200, ""), None);
        assert_eq!(check(json!({}), 204, "").unwrap(), "HTTP 204, expected 200");
        assert_eq!(check(json!({"status": [200, 204]}), 204, ""), None);
        assert_eq!(check(json!({"status": [200, 204]}), 500, "").unwrap(), "HTTP 500, expected 200 or 204");
    }

    #[test]
    fn the_body_is_looked_into() {
        assert_eq!(check(json!({"contains": "ready"}), 200, "all ready"), None);
        assert_eq!(check(json!({"contains": "ready"}), 200, "not\nyet").unwrap(), "the body does not contain `ready`: not yet");
        let long = check(json!({"contains": "ready"}), 200, &"é".repeat(500)).unwrap();
        assert!(long.len() < 250 && long.ends_with('…'));
    }

    #[test]
    fn values_in_json_are_compared() {
        let expected = || json!({"json": {"/status": "ok", "/nodes/0/up": true}});
        assert_eq!(check(expected(), 200, r#"{"status":"ok","nodes":[{"up":true}]}"#), None);
        assert_eq!(
            check(expected(), 200, r#"{"status":"ok","nodes":[{"up":false}]}"#).unwrap(),
            "`/nodes/0/up` is false, expected true"
        );
        assert_eq!(check(expected(), 200, r#"{"status":"ok"}"#).unwrap(), r#"the body has no `/nodes/0/up`: {"status":"ok"}"#);
        assert_eq!(check(expected(), 200, "<html>").unwrap(), "the body is no JSON: <html>");
        assert_eq!(check(json!({"json": {"": {"a": [1]}}}), 200, r#"{"a":[1.0]}"#), None);
    }
}
