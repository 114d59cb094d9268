//! Manifests that come from a file: what is embedded, what is replaced, and what is refused.

use std::path::Path;

use super::guests::{dummy, manifest, with_manifest};
use super::*;
use crate::component::dissect;
use crate::{Embedded, HostError, embed};

use PluginKind::{Verification, WrapUp};

const LIMIT: u64 = 1 << 20;

fn embedded(world: &World, component: &[u8], manifest: &str) -> Result<Embedded, HostError> {
    let component = world.file("guest.wasm", component);
    embed(&component, &world.file("manifest.json", manifest.as_bytes()), LIMIT)
}

#[tokio::test]
async fn a_component_with_an_embedded_manifest_is_a_plugin() {
    let world = World::new();
    let text = format!("{}\n", manifest(Verification));
    let made = embedded(&world, &dummy("verification-plugin"), &text).unwrap();
    assert_eq!(made.manifest.name, "guest");
    let digest = world.plugins.prepare(&world.source(&made.bytes), Verification).await.unwrap();
    assert_eq!(digest, made.digest);
    assert_eq!(embedded(&world, &made.bytes, &text).unwrap(), made, "the same again changes nothing");
}

#[test]
fn a_manifest_takes_the_place_of_every_other() {
    let world = World::new();
    let bare = dummy("verification-plugin");
    let old = with_manifest(with_manifest(bare.clone(), &manifest(WrapUp)), &json!({ "name": "x" }));
    let text = manifest(Verification).to_string();
    let made = embedded(&world, &old, &text).unwrap();
    assert_eq!(dissect(&made.bytes).unwrap().manifests, [text.clone().into_bytes()]);
    assert_eq!(made, embedded(&world, &bare, &text).unwrap());
}

#[test]
fn what_no_host_would_take_is_refused_where_it_is_built() {
    let world = World::new();
    let good = manifest(Verification).to_string();
    let with = |more: Value| {
        let mut manifest = manifest(Verification);
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        manifest.to_string()
    };
    let plugin = dummy("verification-plugin");
    let cases = [
        (plugin.clone(), "{".to_owned()),
        (plugin.clone(), with(json!({ "name": "Guest" }))),
        (plugin.clone(), with(json!({ "config": { "type": "strange" } }))),
        (plugin.clone(), with(json!({ "kind": "wrap-up" }))),
        (plugin.clone(), with(json!({ "contract": "0.2.0" }))),
        (b"{}".to_vec(), good.clone()),
        (wat::parse_str("(module)").unwrap(), good.clone()),
        (plugin.get(..plugin.len() - 1).unwrap().to_vec(), good.clone()),
        (dummy("stranger"), good.clone()),
        (dummy("greedy"), good.clone()),
        (vec![0; (1 << 20) + 1], good.clone()),
    ];
    let mut told: Vec<String> =
        cases.iter().map(|(component, manifest)| embedded(&world, component, manifest).unwrap_err().to_string()).collect();
    let missing = embed(&world.dir.path().join("guest.wasm"), Path::new("/nowhere.json"), LIMIT);
    told.push(missing.unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n").replace(&world.dir.path().display().to_string(), "DIR"), @r#"
the manifest `DIR/manifest.json` cannot be used: EOF while parsing an object at line 1 column 1
the manifest `DIR/manifest.json` cannot be used: `name` has to be 1 to 64 lower-case letters, digits and dashes
the manifest `DIR/manifest.json` cannot be used: `config` is not a JSON Schema (2020-12): "strange" is not valid under any of the schemas listed in the 'anyOf' keyword
`DIR/guest.wasm` has a manifest that cannot be used: it says wrap-up, but the component exports verification
`DIR/guest.wasm` is for version 0.2.0 of the plugin contract; this host has 0.1.0
`DIR/guest.wasm` is not WebAssembly: it is JSON
`DIR/guest.wasm` is a core WebAssembly module; a plugin is a component
`DIR/guest.wasm` is a broken component: unexpected end-of-file (at offset 0x224c)
`DIR/guest.wasm` is a component, but not a plugin: it exports none of shiftgate:step/verification, approval and wrap-up
`DIR/guest.wasm` imports what no plugin gets: test:guests/secrets
`DIR/guest.wasm` has 1048577 bytes, more than the 1 MiB that a component may have
the manifest `/nowhere.json` cannot be used: No such file or directory (os error 2)
"#);
}
