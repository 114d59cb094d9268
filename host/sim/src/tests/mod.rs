//! The account as a client sees it: every test speaks real HTTP on loopback, most of them on a paused clock.

mod control;
mod data_plane;
mod elb;
mod elb_actions;
mod elb_faults;
mod elb_refusals;
mod faults;
mod groups;
mod hands;
mod instances;
mod lazy;
mod metrics;
mod rolls;
mod targets;
mod world;

use serde_json::{Value, json};

use crate::{Fault, FaultKind, GroupSeed, ListenerSeed, LoadBalancerSeed, Numbers, Ports, RuleSeed, Sim, TargetGroupSeed, World};

/// A reply, with the three rate-limit headers.
#[derive(Debug)]
struct Reply {
    status: u16,
    body: Value,
    limits: Vec<String>,
}

impl Reply {
    fn items(&self) -> &Vec<Value> {
        self.body["response"]["items"].as_array().expect("items")
    }

    fn item(&self) -> &Value {
        &self.items()[0]
    }

    /// `400 GROUP_DOESNT_EXIST body:group.name`.
    fn error(&self) -> String {
        let error = &self.body["response"]["errors"][0];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", self.status, text("code"), text("field")).trim_end().to_owned()
    }
}

/// A client of its own: no retry, a bearer token, an account.
struct Client {
    sim: Sim,
    http: reqwest::Client,
}

impl Client {
    async fn new(world: World) -> Self {
        let sim = Sim::start(world, Ports::default()).await.expect("start");
        Self { sim, http: reqwest::Client::builder().no_proxy().build().expect("client") }
    }

    async fn try_send(&self, method: &str, path: &str, body: Value) -> reqwest::Result<Reply> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{joint}accountId=act-12345678", self.sim.spot_url());
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("method");
        let mut request = self.http.request(method, url).bearer_auth("token-1");
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await?;
        let limit = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("header").to_owned());
        let limits = ["limit", "remaining", "reset"].iter().filter_map(|name| limit(&format!("x-ratelimit-{name}"))).collect();
        Ok(Reply { status: response.status().as_u16(), limits, body: response.json().await.unwrap_or(Value::Null) })
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Reply {
        self.try_send(method, path, body).await.expect("a reply")
    }

    async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, Value::Null).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, body).await
    }

    /// `healthy/total` as the health call has it.
    async fn health(&self, id: &str) -> String {
        let reply = self.get(&group(id, "/instanceHealthiness")).await;
        let healthy = reply.items().iter().filter(|row| row["healthStatus"] == "HEALTHY").count();
        format!("{healthy}/{}", reply.items().len())
    }

    async fn create(&self, name: &str, capacity: Value) -> String {
        let reply = self.send("POST", "/aws/ec2/group", payload(name, capacity)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.item()["id"].as_str().expect("id").to_owned()
    }
}

/// A reply of the AWS API.
#[derive(Debug)]
struct AwsReply {
    status: u16,
    body: String,
}

impl AwsReply {
    /// The texts of every element of that name, in order.
    fn all(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.body.split(&open).skip(1).map(|rest| rest.split(&close).next().expect("an end")).collect()
    }

    fn text(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    /// `400 RuleNotFound: One or more rules not found`.
    fn error(&self) -> String {
        format!("{} {}: {}", self.status, self.text("Code"), self.text("Message"))
    }
}

impl Client {
    async fn try_elb(&self, action: &str, fields: &[(&str, &str)]) -> reqwest::Result<AwsReply> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("Version", "2015-12-01").extend_pairs(fields);
        let request = self.http.post(self.sim.aws_url()).header("authorization", SIGNED).body(form.finish());
        let response = request.send().await?;
        Ok(AwsReply { status: response.status().as_u16(), body: response.text().await? })
    }

    async fn elb(&self, action: &str, fields: &[(&str, &str)]) -> AwsReply {
        self.try_elb(action, fields).await.expect("a reply")
    }
}

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKID/20260801/us-east-1/elasticloadbalancing/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=0";

