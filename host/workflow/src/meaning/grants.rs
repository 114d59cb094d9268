//! `grants:`: which requests a plugin may send, with what the host adds to them, and where a secret may go.

use ipnet::IpNet;
use shiftgate_model::{Auth, Grants, HttpGrant, SecretGrant};
use url::Url;

use super::secrets::Secrets;
use crate::expression::Scope;
use crate::read::{AUTH, BASIC_AUTH, GRANTS, HEADER_AUTH, HTTP_GRANT, Node, SIGV4, Tree};
use crate::session::Session;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// How a credential is written.
const CREDENTIAL: &str = "declare `secrets: { api_key: { env: API_KEY } }` and write `${secrets.api_key}`";

pub(super) fn grants(s: &mut Session<'_>, node: &Node, scope: &Scope, secrets: &Secrets<'_>) -> Option<Grants> {
    let table = s.table(node, &GRANTS)?;
    let http: Vec<_> = match table.get("http") {
        Some(list) => s.list(list).iter().map(|node| http_grant(s, node, scope, secrets)).collect(),
        None => Vec::new(),
    };
    let granted: Vec<_> = match table.get("secrets") {
        Some(node) => s.entries(node).iter().map(|(key, node)| secret_grant(s, &key.text, node, scope, secrets)).collect(),
        None => Vec::new(),
    };
    Some(Grants { http: http.into_iter().collect::<Option<_>>()?, secrets: granted.into_iter().collect::<Option<_>>()? })
}

/// `name: [URL, …]`: the secret, and where it may be sent.
fn secret_grant(
    s: &mut Session<'_>,
    name: &str,
    node: &Node,
    scope: &Scope,
    secrets: &Secrets<'_>,
) -> Option<(String, SecretGrant)> {
    let at = secrets.named(s, name, node);
    let to: Vec<_> = s.list(node).iter().map(|node| grant_url(s, node, scope)).collect();
    if matches!(&node.tree, Tree::List(items) if items.is_empty()) {
        s.error("empty-list", node.place, format!("the secret `{name}` may be sent nowhere"), "needs a URL");
        return None;
    }
    Some((name.to_owned(), SecretGrant { at: at?, to: to.into_iter().collect::<Option<_>>()? }))
}

/// What the host adds to each request.
fn auth(s: &mut Session<'_>, node: &Node, scope: &Scope, secrets: &Secrets<'_>) -> Option<Auth> {
    let table = s.table(node, &AUTH)?;
    let given: Vec<_> = AUTH.keys.iter().filter_map(|key| Some((*key, table.get(key)?))).collect();
    let &[(way, node)] = given.as_slice() else {
        if !table.has_unknown() {
            let hint = "write `auth: { bearer: \"${secrets.NAME}\" }`, or `basic`, `header` or `sigv4`";
            s.error_hint("missing-field", node.place, "`auth` is one way to prove who asks", "needs one", hint);
        }
        return None;
    };
    let secret = |s: &mut Session<'_>, node: &Node| secrets.reference(s, node, "a credential", CREDENTIAL);
    match way {
        "bearer" => Some(Auth::Bearer { secret: secret(s, node)? }),
        "basic" => {
            let table = s.table(node, &BASIC_AUTH)?;
            let user = s.needed_text(Some(table), "user", "`basic`", scope.now());
            let password = table.need("password", "`basic`", &mut s.found).and_then(|node| secret(s, node));
            Some(Auth::Basic { user: user?, secret: password? })
        }
        "header" => {
            let table = s.table(node, &HEADER_AUTH)?;
            let name = s.needed_text(Some(table), "name", "`header`", scope.now());
            let value = table.need("value", "`header`", &mut s.found).and_then(|node| secret(s, node));
            Some(Auth::Header { name: name?, secret: value? })
        }
        _ => {
            let table = s.table(node, &SIGV4)?;
            let service = s.needed_text(Some(table), "service", "`sigv4`", scope.now());
            let region = s.needed_text(Some(table), "region", "`sigv4`", scope.now());
            let profile = table.get("profile").map(|node| s.text(node, scope.now()));
            Some(Auth::Sigv4 { service: service?, region: region?, profile: profile.map_or(Some(None), |text| text.map(Some))? })
        }
    }
}

fn http_grant(s: &mut Session<'_>, node: &Node, scope: &Scope, secrets: &Secrets<'_>) -> Option<HttpGrant> {
    let table = s.table(node, &HTTP_GRANT)?;
    let url = table.need("url", "an HTTP grant", &mut s.found).and_then(|node| grant_url(s, node, scope));
    let methods = match table.get("methods") {
        Some(node) => {
            let methods: Vec<_> = s.list(node).iter().map(|node| method(s, node, scope)).collect();
            if methods.is_empty() {
                s.error("empty-list", node.place, "a grant without methods grants nothing", "needs a method");
            }
            methods.into_iter().collect::<Option<_>>()
        }
        None => Some(vec!["GET".to_owned()]),
    };
    let addresses: Option<Vec<_>> = match table.get("addresses") {
        Some(node) => s.list(node).iter().map(|node| range(s, node, scope)).collect::<Vec<_>>().into_iter().collect(),
        None => Some(Vec::new()),
    };
    let auth = table.get("auth").map_or(Some(None), |node| auth(s, node, scope, secrets).map(Some));
    Some(HttpGrant { url: url?, methods: methods?, addresses: addresses?, auth: auth? })
}

/// Scheme, host (a leading `*.` allowed), port and path prefix.
fn grant_url(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<String> {
    let text = s.text(node, scope.now())?;
    let wildcard = text.replacen("://*.", "://any.", 1);
    let why = match Url::parse(&wildcard) {
        Err(error) => error.to_string(),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => format!("its scheme is `{}`", url.scheme()),
        Ok(url) if url.host_str().is_none_or(|host| host.contains('*')) => "only the first label of a host can be `*`".to_owned(),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => "credentials never stand in a workflow".to_owned(),
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "a grant has no query and no fragment".to_owned(),
        Ok(_) => return Some(text),
    };
    s.error_hint(
        "malformed-url",
        node.place,
        format!("`{text}` cannot be granted: {why}"),
        "an origin is expected",
        "write it as `https://metrics.example.com:9090/api`",
    );
    None
}

fn method(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<String> {
    let text = s.text(node, scope.now())?;
    let upper = text.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Some(upper);
    }
    s.no_such(node.place, &format!("`{text}` is no method that can be granted"), &upper, METHODS.into_iter(), "the methods are");
    None
}

/// A range, or one address.
fn range(s: &mut Session<'_>, node: &Node, scope: &Scope) -> Option<String> {
    let text = s.text(node, scope.now())?;
    let range = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
    if range.is_err() {
        s.error_hint(
            "malformed-address-range",
            node.place,
            format!("`{text}` is no range of addresses"),
            "a CIDR is expected",
            "write it as `10.0.0.0/8` or `fd00::/8`",
        );
    }
    range.ok().map(|range| range.trunc().to_string())
}
