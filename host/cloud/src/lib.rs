//! The clouds: [`Spot`] implements the port [`Groups`](shiftgate_model::Groups) over Spot's REST API, [`Elb`] the port
//! [`Routes`](shiftgate_model::Routes) over AWS's ELBv2.
//!
//! The only room that knows a wire shape of a cloud, and the only one that holds a token. It reads no environment and no
//! files: whatever it needs is handed in ([`SpotConfig`], [`ElbConfig`], [`Lookup`]); AWS's SDK finds AWS's own credentials
//! itself, unless keys are handed in. It decides nothing about a deployment. Read `spot.rs` first, then `call.rs` (one attempt
//! after another), `limiter.rs` (when one may start) and `create.rs` (a group is made once); for load balancers `elb/mod.rs`.

mod call;
mod config;
mod create;
mod credentials;
mod elb;
mod envelope;
mod failure;
mod limiter;
mod operation;
mod payload;
mod redact;
mod sign;
mod spot;
mod view;
mod wire;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod socket_tests;
#[cfg(test)]
mod world_tests;

pub use config::{DEFAULT_BASE_URL, RetryPolicy, SpotConfig, Timeouts};
pub use credentials::{
    ACCOUNT_VARIABLE, Credentials, CredentialsFile, DEFAULT_PROFILE, Lookup, TOKEN_VARIABLE, find_credentials,
};
pub use elb::{AwsKeys, Elb, ElbConfig, ElbRetry, ElbTimeouts};
pub use sign::{AwsSigner, ToSign};
pub use spot::Spot;
pub use view::RawGroup;
