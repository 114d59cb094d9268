//! Which certificates and keys are refused, in which words, before any connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use native_tls::{Certificate, Identity};

use crate::authority::Authority;

#[test]
fn a_root_that_cannot_be_one_is_refused_by_its_place() {
    let ours = Authority::new("ours");
    let said = |pem: &str| Certificate::from_pem(pem.as_bytes()).map(drop).expect_err("refused").to_string();
    assert_eq!(said(""), "the root certificate holds no PEM block `CERTIFICATE`");
    assert_eq!(said("-----BEGIN CERTIFICATE-----\nMII"), "the root certificate cannot be read as PEM");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(said(&format!("{}{broken}{}", ours.pem(), ours.pem())), "root certificate 2 of 3 cannot be used");
    assert_eq!(
        Certificate::from_der(b"\x30").map(drop).expect_err("refused").to_string(),
        "root certificate 1 of 1 cannot be used"
    );
    assert_eq!(Certificate::from_der(ours.der()).expect("a root").to_der().expect("its bytes"), ours.der());
}

#[test]
fn an_identity_is_a_certificate_and_its_own_key() {
    let ours = Authority::new("ours");
    let (client, other) = (ours.client("deployer"), ours.client("other"));
    let (chain, key) = (client.chain_pem.as_str(), client.key.serialize_pem());
    let said = |chain: &str, key: &str| {
        Identity::from_pkcs8(chain.as_bytes(), key.as_bytes()).map(drop).expect_err("refused").to_string()
    };
    assert_eq!(said("", &key), "the client's certificate holds no PEM block `CERTIFICATE`");
    let no_key = "the client's key holds no PEM block `PRIVATE KEY`; a key with a passphrase has to be stored without one";
    let sealed = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for no_key_in in ["", chain, sealed.as_str()] {
        assert_eq!(said(chain, no_key_in), no_key);
    }
    assert_eq!(said(chain, &key.replacen('M', "A", 1)), "the client's key cannot be used");
    assert_eq!(said(chain, &other.key.serialize_pem()), "the client's key does not belong to the client's certificate");
    let refused = Identity::from_pkcs12(b"", "secret").map(drop).expect_err("refused").to_string();
    assert_eq!(refused, "a PKCS #12 file is not read here; give the client's certificate and its key as PEM");
    let identity = Identity::from_pkcs8(chain.as_bytes(), key.as_bytes()).expect("an identity");
    assert_eq!(format!("{identity:?}"), "Identity { .. }", "no key is printed");
}

#[test]
fn a_key_may_be_of_an_older_form() {
    let client = Authority::new("ours").client("deployer");
    let pkcs8 = client.key.serialize_der();
    // The elliptic key (RFC 5915) inside is a sequence that begins with version 1 and 32 bytes of key, and ends with PKCS #8.
    let version = pkcs8.windows(5).position(|bytes| bytes == [2, 1, 1, 4, 32]).expect("an elliptic key");
    let sec1 = &pkcs8[version - 2..];
    let pem = format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", STANDARD.encode(sec1));
    Identity::from_pkcs8(client.chain_pem.as_bytes(), pem.as_bytes()).expect("the same key");
}
