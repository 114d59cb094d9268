//! TLS to the database, under the name that sqlx asks for.
//!
//! duroxide switches on sqlx's `native-tls` feature, and native-tls means OpenSSL. This crate has native-tls's name, the part of
//! its interface that sqlx, tokio-native-tls, hyper-tls and reqwest compile against, and rustls behind it, so that the program
//! keeps one TLS stack (docs/adr/0012-tls-to-the-database.md). It connects and never listens, opens no socket of its own, reads
//! no file but the system's root certificates, and may not grow an interface that native-tls does not have. What is checked
//! stands in `verify.rs`, what it is checked against in `roots.rs` and `material.rs`, how bytes move in `stream.rs`.

mod acceptor;
mod connector;
mod error;
mod material;
mod protocol;
mod roots;
mod stream;
mod verify;

pub use acceptor::TlsAcceptor;
pub use connector::{TlsConnector, TlsConnectorBuilder};
pub use error::{Error, HandshakeError, Result};
pub use material::{Certificate, Identity};
pub use protocol::Protocol;
pub use stream::{MidHandshakeTlsStream, TlsStream};
