//! What may stand in the network's place: a script that answers, for a test of a plugin that is to reach nothing.
//!
//! It is asked last, when a hop is decided, counted and about to leave, and its answer goes through the same limits as one from
//! outside. So a test changes where answers come from, and nothing else: grants, quotas, sizes and redirects are the real ones.

use std::fmt;
use std::time::Duration;

use shiftgate_model::Millis;

use super::carry::Outgoing;
use super::{Failure, headers};

/// A request that may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Upper case.
    pub method: String,
    /// Absolute, with its query.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Millis,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The status, 100 to 999.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The name does not resolve.
    Dns,
    /// Nobody listens there.
    Refused,
    /// The connection broke off.
    Reset,
    /// The certificate is no good.
    Tls,
    /// No answer came in time.
    Timeout,
}

/// Answers requests in the network's place.
pub trait Network: fmt::Debug + Send + Sync {
    /// Answers one hop at once. What time it takes is for the clock that goes with it to show.
    ///
    /// # Errors
    /// [`Silence`] where the network would have none.
    fn answer(&self, request: &Sent) -> Result<Reply, Silence>;
}

/// Sends there what would leave, and makes of the answer what the network's would be.
pub(super) fn ask(network: &dyn Network, out: &Outgoing, timeout: Duration) -> Result<reqwest::Response, Failure> {
    let request = Sent {
        method: out.target.method().to_owned(),
        url: out.target.url().to_string(),
        headers: headers::received(&out.headers),
        body: out.body.clone(),
        timeout: timeout.into(),
    };
    let reply = network.answer(&request).map_err(|silence| failure(silence, out.target.host()))?;
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body).map(Into::into).map_err(|error| Failure::Protocol(error.to_string()))
}

fn failure(silence: Silence, host: &str) -> Failure {
    match silence {
        Silence::Dns => Failure::Dns(format!("{host}: the name does not resolve")),
        Silence::Refused => Failure::Connect("tcp connect error: Connection refused".to_owned()),
        Silence::Reset => Failure::Protocol("connection error: Connection reset by peer".to_owned()),
        Silence::Tls => Failure::Tls("invalid peer certificate: UnknownIssuer".to_owned()),
        Silence::Timeout => Failure::Timeout,
    }
}
