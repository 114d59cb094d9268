//! Compiled components on disk, so that nothing is compiled twice.
//!
//! Compiled code is run as it stands, and a flipped bit in it goes unnoticed by the engine. So an entry carries an
//! HMAC-SHA256 under a key of this installation, over what it was compiled from (the BLAKE3 hash of the component), for which
//! engine, over what the component says of itself, and over the BLAKE3 hash of the very bytes that are then loaded; the key
//! and the entries have to be files of this user that nobody else can write. Any doubt means: compile again. Nothing here
//! fails a call: a cache that cannot be used is told once, and left. docs/adr/0008 has the layout and the reasons. `code.rs`
//! is the only place that loads machine code.

mod code;
mod facts;
mod frozen;
mod key;

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use shiftgate_model::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use self::code::Verified;
pub(crate) use self::facts::Facts;
use self::key::Key;
use crate::compile;
use crate::file::hex;

/// How components are compiled; another way of compiling makes other entries.
const PROFILE: &[u8] = b"optimised";
/// What an entry begins with; another layout gets another text.
const MAGIC: &[u8; 16] = b"shiftgate-code-2";
const MAC_LENGTH: usize = 32;
/// What stands before the facts: magic, MAC, and how many bytes of facts follow.
const HEAD_LENGTH: usize = MAGIC.len() + MAC_LENGTH + 4;
/// Larger entries are not read.
const ENTRY_LIMIT: u64 = 1 << 30;

/// The directory of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    /// None when the directory or its key cannot be trusted.
    store: Option<Store>,
    /// What compiled code depends on beyond the component: the engine's version, its settings and the processor.
    compatibility: [u8; 32],
}

#[derive(Debug)]
struct Store {
    dir: PathBuf,
    key: Key,
}

/// What the cache knows a component by: the BLAKE3 hash of its file. As good as its SHA-256, in less than half the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(blake3::Hash);

impl Fingerprint {
    pub(crate) fn of(wasm: &[u8]) -> Self {
        Self(blake3::hash(wasm))
    }
}

impl From<blake3::Hasher> for Fingerprint {
    fn from(hasher: blake3::Hasher) -> Self {
        Self(hasher.finalize())
    }
}

/// What files pass through on a load: small enough to be hashed and copied while the processor still has it at hand.
pub(crate) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; 64 << 10].into_boxed_slice())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// An entry that can be trusted; its code is not loaded yet.
pub(crate) struct Entry {
    facts: Facts,
    code: Verified<'static>,
}

impl Entry {
    /// What is known of the component.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its code; none when the engine does not take it after all.
    pub(crate) fn load(self, engine: &Engine) -> Option<Component> {
        let loaded = code::load(engine, self.code);
        loaded.inspect_err(|error| distrusted(&self.facts.digest.0, error)).ok()
    }
}

fn distrusted(component: &str, error: &io::Error) {
    tracing::warn!(component, %error, "a compiled plugin is not trusted; compiling it again");
}

/// Why a component has no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CodeError {
    /// The compiler does not take it.
    Refused(String),
    /// Compiling it takes more than it may.
    TooHard(String),
    /// It compiles, and needs more than an instance may have.
    Demanding(String),
}

impl From<compile::Failure> for CodeError {
    fn from(failure: compile::Failure) -> Self {
        match failure {
            compile::Failure::Refused(why) => Self::Refused(why),
            compile::Failure::TooHard(why) => Self::TooHard(why),
        }
    }
}

impl Cache {
    /// Opens the cache in `dir`, making the directory and its key where there are none.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Self {
        let store = private_dir(dir).and_then(|()| Key::open(dir)).map(|key| Store { dir: dir.to_path_buf(), key });
        if let Err(error) = &store {
            tracing::warn!(dir = %dir.display(), %error, "compiled plugins are not kept: the cache directory cannot be used");
        }
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { store: store.ok(), compatibility: hasher.0.finalize().into() }
    }

    /// Whether a trustworthy entry of this component is there.
    pub(crate) fn holds(&self, component: &Fingerprint) -> bool {
        self.store.as_ref().is_some_and(|store| store.read(component, &self.compatibility, &mut Buffer::new()).is_ok())
    }

    /// The component's entry, if there is one that can be trusted.
    pub(crate) fn find(&self, component: &Fingerprint, buffer: &mut [u8]) -> Option<Entry> {
        match self.store.as_ref()?.read(component, &self.compatibility, buffer) {
            Ok(entry) => Some(entry),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                distrusted(&component.0.to_hex(), &error);
                None
            }
        }
    }

    /// Takes code that was just compiled from `wasm`, and keeps it with what is known of the component, and the component.
    ///
    /// # Errors
    /// What the engine says of code that it does not take.
    pub(crate) fn take(
        &self,
        engine: &Engine,
        component: &Fingerprint,
        facts: &Facts,
        wasm: &[u8],
        compiled: &[u8],
    ) -> Result<Component, CodeError> {
        let loaded = code::load(engine, Verified::just_compiled(compiled));
        let loaded = loaded.map_err(|error| CodeError::Demanding(error.to_string()))?;
        if let Some(store) = &self.store
            && let Err(error) =
                store.write(component, &self.compatibility, facts, compiled).and_then(|()| store.keep(facts, wasm))
        {
            tracing::warn!(component = %facts.digest.0, %error, "a compiled plugin cannot be kept");
        }
        Ok(loaded)
    }

    /// The component of that digest as it was when it was compiled, for a run that began with it. Whoever reads it holds it
    /// against the digest.
    pub(crate) fn copy(&self, digest: &Digest) -> Option<PathBuf> {
        self.store.as_ref().map(|store| store.copy(digest)).filter(|copy| copy.is_file())
    }
}

