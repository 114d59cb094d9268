//! The decision, row by row: a request, a manifest, a grant, and whether it may leave.

use serde_json::json;
use shiftgate_model::{Grants, HttpGrant};

use super::*;

fn rule(url: &str, methods: &[&str]) -> Rule {
    Rule {
        pattern: Pattern::parse(url).unwrap(),
        methods: methods.iter().map(ToString::to_string).collect(),
        addresses: Vec::new(),
        auth: None,
    }
}

/// What comes of a request under one rule that is both asked for and granted.
fn outcome(granted: &str, method: &str, url: &str) -> &'static str {
    let rule = rule(granted, &["GET"]);
    let rights = Rights { plugin: "errors".to_owned(), asked: vec![rule.clone()], granted: vec![rule], ..Rights::default() };
    match Target::parse(method, url) {
        Err(_) => "malformed",
        Ok(target) => match decide(&target, &rights) {
            Decision::Allow { .. } => "allowed",
            Decision::Deny(_) => "denied",
        },
    }
}

#[test]
fn a_grant_covers_its_scheme_host_port_method_and_path_and_no_more() {
    let api = "https://api.example.com/v1";
    let rows = [
        (api, "GET", "https://api.example.com/v1", "allowed"),
        (api, "GET", "https://api.example.com/v1/", "allowed"),
        (api, "GET", "https://api.example.com/v1/query?q=a%2Fb%2E//..", "allowed"),
        (api, "GET", "https://API.Example.COM:443/v1/x#fragment", "allowed"),
        (api, "POST", "https://api.example.com/v1", "denied"),
        (api, "GET", "http://api.example.com/v1", "denied"),
        (api, "GET", "https://api.example.com:8443/v1", "denied"),
        (api, "GET", "https://api.example.com/v10", "denied"),
        (api, "GET", "https://api.example.com/", "denied"),
        (api, "GET", "https://api.example.com.evil.net/v1", "denied"),
        (api, "GET", "https://api.example.com./v1", "denied"),
        (api, "GET", "https://evil.net/v1?https://api.example.com/v1", "denied"),
        (api, "GET", "https://api.example.com/V1", "denied"),
        (api, "GET", "https://api.example.com/v1/../admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/./x", "malformed"),
        (api, "GET", "https://api.example.com/v1//x", "malformed"),
        (api, "GET", "https://api.example.com//v1", "malformed"),
        (api, "GET", "https://api.example.com/v1/%2e%2e/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/%2E./admin", "malformed"),
        (api, "GET", "https://api.example.com/v1%2f..%2fadmin", "malformed"),
        (api, "GET", "https://api.example.com/v1/%5c../admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/%252e%252e/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/..;/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/..;x=1/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/..%3B/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/%c0%ae%c0%ae/admin", "malformed"),
        (api, "GET", "https://api.example.com/v1/x%0d%0aHost:%20evil", "malformed"),
        (api, "GET", "https://api.example.com/v1/x;y=..", "allowed"),
        (api, "GET", "https://api.example.com/v1\\..\\admin", "malformed"),
        (api, "GET", "https://api.example.com\\@evil.net/v1", "malformed"),
        (api, "GET", "https://api.example.com@evil.net/v1", "malformed"),
        (api, "GET", "https://user:pw@api.example.com/v1", "malformed"),
        (api, "GET", "https://api.example.com/v1/\tx", "malformed"),
        (api, "GET", " https://api.example.com/v1", "malformed"),
        (api, "GET", "https:api.example.com/v1", "malformed"),
        (api, "GET", "https:///api.example.com/v1", "malformed"),
        (api, "GET", "/v1", "malformed"),
        (api, "GET", "file:///etc/passwd", "malformed"),
        (api, "get", "https://api.example.com/v1", "malformed"),
        (api, "CONNECT", "https://api.example.com/v1", "malformed"),
        ("https://*.example.com", "GET", "https://a.example.com/x", "allowed"),
        ("https://*.example.com", "GET", "https://a.b.example.com/x", "denied"),
        ("https://*.example.com", "GET", "https://example.com/x", "denied"),
        ("https://*.example.com", "GET", "https://aexample.com/x", "denied"),
        ("https://*.example.com", "GET", "https://.example.com/x", "denied"),
        ("http://127.0.0.1:9090", "GET", "http://127.0.0.1:9090/api", "allowed"),
        ("http://127.0.0.1:9090", "GET", "http://2130706433:9090/api", "allowed"),
        ("http://127.0.0.1:9090", "GET", "http://0x7f.1:9090/api", "allowed"),
        ("http://127.0.0.1:9090", "GET", "http://127.0.0.2:9090/api", "denied"),
        ("http://[::1]:9090", "GET", "http://[0:0::1]:9090/", "allowed"),
        ("http://[::1]:9090", "GET", "http://[::ffff:127.0.0.1]:9090/", "denied"),
    ];
    for (granted, method, url, expected) in rows {
        assert_eq!(outcome(granted, method, url), expected, "{granted}: {method} {url}");
    }
}

