//! Why there is no TLS connection, in words for whoever set up the database.
//!
//! It turns what rustls found into a sentence that says what to change, and keeps rustls's own words as the source. It may not
//! decide anything: that is `verify.rs`. Next room: `stream.rs`, where these errors arise.

use std::{fmt, io};

use rustls::pki_types::pem;
use rustls::{AlertDescription, CertificateError};

use crate::stream::MidHandshakeTlsStream;

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a certificate, a key, a connector or a connection was refused.
///
/// The text names what was refused and what would help; the source, where there is one, is the finding of the library below.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub(crate) Reason);

/// What can go wrong, one variant a remedy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error("the {what} cannot be read as PEM")]
    Pem {
        what: &'static str,
        #[source]
        source: pem::Error,
    },
    #[error("the {what} holds no PEM block `CERTIFICATE`")]
    NoCertificate { what: &'static str },
    #[error("root certificate {number} of {of} cannot be used")]
    Root {
        number: usize,
        of: usize,
        #[source]
        source: webpki::Error,
    },
    #[error("the client's key holds no PEM block `PRIVATE KEY`; a key with a passphrase has to be stored without one")]
    NoKey,
    #[error("the client's key cannot be used")]
    Key(#[source] rustls::Error),
    #[error("the client's key does not belong to the client's certificate")]
    KeyMismatch,
    #[error("there is no root certificate to check the server with: the system has none{found}; name one (sslrootcert)")]
    NoRoots { found: String },
    #[error("there is no root certificate to check the server with: the system's are left out, and none is given")]
    NoRootsGiven,
    #[error("a PKCS #12 file is not read here; give the client's certificate and its key as PEM")]
    Pkcs12,
    #[error("TLS is spoken to servers only here: no server can be made")]
    Listens,
    #[error("the settings leave no version of TLS; 1.2 and 1.3 are spoken here")]
    NoVersion,
    #[error("`{0}` is no name of a protocol (ALPN): it has to have 1 to 255 bytes")]
    Alpn(String),
    #[error("rustls cannot be set up")]
    Setup(#[source] rustls::Error),
    #[error("`{0}` is neither a host name nor an address, so the server's certificate cannot be checked for it")]
    Name(String),
    #[error("the server's certificate was issued by no authority that is trusted here; name its root certificate (sslrootcert)")]
    UnknownIssuer(#[source] rustls::Error),
    #[error("the server's certificate has expired")]
    Expired(#[source] rustls::Error),
    #[error("the server's certificate is not valid yet; compare the clocks of both machines")]
    NotYet(#[source] rustls::Error),
    #[error("the server's certificate is not for this host; a common name does not count, only subjectAltName does")]
    WrongName(#[source] rustls::Error),
    #[error(
        "the server's certificate is an authority's own; have it issue one for the server, or name this very one as sslrootcert"
    )]
    Authority(#[source] rustls::Error),
    #[error("the server's certificate is of X.509 version 1 and cannot be checked; issue it again with a subjectAltName")]
    Version1(#[source] rustls::Error),
    #[error("a signature is wrong: the certificate is not from the authority that it names, or the server does not have its key")]
    Forged(#[source] rustls::Error),
    #[error("the server's certificate is refused")]
    Certificate(#[source] rustls::Error),
    #[error("the server demands a client certificate (sslcert, sslkey)")]
    ClientCertificateMissing(#[source] rustls::Error),
    #[error("the server refuses the client's certificate")]
    ClientCertificateRefused(#[source] rustls::Error),
    #[error("client and server have no TLS version or cipher in common; 1.2 and 1.3 are spoken here")]
    NothingInCommon(#[source] rustls::Error),
    #[error("the server speaks none of the protocols that it was asked for (ALPN)")]
    NoApplicationProtocol(#[source] rustls::Error),
    #[error("the server's certificate cannot be read")]
    Shown(#[source] webpki::Error),
    #[error("the server breaks the rules of TLS, or somebody stands in between")]
    Protocol(#[source] rustls::Error),
    #[error("the server ended the connection during the TLS handshake")]
    Ended,
    #[error("the connection failed during the TLS handshake")]
    Connection(#[source] io::Error),
}

impl From<rustls::Error> for Reason {
    fn from(found: rustls::Error) -> Self {
        use rustls::Error as E;
        match &found {
            E::InvalidCertificate(why) => match why {
                CertificateError::UnknownIssuer => Self::UnknownIssuer(found),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired(found),
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYet(found),
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::WrongName(found),
                CertificateError::BadSignature => Self::Forged(found),
                _ => match webpki_finding(&found) {
                    Some(webpki::Error::CaUsedAsEndEntity) => Self::Authority(found),
                    Some(webpki::Error::UnsupportedCertVersion) => Self::Version1(found),
                    _ => Self::Certificate(found),
                },
            },
            E::AlertReceived(alert) => match alert {
                AlertDescription::CertificateRequired => Self::ClientCertificateMissing(found),
                AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied => Self::ClientCertificateRefused(found),
                AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => Self::NothingInCommon(found),
                AlertDescription::NoApplicationProtocol => Self::NoApplicationProtocol(found),
                _ => Self::Protocol(found),
            },
            E::PeerIncompatible(_) => Self::NothingInCommon(found),
            _ => Self::Protocol(found),
        }
    }
}

impl From<rustls::Error> for Error {
    fn from(found: rustls::Error) -> Self {
        Self(found.into())
    }
}

/// The finding of webpki that rustls has no variant for, if `error` carries one.
pub(crate) fn webpki_finding(error: &rustls::Error) -> Option<&webpki::Error> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

/// How a handshake ends when it does not succeed, or does not succeed yet.
#[derive(Debug)]
pub enum HandshakeError<S> {
    /// It failed, for good.
    Failure(Error),
    /// The stream had to wait; [`MidHandshakeTlsStream::handshake`] goes on once it is ready again.
    WouldBlock(MidHandshakeTlsStream<S>),
}

impl<S> fmt::Display for HandshakeError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(error) => error.fmt(f),
            Self::WouldBlock(_) => f.write_str("the TLS handshake waits for the stream"),
        }
    }
}

impl<S: fmt::Debug> std::error::Error for HandshakeError<S> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failure(error) => error.source(),
            Self::WouldBlock(_) => None,
        }
    }
}
