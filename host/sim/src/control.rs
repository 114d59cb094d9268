//! The control endpoint `/_sim/...` on the Spot listener: another process looks at the world and changes it there.
//! What a test does through [`crate::Sim`] is the same set of calls. No token is asked for; the listener is on loopback.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{Account, Edit, check_images};
use crate::elb::view;
use crate::envelope::Refusal;
use crate::faults::Fault;
use crate::group::merge;
use crate::instance::Moment;
use crate::server::Shared;
use crate::world::World;
use crate::{Call, GroupView, SimError};

/// Where the endpoint stands on the Spot listener.
pub(crate) const PREFIX: &str = "/_sim";

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/world", get(world).post(settings))
        .route("/calls", get(calls))
        .route("/faults", post(faults).delete(clear_faults))
        .route("/interrupt", post(interrupt))
        .route("/edit", post(edit))
        .route("/routes", get(routes))
        .route("/targets", get(targets))
        .route("/traffic", get(traffic).delete(reset_traffic))
        .route("/aws_calls", get(aws_calls))
        .route("/actions", post(actions))
        .route("/target_health", post(target_health))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "no such control call"))
}

fn refuse(status: StatusCode, error: impl ToString) -> Response {
    (status, Json(json!({"error": error.to_string()}))).into_response()
}

fn refusal(refusal: &Refusal) -> Response {
    refuse(StatusCode::BAD_REQUEST, refusal.message())
}

fn parse<T: for<'de> Deserialize<'de>>(body: &str) -> Result<T, Box<Response>> {
    serde_json::from_str(body).map_err(|error| Box::new(refuse(StatusCode::BAD_REQUEST, error)))
}

/// `{"groups": [...], "settings": {...}}`: the world as it stands.
async fn world(State(account): State<Shared>) -> Response {
    let mut account = account.lock();
    let groups = look(&mut account);
    Json(json!({"groups": groups, "settings": account.supply.world})).into_response()
}

/// Merges an object into the settings: latencies, shortage, images, rate limit, quirks, tokens.
async fn settings(State(account): State<Shared>, body: String) -> Response {
    let change = match parse(&body) {
        Ok(change) => change,
        Err(response) => return *response,
    };
    match change_settings(&mut account.lock(), &change) {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => refuse(StatusCode::BAD_REQUEST, error),
    }
}

async fn calls(State(account): State<Shared>) -> Json<Vec<Call>> {
    Json(account.lock().calls.all())
}

/// One fault, or a list of them.
async fn faults(State(account): State<Shared>, body: String) -> Response {
    let list = match parse::<Value>(&body) {
        Ok(Value::Array(list)) => list,
        Ok(one) => vec![one],
        Err(response) => return *response,
    };
    for fault in list {
        let fault: Fault = match serde_json::from_value(fault) {
            Ok(fault) => fault,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, error),
        };
        if let Err(error) = account.lock().add_fault(fault) {
            return refuse(StatusCode::BAD_REQUEST, error);
        }
    }
    Json(json!({})).into_response()
}

async fn clear_faults(State(account): State<Shared>) -> Json<Value> {
    account.lock().faults.clear();
    Json(json!({}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interrupt {
    group: String,
}

/// Takes one spot instance of a group away.
async fn interrupt(State(account): State<Shared>, body: String) -> Response {
    let Interrupt { group } = match parse(&body) {
        Ok(interrupt) => interrupt,
        Err(response) => return *response,
    };
    let mut account = account.lock();
    let now = account.now();
    match account.interrupt(&group, now) {
        Ok(instance) => Json(json!({"instance": instance})).into_response(),
        Err(error) => refusal(&error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditGroup {
    group: String,
    #[serde(default)]
    edit: Edit,
}

/// Changes capacity or name of a group, as another hand at the console would.
async fn edit(State(account): State<Shared>, body: String) -> Response {
    let EditGroup { group, edit } = match parse(&body) {
        Ok(edit) => edit,
        Err(response) => return *response,
    };
    let mut account = account.lock();
    let now = account.now();
    match account.edit(&group, &edit, now) {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => refusal(&error),
    }
}

/// Every load balancer with its listeners and rules.
async fn routes(State(account): State<Shared>) -> Response {
    Json(view::routes(&account.lock().elb)).into_response()
}

/// `{"web-blue": [["i-0..", "healthy"], ..]}`: the targets of every target group.
async fn targets(State(account): State<Shared>) -> Response {
    let mut account = account.lock();
    let now = account.now();
    account.settle(now);
    Json(view::all_targets(&account, now)).into_response()
}

/// `{"web:80": {"requests": .., ..}}`: what each listener of the data plane had to do.
async fn traffic(State(account): State<Shared>) -> Response {
    Json(view::traffic(&account.lock())).into_response()
}

/// Counts requests from nothing again.
async fn reset_traffic(State(account): State<Shared>) -> Response {
    account.lock().flow.traffic.clear();
    Json(json!({})).into_response()
}

async fn aws_calls(State(account): State<Shared>) -> Response {
    Json(account.lock().elb.calls.all()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetActions {
    rule: String,
    actions: Value,
}

/// Writes the actions of a rule, as another hand at the console would.
async fn actions(State(account): State<Shared>, body: String) -> Response {
    let SetActions { rule, actions } = match parse(&body) {
        Ok(set) => set,
        Err(response) => return *response,
    };
    match view::set_actions(&mut account.lock(), &rule, &actions) {
        Ok(()) => Json(json!({})).into_response(),
        Err(refusal) => refuse(StatusCode::BAD_REQUEST, refusal.message),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetTargetHealth {
    target_group: String,
    state: Option<String>,
}

/// Finds every target of a group in one state, or, with `null`, as its instance says.
async fn target_health(State(account): State<Shared>, body: String) -> Response {
    let SetTargetHealth { target_group, state } = match parse(&body) {
        Ok(set) => set,
        Err(response) => return *response,
    };
    match view::set_target_health(&mut account.lock(), &target_group, state.as_deref()) {
        Ok(()) => Json(json!({})).into_response(),
        Err(refusal) => refuse(StatusCode::BAD_REQUEST, refusal.message),
    }
}

/// The groups as they stand now.
pub(crate) fn look(account: &mut Account) -> Vec<GroupView> {
    let now: Moment = account.now();
    account.settle(now);
    account.view(now)
}

/// Merges `change` into the world's settings. What stands in the account, and faults, are none.
pub(crate) fn change_settings(account: &mut Account, change: &Value) -> Result<(), SimError> {
    const NO_SETTINGS: [&str; 4] = ["groups", "target_groups", "load_balancers", "faults"];
    if let Some(name) = NO_SETTINGS.into_iter().find(|name| change.get(name).is_some()) {
        return Err(SimError::World { what: format!("`{name}` is no setting of a running account") });
    }
    let now = account.now();
    account.settle(now);
    let Ok(Value::Object(mut settings)) = serde_json::to_value(&account.supply.world) else { return Ok(()) };
    merge(&mut settings, change);
    let changed: Result<World, _> = serde_json::from_value(Value::Object(settings));
    let changed = changed.map_err(|error| SimError::World { what: error.to_string() })?;
    check_images(&changed)?;
    account.supply.world = changed;
    account.settle(now);
    Ok(())
}
