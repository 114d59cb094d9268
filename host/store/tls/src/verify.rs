//! What is checked of a server before it is believed.
//!
//! Three levels, which are sqlx's `sslmode`s: nothing but the handshake's signature, the chain too, the host's name too. The
//! signature is checked in all of them: it proves that whoever answers holds the key of the certificate that it shows. It may
//! not look for roots (`roots.rs`) and not move a byte (`stream.rs`). No revocation is checked, as in OpenSSL without a CRL.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::error::webpki_finding;

/// How much of the server is checked.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Any certificate will do: the connection is encrypted, and nobody knows for whom.
    Anybody,
    /// The certificate has to come from one of `roots`, or be one of `given`; and be for the host, if `name`.
    Chain { roots: RootCertStore, given: Vec<CertificateDer<'static>>, name: bool },
}

/// Checks servers by `trust`.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) trust: Trust,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn check_chain(
        &self,
        roots: &RootCertStore,
        given: &[CertificateDer<'static>],
        shown: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: UnixTime,
    ) -> Result<(), Error> {
        let (own, between) = shown;
        let parsed = ParsedCertificate::try_from(own)?;
        match verify_server_cert_signed_by_trust_anchor(&parsed, roots, between, now, self.algorithms.all) {
            // `openssl req -x509`, which PostgreSQL's manual begins with, makes a certificate that may sign others, and operators
            // give that one itself as the root. OpenSSL takes it; webpki, having checked its dates, does not. It is the very
            // certificate that was trusted, byte by byte, and the handshake proves that the server has its key.
            Err(refusal) if matches!(webpki_finding(&refusal), Some(webpki::Error::CaUsedAsEndEntity)) => {
                if given.iter().any(|root| root == own) { Ok(()) } else { Err(refusal) }
            }
            checked => checked,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Anybody => {}
            Trust::Chain { roots, given, name } => {
                self.check_chain(roots, given, (own, between), now)?;
                if *name {
                    verify_server_name(&ParsedCertificate::try_from(own)?, host)?;
                }
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let refusal = match ParsedCertificate::try_from(own) {
            Ok(_) => return verify_tls13_signature(message, own, signature, &self.algorithms),
            Err(refusal) => refusal,
        };
        // `openssl x509 -req` makes certificates of version 1 before OpenSSL 3.2, and many servers still show one. Nobody's
        // chain is checked with it, only the key in it is used.
        match (&self.trust, webpki_finding(&refusal)) {
            (Trust::Anybody, Some(webpki::Error::UnsupportedCertVersion)) => {
                let parsed = webpki::anchor_from_trusted_cert(own).map_err(|_| CertificateError::BadEncoding)?;
                verify_tls13_signature_with_raw_key(message, &webpki::spki_for_anchor(&parsed), signature, &self.algorithms)
            }
            _ => Err(refusal),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
