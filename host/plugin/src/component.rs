//! What a component file says of itself, read without compiling or running anything: what it is, imports, exports, manifest.
//!
//! Everything here works on untrusted bytes and returns values; `loader.rs` decides whether they make a plugin.

use std::path::Path;

use wasmparser::{BinaryReaderError, Chunk, ComponentExternalKind, Encoding, Parser, Payload};

use crate::error::LoadError;

/// The custom section that holds the manifest.
pub(crate) const MANIFEST_SECTION: &str = "shiftgate:manifest";

/// Manifests that are read, wherever they stand: one is right, and what more there is has to be told apart.
const MANIFESTS: usize = 16;

/// A component's outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anatomy {
    /// Names of its imports, in order.
    pub(crate) imports: Vec<String>,
    /// Names of its exports, in order.
    pub(crate) exports: Vec<String>,
    /// The manifests nearest to the component's top, without repetition.
    pub(crate) manifests: Vec<Vec<u8>>,
}

impl Anatomy {
    /// Takes the names of the component's own imports and exports.
    fn note(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if matches!(export.kind, ComponentExternalKind::Instance | ComponentExternalKind::Func) {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Refuses what is no component, by its first bytes: each kind of mistake has its own message.
pub(crate) fn sniff(file: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let file = file.to_path_buf();
    if bytes.starts_with(b"\0asm") {
        return match bytes.get(4..8) {
            Some([0x0d, 0, 1, 0]) => Ok(()),
            Some([1, 0, 0, 0]) => Err(LoadError::CoreModule { file }),
            Some(_) => Err(LoadError::Broken { file, reason: "it has a version of the format that is not known".to_owned() }),
            None => Err(LoadError::Broken { file, reason: "it ends within its first 8 bytes".to_owned() }),
        };
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Precompiled { file });
    }
    Err(LoadError::NotWasm { file, looks_like: looks_like(bytes) })
}

fn looks_like(bytes: &[u8]) -> &'static str {
    const MAGICS: [(&[u8], &str); 5] = [
        (b"\x7fELF", "a native program"),
        (b"\x1f\x8b", "a gzip archive; unpack it first"),
        (b"PK\x03\x04", "a zip archive; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "zstd data; unpack it first"),
        (b"MZ", "a Windows program"),
    ];
    if bytes.is_empty() {
        return "an empty file";
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return name;
    }
    let head = bytes.get(..1024).unwrap_or(bytes);
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() + 3 < head.len() => return "data of another kind",
        Err(error) => head.get(..error.valid_up_to()).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default(),
    };
    let text = valid.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_ascii_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        "an HTML page, as a download without a login leaves it"
    } else if text.starts_with("(component") || text.starts_with("(module") {
        "WebAssembly text; make a binary of it with `wasm-tools parse`"
    } else if text.starts_with("version https://git-lfs") {
        "a Git LFS pointer; fetch the file itself with `git lfs pull`"
    } else if text.starts_with('{') || text.starts_with('[') {
        "JSON"
    } else {
        "text"
    }
}

