//! Faults of PostgreSQL and of the way to it, in an operator's words: what is wrong, what to do, and whether it may pass by
//! itself. Codes are those of <https://www.postgresql.org/docs/15/errcodes-appendix.html>, read 2026-11.
//! Next: `record`, `journal`.

use std::io::{Error as IoError, ErrorKind};

use sqlx::error::DatabaseError;

/// No connection in the time that a call waits for one.
pub(super) const NO_CONNECTION: &str =
    "no connection to the database in time; it is down, cannot be reached, or all its connections are taken";
const READ_ONLY: &str = "this server takes reads only, as a standby does; name the primary, or an address that follows it";
const CLEARTEXT_REFUSED: &str = "the server takes no unencrypted connection from here; take `sslmode=disable` out of the address, or ask for `sslmode=verify-full`";

/// The five characters by which PostgreSQL says what is wrong; none for SQLite, whose codes are shorter numbers.
pub(super) fn state(error: &dyn DatabaseError) -> Option<String> {
    error.code().filter(|code| code.len() == 5).map(|code| code.into_owned())
}

/// What an error of the server means to an operator; the server's own words where they say more.
pub(super) fn reason(error: &dyn DatabaseError) -> String {
    let said = error.message();
    let state = state(error).unwrap_or_default();
    match state.as_str() {
        "28P01" => {
            "the database refuses the password of this user; look at the address or at the secret that it comes from".into()
        }
        "28000" if said.contains("no encryption") => CLEARTEXT_REFUSED.into(),
        "28000" => format!("the database refuses this user from here ({said}); look at its pg_hba.conf"),
        "3D000" => format!("{said}; make it first: `createdb`"),
        "3F000" | "42501" => format!("{said}; the user needs CREATE on the database, or a schema `shiftgate` of its own"),
        "25006" => READ_ONLY.into(),
        "53100" => "the disk of the database is full; free some space there, then try again".into(),
        "53300" => "the database has no connection left; raise its `max_connections`, or run fewer workers".into(),
        "55P03" | "57014" => format!("another process keeps what is needed locked ({said}); try again"),
        "57P01" | "57P02" | "57P03" => format!("the database is not there now ({said}); it goes on when it is back"),
        _ => said.to_owned(),
    }
}

/// What it means that the connection could not be made, or broke.
pub(super) fn lost(error: &IoError) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            "nothing listens there (connection refused); look at host and port, and whether the database runs".to_owned()
        }
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            format!("the host cannot be reached ({error}); look at the network and at its firewall")
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            format!("the connection was lost ({error})")
        }
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            format!("a file that the address names cannot be read ({error}); look at `sslrootcert`, `sslcert` and `sslkey`")
        }
        _ => format!("the database cannot be reached ({error})"),
    }
}

/// Whether this may pass by itself, and what was asked may be asked again: the database is away, starts, stops, has no
/// connection free, or is a standby that becomes the primary.
pub(crate) fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(cause) => state(cause.as_ref()).is_some_and(|state| {
            // 08: connections; 40: the server took a transaction back; 57P: shutdown and start.
            ["08", "40", "57P"].iter().any(|class| state.starts_with(class))
                || matches!(state.as_str(), "25006" | "53300" | "55P03")
        }),
        _ => false,
    }
}

/// The same for what duroxide's provider passes on as text only.
pub(crate) fn message_is_away(message: &str) -> bool {
    const SAID: [&str; 12] = [
        "I/O error",
        "Connection pool error",
        "error communicating with database",
        "pool timed out",
        "terminating connection",
        "the database system is",
        "read-only transaction",
        "too many clients",
        "remaining connection slots",
        "Serialization failure",
        "Deadlock detected",
        "lock timeout",
    ];
    SAID.iter().any(|said| message.contains(said))
}
