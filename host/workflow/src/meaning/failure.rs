//! `onFailure:`, `onReject:` and `onExpiry:`: what a failure leads to.

use std::collections::BTreeMap;

use shiftgate_model::{ErrorClass, Millis};

use crate::expression::Scope;
use crate::plan::{FailureAction, FailurePolicy, Final};
use crate::read::{BY_CLASS_POLICY, INTERVENTION, Key, Node, RETRY, STAGED_POLICY, Tree};
use crate::session::Session;

/// Where a policy stands, and so which actions make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the deployment: everything.
    Forward,
    /// In `rollback:`: not a rollback.
    Rollback,
    /// In `wrapUp:`: a deployment that is over is neither undone nor stopped.
    WrapUp,
    /// For a rejected or expired approval: never going on.
    Approval,
    /// The same inside of `rollback:`.
    RollbackApproval,
}

/// How long a person is asked about a failure, unless the strategy says so.
const INTERVENTION_TIMEOUT: Millis = Millis(7 * 86_400_000);

const FINALS: [(&str, Final); 4] =
    [("rollback", Final::Rollback), ("abort", Final::Abort), ("fail", Final::Fail), ("ignore", Final::Ignore)];

const CLASSES: [ErrorClass; 8] = [
    ErrorClass::Application,
    ErrorClass::Connectivity,
    ErrorClass::Authentication,
    ErrorClass::Verification,
    ErrorClass::Timeout,
    ErrorClass::Approval,
    ErrorClass::Drift,
    ErrorClass::Store,
];

impl Place {
    /// The words that make sense here.
    fn options(self) -> Vec<(&'static str, Final)> {
        let fits = |action: Final| match self {
            Self::Forward => true,
            Self::Rollback => action != Final::Rollback,
            Self::WrapUp => matches!(action, Final::Fail | Final::Ignore),
            Self::Approval => action != Final::Ignore,
            Self::RollbackApproval => matches!(action, Final::Abort | Final::Fail),
        };
        FINALS.into_iter().filter(|(_, action)| fits(*action)).collect()
    }

    /// What is done where nothing is said.
    fn first(self) -> Final {
        self.options().first().map_or(Final::Fail, |(_, action)| *action)
    }

    /// Whether a person may be asked about a failure.
    const fn asks(self) -> bool {
        matches!(self, Self::Forward | Self::Rollback)
    }
}

impl From<Final> for FailureAction {
    fn from(action: Final) -> Self {
        match action {
            Final::Rollback => Self::Rollback,
            Final::Abort => Self::Abort,
            Final::Fail => Self::Fail,
            Final::Ignore => Self::Ignore,
        }
    }
}

/// `rollback`, `manual`, `{ retry: …, manual: …, then: … }` or `{ default: …, byClass: { … } }`.
pub(crate) fn policy(s: &mut Session<'_>, node: &Node, scope: &Scope, place: Place) -> Option<FailurePolicy> {
    let by_class = matches!(&node.tree, Tree::Map(entries) if entries.iter().any(|(key, _)| BY_CLASS_POLICY.keys.contains(&key.text.as_str())));
    if !by_class {
        return action(s, node, scope, place).map(|default| FailurePolicy { default, by_class: BTreeMap::new() });
    }
    let table = s.table(node, &BY_CLASS_POLICY)?;
    let default = match table.get("default") {
        Some(node) => action(s, node, scope, place),
        None => Some(place.first().into()),
    };
    let entries = table.get("byClass").map(|node| s.entries(node)).unwrap_or_default();
    let mut actions = Some(BTreeMap::new());
    for (key, node) in entries {
        let class = class(s, key);
        match (class, action(s, node, scope, place), &mut actions) {
            (Some(class), Some(action), Some(actions)) => drop(actions.insert(class, action)),
            _ => actions = None,
        }
    }
    Some(FailurePolicy { default: default?, by_class: actions? })
}

fn class(s: &mut Session<'_>, key: &Key) -> Option<ErrorClass> {
    let names: Vec<_> = CLASSES.iter().map(ToString::to_string).collect();
    let class = CLASSES.into_iter().zip(&names).find(|(_, name)| **name == key.text).map(|(class, _)| class);
    if class.is_none() {
        s.no_such(
            key.span,
            &format!("there is no class of failures `{}`", key.text),
            &key.text,
            names.iter().map(String::as_str),
            "the classes are",
        );
    }
    class
}

fn action(s: &mut Session<'_>, node: &Node, scope: &Scope, place: Place) -> Option<FailureAction> {
    match &node.tree {
        Tree::Map(_) => staged(s, node, scope, place),
        Tree::Scalar(scalar) if scalar.text == "manual" && place.asks() => {
            Some(FailureAction::Ask { timeout: INTERVENTION_TIMEOUT, then: place.first() })
        }
        Tree::List(_) | Tree::Scalar(_) => last(s, node, scope, place).map(FailureAction::from),
    }
}

/// What a last failure leads to.
pub(crate) fn last(s: &mut Session<'_>, node: &Node, scope: &Scope, place: Place) -> Option<Final> {
    if let Tree::Scalar(scalar) = &node.tree
        && scalar.text.starts_with("manual")
    {
        let message = format!("`{}` cannot stand here", scalar.text);
        let hint = "a person is asked by `onFailure: manual`, or by `onFailure: { manual: { timeout: 4h }, then: rollback }`";
        s.error_hint("unknown-name", node.place, message, "no manual intervention", hint);
        return None;
    }
    s.choice(node, scope.now(), &place.options())
}

/// `{ retry: …, manual: …, then: … }`: tried again first, then a person is asked, then the last resort.
fn staged(s: &mut Session<'_>, node: &Node, scope: &Scope, place: Place) -> Option<FailureAction> {
    let table = s.table(node, &STAGED_POLICY)?;
    let then = match table.get("then") {
        Some(node) => last(s, node, scope, place),
        None => Some(place.first()),
    };
    let ask = match table.get("manual") {
        Some(node) => ask(s, node, scope, place).map(Some),
        None => Some(None),
    };
    if table.get("retry").is_none()
        && let Some(timeout) = ask?
    {
        return Some(FailureAction::Ask { timeout, then: then? });
    }
    let retry = s.section(Some(table), "retry", "a failure strategy", &RETRY);
    let count = retry
        .and_then(|retry| retry.need("count", "`retry`", &mut s.found))
        .and_then(|node| s.integer(node, scope.now(), 1..=100));
    let backoff = retry.and_then(|retry| match retry.get("backoff") {
        Some(node) => s.duration(node, scope.now(), Millis(0)),
        None => Some(Millis::seconds(10)),
    });
    Some(FailureAction::Retry { count: count?, backoff: backoff?, ask: ask?, then: then? })
}

/// How long a person is asked.
fn ask(s: &mut Session<'_>, node: &Node, scope: &Scope, place: Place) -> Option<Millis> {
    if !place.asks() {
        let message = "a failed wrap-up is reported, and nobody is asked about it";
        s.error_hint("unknown-name", node.place, message, "no manual intervention here", "leave `manual` out");
        return None;
    }
    let table = s.table(node, &INTERVENTION)?;
    match table.get("timeout") {
        Some(node) => s.duration(node, scope.now(), Millis(1)),
        None => Some(INTERVENTION_TIMEOUT),
    }
}
