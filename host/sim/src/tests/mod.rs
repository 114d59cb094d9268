//! The account as a client sees it: every test speaks real HTTP on loopback, most of them on a paused clock.

mod control;
mod faults;
mod groups;
mod instances;
mod lazy;
mod metrics;
mod rolls;
mod world;

use serde_json::{Value, json};

use crate::{Fault, FaultKind, GroupSeed, Numbers, Ports, Sim, World};

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
