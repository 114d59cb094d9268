//! From a name in a workflow file to a component that is ready to be instantiated.
//!
//! Finds the file, checks its digest, judges its outside, refuses what is no plugin of the needed kind, and only then has it
//! compiled (off the async threads, and never twice). What is loaded stays in memory by digest. Runs no code of the plugin:
//! `run.rs` does. `file.rs` reads and hashes, `component.rs` takes a component apart, `cache/` keeps what was found.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use shiftgate_model::{Digest, PluginKind, PluginSource};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{block_in_place, spawn_blocking};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::cache::{Buffer, Cache, CodeError, Facts};
use crate::compile::{self, Allowance, Compiler};
use crate::component::{Anatomy, dissect, sniff};
use crate::contract::{ImportOwner, VERSION, exported_kind, import_owner};
use crate::error::LoadError;
use crate::file::{Raw, Stamp, fingerprint, read};
use crate::grants::LastSettled;
use crate::guest::Guest;
use crate::kinds::Kind;
use crate::log::strangers;
use crate::manifest::Manifest;
use crate::schema::{ConfigSchema, TooHard};

/// Components that stay in memory; the one that was not used for longest goes first.
const SHELF: usize = 64;

/// Imports that a refusal names.
const IMPORTS_TOLD: usize = 8;

/// A config schema, once it was needed.
type LazySchema = OnceLock<Result<ConfigSchema, String>>;

/// A plugin that is ready to be called.
pub(crate) struct Loaded {
    pub(crate) file: PathBuf,
    pub(crate) digest: Digest,
    /// Bytes of its file.
    size: u64,
    pub(crate) manifest: Manifest,
    /// Compiled at the first call that needs it: that takes longer than a load.
    schema: LazySchema,
    pub(crate) kind: Kind,
    /// Those of its last call.
    pub(crate) settled: LastSettled,
    /// When it was last asked for, in the loader's count.
    used: AtomicU64,
}

impl Loaded {
    fn new(file: &Path, digest: Digest, size: u64, manifest: Manifest, schema: LazySchema, kind: Kind) -> Self {
        Self {
            file: file.to_path_buf(),
            digest,
            size,
            manifest,
            schema,
            kind,
            settled: LastSettled::default(),
            used: AtomicU64::new(0),
        }
    }

    /// Whether its file has `limit` bytes at most.
    ///
    /// # Errors
    /// It has more.
    pub(crate) fn fits(&self, limit: u64) -> Result<(), LoadError> {
        if self.size > limit {
            return Err(LoadError::TooLarge { file: self.file.clone(), size: self.size, limit });
        }
        Ok(())
    }

    /// The schema of its config.
    pub(crate) fn schema(&self) -> Result<&ConfigSchema, LoadError> {
        let schema = self.schema.get_or_init(|| ConfigSchema::read(&self.manifest.config));
        schema.as_ref().map_err(|reason| bad_manifest(&self.file, reason))
    }

    /// Its schema cannot be used for a config.
    pub(crate) fn hard_schema(&self, error: &TooHard) -> LoadError {
        bad_manifest(&self.file, &error.to_string())
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
    pub(crate) compiler: Compiler,
    pub(crate) allowance: Allowance,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<PathBuf, (Stamp, Digest)>,
    loaded: HashMap<Digest, Arc<Loaded>>,
    count: u64,
}

impl Loader {
    pub(crate) fn new(workshop: Workshop, bundled: Vec<PathBuf>) -> Self {
        Self { workshop: Arc::new(workshop), bundled, shelf: Mutex::default(), gates: Mutex::default() }
    }

    pub(crate) fn workshop(&self) -> &Arc<Workshop> {
        &self.workshop
    }

    /// The plugin that `source` names. A run that began with another component than the one that is there now goes on with the
    /// copy of it.
    pub(crate) async fn load(&self, source: &PluginSource, kind: PluginKind, limit: u64) -> Result<Arc<Loaded>, LoadError> {
        let digest = source.pinned.as_ref().or(source.sha256.as_ref()).cloned();
        let wanted = Wanted { digest, kind, limit };
        let loaded = match self.find(&source.file) {
            Ok((file, stamp)) => self.load_file(file, stamp, &wanted).await,
            Err(error) => Err(error),
        };
        let (Err(error), Some(pinned)) = (&loaded, &source.pinned) else { return loaded };
        match (self.workshop.cache.copy(pinned), error) {
            (Some(copy), _) => {
                let found = std::fs::metadata(&copy);
                let found = found.map_err(|source| LoadError::Unreadable { file: copy.clone(), source })?;
                // A copy that was changed is as good as none.
                self.load_file(copy, Stamp::of(&found), &wanted).await.map_err(|failure| match (failure, error) {
                    (LoadError::DigestMismatch { .. }, LoadError::DigestMismatch { file, found, .. }) => {
                        LoadError::Replaced { file: file.clone(), found: found.clone(), pinned: pinned.clone() }
                    }
                    (other, _) => other,
                })
            }
            (None, LoadError::DigestMismatch { file, found, .. }) => {
                Err(LoadError::Replaced { file: file.clone(), found: found.clone(), pinned: pinned.clone() })
            }
            (None, _) => loaded,
        }
    }

