//! The certificates and the key that a connector is given.
//!
//! They are read when they arrive, so that a bad file is refused by name and not as a failed connection. Nothing here may
//! print a key. Next room: `connector.rs`.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use rustls::sign::CertifiedKey;
use rustls::{Error as Found, InconsistentKeys};

use crate::error::{Reason, Result};

/// One or more root certificates, as X.509.
///
/// native-tls takes the first certificate of a file and is silent about the rest; a bundle, such as a cloud's, is taken whole
/// here, as libpq does.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// As they came, for servers that present one of them as their own.
    pub(crate) ders: Vec<CertificateDer<'static>>,
    pub(crate) anchors: Vec<TrustAnchor<'static>>,
}

impl Certificate {
    /// Reads every block `CERTIFICATE` of a PEM text; other blocks and the text between them are skipped.
    ///
    /// # Errors
    /// When there is no such block, when a block is broken, and when one of the certificates cannot be a root.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        Self::new(certificates(pem, "root certificate")?)
    }

    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// When it cannot be a root.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        Self::new(vec![CertificateDer::from(der.to_vec())])
    }

    /// The certificate in DER; the first one, of a bundle.
    ///
    /// # Errors
    /// Never: it is native-tls's signature.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        self.ders.first().map(|der| der.to_vec()).ok_or_else(|| Reason::NoCertificate { what: "root certificate" }.into())
    }

    /// What a server showed.
    pub(crate) fn shown(der: &CertificateDer<'_>) -> Result<Self> {
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(Reason::Shown)?.to_owned();
        Ok(Self { ders: vec![der.clone().into_owned()], anchors: vec![anchor] })
    }

    fn new(ders: Vec<CertificateDer<'static>>) -> Result<Self> {
        let anchor = |(place, der): (usize, &CertificateDer<'static>)| match webpki::anchor_from_trusted_cert(der) {
            Ok(anchor) => Ok(anchor.to_owned()),
            Err(source) => Err(Reason::Root { number: place + 1, of: ders.len(), source }),
        };
        let anchors = ders.iter().enumerate().map(anchor).collect::<std::result::Result<_, _>>()?;
        Ok(Self { ders, anchors })
    }
}

/// The client's certificate, the certificates between it and a root, and its key.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<CertifiedKey>);

impl Identity {
    /// Refuses: no PKCS #12 is read here, and [`Identity::from_pkcs8`] takes PEM.
    ///
    /// # Errors
    /// Always.
    pub fn from_pkcs12(_der: &[u8], _password: &str) -> Result<Self> {
        Err(Reason::Pkcs12.into())
    }

    /// Reads a chain in PEM, the client's own certificate first, and its key in PEM, which may be PKCS #8 and, beyond
    /// native-tls, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// When there is no certificate, no key, a key of a kind that is not known or with a passphrase, or the key of another
    /// certificate.
    pub fn from_pkcs8(pem: &[u8], key: &[u8]) -> Result<Self> {
        let chain = certificates(pem, "client's certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| match source {
            pem::Error::NoItemsFound => Reason::NoKey,
            source => Reason::Pem { what: "client's key", source },
        })?;
        let key = rustls::crypto::aws_lc_rs::default_provider().key_provider.load_private_key(key).map_err(Reason::Key)?;
        let identity = CertifiedKey::new(chain, key);
        match identity.keys_match() {
            Err(Found::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Reason::KeyMismatch.into()),
            // A certificate of version 1 cannot be compared; whether it will do is the server's to say.
            _ => Ok(Self(Arc::new(identity))),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    let found = found.map_err(|source| Reason::Pem { what, source })?;
    if found.is_empty() { Err(Reason::NoCertificate { what }.into()) } else { Ok(found) }
}
