//! Secrets on their way: into requests that may have them, out of everything that comes back.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::json;
use shiftgate_model::{Auth, Grants, HttpGrant, SecretGrant, SecretRef, secret_placeholder};

use super::*;
use crate::Budgets;
use crate::manifest::Manifest;
use crate::tests::server::{Server, ok, redirect};
use crate::vault::Unsigned;

const SECRET: &str = "T00/B00/s3cr\"et";

/// Knows one secret, and signs with a header that says what it saw.
#[derive(Debug)]
struct Desk;

#[async_trait]
impl Vault for Desk {
    async fn secret(&self, at: &SecretRef) -> Result<SecretString, String> {
        match at {
            SecretRef::Env(name) if name == "KEY" => Ok(SECRET.to_owned().into()),
            SecretRef::Env(name) if name == "SHORT" => Ok("abc".to_owned().into()),
            SecretRef::Env(name) if name == "HOST" => Ok("elsewhere".to_owned().into()),
            SecretRef::Env(name) if name == "LINES" => Ok("first\nsecond".to_owned().into()),
            SecretRef::Env(name) if name == "CLIMBS" => Ok("x/../admin".to_owned().into()),
            other => Err(format!("{other} is not set")),
        }
    }
}

#[async_trait]
impl Signer for Desk {
    async fn sign(&self, request: &Unsigned<'_>) -> Result<Vec<(String, String)>, String> {
        let Unsigned { method, service, region, profile, .. } = request;
        let signature = format!("AWS4 {method} {service} {region} {} {}", request.body.len(), profile.unwrap_or("anybody"));
        Ok(vec![("authorization".to_owned(), signature), ("x-amz-date".to_owned(), "today".to_owned())])
    }
}

struct Case {
    server: Server,
    grant: HttpGrant,
    secrets: Vec<(&'static str, &'static str, Vec<String>)>,
    carried: Carried,
}

impl Case {
    /// A server that echoes whole requests, and a grant to all of it.
    async fn new() -> Self {
        Self::with(Server::start(ok).await)
    }

    fn with(server: Server) -> Self {
        let addresses = vec!["127.0.0.0/8".to_owned()];
        let grant = HttpGrant { addresses, ..HttpGrant::new(server.origin(), &["GET", "POST"]) };
        Self { server, grant, secrets: Vec::new(), carried: Carried::default() }
    }

    fn secret(mut self, name: &'static str, at: &'static str) -> Self {
        let to = vec![self.server.origin()];
        self.secrets.push((name, at, to));
        self
    }

    fn auth(mut self, auth: Auth) -> Self {
        self.grant.auth = Some(auth);
        self
    }

    async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.server.origin());
        self.send_to(method, &url, headers, body).await
    }

    async fn send_to(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Failure> {
        let manifest = json!({
            "name": "errors", "version": "1", "kind": "verification", "contract": "0.1.0",
            "requests": { "http": [{ "url": self.grant.url, "methods": ["GET", "POST"] }] },
        });
        let manifest = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
        let secrets = self
            .secrets
            .iter()
            .map(|(name, at, to)| ((*name).to_owned(), SecretGrant { at: SecretRef::Env((*at).to_owned()), to: to.clone() }));
        let grants = Grants { http: vec![self.grant.clone()], secrets: secrets.collect() };
        let rights = Rights::new("errors", &manifest, &grants, &json!({}), None).unwrap();
        let egress = Egress::new(Arc::new(SystemLookup), Arc::new(Desk), Arc::new(Desk));
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let ask =
            Ask { method: method.to_owned(), url: url.to_owned(), headers, body: body.into(), timeout: None, max_redirects: 3 };
        egress.exchange(&rights, &mut Quota::new(&Budgets::default()), &mut self.carried, ask).await
    }

    fn last(&self) -> String {
        self.server.seen().pop().unwrap_or_default()
    }
}

fn key() -> SecretRef {
    SecretRef::Env("KEY".to_owned())
}

#[tokio::test]
async fn a_placeholder_becomes_the_secret_on_the_wire_and_again_a_placeholder_in_the_answer() {
    let mut case = Case::new().await.secret("hook", "KEY");
    let hook = secret_placeholder("hook");
    let path = format!("/services/{hook}?key={hook}");
    let body = format!("{{\"token\":\"{hook}\"}}");
    let answer = case.send("POST", &path, &[("x-token", &hook), ("content-type", "application/json")], &body).await.unwrap();
    let sent = case.last();
    assert!(sent.starts_with("POST /services/T00/B00/s3cr%22et?key=T00%2FB00%2Fs3cr%22et HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("x-token: T00/B00/s3cr\"et\r\n"), "{sent}");
    assert!(sent.ends_with("{\"token\":\"T00/B00/s3cr\\\"et\"}"), "{sent}");
    let echoed = String::from_utf8(answer.body).unwrap();
    assert!(!echoed.contains("s3cr") && echoed.matches(&hook).count() == 4, "{echoed}");
    assert_eq!(answer.final_url, format!("{}{path}", case.server.origin()));
}

