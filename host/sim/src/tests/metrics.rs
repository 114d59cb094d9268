//! What a verification sees: series, rates, ratios, and the errors of queries.

use super::*;
use crate::{HealthPlan, Image, Latencies};

fn bad_image() -> World {
    let bad = Image { errors: 0.3, latency_ms: 400.0, ..Image::default() };
    World { images: [("ami-bad".to_owned(), bad)].into(), ..World::instant() }
}

async fn ask(client: &Client, path: &str, parameters: &[(&str, &str)]) -> Value {
    let url = format!("{}{path}", client.sim.metrics_url());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let reply = client.http.get(format!("{url}?{query}")).send().await.unwrap();
    reply.json().await.unwrap()
}

async fn query(client: &Client, query: &str) -> Value {
    ask(client, "/api/v1/query", &[("query", query)]).await
}

/// The one value of a vector.
async fn one(client: &Client, text: &str) -> f64 {
    let reply = query(client, text).await;
    let result = reply["data"]["result"].as_array().unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(result.len(), 1, "{reply}");
    result[0]["value"][1].as_str().unwrap().parse().unwrap()
}

async fn error(client: &Client, text: &str) -> String {
    let reply = query(client, text).await;
    assert_eq!(reply["status"], "error", "{reply}");
    format!("{}: {}", reply["errorType"].as_str().unwrap(), reply["error"].as_str().unwrap())
}

const RATIO: &str =
    "sum(rate(http_request_errors_total{group_name=\"web\"}[1m])) / sum(rate(http_requests_total{group_name=\"web\"}[1m]))";

