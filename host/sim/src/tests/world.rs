//! The world file: what it can say, what it must not.

use super::*;

const FILE: &str = "
tokens: [secret]
latencies: { launch: 100, healthy: 200, drain: 300 }
shortage: { per_group: 3 }
images:
  ami-bad: { errors: 0.2, health: never }
  ami-late: { health: { after_ms: 5000 } }
rate_limit: { per_minute: 60 }
groups:
  - { name: web__1, capacity: { minimum: 1, target: 2, maximum: 4 }, image: ami-1, tags: { service: web } }
faults:
  - { method: PUT, route: '/aws/ec2/group/{id}/capacity', after: 1, times: 2, kind: { status: 503 } }
  - { kind: { too_many_requests: { reset_seconds: 5 } } }
  - { kind: throttled_400, nth: 3 }
  - { method: POST, kind: reply_lost }
  - { kind: { slow_ms: 1500 } }
";

#[tokio::test]
async fn a_world_file_is_read_and_started() {
    let world: World = serde_saphyr::from_str(FILE).unwrap();
    assert_eq!(world.images["ami-late"].health, crate::HealthPlan::AfterMs(5_000));
    assert_eq!(world.faults[2].kind, FaultKind::Throttled400);
    assert_eq!(world.image("ami-unlisted"), &crate::Image::default());
    let again: World = serde_json::from_value(serde_json::to_value(&world).unwrap()).unwrap();
    assert_eq!(again, world);
    let client = Client::new(world).await;
    let view = &client.sim.groups()[0];
    assert_eq!((view.name.as_str(), view.instances.healthy, view.tags["service"].as_str()), ("web__1", 2, "web"));
}

#[tokio::test]
async fn an_impossible_world_is_refused() {
    assert!(serde_saphyr::from_str::<World>("latencys: {}").is_err());
    let mut errors = Vec::new();
    for text in [
        "groups: [{ name: web, image: a, capacity: { minimum: 3, target: 2, maximum: 4 } }]",
        "groups: [{ name: '', image: a, capacity: { minimum: 0, target: 0, maximum: 0 } }]",
        "groups: [{ id: sig-1, name: a, image: a, capacity: { minimum: 0, target: 0, maximum: 0 } }, { id: sig-1, name: b, image: a, capacity: { minimum: 0, target: 0, maximum: 0 } }]",
        "images: { ami-1: { errors: 1.5 } }",
        "images: { ami-1: { latency_ms: -1 } }",
        "faults: [{ route: /aws/ec2/groups, kind: reset }]",
        "faults: [{ kind: { status: 99 } }]",
    ] {
        let world = serde_saphyr::from_str(text).unwrap();
        errors.push(Sim::start(world, Ports::default()).await.unwrap_err().to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the simulated world is not possible: group `web`: "minimum" must be less than or equal to 2
    the simulated world is not possible: group ``: "name" must be a non-empty string
    the simulated world is not possible: group `b`: its id `sig-1` is another group's
    the simulated world is not possible: image `ami-1`: `errors` is a share, 0 to 1
    the simulated world is not possible: image `ami-1`: `latency_ms` and `requests_per_second` are numbers of 0 and above
    the simulated world is not possible: fault: there is no route `/aws/ec2/groups`
    the simulated world is not possible: fault: `status` is 400 to 599
    "#);
}

#[tokio::test]
async fn the_example_of_the_documentation_is_a_world() {
    let text = include_str!("../../../../docs/simulator.md");
    let example = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let sim = Sim::start(serde_json::from_str(example).unwrap(), Ports::default()).await.unwrap();
    assert_eq!(sim.targets()["web-blue"].len(), 2);
    let rules = &sim.routes()[0].listeners[0].rules;
    assert_eq!((rules.len(), rules[1].weights[0].clone()), (2, ("web-blue".to_owned(), 100)));
}