    async fn load_file(&self, file: PathBuf, stamp: Stamp, wanted: &Wanted) -> Result<Arc<Loaded>, LoadError> {
        if let Some(loaded) = self.on_shelf(&file, stamp) {
            return wanted.check(loaded);
        }
        let gate = Arc::clone(lock(&self.gates).entry(file.clone()).or_default());
        let held = gate.lock().await;
        // Another call may have loaded it meanwhile.
        if let Some(loaded) = self.on_shelf(&file, stamp) {
            return wanted.check(loaded);
        }
        let (stamp, loaded) = self.make(&file, wanted).await?;
        let loaded = self.shelve(file, stamp, loaded);
        drop(held);
        wanted.check(loaded)
    }

    /// Makes a plugin of one file: from the cache, or by compiling it off the async threads.
    async fn make(&self, file: &Path, wanted: &Wanted) -> Result<(Stamp, Loaded), LoadError> {
        // A load from the cache takes little longer than waking another thread for it, and on a busy machine less. So it stays
        // on this thread where the runtime has others that can take over what else this one had to do.
        let stays = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        if stays && let Some(made) = block_in_place(|| self.workshop.kept(file, wanted))? {
            return Ok(made);
        }
        let workshop = Arc::clone(&self.workshop);
        let (path, wanted) = (file.to_path_buf(), wanted.clone());
        let made = spawn_blocking(move || {
            let kept = if stays { None } else { workshop.kept(&path, &wanted)? };
            kept.map_or_else(|| workshop.compiled(&path, &wanted), Ok)
        });
        made.await.map_err(|_| LoadError::Broken {
            file: file.to_path_buf(),
            reason: "the compiler failed on it; that is a bug of the compiler".to_owned(),
        })?
    }

    /// The file that a workflow's text means: a path, or the name of a plugin that comes with shiftgate.
    fn find(&self, text: &str) -> Result<(PathBuf, Stamp), LoadError> {
        let bare = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !bare {
            let file = PathBuf::from(text);
            return match Self::look(&file)? {
                Some(stamp) => Ok((file, stamp)),
                None => Err(LoadError::NotFound { file, looked: Vec::new() }),
            };
        }
        for dir in &self.bundled {
            let file = dir.join(format!("{text}.wasm"));
            if let Some(stamp) = Self::look(&file)? {
                return Ok((file, stamp));
            }
        }
        Err(LoadError::NotFound { file: PathBuf::from(text), looked: self.bundled.clone() })
    }

    /// A file as it is now; none when it is not there.
    fn look(file: &Path) -> Result<Option<Stamp>, LoadError> {
        match std::fs::metadata(file) {
            Ok(found) if found.is_file() => Ok(Some(Stamp::of(&found))),
            Ok(_) => Err(LoadError::NotWasm { file: file.to_owned(), looks_like: "a directory or a device" }),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(LoadError::Unreadable { file: file.to_owned(), source }),
        }
    }

