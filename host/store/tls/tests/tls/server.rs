//! A server of rustls for one connection: it echoes, and tells how the client came and went.
//!
//! A message is its length (four bytes, big-endian) and its bytes; it is read whole before it goes back, so that a client that
//! writes first and reads then is not stuck.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use native_tls::{Certificate, HandshakeError, TlsConnector, TlsConnectorBuilder, TlsStream};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::authority::Issued;

/// What a server saw of its client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The host that the client said it wanted.
    pub(crate) sni: Option<String>,
    pub(crate) client: Option<CertificateDer<'static>>,
    /// Whether it said good-bye, and did not just go.
    pub(crate) goodbye: bool,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<io::Result<Seen>>,
}

impl Server {
    /// Shows `issued`.
    pub(crate) fn start(issued: &Issued) -> Self {
        Self::with(Setup { issued, signs_with: issued, versions: rustls::ALL_VERSIONS, clients_of: None })
    }

    pub(crate) fn with(setup: Setup<'_>) -> Self {
        Self::configured(setup.config())
    }

    pub(crate) fn configured(config: ServerConfig) -> Self {
        let config = Arc::new(config);
        Self::raw(move |tcp| {
            let mut stream = StreamOwned::new(ServerConnection::new(config).expect("a connection"), tcp);
            let goodbye = match echo(&mut stream) {
                Ok(()) => true,
                // A client that goes with something unread, such as a session's ticket, resets the connection.
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => false,
                Err(error) => return Err(error),
            };
            let client = stream.conn.peer_certificates().and_then(|chain| chain.first()).cloned();
            Ok(Seen { sni: stream.conn.server_name().map(str::to_owned), client, goodbye })
        })
    }

    /// Does `answer` with the one connection.
    pub(crate) fn raw(answer: impl FnOnce(TcpStream) -> io::Result<Seen> + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        Self { address, thread: thread::spawn(move || answer(listener.accept()?.0)) }
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("a connection")
    }

    /// Waits for the client to be gone.
    pub(crate) fn seen(self) -> io::Result<Seen> {
        self.thread.join().expect("the server lives")
    }
}

pub(crate) struct Setup<'a> {
    pub(crate) issued: &'a Issued,
    /// Whose key signs the handshake.
    pub(crate) signs_with: &'a Issued,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    /// The authority of the clients, in DER, if they have to show a certificate.
    pub(crate) clients_of: Option<&'a [u8]>,
}

impl Setup<'_> {
    pub(crate) fn config(&self) -> ServerConfig {
        let provider = aws_lc_rs::default_provider();
        let key = provider.key_provider.load_private_key(self.signs_with.key_der()).expect("a key");
        let shown = SingleCertAndKey::from(CertifiedKey::new(self.issued.chain.clone(), key));
        let provider = Arc::new(provider);
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_protocol_versions(self.versions).expect("versions");
        let config = match self.clients_of {
            Some(root) => config.with_client_cert_verifier(clients(root, provider)),
            None => config.with_no_client_auth(),
        };
        config.with_cert_resolver(Arc::new(shown))
    }
}

fn clients(root: &[u8], provider: Arc<CryptoProvider>) -> Arc<dyn rustls::server::danger::ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.to_vec())).expect("a root");
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier")
}

fn echo(stream: &mut (impl Read + Write)) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        match stream.read(&mut length)? {
            0 => return Ok(()),
            read => stream.read_exact(&mut length[read..])?,
        }
        let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("a length")];
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
        stream.flush()?;
    }
}

/// A message as the server wants it.
pub(crate) fn message(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a length").to_be_bytes();
    [&length[..], bytes].concat()
}

/// A connector with `settings` on top of nothing but the `root` in PEM.
pub(crate) fn connector(root: &str, settings: impl FnOnce(&mut TlsConnectorBuilder)) -> TlsConnector {
    let mut builder = TlsConnector::builder();
    builder.add_root_certificate(Certificate::from_pem(root.as_bytes()).expect("a root"));
    settings(&mut builder);
    builder.build().expect("a connector")
}

/// Connects over a stream that blocks, so that there is nothing to wait for.
pub(crate) fn connect<S: Read + Write>(
    connector: &TlsConnector,
    host: &str,
    stream: S,
) -> Result<TlsStream<S>, native_tls::Error> {
    connector.connect(host, stream).map_err(|end| match end {
        HandshakeError::Failure(error) => error,
        HandshakeError::WouldBlock(_) => panic!("a stream that blocks would block"),
    })
}
