//! The network: reference addresses in every spelling, names that change, redirects, widened grants, forbidden headers.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::json;
use shiftgate_model::{Grants, HttpGrant, PluginKind};
use shiftgate_plugin::{Lookup, PluginsConfig};

use super::guests::{Text, asker, fetcher};
use super::server::{Server, redirect};
use super::stage::{ANSWER, Attack, Row, Stage, row, text};

pub(super) const ROWS: usize = 101;

const METADATA: &str = "the instance metadata service";
const LOOPBACK: &[&str] = &["127.0.0.0/8"];

/// Names of a stranger's zone; one that flips leads home the first time, and to the metadata service the next.
#[derive(Debug, Default)]
struct Zone {
    flips: AtomicUsize,
}

#[async_trait]
impl Lookup for Zone {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found: &[&str] = match name {
            "metadata.example" => &["169.254.169.254"],
            "mapped.example" => &["::ffff:169.254.169.254"],
            "nat64.example" => &["64:ff9b::a9fe:a9fe"],
            "private.example" => &["10.0.0.1", "192.168.1.1", "fd12::1"],
            "home.example" => &["127.0.0.1"],
            "flips.example" if self.flips.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => &["127.0.0.1"],
            "flips.example" => &["169.254.169.254"],
            _ => return Err(io::Error::other("no such name")),
        };
        Ok(found.iter().filter_map(|text| text.parse().ok()).collect())
    }
}

fn granted(url: &str, addresses: &[&str]) -> HttpGrant {
    HttpGrant { addresses: addresses.iter().map(ToString::to_string).collect(), ..HttpGrant::new(url, &["GET"]) }
}

/// A request for `url` by a plugin that asks for `wanted` and is granted it.
fn under(url: &str, wanted: &str, addresses: &[&str]) -> Attack {
    Attack::start(fetcher(url)).with(json!({ "url": wanted }), Grants::of(vec![granted(wanted, addresses)]))
}

