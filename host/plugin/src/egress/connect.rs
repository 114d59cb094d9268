//! Connections: names are resolved here, their addresses filtered, and only a filtered address is connected to.
//!
//! A client is kept for each set of opened ranges, so that a pooled connection was made under the same filter as the request
//! that uses it.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Failure;
use crate::grants::{Rights, Target, address_refusal};

/// Sets of ranges that have a client at once.
const CLIENTS: usize = 32;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);

/// Turns names into addresses. What it finds is filtered, and connected to as it is: nothing is looked up twice.
#[async_trait]
pub trait Lookup: fmt::Debug + Send + Sync {
    /// Every address of `name`.
    ///
    /// # Errors
    /// The name does not resolve.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Which schemes a client speaks, and what it may connect to.
type ClientKey = (bool, Vec<IpNet>);

/// Clients by the ranges that their grants open.
#[derive(Debug)]
pub(super) struct Clients {
    lookup: Arc<dyn Lookup>,
    made: Mutex<HashMap<ClientKey, Client>>,
}

impl Clients {
    pub(super) fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, made: Mutex::default() }
    }

    /// The client for requests that may go to public addresses and to `opened`.
    pub(super) fn get(&self, scheme: &str, opened: &[IpNet]) -> reqwest::Result<Client> {
        let secure = scheme == "https";
        let key = (secure, opened.to_vec());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&key) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(4)
            .https_only(secure)
            .dns_resolver(Filtered { lookup: Arc::clone(&self.lookup), opened: opened.to_vec() });
        if !secure {
            // No certificate is ever looked at, so none is loaded.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build()?;
        if made.len() >= CLIENTS {
            made.clear();
        }
        made.insert(key, client.clone());
        Ok(client)
    }
}

/// A resolver that returns only what may be connected to.
#[derive(Debug)]
struct Filtered {
    lookup: Arc<dyn Lookup>,
    opened: Vec<IpNet>,
}

impl Resolve for Filtered {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.lookup);
        let opened = self.opened.clone();
        Box::pin(async move {
            let found = lookup.lookup(name.as_str()).await.map_err(NameFailure::Unknown)?;
            let mut blocked = None;
            let mut open = Vec::new();
            for address in found {
                match address_refusal(address, &opened) {
                    None => open.push(SocketAddr::new(address, 0)),
                    Some(kind) => blocked = Some((address, kind)),
                }
            }
            match (open.is_empty(), blocked) {
                (false, _) => Ok(Box::new(open.into_iter()) as Addrs),
                (true, Some((address, kind))) => Err(NameFailure::Blocked(address, kind).into()),
                (true, None) => Err(NameFailure::Empty.into()),
            }
        })
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
enum NameFailure {
    #[error("the name does not resolve: {0}")]
    Unknown(io::Error),
    #[error("the name has no addresses")]
    Empty,
    #[error("the name resolves to {0} ({1})")]
    Blocked(IpAddr, &'static str),
}

/// What a guest learns of a failed request.
pub(super) fn failure(error: &reqwest::Error, rights: &Rights, target: &Target) -> Failure {
    if error.is_timeout() {
        return Failure::Timeout;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(link) = cause {
        if let Some(found) = of_link(link, rights, target) {
            return found;
        }
        // An `io::Error` hides the error that it was made from: its own source is that error's source.
        cause = match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => link.source(),
        };
    }
    if error.is_connect() { Failure::Connect(chain(error)) } else { Failure::Protocol(chain(error)) }
}

fn of_link(link: &(dyn Error + 'static), rights: &Rights, target: &Target) -> Option<Failure> {
    if let Some(tls) = link.downcast_ref::<rustls::Error>() {
        return Some(Failure::Tls(tls.to_string()));
    }
    match link.downcast_ref::<NameFailure>()? {
        NameFailure::Blocked(address, kind) => Some(blocked(rights, target, *address, kind)),
        error @ (NameFailure::Unknown(_) | NameFailure::Empty) => Some(Failure::Dns(format!("{}: {error}", target.host()))),
    }
}

/// The refusal of an address, with the lines that would open it.
pub(super) fn blocked(rights: &Rights, target: &Target, address: IpAddr, kind: &str) -> Failure {
    let address = address.to_canonical();
    let closed = rights.closed(target, IpNet::from(address));
    Failure::AddressBlocked(format!("{host} is {address} ({kind}), {closed}", host = target.host()))
}

/// An error with its causes, without the URL, whose query may hold a secret.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(link) = cause {
        let told = link.to_string();
        // Some links repeat what their cause says.
        if !text.ends_with(&told) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&told);
        }
        cause = link.source();
    }
    if text.is_empty() { "the exchange failed".to_owned() } else { text }
}
