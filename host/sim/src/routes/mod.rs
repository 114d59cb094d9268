//! The Spot API's routes: which method and path is which operation. Each operation is a plain function on the account;
//! `spot.rs` has already checked token, account, rate limit and faults when it calls one.

mod capacity;
mod groups;
mod instances;
mod rolls;
mod suspension;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::SimError;
use crate::account::Account;
use crate::envelope::{Outcome, Refusal};
use crate::faults::{Fault, FaultKind, same_template};
use crate::instance::Moment;

/// A call as an operation sees it.
#[derive(Debug)]
pub(crate) struct Call {
    /// The `{id}` of the path: a group, or an instance.
    pub(crate) id: String,
    /// The `{roll}` of the path.
    pub(crate) roll: String,
    pub(crate) query: BTreeMap<String, String>,
    /// `Null` when there was no body.
    pub(crate) body: Value,
    pub(crate) now: Moment,
}

impl Call {
    /// A boolean of the query, in any case; false when it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.query.get(name).map(|value| value.to_ascii_lowercase()).as_deref() {
            Some("true") => Ok(true),
            None | Some("false" | "") => Ok(false),
            Some(_) => Err(Refusal::field(format!("query:{name}"), format!("\"{name}\" must be a boolean"))),
        }
    }

    /// A required object of the body.
    pub(crate) fn object(&self, name: &str) -> Result<&Value, Refusal> {
        match self.body.get(name) {
            Some(value @ Value::Object(_)) => Ok(value),
            None | Some(Value::Null) => Err(Refusal::field(format!("body:{name}"), format!("\"{name}\" is required"))),
            Some(_) => Err(Refusal::field(format!("body:{name}"), format!("\"{name}\" must be an object"))),
        }
    }
}

type Operation = fn(&mut Account, &Call) -> Outcome;

/// Every route. A literal path comes before a template that it would match too.
const ROUTES: &[(&str, &str, Operation)] = &[
    ("POST", "/aws/ec2/group", groups::create),
    ("GET", "/aws/ec2/group", groups::list),
    ("GET", "/aws/ec2/group/{id}", groups::read),
    ("PUT", "/aws/ec2/group/{id}", groups::update),
    ("DELETE", "/aws/ec2/group/{id}", groups::delete),
    ("PUT", "/aws/ec2/group/{id}/capacity", capacity::write),
    ("PUT", "/aws/ec2/group/{id}/scale/up", capacity::scale_up),
    ("PUT", "/aws/ec2/group/{id}/scale/down", capacity::scale_down),
    ("GET", "/aws/ec2/group/{id}/status", instances::status),
    ("GET", "/aws/ec2/group/{id}/instanceHealthiness", instances::health),
    ("PUT", "/aws/ec2/group/{id}/detachInstances", instances::detach),
    ("PUT", "/aws/ec2/group/{id}/roll", rolls::start),
    ("GET", "/aws/ec2/group/{id}/roll", rolls::list),
    ("GET", "/aws/ec2/group/{id}/roll/{roll}", rolls::read),
    ("PUT", "/aws/ec2/group/{id}/roll/{roll}", rolls::stop),
    ("GET", "/aws/ec2/group/{id}/roll/{roll}/status", rolls::detail),
    ("POST", "/aws/ec2/group/{id}/roll/{roll}/action", rolls::action),
    ("POST", "/aws/ec2/group/{id}/roll/{roll}", rolls::action),
    ("POST", "/aws/ec2/group/{id}/suspension", suspension::suspend),
    ("GET", "/aws/ec2/group/{id}/suspension", suspension::list),
    ("DELETE", "/aws/ec2/group/{id}/suspension", suspension::resume),
    ("GET", "/aws/ec2/instance/{id}", instances::lookup),
];

/// A route that was found, with the parameters of the path.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) template: &'static str,
    pub(crate) operation: Operation,
    pub(crate) id: String,
    pub(crate) roll: String,
}

/// The route of a call; none when the API has no such route.
pub(crate) fn find(method: &str, path: &str) -> Option<Found> {
    ROUTES.iter().filter(|(verb, ..)| *verb == method).find_map(|(_, template, operation)| {
        let (id, roll) = parameters(template, path)?;
        Some(Found { template, operation: *operation, id, roll })
    })
}

fn parameters(template: &str, path: &str) -> Option<(String, String)> {
    let (mut id, mut roll) = (String::new(), String::new());
    let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    if wanted.len() != given.len() {
        return None;
    }
    for (wanted, given) in wanted.iter().zip(given) {
        match *wanted {
            "{id}" => given.clone_into(&mut id),
            "{roll}" => given.clone_into(&mut roll),
            literal if literal == given => {}
            _ => return None,
        }
    }
    Some((id, roll))
}

/// Refuses a fault that could never hit anything.
pub(crate) fn check_fault(fault: &Fault) -> Result<(), SimError> {
    let methods = ["*", "GET", "POST", "PUT", "DELETE"];
    if !methods.iter().any(|method| method.eq_ignore_ascii_case(&fault.method)) {
        return Err(SimError::World { what: format!("fault: no route has the method `{}`", fault.method) });
    }
    let template = |(_, template, _): &(&str, &str, Operation)| {
        same_template(template, &fault.route) || parameters(template, &fault.route).is_some()
    };
    if let Some(action) = &fault.aws {
        if (fault.method.as_str(), fault.route.as_str()) != ("*", "*") {
            return Err(SimError::World { what: "fault: `aws` stands alone, without `method` and `route`".to_owned() });
        }
        crate::aws::check_fault(action, fault.kind).map_err(|what| SimError::World { what: format!("fault: {what}") })?;
    }
    if fault.route != "*" && !ROUTES.iter().any(template) {
        return Err(SimError::World { what: format!("fault: there is no route `{}`", fault.route) });
    }
    if matches!(fault.kind, FaultKind::Status(status) if !(400..=599).contains(&status)) {
        return Err(SimError::World { what: "fault: `status` is 400 to 599".to_owned() });
    }
    if fault.nth == Some(0) {
        return Err(SimError::World { what: "fault: `nth` counts from 1".to_owned() });
    }
    if fault.nth.is_some() && (fault.after != 0 || fault.times != 1) {
        return Err(SimError::World { what: "fault: `nth` stands alone, without `after` and `times`".to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_route_and_parameters() {
        let found = find("POST", "/aws/ec2/group/sig-1/roll/sbgd-2/action").unwrap();
        assert_eq!((found.template, &*found.id, &*found.roll), ("/aws/ec2/group/{id}/roll/{roll}/action", "sig-1", "sbgd-2"));
        assert!(find("PATCH", "/aws/ec2/group").is_none());
        assert!(find("GET", "/aws/ec2/group/").is_some_and(|found| found.id.is_empty()));
    }

    #[test]
    fn a_fault_on_no_route_is_refused() {
        let refused = |method, route| check_fault(&Fault::new(method, route, FaultKind::Reset)).is_err();
        assert!(refused("GET", "/aws/ec2/groups"));
        assert!(refused("FETCH", "*"));
        assert!(!refused("*", "/aws/ec2/group/{groupId}/roll/{rollId}"));
        assert!(!refused("GET", "/aws/ec2/group/sig-1/status"));
    }
}
