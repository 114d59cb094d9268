//! From a name in a workflow file to a component that is ready to be instantiated.
//!
//! Finds the file, checks its digest, reads its outside, refuses what is no plugin of the needed kind, and only then has it
//! compiled (off the async threads, and never twice). What is loaded stays in memory by digest. Runs no code of the plugin:
//! `run.rs` does.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};
use shiftgate_model::{Digest, PluginKind, PluginSource};
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::cache::{Cache, CodeError};
use crate::component::{Anatomy, dissect, sniff};
use crate::contract::{ImportOwner, VERSION, exported_kind, import_owner};
use crate::error::LoadError;
use crate::guest::Guest;
use crate::kinds::Kind;
use crate::manifest::Manifest;
use crate::schema::ConfigSchema;

/// Components that stay in memory; the one that was not used for longest goes first.
const SHELF: usize = 64;

/// A plugin that is ready to be called.
pub(crate) struct Loaded {
    pub(crate) file: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) manifest: Manifest,
    /// Compiled at the first call that needs it: that takes longer than a load.
    schema: OnceLock<Result<ConfigSchema, String>>,
    pub(crate) kind: Kind,
    /// When it was last asked for, in the loader's count.
    used: AtomicU64,
}

impl Loaded {
    /// The schema of its config.
    pub(crate) fn schema(&self) -> Result<&ConfigSchema, LoadError> {
        let schema = self.schema.get_or_init(|| ConfigSchema::compile(&self.manifest.config));
        schema.as_ref().map_err(|reason| bad_schema(&self.file, reason))
    }
}

/// Loads plugins.
pub(crate) struct Loader {
    workshop: Arc<Workshop>,
    bundled: Vec<PathBuf>,
    shelf: Mutex<Shelf>,
    /// One load of a file at a time.
    gates: Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

/// What turns bytes into components.
pub(crate) struct Workshop {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Guest>,
    pub(crate) cache: Cache,
    /// The largest file.
    pub(crate) limit: u64,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<PathBuf, (Stamp, Digest)>,
    loaded: HashMap<Digest, Arc<Loaded>>,
    count: u64,
}

/// What changes when a file changes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A component file's bytes.
pub(crate) struct Raw {
    pub(crate) file: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub(crate) digest: Digest,
    stamp: Stamp,
}

impl Loader {
    pub(crate) fn new(workshop: Workshop, bundled: Vec<PathBuf>) -> Self {
        Self { workshop: Arc::new(workshop), bundled, shelf: Mutex::default(), gates: Mutex::default() }
    }

    pub(crate) fn workshop(&self) -> &Arc<Workshop> {
        &self.workshop
    }

    /// The plugin that `source` names, as `kind`.
    pub(crate) async fn load(&self, source: &PluginSource, kind: PluginKind) -> Result<Arc<Loaded>, LoadError> {
        let (file, stamp) = self.find(&source.file)?;
        if let Some(loaded) = self.on_shelf(&file, stamp) {
            return checked(loaded, source, kind);
        }
        let gate = Arc::clone(lock(&self.gates).entry(file.clone()).or_default());
        let held = gate.lock().await;
        // Another call may have loaded it meanwhile.
        if let Some(loaded) = self.on_shelf(&file, stamp) {
            return checked(loaded, source, kind);
        }
        let workshop = Arc::clone(&self.workshop);
        let wanted = source.sha256.clone();
        let path = file.clone();
        let made = tokio::task::spawn_blocking(move || workshop.make(&path, wanted.as_ref(), kind)).await;
        let (stamp, loaded) = made.map_err(|_| LoadError::Broken {
            file: file.clone(),
            reason: "the compiler failed on it; that is a bug of the compiler".to_owned(),
        })??;
        let loaded = self.shelve(file, stamp, loaded);
        drop(held);
        checked(loaded, source, kind)
    }

