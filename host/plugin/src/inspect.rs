//! What a component file is and wants, for a person who has not decided to trust it. Runs and compiles nothing.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use shiftgate_model::{Digest, PluginKind};
use wasmparser::{Validator, WasmFeatures};

use crate::budgets::bytes;
use crate::cache::Cache;
use crate::component::{Anatomy, dissect, sniff};
use crate::contract::{ImportOwner, exported_kind, import_owner};
use crate::error::LoadError;
use crate::file::Raw;
use crate::grants::{grant_entry, grant_lines};
use crate::loader::{bad_manifest, broken, vet};
use crate::log::printable;
use crate::manifest::{HttpRequest, Manifest};

/// A component file, looked at from outside.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Where it is.
    pub file: PathBuf,
    /// SHA-256 of the file, for `sha256:` in a workflow.
    pub digest: Digest,
    /// Bytes of the file.
    pub size: u64,
    /// The kinds whose interface it exports, with the contract's version that it was built for.
    pub kinds: Vec<ExportedKind>,
    /// Its manifest; none when it has none that can be used.
    pub manifest: Option<Manifest>,
    /// What it imports.
    pub imports: Imports,
    /// What it exports.
    pub exports: Vec<String>,
    /// Lines of a workflow file that would grant all that it asks for; none when it asks for nothing.
    pub grants: Option<String>,
    /// Whether its compiled code is in the cache.
    pub compiled: bool,
    /// What keeps it from running here; empty for a plugin that does.
    pub problems: Vec<String>,
}

/// A kind that a component exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedKind {
    /// The kind.
    pub kind: PluginKind,
    /// The contract's version.
    pub contract: String,
}

/// Imports by their owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imports {
    /// The contract's.
    pub contract: Vec<String>,
    /// WASI's, which are there and without power.
    pub wasi: Vec<String>,
    /// Others, which no plugin gets.
    pub others: Vec<String>,
}

/// Looks at a component.
pub(crate) fn inspect(raw: &Raw, cache: &Cache) -> Result<Inspection, LoadError> {
    sniff(&raw.file, &raw.bytes)?;
    let anatomy = dissect(&raw.bytes).map_err(|reason| broken(&raw.file, &reason))?;
    let mut problems = Vec::new();
    if let Err(error) = Validator::new_with_features(WasmFeatures::default()).validate_all(&raw.bytes) {
        problems.push(broken(&raw.file, &error.to_string()).to_string());
    }
    let manifest = match vet(&raw.file, &anatomy) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            problems.push(format!("{error}; {}", error.hint()));
            anatomy.manifests.first().and_then(|section| Manifest::parse(section).ok())
        }
    };
    if let Some(manifest) = &manifest
        && let Err(reason) = crate::schema::ConfigSchema::read(&manifest.config)
    {
        problems.push(bad_manifest(&raw.file, &reason).to_string());
    }
    Ok(Inspection {
        file: raw.file.clone(),
        digest: raw.digest.clone(),
        size: raw.bytes.len() as u64,
        kinds: kinds(&anatomy),
        grants: manifest.as_ref().and_then(all_grants),
        manifest,
        imports: imports(&anatomy),
        exports: anatomy.exports.iter().map(|name| printable(name)).collect(),
        compiled: cache.holds(&raw.fingerprint),
        problems,
    })
}

fn kinds(anatomy: &Anatomy) -> Vec<ExportedKind> {
    let exported = anatomy.exports.iter().filter_map(|name| exported_kind(name));
    exported.map(|(kind, version)| ExportedKind { kind, contract: printable(version) }).collect()
}

fn imports(anatomy: &Anatomy) -> Imports {
    let mut imports = Imports::default();
    for name in &anatomy.imports {
        let list = match import_owner(name) {
            ImportOwner::Contract => &mut imports.contract,
            ImportOwner::Wasi => &mut imports.wasi,
            ImportOwner::OtherContract | ImportOwner::Foreign => &mut imports.others,
        };
        list.push(printable(name));
    }
    imports
}

/// The lines that grant everything that a manifest asks for.
fn all_grants(manifest: &Manifest) -> Option<String> {
    let entries: Vec<String> = manifest.requests.http.iter().map(entry).collect();
    if entries.is_empty() { None } else { Some(grant_lines(&manifest.name, &entries)) }
}

fn entry(request: &HttpRequest) -> String {
    let methods = request.methods.join(", ");
    match (&request.url, &request.from_config) {
        (Some(url), _) => grant_entry(&printable(url), &methods, None),
        (None, pointer) => {
            let place = printable(pointer.as_deref().unwrap_or_default());
            format!("{}  # the URL at {place} of the step's `with:`", grant_entry("https://…", &methods, None))
        }
    }
}

/// What a person reads; lines of `name: value`, lists indented.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file:      {}", self.file.display())?;
        writeln!(f, "sha256:    {}", self.digest.0)?;
        writeln!(f, "size:      {}", bytes(self.size))?;
        for exported in &self.kinds {
            writeln!(f, "kind:      {} (contract {})", exported.kind, exported.contract)?;
        }
        if let Some(manifest) = &self.manifest {
            writeln!(f, "name:      {} {}", manifest.name, manifest.version)?;
            for (label, text) in [("summary", &manifest.summary), ("license", &manifest.license), ("source", &manifest.source)] {
                if !text.is_empty() {
                    writeln!(f, "{label}:{:pad$}{}", "", printable(text), pad = 10 - label.len())?;
                }
            }
        }
        writeln!(f, "compiled:  {}", if self.compiled { "yes, in the cache" } else { "not yet" })?;
        list(f, "imports of the contract", &self.imports.contract)?;
        list(f, "imports of WASI, without power", &self.imports.wasi)?;
        list(f, "imports that no plugin gets", &self.imports.others)?;
        list(f, "exports", &self.exports)?;
        if let Some(manifest) = &self.manifest {
            list(f, "wants to send", &manifest.requests.http.iter().map(wish).collect::<Vec<_>>())?;
            let secrets = manifest.requests.secrets.iter();
            let secrets = secrets.map(|secret| format!("{}: {}", printable(&secret.name), printable(&secret.reason)));
            list(f, "wants secrets", &secrets.collect::<Vec<_>>())?;
        }
        if let Some(lines) = &self.grants {
            writeln!(f, "these lines of a workflow file would grant it:")?;
            for line in lines.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        list(f, "problems", &self.problems)
    }
}

fn wish(request: &HttpRequest) -> String {
    let place = match (&request.url, &request.from_config) {
        (Some(url), _) => printable(url),
        (None, pointer) => format!("the URL at {} of its config", printable(pointer.as_deref().unwrap_or_default())),
    };
    format!("{} {place}: {}", request.methods.join(", "), printable(&request.reason))
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, entries: &[String]) -> fmt::Result {
    if entries.is_empty() {
        return Ok(());
    }
    writeln!(f, "{title}:")?;
    for entry in entries {
        writeln!(f, "  {entry}")?;
    }
    Ok(())
}
