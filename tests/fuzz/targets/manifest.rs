//! A manifest is refused or read, never a panic; one that was read is written again, and means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shiftgate_plugin::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Some(manifest) = fuzz::manifest(bytes) else { return };
    let written = serde_json::to_value(&manifest).expect("a manifest has JSON");
    let again = fuzz::manifest(written.to_string().as_bytes()).expect("what was written can be read");
    assert_eq!(serde_json::to_value(&again).expect("a manifest has JSON"), written);
});
