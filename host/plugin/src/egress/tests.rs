//! Which addresses a request may reach, and what happens on the way: redirects, sizes, times, headers.

use std::io;
use std::net::IpAddr;

use serde_json::json;
use shiftgate_model::{Grants, HttpGrant};

use super::*;
use crate::NoCredentials;
use crate::manifest::Manifest;
use crate::tests::server::{Server, ok, redirect};

/// Names of a test; everything else does not resolve.
#[derive(Debug)]
struct Names(Vec<(&'static str, Vec<&'static str>)>);

#[async_trait::async_trait]
impl Lookup for Names {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let found = found.map(|(_, addresses)| addresses.iter().map(|text| text.parse().unwrap()).collect());
        found.ok_or_else(|| io::Error::other("no such name"))
    }
}

fn names() -> Names {
    Names(vec![
        ("loop.example", vec!["127.0.0.1"]),
        ("both.example", vec!["169.254.169.254", "127.0.0.1"]),
        ("meta.example", vec!["169.254.169.254"]),
        ("mapped.example", vec!["::ffff:10.0.0.1"]),
        ("none.example", vec![]),
    ])
}

/// Rights to everything that a test's plugin asks for: origins with the ranges that they open.
fn rights(grants: &[(&str, &[&str])]) -> Rights {
    let methods = ["GET", "POST", "HEAD"];
    let wanted: Vec<_> = grants.iter().map(|(url, _)| json!({ "url": url, "methods": methods })).collect();
    let manifest = json!({
        "name": "errors", "version": "1", "kind": "verification", "contract": "0.1.0", "requests": { "http": wanted },
    });
    let manifest = Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    let grant = |(url, ranges): &(&str, &[&str])| HttpGrant {
        addresses: ranges.iter().map(ToString::to_string).collect(),
        ..HttpGrant::new(*url, &["GET", "POST", "HEAD"])
    };
    Rights::new("errors", &manifest, &Grants::of(grants.iter().map(grant).collect()), &json!({}), None).unwrap()
}

const LOOPBACK: &[&str] = &["127.0.0.0/8"];

fn get(url: &str) -> Ask {
    Ask { method: "GET".to_owned(), url: url.to_owned(), max_redirects: 5, ..Ask::default() }
}

async fn send(rights: &Rights, ask: Ask) -> Result<Answer, Failure> {
    let budgets = Budgets { http_response_bytes: 100, http_request_bytes: 1_000, ..Budgets::default() };
    egress().exchange(rights, &mut Quota::new(&budgets), &mut Carried::default(), ask).await
}

fn egress() -> Egress {
    Egress::new(Arc::new(names()), Arc::new(NoCredentials), Arc::new(NoCredentials))
}

