//! What a Spot client is built from. Plain values: who reads flags, variables and files is `cli`.

use secrecy::SecretString;
use shiftgate_model::{AccountId, CloudError, Millis};
use url::Url;

use crate::credentials::Credentials;
use crate::failure;

/// Where Spot's API is.
pub const DEFAULT_BASE_URL: &str = "https://api.spotinst.io";

/// What a [`Spot`](crate::Spot) is built from. `Debug` does not show the token.
#[derive(Clone, Debug)]
pub struct SpotConfig {
    /// Where the API is: `http` or `https`, without user, query or fragment. A path is put before every route.
    pub base_url: Url,
    /// The API token.
    pub token: SecretString,
    /// The account; sent with every call, because Spot takes the organisation's oldest account otherwise.
    pub account: AccountId,
    /// How long a call may take.
    pub timeouts: Timeouts,
    /// What the client calls itself.
    pub user_agent: String,
    /// What is tried again, and for how long.
    pub retry: RetryPolicy,
}

impl SpotConfig {
    /// The defaults, for an account; `base_url` replaces [`DEFAULT_BASE_URL`].
    ///
    /// # Errors
    /// `Refused` for a `base_url` that is not a URL.
    pub fn new(credentials: Credentials, base_url: Option<&str>) -> Result<Self, CloudError> {
        let text = base_url.unwrap_or(DEFAULT_BASE_URL);
        let base_url =
            Url::parse(text).map_err(|why| failure::refused("Connect", None, format!("the Spot URL is not a URL: {why}")))?;
        Ok(Self {
            base_url,
            token: credentials.token,
            account: credentials.account,
            timeouts: Timeouts::default(),
            user_agent: concat!("shiftgate/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
        })
    }
}

/// How long one attempt of a call may take, its whole answer included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To reach the server, TLS included.
    pub connect: Millis,
    /// A call that reads.
    pub read: Millis,
    /// A call that writes.
    pub write: Millis,
}

impl Default for Timeouts {
    /// 10 s to connect, 30 s to read, 120 s to write.
    fn default() -> Self {
        Self { connect: Millis::seconds(10), read: Millis::seconds(30), write: Millis::seconds(120) }
    }
}

/// What is tried again, and for how long. Pauses are exponential and jittered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of a call that got no answer or a 5xx, the first included.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles.
    pub first_pause: Millis,
    /// The longest pause.
    pub longest_pause: Millis,
    /// Time that those attempts and their pauses may take together.
    pub budget: Millis,
    /// How long a route stands still after a 429 that does not say for how long.
    pub limit_window: Millis,
    /// Time that one call may wait for its route's rate limit, over all its attempts.
    pub limit_budget: Millis,
    /// POSTs of one create whose outcome stayed unknown, or that never left.
    pub create_attempts: u32,
    /// How often the groups are listed after a create of unknown outcome, before it is posted again.
    pub looks: u32,
    /// The pause before the second such look; it doubles.
    pub look_pause: Millis,
    /// The pause after a create that AWS was not ready for (`CANT_CREATE_GROUP`, an instance profile just made); it doubles.
    pub provisioning_pause: Millis,
    /// How long such a create is tried again.
    pub provisioning_budget: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Millis(500),
            longest_pause: Millis::seconds(20),
            budget: Millis::minutes(2),
            limit_window: Millis::minutes(1),
            limit_budget: Millis::minutes(15),
            create_attempts: 3,
            looks: 5,
            look_pause: Millis::seconds(1),
            provisioning_pause: Millis::seconds(5),
            provisioning_budget: Millis::minutes(2),
        }
    }
}
