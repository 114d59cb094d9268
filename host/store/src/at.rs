//! Where the state is: a directory of this machine, or a PostgreSQL database that many hosts share. The address of a
//! database is shown without its password, here and in every error; it may not be printed in any other way.
//! Next: `record`, `engine`.

use std::fmt;
use std::path::PathBuf;

use shiftgate_model::StoreError;
use url::Url;

use crate::fault;

/// Where the record is, and with it everything else that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAt {
    /// In a directory, for the processes of one machine.
    Directory(PathBuf),
    /// In a database, for many hosts.
    Postgres(PostgresUrl),
}

impl StoreAt {
    /// What an operator wrote: `postgres://…` and `postgresql://…` name a database, everything else a directory.
    ///
    /// # Errors
    /// As [`PostgresUrl::parse`].
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresUrl::parse(text).map(Self::Postgres);
        }
        Ok(Self::Directory(PathBuf::from(text)))
    }
}

impl fmt::Display for StoreAt {
    /// The directory, or the database without its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Where the engine's journal of a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalAt {
    /// In a SQLite file that one process has for itself.
    File(PathBuf),
    /// In a database, together with the journals of all other runs.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database: `postgres://user:password@host:port/database?sslmode=verify-full`.
///
/// `Debug` and `Display` leave the password and the options out.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    /// Takes an address apart, without connecting.
    ///
    /// # Errors
    /// It is no URL, names another scheme, or names no host or no database. What is wrong is said without the password.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let refused = |reason: &str| {
            let hint = "write `postgres://user@host:5432/database`";
            fault::of("read the address of the database", "the option", format!("{reason}; {hint}"))
        };
        // The parser's own words do not repeat what it read.
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refused("it does not begin with postgres://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("it names no host"));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(refused("it names no database"));
        }
        Ok(Self(url))
    }

    /// The whole address, to connect with and never to be shown.
    pub(crate) fn secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        f.write_str("postgres://")?;
        if !url.username().is_empty() {
            write!(f, "{}@", url.username())?;
        }
        f.write_str(url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let at = StoreAt::parse("postgres://ann:s3cret@db.example:5433/prod?sslmode=require&password=s3cret").unwrap();
        assert_eq!(at.to_string(), "postgres://ann@db.example:5433/prod");
        assert_eq!(format!("{at:?}"), "Postgres(PostgresUrl(postgres://ann@db.example:5433/prod))");
        assert_eq!(StoreAt::parse("/var/lib/shiftgate").unwrap(), StoreAt::Directory("/var/lib/shiftgate".into()));
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        let refused = |text: &str| StoreAt::parse(text).unwrap_err().to_string();
        let seen = ["postgres://ann:s3cret@:5432/prod", "postgres://ann:s3cret@db.example", "postgres://ann:s3cret@db:port/x"];
        insta::assert_snapshot!(seen.map(refused).join("\n"), @r"
        cannot read the address of the database in the option: empty host; write `postgres://user@host:5432/database`
        cannot read the address of the database in the option: it names no database; write `postgres://user@host:5432/database`
        cannot read the address of the database in the option: invalid port number; write `postgres://user@host:5432/database`
        ");
    }
}
