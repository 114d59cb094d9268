//! Directories and files of the state: made for their owner only, named in URLs, tried, and locked by one process at a
//! time. It may not know what is in them. Next: `record`, `engine`.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Once;

use shiftgate_model::StoreError;
use sqlx::{AnyConnection, Connection, Executor};

use crate::fault;

/// Makes a directory, and those above it, for their owner only; nothing happens to one that stands.
pub(crate) fn make_directory(path: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| fault::of_file("make the state directory", path, &error))
}

/// Opens a file to read and write; makes it, for its owner only, where it is missing.
///
/// A database is opened here once before SQLite sees it: then the file has these permissions (SQLite gives them to the
/// files beside it too), and a directory without them is named by the system's own words.
pub(crate) fn touch(action: &str, path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| fault::of_file(action, path, &error))
}

/// The URL of a SQLite file. Bytes that a URL gives a meaning to are escaped, so that any UTF-8 path can be named.
pub(crate) fn sqlite_url(action: &str, path: &Path) -> Result<String, StoreError> {
    let text = path.to_str().ok_or_else(|| fault::of(action, path.display().to_string(), "the path is not UTF-8"))?;
    let mut url = String::from("sqlite://");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => url.push(char::from(byte)),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(url + "?mode=rwc")
}

/// Opens a database once, reads from it, and closes it.
///
/// A pool asks again and again until its time is over when a connection cannot be made, and then says only that; this
/// says at once what is wrong.
pub(crate) async fn try_database(action: &str, path: &Path) -> Result<(), StoreError> {
    install_drivers();
    let url = sqlite_url(action, path)?;
    let read = async {
        let mut connection = AnyConnection::connect(&url).await?;
        connection.execute("SELECT name FROM sqlite_master").await?;
        connection.close().await
    };
    read.await.map_err(|error| fault::of_database(action, path.display().to_string(), &error))
}

/// Tells sqlx, once, which databases this program knows.
pub(crate) fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

/// A file that one process has for itself. The system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Exclusive {
    _file: File,
}

/// Why a file could not be taken.
#[derive(Debug)]
pub(crate) enum NotExclusive {
    /// Another process has it: its number, where it could be read.
    Taken(Option<u32>),
    /// The file system said no.
    Fault(StoreError),
}

impl Exclusive {
    /// Takes the file, or says who has it; never waits.
    pub(crate) fn take(action: &str, path: &Path) -> Result<Self, NotExclusive> {
        let mut file = touch(action, path).map_err(NotExclusive::Fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let read = file.read_to_string(&mut holder);
                return Err(NotExclusive::Taken(read.ok().and_then(|_| holder.trim().parse().ok())));
            }
            Err(TryLockError::Error(error)) => return Err(NotExclusive::Fault(fault::of_file(action, path, &error))),
        }
        // The number is for whoever finds the file taken; the lock holds without it, so a full disk does not matter here.
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::debug!(path = %path.display(), %error, "the lock file does not name this process");
        }
        Ok(Self { _file: file })
    }
}
