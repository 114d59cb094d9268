//! Files that are no plugin of the needed kind, each with its own message; and what `inspect` says of those that are.

use std::os::unix::fs::MetadataExt;

use shiftgate_model::Digest;

use super::guests::{Text, dummy, guest, manifest, with_manifest};
use super::*;

use PluginKind::{Approval, Verification, WrapUp};

/// What a start of these bytes as `kind` says.
async fn refusal(world: &World, bytes: &[u8], kind: PluginKind) -> String {
    match world.call(&world.source(bytes), kind, Call::Start { summary: None }).await {
        Ok(reply) => shape(&reply.outcome),
        Err(error) => world.told(&error),
    }
}

#[tokio::test]
async fn a_file_that_is_no_plugin_of_the_kind_is_refused_with_its_own_message() {
    let world = World::with(Budgets { component_bytes: 64 << 10, ..Budgets::default() });
    let good = manifest(Verification);
    let plugin = with_manifest(dummy("verification-plugin"), &good);
    let other_contract = {
        let text = String::from_utf8_lossy(&plugin).into_owned();
        assert!(text.contains("shiftgate:step/verification@0.1.0"));
        replace(&plugin, b"shiftgate:step/verification@0.1.0", b"shiftgate:step/verification@0.9.0")
    };
    let mut told = Vec::new();
    for bytes in [
        b"<!doctype html><title>Sign in</title>".to_vec(),
        wat::parse_str("(module)").unwrap(),
        b"\0asm\x0d\0\x01\0\x07\xff\xff".to_vec(),
        plugin.get(..plugin.len() / 2).unwrap().to_vec(),
        vec![0; (64 << 10) + 1],
        dummy("stranger"),
        other_contract,
        with_manifest(dummy("greedy"), &good),
        dummy("verification-plugin"),
        with_manifest(dummy("verification-plugin"), &json!({ "name": "guest" })),
        with_manifest(dummy("verification-plugin"), &manifest(WrapUp)),
        with_manifest(
            dummy("verification-plugin"),
            &json!({ "name": "guest", "version": "1", "kind": "verification", "contract": "0.2.0" }),
        ),
        with_manifest(with_manifest(dummy("verification-plugin"), &good), &manifest(WrapUp)),
        with_manifest(
            dummy("verification-plugin"),
            &json!({ "name": "guest", "version": "1", "kind": "verification", "contract": "0.1.0", "config": { "type": "strange" } }),
        ),
        with_manifest(dummy("approval-plugin"), &manifest(Approval)),
    ] {
        told.push(refusal(&world, &bytes, Verification).await);
    }
    insta::assert_snapshot!(told.join("\n\n"), @r#"
plugin `guest`: `DIR/guest.wasm` is not WebAssembly: it is an HTML page, as a download without a login leaves it
  hint: download it again, or look at what the build wrote there

plugin `guest`: `DIR/guest.wasm` is a core WebAssembly module; a plugin is a component
  hint: build it for the target wasm32-wasip2, or wrap it with `wasm-tools component new`

plugin `guest`: `DIR/guest.wasm` is a broken component: unexpected end-of-file (at offset 0xb)
  hint: build it again, or look at it with `wasm-tools validate`

plugin `guest`: `DIR/guest.wasm` is a broken component: unexpected end-of-file (at offset 0x1153)
  hint: build it again, or look at it with `wasm-tools validate`

plugin `guest`: `DIR/guest.wasm` has 65537 bytes, more than the 64 KiB that a component may have
  hint: strip the component, build it with optimisation for size, or write `limits: { file: 48 MiB }` under the plugin

plugin `guest`: `DIR/guest.wasm` is a component, but not a plugin: it exports none of shiftgate:step/verification, approval and wrap-up
  hint: build it against the worlds of wit/, with the SDK or with wit-bindgen

plugin `guest`: `DIR/guest.wasm` is for version 0.9.0 of the plugin contract; this host has 0.1.0
  hint: build it against version 0.1.0 of wit/, or use the shiftgate that it was built for

plugin `guest`: `DIR/guest.wasm` imports what no plugin gets: test:guests/secrets
  hint: build it against the worlds of wit/ only; the network is reached through shiftgate:step/http

plugin `guest`: `DIR/guest.wasm` has no manifest (custom section `shiftgate:manifest`)
  hint: build it with the Rust SDK, whose macro embeds one, or embed one with `shiftgate plugin embed`

plugin `guest`: `DIR/guest.wasm` has a manifest that cannot be used: missing field `version` at line 1 column 16
  hint: correct the manifest and build the plugin again

plugin `guest`: `DIR/guest.wasm` has a manifest that cannot be used: it says wrap-up, but the component exports verification
  hint: correct the manifest and build the plugin again

plugin `guest`: `DIR/guest.wasm` is for version 0.2.0 of the plugin contract; this host has 0.1.0
  hint: build it against version 0.1.0 of wit/, or use the shiftgate that it was built for

plugin `guest`: `DIR/guest.wasm` has a manifest that cannot be used: there are 2 that differ
  hint: correct the manifest and build the plugin again

plugin `guest`: `DIR/guest.wasm` has a manifest that cannot be used: `config` is not a JSON Schema (2020-12): "strange" is not valid under any of the schemas listed in the 'anyOf' keyword
  hint: correct the manifest and build the plugin again

plugin `guest`: `DIR/guest.wasm` is an approval plugin, but the step needs a verification plugin
  hint: name a verification plugin in this step
"#);
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.windows(from.len()).position(|window| window == from)) {
        bytes.get_mut(at + found..at + found + to.len()).unwrap().copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}

#[tokio::test]
async fn precompiled_code_is_never_taken_from_a_file() {
    let world = World::new();
    let engine = wasmtime::Engine::default();
    let code = engine.precompile_component(&dummy("verification-plugin")).unwrap();
    insta::assert_snapshot!(refusal(&world, &code, Verification).await, @r"
plugin `guest`: `DIR/guest.wasm` is precompiled machine code (.cwasm), which is never taken from a file
  hint: name the .wasm component that it was compiled from
");
}

#[tokio::test]
async fn a_missing_file_says_where_was_looked() {
    let world = World::new();
    let told = async |file: &str| {
        let source = PluginSource::new("guest", file);
        world.told(&world.call(&source, Verification, Call::Start { summary: None }).await.unwrap_err())
    };
    insta::assert_snapshot!(told("prometheus").await, @r"
plugin `guest`: there is no file `prometheus`, nor such a plugin in `DIR`
  hint: name a component file by its path; plugins that come with shiftgate are built by `cargo xtask plugins`
");
    insta::assert_snapshot!(told("/nowhere/errors.wasm").await, @r"
plugin `guest`: there is no file `/nowhere/errors.wasm`
  hint: name a component file by its path; plugins that come with shiftgate are built by `cargo xtask plugins`
");
    insta::assert_snapshot!(told("").await, @r"
plugin `guest`: there is no file ``
  hint: name a component file by its path; plugins that come with shiftgate are built by `cargo xtask plugins`
");
}

#[tokio::test]
async fn a_bare_name_is_a_bundled_plugin() {
    let world = World::new();
    world.file("errors.wasm", &guest(Verification, &Text::default(), &manifest(Verification)));
    let source = PluginSource::new("e", "errors");
    let reply = world.call(&source, Verification, Call::Start { summary: None }).await.unwrap();
    assert_eq!(shape(&reply.outcome), "pass: ");
}

#[tokio::test]
async fn the_digest_of_the_workflow_holds_also_for_what_is_in_memory() {
    let world = World::new();
    let first = guest(Verification, &Text::default(), &manifest(Verification));
    let mut source = world.source(&first);
    let digest = world.plugins.prepare(&source, Verification).await.unwrap();
    source.sha256 = Some(digest.clone());
    let reply = world.call(&source, Verification, Call::Start { summary: None }).await.unwrap();
    assert_eq!(reply.digest, digest);

    let text = Text { start: "unreachable", ..Text::default() };
    world.file("guest.wasm", &guest(Verification, &text, &manifest(Verification)));
    let error = world.call(&source, Verification, Call::Start { summary: None }).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: `DIR/guest.wasm` has sha256 SHA, but the workflow wants SHA
  hint: if the new file is meant, write `sha256: SHA` into the workflow; if not, restore the old file
");
    assert!(!error.retryable);
}

/// The only entry of the cache, and the file that holds it.
fn entry(world: &World) -> (PathBuf, u64) {
    let entries = std::fs::read_dir(world.dir.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
    let code: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "code")).collect();
    let [entry] = code.as_slice() else { panic!("{code:?}") };
    (entry.clone(), std::fs::metadata(entry).unwrap().ino())
}

/// What is in the cache is held against the workflow like what is not.
async fn a_second_host_takes_the_code_and_judges_for_itself() {
    let world = World::new();
    let fresh = || Plugins::new(config(&world.dir, Budgets::default())).unwrap();
    let mut source = world.source(&guest(Verification, &Text::default(), &manifest(Verification)));
    let digest = world.plugins.prepare(&source, Verification).await.unwrap();
    let (path, inode) = entry(&world);

    assert_eq!(fresh().prepare(&source, Verification).await.unwrap(), digest);
    let kind = fresh().prepare(&source, Approval).await.unwrap_err();
    assert!(kind.message.contains("is a verification plugin, but the step needs an approval plugin"), "{kind}");
    source.sha256 = Some(Digest("0".repeat(64)));
    let pinned = fresh().prepare(&source, Verification).await.unwrap_err();
    assert!(pinned.message.contains(&digest.0), "{pinned}");
    assert_eq!(entry(&world).1, inode, "nothing was compiled again");

    source.sha256 = Some(digest.clone());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, whole.get(..whole.len() - 1).unwrap()).unwrap();
    assert_eq!(fresh().prepare(&source, Verification).await.unwrap(), digest);
    assert_ne!(entry(&world).1, inode, "a cut entry was made anew");
}

#[tokio::test]
async fn the_cache_serves_a_runtime_of_one_thread() {
    a_second_host_takes_the_code_and_judges_for_itself().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_serves_a_runtime_of_many_threads() {
    a_second_host_takes_the_code_and_judges_for_itself().await;
}

#[tokio::test]
async fn a_changed_file_is_loaded_again() {
    let world = World::new();
    let source = world.source(&guest(Verification, &Text::default(), &manifest(Verification)));
    assert!(world.call(&source, Verification, Call::Start { summary: None }).await.is_ok());
    let text = Text { start: "unreachable", ..Text::default() };
    world.file("guest.wasm", &guest(Verification, &text, &manifest(Verification)));
    assert!(world.call(&source, Verification, Call::Start { summary: None }).await.is_err());
}

#[tokio::test]
async fn an_inspection_tells_what_a_file_is_and_wants() {
    let world = World::new();
    let manifest = json!({
        "name": "errors", "version": "1.2.0", "kind": "verification", "contract": "0.1.0",
        "summary": "Compares error rates", "license": "Apache-2.0",
        "state": { "writes": 1, "reads": [1] },
        "requests": {
            "http": [
                { "from_config": "/url", "methods": ["GET", "POST"], "reason": "runs the queries" },
                { "url": "https://api.example.com/v1", "methods": ["GET"], "reason": "reads the budget" },
            ],
            "secrets": [{ "name": "token", "reason": "to log in" }],
        },
    });
    let text = Text { talkative: true, ..Text::default() };
    let source = world.source(&guest(Verification, &text, &manifest));
    let told = |inspection: &crate::Inspection| {
        redact_digests(&inspection.to_string()).replace(&world.dir.path().display().to_string(), "DIR")
    };
    let before = world.plugins.inspect(&source.file).unwrap();
    assert!(!before.compiled && before.problems.is_empty());
    world.plugins.prepare(&source, Verification).await.unwrap();
    insta::assert_snapshot!(told(&world.plugins.inspect(&source.file).unwrap()), @r#"
file:      DIR/guest.wasm
sha256:    SHA
size:      9.8 KiB
kind:      verification (contract 0.1.0)
name:      errors 1.2.0
summary:   Compares error rates
license:   Apache-2.0
compiled:  yes, in the cache
imports of the contract:
  shiftgate:step/types@0.1.0
  shiftgate:step/host@0.1.0
  shiftgate:step/http@0.1.0
imports of WASI, without power:
  wasi:io/error@0.2.6
  wasi:io/streams@0.2.6
  wasi:cli/stderr@0.2.6
  wasi:cli/exit@0.2.6
exports:
  shiftgate:step/config@0.1.0
  shiftgate:step/verification@0.1.0
wants to send:
  GET, POST the URL at /url of its config: runs the queries
  GET https://api.example.com/v1: reads the budget
wants secrets:
  token: to log in
these lines of a workflow file would grant it:
  plugins:
    errors:
      grants:
        http:
          - { url: "https://…", methods: [GET, POST] }  # the URL at /url of the step's `with:`
          - { url: "https://api.example.com/v1", methods: [GET] }
"#);

    world.source(&with_manifest(dummy("greedy"), &manifest));
    let greedy = world.plugins.inspect(&source.file).unwrap();
    insta::assert_snapshot!(greedy.problems.join("\n").replace(&world.dir.path().display().to_string(), "DIR"), @"`DIR/guest.wasm` imports what no plugin gets: test:guests/secrets; build it against the worlds of wit/ only; the network is reached through shiftgate:step/http");
    assert!(serde_json::to_value(&greedy).is_ok());
    world.file("guest.wasm", b"PK\x03\x04");
    assert!(world.plugins.inspect(&source.file).is_err());
}