    /// The bytes of the file that `text` means.
    pub(crate) fn read(&self, text: &str, limit: u64) -> Result<Raw, LoadError> {
        let (file, _) = self.find(text)?;
        read(&file, limit)
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

/// What a component has to be.
#[derive(Clone, Debug)]
struct Wanted {
    /// None takes any.
    digest: Option<Digest>,
    kind: PluginKind,
    /// The most bytes of its file.
    limit: u64,
}

impl Wanted {
    /// What a call asks of a plugin that is in memory already.
    fn check(&self, loaded: Arc<Loaded>) -> Result<Arc<Loaded>, LoadError> {
        loaded.fits(self.limit)?;
        expect_digest(&loaded.file, &loaded.digest, self.digest.as_ref())?;
        expect_kind(&loaded.file, loaded.manifest.kind, self.kind)?;
        Ok(loaded)
    }
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
    /// A plugin from the cache. The file is hashed, but neither kept nor parsed: what it says of itself stands in its entry,
    /// and is judged here as if it had just been read.
    fn kept(&self, file: &Path, wanted: &Wanted) -> Result<Option<(Stamp, Loaded)>, LoadError> {
        let mut buffer = Buffer::new();
        let (stamp, fingerprint) = fingerprint(file, wanted.limit, &mut buffer)?;
        let Some(entry) = self.cache.find(&fingerprint, &mut buffer) else { return Ok(None) };
        let Facts { digest, anatomy } = entry.facts();
        expect_digest(file, digest, wanted.digest.as_ref())?;
        let manifest = vet(file, anatomy)?;
        expect_kind(file, manifest.kind, wanted.kind)?;
        let digest = digest.clone();
        let Some(component) = entry.load(&self.engine) else { return Ok(None) };
        let kind = self.link(file, &component, wanted.kind)?;
        Ok(Some((stamp, Loaded::new(file, digest, stamp.size(), manifest, OnceLock::new(), kind))))
    }

    /// A plugin by compiling it, after every part of it was vetted.
    fn compiled(&self, file: &Path, wanted: &Wanted) -> Result<(Stamp, Loaded), LoadError> {
        let Raw { bytes, digest, fingerprint, stamp, .. } = read(file, wanted.limit)?;
        tracing::debug!(file = %file.display(), digest = %digest.0, "compiling a plugin");
        expect_digest(file, &digest, wanted.digest.as_ref())?;
        sniff(file, &bytes)?;
        let anatomy = dissect(&bytes).map_err(|reason| broken(file, &reason))?;
        let manifest = vet(file, &anatomy)?;
        expect_kind(file, manifest.kind, wanted.kind)?;
        let schema = ConfigSchema::read(&manifest.config).map_err(|reason| bad_manifest(file, &reason))?;
        let facts = Facts { digest, anatomy };
        let compiled = compile::compile(&self.compiler, &self.engine, self.allowance, &bytes).map_err(CodeError::from);
        let taken = compiled.and_then(|code| self.cache.take(&self.engine, &fingerprint, &facts, &bytes, &code));
        let component = taken.map_err(|error| match error {
            CodeError::Refused(reason) => broken(file, &reason),
            CodeError::TooHard(reason) => LoadError::TooHard { file: file.to_path_buf(), reason: strangers(&reason) },
            CodeError::Demanding(reason) => LoadError::Demanding { file: file.to_path_buf(), reason: strangers(&reason) },
        })?;
        let kind = self.link(file, &component, wanted.kind)?;
        Ok((stamp, Loaded::new(file, facts.digest, stamp.size(), manifest, OnceLock::from(Ok(schema)), kind)))
    }

    fn link(&self, file: &Path, component: &Component, kind: PluginKind) -> Result<Kind, LoadError> {
        let linked = self.linker.instantiate_pre(component).and_then(|pre| Kind::link(kind, pre));
        linked.map_err(|error| LoadError::DoesNotLink { file: file.to_path_buf(), reason: strangers(&format!("{error:#}")) })
    }
}

pub(crate) fn broken(file: &Path, reason: &str) -> LoadError {
    LoadError::Broken { file: file.to_path_buf(), reason: strangers(reason) }
}

pub(crate) fn bad_manifest(file: &Path, reason: &str) -> LoadError {
    LoadError::BadManifest { file: file.to_path_buf(), reason: strangers(reason) }
}

/// Whether a component's outside makes it a plugin of this contract; its manifest, if so.
pub(crate) fn vet(file: &Path, anatomy: &Anatomy) -> Result<Manifest, LoadError> {
    let file = file.to_path_buf();
    let kinds: Vec<(PluginKind, &str)> = anatomy.exports.iter().filter_map(|name| exported_kind(name)).collect();
    let Some((_, version)) = kinds.first() else { return Err(LoadError::NotAPlugin { file }) };
    if *version != VERSION {
        return Err(LoadError::OtherContract { file, found: strangers(version) });
    }
    let owned_by = |owner| anatomy.imports.iter().filter(move |name| import_owner(name) == owner);
    if let Some(import) = owned_by(ImportOwner::OtherContract).next() {
        let found = strangers(import.rsplit('@').next().unwrap_or_default());
        return Err(LoadError::OtherContract { file, found });
    }
    let names: Vec<String> = owned_by(ImportOwner::Foreign).take(IMPORTS_TOLD).map(|name| strangers(name)).collect();
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
        Err(reason) => return Err(bad_manifest(&file, &reason)),
    };
    if manifest.contract != VERSION {
        return Err(LoadError::OtherContract { file, found: strangers(&manifest.contract) });
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
