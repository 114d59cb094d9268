//! The cookie that keeps a client with its target group, in the manner of `AWSALBTG`. It says which group and since when,
//! and is good for as long as the rule says, whatever the weights have become.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use crate::elb::forward::Forward;
use crate::instance::Moment;

const NAME: &str = "AWSALBTG";
/// The same for requests from other sites.
const CORS: &str = "AWSALBTGCORS";

/// A cookie that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presented {
    /// The last part of the target group's ARN.
    group: String,
    issued: Moment,
}

/// The cookie of a request; none when there is none that could be ours.
pub(super) fn presented(headers: &HeaderMap) -> Option<Presented> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| [NAME, CORS].contains(name))?;
    let (group, issued) = value.split_once('-')?;
    Some(Presented { group: group.to_owned(), issued: Duration::from_millis(issued.parse().ok()?) })
}

impl Presented {
    /// The ARN of the group that the client stays with, where the rule still names it and the time is not over.
    pub(super) fn group<'a>(&self, forward: &'a Forward, now: Moment, lasts: Duration) -> Option<&'a str> {
        let age = now.checked_sub(self.issued)?;
        let (arn, _) = forward.weights.iter().find(|(arn, _)| arn.rsplit('/').next() == Some(&self.group))?;
        (age < lasts).then_some(arn)
    }
}

/// The two cookies that a client gets with its first answer.
pub(super) fn cookies(group: &str, now: Moment, lasts: Duration) -> Vec<String> {
    let value = format!("{}-{}", group.rsplit('/').next().unwrap_or_default(), now.as_millis());
    let seconds = lasts.as_secs();
    vec![
        format!("{NAME}={value}; Max-Age={seconds}; Path=/"),
        format!("{CORS}={value}; Max-Age={seconds}; Path=/; SameSite=None; Secure"),
    ]
}
