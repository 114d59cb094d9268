//! Calls that go wrong: which call, how often, and in what way. Decides only; `spot.rs`
//! and `aws.rs` act on the decision.

use serde::{Deserialize, Serialize};

/// One kind of trouble for one kind of call: of the Spot API by `method` and `route`, or of the AWS API by `aws`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The HTTP method, or `*`.
    #[serde(default = "any")]
    pub method: String,
    /// The route: a template such as `/aws/ec2/group/{id}/capacity`, one path, or `*`.
    #[serde(default = "any")]
    pub route: String,
    /// An action of the AWS API, such as `ModifyRule`, or `*` for every one; then `method` and `route` are left out. None is
    /// a call of the Spot API.
    #[serde(default)]
    pub aws: Option<String>,
    /// How many matching calls pass before the first one is hit.
    #[serde(default)]
    pub after: u32,
    /// How many matching calls are hit; [`u32::MAX`] is every one from there on.
    #[serde(default = "once")]
    pub times: u32,
    /// Only the n-th matching call, counted from 1; instead of `after` and `times`.
    #[serde(default)]
    pub nth: Option<u32>,
    /// What happens to them.
    pub kind: FaultKind,
}

fn any() -> String {
    "*".to_owned()
}

const fn once() -> u32 {
    1
}

/// What happens to a call that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// That HTTP status in an envelope without `errors`, or an AWS error that goes with it; nothing is done.
    Status(u16),
    /// 429 with the `data` body; nothing is done. Spot only.
    TooManyRequests(Limited),
    /// 400 with the code `RequestLimitExceeded`, throttling of AWS behind Spot; on the AWS API `ThrottlingException`, `Rate
    /// exceeded`. Nothing is done.
    #[serde(rename = "throttled_400")]
    Throttled400,
    /// The call is done at once, and the reply comes that many milliseconds later.
    SlowMs(u64),
    /// The connection is reset; nothing is done.
    Reset,
    /// The call is done, and the connection is reset instead of a reply.
    ReplyLost,
    /// The call is done, and the reply is 200 with a body that is not JSON, and not XML of AWS.
    Garbage,
    /// The call is done, and the reply is 200 with the first half of its body, as if that were all of it.
    Truncated,
    /// The token is good no more: 401 `UNAUTHORIZED`, on the AWS API 403 `ExpiredToken`. Nothing is done.
    ExpiredToken,
    /// The call is done, and the reply has no items. Spot only.
    EmptyItems,
    /// The call is done, and the reply shows user data as `__hidden__`. Spot only.
    HiddenUserData,
}

/// A 429 made by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limited {
    /// `X-RateLimit-Reset`, in seconds; no rate-limit header at all when left out.
    #[serde(default)]
    pub reset_seconds: Option<u32>,
}

impl Fault {
    /// Hits the next call of that method and route (a template, a path, or `*`), once.
    #[must_use]
    pub fn new(method: &str, route: &str, kind: FaultKind) -> Self {
        Self { method: method.to_owned(), route: route.to_owned(), aws: None, after: 0, times: 1, nth: None, kind }
    }

    /// Hits the next call of that action of the AWS API (`*` is any), once.
    #[must_use]
    pub fn aws(action: &str, kind: FaultKind) -> Self {
        Self { aws: Some(action.to_owned()), ..Self::new("*", "*", kind) }
    }

    /// Lets that many matching calls pass first.
    #[must_use]
    pub const fn after(mut self, calls: u32) -> Self {
        self.after = calls;
        self
    }

    /// Hits that many calls.
    #[must_use]
    pub const fn times(mut self, calls: u32) -> Self {
        self.times = calls;
        self
    }

    /// Hits every call from there on.
    #[must_use]
    pub const fn for_ever(self) -> Self {
        self.times(u32::MAX)
    }

    fn window(&self) -> (u32, u32) {
        self.nth.map_or((self.after, self.times), |nth| (nth.saturating_sub(1), 1))
    }
}

/// The faults of an account, with how often each was met, and how many calls were hit.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    known: Vec<(Fault, u32)>,
    hits: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.known.push((fault, 0));
    }

    /// Forgets every fault; the calls that were hit stay counted.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// How many calls were hit so far.
    pub(crate) const fn hits(&self) -> u64 {
        self.hits
    }

    /// The fault that hits this call of the Spot API.
    pub(crate) fn hit(&mut self, method: &str, route: &str, path: &str) -> Option<FaultKind> {
        self.first(|fault| {
            fault.aws.is_none() && is(&fault.method, method) && (is(&fault.route, path) || same_template(&fault.route, route))
        })
    }

    /// The fault that hits this call of the AWS API.
    pub(crate) fn hit_aws(&mut self, action: &str) -> Option<FaultKind> {
        self.first(|fault| fault.aws.as_deref().is_some_and(|named| named == "*" || named == action))
    }

    /// The first fault that matches and is due. Every matching fault counts the call.
    fn first(&mut self, matches: impl Fn(&Fault) -> bool) -> Option<FaultKind> {
        let mut hit = None;
        for (fault, met) in self.known.iter_mut().filter(|(fault, _)| matches(fault)) {
            let (after, times) = fault.window();
            if hit.is_none() && *met >= after && *met - after < times {
                hit = Some(fault.kind);
            }
            *met = met.saturating_add(1);
        }
        self.hits += u64::from(hit.is_some());
        hit
    }
}

fn is(pattern: &str, value: &str) -> bool {
    pattern == "*" || pattern.eq_ignore_ascii_case(value)
}

/// Whether two templates are the same but for the names of their parameters.
pub(crate) fn same_template(one: &str, other: &str) -> bool {
    let parameter = |part: &str| part.starts_with('{') && part.ends_with('}');
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a == b || (parameter(a) && parameter(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: &str = "/aws/ec2/group/{id}/capacity";

    fn hits(fault: Fault, calls: usize) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.add(fault);
        (0..calls).map(|_| faults.hit("PUT", CAPACITY, "/aws/ec2/group/sig-1/capacity").is_some()).collect()
    }

    #[test]
    fn a_fault_skips_and_then_hits_as_often_as_it_says() {
        assert_eq!(hits(Fault::new("put", CAPACITY, FaultKind::Reset).after(1).times(2), 4), [false, true, true, false]);
        let second = Fault { nth: Some(2), ..Fault::new("*", "*", FaultKind::Reset) };
        assert_eq!(hits(second, 3), [false, true, false]);
    }

    #[test]
    fn a_route_is_a_template_with_any_parameter_name_or_one_path() {
        assert_eq!(hits(Fault::new("PUT", "/aws/ec2/group/{groupId}/capacity", FaultKind::Reset), 1), [true]);
        assert_eq!(hits(Fault::new("PUT", "/aws/ec2/group/sig-1/capacity", FaultKind::Reset), 1), [true]);
        assert_eq!(hits(Fault::new("PUT", "/aws/ec2/group/sig-2/capacity", FaultKind::Reset), 1), [false]);
        assert_eq!(hits(Fault::new("GET", CAPACITY, FaultKind::Reset), 1), [false]);
    }

    #[test]
    fn a_call_that_one_fault_takes_still_counts_for_the_next() {
        let mut faults = Faults::default();
        faults.add(Fault::new("PUT", CAPACITY, FaultKind::Status(503)));
        faults.add(Fault::new("PUT", CAPACITY, FaultKind::Reset).after(1));
        let hit: Vec<_> = (0..3).map(|_| faults.hit("PUT", CAPACITY, "/x")).collect();
        assert_eq!(hit, [Some(FaultKind::Status(503)), Some(FaultKind::Reset), None]);
    }
}