impl Store {
    fn path(&self, component: &Fingerprint, compatibility: &[u8; 32]) -> PathBuf {
        let engine = hex(compatibility.get(..8).unwrap_or_default());
        self.dir.join(format!("{}-{engine}.code", component.0.to_hex()))
    }

    fn copy(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}.wasm", digest.0))
    }

    /// Keeps a component beside its code.
    fn keep(&self, facts: &Facts, wasm: &[u8]) -> io::Result<()> {
        let temporary = Temporary::create(&self.dir, &[wasm])?;
        std::fs::rename(&temporary.path, self.copy(&facts.digest))
    }

    /// A MAC that waits for the hash of the code.
    fn mac(&self, component: &Fingerprint, compatibility: &[u8; 32], facts: &[u8]) -> io::Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.bytes()).map_err(|error| doubt(&error.to_string()))?;
        for part in [MAGIC.as_slice(), PROFILE, component.0.as_bytes(), compatibility, facts] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        Ok(mac)
    }

    fn read(&self, component: &Fingerprint, compatibility: &[u8; 32], buffer: &mut [u8]) -> io::Result<Entry> {
        let (mut file, length) = open_private(&self.path(component, compatibility), ENTRY_LIMIT)?;
        let short = || doubt("it is cut short");
        let mut head = [0; HEAD_LENGTH];
        let length = length.checked_sub(HEAD_LENGTH as u64).ok_or_else(short)?;
        file.read_exact(&mut head)?;
        let rest = head.strip_prefix(MAGIC.as_slice()).ok_or_else(|| doubt("it does not begin like an entry"))?;
        let (expected, said) = rest.split_first_chunk::<MAC_LENGTH>().ok_or_else(short)?;
        let said = u32::from_le_bytes(said.try_into().map_err(|_| short())?);
        let length = length.checked_sub(u64::from(said)).ok_or_else(short)?;
        let mut facts = vec![0; usize::try_from(said).map_err(|_| short())?];
        file.read_exact(&mut facts)?;
        let mac = self.mac(component, compatibility, &facts)?;
        let code = Verified::check(&file, length, buffer, mac, expected)?;
        let facts = Facts::decode(&facts).ok_or_else(|| doubt("what it says of its component cannot be read"))?;
        Ok(Entry { facts, code })
    }

    fn write(&self, component: &Fingerprint, compatibility: &[u8; 32], facts: &Facts, code: &[u8]) -> io::Result<()> {
        let facts = facts.encode().ok_or_else(|| io::Error::other("it says too much of itself"))?;
        let length = u32::try_from(facts.len()).map_err(io::Error::other)?.to_le_bytes();
        let mac = self.mac(component, compatibility, &facts)?.chain_update(blake3::hash(code).as_bytes());
        let mac = mac.finalize().into_bytes();
        let temporary = Temporary::create(&self.dir, &[MAGIC.as_slice(), &mac, &length, &facts, code])?;
        std::fs::rename(&temporary.path, self.path(component, compatibility))?;
        sync_dir(&self.dir)
    }
}

/// A file under a name of its own, written and synced, that goes away unless it was renamed.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn create(dir: &Path, parts: &[&[u8]]) -> io::Result<Self> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = hex(&random);
        let path = dir.join(format!(".tmp-{name}"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let temporary = Self { path };
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Makes `dir` and sees to it that only this user can write there.
fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = std::fs::metadata(dir)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(doubt("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        std::fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file that is this user's, no link, and readable and writable by nobody else; with its length.
fn open_private(path: &Path, limit: u64) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).custom_flags(nofollow()).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(doubt("it is no regular file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(doubt("it belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(doubt("other users may read or write it"));
    }
    if found.len() > limit {
        return Err(doubt("it is too large"));
    }
    Ok((file, found.len()))
}

/// The flags that keep `open` from following a link, and from waiting at a pipe.
fn nofollow() -> i32 {
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default()
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn doubt(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Feeds a `Hash` into SHA-256, whose result is the same in every process.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(self.0.clone().finalize());
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

#[cfg(test)]
mod tests;
