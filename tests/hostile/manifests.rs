//! Manifests: broken, at odds with their component, and schemas that would keep a validator busy for ever.

use serde_json::{Map, Value, json};
use shiftgate_model::{Grants, PluginKind};
use shiftgate_plugin::Budgets;

use super::guests::{Text, dummy, guest, manifest, named, with_manifest, with_section};
use super::stage::{Attack, Row, Stage, row};

use PluginKind::{Verification, WrapUp};

pub(super) const ROWS: usize = 24;

const BAD: &str = "has a manifest that cannot be used";

fn raw(manifest: &[u8]) -> Attack {
    Attack::start(with_section(dummy("verification-plugin"), 0, &named("shiftgate:manifest", manifest)))
}

/// A good plugin whose manifest has these fields too.
fn fields(more: &Value) -> Attack {
    let mut whole = manifest(Verification);
    for (name, value) in more.as_object().expect("fields") {
        whole[name] = value.clone();
    }
    Attack::start(guest(Verification, &Text::default(), &whole))
}

fn schema(schema: &Value, config: Value) -> Attack {
    fields(&json!({ "config": schema })).with(config, Grants::default())
}

fn broken() -> Vec<Row> {
    let deep = format!(r#"{{"name":{}"#, "[".repeat(200_000));
    let wish = |wish: Value| fields(&json!({ "requests": { "http": [wish] } }));
    vec![
        row("no manifest", Attack::start(dummy("verification-plugin")), &["has no manifest"]),
        row("a manifest that is no JSON", raw(b"<html>"), &[BAD]),
        row("a manifest that is no UTF-8", raw(b"{\"name\":\"\xff\"}"), &[BAD]),
        row("a manifest of 300 KiB", raw(&vec![b' '; 300 << 10]), &[BAD, "it has 300 KiB, more than 256 KiB"]),
        row("a deep manifest", raw(deep.as_bytes()), &[BAD]),
        row("a manifest without a version", fields(&json!({ "version": "" })), &[BAD, "`version` has to be"]),
        row("a name with an escape", fields(&json!({ "name": "a\u{1b}[2J" })), &[BAD, "`name` has to be"]),
        row(
            "a kind with an escape",
            fields(&json!({ "kind": "\u{1b}[31m\u{202e}judge" })),
            &[BAD, "unknown variant `\\u{1b}[31m\\u{202e}judge`"],
        ),
        row("a contract with an escape", fields(&json!({ "contract": "\u{1b}[2J" })), &["is for version \\u{1b}[2J"]),
        row("a contract of 100,000 letters", fields(&json!({ "contract": "9".repeat(100_000) })), &["is for version 999", "…"]),
        row("another kind than it exports", fields(&json!({ "kind": "wrap-up" })), &[BAD, "it says wrap-up"]),
        row(
            "two manifests",
            Attack::start(with_manifest(guest(Verification, &Text::default(), &manifest(Verification)), &manifest(WrapUp))),
            &[BAD, "there are 2 that differ"],
        ),
        row("a wish for every host", wish(json!({ "url": "https://*", "methods": ["GET"] })), &[BAD, "/requests/http/0"]),
        row("a wish for every method", wish(json!({ "url": "https://a.example", "methods": ["*"] })), &[BAD, "is not a method"]),
        row(
            "a wish for a file",
            wish(json!({ "url": "file:///etc/passwd", "methods": ["GET"] })),
            &[BAD, "neither http nor https"],
        ),
    ]
}

/// Each definition asks for the next one twice.
fn doubling(key: &str, last: &Value) -> Value {
    let mut definitions = Map::new();
    for index in 0..60 {
        let next = json!({ "$ref": format!("#/$defs/a{}", index + 1) });
        definitions.insert(format!("a{index}"), json!({ key: [next.clone(), next] }));
    }
    definitions.insert("a60".to_owned(), last.clone());
    json!({ "$defs": definitions, "$ref": "#/$defs/a0" })
}

fn schemas() -> Vec<Row> {
    let string = json!({ "type": "string" });
    let patterns: Vec<Value> =
        (0..2_000).map(|index| json!({ "pattern": format!("((a{{1,{}}}){{1,90}}){{1,90}}", 90 + index) })).collect();
    let hard = "its config schema";
    let nested = json!({ "properties": { "a": { "allOf": [{ "$ref": "#" }, { "$ref": "#" }] } } });
    let config = (0..60).fold(json!(1), |inside, _| json!({ "a": inside }));
    vec![
        row("a schema that is none", schema(&json!({ "type": "strange" }), json!({})), &[BAD, "is not a JSON Schema"]),
        row("a schema with an escape", schema(&json!({ "type": "\u{1b}[2J" }), json!({})), &[BAD, "is not a JSON Schema"]),
        row("a schema from the network", schema(&json!({ "$ref": "https://example.com/s.json" }), json!({})), &[BAD]),
        row("a schema from a file", schema(&json!({ "$ref": "file:///etc/passwd" }), json!({})), &[BAD]),
        row("a schema that is itself", schema(&json!({ "$ref": "#" }), json!({})), &[hard]),
        row("a schema that doubles", schema(&doubling("allOf", &Value::Bool(true)), json!({})), &[hard]),
        row("a schema that doubles and fails", schema(&doubling("anyOf", &string), json!({})), &[hard]),
        row("a schema that doubles with the config", schema(&nested, config), &[hard]),
        row("patterns that grow", schema(&json!({ "anyOf": patterns }), json!("a")), &[BAD]),
    ]
}

#[tokio::test]
async fn manifests_are_refused_with_their_reason() {
    let rows = broken().into_iter().chain(schemas()).collect();
    Stage::new(Budgets::default()).play("manifests", ROWS, rows).await;
}