/// Addresses that no grant opens, each as somebody may write it; the grant is for just that URL.
fn addresses() -> Vec<Row> {
    let spellings = [
        ("http://169.254.169.254/latest/meta-data", METADATA),
        ("http://2852039166/", METADATA),
        ("http://0xa9fea9fe/", METADATA),
        ("http://0251.0376.0251.0376/", METADATA),
        ("http://0xa9.0xfe.0xa9.0xfe/", METADATA),
        ("http://169.254.43518/", METADATA),
        ("http://169.16689662/", METADATA),
        ("http://169.254.169.254./", METADATA),
        ("http://%31%36%39.254.169.254/", METADATA),
        ("http://１６９.254.169.254/", METADATA),
        ("http://169。254。169。254/", METADATA),
        ("http://[::ffff:169.254.169.254]/", METADATA),
        ("http://[::ffff:a9fe:a9fe]/", METADATA),
        ("http://[0:0:0:0:0:ffff:a9fe:a9fe]/", METADATA),
        ("http://[64:ff9b::169.254.169.254]/", METADATA),
        ("http://[64:ff9b:1::a9fe:a9fe]/", METADATA),
        ("http://[2002:a9fe:a9fe::1]/", METADATA),
        ("http://[::169.254.169.254]/", "not global unicast"),
        ("http://[fd00:ec2::254]/", METADATA),
        ("http://[fd00:0ec2:0::0254]/", METADATA),
        ("http://[fd00:ec2::23]/", "the pod identity service"),
        ("http://[fd20:ce::254]/", "Google's metadata service"),
        ("http://169.254.170.2/v2/credentials", "the container credentials service"),
        ("http://169.254.170.23/", "the pod identity service"),
        ("http://100.100.100.200/", "Alibaba's metadata service"),
        ("http://168.63.129.16/", "Azure's platform service"),
        ("http://127.1/", "loopback"),
        ("http://0177.0.0.1/", "loopback"),
        ("http://[::1]/", "loopback"),
        ("http://[::ffff:7f00:1]/", "loopback"),
        ("http://0/", "unspecified"),
        ("http://[::]/", "unspecified"),
        ("http://10.1.2.3/", "private"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[ff02::1]/", "multicast"),
    ];
    let row = |(url, kind): (&str, &str)| row(format!("GET {url}"), under(url, url, &[]), &["fail", kind]);
    spellings.into_iter().map(row).collect()
}

/// Ranges that are granted do not open the metadata service, and names are filtered by what they lead to.
fn names(home: &Server) -> Vec<Row> {
    let flips = format!("http://flips.example:{}", home.port());
    let home = format!("http://home.example:{}", home.port());
    let named = |url: &str, addresses: &[&str], words: &str| {
        row(format!("GET {url} with {addresses:?}"), under(url, url, addresses), &[words])
    };
    vec![
        named("http://metadata.example", &[], METADATA),
        named("http://metadata.example", &["0.0.0.0/0", "::/0"], METADATA),
        named("http://169.254.169.254", &["169.254.0.0/16"], METADATA),
        named("http://[64:ff9b::a9fe:a9fe]", &["64:ff9b::/96"], METADATA),
        named("http://mapped.example", &["::ffff:0:0/96"], METADATA),
        named("http://nat64.example", &["64:ff9b::/96"], METADATA),
        named("http://private.example", LOOPBACK, "private"),
        named("http://nowhere.example", LOOPBACK, "does not resolve"),
        named(&home, &[], "loopback"),
        named(&home, LOOPBACK, "hello"),
        named(&flips, LOOPBACK, "hello"),
        named(&flips, LOOPBACK, METADATA),
    ]
}

/// What a server answers with in place of a body.
const REDIRECTS: [(&str, &str); 12] = [
    ("http://169.254.169.254/latest/meta-data", "does not ask for it"),
    ("//169.254.169.254/", "does not ask for it"),
    ("http://2852039166/", "does not ask for it"),
    ("http://[::ffff:169.254.169.254]/", "does not ask for it"),
    ("https://169.254.169.254/", "does not ask for it"),
    ("http://metadata.example/", "does not ask for it"),
    ("file:///etc/passwd", "has to begin with http"),
    ("gopher://127.0.0.1/", "has to begin with http"),
    ("http://user:pw@127.0.0.1/", "a user name or a password"),
    ("/a%2f..%2fb", "servers read differently"),
    ("http://127.0.0.1:1/", "does not ask for it"),
    ("http://", "the URL"),
];

fn redirects(home: &Server) -> Vec<Row> {
    let origin = home.origin();
    let mut rows: Vec<Row> = REDIRECTS
        .iter()
        .enumerate()
        .map(|(index, (location, words))| {
            row(format!("a redirect to {location}"), under(&format!("{origin}/to/{index}"), &origin, LOOPBACK), &["fail", words])
        })
        .collect();
    let both = json!({ "url": [origin, "http://169.254.169.254"] });
    let grants = Grants::of(vec![granted(&origin, LOOPBACK), granted("http://169.254.169.254", &["169.254.0.0/16"])]);
    let even = Attack::start(fetcher(&format!("{origin}/to/0"))).with(both, grants);
    rows.push(row("a redirect to metadata that is granted", even, &["fail", METADATA]));
    rows.push(
        row("a redirect in circles", under(&format!("{origin}/to/circle"), &origin, LOOPBACK), &["fail"]).never(&["hello"]),
    );
    rows
}

/// What a grant for one path of one host does not cover.
fn widened() -> Vec<Row> {
    const API: &str = "https://api.example.com/v1";
    let urls = [
        ("http://api.example.com/v1", "does not ask"),
        ("https://api.example.com:8443/v1", "does not ask"),
        ("https://api.example.com/v10", "does not ask"),
        ("https://api.example.com/", "does not ask"),
        ("https://api.example.com.evil.net/v1", "does not ask"),
        ("https://api.example.com./v1", "does not ask"),
        ("https://evil.net/v1#https://api.example.com/v1", "does not ask"),
        ("https://api.example.com/v1/../admin", "holds `.` or `..`"),
        ("https://api.example.com/v1/..;/admin", "holds `.` or `..`"),
        ("https://api.example.com/v1/..%3b/admin", "holds `.` or `..`"),
        ("https://api.example.com/v1/%2e%2e/admin", "an encoded slash"),
        ("https://api.example.com/v1%2f..%2fadmin", "an encoded slash"),
        ("https://api.example.com/v1/%252e%252e/admin", "an encoded slash"),
        ("https://api.example.com/v1/%c0%ae%c0%ae/admin", "no UTF-8"),
        ("https://api.example.com/v1/%0d%0aHost:evil", "an encoded line break"),
        ("https://api.example.com/v1//admin", "holds `//`"),
        ("https://api.example.com//v1", "holds `//`"),
        ("https://api.example.com\\@evil.net/v1", "a backslash"),
        ("https://api.example.com@evil.net/v1", "a user name"),
        ("https://api.example.com/v1\\..\\admin", "a backslash"),
        ("https:///api.example.com/v1", "an empty host"),
        ("https://api.example.com/v1/\t", "a space or a control character"),
        ("file:///etc/passwd", "has to begin with http"),
    ];
    let mut rows: Vec<Row> = urls
        .into_iter()
        .map(|(url, words)| row(format!("GET {}", url.escape_debug()), under(url, API, &[]), &["fail", words]))
        .collect();
    let long = format!("{API}/{}", "a".repeat(9_000));
    rows.push(row("GET a URL of 9,000 bytes", under(&long, API, &[]), &["fail", "longer than 8192 bytes"]));
    rows
}

fn headers(home: &Server) -> Vec<Row> {
    let origin = home.origin();
    let with = |method: &str, headers: &[(&str, &str)]| {
        Attack::start(asker(method, &origin, headers))
            .with(json!({ "url": origin }), Grants::of(vec![granted(&origin, LOOPBACK)]))
    };
    let one = |name: &str, value: &str, words: &str| {
        row(
            format!("the header {}: {}", name.escape_debug(), value.escape_debug()),
            with("GET", &[(name, value)]),
            &["fail", words],
        )
    };
    let many = vec![("x-a", "1"); 65];
    vec![
        one("Host", "evil.net", "is the host's to set"),
        one("Connection", "upgrade", "is the host's to set"),
        one("Transfer-Encoding", "chunked", "is the host's to set"),
        one("Proxy-Authorization", "Basic eA==", "is the host's to set"),
        one("Upgrade", "h2c", "is the host's to set"),
        one("Content-Length", "5", "does not fit the body"),
        one("X\r\nHost", "evil.net", "is not a header name"),
        one("X", "1\r\nHost: evil.net", "holds a control character"),
        row("65 headers", with("GET", &many), &["fail", "64"]),
        row("the method CONNECT", with("CONNECT", &[]), &["fail", "the method is not"]),
        row("the method GET with a line break", with("GET / HTTP/1.1\r\nX:", &[]), &["fail", "the method is not"]),
    ]
}

/// What WASI would give a program that has something.
fn elsewhere() -> Vec<Row> {
    let empty = |call: &str| format!("{call} (if (i32.load (i32.const 516)) (then unreachable)) {ANSWER}");
    let refused = |call: &str, code: u32| {
        format!(
            "{call} (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable)) (if (i32.ne (i32.load8_u (i32.const 516)) (i32.const {code})) (then unreachable)) {ANSWER}"
        )
    };
    let rows = [
        (
            "the environment",
            r#"(import "wasi:cli/environment@0.2.6" "get-environment" (func $get (param i32)))"#,
            empty("(call $get (i32.const 512))"),
        ),
        (
            "arguments",
            r#"(import "wasi:cli/environment@0.2.6" "get-arguments" (func $get (param i32)))"#,
            empty("(call $get (i32.const 512))"),
        ),
        (
            "files",
            r#"(import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $get (param i32)))"#,
            empty("(call $get (i32.const 512))"),
        ),
        (
            "sockets",
            r#"(import "wasi:sockets/tcp-create-socket@0.2.6" "create-tcp-socket" (func $get (param i32 i32)))"#,
            refused("(call $get (i32.const 0) (i32.const 512))", 1),
        ),
        (
            "names",
            r#"(import "wasi:sockets/instance-network@0.2.6" "instance-network" (func $network (result i32)))
               (import "wasi:sockets/ip-name-lookup@0.2.6" "resolve-addresses" (func $get (param i32 i32 i32 i32)))"#,
            refused("(call $get (call $network) (i32.const 2048) (i32.const 9) (i32.const 512))", 20),
        ),
    ];
    rows.into_iter()
        .map(|(what, imports, start)| {
            let more = r#"(data (i32.const 2048) "localhost")"#;
            let guest = Text { start: &start, more, talkative: true, imports, ..Text::default() };
            row(format!("WASI's {what}"), text(PluginKind::Verification, &guest), &["pass"])
        })
        .collect()
}

#[tokio::test]
async fn the_network_is_what_is_granted() {
    let home = Server::start(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        match path.strip_prefix("/to/").map(|index| index.parse::<usize>().ok().and_then(|index| REDIRECTS.get(index))) {
            Some(Some((location, _))) => redirect(302, location),
            Some(None) => redirect(302, "/to/circle"),
            None => "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        }
    })
    .await;
    let stage = Stage::with(|config| PluginsConfig { lookup: Arc::new(Zone::default()), ..config });
    let mut rows = addresses();
    rows.extend(names(&home));
    rows.extend(redirects(&home));
    rows.extend(widened());
    rows.extend(headers(&home));
    rows.extend(elsewhere());
    stage.play("network", ROWS, rows).await;
}
