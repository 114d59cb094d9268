//! The one place that makes machine code of bytes.
#![expect(
    unsafe_code,
    reason = "wasmtime runs compiled code unchecked; `Verified` is the proof that this program wrote the bytes"
)]

use std::io;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::Entry;

/// Compiled code that this program wrote: just now, or earlier with a MAC that was checked over these bytes in memory.
pub(super) struct Verified<'a>(&'a [u8]);

impl<'a> Verified<'a> {
    /// The code of an entry. An [`Entry`] exists only after its MAC was checked.
    pub(super) fn from_entry(entry: &'a Entry) -> Self {
        Self(entry.code())
    }

    /// Bytes that the compiler has just returned.
    pub(super) fn just_compiled(compiled: &'a [u8]) -> Self {
        Self(compiled)
    }
}

/// Loads verified code; wasmtime checks that it is for this engine, and copies it.
pub(super) fn load(engine: &Engine, verified: &Verified<'_>) -> io::Result<Component> {
    // SAFETY: `deserialize` asks for bytes that `precompile_component` returned, unmodified. `Verified` holds nothing else:
    // either they were just returned, or they carry this installation's MAC, checked over this very slice.
    let component = unsafe { Component::deserialize(engine, verified.0) };
    component.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{error:#}")))
}
