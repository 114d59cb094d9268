//! The body of a post: the facts of a run, and a template that they fill. Pure.
//!
//! `${…}` belongs to the workflow file and is filled before; the names here stand in double braces and are filled when
//! the run is over.

use serde_json::Map;
use shiftgate_sdk::prelude::*;
use shiftgate_sdk::{Group, RunInfo};

/// The facts, by the names that a template may use.
pub const NAMES: [&str; 14] = [
    "run",
    "step",
    "ending",
    "text",
    "workflow",
    "strategy",
    "service",
    "environment",
    "infrastructure",
    "ami",
    "newGroup",
    "oldGroup",
    "at",
    "attributes",
];

/// All facts under [`NAMES`]: the same for every attempt at a step, so that a doubled post is a doubled post.
pub fn facts(run: &RunInfo, summary: &Summary) -> Map<String, Value> {
    let facts = json!({
        "run": run.run,
        "step": run.step,
        "ending": summary.ending,
        "text": summary.text,
        "workflow": run.workflow,
        "strategy": run.strategy,
        "service": run.service,
        "environment": run.environment,
        "infrastructure": run.infrastructure,
        "ami": run.artifact.ami,
        "newGroup": run.new_group.as_ref().map(group),
        "oldGroup": run.old_group.as_ref().map(group),
        "at": run.started_at.0,
        "attributes": summary.attributes,
    });
    match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    }
}

fn group(group: &Group) -> Value {
    json!({"id": group.id, "name": group.name, "minimum": group.minimum, "target": group.target, "maximum": group.maximum})
}

/// Fills every text in the template; all facts when there is none.
pub fn body(template: Option<&Value>, facts: &Map<String, Value>) -> Value {
    template.map_or_else(|| Value::Object(facts.clone()), |template| fill(template, facts))
}

fn fill(template: &Value, facts: &Map<String, Value>) -> Value {
    match template {
        Value::String(text) => fill_text(text, facts),
        Value::Array(items) => items.iter().map(|item| fill(item, facts)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), fill(value, facts))).collect(),
        other => other.clone(),
    }
}

fn fill_text(text: &str, facts: &Map<String, Value>) -> Value {
    let pieces = pieces(text);
    if let [Piece::Name(name)] = pieces.as_slice() {
        return facts.get(*name).cloned().unwrap_or_default();
    }
    let mut filled = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => match facts.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => filled.push_str(text),
                Some(other) => filled.push_str(&other.to_string()),
            },
        }
    }
    filled.into()
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Braces that never close are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, inside)| Some((before, inside.split_once("}}")?)))
    {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Name(name.trim()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The names in a template that are no facts.
pub fn unknown_names(template: &Value) -> Vec<String> {
    match template {
        Value::String(text) => pieces(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Name(name) if !NAMES.contains(&name) => Some(name.to_owned()),
                _ => None,
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(unknown_names).collect(),
        Value::Object(map) => map.values().flat_map(unknown_names).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shiftgate_sdk::testing::FakeHost;

    fn some_facts() -> Map<String, Value> {
        let mut run = FakeHost::new().run;
        run.new_group = Some(Group { id: "sig-1".into(), name: "web__1".into(), target: 4, maximum: 10, ..Group::default() });
        let summary = Summary { ending: "rolled_back".into(), text: "Verify failed".into(), ..Summary::default() };
        run.started_at = Timestamp(7);
        facts(&run, &summary)
    }

    #[test]
    fn without_a_template_all_facts_are_sent() {
        let facts = some_facts();
        let mut names: Vec<_> = facts.keys().map(String::as_str).collect();
        let mut known = NAMES.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
        let body = body(None, &facts);
        assert_eq!((&body["ami"], &body["oldGroup"], &body["newGroup"]["target"]), (&json!("ami-0123"), &json!(null), &json!(4)));
    }

    #[test]
    fn a_template_is_filled() {
        let template = json!({
            "text": "{{service}} {{ending}}: {{ text }}{{oldGroup}}", "group": "{{newGroup}}", "n": 1,
            "list": ["{{at}}", "{{", "a {{at}}"],
        });
        let body = body(Some(&template), &some_facts());
        assert_eq!(body["text"], "web rolled_back: Verify failed");
        assert_eq!((&body["group"]["id"], &body["n"]), (&json!("sig-1"), &json!(1)));
        assert_eq!(body["list"], json!([7, "{{", "a 7"]));
    }

    #[test]
    fn unknown_names_are_found_everywhere() {
        assert_eq!(unknown_names(&json!({"a": ["{{run}}{{nur}}"], "b": {"c": "{{x}}"}})), ["nur", "x"]);
    }
}