#[tokio::test]
async fn names_lead_to_filtered_addresses_only() {
    let server = Server::saying("hello").await;
    let port = server.port();
    let url = |host: &str| format!("http://{host}:{port}");
    let told = async |host: &str, ranges: &[&str]| match send(&rights(&[(&url(host), ranges)]), get(&url(host))).await {
        Ok(answer) => String::from_utf8(answer.body).unwrap(),
        Err(failure) => format!("{failure:?}").lines().next().unwrap_or_default().split(", which").next().unwrap().to_owned(),
    };
    assert_eq!(told("loop.example", LOOPBACK).await, "hello");
    assert_eq!(told("both.example", LOOPBACK).await, "hello");
    assert_eq!(told("127.0.0.1", LOOPBACK).await, "hello");
    let mut refused = Vec::new();
    for (host, ranges) in [
        ("loop.example", &[][..]),
        ("both.example", &[]),
        ("meta.example", LOOPBACK),
        ("meta.example", &["169.254.0.0/16"]),
        ("mapped.example", LOOPBACK),
        ("none.example", LOOPBACK),
        ("unknown.example", LOOPBACK),
        ("127.0.0.1", &[]),
        ("[::ffff:127.0.0.1]", &[]),
        ("[64:ff9b::7f00:1]", LOOPBACK),
        ("169.254.169.254", LOOPBACK),
        ("0.0.0.0", LOOPBACK),
    ] {
        refused.push(format!("{host}: {}", told(host, ranges).await));
    }
    insta::assert_snapshot!(refused.join("\n"), @r#"
loop.example: AddressBlocked("loop.example is 127.0.0.1 (loopback)
both.example: AddressBlocked("both.example is 127.0.0.1 (loopback)
meta.example: AddressBlocked("meta.example is 169.254.169.254 (the instance metadata service)
meta.example: AddressBlocked("meta.example is 169.254.169.254 (the instance metadata service)
mapped.example: AddressBlocked("mapped.example is 10.0.0.1 (private)
none.example: Dns("none.example: the name has no addresses")
unknown.example: Dns("unknown.example: the name does not resolve: no such name")
127.0.0.1: AddressBlocked("127.0.0.1 is 127.0.0.1 (loopback)
[::ffff:127.0.0.1]: AddressBlocked("[::ffff:7f00:1] is 127.0.0.1 (loopback)
[64:ff9b::7f00:1]: AddressBlocked("[64:ff9b::7f00:1] is 64:ff9b::7f00:1 (NAT64)
169.254.169.254: AddressBlocked("169.254.169.254 is 169.254.169.254 (the instance metadata service)
0.0.0.0: AddressBlocked("0.0.0.0 is 0.0.0.0 (unspecified)
"#);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn every_hop_is_decided_afresh() {
    let target = Server::saying("secret").await;
    let (there, port) = (target.origin(), target.port());
    let location = format!("{there}/x");
    let server = Server::start(move |_| redirect(302, &location)).await;
    let here = server.origin();

    let both = rights(&[(&here, LOOPBACK), (&there, LOOPBACK)]);
    let answer = send(&both, get(&here)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.final_url), (200, &b"secret"[..], format!("{there}/x")));

    let not_granted = send(&rights(&[(&here, LOOPBACK)]), get(&here)).await.unwrap_err();
    assert!(matches!(&not_granted, Failure::NotGranted(text) if text.contains(&there)), "{not_granted:?}");
    let blocked = send(&rights(&[(&here, LOOPBACK), (&there, &[])]), get(&here)).await.unwrap_err();
    assert!(matches!(&blocked, Failure::AddressBlocked(text) if text.contains("loopback")), "{blocked:?}");
    assert_eq!(target.seen().len(), 1);

    let itself = send(&both, Ask { max_redirects: 0, ..get(&here) }).await.unwrap();
    assert_eq!(itself.status, 302);
    assert!(itself.headers.contains(&("location".to_owned(), format!("http://127.0.0.1:{port}/x"))));
}

#[tokio::test]
async fn a_redirect_into_the_metadata_service_or_to_a_file_is_refused() {
    for (location, expected) in [
        ("http://169.254.169.254/latest/meta-data", "NotGranted"),
        ("file:///etc/passwd", "Protocol"),
        ("http://user@127.0.0.1/", "Protocol"),
        ("//127.0.0.1:1/a%2fb", "Protocol"),
        ("http://", "Protocol"),
    ] {
        let server = Server::start(move |_| redirect(307, location)).await;
        let failure = send(&rights(&[(&server.origin(), LOOPBACK)]), get(&server.origin())).await.unwrap_err();
        assert!(format!("{failure:?}").starts_with(expected), "{location}: {failure:?}");
    }
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|_| redirect(302, "/again")).await;
    let failure = send(&rights(&[(&server.origin(), LOOPBACK)]), get(&server.origin())).await.unwrap_err();
    assert_eq!(failure, Failure::TooManyRedirects);
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn credentials_and_bodies_stay_where_they_belong() {
    let target = Server::saying("done").await;
    let location = format!("{}/there", target.origin());
    let server = Server::start(move |request| {
        if request.contains(" /same") {
            ok("same")
        } else if request.contains(" /keep") {
            redirect(308, "/same")
        } else {
            redirect(303, &location)
        }
    })
    .await;
    let all = rights(&[(&server.origin(), LOOPBACK), (&target.origin(), LOOPBACK)]);
    let post = |path: &str| Ask {
        method: "POST".to_owned(),
        headers: vec![("Authorization".to_owned(), "Bearer x".to_owned()), ("Content-Type".to_owned(), "text/plain".to_owned())],
        body: b"payload".to_vec(),
        ..get(&format!("{}{path}", server.origin()))
    };
    send(&all, post("/keep")).await.unwrap();
    let kept = server.seen().pop().unwrap().to_lowercase();
    assert!(kept.starts_with("post /same") && kept.contains("authorization: bearer x") && kept.ends_with("payload"), "{kept}");

    send(&all, post("/away")).await.unwrap();
    let away = target.seen().pop().unwrap().to_lowercase();
    assert!(away.starts_with("get /there") && !away.contains("authorization") && !away.contains("content-type"), "{away}");
    assert!(away.ends_with("\r\n\r\n"), "{away}");
}

#[tokio::test]
async fn sizes_counts_and_times_are_bounded() {
    let server = Server::start(|request| {
        if request.contains(" /announced") {
            "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n".to_owned()
        } else if request.contains(" /streamed") {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{}\r\n", "x".repeat(101))
        } else if request.contains(" /silent") {
            String::new()
        } else if request.contains(" /nonsense") {
            "SMTP ready\r\n\r\n".to_owned()
        } else {
            ok("")
        }
    })
    .await;
    let all = rights(&[(&server.origin(), LOOPBACK)]);
    let url = |path: &str| format!("{}{path}", server.origin());
    assert_eq!(send(&all, get(&url("/announced"))).await, Err(Failure::TooLarge));
    assert_eq!(send(&all, get(&url("/streamed"))).await, Err(Failure::TooLarge));
    let silent = Ask { timeout: Some(Millis(50)), ..get(&url("/silent")) };
    assert_eq!(send(&all, silent).await, Err(Failure::Timeout));
    assert!(matches!(send(&all, get(&url("/nonsense"))).await, Err(Failure::Protocol(_))));
    let large = Ask { method: "POST".to_owned(), body: vec![0; 1_001], ..get(&url("/")) };
    assert_eq!(send(&all, large).await, Err(Failure::TooLarge));

    let (egress, mut carried) = (egress(), Carried::default());
    let mut quota = Quota::new(&Budgets { http_requests: 2, ..Budgets::default() });
    for expected in [true, true, false] {
        let answer = egress.exchange(&all, &mut quota, &mut carried, get(&url("/"))).await;
        assert_eq!(answer.is_ok(), expected, "{answer:?}");
    }
    assert_eq!(egress.exchange(&all, &mut quota, &mut carried, get(&url("/"))).await, Err(Failure::Quota));
}

#[tokio::test]
async fn failures_have_their_kind() {
    let closed = Server::saying("").await;
    let origin = closed.origin();
    drop(closed);
    let failure = loop {
        // The listener closes when its task is dropped.
        match send(&rights(&[(&origin, LOOPBACK)]), get(&origin)).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(failure) => break failure,
        }
    };
    assert!(matches!(failure, Failure::Connect(_)), "{failure:?}");

    let plain = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let secure = format!("https://{}", plain.local_addr().unwrap());
    let talker = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 ready, no TLS here\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let failure = send(&rights(&[(&secure, LOOPBACK)]), get(&secure)).await.unwrap_err();
    assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
    talker.abort();

    let malformed = send(&rights(&[(&origin, LOOPBACK)]), get("http://a/../b")).await.unwrap_err();
    assert!(matches!(malformed, Failure::Protocol(_)), "{malformed:?}");
    let host = Ask { headers: vec![("Host".to_owned(), "evil".to_owned())], ..get(&origin) };
    assert!(matches!(send(&rights(&[(&origin, LOOPBACK)]), host).await.unwrap_err(), Failure::Protocol(_)));
}

/// Answers every path with what stands in it, and counts.
#[derive(Debug, Default)]
struct StandIn(std::sync::atomic::AtomicU32);

impl Network for StandIn {
    fn answer(&self, request: &Sent) -> Result<Reply, Silence> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let headers = vec![("Location".to_owned(), "https://api.example/small".to_owned())];
        match request.url.rsplit('/').next().unwrap_or_default() {
            "small" => Ok(Reply { status: 200, headers: Vec::new(), body: request.method.clone().into_bytes() }),
            "large" => Ok(Reply { status: 200, headers: Vec::new(), body: vec![b'x'; 101] }),
            "moved" => Ok(Reply { status: 303, headers, body: Vec::new() }),
            "odd" => Ok(Reply { status: 1, ..Reply::default() }),
            "slow" => Err(Silence::Timeout),
            _ => Err(Silence::Dns),
        }
    }
}

#[tokio::test]
async fn what_stands_in_for_the_network_is_asked_last_and_held_to_the_same_limits() {
    let stand_in = Arc::new(StandIn::default());
    let (egress, mut carried) = (egress().over(Some(Arc::clone(&stand_in) as _)), Carried::default());
    let budgets = Budgets { http_response_bytes: 100, http_requests: 8, ..Budgets::default() };
    let mut quota = Quota::new(&budgets);
    let all = rights(&[("https://api.example", &[]), ("http://127.0.0.1", &[])]);
    let mut told = Vec::new();
    for path in ["https://other.example/small", "http://127.0.0.1/small", "https://api.example/moved"] {
        told.push(egress.exchange(&all, &mut quota, &mut carried, Ask { method: "POST".to_owned(), ..get(path) }).await);
    }
    assert!(matches!(&told[0], Err(Failure::NotGranted(_))) && matches!(&told[1], Err(Failure::AddressBlocked(_))), "{told:?}");
    // A 303 is followed by a GET.
    assert_eq!(
        told[2].as_ref().map(|answer| (answer.final_url.as_str(), answer.body.as_slice())),
        Ok(("https://api.example/small", &b"GET"[..]))
    );
    assert_eq!(stand_in.0.load(std::sync::atomic::Ordering::SeqCst), 2);
    let mut kinds = Vec::new();
    for path in ["large", "odd", "slow", "nowhere", "small"] {
        let answer = egress.exchange(&all, &mut quota, &mut carried, get(&format!("https://api.example/{path}"))).await;
        kinds.push(answer.map_or_else(|failure| format!("{failure:?}"), |answer| answer.status.to_string()));
    }
    let name = r#"Dns("api.example: the name does not resolve")"#;
    assert_eq!(kinds, ["TooLarge", r#"Protocol("invalid status code")"#, "Timeout", name, "Quota"]);
}
