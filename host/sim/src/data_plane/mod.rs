//! The data plane: an HTTP listener on loopback for each listener of each load balancer, whose requests take time and end
//! as the instance that gets them says.
//!
//! Only moves bytes and waits. Where a request goes is `route.rs`, a decision under the account's lock; what came of it is
//! counted in `traffic.rs`. The API that writes the rules is `crate::elb`.

mod route;
mod share;
mod sticky;
mod traffic;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use axum::{Router, http::HeaderMap};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::elb::conditions::Asked;
use crate::server::Shared;
use route::{Decision, Ending, Incoming, Ticket};

pub use traffic::Traffic;
pub(crate) use traffic::{Flow, key};

/// One listener of one load balancer, by their places, behind the account's lock.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) account: Shared,
    pub(crate) balancer: usize,
    pub(crate) listener: usize,
}

pub(crate) fn router(gate: Gate, stop: CancellationToken) -> Router {
    Router::new().fallback(serve).layer(Extension(stop)).with_state(gate)
}

/// Answers one request. The account is locked to choose a target, and again when the answer is due; never in between.
async fn serve(
    State(gate): State<Gate>,
    Extension(stop): Extension<CancellationToken>,
    request: Request<Body>,
) -> Response<Body> {
    let decision = decide(&gate, &request);
    match decision {
        Decision::Fixed { status, content_type, body } => build(status, &[("content-type", content_type)], Body::from(body)),
        Decision::Redirect { status, location } => build(status, &[("location", location)], Body::empty()),
        Decision::Unavailable => balancer_error(503),
        Decision::Target(ticket) => {
            if !ticket.latency.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(ticket.latency) => {}
                    () = stop.cancelled() => {}
                }
            }
            let mut account = gate.account.lock();
            let now = account.now();
            account.settle(now);
            let ending = account.finish(gate.balancer, gate.listener, &ticket);
            drop(account);
            answer(&ticket, ending)
        }
    }
}

fn decide(gate: &Gate, request: &Request<Body>) -> Decision {
    let uri = request.uri();
    let host = header(request.headers(), "host").or_else(|| uri.host()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let incoming = Incoming {
        asked: Asked { path: uri.path(), host },
        query: uri.query().unwrap_or_default(),
        sticky: sticky::presented(request.headers()),
    };
    let mut account = gate.account.lock();
    let now = account.now();
    account.settle(now);
    account.dispatch(gate.balancer, gate.listener, &incoming, now)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What the instance says, with who it is in the headers and in the body.
fn answer(ticket: &Ticket, ending: Ending) -> Response<Body> {
    let status = match ending {
        Ending::Served => 200,
        Ending::Failed => 500,
        Ending::Gone => return balancer_error(502),
    };
    let who = json!({"instance": ticket.instance, "target_group": ticket.target_group, "ami": ticket.ami});
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-instance", ticket.instance.clone()),
        ("x-target-group", ticket.target_group.clone()),
        ("x-ami", ticket.ami.clone()),
    ];
    headers.extend(ticket.cookies.iter().map(|cookie| ("set-cookie", cookie.clone())));
    let body = if status == 200 { who } else { with_error(who) };
    build(status, &headers, Body::from(body.to_string()))
}

fn with_error(mut who: Value) -> Value {
    if let Value::Object(fields) = &mut who {
        fields.insert("error".to_owned(), json!("the instance failed"));
    }
    who
}

/// A 5xx of the load balancer's own.
fn balancer_error(status: u16) -> Response<Body> {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let body = format!("<html>\n<head><title>{status} {reason}</title></head>\n<body>{status} {reason}</body>\n</html>\n");
    build(
        status,
        &[("content-type", "text/html".to_owned()), (header::SERVER.as_str(), "awselb/2.0".to_owned())],
        Body::from(body),
    )
}

fn build(status: u16, headers: &[(&str, String)], body: Body) -> Response<Body> {
    let start = Response::builder().status(status);
    let response = headers.iter().fold(start, |response, (name, value)| response.header(*name, value)).body(body);
    response.unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}
