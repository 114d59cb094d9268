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
use crate::protocol::{self, Protocol};
use crate::roots::{self, SystemRoots};
use crate::stream::TlsStream;
use crate::verify::{Trust, Verifier};

/// Starts connections, all with the same settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    name_is_checked: bool,
}

impl TlsConnector {
    /// A connector as a builder makes it that nothing is said to.
    ///
    /// # Errors
    /// As [`TlsConnectorBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts a builder: certificate and host name are checked, SNI is sent.
    #[must_use]
    pub fn builder() -> TlsConnectorBuilder {
        TlsConnectorBuilder {
            roots: Vec::new(),
            identity: None,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            use_sni: true,
            system_roots: true,
            oldest: None,
            newest: None,
            alpn: Vec::new(),
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
    system_roots: bool,
    oldest: Option<Protocol>,
    newest: Option<Protocol>,
    alpn: Vec<String>,
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

    /// Trusts no root but those that are given. The default is `false`.
    pub fn disable_built_in_roots(&mut self, disable: bool) -> &mut Self {
        self.system_roots = !disable;
        self
    }

    /// Speaks no older version than this. The default is none, so TLS 1.2: nothing older is ever spoken.
    pub fn min_protocol_version(&mut self, oldest: Option<Protocol>) -> &mut Self {
        self.oldest = oldest;
        self
    }

    /// Speaks no newer version than this. The default is none.
    pub fn max_protocol_version(&mut self, newest: Option<Protocol>) -> &mut Self {
        self.newest = newest;
        self
    }

    /// Asks the server to choose one of these protocols, the one that is liked best first; HTTP's way to its second version.
    pub fn request_alpns(&mut self, protocols: &[&str]) -> &mut Self {
        self.alpn = protocols.iter().map(ToString::to_string).collect();
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
    /// When certificates are to be checked and there is no root to check them with; when no version of TLS is left; when a
    /// protocol has no name.
    pub fn build(&self) -> Result<TlsConnector> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let name = !self.accept_invalid_hostnames;
        let trust = if self.accept_invalid_certs {
            Trust::Anybody
        } else {
            let given = self.roots.iter().flat_map(|certificate| certificate.ders.iter().cloned()).collect();
            let count = match (self.system_roots, name) {
                (false, _) => SystemRoots::Never,
                (true, false) => SystemRoots::IfNoneGiven,
                (true, true) => SystemRoots::Always,
            };
            Trust::Chain { roots: roots::gather(&self.roots, count, roots::system)?, given, name }
        };
        let verifier = Verifier { trust, algorithms: provider.signature_verification_algorithms };
        let versions = protocol::spoken(self.oldest, self.newest)?;
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions).map_err(Reason::Setup)?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            Some(Identity(key)) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(key)))),
            None => config.with_no_client_auth(),
        };
        if let Some(name) = self.alpn.iter().find(|name| !(1..=255).contains(&name.len())) {
            return Err(Reason::Alpn(name.clone()).into());
        }
        config.alpn_protocols = self.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        config.enable_sni = self.use_sni;
        // A resumed session is not checked again, and sqlx makes a connector for each connection anyway.
        config.resumption = Resumption::disabled();
        Ok(TlsConnector { config: Arc::new(config), name_is_checked: name && !self.accept_invalid_certs })
    }
}
