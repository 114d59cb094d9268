//! A stand-in for `native-tls` that refuses every connection.
//!
//! duroxide's SQLite provider switches on sqlx's `native-tls` feature, which pulls in OpenSSL although SQLite never
//! opens a socket. This crate has the names that sqlx compiles against and nothing behind them: [`TlsConnector::builder`]
//! can be filled in, and `build` always fails. It may not grow a real implementation; when a database with a network
//! arrives, it goes (docs/adr/0003-no-openssl.md).

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

/// Says that this program carries no TLS for databases.
#[derive(Debug)]
pub struct Error(());

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this build of shiftgate has no TLS for database connections")
    }
}

impl std::error::Error for Error {}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says its version")]
pub enum Protocol {
    Tlsv10,
    Tlsv11,
    Tlsv12,
    Tlsv13,
}

/// A certificate; never built.
#[derive(Clone, Debug)]
pub struct Certificate(Infallible);

impl Certificate {
    /// Refuses any certificate.
    ///
    /// # Errors
    /// Always.
    pub fn from_pem(_pem: &[u8]) -> Result<Self, Error> {
        Err(Error(()))
    }
}

/// A client identity; never built.
#[derive(Clone, Debug)]
pub struct Identity(Infallible);

impl Certificate {
    /// Refuses any certificate.
    ///
    /// # Errors
    /// Always.
    pub fn from_der(_der: &[u8]) -> Result<Self, Error> {
        Err(Error(()))
    }

    /// Cannot be called: there is no certificate.
    ///
    /// # Errors
    /// Never returns.
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        match self.0 {}
    }
}

impl Identity {
    /// Refuses any identity.
    ///
    /// # Errors
    /// Always.
    pub fn from_pkcs12(_der: &[u8], _password: &str) -> Result<Self, Error> {
        Err(Error(()))
    }

    /// Refuses any identity.
    ///
    /// # Errors
    /// Always.
    pub fn from_pkcs8(_pem: &[u8], _key: &[u8]) -> Result<Self, Error> {
        Err(Error(()))
    }
}

/// A connector; never built.
#[derive(Clone, Debug)]
pub struct TlsConnector(Infallible);

/// An acceptor; never built.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(Infallible);

impl TlsAcceptor {
    /// Cannot be called: there is no acceptor.
    ///
    /// # Errors
    /// Never returns.
    pub fn accept<S: Read + Write>(&self, _stream: S) -> Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }
}

impl TlsConnector {
    /// Refuses to build.
    ///
    /// # Errors
    /// Always.
    pub fn new() -> Result<Self, Error> {
        Err(Error(()))
    }

    /// Starts a builder, which takes every setting and builds nothing.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder(())
    }

    /// Cannot be called: there is no connector.
    ///
    /// # Errors
    /// Never returns.
    pub fn connect<S: Read + Write>(&self, _host: &str, _stream: S) -> Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }
}

/// Takes settings and builds nothing.
#[derive(Debug)]
pub struct TlsConnectorBuilder(());

impl TlsConnectorBuilder {
    /// Takes the setting.
    pub fn request_alpns(&mut self, _protocols: &[&str]) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn use_sni(&mut self, _use: bool) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn disable_built_in_roots(&mut self, _disable: bool) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn min_protocol_version(&mut self, _version: Option<Protocol>) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn max_protocol_version(&mut self, _version: Option<Protocol>) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn danger_accept_invalid_certs(&mut self, _accept: bool) -> &mut Self {
        self
    }

    /// Takes the setting.
    pub fn danger_accept_invalid_hostnames(&mut self, _accept: bool) -> &mut Self {
        self
    }

    /// Cannot be called: there is no certificate.
    pub fn add_root_certificate(&mut self, certificate: Certificate) -> &mut Self {
        match certificate.0 {}
    }

    /// Cannot be called: there is no identity.
    pub fn identity(&mut self, identity: Identity) -> &mut Self {
        match identity.0 {}
    }

    /// Refuses to build.
    ///
    /// # Errors
    /// Always.
    pub fn build(&self) -> Result<TlsConnector, Error> {
        Err(Error(()))
    }
}

/// A stream; never built.
#[derive(Debug)]
pub struct TlsStream<S>(Infallible, PhantomData<S>);

impl<S> TlsStream<S> {
    /// Cannot be called: there is no stream.
    pub fn get_ref(&self) -> &S {
        match self.0 {}
    }

    /// Cannot be called: there is no stream.
    ///
    /// # Errors
    /// Never returns.
    pub fn negotiated_alpn(&self) -> Result<Option<Vec<u8>>, Error> {
        match self.0 {}
    }

    /// Cannot be called: there is no stream.
    ///
    /// # Errors
    /// Never returns.
    pub fn peer_certificate(&self) -> Result<Option<Certificate>, Error> {
        match self.0 {}
    }

    /// Cannot be called: there is no stream.
    pub fn get_mut(&mut self) -> &mut S {
        match self.0 {}
    }

    /// Cannot be called: there is no stream.
    ///
    /// # Errors
    /// Never returns.
    pub fn shutdown(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl<S> Read for TlsStream<S> {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl<S> Write for TlsStream<S> {
    fn write(&mut self, _buffer: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

/// A handshake under way; never built.
#[derive(Debug)]
pub struct MidHandshakeTlsStream<S>(Infallible, PhantomData<S>);

impl<S> MidHandshakeTlsStream<S> {
    /// Cannot be called: there is no handshake.
    pub fn get_ref(&self) -> &S {
        match self.0 {}
    }

    /// Cannot be called: there is no handshake.
    pub fn get_mut(&mut self) -> &mut S {
        match self.0 {}
    }

    /// Cannot be called: there is no handshake.
    ///
    /// # Errors
    /// Never returns.
    pub fn handshake(self) -> Result<TlsStream<S>, HandshakeError<S>> {
        match self.0 {}
    }
}

/// How a handshake ends when it does not succeed.
#[derive(Debug)]
pub enum HandshakeError<S> {
    /// It failed.
    Failure(Error),
    /// It wants more bytes.
    WouldBlock(MidHandshakeTlsStream<S>),
}
