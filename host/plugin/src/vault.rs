//! Where credentials come from: two doors that the program opens, and this room knocks at as a request leaves.
//!
//! A plugin never holds what comes through them. `egress/carry.rs` puts it into requests and takes it out of answers.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use shiftgate_model::SecretRef;

/// Knows secrets by their place.
#[async_trait]
pub trait Vault: fmt::Debug + Send + Sync {
    /// The secret at that place, without the last line break.
    ///
    /// # Errors
    /// Why it cannot be had, without anything of it.
    async fn secret(&self, at: &SecretRef) -> Result<SecretString, String>;
}

/// A request that AWS is to take as the operator's.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Absolute, as it is sent.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body.
    pub body: &'a [u8],
    /// The service's signing name: `monitoring`.
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// The profile of AWS's shared files whose credentials sign; none leaves it to AWS's own chain.
    pub profile: Option<&'a str>,
}

/// Signs requests with the operator's AWS credentials (Signature Version 4).
#[async_trait]
pub trait Signer: fmt::Debug + Send + Sync {
    /// Headers to add: name, value.
    ///
    /// # Errors
    /// Why it cannot be signed, without anything of the credentials.
    async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, String>;
}

/// The vault and the signer of a host that has no credentials.
#[derive(Debug)]
pub struct NoCredentials;

#[async_trait]
impl Vault for NoCredentials {
    async fn secret(&self, at: &SecretRef) -> Result<SecretString, String> {
        Err(format!("this host has no secrets, and so not the one in {at}"))
    }
}

#[async_trait]
impl Signer for NoCredentials {
    async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, String> {
        Err(format!("this host has no AWS credentials to sign a request for `{}` with", request.service))
    }
}
