//! Components made on the spot, in WebAssembly text, for what no plugin of the SDK would do.
//!
//! An answer lies in memory at [`ANSWER`]; a page of zeroes there means `ok`, `done`, `pass`, and empty lists, so a guest only
//! writes what it is about.

use serde_json::{Value, json};
use shiftgate_model::PluginKind;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where an answer lies.
const ANSWER: u32 = 1024;

/// What a guest's functions do: WebAssembly text, ending with the address of the answer; empty for the zeroed one.
#[derive(Default)]
pub(super) struct Guest<'a> {
    pub(super) start: &'a str,
    pub(super) poll: &'a str,
    pub(super) cancel: &'a str,
    /// Whether its config has to have a `url`, which it asks for.
    pub(super) asks: bool,
}

/// A verification of these functions.
pub(super) fn verification(guest: &Guest<'_>) -> Vec<u8> {
    let answer = format!("(i32.const {ANSWER})");
    let body = |text: &str| if text.is_empty() { answer.clone() } else { text.to_owned() };
    let module = format!(
        r#"(module
          (import "shiftgate:step/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32)))
          (memory (export "memory") 4)
          (global $heap (mut i32) (i32.const 65536))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          (data (i32.const 2048) "GET")
          (data (i32.const 2052) "http://a.example/")
          (func (export "shiftgate:step/config@0.1.0#validate") (param i32 i32) (result i32) {answer})
          (func $start (export "shiftgate:step/verification@0.1.0#start") (param i32) (result i32) {start})
          (func (export "shiftgate:step/verification@0.1.0#poll") (param i32) (result i32) {poll})
          (func (export "shiftgate:step/verification@0.1.0#cancel") (param i32) (result i32) {cancel}))"#,
        start = body(guest.start),
        poll = body(guest.poll),
        cancel = body(guest.cancel),
    );
    let mut resolve = Resolve::default();
    resolve.push_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
    let (world, _) = resolve.worlds.iter().find(|(_, world)| world.name == "verification-plugin").unwrap();
    let mut module = wat::parse_str(&module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap();
    with_manifest(component, &manifest(guest.asks))
}

/// One request, to `http://a.example/`; what comes back is not looked at.
pub(super) const SEND: &str =
    "(call $send (i32.const 2048) (i32.const 3) (i32.const 2052) (i32.const 17) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 4096))";

/// The answer `wait`, for this many milliseconds, with an empty state.
pub(super) fn wait(millis: u64) -> String {
    format!(
        "(i32.store8 offset=8 (i32.const {ANSWER}) (i32.const 1))
         (i32.store8 offset=32 (i32.const {ANSWER}) (i32.const 1))
         (i64.store offset=40 (i32.const {ANSWER}) (i64.const {millis}))
         (i32.const {ANSWER})"
    )
}

fn manifest(asks: bool) -> Value {
    let schema = json!({ "type": "object", "required": ["url"], "properties": { "url": { "type": "string" } } });
    let http = json!([{ "from_config": "/url", "methods": ["GET"], "reason": "asks" }]);
    json!({
        "name": "guest", "version": "1.0.0", "kind": PluginKind::Verification, "contract": "0.1.0",
        "config": if asks { schema } else { Value::Bool(true) },
        "requests": { "http": if asks { http } else { json!([]) } },
    })
}

/// The component with a manifest at its top: a custom section, whose sizes are LEB128.
fn with_manifest(mut component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    let name = b"shiftgate:manifest";
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend_from_slice(name);
    section.extend_from_slice(manifest.to_string().as_bytes());
    component.push(0);
    let mut size = section.len();
    loop {
        let low = u8::try_from(size & 0x7f).unwrap();
        size >>= 7;
        component.push(if size == 0 { low } else { low | 0x80 });
        if size == 0 {
            break;
        }
    }
    component.extend_from_slice(&section);
    component
}
