//! Pages of a list: `Marker`, `PageSize` and `NextMarker`. A marker is opaque to callers, and good for the same list only.

use serde_json::{Map, Value, json};

use super::actions::number;
use super::arn::digest;
use super::refusal::Refusal;

/// The largest page, and the size of one that nobody asked for.
const MOST: u64 = 400;

/// `{"<name>": [...], "NextMarker": ".."}` of the page that the call asks for.
pub(crate) fn page(call: &Value, name: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let size = match call.get("PageSize") {
        None => MOST,
        given => number(given)
            .filter(|size| (1..=MOST).contains(size))
            .ok_or_else(|| Refusal::validation("The page size must be between 1 and 400, inclusive"))?,
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let start = match call.get("Marker").and_then(Value::as_str) {
        None => 0,
        Some(given) => {
            let found = (0..=items.len()).find(|start| marker(name, *start) == given);
            found.ok_or_else(|| Refusal::validation(format!("'{given}' is not a valid marker")))?
        }
    };
    let end = start.saturating_add(size);
    let next = (end < items.len()).then(|| marker(name, end));
    let mut page = Map::new();
    page.insert(name.to_owned(), items.into_iter().skip(start).take(size).collect());
    if let Some(next) = next {
        page.insert("NextMarker".to_owned(), json!(next));
    }
    Ok(Value::Object(page))
}

fn marker(name: &str, start: usize) -> String {
    digest(&format!("{name}/{start}"))
}
