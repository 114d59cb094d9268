//! Guests made on the spot: core modules in text, wrapped into components of the contract's worlds.
//!
//! The canonical ABI lays answers out in memory; a page of zeroes at [`ANSWER`] means `ok`, `done`, `pass`, and empty lists,
//! so a guest only writes what it is about.

use serde_json::{Value, json};
use shiftgate_model::PluginKind;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// Where the template's answers lie.
pub(super) const ANSWER: u32 = 1024;

/// Interfaces of WASI that a guest may import to write on standard error.
const WASI: &str = "
    package wasi:io@0.2.6;
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
";
const WASI_CLI: &str = "
    package wasi:cli@0.2.6;
    interface stderr { use wasi:io/streams@0.2.6.{output-stream}; get-stderr: func() -> output-stream; }
    interface exit { exit: func(status: result); }
";
const WORLDS: &str = "
    package test:guests;
    world talkative {
        include shiftgate:step/verification-plugin@0.1.0;
        import wasi:cli/stderr@0.2.6;
        import wasi:cli/exit@0.2.6;
    }
    interface secrets { read: func(name: string) -> string; }
    world greedy {
        include shiftgate:step/verification-plugin@0.1.0;
        import secrets;
    }
    world stranger { export secrets; }
";

fn resolve() -> Resolve {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    resolve.push_path(wit).unwrap();
    resolve.push_str("io.wit", WASI).unwrap();
    resolve.push_str("cli.wit", WASI_CLI).unwrap();
    resolve.push_str("worlds.wit", WORLDS).unwrap();
    resolve
}

fn world(resolve: &Resolve, name: &str) -> WorldId {
    let (id, _) = resolve.worlds.iter().find(|(_, world)| world.name == name).unwrap();
    id
}

fn encode(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// A component of any world of the contract (or of this file) whose functions all trap.
pub(super) fn dummy(name: &str) -> Vec<u8> {
    let resolve = resolve();
    let world = world(&resolve, name);
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    encode(module, &resolve, world)
}

/// The least manifest of a kind.
pub(super) fn manifest(kind: PluginKind) -> Value {
    json!({ "name": "guest", "version": "1.0.0", "kind": kind, "contract": "0.1.0" })
}

/// The component with a manifest at its top.
pub(super) fn with_manifest(mut component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    crate::embed::append(&mut component, manifest.to_string().as_bytes());
    component
}

/// What a guest of text does; every piece is WebAssembly text.
#[derive(Default)]
pub(super) struct Text<'a> {
    /// Body of `start`, ending with the address of its answer; empty for the zeroed one.
    pub(super) start: &'a str,
    /// Body of `poll`.
    pub(super) poll: &'a str,
    /// Body of `validate`.
    pub(super) validate: &'a str,
    /// More memories, functions, data.
    pub(super) more: &'a str,
    /// Whether it imports WASI's standard error and exit.
    pub(super) talkative: bool,
}

/// A guest of text, with a manifest.
pub(super) fn guest(kind: PluginKind, text: &Text<'_>, manifest: &Value) -> Vec<u8> {
    let (name, interface) = match kind {
        PluginKind::Verification if text.talkative => ("talkative", "verification"),
        PluginKind::Verification => ("verification-plugin", "verification"),
        PluginKind::Approval => ("approval-plugin", "approval"),
        PluginKind::WrapUp => ("wrap-up-plugin", "wrap-up"),
    };
    let answer = format!("(i32.const {ANSWER})");
    let body = |text: &str| if text.is_empty() { answer.clone() } else { text.to_owned() };
    let wasi = if text.talkative {
        r#"(import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))
           (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
           (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
             (func $write (param i32 i32 i32 i32)))"#
    } else {
        ""
    };
    let module = format!(
        r#"(module
          (import "shiftgate:step/host@0.1.0" "log" (func $log (param i32 i32 i32)))
          (import "shiftgate:step/host@0.1.0" "progress" (func $progress (param i32 i32)))
          (import "shiftgate:step/host@0.1.0" "now" (func $now (result i64)))
          (import "shiftgate:step/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32)))
          {wasi}
          (memory (export "memory") 4)
          (global $heap (mut i32) (i32.const 65536))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          {more}
          (func (export "shiftgate:step/config@0.1.0#validate") (param i32 i32) (result i32) {validate})
          (func $start (export "shiftgate:step/{interface}@0.1.0#start") (param i32) (result i32) {start})
          (func (export "shiftgate:step/{interface}@0.1.0#poll") (param i32) (result i32) {poll})
          (func (export "shiftgate:step/{interface}@0.1.0#cancel") (param i32) (result i32) {answer}))"#,
        more = text.more,
        validate = body(text.validate),
        start = body(text.start),
        poll = body(text.poll),
    );
    let resolve = resolve();
    let world = world(&resolve, name);
    let module = wat::parse_str(&module).unwrap();
    with_manifest(encode(module, &resolve, world), manifest)
}

/// A verification whose `start` is this text.
pub(super) fn verification(start: &str, more: &str) -> Vec<u8> {
    guest(PluginKind::Verification, &Text { start, more, ..Text::default() }, &manifest(PluginKind::Verification))
}
