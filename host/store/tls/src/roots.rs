//! Whom a server's certificate may come from: the system's root certificates, those that were given, or both.
//!
//! It reads the system's store and may not read anything else; `SSL_CERT_FILE` and `SSL_CERT_DIR` move the store, as everywhere.
//! Next room: `verify.rs`.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use crate::error::{Reason, Result};
use crate::material::Certificate;

/// The system's certificates, and what could not be read of them.
pub(crate) struct Found {
    certificates: Vec<CertificateDer<'static>>,
    errors: Vec<String>,
}

/// Reads the system's store. It is read for each connector, that is for each connection of sqlx: a renewed store counts at once.
pub(crate) fn system() -> Found {
    let found = rustls_native_certs::load_native_certs();
    Found { certificates: found.certs, errors: found.errors.iter().map(ToString::to_string).collect() }
}

/// When the system's roots count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SystemRoots {
    /// Given roots come on top of them, as native-tls documents it: the host's name is checked.
    Always,
    /// Given roots stand alone, as libpq does it: the host's name is not checked (PostgreSQL's `verify-ca`), and anybody can have
    /// a certificate of a public authority, for a name of their own, and would pass.
    IfNoneGiven,
    /// They were switched off.
    Never,
}

/// Gathers the roots for a connector that was `given` some; `system` is asked only if its certificates count.
///
/// # Errors
/// When there is no root at all.
pub(crate) fn gather(given: &[Certificate], count: SystemRoots, system: impl FnOnce() -> Found) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.extend(given.iter().flat_map(|certificate| certificate.anchors.iter().cloned()));
    if count == SystemRoots::Never {
        return if roots.is_empty() { Err(Reason::NoRootsGiven.into()) } else { Ok(roots) };
    }
    if count == SystemRoots::Always || roots.is_empty() {
        let found = system();
        // Stores hold certificates of all ages; one that cannot be read leaves the others useful.
        roots.add_parsable_certificates(found.certificates);
        if roots.is_empty() {
            let found = found.errors.iter().map(|error| format!(" ({error})")).collect();
            return Err(Reason::NoRoots { found }.into());
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(name: &str) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").into()
    }

    fn system() -> Found {
        Found { certificates: vec![root("public one"), root("public two"), CertificateDer::from(vec![0])], errors: Vec::new() }
    }

    #[test]
    fn roots_that_are_given_stand_alone_where_names_are_not_checked() {
        let given = [Certificate::from_der(&root("ours")).expect("a root")];
        let count = |given: &[Certificate], when| gather(given, when, system).expect("roots").len();
        assert_eq!(count(&given, SystemRoots::Always), 3, "the system's on top");
        assert_eq!(count(&given, SystemRoots::IfNoneGiven), 1, "ours alone");
        assert_eq!(count(&[], SystemRoots::Always), 2);
        assert_eq!(count(&[], SystemRoots::IfNoneGiven), 2, "with none given, the system's are all there is");
        assert_eq!(count(&given, SystemRoots::Never), 1);
        let refused = gather(&[], SystemRoots::Never, system).expect_err("nothing to check with");
        assert!(refused.to_string().ends_with("the system's are left out, and none is given"), "{refused}");
    }

    #[test]
    fn no_root_at_all_is_said_before_a_connection_is_tried() {
        let none = || Found { certificates: Vec::new(), errors: vec!["/etc/ssl: permission denied".to_owned()] };
        let refused = gather(&[], SystemRoots::Always, none).expect_err("nothing to check with");
        let text = "there is no root certificate to check the server with: the system has none (/etc/ssl: permission denied); \
                    name one (sslrootcert)";
        assert_eq!(refused.to_string(), text);
    }
}
