//! Faults of files and databases, in an operator's words. No code of SQLite leaves this module unexplained, and no address
//! is shown here but the place that the caller names. Next: `file`, `record`.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use shiftgate_model::StoreError;
use sqlx::migrate::MigrateError;

mod postgres;

pub(crate) use postgres::{is_away, message_is_away};

const FULL: &str = "the disk is full; free some space, then try again";
const READ_ONLY: &str = "the file or its file system is read-only; make it writable, or choose another state directory";
const DAMAGED: &str = "the file is damaged or is not a database of shiftgate; move it away or restore it from a backup";
/// The file that is open is not the one under its name any more.
pub(crate) const MOVED: &str =
    "the file was moved or deleted while it was in use; put it back, then `shiftgate resume` the run, or look what is where";
const LOCKED: &str = "another process keeps the database locked; try again, or end that process";
const CANNOT_OPEN: &str = "the file cannot be opened; look at its permissions and at its directory's";

/// A fault of the file system.
pub(crate) fn of_file(action: impl Into<String>, path: &Path, error: &IoError) -> StoreError {
    let reason = match error.kind() {
        ErrorKind::PermissionDenied => {
            "permission denied; make it writable for this user, or choose another state directory".to_owned()
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file stands where a directory should be; choose another state directory".to_owned()
        }
        ErrorKind::IsADirectory => "a directory stands where a file should be; move it away".to_owned(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL.to_owned(),
        ErrorKind::ReadOnlyFilesystem => READ_ONLY.to_owned(),
        _ => error.to_string(),
    };
    StoreError { action: action.into(), place: path.display().to_string(), reason }
}

/// A fault of a database.
pub(crate) fn of_database(action: impl Into<String>, place: impl Into<String>, error: &sqlx::Error) -> StoreError {
    let place = place.into();
    let reason = match error {
        // SQLite's pool has one connection, and whoever waits for it waits for a lock.
        sqlx::Error::PoolTimedOut if place.starts_with("postgres://") => postgres::NO_CONNECTION.to_owned(),
        other => database_reason(other),
    };
    StoreError { action: action.into(), place, reason }
}

/// A fault while the tables of the record were made or checked.
pub(crate) fn of_schema(place: impl Into<String>, error: &MigrateError) -> StoreError {
    let place = place.into();
    let (what, other) = match place.starts_with("postgres://") {
        true => ("database", "another database"),
        false => ("file", "another state directory"),
    };
    let reason = match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            format!("a newer shiftgate wrote this {what} (its schema is {version}); use that program, or choose {other}")
        }
        MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => {
            format!("schema {version} of the {what} is not the one that this program knows; use the program that wrote it")
        }
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => database_reason(cause),
        other => other.to_string(),
    };
    StoreError { action: "prepare the record".to_owned(), place, reason }
}

/// A fault that this room found itself.
pub(crate) fn of(action: impl Into<String>, place: impl Into<String>, reason: impl Into<String>) -> StoreError {
    StoreError { action: action.into(), place: place.into(), reason: reason.into() }
}

fn database_reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(cause) if postgres::state(cause.as_ref()).is_some() => postgres::reason(cause.as_ref()),
        sqlx::Error::Database(cause) => {
            let code = cause.code().and_then(|code| code.parse::<i32>().ok());
            code.and_then(sqlite_reason).unwrap_or_else(|| cause.message().to_owned())
        }
        sqlx::Error::Io(cause) if cause.kind() == ErrorKind::StorageFull => FULL.to_owned(),
        sqlx::Error::Io(cause) => postgres::lost(cause),
        sqlx::Error::Tls(cause) => {
            format!("TLS could not be set up: {cause}; look at `sslmode` and `sslrootcert` in the address")
        }
        sqlx::Error::PoolTimedOut => LOCKED.to_owned(),
        sqlx::Error::PoolClosed => "the record is closed already".to_owned(),
        other => other.to_string(),
    }
}

/// What one of SQLite's result codes means to an operator; none when its own message says more.
///
/// The low byte is the class of the code. Source: <https://www.sqlite.org/rescode.html>, read 2026-11.
pub(crate) fn sqlite_reason(code: i32) -> Option<String> {
    match code & 0xff {
        5 | 6 => Some(LOCKED.to_owned()),
        8 => Some(READ_ONLY.to_owned()),
        10 => Some(format!("the disk reported a read or write error (SQLite code {code}); it may be full or failing")),
        11 | 26 => Some(DAMAGED.to_owned()),
        13 => Some(FULL.to_owned()),
        14 => Some(CANNOT_OPEN.to_owned()),
        _ => None,
    }
}

/// What a message of SQLite means that came without its code; none when it is not a fault of the disk or the file.
pub(crate) fn sqlite_message_reason(message: &str) -> Option<String> {
    const SAID: [(&str, i32); 5] = [
        ("database or disk is full", 13),
        ("readonly database", 8),
        ("disk I/O error", 10),
        ("database disk image is malformed", 11),
        ("unable to open database file", 14),
    ];
    SAID.iter().find(|(said, _)| message.contains(said)).and_then(|(_, code)| sqlite_reason(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_disk_has_its_own_words() {
        let reasons: Vec<_> = [13, 8, 778, 11, 26, 14, 261].into_iter().filter_map(sqlite_reason).collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        the disk is full; free some space, then try again
        the file or its file system is read-only; make it writable, or choose another state directory
        the disk reported a read or write error (SQLite code 778); it may be full or failing
        the file is damaged or is not a database of shiftgate; move it away or restore it from a backup
        the file is damaged or is not a database of shiftgate; move it away or restore it from a backup
        the file cannot be opened; look at its permissions and at its directory's
        another process keeps the database locked; try again, or end that process
        ");
        let denied = of_file("open the record", Path::new("/srv/state.db"), &IoError::from(ErrorKind::PermissionDenied));
        insta::assert_snapshot!(denied, @"cannot open the record in /srv/state.db: permission denied; make it writable for this user, or choose another state directory");
        assert_eq!(sqlite_reason(19), None, "a broken constraint is a bug, and SQLite's words name the column");
        assert_eq!(sqlite_message_reason("(code: 13) database or disk is full"), sqlite_reason(13));
        assert_eq!(sqlite_message_reason("(code: 5) database is locked"), None, "that one passes by itself");
    }
}
