//! An entry's code in memory where nobody can change it any more, with the hash of what went in.
//!
//! On Linux that is a sealed memory file: the kernel refuses every later write, and the engine maps it as it is, which spares
//! a copy page by page. Elsewhere, and where the kernel does not give one, it is memory of this process.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Code that stays as it is.
pub(super) enum Frozen {
    /// A memory file under all its seals.
    #[cfg(target_os = "linux")]
    Sealed(File),
    /// Memory of this process.
    Owned(Vec<u8>),
}

impl Frozen {
    /// Takes the rest of an entry, from where `file` stands, `length` bytes at most; and its BLAKE3 hash.
    pub(super) fn take(mut file: &File, length: u64, buffer: &mut [u8]) -> io::Result<(Self, blake3::Hash)> {
        let begin = file.stream_position()?;
        #[cfg(target_os = "linux")]
        match linux::sealed(file, length, buffer) {
            Ok((memory, hash)) => return Ok((Self::Sealed(memory), hash)),
            Err(error) => tracing::debug!(%error, "no sealed memory for compiled code; using memory of the process"),
        }
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let hash = copy(file, length, buffer, &mut bytes)?;
        Ok((Self::Owned(bytes), hash))
    }

    /// The bytes, in memory of this process.
    pub(super) fn bytes(self) -> io::Result<Vec<u8>> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed(mut memory) => {
                let mut bytes = Vec::new();
                memory.rewind()?;
                memory.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Owned(bytes) => Ok(bytes),
        }
    }

    /// A path that leads to these bytes and to nothing else as long as `self` lives; none for memory of the process.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed(memory) => Some(linux::path(memory)),
            Self::Owned(_) => None,
        }
    }
}

/// Copies from where `file` stands, `limit` bytes at most, and hashes what it copies.
fn copy(file: &File, limit: u64, buffer: &mut [u8], into: &mut dyn Write) -> io::Result<blake3::Hash> {
    let mut rest = file.take(limit);
    let mut hash = blake3::Hasher::new();
    loop {
        match rest.read(buffer) {
            Ok(0) => return Ok(hash.finalize()),
            Ok(count) => {
                let chunk = buffer.get(..count).unwrap_or_default();
                hash.update(chunk);
                into.write_all(chunk)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    /// Copies the rest of `file` into a new memory file of this process, and seals it.
    pub(super) fn sealed(file: &File, length: u64, buffer: &mut [u8]) -> io::Result<(File, blake3::Hash)> {
        let mut memory = File::from(memfd_create(c"shiftgate-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        let hash = super::copy(file, length, buffer, &mut memory)?;
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((memory, hash))
    }

    pub(super) fn path(memory: &File) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()))
    }
}
