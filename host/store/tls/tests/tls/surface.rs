//! What tokio-native-tls, hyper-tls and reqwest compile against beside what sqlx uses.

use native_tls::{Identity, Protocol, TlsAcceptor, TlsConnector, TlsConnectorBuilder};
use rustls::ALL_VERSIONS;
use rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::server::{Server, Setup, connect, connector};

/// What the server chose of `asked`, if it speaks `spoken`.
fn chosen(asked: &[&str], spoken: &[&str]) -> Result<Option<Vec<u8>>, String> {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    let mut config = Setup { issued: &issued, signs_with: &issued, versions: ALL_VERSIONS, clients_of: None }.config();
    config.alpn_protocols = spoken.iter().map(|name| name.as_bytes().to_vec()).collect();
    let server = Server::configured(config);
    let connector = connector(&ours.pem(), |builder| _ = builder.request_alpns(asked));
    let stream = connect(&connector, "db.example", server.tcp()).map_err(|error| error.to_string())?;
    Ok(stream.negotiated_alpn().expect("an answer"))
}

#[test]
fn a_server_chooses_among_the_protocols_that_it_is_asked_for() {
    assert_eq!(chosen(&["h2", "http/1.1"], &["h2"]), Ok(Some(b"h2".to_vec())));
    assert_eq!(chosen(&["h2", "http/1.1"], &["http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
    assert_eq!(chosen(&["h2"], &[]), Ok(None), "a server without ALPN");
    assert_eq!(chosen(&[], &["h2"]), Ok(None), "nobody asked");
    let none_of_them = "the server speaks none of the protocols that it was asked for (ALPN)";
    assert_eq!(chosen(&["h2"], &["http/1.1"]), Err(none_of_them.to_owned()));
    for nameless in [String::new(), "x".repeat(256)] {
        let mut builder = TlsConnector::builder();
        let refused = builder.danger_accept_invalid_certs(true).request_alpns(&[&nameless]).build().expect_err("no name");
        assert!(refused.to_string().contains("1 to 255 bytes"), "{refused}");
    }
}

#[test]
fn the_versions_of_tls_have_bounds() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    let meets = |versions, oldest, newest| {
        let server = Server::with(Setup { issued: &issued, signs_with: &issued, versions, clients_of: None });
        let bound = |builder: &mut TlsConnectorBuilder| _ = builder.min_protocol_version(oldest).max_protocol_version(newest);
        let met = connect(&connector(&ours.pem(), bound), "db.example", server.tcp());
        met.map(drop).map_err(|error| error.to_string())
    };
    let (only_12, only_13) = (&[&TLS12][..], &[&TLS13][..]);
    for (oldest, newest) in [(None, None), (Some(Protocol::Tlsv10), None), (Some(Protocol::Tlsv12), Some(Protocol::Tlsv13))] {
        assert_eq!(meets(only_12, oldest, newest), Ok(()));
        assert_eq!(meets(only_13, oldest, newest), Ok(()));
    }
    let nothing = "client and server have no TLS version or cipher in common; 1.2 and 1.3 are spoken here";
    assert_eq!(meets(only_12, Some(Protocol::Tlsv13), None), Err(nothing.to_owned()));
    assert_eq!(meets(only_13, None, Some(Protocol::Tlsv12)), Err(nothing.to_owned()));
    for newest in [Protocol::Sslv3, Protocol::Tlsv10, Protocol::Tlsv11] {
        let mut builder = TlsConnector::builder();
        let refused = builder.danger_accept_invalid_certs(true).max_protocol_version(Some(newest)).build();
        let refused = refused.map(drop).expect_err("never spoken").to_string();
        assert_eq!(refused, "the settings leave no version of TLS; 1.2 and 1.3 are spoken here");
    }
}

#[test]
fn the_certificate_of_the_server_can_be_looked_at() {
    let ours = Authority::new("ours");
    let issued = ours.server_by_intermediate(&["db.example"]);
    let server = Server::start(&issued);
    let address = server.address;
    let stream = connect(&connector(&ours.pem(), |_| {}), "db.example", server.tcp()).expect("connected");
    let shown = stream.peer_certificate().expect("it can be read").expect("a certificate");
    assert_eq!(shown.to_der().expect("its bytes"), issued.chain[0].to_vec());
    assert_eq!(stream.get_ref().peer_addr().expect("an address"), address);
}

#[test]
fn the_systems_roots_can_be_left_out() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    let alone = connector(&ours.pem(), |builder| _ = builder.disable_built_in_roots(true));
    connect(&alone, "db.example", Server::start(&issued).tcp()).expect("ours is given");
    let refused = TlsConnector::builder().disable_built_in_roots(true).build().map(drop).expect_err("no root").to_string();
    assert!(refused.contains("the system's are left out, and none is given"), "{refused}");
}

#[test]
fn there_is_no_acceptor() {
    let issued = Authority::new("ours").server(&["db.example"]);
    let key = issued.key.serialize_pem();
    let identity = Identity::from_pkcs8(issued.chain_pem.as_bytes(), key.as_bytes()).expect("an identity");
    let refused = TlsAcceptor::new(identity).map(drop).expect_err("refused").to_string();
    assert_eq!(refused, "TLS is spoken to servers only here: no server can be made");
}
