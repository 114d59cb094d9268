//! The cells of the matrix: each place of a deployment where a call is made, and each way in which it goes wrong there.
//!
//! A place is the first or the last call of an operation on one kind of thing, as an undisturbed run makes it. Pure, but for
//! reading those calls; `run` plays a cell, `judge` judges it.

use std::collections::BTreeMap;

use shiftgate_sim::{Fault, FaultKind, Limited};

use super::run::{Played, TIMEOUT};
use super::scenario::{OLD, Scenario};

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Spot,
    Elb,
}

impl Service {
    /// As errors have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Spot => "Spot",
            Self::Elb => "ELB",
        }
    }
}

/// A call of an undisturbed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) service: Service,
    /// The name in errors: `UpdateCapacity`, `ModifyRule`.
    pub(crate) operation: &'static str,
    /// What it is about: `old`, `new`, `web-alb:80`.
    pub(crate) subject: String,
    pub(crate) last: bool,
    /// How many calls of this operation pass before it, whatever they are about.
    nth: u32,
    /// How many calls of the service pass before it.
    nth_of_all: u32,
}

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    spot: Option<FaultKind>,
    elb: Option<FaultKind>,
    /// Whether it hits every call of the service from there on, and not only this operation.
    everywhere: bool,
}

const fn both(name: &'static str, kind: FaultKind) -> Way {
    Way { name, spot: Some(kind), elb: Some(kind), everywhere: false }
}

pub(crate) const WAYS: [Way; 12] = [
    Way { elb: Some(FaultKind::Status(429)), ..both("429", FaultKind::TooManyRequests(Limited { reset_seconds: Some(1) })) },
    Way { elb: None, ..both("429-mute", FaultKind::TooManyRequests(Limited { reset_seconds: None })) },
    both("400-throttled", FaultKind::Throttled400),
    both("500", FaultKind::Status(500)),
    both("503", FaultKind::Status(503)),
    both("reset", FaultKind::Reset),
    both("slow", FaultKind::SlowMs(TIMEOUT.0 * 5 / 2)),
    both("reply-lost", FaultKind::ReplyLost),
    both("garbage", FaultKind::Garbage),
    both("truncated", FaultKind::Truncated),
    both("empty", FaultKind::EmptyItems),
    Way { everywhere: true, ..both("token-expired", FaultKind::ExpiredToken) },
];

/// One fault at one place of one deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) scenario: Scenario,
    pub(crate) place: Place,
    pub(crate) way: Way,
    /// Whether it stays; once otherwise.
    pub(crate) for_ever: bool,
    kind: FaultKind,
}

impl Cell {
    /// `swap-back/UpdateCapacity/old/last/503/once`: what `SHIFTGATE_FAULT` takes to play it alone.
    pub(crate) fn name(&self) -> String {
        let Place { operation, subject, last, .. } = &self.place;
        let nth = if *last { "last" } else { "first" };
        let times = if self.for_ever { "for-ever" } else { "once" };
        format!("{}/{operation}/{subject}/{nth}/{}/{times}", self.scenario.name(), self.way.name)
    }

    pub(crate) fn fault(&self) -> Fault {
        let fault = match (self.place.service, self.way.everywhere) {
            (Service::Spot, true) => Fault::new("*", "*", self.kind),
            (Service::Elb, true) => Fault::aws("*", self.kind),
            (Service::Spot, false) => {
                let (method, route) = spot_route(self.place.operation);
                Fault::new(method, route, self.kind)
            }
            (Service::Elb, false) => Fault::aws(self.place.operation, self.kind),
        };
        let fault = fault.after(if self.way.everywhere { self.place.nth_of_all } else { self.place.nth });
        if self.for_ever { fault.for_ever() } else { fault }
    }
}

/// Every cell of a deployment that was played undisturbed.
pub(crate) fn cells(scenario: Scenario, calm: &Played) -> Vec<Cell> {
    let mut cells = Vec::new();
    for place in places(calm) {
        for way in WAYS {
            let kind = match place.service {
                Service::Spot => way.spot,
                Service::Elb => way.elb.filter(|kind| *kind != FaultKind::EmptyItems),
            };
            let Some(kind) = kind else { continue };
            // Replies to what writes have no items that anybody reads, but for a create's.
            let asks = !matches!(place.operation, "UpdateCapacity" | "RenameGroup" | "DeleteGroup");
            if kind == FaultKind::EmptyItems && (place.operation != "CreateGroup" || !asks) {
                continue;
            }
            for for_ever in [false, true] {
                if for_ever || !way.everywhere {
                    cells.push(Cell { scenario, place: place.clone(), way, for_ever, kind });
                }
            }
        }
    }
    cells
}