/// A load balancer `shop` with a listener on port 80: all to `web-blue`, `/api/*` to both groups, 90 to 10.
fn shop() -> World {
    let api = RuleSeed {
        priority: 10,
        conditions: json!({"path-pattern": ["/api/*"]}),
        actions: json!({"forward": [{"group": "web-blue", "weight": 90}, {"group": "web-green", "weight": 10}], "stickiness_seconds": 600}),
    };
    let listener = ListenerSeed { rules: vec![api], ..ListenerSeed::forward(80, &[("web-blue", 1)]) };
    World {
        target_groups: ["web-blue", "web-green", "web-spare"].map(TargetGroupSeed::new).into(),
        load_balancers: vec![balancer("shop", [listener])],
        ..World::instant()
    }
}

fn balancer(name: &str, listeners: impl IntoIterator<Item = ListenerSeed>) -> LoadBalancerSeed {
    serde_json::from_value::<LoadBalancerSeed>(json!({"name": name}))
        .map(|seed| LoadBalancerSeed { listeners: listeners.into_iter().collect(), ..seed })
        .expect("a seed")
}

fn group(id: &str, rest: &str) -> String {
    format!("/aws/ec2/group/{id}{rest}")
}

fn capacity(minimum: u32, target: u32, maximum: u32) -> Value {
    json!({"minimum": minimum, "target": target, "maximum": maximum})
}

fn payload(name: &str, capacity: Value) -> Value {
    json!({"group": {
        "name": name, "capacity": capacity, "novelty": {"kept": [1, 2]},
        "strategy": {"risk": 100, "drainingTimeout": 120},
        "compute": {
            "product": "Linux/UNIX",
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large", "m5a.large"]},
            "availabilityZones": [{"name": "us-east-1a"}, {"name": "us-east-1b"}],
            "launchSpecification": {
                "imageId": "ami-1", "userData": "IyEvYmluL3No", "healthCheckType": "EC2",
                "tags": [{"tagKey": "service", "tagValue": "web"}],
            },
        },
    }})
}

fn seed(name: &str, target: u32) -> GroupSeed {
    GroupSeed {
        id: Some(format!("sig-{name}")),
        name: name.to_owned(),
        capacity: Numbers { minimum: 0, target, maximum: 10 },
        image: "ami-1".to_owned(),
        tags: [("service".to_owned(), name.to_owned())].into(),
        target_groups: Vec::new(),
        extra: None,
    }
}

fn with_groups(world: World, groups: impl IntoIterator<Item = GroupSeed>) -> World {
    World { groups: groups.into_iter().collect(), ..world }
}

/// The paused clock goes on.
async fn pass(ms: u64) {
    tokio::time::advance(std::time::Duration::from_millis(ms)).await;
}

/// The form of a forward action to groups by name and weight.
fn forward(list: &str, weights: &[(&str, u32)]) -> Vec<(String, String)> {
    let action = format!("{list}.member.1");
    let mut form = vec![(format!("{action}.Type"), "forward".to_owned())];
    for (index, (name, weight)) in weights.iter().enumerate() {
        let tuple = format!("{action}.ForwardConfig.TargetGroups.member.{}", index + 1);
        form.push((format!("{tuple}.TargetGroupArn"), crate::target_group_arn(name)));
        form.push((format!("{tuple}.Weight"), weight.to_string()));
    }
    form
}

fn with<'a>(fields: &[(&'a str, &'a str)], more: &'a [(String, String)]) -> Vec<(&'a str, &'a str)> {
    let more = more.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    fields.iter().copied().chain(more).collect()
}

/// A value in AWS's JSON form as the fields of a form: lists as `member`, a list under `entry` as a map.
fn flat(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Array(list) if name.ends_with(".entry") => {
            list.iter().enumerate().flat_map(|(n, item)| flat(&format!("{name}.{}", n + 1), item)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(n, item)| flat(&format!("{name}.member.{}", n + 1), item)).collect()
        }
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| flat(&format!("{name}.{key}"), value)).collect(),
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        other => vec![(name.to_owned(), other.to_string())],
    }
}
