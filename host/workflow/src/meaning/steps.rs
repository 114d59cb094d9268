//! Steps that are plugins: verifications, approvals, wrap-ups.

use serde_json::{Map, Value, json};
use shiftgate_model::{Millis, PluginKind, StepId};

use super::background::background;
use super::failure::{Place, last, policy};
use super::plugins::Plugins;
use crate::expression::{Granted, Scope};
use crate::plan::{Action, Approve, FailureAction, FailurePolicy, PluginStep, Step};
use crate::read::{Fields, MANUAL, MANUAL_APPROVAL, Node, PLUGIN_APPROVAL, Table, Tree, VERIFY, WRAP_UP};
use crate::session::Session;
use crate::source::Span;

/// How long an approval stays open, unless it says so.
const APPROVAL_EXPIRES: Millis = Millis(7 * 86_400_000);

/// What the steps of a section share.
pub(crate) struct StepContext<'c> {
    pub(crate) plugins: &'c mut Plugins,
    pub(crate) scope: &'c Scope,
    pub(crate) place: Place,
    /// Every `with:` that a plugin is to check, by its step.
    pub(crate) configs: &'c mut Vec<(StepId, Node)>,
    /// Every verification that goes on in the background, and where the file says so.
    pub(crate) backgrounds: &'c mut Vec<(StepId, Span)>,
}

/// A `verify` or `wrapUp` entry.
pub(crate) fn plugin_step(
    s: &mut Session<'_>,
    cx: &mut StepContext<'_>,
    node: &Node,
    id: StepId,
    kind: PluginKind,
) -> Option<Step> {
    let (fields, what, verb): (&'static Fields, _, _) = match kind {
        PluginKind::WrapUp => (&WRAP_UP, "a wrap-up", "Wrap Up"),
        PluginKind::Verification | PluginKind::Approval => (&VERIFY, "a verification", "Verify"),
    };
    let table = s.table(node, fields)?;
    let step = call(s, cx, table, what, kind, &id);
    let title = title(s, cx, table, || {
        step.as_ref().map_or_else(|| verb.to_owned(), |step| format!("{verb} with `{}`", step.plugin.name))
    });
    let background = table.get("background").map(|node| background(s, cx, table, node, &id));
    let on_failure = on_failure(s, cx, table);
    let step = step?;
    let step = PluginStep { background: background.unwrap_or(Some(false))?, ..step };
    let action = if kind == PluginKind::WrapUp { Action::WrapUp(step) } else { Action::Verify(step) };
    Some(Step { id, title: title?, action, on_failure: on_failure? })
}

/// An `approve` entry: `manual: …` or a plugin.
pub(crate) fn approval(s: &mut Session<'_>, cx: &mut StepContext<'_>, node: &Node, id: StepId) -> Option<Step> {
    let by_hand = matches!(&node.tree, Tree::Map(entries) if entries.iter().any(|(key, _)| key.text == "manual"));
    let table = s.table(node, if by_hand { &MANUAL_APPROVAL } else { &PLUGIN_APPROVAL })?;
    let rule = if by_hand { s.section(Some(table), "manual", "an approval", &MANUAL) } else { Some(table) };
    let rule = rule.map(|rule| rules(s, cx, rule, by_hand));
    let step = if by_hand {
        let plugin = cx.plugins.find(s, "manual-approval", node.place, PluginKind::Approval);
        let timeout = timeout(s, cx, table);
        rule.as_ref()
            .and_then(|rule| Some(PluginStep { plugin: plugin?, with: rule.with()?, timeout: timeout?, background: false }))
    } else {
        call(s, cx, table, "an approval", PluginKind::Approval, &id)
    };
    let title = title(s, cx, table, || match &step {
        Some(step) if !by_hand => format!("Approval with `{}`", step.plugin.name),
        _ => "Approval".to_owned(),
    });
    let on_failure = on_failure(s, cx, table);
    let rule = rule?;
    let action = Action::Approve(Approve {
        step: step?,
        message: rule.message?,
        approvers: rule.approvers?,
        quorum: rule.quorum?,
        expires: rule.expires?,
        on_reject: rule.on_reject?,
        on_expiry: rule.on_expiry?,
    });
    Some(Step { id, title: title?, action, on_failure: on_failure? })
}

/// The rule that the host counts ballots by; none for what could not be read.
struct Rules {
    message: Option<String>,
    approvers: Option<Vec<String>>,
    quorum: Option<u32>,
    expires: Option<Millis>,
    on_reject: Option<FailureAction>,
    on_expiry: Option<FailureAction>,
}

