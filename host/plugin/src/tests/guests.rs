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

/// What of WASI a guest may import: to speak on standard error, to wait, and to look for what it must not find.
const WASI: &str = "
    package wasi:io@0.2.6;
    interface error { resource error; }
    interface streams {
        use error.{error};
        variant stream-error { last-operation-failed(error), closed }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
            write-zeroes: func(len: u64) -> result<_, stream-error>;
        }
    }
    interface poll { resource pollable { block: func(); } }
";
const WASI_CLI: &str = "
    package wasi:cli@0.2.6;
    interface stderr { use wasi:io/streams@0.2.6.{output-stream}; get-stderr: func() -> output-stream; }
    interface exit { exit: func(status: result); }
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
    }
";
const WASI_CLOCKS: &str = "
    package wasi:clocks@0.2.6;
    interface monotonic-clock { use wasi:io/poll@0.2.6.{pollable}; subscribe-duration: func(when: u64) -> pollable; }
";
const WASI_FILES: &str = "
    package wasi:filesystem@0.2.6;
    interface types { resource descriptor; }
    interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
";
const WASI_RANDOM: &str = "
    package wasi:random@0.2.6;
    interface random { get-random-bytes: func(len: u64) -> list<u8>; }
";
const WASI_SOCKETS: &str = "
    package wasi:sockets@0.2.6;
    interface network {
        resource network;
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict, not-in-progress,
            would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use, remote-unreachable,
            connection-refused, connection-reset, connection-aborted, datagram-too-large, name-unresolvable,
            temporary-resolver-failure, permanent-resolver-failure,
        }
        enum ip-address-family { ipv4, ipv6 }
    }
    interface instance-network { use network.{network}; instance-network: func() -> network; }
    interface tcp { resource tcp-socket; }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
    }
    interface ip-name-lookup {
        use network.{error-code, network};
        resource resolve-address-stream;
        resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
    }
";
const WORLDS: &str = "
    package test:guests;
    world talkative {
        include shiftgate:step/verification-plugin@0.1.0;
        import wasi:cli/stderr@0.2.6;
        import wasi:cli/exit@0.2.6;
        import wasi:cli/environment@0.2.6;
        import wasi:clocks/monotonic-clock@0.2.6;
        import wasi:filesystem/preopens@0.2.6;
        import wasi:random/random@0.2.6;
        import wasi:sockets/instance-network@0.2.6;
        import wasi:sockets/tcp-create-socket@0.2.6;
        import wasi:sockets/ip-name-lookup@0.2.6;
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
    for text in [WASI, WASI_CLI, WASI_CLOCKS, WASI_FILES, WASI_RANDOM, WASI_SOCKETS, WORLDS] {
        resolve.push_str("guests.wit", text).unwrap();
    }
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
pub(super) fn with_manifest(component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    with_section(component, 0, &named("shiftgate:manifest", manifest.to_string().as_bytes()))
}

/// The body of a custom section.
pub(super) fn named(name: &str, data: &[u8]) -> Vec<u8> {
    [&length(name.len()), name.as_bytes(), data].concat()
}

/// The component with one more section.
pub(super) fn with_section(mut component: Vec<u8>, id: u8, body: &[u8]) -> Vec<u8> {
    component.push(id);
    component.extend(length(body.len()));
    component.extend_from_slice(body);
    component
}

/// A length in LEB128.
pub(super) fn length(mut size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(size & 0x7f).unwrap();
        size >>= 7;
        bytes.push(if size == 0 { low } else { low | 0x80 });
        if size == 0 {
            return bytes;
        }
    }
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
    /// Body of `cancel`.
    pub(super) cancel: &'a str,
    /// What comes first in the function that makes room for what the host hands over.
    pub(super) realloc: &'a str,
    /// More imports from WASI; needs `talkative`.
    pub(super) imports: &'a str,
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
          {wasi} {imports}
          (memory (export "memory") 4)
          (global $heap (mut i32) (i32.const 65536))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            {realloc}
            (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
            (global.set $heap (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
          {more}
          (func (export "shiftgate:step/config@0.1.0#validate") (param i32 i32) (result i32) {validate})
          (func $start (export "shiftgate:step/{interface}@0.1.0#start") (param i32) (result i32) {start})
          (func (export "shiftgate:step/{interface}@0.1.0#poll") (param i32) (result i32) {poll})
          (func (export "shiftgate:step/{interface}@0.1.0#cancel") (param i32) (result i32) {cancel}))"#,
        more = text.more,
        imports = text.imports,
        realloc = text.realloc,
        cancel = body(text.cancel),
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

/// A guest that sends `GET url`, and reports the body, or the error's text as a failure.
pub(super) fn fetcher(url: &str) -> Vec<u8> {
    asker("GET", url, &[])
}

/// A guest that sends a request without a body, and reports the answer's body, or the error's text as a failure.
pub(super) fn asker(method: &str, url: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    const TEXTS: usize = 8192;
    let mut texts = String::new();
    let mut place = |text: &str| {
        texts.push_str(text);
        (TEXTS + texts.len() - text.len(), text.len())
    };
    let ((method, method_length), (url, url_length)) = (place(method), place(url));
    let words: Vec<usize> =
        headers.iter().flat_map(|(name, value)| [place(name), place(value)]).flat_map(<[usize; 2]>::from).collect();
    let words: String = words
        .iter()
        .enumerate()
        .map(|(at, word)| format!("(i32.store (i32.const {}) (i32.const {word}))", 4096 + 4 * at))
        .collect();
    let start = format!(
        "{words}
         (call $send (i32.const {method}) (i32.const {method_length}) (i32.const {url}) (i32.const {url_length})
           (i32.const 4096) (i32.const {count}) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 3) (i32.const 512))
         (if (i32.load8_u (i32.const 512))
           (then
             (i32.store8 (i32.const 1040) (i32.const 2))
             (i32.store (i32.const 1044) (i32.load (i32.const 520)))
             (i32.store (i32.const 1048) (i32.load (i32.const 524))))
           (else
             (i32.store (i32.const 1044) (i32.load (i32.const 536)))
             (i32.store (i32.const 1048) (i32.load (i32.const 540)))))
         (i32.const {ANSWER})",
        count = headers.len()
    );
    let escaped: String = texts.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let more = format!(r#"(data (i32.const {TEXTS}) "{escaped}")"#);
    let mut manifest = manifest(PluginKind::Verification);
    let requests = json!({ "http": [{ "from_config": "/url", "methods": ["GET"], "reason": "asks" }] });
    manifest.as_object_mut().unwrap().insert("requests".to_owned(), requests);
    guest(PluginKind::Verification, &Text { start: &start, more: &more, ..Text::default() }, &manifest)
}
