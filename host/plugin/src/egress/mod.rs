//! The one way from a guest to the network: `http.send` of the contract.
//!
//! Every hop of every request is decided afresh by [`decide`], goes to an address that was filtered, and is bounded in count,
//! size and time. No proxy variables, no cookies, no automatic redirects or decompression. What a guest learns of a failure
//! is its kind and one sentence. `connect.rs` resolves and connects, `headers.rs` says which headers may pass, `network.rs` is
//! what a test puts in the network's place.

mod carry;
mod connect;
mod echo;
mod headers;
mod network;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use shiftgate_model::{Auth, Millis};

pub(crate) use self::carry::Carried;
use self::carry::{Outgoing, filled, prove};
use self::connect::Clients;
pub use self::connect::Lookup;
pub(crate) use self::connect::SystemLookup;
pub use self::network::{Network, Reply, Sent, Silence};
use crate::Budgets;
use crate::budgets::{Exceeded, bytes};
use crate::grants::{Decision, Malformed, Rights, Target, address_refusal, decide};
use crate::vault::{Signer, Vault};

/// More redirects than this are never followed.
const REDIRECT_LIMIT: u32 = 10;

/// Sends requests for guests. One a host; connections are shared by calls whose grants open the same addresses.
#[derive(Debug)]
pub(crate) struct Egress {
    clients: Clients,
    vault: Arc<dyn Vault>,
    signer: Arc<dyn Signer>,
    /// Answers in the network's place; none for the network itself.
    network: Option<Arc<dyn Network>>,
}

/// A request as a guest gives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Millis>,
    pub(crate) max_redirects: u32,
}

/// A response as a guest gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) final_url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no response; the kinds of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    NotGranted(String),
    AddressBlocked(String),
    Dns(String),
    Connect(String),
    Tls(String),
    Timeout,
    TooLarge,
    TooManyRedirects,
    Protocol(String),
    Quota,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(text) => write!(f, "not-granted: {text}"),
            Self::AddressBlocked(text) => write!(f, "address-blocked: {text}"),
            Self::Dns(text) => write!(f, "dns: {text}"),
            Self::Connect(text) => write!(f, "connect: {text}"),
            Self::Tls(text) => write!(f, "tls: {text}"),
            Self::Timeout => f.write_str("timeout"),
            Self::TooLarge => f.write_str("too-large"),
            Self::TooManyRedirects => f.write_str("too-many-redirects"),
            Self::Protocol(text) => write!(f, "protocol: {text}"),
            Self::Quota => f.write_str("quota"),
        }
    }
}

impl Failure {
    /// The failure that was told so; words that are nobody's are one of the protocol.
    pub(crate) fn of_words(told: &str) -> Self {
        let (word, text) = told.split_once(": ").unwrap_or((told, ""));
        let text = text.to_owned();
        match word {
            "not-granted" => Self::NotGranted(text),
            "address-blocked" => Self::AddressBlocked(text),
            "dns" => Self::Dns(text),
            "connect" => Self::Connect(text),
            "tls" => Self::Tls(text),
            "timeout" => Self::Timeout,
            "too-large" => Self::TooLarge,
            "too-many-redirects" => Self::TooManyRedirects,
            "protocol" => Self::Protocol(text),
            "quota" => Self::Quota,
            _ => Self::Protocol(told.to_owned()),
        }
    }

    /// One of each kind.
    #[cfg(test)]
    pub(crate) fn every() -> Vec<Self> {
        let text = || "a: b".to_owned();
        vec![
            Self::NotGranted(text()),
            Self::AddressBlocked(text()),
            Self::Dns(text()),
            Self::Connect(text()),
            Self::Tls(text()),
            Self::Timeout,
            Self::TooLarge,
            Self::TooManyRedirects,
            Self::Protocol(text()),
            Self::Quota,
        ]
    }
}

