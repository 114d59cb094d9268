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

/// A certificate; never built.
#[derive(Debug)]
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
#[derive(Debug)]
pub struct Identity(Infallible);

impl Identity {
    /// Refuses any identity.
    ///
    /// # Errors
    /// Always.
    pub fn from_pkcs8(_pem: &[u8], _key: &[u8]) -> Result<Self, Error> {
        Err(Error(()))
    }
}

/// A connector; never built.
#[derive(Debug)]
pub struct TlsConnector(Infallible);

impl TlsConnector {
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