/// The first and the last call of each operation on each kind of thing.
fn places(calm: &Played) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let spot = calm.calls.iter().skip(calm.spared.0).filter_map(|call| {
        let operation = spot_operation(&call.method, &call.route)?;
        Some((Service::Spot, operation, spot_subject(&call.path)))
    });
    let elb = calm.aws_calls.iter().skip(calm.spared.1).filter_map(|call| {
        let operation = ELB.into_iter().find(|operation| *operation == call.action)?;
        Some((Service::Elb, operation, elb_subject(calm, &call.subject)))
    });
    let mut met: BTreeMap<(Service, &str), u32> = BTreeMap::new();
    let mut of_all: BTreeMap<Service, u32> = BTreeMap::new();
    for (service, operation, subject) in spot.chain(elb) {
        let (nth, all) = (met.entry((service, operation)).or_default(), of_all.entry(service).or_default());
        let place = Place { service, operation, subject, last: false, nth: *nth, nth_of_all: *all };
        (*nth, *all) = (*nth + 1, *all + 1);
        let same = |other: &Place| (other.operation, &other.subject) == (place.operation, &place.subject);
        if places.iter().any(same) {
            places.retain(|other| !(same(other) && other.last));
            places.push(Place { last: true, ..place });
        } else {
            places.push(place);
        }
    }
    places
}

const ELB: [&str; 8] = [
    "DescribeLoadBalancers",
    "DescribeListeners",
    "DescribeRules",
    "DescribeTargetGroups",
    "DescribeTargetHealth",
    "DescribeTargetGroupAttributes",
    "ModifyListener",
    "ModifyRule",
];

const SPOT: [(&str, &str, &str); 7] = [
    ("ListGroups", "GET", "/aws/ec2/group"),
    ("CreateGroup", "POST", "/aws/ec2/group"),
    ("ReadGroup", "GET", "/aws/ec2/group/{id}"),
    ("RenameGroup", "PUT", "/aws/ec2/group/{id}"),
    ("DeleteGroup", "DELETE", "/aws/ec2/group/{id}"),
    ("UpdateCapacity", "PUT", "/aws/ec2/group/{id}/capacity"),
    ("InstanceHealth", "GET", "/aws/ec2/group/{id}/instanceHealthiness"),
];

pub(crate) fn spot_operation(method: &str, route: &str) -> Option<&'static str> {
    SPOT.into_iter().find(|(_, m, r)| (*m, *r) == (method, route)).map(|(operation, ..)| operation)
}

fn spot_route(operation: &str) -> (&'static str, &'static str) {
    let found = SPOT.into_iter().find(|(name, ..)| *name == operation);
    found.map_or(("*", "*"), |(_, method, route)| (method, route))
}

/// The id in a path; none for a call on the account.
pub(crate) fn spot_id(path: &str) -> Option<&str> {
    path.strip_prefix("/aws/ec2/group/").and_then(|rest| rest.split('/').next())
}

fn spot_subject(path: &str) -> String {
    match spot_id(path) {
        None => "all".to_owned(),
        Some(OLD) => "old".to_owned(),
        // The world's own ids are written so.
        Some(id) if id.starts_with("sig-0000") => "leftover".to_owned(),
        Some(_) => "new".to_owned(),
    }
}

fn elb_subject(calm: &Played, arn: &str) -> String {
    for balancer in &calm.before.balancers {
        for listener in &balancer.listeners {
            if listener.arn == arn || listener.rules.iter().any(|rule| rule.arn == arn) {
                return format!("{}:{}", balancer.name, listener.port);
            }
        }
    }
    // `...:targetgroup/web-blue/0123`, or a name.
    let last = arn.rsplit(':').next().unwrap_or(arn);
    let parts: Vec<&str> = last.split('/').collect();
    match parts.as_slice() {
        ["targetgroup", name, _] | ["loadbalancer", "app", name, _] => (*name).to_owned(),
        _ => last.to_owned(),
    }
}
