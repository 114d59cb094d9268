//! Sets the SDK's client up: credentials, timeouts, retries, and the HTTP connections that it uses.
//!
//! One TLS stack for the whole program: the SDK's connector runs on the same rustls and aws-lc-rs as the Spot client.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_config::ConfigLoader;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_elasticloadbalancingv2::config::timeout::TimeoutConfig;
use aws_sdk_elasticloadbalancingv2::config::{AppName, BehaviorVersion, Builder, IdentityCache, Region, SharedHttpClient};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use secrecy::ExposeSecret;
use shiftgate_model::{CloudError, Millis};
use url::Url;

use super::config::ElbConfig;
use super::failure::refused;
use super::whole::Whole;

/// Idle connections are given up before the usual minute of a load balancer, so that a poll seldom meets a closed one.
const IDLE: Millis = Millis::seconds(30);

/// The SDK's client. Credentials are looked for at the first call.
///
/// # Errors
/// `Refused` for a region, an address or a name that no call can be made with.
pub(super) async fn client(config: &ElbConfig) -> Result<Client, CloudError> {
    let no = |why: String| refused("Connect", None, why);
    if config.region.trim().is_empty() {
        return Err(no("the AWS region is empty".to_owned()));
    }
    if let Some(url) = &config.endpoint_url {
        check(url).map_err(|why| no(why.to_owned()))?;
    }
    let name = AppName::new(config.user_agent.clone())
        .map_err(|_| no(format!("`{}` cannot stand in AWS's user agent", config.user_agent)))?;
    let (timeouts, retry) = (&config.timeouts, &config.retry);
    let timeout = TimeoutConfig::builder()
        .connect_timeout(timeouts.connect.duration())
        .operation_attempt_timeout(timeouts.attempt.duration())
        .operation_timeout(timeouts.operation.duration());
    let retries = RetryConfig::standard()
        .with_max_attempts(retry.attempts.max(1))
        .with_initial_backoff(retry.first_pause.duration())
        .with_max_backoff(retry.longest_pause.duration());
    // The SDK stops trying again, for the whole process, after some thirty failures, until calls have succeeded for as long: an
    // outage that ends would find a client that gives up at the first failure. A call's own attempts and time bound it here.
    let credentials = IdentityCache::lazy().load_timeout(timeouts.credentials.duration()).build();
    let mut builder = credentialed(config)
        .await
        .app_name(name)
        .timeout_config(timeout.build())
        .retry_config(retries)
        .retry_partition(RetryPartition::custom("shiftgate").token_bucket(TokenBucket::unlimited()).build())
        .retry_classifier(Whole)
        .interceptor(Whole)
        .identity_cache(credentials);
    if let Some(url) = &config.endpoint_url {
        builder = builder.endpoint_url(url);
    }
    Ok(Client::from_conf(builder.build()))
}

/// The part of the configuration that says who calls, and over which connections.
async fn credentialed(config: &ElbConfig) -> Builder {
    let region = Region::new(config.region.clone());
    if let Some(keys) = &config.keys {
        let secret = keys.secret_access_key.expose_secret().trim();
        let keys = Credentials::new(keys.access_key_id.trim(), secret, None, None, "shiftgate");
        let base = Builder::new().behavior_version(BehaviorVersion::latest()).region(region);
        return base.credentials_provider(keys).http_client(http_client(false));
    }
    let http = http_client(true);
    let shared = chain(config.profile.as_deref(), region, &http).load().await;
    Builder::from(&shared).http_client(http)
}

/// AWS's own chain of credentials, or a profile of its shared files.
pub(crate) fn chain(profile: Option<&str>, region: Region, http: &SharedHttpClient) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest()).region(region.clone()).http_client(http.clone());
    let Some(profile) = profile else { return loader };
    // As with AWS's own tools: a profile that is named outright stands above keys in the environment.
    let base = ProviderConfig::without_region().with_region(Some(region)).with_http_client(http.clone());
    let provider = ProfileFileCredentialsProvider::builder().configure(&base).profile_name(profile).build();
    loader.profile_name(profile).credentials_provider(provider)
}

/// An address that calls may be sent to.
fn check(url: &str) -> Result<(), &'static str> {
    let url = Url::parse(url).map_err(|_| "the AWS endpoint is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        Err("the AWS endpoint is neither http nor https")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("the AWS endpoint holds a user or password; calls are signed with the account's keys only")
    } else if url.query().is_some() || url.fragment().is_some() {
        Err("the AWS endpoint holds a query or fragment; give the address without it")
    } else {
        Ok(())
    }
}

/// HTTP for the SDK: `https` through the proxy that the environment names, `http` (loopback, a container's and an instance's
/// metadata) always straight.
pub(crate) fn http_client(proxies: bool) -> SharedHttpClient {
    type Made = Vec<((Option<Duration>, Option<Duration>), SharedHttpConnector)>;
    let made: Mutex<Made> = Mutex::default();
    http_client_fn(move |settings, _| {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = made.iter().find(|(known, _)| *known == key) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(ByScheme::new(settings.clone(), proxies));
        made.push((key, connector.clone()));
        connector
    })
}

/// Two connectors, so that a plain call needs no certificates and meets no proxy.
struct ByScheme {
    settings: HttpConnectorSettings,
    proxies: bool,
    plain: OnceLock<Connector>,
    secure: OnceLock<Connector>,
}

impl fmt::Debug for ByScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByScheme").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl ByScheme {
    const fn new(settings: HttpConnectorSettings, proxies: bool) -> Self {
        Self { settings, proxies, plain: OnceLock::new(), secure: OnceLock::new() }
    }

    fn connector(&self, trust: TrustStore, proxy: ProxyConfig) -> Connector {
        let builder = Connector::builder()
            .connector_settings(self.settings.clone())
            .pool_idle_timeout(IDLE.duration())
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        match TlsContext::builder().with_trust_store(trust).build() {
            Ok(context) => builder.tls_context(context).build(),
            Err(why) => {
                tracing::warn!(%why, "the system's certificates are used as they are");
                builder.build()
            }
        }
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().starts_with("http://") {
            let plain = || self.connector(TrustStore::empty(), ProxyConfig::disabled());
            return self.plain.get_or_init(plain).call(request);
        }
        let proxy = if self.proxies { ProxyConfig::from_env() } else { ProxyConfig::disabled() };
        let secure = || self.connector(TrustStore::default(), proxy);
        self.secure.get_or_init(secure).call(request)
    }
}