    /// The file that a workflow's text means: a path, or the name of a plugin that comes with shiftgate.
    fn find(&self, text: &str) -> Result<(PathBuf, Stamp), LoadError> {
        let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let candidates: Vec<PathBuf> = if bare {
            self.bundled.iter().map(|dir| dir.join(format!("{text}.wasm"))).collect()
        } else {
            vec![PathBuf::from(text)]
        };
        for file in candidates {
            match std::fs::metadata(&file) {
                Ok(found) if found.is_file() => return Ok((file, Stamp::of(&found))),
                Ok(_) => return Err(LoadError::NotWasm { file, looks_like: "a directory or a device" }),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(source) => return Err(LoadError::Unreadable { file, source }),
            }
        }
        let looked = if bare { self.bundled.clone() } else { Vec::new() };
        Err(LoadError::NotFound { file: PathBuf::from(text), looked })
    }

    /// The bytes of the file that `text` means.
    pub(crate) fn read(&self, text: &str) -> Result<Raw, LoadError> {
        let (file, _) = self.find(text)?;
        read(&file, self.workshop.limit)
    }

    fn on_shelf(&self, file: &Path, stamp: Stamp) -> Option<Arc<Loaded>> {
        let mut shelf = lock(&self.shelf);
        let digest = shelf.files.get(file).filter(|(seen, _)| *seen == stamp).map(|(_, digest)| digest)?;
        let loaded = Arc::clone(shelf.loaded.get(digest)?);
        shelf.touch(&loaded);
        Some(loaded)
    }

    fn shelve(&self, file: PathBuf, stamp: Stamp, loaded: Loaded) -> Arc<Loaded> {
        let mut shelf = lock(&self.shelf);
        if shelf.loaded.len() >= SHELF {
            shelf.drop_oldest();
        }
        let digest = loaded.digest.clone();
        shelf.files.insert(file, (stamp, digest.clone()));
        let loaded = Arc::new(loaded);
        shelf.touch(&loaded);
        shelf.loaded.insert(digest, Arc::clone(&loaded));
        loaded
    }
}

impl Shelf {
    fn touch(&mut self, loaded: &Loaded) {
        self.count += 1;
        loaded.used.store(self.count, Ordering::Relaxed);
    }

