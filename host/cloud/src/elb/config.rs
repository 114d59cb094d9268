//! What an ELBv2 client is built from. Plain values: who reads flags and files of ours is `cli`.
//!
//! AWS's own variables and files are read by AWS's own chain, inside the SDK; see
//! `docs/adr/0009-aws-reads-its-own-environment.md`. With keys that are handed in, nothing of that is read.

use secrecy::SecretString;
use shiftgate_model::Millis;

/// What an [`Elb`](crate::Elb) is built from. `Debug` does not show a secret.
#[derive(Clone, Debug)]
pub struct ElbConfig {
    /// The region of the load balancers: `us-east-1`.
    pub region: String,
    /// The profile of AWS's shared files whose credentials are used, whatever the environment holds; none leaves the choice to
    /// AWS's own chain (environment, `AWS_PROFILE`, web identity, container, instance metadata).
    pub profile: Option<String>,
    /// Where the API is: `http` or `https`; none for AWS's own address, or what `AWS_ENDPOINT_URL` says.
    pub endpoint_url: Option<String>,
    /// Keys that are handed in; none looks for credentials as `profile` says.
    pub keys: Option<AwsKeys>,
    /// How long a call may take.
    pub timeouts: ElbTimeouts,
    /// What is tried again.
    pub retry: ElbRetry,
    /// What the client calls itself inside AWS's user agent: letters, digits and `!#$%&'*+-.^_|~`.
    pub user_agent: String,
}

/// Keys of an account, for tests, the demo and the simulated account.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// The access key's id, `AKIA…`; not secret.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: SecretString,
}

impl ElbConfig {
    /// The defaults, for a region, with AWS's own credential chain.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            profile: None,
            endpoint_url: None,
            keys: None,
            timeouts: ElbTimeouts::default(),
            retry: ElbRetry::default(),
            user_agent: concat!("shiftgate-", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The same with keys that are handed in: neither AWS's variables nor its files are read then, and no proxy is used.
    #[must_use]
    pub fn with_static_credentials(mut self, access_key_id: impl Into<String>, secret_access_key: SecretString) -> Self {
        self.keys = Some(AwsKeys { access_key_id: access_key_id.into(), secret_access_key });
        self
    }
}

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElbTimeouts {
    /// To reach the server, TLS included.
    pub connect: Millis,
    /// One attempt, its whole answer included.
    pub attempt: Millis,
    /// All attempts and the pauses between them.
    pub operation: Millis,
    /// To find or renew credentials.
    pub credentials: Millis,
}

impl Default for ElbTimeouts {
    /// 5 s to connect, 15 s an attempt, 60 s a call, 20 s for credentials.
    fn default() -> Self {
        Self {
            connect: Millis::seconds(5),
            attempt: Millis::seconds(15),
            operation: Millis::seconds(60),
            credentials: Millis::seconds(20),
        }
    }
}

/// What is tried again: throttling, 5xx, answers that did not come. Pauses are exponential and jittered.
///
/// It stands above `AWS_MAX_ATTEMPTS` and `AWS_RETRY_MODE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElbRetry {
    /// Attempts of a call, the first included.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles.
    pub first_pause: Millis,
    /// The longest pause of all.
    pub longest_pause: Millis,
}

impl Default for ElbRetry {
    /// 8 attempts, 1 s, 20 s: AWS's own pauses, and more attempts than its three, because a deployment that is half done
    /// has nothing better to do than to wait.
    fn default() -> Self {
        Self { attempts: 8, first_pause: Millis::seconds(1), longest_pause: Millis::seconds(20) }
    }
}