/// What one call may still send.
#[derive(Debug)]
pub(crate) struct Quota {
    /// How many requests a call has, and how many of them are left.
    requests: u32,
    left: u32,
    request_bytes: usize,
    response_bytes: usize,
    timeout: Duration,
    /// The budget that was crossed last.
    crossed: Option<Exceeded>,
}

impl Quota {
    pub(crate) fn new(budgets: &Budgets) -> Self {
        Self {
            requests: budgets.http_requests,
            left: budgets.http_requests,
            crossed: None,
            request_bytes: budgets.http_request_bytes as usize,
            response_bytes: budgets.http_response_bytes as usize,
            timeout: budgets.http_timeout.duration(),
        }
    }

    fn take(&mut self) -> Result<(), Failure> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => {
                let asked = "it asked for one more in the same call";
                self.crossed = Some(Exceeded::new("requests", self.requests.to_string(), asked));
                return Err(Failure::Quota);
            }
        }
        Ok(())
    }

    fn larger(&mut self, budget: &'static str, limit: usize, what: &str) -> Failure {
        self.crossed = Some(Exceeded::new(budget, bytes(limit as u64), what));
        Failure::TooLarge
    }

    /// The budget that the last exchange crossed, for the operator: a guest is told no figure.
    pub(crate) fn crossed(&mut self) -> Option<Exceeded> {
        self.crossed.take()
    }
}

/// One hop on its way: what is sent next.
struct Hop {
    target: Target,
    headers: HeaderMap,
    body: Vec<u8>,
    /// How long the exchange may take.
    timeout: Duration,
}

impl Egress {
    pub(crate) fn new(lookup: Arc<dyn Lookup>, vault: Arc<dyn Vault>, signer: Arc<dyn Signer>) -> Self {
        Self { clients: Clients::new(lookup), vault, signer, network: None }
    }

    /// The same over what stands in the network's place; none is the network itself.
    pub(crate) fn over(self, network: Option<Arc<dyn Network>>) -> Self {
        Self { network, ..self }
    }

    /// Sends `ask` and follows its redirects, within the rights and the quota of one call. Secrets go into it as it leaves, and
    /// are masked in what comes back.
    pub(crate) async fn exchange(
        &self,
        rights: &Rights,
        quota: &mut Quota,
        carried: &mut Carried,
        ask: Ask,
    ) -> Result<Answer, Failure> {
        // Before the exchange and its time begin: a vault may be slow, and what was sent is not to be sent again for that.
        carried.learn_all(rights, &*self.vault).await;
        let limit = quota.timeout;
        let timeout = ask.timeout.map_or(limit, |asked| asked.duration().min(limit));
        let answer = tokio::time::timeout(timeout, self.follow(rights, quota, carried, ask, timeout)).await;
        answer.unwrap_or(Err(Failure::Timeout)).map_err(|failure| carried.mask_failure(failure))
    }

    async fn follow(
        &self,
        rights: &Rights,
        quota: &mut Quota,
        carried: &mut Carried,
        ask: Ask,
        timeout: Duration,
    ) -> Result<Answer, Failure> {
        let headers = headers::checked(&ask.headers, ask.body.len()).map_err(Failure::Protocol)?;
        if ask.body.len() + headers::size(&headers) > quota.request_bytes {
            return Err(quota.larger("request", quota.request_bytes, "headers and body have more"));
        }
        let target = Target::parse(&ask.method, &ask.url).map_err(malformed)?;
        let mut hop = Hop { target, headers, body: ask.body, timeout };
        let redirects = ask.max_redirects.min(REDIRECT_LIMIT);
        let mut followed = 0;
        loop {
            quota.take()?;
            let response = self.send(rights, carried, &hop).await?;
            let location = redirect_of(&response).map(|location| carried.mask(location));
            match location {
                Some(location) if redirects > 0 => {
                    if followed == redirects {
                        return Err(Failure::TooManyRedirects);
                    }
                    followed += 1;
                    hop = hop.redirected(response.status(), &location)?;
                }
                Some(_) | None => {
                    let answer = receive(response, &hop.target, quota.response_bytes, carried).await;
                    return answer.map_err(|failure| match failure {
                        Failure::TooLarge => quota.larger("response", quota.response_bytes, "the answer has more"),
                        other => other,
                    });
                }
            }
        }
    }

