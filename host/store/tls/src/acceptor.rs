//! The server's side, which tokio-native-tls names and nobody here uses: it refuses. Next room: `connector.rs`.

use std::convert::Infallible;
use std::io::{Read, Write};

use crate::error::{HandshakeError, Reason, Result};
use crate::material::Identity;
use crate::stream::TlsStream;

/// Takes connections in native-tls; here there is none.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(Infallible);

impl TlsAcceptor {
    /// Refuses: this crate connects and never listens.
    ///
    /// # Errors
    /// Always.
    pub fn new(_identity: Identity) -> Result<Self> {
        Err(Reason::Listens.into())
    }

    /// Cannot be called: there is no acceptor.
    ///
    /// # Errors
    /// Never returns.
    pub fn accept<S: Read + Write>(&self, _stream: S) -> std::result::Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }
}
