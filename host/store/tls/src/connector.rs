//! What a connection is made with, and how one begins.
//!
//! The builder's settings mean what native-tls documents, with one exception that `roots.rs` explains. No process-wide default
//! of rustls is read or set. Next rooms: `verify.rs` for the checks, `stream.rs` for the handshake.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection};

use crate::error::{Error, HandshakeError, Reason, Result};
use crate::material::{Certificate, Identity};
use crate::roots;
use crate::stream::TlsStream;
use crate::verify::{Trust, Verifier};

/// Starts connections, all with the same settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    name_is_checked: bool,
}

impl TlsConnector {
    /// Starts a builder: certificate and host name are checked, SNI is sent.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder {
            roots: Vec::new(),
            identity: None,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            use_sni: true,
        }
    }

    /// Shakes hands with the server `domain` (a host name or an address) on the other side of `stream`.
    ///
    /// The stream may be non-blocking. If `domain` is no name at all, it matters only where the name is checked; else the
    /// connection is made without SNI.
    ///
    /// # Errors
    /// [`HandshakeError::WouldBlock`] when the stream did, with the means to go on; [`HandshakeError::Failure`] when the server
    /// or what it showed is refused, when it refuses us, and when the stream fails.
    pub fn connect<S: Read + Write>(&self, domain: &str, stream: S) -> std::result::Result<TlsStream<S>, HandshakeError<S>> {
        let host = match ServerName::try_from(domain.to_owned()) {
            Ok(host) => host,
            Err(_) if !self.name_is_checked => ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            Err(_) => return Err(HandshakeError::Failure(Reason::Name(domain.to_owned()).into())),
        };
        match ClientConnection::new(Arc::clone(&self.config), host) {
            Ok(tls) => TlsStream::new(tls, stream).shake_hands(),
            Err(source) => Err(HandshakeError::Failure(Error(Reason::Setup(source)))),
        }
    }
}

/// Collects the settings of a [`TlsConnector`].
#[derive(Clone, Debug)]
pub struct TlsConnectorBuilder {
    roots: Vec<Certificate>,
    identity: Option<Identity>,
    accept_invalid_certs: bool,
    accept_invalid_hostnames: bool,
    use_sni: bool,
}

impl TlsConnectorBuilder {
    /// Takes any certificate, for any host, of any age: `sslmode=prefer` and `require`. The default is `false`.
    ///
    /// The connection is encrypted, and may be encrypted for somebody in between. Root certificates play no part then.
    pub fn danger_accept_invalid_certs(&mut self, accept: bool) -> &mut Self {
        self.accept_invalid_certs = accept;
        self
    }

    /// Takes a trusted certificate for any host: `sslmode=verify-ca`. The default is `false`.
    pub fn danger_accept_invalid_hostnames(&mut self, accept: bool) -> &mut Self {
        self.accept_invalid_hostnames = accept;
        self
    }

    /// Tells the server which host is wanted, in the clear; never for an address. The default is `true`.
    pub fn use_sni(&mut self, send: bool) -> &mut Self {
        self.use_sni = send;
        self
    }

    /// Trusts one more root, or bundle of roots, on top of the system's. Where host names are not checked, what is given here
    /// stands alone.
    pub fn add_root_certificate(&mut self, certificate: Certificate) -> &mut Self {
        self.roots.push(certificate);
        self
    }

    /// Shows this identity to a server that asks for one.
    pub fn identity(&mut self, identity: Identity) -> &mut Self {
        self.identity = Some(identity);
        self
    }

    /// Makes the connector; reads the system's root certificates if they are to count.
    ///
    /// # Errors
    /// When certificates are to be checked and there is no root to check them with.
    pub fn build(&self) -> Result<TlsConnector> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let name = !self.accept_invalid_hostnames;
        let trust = if self.accept_invalid_certs {
            Trust::Anybody
        } else {
            let given = self.roots.iter().flat_map(|certificate| certificate.ders.iter().cloned()).collect();
            Trust::Chain { roots: roots::gather(&self.roots, name, roots::system)?, given, name }
        };
        let verifier = Verifier { trust, algorithms: provider.signature_verification_algorithms };
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(Reason::Setup)?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(Identity(key)) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
            None => config.with_no_client_auth(),
        };
        config.enable_sni = self.use_sni;
        // A resumed session is not checked again, and sqlx makes a connector for each connection anyway.
        config.resumption = Resumption::disabled();
        Ok(TlsConnector { config: Arc::new(config), name_is_checked: name && !self.accept_invalid_certs })
    }
}
