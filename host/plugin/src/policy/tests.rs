//! What a policy says, what it allows, how it is written, and what an upgrade asks beyond it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use shiftgate_model::{HttpGrant, SecretGrant};

use super::*;
use crate::grants::{Decision, Rights, Target, decide};
use crate::manifest::Manifest;

const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn policy(text: &str) -> Policy {
    Policy::parse(Path::new("/etc/policy.toml"), text).unwrap()
}

fn of(lines: &str) -> Policy {
    policy(&format!("version = 1\n[[plugin]]\nname = \"errors\"\nsha256 = [\"{DIGEST}\"]\n{lines}\n"))
}

fn entry(policy: &Policy) -> &Entry {
    policy.entry(&Digest(DIGEST.to_uppercase())).unwrap()
}

#[test]
fn a_component_is_known_by_its_digest_only() {
    let policy = of("");
    assert!(policy.entry(&Digest(DIGEST.to_owned())).is_some());
    assert!(policy.entry(&Digest("b".repeat(64))).is_none());
}

#[test]
fn what_is_wrong_in_a_policy_is_said_with_its_place() {
    let digest = DIGEST;
    let rows = [
        "".to_owned(),
        "version = 2".to_owned(),
        "version = 1\nplugins = []".to_owned(),
        "version = 1\n[[plugin]]\nname = \"x\"\nsha256 = []".to_owned(),
        "version = 1\n[[plugin]]\nname = \"x\"\nsha256 = [\"abc\"]".to_owned(),
        format!(
            "version = 1\n[[plugin]]\nname = \"x\"\nsha256 = [\"{digest}\"]\nhttp = [{{ url = \"nowhere\", methods = [\"GET\"] }}]"
        ),
        "version = 1\n[limits]\nmemroy = \"1 GiB\"".to_owned(),
        "version = 1\n[limits]\nmemory = \"much\"".to_owned(),
        "version = 1\n[limits]\nwall = 5".to_owned(),
    ];
    let told: Vec<String> = rows.iter().map(|text| Policy::parse(Path::new("p"), text).unwrap_err()).collect();
    insta::assert_snapshot!(told.join("\n--\n"), @r#"
TOML parse error at line 1, column 1
  |
1 | 
  | ^
missing field `version`
--
this release reads version 1 of a policy, and this is version 2
--
TOML parse error at line 2, column 1
  |
2 | plugins = []
  | ^^^^^^^
unknown field `plugins`, expected one of `version`, `limits`, `plugin`
--
plugin `x`: `sha256` names no component
--
plugin `x`: `abc` is no SHA-256: that has 64 hexadecimal digits
--
plugin `x`: the grant `nowhere` cannot be read: it is not a URL such as `https://api.example.com/v1`
--
there is no limit `memroy`; the limits are file, memory, start, poll, wall, requests, request, response, requestTimeout, logLines, log, findings, metrics, outputs, state
--
the limit `memory` has to be a size such as "64 MiB"
--
the limit `wall` has to be a length of time such as "30s" or "5m"
"#);
}

#[test]
fn a_request_needs_the_operator_too() {
    let manifest = json!({
        "name": "errors", "version": "1", "kind": "verification", "contract": "0.1.0",
        "requests": { "http": [{ "url": "https://api.example.com", "methods": ["GET", "POST"] }] },
    });
    let manifest = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    let grant =
        HttpGrant { addresses: vec!["10.0.0.0/8".to_owned()], ..HttpGrant::new("https://api.example.com", &["GET", "POST"]) };
    let told = |lines: &str, method: &str| {
        let policy = of(lines);
        let operator = Some((policy.file.as_path(), entry(&policy)));
        let rights = Rights::new("errors", &manifest, &Grants::of(vec![grant.clone()]), &json!({}), operator).unwrap();
        match decide(&Target::parse(method, "https://api.example.com/v1/x").unwrap(), &rights) {
            Decision::Allow { addresses, .. } => format!("allowed {addresses:?}"),
            Decision::Deny(text) => text,
        }
    };
    let get =
        r#"http = [{ url = "https://api.example.com/v1", methods = ["GET"], addresses = ["10.1.0.0/16", "192.168.0.0/16"] }]"#;
    assert_eq!(told(get, "GET"), "allowed [10.1.0.0/16]");
    insta::assert_snapshot!(told(get, "POST"), @r#"
POST https://api.example.com/v1/x is granted by the workflow, and the operator's policy /etc/policy.toml does not allow it; this line of the plugin's entry would:
http = [{ url = "https://api.example.com", methods = ["POST"], addresses = ["10.0.0.0/8"] }]
"#);
    assert!(told("", "GET").contains("the operator's policy /etc/policy.toml does not allow it"));
}

#[test]
fn secrets_and_signatures_need_the_operator_too() {
    let refusal = |lines: &str, grants: &Grants| entry(&of(lines)).allows(grants).err().unwrap_or_default();
    let bearer = |at: SecretRef| {
        Grants::of(vec![HttpGrant { auth: Some(Auth::Bearer { secret: at }), ..HttpGrant::new("https://a.example", &["GET"]) }])
    };
    let env = bearer(SecretRef::Env("DD_KEY".to_owned()));
    let file = |path: &str| bearer(SecretRef::File(path.to_owned()));
    insta::assert_snapshot!(refusal("", &env), @r#"does not let it have the secret in the variable DD_KEY; this line of its entry would: secrets = ["env:DD_KEY"]"#);
    assert_eq!(refusal("secrets = [\"env:DD_*\", \"file:/run/secrets/*\"]", &env), "");
    assert_eq!(refusal("secrets = [\"file:/run/secrets/*\"]", &file("/run/secrets/a")), "");
    assert!(refusal("secrets = [\"file:/run/secrets/*\"]", &file("/run/secrets/../shadow")).contains("does not let it have"));
    let command = Grants {
        secrets: [("k".to_owned(), SecretGrant { at: SecretRef::Command(vec!["pass".into(), "k".into()]), to: vec![] })].into(),
        ..Grants::default()
    };
    assert_eq!(refusal("secrets = [\"command:pass\"]", &command), "");
    assert!(refusal("secrets = [\"env:*\"]", &command).contains("command:pass"));
    let signed = Auth::Sigv4 { service: "monitoring".into(), region: "eu-west-1".into(), profile: None };
    let signed = Grants::of(vec![HttpGrant { auth: Some(signed), ..HttpGrant::new("https://a.example", &["GET"]) }]);
    insta::assert_snapshot!(refusal("aws = [\"aps\"]", &signed), @r#"does not let it sign requests for the AWS service `monitoring`; this line of its entry would: aws = ["monitoring"]"#);
    assert_eq!(refusal("aws = [\"monitoring\"]", &signed), "");
}

/// The lines that are shown are those of the list that closes it.
#[test]
fn an_address_is_closed_by_the_workflow_or_by_the_policy() {
    let manifest = json!({
        "name": "errors", "version": "1", "kind": "verification", "contract": "0.1.0",
        "requests": { "http": [{ "url": "https://api.example.com", "methods": ["GET"] }] },
    });
    let manifest = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    let policy = of(r#"http = [{ url = "https://api.example.com", methods = ["GET"] }]"#);
    let closed = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|range| (*range).to_owned()).collect();
        let grants = Grants::of(vec![HttpGrant { addresses, ..HttpGrant::new("https://api.example.com", &["GET"]) }]);
        let operator = Some((policy.file.as_path(), entry(&policy)));
        let rights = Rights::new("errors", &manifest, &grants, &json!({}), operator).unwrap();
        rights.closed(&Target::parse("GET", "https://api.example.com/v1").unwrap(), "10.1.2.3/32".parse().unwrap())
    };
    assert!(closed(&[]).starts_with("which no grant opens; these lines of the workflow would open it:\n"), "{}", closed(&[]));
    insta::assert_snapshot!(closed(&["10.0.0.0/8"]), @r#"
which the workflow opens and the operator's policy /etc/policy.toml does not; this line of the plugin's entry would:
http = [{ url = "https://api.example.com", methods = ["GET"], addresses = ["10.1.2.3/32"] }]
"#);
}

#[test]
fn ranges_are_open_where_both_lists_open_them() {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
    let shared = both(&nets(&["10.0.0.0/8", "127.0.0.1/32"]), &nets(&["10.2.0.0/16", "127.0.0.0/8", "fd00::/8"]));
    assert_eq!(shared, nets(&["10.2.0.0/16", "127.0.0.1/32"]));
}

fn review(policy: Option<&Policy>, url: &str, given: &[Wish]) -> Review {
    let manifest = json!({
        "name": "errors", "version": "2.0.0", "kind": "verification", "contract": "0.1.0",
        "requests": { "http": [
            { "url": url, "methods": ["GET"], "reason": "asks" }, { "from_config": "/url", "methods": ["GET"], "reason": "queries" },
        ] },
    });
    review_of(policy, &manifest, 'b', given)
}

fn review_of(policy: Option<&Policy>, manifest: &Value, digest: char, given: &[Wish]) -> Review {
    let inspection = crate::Inspection {
        file: "errors.wasm".into(),
        digest: Digest(digest.to_string().repeat(64)),
        size: 1,
        kinds: Vec::new(),
        manifest: Some(Manifest::parse(manifest.to_string().as_bytes()).unwrap()),
        imports: crate::Imports::default(),
        exports: Vec::new(),
        grants: None,
        compiled: false,
        problems: Vec::new(),
    };
    Review::of(&inspection, policy, given).unwrap()
}

#[test]
fn an_upgrade_that_asks_for_more_is_told() {
    let policy = of(r#"http = [{ url = "https://api.example.com/v1", methods = ["GET"] }]"#);
    let same = review(Some(&policy), "https://api.example.com/v1/errors", &[]);
    assert!(same.more.is_empty() && same.upgrade && !same.known);
    let given = Wish {
        url: "http://in.example:9090".into(),
        methods: vec!["GET".into()],
        addresses: vec!["10.0.0.0/8".into()],
        reason: String::new(),
    };
    insta::assert_snapshot!(review(Some(&policy), "https://api.example.com/v2", &[given]), @r"
errors 2.0.0: the policy names another component of this name
sha256 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  + GET https://api.example.com/v2: asks
  + GET http://in.example:9090 at 10.0.0.0/8
  + GET at the URL in /url of its config: queries
");
}

/// Where it goes is not all that an upgrade may ask for, and a name is whatever a component calls itself.
#[test]
fn an_upgrade_shows_the_secrets_and_limits_that_it_asks_for_and_what_it_inherits() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.toml");
    let manifest = |methods: &[&str], more: Value| {
        let http = json!([{ "from_config": "/url", "methods": methods, "reason": "queries" }]);
        let mut manifest = json!({
            "name": "errors", "version": "2.0.0", "kind": "verification", "contract": "0.1.0", "requests": { "http": http },
        });
        let (Value::Object(fields), Value::Object(more)) = (&mut manifest, more) else { unreachable!() };
        for (name, value) in more {
            match (fields.get_mut(&name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
                (_, value) => drop(fields.insert(name, value)),
            }
        }
        manifest
    };
    let first = manifest(&["GET"], json!({}));
    review_of(None, &first, 'a', &[]).grant(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("\"GET at the URL in /url of its config\""), "{text}");
    std::fs::write(&file, text + "secrets = [\"env:GRAFANA_*\"]\naws = [\"monitoring\"]\n").unwrap();
    let policy = Policy::read(&file).unwrap();

    let same = review_of(Some(&policy), &first, 'c', &[]);
    assert!(same.upgrade && !same.asks_for_more(), "{same}");
    let both = manifest(&["POST", "GET"], json!({}));
    assert!(review_of(Some(&policy), &both, 'c', &[]).asks_for_more());
    let greedy =
        json!({ "requests": { "secrets": [{ "name": "root", "reason": "signs in" }] }, "limits": { "memory": "1 GiB" } });
    let second = review_of(Some(&policy), &manifest(&["GET", "DELETE"], greedy), 'b', &[]);
    assert!(second.asks_for_more());
    insta::assert_snapshot!(second, @r"
errors 2.0.0: the policy names another component of this name
sha256 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  + GET|DELETE at the URL in /url of its config: queries
  + the secret `root`: signs in
  + 1 GiB as its limit `memory`
  its entry lets a workflow give it secrets from `env:GRAFANA_*`
  its entry lets a workflow give it signatures for the AWS service `monitoring`
");
    second.grant(&file).unwrap();
    let policy = Policy::read(&file).unwrap();
    assert!(!review_of(Some(&policy), &manifest(&["DELETE"], json!({})), 'd', &[]).asks_for_more(), "it asks for less");
}

#[test]
fn a_grant_is_written_into_the_policy_and_leaves_the_rest_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shiftgate/policy.toml");
    review(None, "https://api.example.com/v1", &[]).grant(&file).unwrap();
    let first = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, first.replace("[[plugin]]", "# ours\n[[plugin]]")).unwrap();
    let policy = Policy::read(&file).unwrap();
    let again = review(Some(&policy), "https://api.example.com/v1", &[]);
    assert!(again.known && again.more.is_empty());
    again.grant(&file).unwrap();
    review(Some(&policy), "https://api.example.com/v2", &[]).grant(&file).unwrap();
    insta::assert_snapshot!(std::fs::read_to_string(&file).unwrap(), @r#"
version = 1

# ours
[[plugin]]
name = "errors"
sha256 = [
  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
]
http = [
  { url = "https://api.example.com/v1", methods = ["GET"] },
  { url = "https://api.example.com/v2", methods = ["GET"] },
]
asks = [
  "GET at the URL in /url of its config",
]
"#);
}

#[test]
fn a_policy_that_everybody_may_write_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("policy.toml");
    std::fs::write(&file, "version = 1\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(Policy::read(&file), Err(PolicyError::Open { .. })));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Policy::read(&file).is_ok());
    assert!(matches!(Policy::read(&dir.path().join("none")), Err(PolicyError::Unreadable { .. })));
}
