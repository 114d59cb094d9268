//! `infrastructure:`: the account, the token's place, and the JSON that groups are made from.

use serde_json::Value;
use shiftgate_model::{AccountId, ElastigroupTemplate};

use super::names::Names;
use super::secrets::Secrets;
use crate::expression::Scope;
use crate::plan::Infrastructure;
use crate::read::{AWS, Node, SPOT, Table, Tree, parse};
use crate::session::Session;
use crate::source::{Source, Span};

/// How a token is written.
const TOKEN: &str = "declare `secrets: { spot_token: { env: SPOTINST_TOKEN } }` and write `token: ${secrets.spot_token}`";
/// The most that EC2 takes, before base64.
const LARGEST_USER_DATA: usize = 16 * 1024;

/// Account, token and AWS; the name and the region come from `names`.
pub(crate) fn infrastructure(
    s: &mut Session<'_>,
    infra: Option<Table<'_>>,
    names: &Names,
    secrets: &Secrets<'_>,
) -> Option<Infrastructure> {
    let spot = infra.and_then(|infra| infra.get("spot")).map(|node| s.table(node, &SPOT));
    let aws_profile = match infra.and_then(|infra| infra.get("aws")).map(|node| s.table(node, &AWS)) {
        None => Some(None),
        Some(None) => None,
        Some(Some(aws)) => aws.get("profile").map_or(Some(None), |node| s.text(node, names.scope.now()).map(Some)),
    };
    let (account, token) = match spot {
        None => (Some(None), Some(None)),
        Some(None) => (None, None),
        Some(Some(spot)) => (
            spot.get("account").map_or(Some(None), |node| account(s, node, &names.scope).map(Some)),
            spot.get("token").map_or(Some(None), |node| secrets.reference(s, node, "a token", TOKEN).map(Some)),
        ),
    };
    Some(Infrastructure {
        name: names.infrastructure.clone()?,
        region: names.region.clone()?,
        aws_profile: aws_profile?,
        account: account?,
        token: token?,
    })
}

fn account(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<AccountId> {
    let account = s.text(node, scope.now())?;
    if account.strip_prefix("act-").is_some_and(|id| !id.is_empty()) {
        return Some(AccountId::new(account));
    }
    s.error_hint(
        "malformed-account",
        node.place,
        format!("`{account}` is not a Spot account"),
        "an account id is expected",
        "accounts look like `act-12345678`",
    );
    None
}

/// What the service's user data comes to.
pub(crate) struct UserData {
    /// Whether the service brings any.
    pub(crate) present: bool,
    /// The text; none without any, or when it is not known.
    pub(crate) text: Option<String>,
}

pub(crate) fn user_data(s: &mut Session<'_>, service: Option<Table<'_>>, scope: &Scope) -> UserData {
    let inline = service.and_then(|service| service.get("userData"));
    let file = service.and_then(|service| service.get("userDataFile"));
    let present = inline.is_some() || file.is_some();
    let text = match (inline, file) {
        (Some(_), Some(file)) => {
            s.error_hint(
                "conflicting-fields",
                file.place,
                "`userData` and `userDataFile` stand side by side",
                "one of the two",
                "remove one of them",
            );
            None
        }
        (Some(node), None) => s.text(node, scope.now()).map(|text| (text, node.place)),
        (None, Some(node)) => text_of_file(s, node, scope).and_then(|(text, source)| {
            let span = Span { source, start: 0, end: text.len() };
            let value = Value::String(text);
            let node = Node { field: node.field.clone(), ..Node::from_value(&value, span, node.place) };
            s.text(&node, scope.now()).map(|text| (text, node.place))
        }),
        (None, None) => None,
    };
    if let Some((text, place)) = text.as_ref().filter(|(text, _)| text.len() > LARGEST_USER_DATA) {
        let message = format!("the user data has {} bytes, and EC2 takes {LARGEST_USER_DATA} at most", text.len());
        s.error("out-of-range", *place, message, "too large");
    }
    UserData { present, text: text.map(|(text, _)| text) }
}

/// A file that the workflow names, and its number among the sources.
fn text_of_file(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<(String, usize)> {
    let path = s.text(node, scope.now())?;
    match s.files.read(&path) {
        Err(why) => {
            s.error_hint(
                "unreadable-file",
                node.place,
                format!("cannot read `{path}`: {why}"),
                "named here",
                "paths are relative to the workflow file",
            );
            None
        }
        Ok(text) => match s.sources.add(Source { name: path, text: text.clone() }) {
            Ok(source) => Some((text, source)),
            Err(diagnostic) => {
                s.found.push(*diagnostic);
                None
            }
        },
    }
}

/// The JSON that groups are made from, every expression resolved.
pub(crate) fn template(
    s: &mut Session<'_>,
    infra: Option<Table<'_>>,
    scope: &Scope,
    has_user_data: bool,
) -> Option<ElastigroupTemplate> {
    let node = infra?.need("elastigroup", "`infrastructure`", &mut s.found)?;
    let tree = match &node.tree {
        Tree::Map(_) => Some(node.clone()),
        Tree::List(_) => {
            s.error(
                "wrong-type",
                node.place,
                "`elastigroup` has to be a path or a mapping, and is a list",
                "a path or a mapping is expected",
            );
            None
        }
        Tree::Scalar(scalar) if scalar.text.trim_start().starts_with('{') => json_in_text(s, node, &scalar.text),
        Tree::Scalar(_) => text_of_file(s, node, scope).and_then(|(text, source)| json_of_file(s, node.place, &text, source)),
    }?;
    let value = s.value(&tree, scope.now());
    // A wrong shape is reported together with what is wrong in its texts.
    match ElastigroupTemplate::parse(value.clone().unwrap_or_else(|| tree.value()), has_user_data) {
        Ok(template) => value.map(|_| template),
        Err(error) => {
            let hint = "paste what Spot's console shows under Actions, View Configuration";
            s.error_hint("bad-elastigroup", node.place, error.to_string(), "the Elastigroup JSON", hint);
            None
        }
    }
}

fn json_in_text(s: &mut Session<'_>, node: &Node, text: &str) -> Option<Node> {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Some(Node::from_value(&value, node.span, node.place)),
        Err(error) => {
            let message = format!("the Elastigroup JSON cannot be read: {error}");
            s.error_hint(
                "malformed-json",
                node.place,
                message,
                "lines are counted in this text",
                "put an expression in quotes: \"${serviceVariable.name}\"",
            );
            None
        }
    }
}

/// JSON as JSON says, with the places of its values; `.yaml` files as YAML.
fn json_of_file(s: &mut Session<'_>, place: Span, text: &str, source: usize) -> Option<Node> {
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value) => value,
        Err(_) if !text.trim_start().starts_with(['{', '[']) => return parse(text, source, &mut s.found),
        Err(error) => {
            let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let start = (line_start + error.column().saturating_sub(1)).min(text.len());
            let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let width = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            let span = Span { source, start, end: start + width };
            let message = format!("the Elastigroup JSON cannot be read: {error}");
            s.error_hint("malformed-json", span, message, "here", "put an expression in quotes: \"${serviceVariable.name}\"");
            return None;
        }
    };
    let mut found = Vec::new();
    match parse(text, source, &mut found) {
        Some(tree) if found.iter().any(|d| d.code == "duplicate-key") || tree.value() == value => {
            s.found.append(&mut found);
            Some(tree)
        }
        _ => Some(Node::from_value(&value, Span { source, start: 0, end: text.len() }, place)),
    }
}
