//! Which kinds of messages are new: what is deployed writes them, and the baseline does not.
//!
//! Pure but for the searches. Both sides are read page by page, newest first, and never further than told; what was left out is a
//! warning. `template` says what a kind is.

use std::collections::BTreeMap;

use analysis::answer::{Answer, Asked, Data};
use analysis::compare::With;
use analysis::scope::{Scope, Window};
use shiftgate_sdk::prelude::*;

use crate::config::{Query, Settings};
use crate::query;
use crate::search::{Hit, search};
use crate::template::template;

/// How many pages of each side are read, and how many messages one has.
const PAGES: u32 = 4;
const PAGE_SIZE: u32 = 250;
/// How many new kinds are told.
const TOLD: usize = 20;

/// The kinds of one side.
struct Kinds {
    kinds: BTreeMap<String, Kind>,
    read: usize,
    /// How many of them have the text.
    texts: usize,
    total: u64,
    /// The first query, as it was sent.
    query: String,
}

/// A kind of messages.
struct Kind {
    count: u64,
    /// The newest of them.
    sample: String,
}

/// Asks both sides.
///
/// # Errors
/// As [`search`].
pub fn ask(cx: &Context<'_>, settings: &Settings, asked: &Query, scope: &Scope, window: &Window) -> Result<Asked> {
    let length = asked.baseline_range.unwrap_or_else(|| window.length());
    let from = Timestamp(window.to.0.saturating_sub(length.as_millis()));
    let against = asked.against.unwrap_or(With::OldGroup).against(asked.offset);
    let baseline = match Scope::baseline(cx.run(), against, Window { from, ..*window }, cx.now()) {
        Ok(baseline) => baseline,
        Err(why) => return Ok(Asked::new(Answer::NoData(why), "", "")),
    };
    let canary = match read(cx, settings, asked, scope, window)? {
        Ok(kinds) => kinds,
        Err((query, answer)) => return Ok(Asked::new(answer, query, "")),
    };
    let before = match read(cx, settings, asked, &baseline, &query::told_by(asked, baseline.window.unwrap_or(*window)))? {
        Ok(kinds) => kinds,
        Err((query, answer)) => return Ok(Asked::new(answer, query, "")),
    };
    Ok(told(canary, &before, asked.message(), window.to))
}

/// The number of new kinds, with a message of each.
fn told(canary: Kinds, before: &Kinds, field: &str, at: Timestamp) -> Asked {
    let mut warnings = Vec::new();
    for (side, kinds) in [("what is deployed", &canary), ("the baseline", before)] {
        if kinds.read > 0 && kinds.texts == 0 {
            let why = format!("none of the {} messages of {side} that were read has a text in `{field}`", kinds.read);
            let hint = "set `messageField` to the field that holds it, such as `log` or `event.original`";
            return Asked::new(Answer::NoData(format!("{why}; {hint}")), canary.query.clone(), "");
        }
        if kinds.texts < kinds.read {
            let without = kinds.read - kinds.texts;
            warnings.push(format!("{without} of {} messages of {side} have no text in `{field}`: `messageField`", kinds.read));
        }
        if kinds.total > kinds.read as u64 {
            warnings.push(format!(
                "only the newest {} of {} messages of {side} were read: `pages`, `pageSize`",
                kinds.read, kinds.total
            ));
        }
    }
    let both = json!({"canary": canary.read, "baseline": before.read});
    let texts = json!({"canary": canary.texts, "baseline": before.texts});
    let mut new: Vec<(String, Kind)> = canary.kinds.into_iter().filter(|(kind, _)| !before.kinds.contains_key(kind)).collect();
    new.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
    let notes = new.iter().map(|(_, kind)| format!("new message, {} times: {}", kind.count, kind.sample)).collect();
    let shown = |(template, kind): &(String, Kind)| json!({"template": template, "count": kind.count, "sample": kind.sample});
    let raw = json!({"read": both, "texts": texts, "new": new.iter().take(TOLD).map(shown).collect::<Vec<_>>()});
    let answer = Answer::Data(Data::number(at, new.len() as f64));
    Asked { warnings, notes, ..Asked::new(answer, canary.query, raw.to_string()) }
}

/// The kinds of one side, or the query that went wrong with what came of it.
type Read = std::result::Result<Kinds, (String, Answer)>;

fn read(cx: &Context<'_>, settings: &Settings, asked: &Query, scope: &Scope, window: &Window) -> Result<Read> {
    let index = scope.fill(asked.index.as_deref().unwrap_or_default())?;
    let matching = query::matching(asked, scope, window)?;
    let size = asked.page_size.unwrap_or(PAGE_SIZE);
    let mut kinds = Kinds { kinds: BTreeMap::new(), read: 0, texts: 0, total: 0, query: String::new() };
    let mut after: Option<Value> = None;
    for page in 0..asked.pages.unwrap_or(PAGES) {
        let body = query::page(asked, &matching, size, after.as_ref());
        let found = match search(cx, settings, asked, &index, &body)?.found {
            Ok(found) => found,
            Err(answer) => return Ok(Err((body.to_string(), answer))),
        };
        if page == 0 {
            kinds.total = found.total;
            kinds.query = body.to_string();
        }
        // Where the next page begins goes back as it came: a date may be milliseconds, nanoseconds, or text.
        after = found.hits.last().map(|hit| hit.sort.clone()).filter(|sort| !sort.is_null());
        let full = found.hits.len() as u64 >= u64::from(size);
        for hit in found.hits {
            kinds.add(&hit, asked.message());
        }
        if !full || after.is_none() {
            break;
        }
    }
    Ok(Ok(kinds))
}

impl Kinds {
    fn add(&mut self, hit: &Hit, field: &str) {
        self.read += 1;
        if let Some(message) = text(&hit.source, field).filter(|message| !message.trim().is_empty()) {
            self.texts += 1;
            let kind = self.kinds.entry(template(&message)).or_insert(Kind { count: 0, sample: message });
            kind.count += 1;
        }
    }
}

/// A field's text. `log.message` may be one name, or a path.
fn text(source: &Value, field: &str) -> Option<String> {
    let found = source.get(field).or_else(|| field.split('.').try_fold(source, |value, part| value.get(part)))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_name_or_a_path() {
        assert_eq!(text(&json!({"log": {"message": "a"}}), "log.message").as_deref(), Some("a"));
        assert_eq!(text(&json!({"log.message": ["a", "b"]}), "log.message").as_deref(), Some("a b"));
        assert_eq!(text(&json!({"log": 1}), "log.message"), None);
    }
}