impl Rules {
    /// What the plugin for an approval by hand is called with.
    fn with(&self) -> Option<Value> {
        Some(json!({ "message": self.message.as_ref()?, "approvers": self.approvers.as_ref()?, "quorum": self.quorum? }))
    }
}

fn rules(s: &mut Session<'_>, cx: &StepContext<'_>, table: Table<'_>, by_hand: bool) -> Rules {
    let message = match table.get("message") {
        None if !by_hand => Some("Go on?".to_owned()),
        _ => s.needed_text(Some(table), "message", "`manual`", cx.scope.run()),
    };
    let approvers = approvers(s, cx, table);
    let quorum = table.get("quorum").map_or(Some(1), |node| {
        let quorum = s.integer(node, cx.scope.now(), 1..=1_000)?;
        if let Some(count) =
            approvers.as_ref().map(Vec::len).filter(|count| *count > 0 && usize::try_from(quorum).is_ok_and(|q| q > *count))
        {
            let people = if count == 1 { "1 person".to_owned() } else { format!("{count} people") };
            let message = format!("{quorum} have to approve, and only {people} may vote");
            s.error_hint(
                "out-of-range",
                node.place,
                message,
                format!("at most {count}"),
                "name more `approvers`, or ask for fewer votes",
            );
        }
        Some(quorum)
    });
    let expires = s.duration_in(table, "expires", cx.scope.now(), APPROVAL_EXPIRES);
    let outcome = |s: &mut Session<'_>, field| match table.get(field) {
        Some(node) => last(s, node, cx.scope, outcome_place(cx.place)).map(FailureAction::from),
        None if cx.place == Place::Rollback => Some(FailureAction::Abort),
        None => Some(FailureAction::Rollback),
    };
    let on_reject = outcome(s, "onReject");
    let on_expiry = outcome(s, "onExpiry");
    Rules { message, approvers, quorum, expires, on_reject, on_expiry }
}

const fn outcome_place(place: Place) -> Place {
    match place {
        Place::Rollback => Place::RollbackApproval,
        Place::Forward | Place::WrapUp | Place::Approval | Place::RollbackApproval => Place::Approval,
    }
}

fn approvers(s: &mut Session<'_>, cx: &StepContext<'_>, table: Table<'_>) -> Option<Vec<String>> {
    let Some(node) = table.get("approvers") else { return Some(Vec::new()) };
    let mut names: Vec<String> = Vec::new();
    let mut complete = true;
    for item in s.list(node) {
        match s.text(item, cx.scope.now()) {
            Some(name) if names.contains(&name) => {
                s.error("duplicate-name", item.place, format!("`{name}` is an approver already"), "named twice")
            }
            Some(name) => names.push(name),
            None => complete = false,
        }
    }
    complete.then_some(names)
}

/// The plugin of a step, and what it is called with.
fn call(
    s: &mut Session<'_>,
    cx: &mut StepContext<'_>,
    table: Table<'_>,
    what: &str,
    kind: PluginKind,
    id: &StepId,
) -> Option<PluginStep> {
    let plugin = table.need("plugin", what, &mut s.found).and_then(|node| {
        let name = s.text(node, cx.scope.now())?;
        let name = if name == "manual" { "manual-approval" } else { &name };
        cx.plugins.find(s, name, node.place, kind)
    });
    let with = match table.get("with") {
        None => Some(Value::Object(Map::new())),
        Some(node) => {
            s.entries(node);
            cx.configs.push((id.clone(), node.clone()));
            let secrets = plugin.as_ref().map_or(Granted::Unread, |plugin| Granted::To(&plugin.name, &plugin.grants.secrets));
            s.value(node, cx.scope.config(secrets)).filter(Value::is_object)
        }
    };
    let timeout = timeout(s, cx, table);
    Some(PluginStep { plugin: plugin?, with: with?, timeout: timeout?, background: false })
}

/// None is a mistake; some none is a step without a limit of its own.
fn timeout(s: &mut Session<'_>, cx: &StepContext<'_>, table: Table<'_>) -> Option<Option<Millis>> {
    match table.get("timeout") {
        Some(node) => s.duration(node, cx.scope.now(), Millis(1)).map(Some),
        None => Some(None),
    }
}

fn title(s: &mut Session<'_>, cx: &StepContext<'_>, table: Table<'_>, default: impl FnOnce() -> String) -> Option<String> {
    match table.get("name") {
        Some(node) => s.text(node, cx.scope.now()),
        None => Some(default()),
    }
}

fn on_failure(s: &mut Session<'_>, cx: &StepContext<'_>, table: Table<'_>) -> Option<Option<FailurePolicy>> {
    match table.get("onFailure") {
        Some(node) => policy(s, node, cx.scope, cx.place).map(Some),
        None => Some(None),
    }
}