/// Reads a component's outside; function bodies are passed over. The reason of a failure is the parser's, with the place in
/// the file.
pub(crate) fn dissect(bytes: &[u8]) -> Result<Anatomy, String> {
    let mut anatomy = Anatomy::default();
    let mut manifests: Vec<(usize, &[u8])> = Vec::new();
    let mut parser = Parser::new(0);
    // The modules and components around what is parsed; none for the component itself.
    let mut parents = Vec::new();
    let mut rest = bytes;
    loop {
        let (consumed, payload) = match parser.parse(rest, true).map_err(|error| error.to_string())? {
            Chunk::Parsed { consumed, payload } => (consumed, payload),
            Chunk::NeedMoreData(_) => return Err("it ends too early".to_owned()),
        };
        rest = rest.get(consumed..).unwrap_or_default();
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if parents.is_empty() => {
                return Err("it is a core module".to_owned());
            }
            Payload::ModuleSection { parser: inner, .. } | Payload::ComponentSection { parser: inner, .. } => {
                parents.push(std::mem::replace(&mut parser, inner));
            }
            Payload::CodeSectionStart { size, .. } => {
                parser.skip_section();
                rest = rest.get(size as usize..).ok_or("it ends inside its code")?;
            }
            Payload::End(_) => match parents.pop() {
                Some(parent) => parser = parent,
                None => break,
            },
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                let found = (parents.len(), section.data());
                if !manifests.contains(&found) {
                    if manifests.len() == MANIFESTS {
                        return Err(format!("it has more than {MANIFESTS} different manifests"));
                    }
                    manifests.push(found);
                }
            }
            payload if parents.is_empty() => anatomy.note(payload).map_err(|error| error.to_string())?,
            _ => {}
        }
    }
    let nearest = manifests.iter().map(|(depth, _)| *depth).min();
    for (depth, manifest) in manifests {
        if Some(depth) == nearest {
            anatomy.manifests.push(manifest.to_vec());
        }
    }
    Ok(anatomy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        sniff(Path::new("/plugins/x.wasm"), bytes).map_or_else(|error| error.to_string(), |()| "taken".to_owned())
    }

    #[test]
    fn each_kind_of_mistake_has_its_own_message() {
        let refusals = [
            &b""[..],
            b"\n<!DOCTYPE html><title>Sign in</title>",
            b"{\"error\": \"not found\"}",
            b"404: not found, sorry \xe2\x82",
            b"(component (core module))",
            b"\x1f\x8b\x08\0",
            b"\x7fELF\x02\x01\x01",
            b"\x00\xff\xfe\xfd\xfc\xfb\xfa",
            b"\0asm\x01\0\0\0",
            b"\0asm\x0d\0",
            b"\0asm\x0a\0\x01\0",
            b"\0asm\x0d\0\x01\0",
        ]
        .map(refusal);
        insta::assert_snapshot!(refusals.join("\n"), @r"
`/plugins/x.wasm` is not WebAssembly: it is an empty file
`/plugins/x.wasm` is not WebAssembly: it is an HTML page, as a download without a login leaves it
`/plugins/x.wasm` is not WebAssembly: it is JSON
`/plugins/x.wasm` is not WebAssembly: it is text
`/plugins/x.wasm` is not WebAssembly: it is WebAssembly text; make a binary of it with `wasm-tools parse`
`/plugins/x.wasm` is not WebAssembly: it is a gzip archive; unpack it first
`/plugins/x.wasm` is not WebAssembly: it is a native program
`/plugins/x.wasm` is not WebAssembly: it is data of another kind
`/plugins/x.wasm` is a core WebAssembly module; a plugin is a component
`/plugins/x.wasm` is a broken component: it ends within its first 8 bytes
`/plugins/x.wasm` is a broken component: it has a version of the format that is not known
taken
    ");
    }

    #[test]
    fn a_manifest_is_found_inside_a_core_module_and_the_nearest_one_counts() {
        let inside = wat::parse_str(r#"(component (core module (@custom "shiftgate:manifest" "{}")))"#).unwrap();
        assert_eq!(dissect(&inside).unwrap().manifests, [b"{}".to_vec()]);
        let twice = wat::parse_str(
            r#"(component (@custom "shiftgate:manifest" "{\"name\":1}")
                 (core module (@custom "shiftgate:manifest" "{}")))"#,
        )
        .unwrap();
        assert_eq!(dissect(&twice).unwrap().manifests, [b"{\"name\":1}".to_vec()]);
    }

    #[test]
    fn imports_and_exports_are_those_of_the_component_itself() {
        let bytes = wat::parse_str(
            r#"(component
                 (import "wasi:io/error@0.2.0" (instance))
                 (component (import "inner:x/y@1.0.0" (instance)))
                 (instance $i)
                 (export "shiftgate:step/config@0.1.0" (instance $i)))"#,
        )
        .unwrap();
        let anatomy = dissect(&bytes).unwrap();
        assert_eq!(anatomy.imports, ["wasi:io/error@0.2.0"]);
        assert_eq!(anatomy.exports, ["shiftgate:step/config@0.1.0"]);
    }

    #[test]
    fn a_cut_component_says_where() {
        let whole = wat::parse_str(r#"(component (core module (memory 1)))"#).unwrap();
        let reason = dissect(whole.get(..whole.len() - 3).unwrap()).unwrap_err();
        assert!(reason.contains("at offset"), "{reason}");
    }
}
