//! The data plane as a client of the service sees it: shares, stickiness, failing open, and what takes time.

use std::collections::BTreeMap;

use super::*;
use crate::{Image, Latencies, rule_arn};

/// `shop` with instances behind it: two of `ami-blue`, two of `ami-green`, and images that answer at once.
fn serving() -> World {
    let behind = |name: &str, target| GroupSeed {
        target_groups: vec![format!("web-{name}")],
        image: format!("ami-{name}"),
        ..seed(name, target)
    };
    let default_image = Image { errors: 0.0, latency_ms: 0.0, ..Image::default() };
    World { default_image, groups: vec![behind("blue", 2), behind("green", 2)], ..shop() }
}

struct Visit {
    status: u16,
    group: String,
    instance: String,
    cookies: Vec<String>,
}

async fn visit(client: &Client, path: &str, cookie: Option<&str>) -> Visit {
    let url = format!("{}{path}", client.sim.data_plane_url("shop", 80).expect("a url"));
    let request = client.http.get(url);
    let request = cookie.into_iter().fold(request, |request, cookie| request.header("cookie", cookie));
    let reply = request.send().await.expect("a reply");
    let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let cookies = reply.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
    Visit { status: reply.status().as_u16(), group: header("x-target-group"), instance: header("x-instance"), cookies }
}

async fn shares(client: &Client, path: &str, requests: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        *counts.entry(visit(client, path, None).await.group).or_default() += 1;
    }
    counts
}

fn weights(client: &Client, blue: u32, green: u32) {
    let rule = rule_arn("shop", 80, Some(10));
    let list = json!({"forward": [{"group": "web-blue", "weight": blue}, {"group": "web-green", "weight": green}]});
    client.sim.set_actions(&rule, &list).unwrap();
}

#[tokio::test]
async fn weights_share_requests_and_turns_share_instances() {
    let client = Client::new(serving()).await;
    for (blue, green) in [(90, 10), (1, 2), (997, 3)] {
        weights(&client, blue, green);
        let shares = shares(&client, "/api/x", 2_000).await;
        let share = f64::from(*shares.get("web-green").unwrap_or(&0)) / 2_000.0;
        let wanted = f64::from(green) / f64::from(blue + green);
        assert!((share - wanted).abs() < 0.03, "{shares:?} at {blue} to {green}");
    }
    let traffic = &client.sim.traffic()["shop:80"];
    assert_eq!((traffic.requests, traffic.target_groups.values().sum::<u64>(), traffic.balancer_5xx), (6_000, 6_000, 0));
    client.sim.reset_traffic();
    assert_eq!(client.sim.traffic()["shop:80"], crate::Traffic::default());
    let mut instances: Vec<String> = Vec::new();
    for _ in 0..4 {
        instances.push(visit(&client, "/", None).await.instance);
    }
    assert!(instances[0] != instances[1] && instances[..2] == instances[2..], "{instances:?}");
    assert_eq!(client.sim.data_plane_urls().into_keys().collect::<Vec<_>>(), ["shop:80"]);
    assert_eq!(client.sim.data_plane_url("shop", 443), None);
}

#[tokio::test]
async fn an_answer_says_who_gave_it() {
    let client = Client::new(serving()).await;
    let url = client.sim.data_plane_url("shop", 80).unwrap();
    let reply = client.http.post(format!("{url}/any?x=1")).body("data").send().await.unwrap();
    let instance = reply.headers()["x-instance"].to_str().unwrap().to_owned();
    assert_eq!((reply.status().as_u16(), &reply.headers()["x-ami"]), (200, &"ami-blue".parse().unwrap()));
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body, json!({"instance": instance, "target_group": "web-blue", "ami": "ami-blue"}));
}

#[tokio::test(start_paused = true)]
async fn a_write_reaches_the_data_plane_after_a_while_and_the_api_at_once() {
    let world = serving();
    let client = Client::new(World { latencies: Latencies { propagation: 3_000, ..world.latencies }, ..world }).await;
    weights(&client, 0, 1);
    weights(&client, 1, 0);
    assert_eq!(client.sim.routes()[0].listeners[0].rules[0].weights[0], ("web-blue".to_owned(), 1));
    assert_eq!(shares(&client, "/api/x", 10).await.len(), 2, "as it was");
    pass(1_000).await;
    weights(&client, 0, 1);
    pass(1_999).await;
    assert_eq!(shares(&client, "/api/x", 10).await.len(), 2);
    pass(1).await;
    assert_eq!(shares(&client, "/api/x", 10).await, [("web-blue".to_owned(), 10)].into());
    pass(1_000).await;
    assert_eq!(shares(&client, "/api/x", 10).await, [("web-green".to_owned(), 10)].into());
}