#[tokio::test]
async fn a_secret_goes_nowhere_else() {
    let mut case = Case::new().await;
    case.secrets.push(("hook", "KEY", vec!["https://hooks.example.com".to_owned()]));
    let told = case.send("GET", &format!("/{}", secret_placeholder("hook")), &[], "").await.unwrap_err();
    let Failure::NotGranted(text) = told else { panic!("{told:?}") };
    insta::assert_snapshot!(text.replace(&case.server.origin(), "ORIGIN"), @r#"
the secret `hook` may not go to ORIGIN; this line of the plugin's grants would let it:
secrets: { hook: ["ORIGIN"] }
"#);
    assert!(case.server.seen().is_empty());
    // One that nobody granted is a text like any other.
    let other = secret_placeholder("other");
    case.send("GET", &format!("/{other}"), &[], "").await.unwrap();
    assert!(case.last().contains(&other));
}

#[tokio::test]
async fn a_secret_cannot_change_what_was_decided_on() {
    let mut case =
        Case::new().await.secret("climbs", "CLIMBS").secret("lines", "LINES").secret("short", "SHORT").secret("gone", "X");
    for (name, words) in [("climbs", "dots or slashes"), ("short", "fewer than 6"), ("gone", "is not set")] {
        let told = case.send("GET", &format!("/a/{}", secret_placeholder(name)), &[], "").await;
        assert!(matches!(&told, Err(Failure::NotGranted(text)) if text.contains(words)), "{name}: {told:?}");
    }
    let told = case.send("GET", "/", &[("x-key", &secret_placeholder("lines"))], "").await;
    assert!(matches!(&told, Err(Failure::NotGranted(text)) if text.contains("line break")), "{told:?}");
    assert!(case.server.seen().is_empty());
}

#[tokio::test]
async fn a_secret_cannot_choose_the_host() {
    let mut case = Case::new().await;
    let port = case.server.port();
    case.grant = HttpGrant { url: format!("http://*.example.com:{port}"), ..case.grant };
    case.secrets.push(("hook", "HOST", vec![format!("http://*.example.com:{port}")]));
    let url = format!("http://{}.example.com:{port}/", secret_placeholder("hook"));
    let told = case.send_to("GET", &url, &[], "").await;
    assert!(matches!(&told, Err(Failure::NotGranted(text)) if text.contains("host of the URL")), "{told:?}");
}

#[tokio::test]
async fn auth_is_added_as_the_request_leaves_and_masked_when_it_comes_back() {
    let rows = [
        (Auth::Bearer { secret: key() }, "authorization: Bearer T00/B00/s3cr\"et\r\n"),
        (Auth::Basic { user: "ann".into(), secret: key() }, "authorization: Basic YW5uOlQwMC9CMDAvczNjciJldA==\r\n"),
        (Auth::Header { name: "X-Api-Key".into(), secret: key() }, "x-api-key: T00/B00/s3cr\"et\r\n"),
    ];
    for (auth, header) in rows {
        let mut case = Case::new().await.auth(auth);
        let answer = case.send("GET", "/", &[("authorization", "Bearer its-own")], "").await.unwrap();
        assert!(case.last().contains(header), "{}", case.last());
        let echoed = String::from_utf8(answer.body).unwrap();
        assert!(echoed.contains("***") && !echoed.contains("s3cr") && !echoed.contains("YW5uOlQw"), "{echoed}");
    }
}

#[tokio::test]
async fn a_request_is_signed_as_it_leaves() {
    let mut case = Case::new().await.auth(Auth::Sigv4 {
        service: "monitoring".into(),
        region: "eu-west-1".into(),
        profile: Some("ops".into()),
    });
    case.send("POST", "/", &[("authorization", "mine")], "abc").await.unwrap();
    let sent = case.last();
    assert!(
        sent.contains("authorization: AWS4 POST monitoring eu-west-1 3 ops\r\n") && sent.contains("x-amz-date: today\r\n"),
        "{sent}"
    );
    assert!(!sent.contains("mine"), "{sent}");
}

#[tokio::test]
async fn a_signature_that_is_echoed_is_masked() {
    let auth = Auth::Sigv4 { service: "monitoring".into(), region: "eu-west-1".into(), profile: Some("ops".into()) };
    let mut case = Case::new().await.auth(auth);
    let answer = case.send("POST", "/", &[], "abc").await.unwrap();
    let echoed = String::from_utf8(answer.body).unwrap();
    assert!(echoed.contains("***") && !echoed.contains("AWS4 POST"), "{echoed}");
}

/// A job that was submitted with a secret tells it to whoever asks for the job later, in a call that sends none.
#[tokio::test]
async fn a_secret_that_an_earlier_call_sent_is_masked() {
    let server = Server::start(|_| ok("job of T00\\/B00\\/s3cr\\u0022et")).await;
    let mut case = Case::with(server).secret("gone", "NOBODY").secret("hook", "KEY");
    let answer = case.send("GET", "/jobs/1", &[], "").await.unwrap();
    assert_eq!(String::from_utf8(answer.body).unwrap(), format!("job of {}", secret_placeholder("hook")));
}

#[tokio::test]
async fn a_redirect_that_echoes_a_secret_leads_to_the_placeholder_again() {
    let server =
        Server::start(
            |request| {
                if request.starts_with("GET /old/") { redirect(302, "/new/T00/B00/s3cr%22et") } else { ok("there") }
            },
        )
        .await;
    let mut case = Case::with(server).secret("hook", "KEY");
    let hook = secret_placeholder("hook");
    let answer = case.send("GET", &format!("/old/{hook}"), &[], "").await.unwrap();
    assert_eq!(answer.final_url, format!("{}/new/{hook}", case.server.origin()));
    assert!(case.last().starts_with("GET /new/T00/B00/s3cr%22et "));
}
