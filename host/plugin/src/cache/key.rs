//! The installation's key: 32 random bytes in the cache directory, readable by its user only.
//!
//! It appears whole or not at all, and two processes that start at once agree on one. A key that others may have read is
//! thrown away, and with it the trust in every entry.

use std::fmt;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Temporary, doubt, open_private, sync_dir};

const LENGTH: usize = 32;
const NAME: &str = "key";

/// The key of the cache's MACs.
pub(super) struct Key([u8; LENGTH]);

/// Never shows the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads the key in `dir`, or makes one where there is none that can be trusted.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        match Self::read(dir) {
            Ok(key) => return Ok(key),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "the key of the plugin cache is not trusted; making a new one");
                std::fs::remove_file(dir.join(NAME))?;
            }
        }
        let mut bytes = [0_u8; LENGTH];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let temporary = Temporary::create(dir, &[&bytes])?;
        // A link, unlike a rename, never takes the place of a key that another process has just made.
        match std::fs::hard_link(&temporary.path, dir.join(NAME)) {
            Ok(()) => sync_dir(dir)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Self::read(dir)
    }

    fn read(dir: &Path) -> io::Result<Self> {
        let (file, length) = open_private(&dir.join(NAME), LENGTH as u64)?;
        if length != LENGTH as u64 {
            return Err(doubt("it has not 32 bytes"));
        }
        let mut key = [0; LENGTH];
        file.read_exact_at(&mut key, 0)?;
        Ok(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