#[tokio::test(start_paused = true)]
async fn a_sticky_client_stays_with_its_group_until_its_time_is_over() {
    let client = Client::new(serving()).await;
    let first = visit(&client, "/api/x", None).await;
    assert_eq!((first.group.as_str(), first.cookies.len()), ("web-blue", 2));
    assert!(first.cookies[0].starts_with("AWSALBTG=") && first.cookies[0].contains("Max-Age=600"), "{:?}", first.cookies);
    let cookie = first.cookies[0].split(';').next().unwrap().to_owned();
    let rule = rule_arn("shop", 80, Some(10));
    let all_green = |sticky: Option<u32>| json!({"forward": [{"group": "web-blue", "weight": 0}, {"group": "web-green", "weight": 1}], "stickiness_seconds": sticky});
    client.sim.set_actions(&rule, &all_green(Some(600))).unwrap();
    let held = visit(&client, "/api/x", Some(&cookie)).await;
    assert_eq!((held.group.as_str(), held.cookies.len()), ("web-blue", 0));
    assert_eq!(visit(&client, "/api/x", Some("AWSALBTG=nonsense-9")).await.group, "web-green");
    pass(600_000).await;
    assert_eq!(visit(&client, "/api/x", Some(&cookie)).await.group, "web-green");
    client.sim.set_actions(&rule, &all_green(None)).unwrap();
    let plain = visit(&client, "/api/x", Some(&cookie)).await;
    assert_eq!((plain.group.as_str(), plain.cookies.len()), ("web-green", 0));
}

#[tokio::test]
async fn an_unhealthy_group_fails_open_and_an_empty_one_is_a_503() {
    let client = Client::new(serving()).await;
    client.sim.set_target_health("web-blue", Some("unhealthy")).unwrap();
    assert_eq!(visit(&client, "/", None).await.status, 200);
    weights(&client, 0, 0);
    assert_eq!(visit(&client, "/api/x", None).await.status, 503);
    weights(&client, 1, 1);
    client.put(&group("sig-blue", "/capacity"), json!({"capacity": capacity(0, 0, 10)})).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(visit(&client, "/api/x", None).await.status);
    }
    // Draining targets get nothing new, and nobody stands in for the empty group.
    assert_eq!(statuses, [503, 200, 503, 200]);
    let traffic = &client.sim.traffic()["shop:80"];
    assert_eq!((traffic.requests, traffic.balancer_5xx, traffic.instance_5xx), (6, 3, 0));
    assert_eq!(traffic.target_groups, [("web-blue".to_owned(), 1), ("web-green".to_owned(), 2)].into());
}

#[tokio::test]
async fn an_image_that_fails_does_so_in_its_share() {
    let world = serving();
    let images = [("ami-blue".to_owned(), Image { errors: 0.25, ..world.default_image.clone() })].into();
    let client = Client::new(World { images, ..world }).await;
    for _ in 0..40 {
        visit(&client, "/", None).await;
    }
    let traffic = &client.sim.traffic()["shop:80"];
    assert_eq!((traffic.requests, traffic.instance_5xx, traffic.balancer_5xx), (40, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_outlives_draining_but_not_its_instance() {
    let world = serving();
    let slow = |latency_ms: f64| Image { latency_ms, ..world.default_image.clone() };
    // One second of deregistration delay.
    for (latency, status) in [(900.0, 200), (1_100.0, 502)] {
        let images = [("ami-blue".to_owned(), slow(latency))].into();
        let client = Client::new(World { images, ..world.clone() }).await;
        let url = client.sim.data_plane_url("shop", 80).unwrap();
        let request = tokio::spawn(client.http.get(url).send());
        while client.sim.traffic()["shop:80"].requests == 0 {
            tokio::task::yield_now().await;
        }
        client.put(&group("sig-blue", "/capacity"), json!({"capacity": capacity(0, 0, 10)})).await;
        let reply = request.await.unwrap().unwrap();
        assert_eq!(reply.status().as_u16(), status, "after {latency} ms");
        assert_eq!(client.sim.traffic()["shop:80"].balancer_5xx, u64::from(status == 502));
    }
}

#[tokio::test]
async fn rules_are_asked_by_priority_and_answer_without_a_target() {
    let mut world = serving();
    let rule = |priority, conditions, actions| RuleSeed { priority, conditions, actions };
    let oidc = json!({"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {"Issuer": "i"}});
    world.load_balancers[0].listeners[0].rules = vec![
        rule(
            20,
            json!({"path-pattern": ["/*"], "host-header": ["*.example.com"]}),
            json!([{"Type": "redirect", "RedirectConfig":
            {"Protocol": "HTTPS", "Port": "443", "Path": "/new/#{path}", "StatusCode": "HTTP_301"}}]),
        ),
        rule(
            5,
            json!([{"Field": "path-pattern", "Values": ["/health?"]}]),
            json!([{"Type": "fixed-response", "FixedResponseConfig":
            {"StatusCode": "418", "ContentType": "text/html", "MessageBody": "<b>"}}]),
        ),
        rule(
            30,
            json!({"path-pattern": ["/in/*"]}),
            json!([oidc, {"Type": "forward", "Order": 2, "TargetGroupArn": "web-green"}]),
        ),
    ];
    let sim = Sim::start(world, Ports::default()).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ask = async |path: &str, host: &str| {
        let url = format!("{}{path}", sim.data_plane_url("shop", 80).unwrap());
        let reply = http.get(url).header("host", host).send().await.unwrap();
        let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or("-").to_owned();
        format!("{} {} {}", reply.status().as_u16(), header("location"), header("x-target-group"))
    };
    assert_eq!(ask("/healthz", "www.example.com").await, "418 - -");
    assert_eq!(ask("/a?b=c", "www.example.com:8080").await, "301 https://www.example.com:443/new/a?b=c -");
    assert_eq!(ask("/in/x", "localhost").await, "200 - web-green");
    assert_eq!(ask("/healthzz", "localhost").await, "200 - web-blue");
}
