//! One call on the Spot API from its bytes to its reply: token and account, rate limit, faults, and then the operation
//! of its route (`routes/`). The only place that knows HTTP headers and status codes of Spot.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::calls::Allowance;
use crate::envelope::{Answer, Echo, Outcome, Refusal};
use crate::faults::FaultKind;
use crate::routes::{self, Call};
use crate::server::Shared;
use crate::wire::{Scissors, deliver, first_half, plain};

/// Create requests of large groups stay far below this.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// What is to be sent back, and when.
struct Reply {
    status: u16,
    body: Option<String>,
    headers: Vec<(&'static str, String)>,
    slow: Duration,
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
    let reply = answer(&account, &parts, &body);
    let sent = reply.body.map(|body| {
        let response = Response::builder().status(reply.status);
        let mut response = response.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        for (name, value) in reply.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    });
    deliver(sent, reply.slow, &stop, &scissors).await
}

fn answer(account: &Shared, parts: &Parts, body: &Bytes) -> Reply {
    let mut account = account.lock();
    let now = account.now();
    account.settle(now);
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let route = routes::find(method, path);
    let template = route.as_ref().map_or("unknown", |route| route.template);
    let number = account.calls.begin(method, template, path);
    let echo = echo(&mut account, &parts.method, &parts.uri);
    let query: BTreeMap<String, String> = query(parts.uri.query());

    let limit = account.supply.world.rate_limit;
    let allowance = account.limiter.count(limit, method, template, now);
    let mut reply = if let Err(refusal) = authorise(&account, &parts.headers, &query) {
        Reply::refused(&echo, refusal)
    } else if !allowance.allowed {
        Reply::limited(&echo)
    } else if let Some(route) = route {
        let fault = account.faults.hit(method, template, path);
        let call = || Ok(Call { id: route.id, roll: route.roll, query, body: json(body)?, now });
        run(&mut account, &echo, fault, |account| (route.operation)(account, &call()?))
    } else {
        let message = format!("{method} {path} is not part of the simulated API");
        Reply::refused(&echo, Refusal::new("NOT_FOUND", message).with_status(404))
    };
    account.settle(now);
    reply.head(&echo, allowance);
    if reply.body.is_some() {
        account.calls.end(number, reply.status);
    }
    reply
}

/// Runs the operation, unless a fault prevents it, and makes the reply that the fault asks for.
fn run(account: &mut Account, echo: &Echo, fault: Option<FaultKind>, operation: impl FnOnce(&mut Account) -> Outcome) -> Reply {
    match fault {
        Some(FaultKind::Status(status)) => return Reply::new(status, echo.status_only(status)),
        Some(FaultKind::TooManyRequests(limited)) => {
            let mut reply = Reply::limited(echo);
            reply.headers = limited.reset_seconds.map_or_else(Vec::new, |seconds| limit_headers(60, 0, seconds.into()));
            reply.headers.push(("x-request-id", echo.id.clone()));
            return reply;
        }
        Some(FaultKind::Throttled400) => {
            return Reply::refused(echo, Refusal::new("RequestLimitExceeded", "Request limit exceeded."));
        }
        Some(FaultKind::ExpiredToken) => return Reply::refused(echo, token_refused()),
        Some(FaultKind::Reset) => return Reply { body: None, ..Reply::new(200, Value::Null) },
        _ => {}
    }
    let outcome = operation(account);
    let hidden = account.supply.world.quirks.hidden_user_data || fault == Some(FaultKind::HiddenUserData);
    let mut reply = match outcome {
        Ok(answer) => {
            let answer = shape(answer, hidden, fault == Some(FaultKind::EmptyItems));
            Reply::new(200, echo.answer(answer))
        }
        Err(refusal) => Reply::refused(echo, refusal),
    };
    match fault {
        Some(FaultKind::SlowMs(ms)) => reply.slow = Duration::from_millis(ms),
        Some(FaultKind::ReplyLost) => reply.body = None,
        Some(FaultKind::Garbage) => {
            (reply.status, reply.body) = (200, Some("<html><body>upstream connect error</body></html>".to_owned()));
        }
        Some(FaultKind::Truncated) => (reply.status, reply.body) = (200, reply.body.map(first_half)),
        _ => {}
    }
    reply
}

fn shape(answer: Answer, hidden: bool, empty: bool) -> Answer {
    let Answer::Items(kind, mut items) = answer else { return answer };
    if empty {
        items.clear();
    }
    for item in items.iter_mut().filter(|_| hidden) {
        if let Some(data) = item.pointer_mut("/compute/launchSpecification/userData") {
            *data = json!("__hidden__");
        }
    }
    Answer::Items(kind, items)
}

/// Checks the bearer token (401) and the account (400 when missing, 403 when it is another one).
fn authorise(account: &Account, headers: &HeaderMap, query: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let world = &account.supply.world;
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).unwrap_or_default();
    if token.is_empty() || !(world.tokens.is_empty() || world.tokens.iter().any(|known| known == token)) {
        return Err(token_refused());
    }
    match query.get("accountId").map(String::as_str) {
        None | Some("") => Err(Refusal::field("query:accountId", "\"accountId\" is required")),
        Some(id) if world.accounts.is_empty() || world.accounts.iter().any(|known| known == id) => Ok(()),
        Some(id) => Err(Refusal::new("FORBIDDEN", format!("The token has no access to account {id}")).with_status(403)),
    }
}

fn token_refused() -> Refusal {
    Refusal::new("UNAUTHORIZED", "The token is not valid").with_status(401)
}

fn json(body: &Bytes) -> Result<Value, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| Refusal::field("body", format!("the body is not JSON: {error}")))
}

fn query(query: Option<&str>) -> BTreeMap<String, String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn echo(account: &mut Account, method: &Method, uri: &axum::http::Uri) -> Echo {
    let id = account.supply.request_id();
    let url = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
    Echo { id, url, method: method.to_string() }
}

fn limit_headers(limit: u32, remaining: u32, reset: u64) -> Vec<(&'static str, String)> {
    vec![
        ("x-ratelimit-limit", limit.to_string()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ]
}

impl Reply {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body: Some(body.to_string()), headers: Vec::new(), slow: Duration::ZERO }
    }

    fn refused(echo: &Echo, refusal: Refusal) -> Self {
        Self::new(refusal.status, echo.refusal(refusal))
    }

    fn limited(echo: &Echo) -> Self {
        Self::new(429, echo.limited())
    }

    /// The headers that every reply has, unless a fault made its own.
    fn head(&mut self, echo: &Echo, allowance: Allowance) {
        if self.headers.is_empty() {
            self.headers = limit_headers(allowance.limit, allowance.remaining, allowance.reset);
            self.headers.push(("x-request-id", echo.id.clone()));
        }
    }
}
