//! A guest and the network: through its grants, and only so. What `egress` refuses in detail is tested there.

use super::guests::fetcher;
use super::server::Server;
use super::*;

use PluginKind::Verification;
use shiftgate_model::{Answered, Auth, HttpGrant, Millis, SecretRef};

fn grants(url: &str, addresses: &[&str]) -> Grants {
    let addresses = addresses.iter().map(ToString::to_string).collect();
    Grants::of(vec![HttpGrant { addresses, ..HttpGrant::new(url, &["GET"]) }])
}

async fn fetched(world: &World, url: &str, config_url: &str, grants: Grants) -> Result<PluginReply, PluginError> {
    let source = PluginSource { grants, ..world.source(&fetcher(url)) };
    world.call_with(&source, Verification, Call::Start { summary: None }, json!({ "url": config_url })).await
}

#[tokio::test]
async fn a_granted_request_goes_out_and_comes_back() {
    let world = World::new();
    let server = Server::saying("hello").await;
    let origin = server.origin();
    let reply = fetched(&world, &format!("{origin}/api?x=1"), &origin, grants(&origin, &["127.0.0.0/8"])).await.unwrap();
    assert_eq!(shape(&reply.outcome), "pass: hello");
    let [exchange] = reply.exchanges.as_slice() else { panic!("{:?}", reply.exchanges) };
    assert_eq!(
        (exchange.method.as_str(), exchange.url.clone(), exchange.body.as_str()),
        ("GET", format!("{origin}/api?x=1"), "")
    );
    assert_eq!(
        exchange.answer.as_ref().map(|answer| (answer.status, answer.body.as_str(), answer.cut)),
        Ok((200, "hello", false))
    );
    assert_eq!((reply.left_out, reply.began), (0, Timestamp(1_700_000_000_000)));
    let seen = server.seen();
    assert!(seen.first().unwrap().starts_with("GET /api?x=1 HTTP/1.1\r\n"), "{seen:?}");
}

#[tokio::test]
async fn a_denial_is_a_value_with_the_lines_that_would_grant_it() {
    let world = World::new();
    let server = Server::saying("hello").await;
    let origin = server.origin();
    let told = async |config: &str, grants| {
        let reply = fetched(&world, &format!("{origin}/api"), config, grants).await.unwrap();
        let log: String = reply.log.iter().map(|line| format!("\n{}", line.message)).collect();
        let Outcome::Reported(report) = reply.outcome else { panic!("{:?}", reply.outcome) };
        let why = &report.summary;
        assert!(log.contains(why) && !why.contains("\\n"), "the guest was told why, and no lines: {why}");
        format!("{}{log}", report.verdict).replace(&server.port().to_string(), "PORT")
    };
    insta::assert_snapshot!(told(&origin, Grants::default()).await, @r#"
fail
GET http://127.0.0.1:PORT/api is not granted; these lines of the workflow would grant it:
plugins:
  guest:
    grants:
      http:
        - { url: "http://127.0.0.1:PORT", methods: [GET], addresses: ["127.0.0.1/32"] }
"#);
    insta::assert_snapshot!(told("http://elsewhere.example", grants(&origin, &["127.0.0.0/8"])).await, @r"
fail
GET http://127.0.0.1:PORT/api: the plugin's manifest does not ask for it, so no grant can allow it; with this config it asks for GET http://elsewhere.example
");
    insta::assert_snapshot!(told(&origin, grants(&origin, &[])).await, @r#"
fail
127.0.0.1 is 127.0.0.1 (loopback), which no grant opens; these lines of the workflow would open it:
plugins:
  guest:
    grants:
      http:
        - { url: "http://127.0.0.1:PORT", methods: [GET], addresses: ["127.0.0.1/32"] }
"#);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_grant_that_cannot_be_read_stops_the_call() {
    let world = World::new();
    let error = fetched(&world, "http://a.example", "http://a.example", grants("a.example", &[])).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r#"
plugin `guest`: the grant `a.example` cannot be read: it is not a URL such as `https://api.example.com/v1`
  hint: write a grant as `- { url: "https://api.example.com/v1", methods: [GET] }`
"#);
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_ended_whatever_it_waits_for() {
    let world = World::with(Budgets { wall: Millis(150), ..Budgets::default() });
    let silent = Server::start(|_| String::new()).await;
    let origin = silent.origin();
    let error = fetched(&world, &origin, &origin, grants(&origin, &["127.0.0.1"])).await.unwrap_err();
    insta::assert_snapshot!(world.told(&error), @r"
plugin `guest`: step `phase-1/verify-1`: it used up its budget `wall time` of 150ms: the call had not ended
  hint: give the plugin less to do in one call (a shorter range, fewer targets), or report it to its author
");
    assert!(error.retryable);
    assert_eq!(silent.seen().len(), 1);
    assert_eq!(error.called.map(|called| called.exchanges), Some(Vec::new()), "it was called, and nothing came back");
}

/// Answers from a record.
#[derive(Debug)]
struct Recorded(Result<Answered, String>);

impl crate::Answers for Recorded {
    fn answer(&self, method: &str, url: &str, headers: &[(String, String)], body: &str) -> Result<Answered, String> {
        assert_eq!((method, url, headers, body), ("GET", "http://a.example/x", &[][..], ""));
        self.0.clone()
    }
}

#[tokio::test]
async fn what_was_recorded_answers_without_grants_and_without_a_network() {
    let answered = Answered { status: 200, headers: Vec::new(), body: "kept".into(), cut: false };
    for (recorded, wanted) in
        [(Ok(answered), "pass: kept"), (Err("dns: a.example: no such name".into()), "fail: a.example: no such name")]
    {
        let dir = tempfile::tempdir().unwrap();
        let answers = Arc::new(Recorded(recorded)) as Arc<dyn crate::Answers>;
        let plugins = Plugins::new(PluginsConfig { answers: Some(answers), ..config(&dir, Budgets::default()) }).unwrap();
        let world = World { dir, plugins };
        let reply = fetched(&world, "http://a.example/x", "http://a.example", Grants::default()).await.unwrap();
        assert_eq!(shape(&reply.outcome).lines().next(), Some(wanted));
        assert_eq!(reply.exchanges.len(), 1);
    }
}

#[tokio::test]
async fn what_is_kept_of_an_exchange_holds_no_secret() {
    #[derive(Debug)]
    struct Desk;
    #[async_trait::async_trait]
    impl crate::Vault for Desk {
        async fn secret(&self, _at: &SecretRef) -> Result<secrecy::SecretString, String> {
            Ok("hunter22".to_owned().into())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let plugins = Plugins::new(PluginsConfig { vault: Arc::new(Desk), ..config(&dir, Budgets::default()) }).unwrap();
    let world = World { dir, plugins };
    // It echoes what it was asked, and what the host put before it.
    let server = Server::start(super::server::ok).await;
    let origin = server.origin();
    let auth = Some(Auth::Bearer { secret: SecretRef::Env("TOKEN".into()) });
    let http = HttpGrant { addresses: vec!["127.0.0.0/8".into()], auth, ..HttpGrant::new(&origin, &["GET"]) };
    let reply = fetched(&world, &format!("{origin}/api"), &origin, Grants::of(vec![http])).await.unwrap();
    assert!(server.seen().concat().contains("hunter22"));
    let kept = serde_json::to_string(&reply.exchanges).unwrap();
    assert!(!kept.contains("hunter22") && kept.contains("***"), "{kept}");
}
