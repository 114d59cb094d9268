//! Versions of TLS: those that native-tls names, and the two of them that are spoken. Next room: `connector.rs`.

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::error::{Reason, Result};

/// A version of TLS, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// SSL 3.0; never spoken here.
    Sslv3,
    /// TLS 1.0; never spoken here.
    Tlsv10,
    /// TLS 1.1; never spoken here.
    Tlsv11,
    /// TLS 1.2.
    Tlsv12,
    /// TLS 1.3.
    Tlsv13,
}

/// The versions from `oldest` to `newest` that are spoken; a bound that is none does not bind.
///
/// # Errors
/// When none is left.
pub(crate) fn spoken(oldest: Option<Protocol>, newest: Option<Protocol>) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let asked =
        |version: Protocol| oldest.is_none_or(|oldest| oldest <= version) && newest.is_none_or(|newest| version <= newest);
    let versions = [(Protocol::Tlsv12, &TLS12), (Protocol::Tlsv13, &TLS13)];
    let versions: Vec<_> = versions.into_iter().filter(|(version, _)| asked(*version)).map(|(_, spoken)| spoken).collect();
    if versions.is_empty() { Err(Reason::NoVersion.into()) } else { Ok(versions) }
}