    /// Decides on one hop and sends it.
    async fn send(&self, rights: &Rights, carried: &mut Carried, hop: &Hop) -> Result<reqwest::Response, Failure> {
        let (opened, auth) = allowed(&hop.target, rights)?;
        literal_address(rights, &hop.target, &opened)?;
        let mut out = filled(rights, &*self.vault, carried, hop).await?;
        if let Some(auth) = auth {
            prove(&auth, &*self.vault, &*self.signer, carried, &mut out).await?;
        }
        if let Some(network) = &self.network {
            return network::ask(network.as_ref(), &out, hop.timeout);
        }
        let Outgoing { target, headers, body } = out;
        let method = Method::from_bytes(target.method().as_bytes()).map_err(|error| Failure::Protocol(error.to_string()))?;
        let client = self.clients.get(target.scheme(), &opened).map_err(|error| Failure::Tls(connect::chain(&error)))?;
        let request = client.request(method, target.url().clone()).headers(headers).body(body);
        request.send().await.map_err(|error| connect::failure(&error, rights, &hop.target))
    }
}

/// The ranges that a request may go to, and what the host adds to it.
fn allowed(target: &Target, rights: &Rights) -> Result<(Vec<IpNet>, Option<Auth>), Failure> {
    match decide(target, rights) {
        Decision::Allow { addresses, auth } => Ok((addresses, auth)),
        Decision::Deny(text) => Err(Failure::NotGranted(text)),
    }
}

/// An address in the URL itself is connected to without any lookup, so it is filtered here.
fn literal_address(rights: &Rights, target: &Target, opened: &[IpNet]) -> Result<(), Failure> {
    match target.literal_address().and_then(|address| Some((address, address_refusal(address, opened)?))) {
        None => Ok(()),
        Some((address, kind)) => Err(connect::blocked(rights, target, address, kind)),
    }
}

fn malformed(error: Malformed) -> Failure {
    Failure::Protocol(error.to_string())
}

/// Where a response redirects to, as the server wrote it.
fn redirect_of(response: &reqwest::Response) -> Option<String> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    location.to_str().ok().map(ToOwned::to_owned)
}

impl Hop {
    /// The next hop: the method and body that the status asks for, and no credentials across origins.
    fn redirected(self, status: StatusCode, location: &str) -> Result<Self, Failure> {
        let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
            || matches!(self.target.method(), "GET" | "HEAD");
        let method = if keeps_method { self.target.method() } else { "GET" };
        let target = self.target.redirected(method, location).map_err(malformed)?;
        let mut headers = self.headers;
        if target.origin() != self.target.origin() {
            headers = headers::without_credentials(headers);
        }
        if keeps_method {
            return Ok(Self { target, headers, body: self.body, timeout: self.timeout });
        }
        Ok(Self { target, headers: headers::without_body(headers), body: Vec::new(), timeout: self.timeout })
    }
}

/// Reads a whole response, up to `limit` bytes of body.
async fn receive(mut response: reqwest::Response, target: &Target, limit: usize, carried: &Carried) -> Result<Answer, Failure> {
    let announced = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if target.method() != "HEAD" && announced.is_some_and(|length| length > limit as u64) {
        return Err(Failure::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Protocol(connect::chain(&error)))? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        final_url: target.url().to_string(),
        headers: headers::received(response.headers()).into_iter().map(|(name, value)| (name, carried.mask(value))).collect(),
        body: carried.mask_bytes(body),
    })
}

#[cfg(test)]
mod secret_tests;
#[cfg(test)]
mod tests;
