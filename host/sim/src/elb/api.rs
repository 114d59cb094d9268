//! The actions of the Query API that the account has, and a call as they see it. Each is a plain function on the account;
//! `aws.rs` has already checked credentials and faults when it calls one.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::{describe, modify};
use crate::account::Account;
use crate::instance::Moment;

/// The version of the API that is spoken.
pub(crate) const VERSION: &str = "2015-12-01";

/// A call as an action sees it.
#[derive(Debug)]
pub(crate) struct Call {
    /// The form, as `form.rs` reads it.
    pub(crate) form: Value,
    pub(crate) now: Moment,
}

/// What an action answers: the content of its result.
pub(crate) type Outcome = Result<Value, Refusal>;

type Operation = fn(&mut Account, &Call) -> Outcome;

/// Every action.
pub(crate) const ACTIONS: &[(&str, Operation)] = &[
    ("DescribeLoadBalancers", describe::load_balancers),
    ("DescribeListeners", describe::listeners),
    ("DescribeRules", describe::rules),
    ("DescribeTargetGroups", describe::target_groups),
    ("DescribeTargetHealth", describe::target_health),
    ("DescribeTargetGroupAttributes", describe::target_group_attributes),
    ("DescribeTags", describe::tags),
    ("ModifyListener", modify::listener),
    ("ModifyRule", modify::rule),
];

/// The action of that name; none when the account has no such action.
pub(crate) fn find(action: &str) -> Option<(&'static str, Operation)> {
    ACTIONS.iter().find(|(name, _)| *name == action).copied()
}

impl Call {
    /// A field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.form.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A field that has to be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::validation(format!("The request must contain the parameter {name}")))
    }

    /// A list of texts; empty when it is not there.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.form.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What the call is about: the ARN, or the first ARN or name of a list; empty when it names nothing.
    pub(crate) fn subject(&self) -> &str {
        const SINGLE: [&str; 4] = ["RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
        const LISTS: [&str; 6] = ["RuleArns", "ListenerArns", "TargetGroupArns", "LoadBalancerArns", "ResourceArns", "Names"];
        let single = SINGLE.into_iter().find_map(|name| self.text(name));
        single.or_else(|| LISTS.into_iter().find_map(|name| self.list(name).first().copied())).unwrap_or_default()
    }
}

/// An object of fields in order; a field that is null is left out.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields: Map<String, Value> =
        fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect();
    Value::Object(fields)
}
