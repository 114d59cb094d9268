//! A component's file: passed over once for its fingerprint, or read whole.
//!
//! Either way every byte is hashed: which file it is never depends on a name, a size or a time. `loader.rs` does the first for
//! a component that the cache may have, and the second for one that has to be compiled; it judges what comes back.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shiftgate_model::Digest;

use crate::cache::Fingerprint;
use crate::error::LoadError;

/// What changes when a file changes. Tells whether a file has to be looked at again, never what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }

    /// Bytes of the file.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }
}

/// A component file's bytes.
pub(crate) struct Raw {
    pub(crate) file: PathBuf,
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub(crate) digest: Digest,
    /// What the cache knows the bytes by.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) stamp: Stamp,
}

/// Reads a whole file, of `limit` bytes at most.
pub(crate) fn read(file: &Path, limit: u64) -> Result<Raw, LoadError> {
    let (mut open, stamp) = open(file, limit)?;
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or_default());
    let unreadable = |source| LoadError::Unreadable { file: file.to_path_buf(), source };
    Read::by_ref(&mut open).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLarge { file: file.to_path_buf(), size: bytes.len() as u64, limit });
    }
    let (digest, fingerprint) = (digest(&bytes), Fingerprint::of(&bytes));
    Ok(Raw { file: file.to_path_buf(), bytes, digest, fingerprint, stamp })
}

/// SHA-256, in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(hex(&Sha256::digest(bytes)))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fingerprint of a file of `limit` bytes at most, through `buffer`: nothing of the file is kept.
pub(crate) fn fingerprint(file: &Path, limit: u64, buffer: &mut [u8]) -> Result<(Stamp, Fingerprint), LoadError> {
    let (mut open, stamp) = open(file, limit)?;
    let mut hash = blake3::Hasher::new();
    loop {
        match open.read(buffer) {
            Ok(0) => return Ok((stamp, Fingerprint::from(hash))),
            Ok(count) => {
                hash.update(buffer.get(..count).unwrap_or_default());
                if hash.count() > limit {
                    return Err(LoadError::TooLarge { file: file.to_path_buf(), size: hash.count(), limit });
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(LoadError::Unreadable { file: file.to_path_buf(), source }),
        }
    }
}

fn open(file: &Path, limit: u64) -> Result<(File, Stamp), LoadError> {
    let unreadable = |source| LoadError::Unreadable { file: file.to_path_buf(), source };
    let open = File::open(file).map_err(unreadable)?;
    let found = open.metadata().map_err(unreadable)?;
    if found.len() > limit {
        return Err(LoadError::TooLarge { file: file.to_path_buf(), size: found.len(), limit });
    }
    Ok((open, Stamp::of(&found)))
}
