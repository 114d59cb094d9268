//! Whom a client believes, at each of sqlx's levels: `require`, `verify-ca`, `verify-full`.

use std::error::Error;

use native_tls::{Identity, TlsConnector};
use rustls::version::{TLS12, TLS13};

use crate::authority::{Authority, Issued, self_signed, self_signed_leaf, version_1};
use crate::server::{Seen, Server, Setup, connect, connector, message};

/// What sqlx sets for PostgreSQL's `sslmode` (sqlx-postgres 0.8.6, `connection/tls.rs`).
#[derive(Clone, Copy)]
enum Mode {
    Require,
    VerifyCa,
    VerifyFull,
}
use Mode::{Require, VerifyCa, VerifyFull};

fn by_mode(root: &str, mode: Mode) -> TlsConnector {
    connector(root, |builder| {
        builder.danger_accept_invalid_certs(matches!(mode, Require)).danger_accept_invalid_hostnames(!matches!(mode, VerifyFull));
    })
}

/// Connects to a server that shows `issued`; what was refused, with its causes, if it was.
fn try_with(connector: &TlsConnector, host: &str, server: Server) -> Result<Seen, String> {
    use std::io::{Read, Write};
    let told = |error: &dyn Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    };
    let mut stream = connect(connector, host, server.tcp()).map_err(|error| told(&error))?;
    let mut back = [0; 5];
    // With TLS 1.3 a server refuses a client's certificate after the client's last word, so it shows in the first read.
    let talked = stream.write_all(&message(b"hello")).and_then(|()| stream.read_exact(&mut back));
    talked.map_err(|error| told(&error))?;
    assert_eq!(&back, b"hello");
    stream.shutdown().expect("a good-bye");
    drop(stream);
    Ok(server.seen().expect("the server is content"))
}

fn check(root: &str, mode: Mode, host: &str, issued: &Issued) -> Result<Seen, String> {
    try_with(&by_mode(root, mode), host, Server::start(issued))
}

/// `found` is a refusal that says `words`.
fn assert_refused(found: Result<Seen, String>, words: &str) {
    let refusal = found.expect_err("it has to be refused");
    assert!(refusal.contains(words), "{refusal}");
}

#[test]
fn a_chain_to_a_given_root_is_believed() {
    let ours = Authority::new("ours");
    for issued in [ours.server(&["db.example", "127.0.0.1"]), ours.server_by_intermediate(&["db.example", "127.0.0.1"])] {
        for mode in [Require, VerifyCa, VerifyFull] {
            let seen = check(&ours.pem(), mode, "db.example", &issued).expect("believed");
            assert_eq!(seen, Seen { sni: Some("db.example".to_owned()), client: None, goodbye: true });
            check(&ours.pem(), mode, "127.0.0.1", &issued).expect("an address is a name too");
        }
    }
}

#[test]
fn an_unknown_authority_is_refused_and_the_text_says_what_to_do() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let issued = theirs.server(&["db.example"]);
    let text = "the server's certificate was issued by no authority that is trusted here; name its root certificate (sslrootcert): \
                invalid peer certificate: UnknownIssuer";
    for mode in [VerifyCa, VerifyFull] {
        assert_eq!(check(&ours.pem(), mode, "db.example", &issued).expect_err("refused"), text);
    }
    check(&ours.pem(), Require, "db.example", &issued).expect("`require` looks at nobody's papers");
}

#[test]
fn an_impostor_with_the_authoritys_name_is_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("ours"));
    for mode in [VerifyCa, VerifyFull] {
        assert_refused(check(&ours.pem(), mode, "db.example", &theirs.server(&["db.example"])), "a signature is wrong");
    }
}

#[test]
fn another_hosts_certificate_is_refused_where_names_are_checked() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["other.example", "10.0.0.1"]);
    for host in ["db.example", "127.0.0.1"] {
        let refusal = check(&ours.pem(), VerifyFull, host, &issued).expect_err("refused");
        assert!(refusal.contains("not for this host") && refusal.contains("other.example"), "{refusal}");
        check(&ours.pem(), VerifyCa, host, &issued).expect("`verify-ca` does not look at names");
    }
    let nameless = ours.server(&[]);
    assert_refused(check(&ours.pem(), VerifyFull, "db.example", &nameless), "only subjectAltName does");
}

