//! Spot's envelope: `{"request": …, "response": {"status": …, "items": […]}}`, read without trust.
//!
//! Codes come as text or as numbers, errors as a list, as one text or not at all, and a proxy in between may answer with
//! plain text or a page of HTML. Whatever comes ends as items, as a [`Refusal`], or as an answer that cannot be read.

use serde_json::Value;

use crate::failure::{Failure, Refusal, reason};

/// The items of an answer. Replies to writes may have none; the answer to a question always lists them, and one that does
/// not is no answer: "there are none" is said by an empty list only.
pub(crate) fn read(status: u16, body: &[u8], asked: bool) -> Result<Vec<Value>, Failure> {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let response = json.as_ref().and_then(|json| json.get("response")).filter(|response| response.is_object());
    // A 200 in front of a refusal is a refusal.
    let inner = response.and_then(|r| r.get("status")?.get("code")?.as_u64()).and_then(|code| u16::try_from(code).ok());
    let status = match inner {
        Some(inner) if (200..300).contains(&status) && (400..600).contains(&inner) => inner,
        _ => status,
    };
    if !(200..300).contains(&status) {
        return Err(Failure::Said(refusal(status, json.as_ref(), body)));
    }
    let Some(response) = response else {
        return Err(Failure::Unreadable(format!("HTTP {status} with {}", describe(body))));
    };
    match response.get("items") {
        None | Some(Value::Null) if asked => Err(Failure::Unreadable(format!("HTTP {status} without `items`"))),
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(_) => Err(Failure::Unreadable(format!("HTTP {status} whose `items` is not a list"))),
    }
}

fn refusal(status: u16, json: Option<&Value>, body: &[u8]) -> Refusal {
    let response = json.and_then(|json| json.get("response"));
    let errors = response.and_then(|r| r.get("errors")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let codes = errors.iter().filter_map(|error| error.get("code").and_then(text)).collect();
    let words: Vec<String> = errors.iter().filter_map(words_of).collect();
    let message = if words.is_empty() { lone_message(status, json, body) } else { words.join("; ") };
    Refusal { status, codes, message }
}

/// One error in words, with the field that it is about.
fn words_of(error: &Value) -> Option<String> {
    let message = error.get("message").and_then(text).or_else(|| text(error));
    let field = error.get("field").and_then(text);
    match (message, field) {
        (Some(message), Some(field)) => Some(format!("{message} (at {field})")),
        (Some(message), None) => Some(message),
        (None, Some(field)) => Some(format!("refused at {field}")),
        (None, None) => None,
    }
}

/// The words of an answer that lists no errors.
fn lone_message(status: u16, json: Option<&Value>, body: &[u8]) -> String {
    let Some(json) = json else {
        let plain = std::str::from_utf8(body).map(str::trim).ok();
        let plain = plain.filter(|text| !text.is_empty() && text.len() <= 200 && !text.contains('<'));
        return plain.map_or_else(|| format!("{}, with {}", reason(status), describe(body)), str::to_owned);
    };
    let response = json.get("response");
    let candidates = [
        response.and_then(|r| r.get("error")),
        response.and_then(|r| r.get("error")?.get("message")),
        response.and_then(|r| r.get("data")),
        response.and_then(|r| r.get("status")?.get("message")),
        json.get("error"),
        json.get("message"),
        Some(json),
    ];
    candidates.into_iter().flatten().find_map(text).unwrap_or_else(|| reason(status).to_owned())
}

/// A text or a number, as text; nothing for an empty one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What kind of body this is, for an error.
fn describe(body: &[u8]) -> String {
    let start: String = String::from_utf8_lossy(body.get(..body.len().min(512)).unwrap_or_default()).trim().to_lowercase();
    if start.is_empty() {
        "an empty body".to_owned()
    } else if start.starts_with('<') {
        "a page of HTML: is the Spot URL right, and is a proxy in between?".to_owned()
    } else if start.starts_with('{') {
        "JSON that is not Spot's envelope, or is cut off".to_owned()
    } else {
        "a body that is not Spot's JSON".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(status: u16, body: &str) -> (Vec<String>, String) {
        match read(status, body.as_bytes(), false) {
            Err(Failure::Said(refusal)) => (refusal.codes, refusal.message),
            other => panic!("a refusal was due: {other:?}"),
        }
    }

    #[test]
    fn items_may_be_many_none_or_absent() {
        let items = |body: &str| read(200, body.as_bytes(), false);
        assert_eq!(items(r#"{"response":{"items":[{"id":"a"}],"count":29}}"#), Ok(vec![json!({"id": "a"})]));
        assert_eq!(items(r#"{"response":{"status":{"code":200},"items":[],"count":0}}"#), Ok(vec![]));
        assert_eq!(items(r#"{"response":{"status":{"code":200,"message":"OK"}}}"#), Ok(vec![]));
        // Absent is not empty where a list was asked for: nothing is created or deleted on the word of a degraded answer.
        let asked = read(200, br#"{"response":{"status":{"code":200,"message":"OK"}}}"#, true);
        assert!(matches!(asked, Err(Failure::Unreadable(_))), "{asked:?}");
        assert_eq!(read(200, br#"{"response":{"items":[]}}"#, true), Ok(vec![]));
    }

    #[test]
    fn codes_are_texts_or_numbers_and_messages_may_be_missing() {
        let body = r#"{"response":{"status":{"code":400},"errors":[
            {"code":"ValidationError","message":"\"minimum\" must be less","field":"body:group.capacity.minimum"},
            {"code":400,"message":"second"},{"code":"X"}]}}"#;
        let (codes, message) = said(400, body);
        assert_eq!(codes, ["ValidationError", "400", "X"]);
        assert_eq!(message, "\"minimum\" must be less (at body:group.capacity.minimum); second");
    }

    #[test]
    fn refusals_come_in_every_shape() {
        let message = |status, body: &str| said(status, body).1;
        assert_eq!(message(400, r#"{"response":{"error":"singular"}}"#), "singular");
        assert_eq!(message(429, r#"{"response":{"status":{"code":429},"data":"Rate limit exceeded"}}"#), "Rate limit exceeded");
        assert_eq!(message(400, r#"{"response":{"status":{"code":400,"message":"Bad Request"}}}"#), "Bad Request");
        assert_eq!(message(400, "Bad Request"), "Bad Request");
        assert_eq!(message(400, "{}"), "Bad Request");
        assert_eq!(message(403, r#"{"message":"Forbidden here"}"#), "Forbidden here");
        assert_eq!(message(502, ""), "Bad Gateway, with an empty body");
        assert!(message(502, "<html><body>nginx</body></html>").starts_with("Bad Gateway, with a page of HTML"));
    }

    #[test]
    fn a_refusal_inside_a_200_is_a_refusal() {
        let body = r#"{"response":{"status":{"code":400},"errors":[{"code":"GROUP_DOESNT_EXIST"}]}}"#;
        assert_eq!(said(200, body).0, ["GROUP_DOESNT_EXIST"]);
    }

    #[test]
    fn a_200_without_an_envelope_cannot_be_read() {
        for body in ["", "<!DOCTYPE html>", "OK", r#"{"id":"sig-1"}"#, r#"{"response":{"items":[{"id":"#, "[]"] {
            assert!(matches!(read(200, body.as_bytes(), false), Err(Failure::Unreadable(_))), "{body}");
        }
        assert!(matches!(read(200, br#"{"response":{"items":{}}}"#, false), Err(Failure::Unreadable(_))));
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_makes_it_panic(status in 100u16..=999, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(status, &body, status % 2 == 0);
        }
    }
}
