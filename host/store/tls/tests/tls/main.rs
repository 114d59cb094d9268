//! The crate from outside: against a server of rustls with certificates made for the test, and, through sqlx, against PostgreSQL.
//!
//! `authority` makes certificates, `server` answers; what has to hold is in `trust` (whom a client believes), `stream` (how bytes
//! move), `surface` (what HTTP's crates ask for beside that), `material` (which files are refused) and `postgres` (sqlx and a real
//! server).

#[cfg(test)]
mod authority;
#[cfg(test)]
mod material;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod server;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod surface;
#[cfg(test)]
mod trust;
