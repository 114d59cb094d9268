//! An entry's code in memory where nobody can change it any more.
//!
//! On Linux that is a sealed memory file: the kernel copies the entry into it, refuses every later write, and the engine maps
//! it as it is, which spares a copy page by page (a third of what a load costs otherwise). Elsewhere, and where the kernel
//! does not give one, it is memory of this process.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// Code that stays as it is.
pub(super) enum Frozen {
    /// A memory file under all its seals.
    #[cfg(target_os = "linux")]
    Sealed(File),
    /// Memory of this process.
    Owned(Vec<u8>),
}

/// How much is read at once.
const CHUNK: usize = 64 << 10;

impl Frozen {
    /// Takes the rest of an entry, from where `file` stands; `length` bytes at most.
    pub(super) fn take(file: &File, length: u64) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        match linux::sealed(file, length) {
            Ok(memory) => return Ok(Self::Sealed(memory)),
            Err(error) => tracing::debug!(%error, "no sealed memory for compiled code; copying it"),
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        read_from(file, length, &mut |chunk| bytes.extend_from_slice(chunk))?;
        Ok(Self::Owned(bytes))
    }

    /// Shows every byte, in order.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed(memory) => linux::rewound(memory).and_then(|memory| read_from(memory, u64::MAX, visit)),
            Self::Owned(bytes) => {
                visit(bytes);
                Ok(())
            }
        }
    }

    /// A path that leads to these bytes and to nothing else as long as `self` lives; none for plain memory.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed(memory) => Some(linux::path(memory)),
            Self::Owned(_) => None,
        }
    }
}

/// Reads on from where `file` stands, `limit` bytes at most.
fn read_from(file: &File, limit: u64, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut rest = file.take(limit);
    let mut buffer = vec![0; CHUNK];
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => visit(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, Read, Seek};
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    /// Copies the rest of `file` into a new memory file and seals it.
    pub(super) fn sealed(mut file: &File, length: u64) -> io::Result<File> {
        let begin = file.stream_position()?;
        let copied = copy(file, length);
        if copied.is_err() {
            // The caller begins again.
            file.seek(io::SeekFrom::Start(begin))?;
        }
        copied
    }

    fn copy(file: &File, length: u64) -> io::Result<File> {
        let mut memory = File::from(memfd_create(c"shiftgate-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        io::copy(&mut file.take(length), &mut memory)?;
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(memory)
    }

    /// The memory file at its first byte.
    pub(super) fn rewound(mut memory: &File) -> io::Result<&File> {
        memory.rewind()?;
        Ok(memory)
    }

    pub(super) fn path(memory: &File) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()))
    }
}
