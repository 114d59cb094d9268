//! One attempt of one call over HTTP: address, headers, timeout, answer. No retries and no judgement; those are `call`'s.
//!
//! The token leaves this file in one header only. Redirects are not followed, so that it reaches no other host.

use std::error::Error as _;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use shiftgate_model::{CloudError, Millis, Origin, Retry, Service};
use url::{Host, Url};

use crate::config::{SpotConfig, Timeouts};
use crate::failure::{Failure, refused};
use crate::limiter::Limits;
use crate::operation::Request;

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
/// Idle connections are given up before the usual minute of a load balancer, so that a poll seldom meets a closed one.
const IDLE: Millis = Millis::seconds(30);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) limits: Limits,
    pub(crate) body: Vec<u8>,
}

/// Sends one request once. The seam at which tests script answers on a paused clock.
#[async_trait]
pub(crate) trait Wire: Send + Sync {
    async fn exchange(&self, request: &Request) -> Result<Reply, Failure>;
}

/// The wire to a real server.
pub(crate) struct HttpWire {
    client: reqwest::Client,
    base: Url,
    account: String,
    authorization: HeaderValue,
    timeouts: Timeouts,
}

impl HttpWire {
    /// # Errors
    /// `Refused` for an address that cannot be called; `NoCredentials` for a token or account that cannot be sent.
    pub(crate) fn new(config: &SpotConfig) -> Result<Self, CloudError> {
        let no = |why: &str| refused("Connect", None, why.to_owned());
        check(&config.base_url).map_err(no)?;
        let account = config.account.as_str().trim();
        if account.is_empty() {
            return Err(no_credentials("the Spot account id is empty"));
        }
        let mut client = reqwest::Client::builder()
            .tls_backend_rustls()
            .user_agent(&config.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(config.timeouts.connect.duration())
            .pool_idle_timeout(IDLE.duration())
            .http2_keep_alive_interval(Millis::seconds(20).duration())
            .http2_keep_alive_timeout(Millis::seconds(10).duration());
        let loopback = is_loopback(&config.base_url);
        if loopback {
            client = client.no_proxy();
        }
        if config.base_url.scheme() == "http" {
            // No TLS will be spoken: do not read the system's certificates, and do not need them.
            client = client.tls_certs_only([]);
            if !loopback {
                tracing::warn!(host = config.base_url.host_str(), "the Spot URL is http: the token travels unencrypted");
            }
        }
        let client = client.build().map_err(|why| no(&format!("the HTTP client cannot be set up: {}", chain(why))))?;
        let authorization = authorization(config)?;
        let base = config.base_url.clone();
        Ok(Self { client, base, account: account.to_owned(), authorization, timeouts: config.timeouts })
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(request.segments());
        }
        url.query_pairs_mut().append_pair("accountId", &self.account);
        url
    }

    fn headers(&self) -> HeaderMap {
        // On every verb, as the vendor's own clients do.
        HeaderMap::from_iter([(AUTHORIZATION, self.authorization.clone()), (CONTENT_TYPE, JSON), (ACCEPT, JSON)])
    }
}

#[async_trait]
impl Wire for HttpWire {
    async fn exchange(&self, request: &Request) -> Result<Reply, Failure> {
        let timeout = if request.operation.writes() { self.timeouts.write } else { self.timeouts.read };
        let mut call = self.client.request(request.operation.method(), self.url(request)).headers(self.headers());
        if let Some(body) = &request.body {
            call = call.body(body.to_string());
        }
        let lost = |why: reqwest::Error| failure(why, timeout, self.timeouts.connect);
        let mut response = call.timeout(timeout.duration()).send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let limits = Limits::parse(header("x-ratelimit-remaining"), header("x-ratelimit-reset"));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(Failure::Unreadable(format!("HTTP {status} with more than {} MiB", LONGEST_ANSWER >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, limits, body })
    }
}

/// An address that a token may be sent to.
fn check(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Err("the Spot URL is neither http nor https")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("the Spot URL holds a user or password; the token is the only credential")
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("the Spot URL holds a query or fragment; give the address without it")
    } else {
        Ok(())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn authorization(config: &SpotConfig) -> Result<HeaderValue, CloudError> {
    let token = config.token.expose_secret().trim();
    if token.is_empty() {
        return Err(no_credentials("the Spot token is empty"));
    }
    // The cause would not help, and might show the token.
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| no_credentials("the Spot token holds characters that no HTTP header can carry; was it pasted whole?"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn no_credentials(why: &str) -> CloudError {
    CloudError {
        service: Service::Spot,
        operation: "Connect".to_owned(),
        subject: None,
        origin: Origin::NoCredentials(why.to_owned()),
        retry: Retry::Never,
    }
}

fn failure(why: reqwest::Error, timeout: Millis, connect: Millis) -> Failure {
    match (why.is_connect(), why.is_timeout()) {
        (true, true) => Failure::NotSent(format!("no connection within {connect}")),
        (true, false) => Failure::NotSent(chain(why)),
        (false, true) => Failure::Lost(format!("no whole answer within {timeout}")),
        (false, false) => Failure::Lost(chain(why)),
    }
}

/// An error with its causes, without the address: the call is named elsewhere.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use shiftgate_model::{AccountId, GroupId};

    use super::*;
    use crate::credentials::Credentials;
    use crate::operation::Operation;

    fn config(url: &str, token: &str) -> SpotConfig {
        let credentials = Credentials { token: SecretString::from(token.to_owned()), account: AccountId::new("act-12345678") };
        SpotConfig::new(credentials, Some(url)).unwrap()
    }

    #[test]
    fn the_account_goes_with_every_call_behind_the_base_path() {
        let wire = HttpWire::new(&config("http://127.0.0.1:1/proxy/", "t")).unwrap();
        let id = GroupId::new("sig-0a1b2c3d");
        let url = |request: Request| wire.url(&request).to_string();
        assert_eq!(url(Request::account(Operation::List)), "http://127.0.0.1:1/proxy/aws/ec2/group?accountId=act-12345678");
        assert_eq!(
            url(Request::group(Operation::SetCapacity, &id)),
            "http://127.0.0.1:1/proxy/aws/ec2/group/sig-0a1b2c3d/capacity?accountId=act-12345678"
        );
    }

    #[test]
    fn addresses_that_no_token_may_go_to_are_refused() {
        for url in ["ftp://host/", "https://user:pw@host/", "https://host/?a=b", "https://host/#x", "data:text"] {
            let error = HttpWire::new(&config(url, "t")).err().unwrap();
            assert!(matches!(error.origin, Origin::Refused(_)), "{url}");
            assert!(!error.to_string().contains("pw@"));
        }
    }

    #[test]
    fn tokens_that_cannot_be_sent_are_named_without_being_shown() {
        for token in ["", "  ", "to\nken", "tok\u{7f}en"] {
            let error = HttpWire::new(&config("http://127.0.0.1:1", token)).err().unwrap();
            assert!(matches!(error.origin, Origin::NoCredentials(_)), "{token:?}");
            assert!(token.trim().is_empty() || !error.to_string().contains(token));
        }
    }
}
