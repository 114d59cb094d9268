//! Puts a manifest into a component that was built by other tools than the Rust SDK. Runs and compiles nothing.
//!
//! The result is held against everything that a load asks of a plugin but its code, so that a mistake is found where the
//! plugin is built. Writes no file: the caller does. `component.rs` reads the section again, `manifest.rs` checks its text.

use std::path::Path;

use shiftgate_model::Digest;
use wasmparser::{BinaryReader, BinaryReaderError};

use crate::component::{MANIFEST_SECTION, dissect, sniff};
use crate::error::{HostError, LoadError};
use crate::file;
use crate::loader::vet;
use crate::manifest::Manifest;
use crate::schema::ConfigSchema;

/// The id of a custom section.
const CUSTOM: u8 = 0;
/// Magic number and version.
const HEADER: usize = 8;

/// A component with its manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// SHA-256 of the file, for `sha256:` in a workflow.
    pub digest: Digest,
    /// What was embedded.
    pub manifest: Manifest,
}

/// Reads a component file and a manifest (JSON), and returns the component with that manifest in place of any that it had. The
/// same manifest again changes nothing. `limit` is the largest file that a host takes, in bytes.
///
/// # Errors
/// [`HostError::Manifest`] when the manifest cannot be read or used; [`HostError::Load`] when the file is no component, or when
/// no host would take the result, for what it imports or exports or for its size.
pub fn embed(component: &Path, manifest: &Path, limit: u64) -> Result<Embedded, HostError> {
    let refused = |reason: String| HostError::Manifest { file: manifest.to_path_buf(), reason };
    let text = std::fs::read(manifest).map_err(|source| refused(source.to_string()))?;
    let parsed = Manifest::parse(&text).map_err(refused)?;
    ConfigSchema::read(&parsed.config).map_err(refused)?;
    let raw = file::read(component, limit)?;
    sniff(component, &raw.bytes)?;
    let broken = |reason| LoadError::Broken { file: component.to_path_buf(), reason };
    let mut whole = without_manifest(&raw.bytes).map_err(|error| broken(error.to_string()))?;
    append(&mut whole, text.trim_ascii());
    let manifest = vet(component, &dissect(&whole).map_err(broken)?)?;
    if whole.len() as u64 > limit {
        return Err(LoadError::TooLarge { file: component.to_path_buf(), size: whole.len() as u64, limit }.into());
    }
    Ok(Embedded { digest: file::digest(&whole), bytes: whole, manifest })
}

/// The component without its manifests, but for those of modules and components inside it, which one at the top outranks.
fn without_manifest(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(size as usize)?;
        let named = || BinaryReader::new(content, 0).read_string().is_ok_and(|name| name == MANIFEST_SECTION);
        if id != CUSTOM || !named() {
            kept.extend_from_slice(component.get(start..reader.current_position()).unwrap_or_default());
        }
    }
    Ok(kept)
}

/// Appends a manifest to a component.
pub(crate) fn append(component: &mut Vec<u8>, manifest: &[u8]) {
    let name = leb128(MANIFEST_SECTION.len());
    component.push(CUSTOM);
    component.extend(leb128(name.len() + MANIFEST_SECTION.len() + manifest.len()));
    component.extend(name);
    component.extend_from_slice(MANIFEST_SECTION.as_bytes());
    component.extend_from_slice(manifest);
}

/// A length as WebAssembly writes it: seven bits a byte, the lowest first.
fn leb128(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