#[test]
fn an_expired_certificate_is_refused() {
    let ours = Authority::new("ours");
    let issued = ours.expired_server(&["db.example"]);
    for mode in [VerifyCa, VerifyFull] {
        assert_refused(check(&ours.pem(), mode, "db.example", &issued), "the server's certificate has expired");
    }
    check(&ours.pem(), Require, "db.example", &issued).expect("`require` looks at nobody's papers");
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_refused_at_every_level() {
    let ours = Authority::new("ours");
    let (issued, other) = (ours.server(&["db.example"]), ours.server(&["db.example"]));
    for versions in [&[&TLS12], &[&TLS13]] {
        for mode in [Require, VerifyCa, VerifyFull] {
            let setup = |signs_with| Setup { issued: &issued, signs_with, versions, clients_of: None };
            let connector = by_mode(&ours.pem(), mode);
            try_with(&connector, "db.example", Server::with(setup(&issued))).expect("with its own key");
            assert_refused(try_with(&connector, "db.example", Server::with(setup(&other))), "a signature is wrong");
        }
    }
}

#[test]
fn a_version_1_certificate_will_do_to_encrypt_and_for_nothing_else() {
    let (ours, issued) = (Authority::new("ours"), version_1());
    check(&ours.pem(), Require, "db.example", &issued).expect("encrypted");
    for mode in [VerifyCa, VerifyFull] {
        assert_refused(check(&ours.pem(), mode, "db.example", &issued), "X.509 version 1");
    }
    let other = version_1();
    let setup = Setup { issued: &issued, signs_with: &other, versions: &[&TLS13], clients_of: None };
    assert_refused(try_with(&by_mode(&ours.pem(), Require), "db.example", Server::with(setup)), "a signature is wrong");
}

#[test]
fn a_self_signed_certificate_is_believed_if_it_is_the_root_that_was_given() {
    let issued = self_signed(&["db.example"], 2049);
    for mode in [VerifyCa, VerifyFull] {
        check(&issued.chain_pem, mode, "db.example", &issued).expect("the very one");
        let another = self_signed(&["db.example"], 2049);
        assert_refused(check(&another.chain_pem, mode, "db.example", &issued), "an authority's own");
        let old = self_signed(&["db.example"], 2021);
        assert_refused(check(&old.chain_pem, mode, "db.example", &old), "has expired");
        let leaf = self_signed_leaf(&["db.example"]);
        check(&leaf.chain_pem, mode, "db.example", &leaf).expect("the very one");
        let (has_its_name, words) = (&issued.chain_pem, "a signature is wrong");
        assert_refused(check(has_its_name, mode, "db.example", &leaf), words);
    }
    assert_refused(check(&issued.chain_pem, VerifyFull, "other.example", &issued), "not for this host");
    let (without_its_key, versions) = (self_signed(&["db.example"], 2049), [&TLS13]);
    let setup = Setup { issued: &issued, signs_with: &without_its_key, versions: &versions, clients_of: None };
    assert_refused(try_with(&by_mode(&issued.chain_pem, VerifyFull), "db.example", Server::with(setup)), "a signature is wrong");
}

#[test]
fn every_certificate_of_a_bundle_counts() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let bundle = format!("# first\n{}\n# second\n{}", one.pem(), two.pem());
    for issued in [one.server(&["db.example"]), two.server(&["db.example"])] {
        check(&bundle, VerifyFull, "db.example", &issued).expect("believed");
    }
}

#[test]
fn an_identity_is_shown_to_a_server_that_demands_one() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (issued, client, stranger) = (ours.server(&["db.example"]), ours.client("deployer"), theirs.client("deployer"));
    let identity = |issued: &Issued| {
        Identity::from_pkcs8(issued.chain_pem.as_bytes(), issued.key.serialize_pem().as_bytes()).expect("an identity")
    };
    for versions in [&[&TLS12], &[&TLS13]] {
        let serve = || Server::with(Setup { issued: &issued, signs_with: &issued, versions, clients_of: Some(ours.der()) });
        let shown = connector(&ours.pem(), |builder| _ = builder.identity(identity(&client)));
        let seen = try_with(&shown, "db.example", serve()).expect("let in");
        assert_eq!(seen.client.as_ref(), client.chain.first());
        let wrong = connector(&ours.pem(), |builder| _ = builder.identity(identity(&stranger)));
        assert_refused(try_with(&wrong, "db.example", serve()), "the server refuses the client's certificate");
    }
    let none = by_mode(&ours.pem(), VerifyFull);
    let setup = Setup { issued: &issued, signs_with: &issued, versions: &[&TLS13], clients_of: Some(ours.der()) };
    assert_refused(try_with(&none, "db.example", Server::with(setup)), "demands a client certificate (sslcert, sslkey)");
}

#[test]
fn a_server_hears_which_host_is_wanted_unless_that_is_switched_off() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example", "127.0.0.1"]);
    let silent = connector(&ours.pem(), |builder| _ = builder.use_sni(false));
    let seen = try_with(&silent, "db.example", Server::start(&issued)).expect("believed");
    assert_eq!(seen.sni, None);
    let seen = check(&ours.pem(), VerifyFull, "127.0.0.1", &issued).expect("believed");
    assert_eq!(seen.sni, None, "an address is not sent");
}

#[test]
fn what_is_no_name_matters_only_where_names_are_checked() {
    let ours = Authority::new("ours");
    let issued = ours.server(&["db.example"]);
    assert_refused(check(&ours.pem(), VerifyFull, "not a name", &issued), "`not a name` is neither a host name nor an address");
    for mode in [Require, VerifyCa] {
        assert_eq!(check(&ours.pem(), mode, "not a name", &issued).expect("connected").sni, None);
    }
}