#[test]
fn a_destination_that_grants_too_much_cannot_be_written() {
    let wrong = [
        "https://*",
        "https://*.com",
        "https://*.*.example.com",
        "https://api.*.example.com",
        "https://a*.example.com",
        "ftp://example.com",
        "https://user@example.com",
        "https://@example.com",
        "https://example.com/a/../b",
        "https://example.com/a%2fb",
        "https://example.com?x=1",
        "example.com",
        "*",
    ];
    for text in wrong {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
    assert_eq!(Pattern::parse("HTTPS://*.Example.com:443/v1/").unwrap().to_string(), "https://*.example.com/v1");
}

fn manifest() -> Manifest {
    let json = json!({
        "name": "errors", "version": "1.0.0", "kind": "verification", "contract": "0.1.0",
        "requests": { "http": [{ "from_config": "/url", "methods": ["GET"], "reason": "queries" }] },
    });
    Manifest::parse(json.to_string().as_bytes()).unwrap()
}

fn denial(grants: &Grants, method: &str, url: &str) -> String {
    let config = json!({ "url": "http://prometheus:9090" });
    let rights = Rights::new("errors", &manifest(), grants, &config, None).unwrap();
    match decide(&Target::parse(method, url).unwrap(), &rights) {
        Decision::Allow { .. } => "allowed".to_owned(),
        Decision::Deny(text) => text,
    }
}

#[test]
fn a_right_needs_the_manifest_and_the_workflow() {
    let grant = |url: &str| HttpGrant::new(url, &["GET", "POST"]);
    let both = Grants::of(vec![grant("http://prometheus:9090"), grant("https://other.example")]);
    assert_eq!(denial(&both, "GET", "http://prometheus:9090/api/v1/query?query=up"), "allowed");
    insta::assert_snapshot!(denial(&both, "POST", "http://prometheus:9090/api/v1/query"), @"POST http://prometheus:9090/api/v1/query: the plugin's manifest does not ask for it, so no grant can allow it; with this config it asks for GET http://prometheus:9090");
    insta::assert_snapshot!(denial(&both, "GET", "https://other.example/"), @"GET https://other.example/: the plugin's manifest does not ask for it, so no grant can allow it; with this config it asks for GET http://prometheus:9090");
    insta::assert_snapshot!(denial(&Grants::default(), "GET", "http://prometheus:9090/api/v1/query?secret=1"), @r#"
GET http://prometheus:9090/api/v1/query is not granted; these lines of the workflow would grant it:
plugins:
  errors:
    grants:
      http:
        - { url: "http://prometheus:9090", methods: [GET] }
"#);
}

#[test]
fn a_grant_that_cannot_be_read_is_an_error_and_not_a_hole() {
    let told = |url: &str, method: &str, range: &str| {
        let grant = HttpGrant { addresses: vec![range.to_owned()], ..HttpGrant::new(url, &[method]) };
        Rights::new("errors", &manifest(), &Grants::of(vec![grant]), &json!({}), None).unwrap_err()
    };
    let mistakes = [
        told("prometheus:9090", "GET", "10.0.0.0/8"),
        told("http://prometheus:9090", "get", "10.0.0.0/8"),
        told("http://prometheus:9090", "GET", "private"),
    ];
    insta::assert_snapshot!(mistakes.join("\n"), @r"
the grant `prometheus:9090` cannot be read: its scheme is neither http nor https
the grant for http://prometheus:9090 names `get`, which is not a method in upper case
the grant for http://prometheus:9090 names `private`, which is not an address range such as 10.0.0.0/8
    ");
}

#[test]
fn grants_open_the_ranges_of_those_that_cover_the_request() {
    let grant = |url: &str, range: &str| HttpGrant { addresses: vec![range.to_owned()], ..HttpGrant::new(url, &["GET"]) };
    let grants = Grants::of(vec![grant("http://prometheus:9090", "10.1.2.3/8"), grant("http://other:9090", "127.0.0.0/8")]);
    let rights = Rights::new("errors", &manifest(), &grants, &json!({ "url": "http://prometheus:9090" }), None).unwrap();
    let target = Target::parse("GET", "http://prometheus:9090/x").unwrap();
    assert_eq!(decide(&target, &rights), Decision::Allow { addresses: vec!["10.0.0.0/8".parse().unwrap()], auth: None });
}
