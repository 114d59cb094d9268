//! The one place that makes machine code of bytes.
#![expect(
    unsafe_code,
    reason = "wasmtime runs compiled code unchecked; `Verified` is the proof that this program wrote the bytes"
)]

use std::fs::File;
use std::io;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::doubt;
use super::frozen::Frozen;

/// Compiled code that this program wrote: just now, or earlier with a MAC that was checked over these very bytes, frozen.
pub(super) struct Verified<'a>(Source<'a>);

enum Source<'a> {
    Entry(Frozen),
    Compiler(&'a [u8]),
}

impl<'a> Verified<'a> {
    /// The rest of an entry, read through `buffer`, if `mac`, fed with its BLAKE3 hash, comes to `expected`.
    pub(super) fn check(file: &File, length: u64, buffer: &mut [u8], mac: Hmac<Sha256>, expected: &[u8]) -> io::Result<Self> {
        let (code, hash) = Frozen::take(file, length, buffer)?;
        mac.chain_update(hash.as_bytes()).verify_slice(expected).map_err(|_| doubt("its authentication code does not fit"))?;
        Ok(Self(Source::Entry(code)))
    }

    /// Bytes that the compiler has just returned.
    pub(super) fn just_compiled(compiled: &'a [u8]) -> Self {
        Self(Source::Compiler(compiled))
    }
}

/// Loads verified code; wasmtime checks that it is for this engine.
pub(super) fn load(engine: &Engine, verified: Verified<'_>) -> io::Result<Component> {
    let component = match verified.0 {
        // SAFETY: `deserialize` asks for bytes that `precompile_component` returned, unmodified; these are.
        Source::Compiler(compiled) => unsafe { Component::deserialize(engine, compiled) },
        Source::Entry(code) => match code.path() {
            // SAFETY: `deserialize_file` asks for the same, and that the file does not change afterwards. `path` leads to
            // memory of this process that is sealed against every change, and whose MAC was checked.
            Some(path) => unsafe { Component::deserialize_file(engine, path) }.or_else(|_| copied(engine, code)),
            None => copied(engine, code),
        },
    };
    component.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{error:#}")))
}

/// The same from memory of this process, where a file cannot be mapped.
fn copied(engine: &Engine, code: Frozen) -> wasmtime::Result<Component> {
    let bytes = code.bytes()?;
    // SAFETY: `deserialize` asks for bytes that `precompile_component` returned, unmodified. A `Frozen` inside a `Verified`
    // carries this installation's MAC, and cannot have changed since it was checked.
    unsafe { Component::deserialize(engine, bytes) }
}
