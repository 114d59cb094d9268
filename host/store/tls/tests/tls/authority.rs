//! Certificates made for one test: an authority, what it issues, and the odd ones that real servers show.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, PublicKeyData,
    SigningKey, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate with its key, and the certificates above it that have to be shown with it.
pub(crate) struct Issued {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) chain_pem: String,
    pub(crate) key: KeyPair,
}

impl Issued {
    fn new(certificate: &rcgen::Certificate, key: KeyPair) -> Self {
        Self { chain: vec![certificate.der().clone()], chain_pem: certificate.pem(), key }
    }

    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.serialize_pem().as_bytes()).expect("a key")
    }
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(may_sign(name), KeyPair::generate().expect("a key")).expect("an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// A certificate for a server that is known as `names`.
    pub(crate) fn server(&self, names: &[&str]) -> Issued {
        self.issue(for_server(names))
    }

    /// The same, with the authority that really signed it in between.
    pub(crate) fn server_by_intermediate(&self, names: &[&str]) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let between = Self(CertifiedIssuer::signed_by(may_sign("in between"), key, &self.0).expect("an authority"));
        let mut issued = between.server(names);
        issued.chain.push(between.0.der().clone());
        issued
    }

    /// The same, valid in years that have gone.
    pub(crate) fn expired_server(&self, names: &[&str]) -> Issued {
        let mut params = for_server(names);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.issue(params)
    }

    /// A certificate for a client whose common name is `user`.
    pub(crate) fn client(&self, user: &str) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued::new(&certificate, key)
    }
}

/// What `openssl req -x509` makes: a server's certificate that signs itself, and might sign others.
pub(crate) fn self_signed(names: &[&str], last_year: i32) -> Issued {
    self_signed_as(IsCa::Ca(BasicConstraints::Unconstrained), names, last_year)
}

/// What Debian's `make-ssl-cert` makes: the same, and it may not sign others.
pub(crate) fn self_signed_leaf(names: &[&str]) -> Issued {
    self_signed_as(IsCa::ExplicitNoCa, names, 2049)
}

fn self_signed_as(is_ca: IsCa, names: &[&str], last_year: i32) -> Issued {
    let mut params = for_server(names);
    params.is_ca = is_ca;
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Issued::new(&certificate, key)
}

/// What `openssl x509 -req` makes before OpenSSL 3.2: no version, so 1, and no extension. Put together by hand (RFC 5280, 4.1).
pub(crate) fn version_1() -> Issued {
    let key = KeyPair::generate().expect("a key");
    let ecdsa_with_sha256 = der(0x30, &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
    let name = der(0x30, &[]);
    let years = der(0x30, &[&der(0x17, &[b"250101000000Z"]), &der(0x17, &[b"490101000000Z"])]);
    let serial = der(0x02, &[&[1]]);
    let body = der(0x30, &[&serial, &ecdsa_with_sha256, &name, &years, &name, &key.subject_public_key_info()]);
    let signature = key.sign(&body).expect("a signature");
    let certificate = der(0x30, &[&body, &ecdsa_with_sha256, &der(0x03, &[&[0], &signature])]);
    Issued { chain: vec![CertificateDer::from(certificate)], chain_pem: String::new(), key }
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).expect("a short one").to_be_bytes();
    let length = match (high, low) {
        (0, ..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], &content].concat()
}

fn may_sign(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn for_server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}