    fn drop_oldest(&mut self) {
        let oldest =
            self.loaded.values().min_by_key(|loaded| loaded.used.load(Ordering::Relaxed)).map(|loaded| loaded.digest.clone());
        if let Some(digest) = oldest {
            self.loaded.remove(&digest);
            self.files.retain(|_, (_, kept)| *kept != digest);
        }
    }
}

/// What a call asks of a plugin that is in memory already.
fn checked(loaded: Arc<Loaded>, source: &PluginSource, kind: PluginKind) -> Result<Arc<Loaded>, LoadError> {
    expect_digest(&loaded.file, &loaded.digest, source.sha256.as_ref())?;
    expect_kind(&loaded.file, loaded.manifest.kind, kind)?;
    Ok(loaded)
}

fn expect_digest(file: &Path, found: &Digest, wanted: Option<&Digest>) -> Result<(), LoadError> {
    match wanted {
        Some(wanted) if !wanted.0.eq_ignore_ascii_case(&found.0) => {
            Err(LoadError::DigestMismatch { file: file.to_path_buf(), found: found.clone(), wanted: wanted.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

fn expect_kind(file: &Path, is: PluginKind, needed: PluginKind) -> Result<(), LoadError> {
    if is == needed { Ok(()) } else { Err(LoadError::WrongKind { file: file.to_path_buf(), is, needed }) }
}

impl Workshop {
    /// Reads, checks, compiles and links one file.
    fn make(&self, file: &Path, wanted: Option<&Digest>, kind: PluginKind) -> Result<(Stamp, Loaded), LoadError> {
        let raw = read(file, self.limit)?;
        expect_digest(file, &raw.digest, wanted)?;
        sniff(file, &raw.bytes)?;
        let anatomy = dissect(&raw.bytes).map_err(|reason| LoadError::Broken { file: file.to_path_buf(), reason })?;
        let manifest = vet(file, &anatomy)?;
        expect_kind(file, manifest.kind, kind)?;
        let schema = OnceLock::new();
        let stored = self.cache.stored(&self.engine, &raw.digest);
        tracing::debug!(file = %file.display(), digest = %raw.digest.0, compiled = stored.is_some(), "loading a plugin");
        let component = match stored {
            Some(component) => component,
            None => {
                // What is compiled was vetted in every part; what is in the cache was so before.
                schema
                    .get_or_init(|| ConfigSchema::compile(&manifest.config))
                    .as_ref()
                    .map_err(|reason| bad_schema(file, reason))?;
                self.cache.compile(&self.engine, &raw.digest, &raw.bytes).map_err(|error| match error {
                    CodeError::Refused(reason) => LoadError::Broken { file: file.to_path_buf(), reason },
                    CodeError::Demanding(reason) => LoadError::Demanding { file: file.to_path_buf(), reason },
                })?
            }
        };
        let linked = self.linker.instantiate_pre(&component).and_then(|pre| Kind::link(kind, pre));
        let kind = linked.map_err(|error| LoadError::DoesNotLink { file: file.to_path_buf(), reason: format!("{error:#}") })?;
        let loaded = Loaded { file: file.to_path_buf(), digest: raw.digest, manifest, schema, kind, used: AtomicU64::new(0) };
        Ok((raw.stamp, loaded))
    }
}

fn bad_schema(file: &Path, reason: &str) -> LoadError {
    LoadError::BadManifest { file: file.to_path_buf(), reason: reason.to_owned() }
}

/// Reads a whole file.
fn read(file: &Path, limit: u64) -> Result<Raw, LoadError> {
    let unreadable = |source| LoadError::Unreadable { file: file.to_path_buf(), source };
    let mut open = File::open(file).map_err(unreadable)?;
    let found = open.metadata().map_err(unreadable)?;
    let too_large = |size| LoadError::TooLarge { file: file.to_path_buf(), size, limit };
    if found.len() > limit {
        return Err(too_large(found.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    Read::by_ref(&mut open).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    let digest = Digest(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(Raw { file: file.to_path_buf(), bytes, digest, stamp: Stamp::of(&found) })
}

/// Whether a component's outside makes it a plugin of this contract; its manifest, if so.
pub(crate) fn vet(file: &Path, anatomy: &Anatomy) -> Result<Manifest, LoadError> {
    let file = file.to_path_buf();
    let kinds: Vec<(PluginKind, &str)> = anatomy.exports.iter().filter_map(|name| exported_kind(name)).collect();
    let Some((_, version)) = kinds.first() else { return Err(LoadError::NotAPlugin { file }) };
    if *version != VERSION {
        return Err(LoadError::OtherContract { file, found: (*version).to_owned() });
    }
    let owned_by = |owner| anatomy.imports.iter().filter(move |name| import_owner(name) == owner);
    if let Some(import) = owned_by(ImportOwner::OtherContract).next() {
        let found = import.rsplit('@').next().unwrap_or_default().to_owned();
        return Err(LoadError::OtherContract { file, found });
    }
    let names: Vec<String> = owned_by(ImportOwner::Foreign).map(|name| crate::log::printable(name)).collect();
    if !names.is_empty() {
        return Err(LoadError::ForeignImports { file, names });
    }
    let section = match anatomy.manifests.as_slice() {
        [] => return Err(LoadError::NoManifest { file }),
        [one] => one,
        more => return Err(LoadError::BadManifest { file, reason: format!("there are {} that differ", more.len()) }),
    };
    let manifest = match Manifest::parse(section) {
        Ok(manifest) => manifest,
        Err(reason) => return Err(LoadError::BadManifest { file, reason: crate::log::printable(&reason) }),
    };
    if manifest.contract != VERSION {
        return Err(LoadError::OtherContract { file, found: crate::log::printable(&manifest.contract) });
    }
    if !kinds.iter().any(|(kind, _)| *kind == manifest.kind) {
        let exported = kinds.iter().map(|(kind, _)| kind.to_string()).collect::<Vec<_>>().join(", ");
        let reason = format!("it says {}, but the component exports {exported}", manifest.kind);
        return Err(LoadError::BadManifest { file, reason });
    }
    Ok(manifest)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