#[tokio::test(start_paused = true)]
async fn a_bad_image_is_measurably_bad_from_its_first_moment_on() {
    let bad = GroupSeed { image: "ami-bad".into(), ..seed("web", 2) };
    let client = Client::new(with_groups(bad_image(), [bad])).await;
    for wait in [0, 5, 5_000, 120_000] {
        pass(wait).await;
        let ratio = one(&client, RATIO).await;
        assert!((0.28..=0.32).contains(&ratio), "{ratio}");
    }
    assert!(one(&client, "avg(http_request_latency_ms{ami=\"ami-bad\"})").await > 370.0);
    let good = Client::new(with_groups(bad_image(), [seed("web", 2)])).await;
    pass(5_000).await;
    assert!(one(&good, RATIO).await < 0.002);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_cut_at_the_birth_of_an_instance() {
    let world =
        World { latencies: Latencies { launch: 1_000, healthy: 2_000, drain: 0, ..Latencies::default() }, ..World::default() };
    let client = Client::new(world).await;
    let id = client.create("web", capacity(0, 1, 1)).await;
    assert_eq!(query(&client, "up").await["data"]["result"], json!([]));
    pass(1_500).await;
    assert_eq!(one(&client, "up").await, 0.0);
    assert_eq!(query(&client, "http_requests_total").await["data"]["result"], json!([]));
    pass(6_500).await;
    assert_eq!(one(&client, "up").await, 1.0);
    let rate = one(&client, "rate(http_requests_total[5m])").await;
    assert!((19.0..=21.0).contains(&rate), "{rate}");
    let increase = one(&client, "increase(http_requests_total[1m])").await;
    assert!((95.0..=105.0).contains(&increase), "{increase}");
    assert_eq!(one(&client, "http_requests_total").await, increase.floor());
    client.put(&group(&id, "/capacity"), json!({"capacity": capacity(0, 0, 0)})).await;
    pass(10_000).await;
    assert_eq!(query(&client, "http_requests_total").await["data"]["result"], json!([]));
    let after = one(&client, "rate(http_requests_total[1m])").await;
    assert!((after - rate).abs() < 0.01, "{after} {rate}");
    pass(60_000).await;
    assert_eq!(query(&client, "rate(http_requests_total[1m])").await["data"]["result"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_never_healthy_serves_nothing() {
    let image = Image { health: HealthPlan::Never, ..Image::default() };
    let client = Client::new(World { default_image: image, ..World::instant() }).await;
    client.create("web", capacity(0, 1, 1)).await;
    pass(5_000).await;
    assert_eq!(one(&client, "sum(up)").await, 0.0);
    assert_eq!(query(&client, RATIO).await["data"]["result"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn selectors_aggregations_and_arithmetic() {
    let client = Client::new(with_groups(World::instant(), [seed("api", 2), seed("web", 3)])).await;
    pass(1_000).await;
    for (text, value) in [
        ("count(up)", 5.0),
        ("count(up{group_name=\"web\"})", 3.0),
        ("count(up{group_name!=\"web\"})", 2.0),
        ("count(up{group_name=~\"w.*|x\"})", 3.0),
        ("count(up{group_name!~\"w.*\"})", 2.0),
        ("count({__name__=\"up\", group=\"sig-api\"})", 2.0),
        ("max(count by (group_name) (up))", 3.0),
        ("min(count by (group_name) (up))", 2.0),
        ("count(sum without (instance) (up))", 2.0),
        ("avg(up) * 4 - 1", 3.0),
        ("-(sum(up) + 1) / 2", -3.0),
        ("sum(up) / on () count(up)", 1.0),
        ("sum(sum by (group) (up) / sum by (group) (up))", 2.0),
        ("count(http_requests_total offset 10s)", f64::NAN),
    ] {
        if value.is_nan() {
            assert_eq!(query(&client, text).await["data"]["result"], json!([]), "{text}");
        } else {
            assert_eq!(one(&client, text).await, value, "{text}");
        }
    }
    assert_eq!(query(&client, "sum(up) / 0 - sum(up) / 0").await["data"]["result"][0]["value"][1], "NaN");
    assert_eq!(query(&client, "sum(up) / 0").await["data"]["result"][0]["value"][1], "+Inf");
    assert_eq!(
        query(&client, "sum(rate(http_requests_total{ami=\"ami-none\"}[1m]))").await["data"],
        json!({"resultType": "vector", "result": []})
    );
    assert_eq!(query(&client, "6 / 4").await["data"]["result"][1], "1.5");
}

#[tokio::test]
async fn what_is_not_simulated_is_refused_by_name() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 2)])).await;
    let mut errors = Vec::new();
    let (long, deep) = (" ".repeat(5_000), "(".repeat(300));
    for text in [
        &*long,
        &*deep,
        "",
        "sum(",
        "topk(1, up)",
        "up > 0",
        "histogram_quantile(0.9, up)",
        "up[1m]",
        "rate(up[1m:10s])",
        "up @ 1",
        "up * on (group) group_left up",
        "up * on (group) up",
        "sum(1)",
        "\"text\"",
    ] {
        errors.push(error(&client, text).await);
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    bad_data: the query is longer than 4096 bytes
    bad_data: the query has more than 256 parentheses and operators
    bad_data: invalid parameter "query": parse error: no expression found in input
    bad_data: invalid parameter "query": parse error: unclosed left parenthesis
    bad_data: the simulated metrics do not support the aggregation topk()
    bad_data: the simulated metrics do not support the operator `>`
    bad_data: the simulated metrics do not support the function histogram_quantile()
    bad_data: the simulated metrics do not support a range selector outside of rate() and increase()
    bad_data: the simulated metrics do not support rate() of anything but a range selector
    bad_data: the simulated metrics do not support the `@` modifier
    bad_data: the simulated metrics do not support group_left, group_right and set operators
    execution: found duplicate series for the match group {"group": "sig-web"} on the right hand-side of the operation
    bad_data: invalid parameter "query": parse error: expected type vector in aggregation expression, got scalar
    bad_data: the simulated metrics do not support a string
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_range_query_has_a_series_of_points_each() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 1)])).await;
    pass(60_000).await;
    let now = jiff::Timestamp::now().as_second();
    let (start, end) = ((now - 20).to_string(), now.to_string());
    let parameters = [("query", "http_requests_total"), ("start", &*start), ("end", &*end), ("step", "10s")];
    let reply = ask(&client, "/api/v1/query_range", &parameters).await;
    assert_eq!(reply["data"]["resultType"], "matrix");
    let series = &reply["data"]["result"][0];
    assert_eq!(series["metric"]["__name__"], "http_requests_total");
    let values: Vec<f64> =
        series["values"].as_array().unwrap().iter().map(|point| point[1].as_str().unwrap().parse().unwrap()).collect();
    assert!(values.len() == 3 && values[0] < values[1] && values[1] < values[2], "{values:?}");
    let mut errors = Vec::new();
    for (start, end, step) in [("x", "1", "1"), ("2", "1", "1"), ("0", "1", "-1"), ("0", "1", "0"), ("0", "100000", "1")] {
        let parameters = [("query", "up"), ("start", start), ("end", end), ("step", step)];
        errors.push(ask(&client, "/api/v1/query_range", &parameters).await["error"].as_str().unwrap().to_owned());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    invalid parameter "start": cannot parse "x" to a valid timestamp
    invalid parameter "end": end timestamp must not be before start time
    invalid parameter "step": cannot parse "-1" to a valid duration
    invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer
    exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)
    "#);
}

#[tokio::test]
async fn a_query_may_be_posted_as_a_form() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 1)])).await;
    let url = format!("{}/api/v1/query", client.sim.metrics_url());
    let form = "query=sum%28up%29&time=2126-03-01T10%3A15%3A30Z";
    let request = client.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["data"]["result"][0]["value"], json!([4_928_033_730.0, "1"]));
}

#[tokio::test(start_paused = true)]
async fn every_series_can_be_scraped() {
    let client = Client::new(with_groups(World::instant(), [seed("web", 1)])).await;
    pass(10_000).await;
    let reply = client.http.get(format!("{}/metrics", client.sim.metrics_url())).send().await.unwrap();
    assert_eq!(reply.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = reply.text().await.unwrap();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let expected =
        ["http_requests_total counter", "http_request_errors_total counter", "http_request_latency_ms gauge", "up gauge"];
    assert_eq!(kinds, expected);
    let line = text.lines().find(|line| line.starts_with("http_requests_total{ami=\"")).unwrap();
    let (labels, value) = line.rsplit_once(' ').unwrap();
    assert!(["group=\"sig-", "group_name=\"web\"", "instance=\"i-"].iter().all(|part| labels.contains(part)), "{labels}");
    assert_eq!(value.parse::<f64>().unwrap(), one(&client, "http_requests_total").await);
}
