//! One call of CloudWatch in AWS's JSON protocol: what is sent, and what a refusal means.
//!
//! It signs nothing: the host does, as the grant says. `metrics` and `alarms` know what the answers hold.

use analysis::exchange;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use shiftgate_sdk::http::Response;
use shiftgate_sdk::prelude::*;

use crate::config::Settings;

/// A call that this plugin makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Values of metrics.
    GetMetricData,
    /// States of alarms.
    DescribeAlarms,
}

impl Operation {
    const fn target(self) -> &'static str {
        match self {
            Self::GetMetricData => "GraniteServiceVersion20100801.GetMetricData",
            Self::DescribeAlarms => "GraniteServiceVersion20100801.DescribeAlarms",
        }
    }
}

/// What a call came to.
pub(crate) enum Called<T> {
    /// An answer, and its body as it came.
    Answer(T, String),
    /// None, or none that can be used, for a reason that may pass; and the body as it came.
    Trouble(String, String),
}

/// An error as AWS writes it.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// Calls. `query` is what is asked, for messages.
///
/// # Errors
/// [`StepError`] for what no later call can mend: a refused request, a query that CloudWatch cannot read, missing rights.
pub(crate) fn call<T: DeserializeOwned>(
    cx: &Context<'_>,
    settings: &Settings,
    operation: Operation,
    body: &Value,
    query: &str,
) -> Result<Called<T>> {
    let request = cx
        .post(&format!("{}/", settings.url.trim_end_matches('/')))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", operation.target())
        .body(body.to_string())
        .timeout(settings.timeout);
    match exchange::send(request, &settings.url)? {
        Ok(response) => read(&response, settings, query),
        Err(why) => Ok(Called::Trouble(why, String::new())),
    }
}

fn read<T: DeserializeOwned>(response: &Response, settings: &Settings, query: &str) -> Result<Called<T>> {
    let raw = response.text();
    if response.status == 200 {
        return Ok(match serde_json::from_str(&raw) {
            Ok(answer) => Called::Answer(answer, raw),
            Err(error) => {
                let why = format!("{}: the answer is not that of CloudWatch's JSON protocol: {error}", settings.url);
                Called::Trouble(why, raw)
            }
        });
    }
    let Refusal { kind, message } = serde_json::from_str(&raw).unwrap_or_default();
    let kind = kind.rsplit_once('#').map_or(kind.as_str(), |(_, kind)| kind);
    let why = match (kind, message.as_str()) {
        ("", _) => format!("HTTP {}", response.status),
        (kind, "") => format!("HTTP {} {kind}", response.status),
        (kind, message) => format!("HTTP {} {kind}: {message}", response.status),
    };
    let unsigned = kind.starts_with("MissingAuthenticationToken");
    let why = if unsigned { format!("{why}; the grant of this URL needs `auth: {{ sigv4: … }}`") } else { why };
    let why = exchange::refused("CloudWatch", &settings.url, query, meant(response.status, kind), &why)?;
    Ok(Called::Trouble(why, raw))
}

/// The status that other services would give: AWS answers most of its refusals with 400.
fn meant(status: u16, kind: &str) -> u16 {
    match kind {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "LimitExceededException"
        | "LimitExceededFault" => 429,
        // The host's credentials are fetched anew before the next call, or the clock has been set.
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => 503,
        "AccessDenied"
        | "AccessDeniedException"
        | "NotAuthorized"
        | "OptInRequired"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException" => 403,
        _ => status,
    }
}
