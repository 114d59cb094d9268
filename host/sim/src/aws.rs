//! One call on the AWS API from its bytes to its reply: credentials, faults, and then the action (`elb/api.rs`). The only
//! place that knows HTTP headers and status codes of AWS. A signature has to have its shape; it is not verified.

use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::elb::api::{self, Call, Outcome};
use crate::elb::calls::{AwsCall, AwsOutcome};
use crate::elb::refusal::Refusal;
use crate::elb::{form, xml};
use crate::faults::FaultKind;
use crate::server::Shared;
use crate::wire::{Scissors, deliver, first_half, plain};

/// No form of the service comes near this.
const BODY_LIMIT: usize = 1024 * 1024;

/// What is to be sent back, and when; without a body the connection is cut.
struct Reply {
    status: u16,
    body: Option<String>,
    slow: Duration,
    request: String,
}

/// Answers one call. The account is locked for the decision and its effect, never while a slow reply waits.
pub(crate) async fn serve(
    State(account): State<Shared>,
    Extension(stop): Extension<CancellationToken>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let reply = answer(&mut account.lock(), &parts, &body);
    let sent = reply.body.map(|body| {
        let response = Response::builder().status(reply.status).header(header::CONTENT_TYPE, "text/xml");
        let response = response.header("x-amzn-requestid", reply.request).body(Body::from(body));
        response.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    });
    deliver(sent, reply.slow, &stop, &scissors).await
}

fn answer(account: &mut Account, parts: &Parts, body: &Bytes) -> Reply {
    let now = account.now();
    account.settle(now);
    let request = account.supply.request_id();
    let form = if body.is_empty() { parts.uri.query().unwrap_or_default().as_bytes() } else { body };
    let call = form::parse(form).map(|form| Call { form, now });
    let (action, subject) = call.as_ref().map_or(("", ""), |call| (call.text("Action").unwrap_or_default(), call.subject()));
    let (action, subject) = (action.to_owned(), subject.to_owned());
    let (outcome, reply) = match authorise(&parts.headers).and(call) {
        Ok(call) => {
            let fault = account.faults.hit_aws(&action);
            run(account, &action, &call, fault, request)
        }
        Err(refusal) => Reply::refused(&refusal, request),
    };
    account.elb.calls.add(AwsCall { action, subject, outcome });
    reply
}

/// Runs the action, unless a fault prevents it, and makes the reply that the fault asks for.
fn run(account: &mut Account, action: &str, call: &Call, fault: Option<FaultKind>, request: String) -> (AwsOutcome, Reply) {
    match fault {
        Some(FaultKind::Status(status)) => return Reply::refused(&failure(status), request),
        Some(FaultKind::Throttled400) => {
            return Reply::refused(&Refusal::new("ThrottlingException", "Rate exceeded"), request);
        }
        Some(FaultKind::ExpiredToken) => {
            let message = "The security token included in the request is expired";
            return Reply::refused(&Refusal::new("ExpiredToken", message).with_status(403), request);
        }
        Some(FaultKind::Reset) => return (AwsOutcome::Reset, Reply::new(200, None, request)),
        _ => {}
    }
    let (outcome, mut reply) = match perform(account, action, call) {
        Ok(result) => {
            let body = xml::response(action, &result, &request);
            (AwsOutcome::Done, Reply::new(200, Some(body), request))
        }
        Err(refusal) => Reply::refused(&refusal, request),
    };
    match fault {
        Some(FaultKind::SlowMs(ms)) => reply.slow = Duration::from_millis(ms),
        Some(FaultKind::ReplyLost) => {
            reply.body = None;
            return (AwsOutcome::ReplyLost, reply);
        }
        Some(FaultKind::Garbage) => {
            (reply.status, reply.body) = (200, Some("<html><body>upstream connect error</body></html>".to_owned()));
            return (AwsOutcome::Garbage, reply);
        }
        Some(FaultKind::Truncated) => {
            (reply.status, reply.body) = (200, reply.body.map(first_half));
            return (AwsOutcome::Garbage, reply);
        }
        _ => {}
    }
    (outcome, reply)
}

fn perform(account: &mut Account, action: &str, call: &Call) -> Outcome {
    if action.is_empty() {
        return Err(Refusal::new("MissingAction", "The request must contain the parameter Action"));
    }
    let version = call.text("Version").unwrap_or(api::VERSION);
    match api::find(action).filter(|_| version == api::VERSION) {
        Some((_, operation)) => operation(account, call),
        None => {
            let message = format!("Could not find operation {action} for version {version}");
            Err(Refusal::new("InvalidAction", message))
        }
    }
}

/// What AWS says with a status that is no answer of the action.
fn failure(status: u16) -> Refusal {
    let (code, message) = match status {
        503 => ("ServiceUnavailable", "The request has failed due to a temporary failure of the server."),
        500.. => ("InternalFailure", "The request processing has failed because of an unknown error, exception or failure."),
        429 => ("TooManyRequestsException", "Rate exceeded"),
        403 => ("AccessDenied", "User is not authorized to perform this action"),
        _ => ("ValidationError", "The input fails to satisfy the constraints of the service."),
    };
    Refusal::new(code, message).with_status(status)
}

/// Checks that the request is signed for the service: `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request,
/// SignedHeaders=.., Signature=..`.
fn authorise(headers: &HeaderMap) -> Result<(), Refusal> {
    let refused = |code: &str, message: &str| Err(Refusal::new(code, message).with_status(403));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(fields) = given.and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256 ")) else {
        return refused("MissingAuthenticationToken", "Missing Authentication Token");
    };
    let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let (Some(scope), Some(_), Some(_)) = (field("Credential"), field("SignedHeaders"), field("Signature")) else {
        return refused(
            "IncompleteSignature",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters",
        );
    };
    match scope.rsplit('/').take(4).collect::<Vec<_>>().as_slice() {
        ["aws4_request", "elasticloadbalancing", _, _] => Ok(()),
        _ => refused("SignatureDoesNotMatch", "Credential should be scoped to correct service: 'elasticloadbalancing'."),
    }
}

impl Reply {
    const fn new(status: u16, body: Option<String>, request: String) -> Self {
        Self { status, body, slow: Duration::ZERO, request }
    }

    fn refused(refusal: &Refusal, request: String) -> (AwsOutcome, Self) {
        let body = xml::error(refusal, &request);
        (AwsOutcome::Refused(refusal.code.clone()), Self::new(refusal.status, Some(body), request))
    }
}

/// Whether a fault on the AWS API can do that, to that action.
pub(crate) fn check_fault(action: &str, kind: FaultKind) -> Result<(), String> {
    if action != "*" && api::find(action).is_none() {
        return Err(format!("there is no AWS action `{action}`"));
    }
    match kind {
        FaultKind::Status(status) if !(400..=599).contains(&status) => Err("`status` is 400 to 599".to_owned()),
        FaultKind::Status(_)
        | FaultKind::Throttled400
        | FaultKind::SlowMs(_)
        | FaultKind::Reset
        | FaultKind::ReplyLost
        | FaultKind::Garbage
        | FaultKind::Truncated
        | FaultKind::ExpiredToken => Ok(()),
        FaultKind::TooManyRequests(_) | FaultKind::EmptyItems | FaultKind::HiddenUserData => {
            Err("that kind is of the Spot API only".to_owned())
        }
    }
}
