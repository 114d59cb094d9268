//! A whole deployment that asks all three, and the pages that show how.
//!
//! The program runs as a user runs it; what each plugin makes of an answer is tested one room up.

use serde_json::Value;
use shiftgate_sim::World;

use super::{NOW, Peer, accepts, datadog, python, script};
use crate::program::{Bench, finish, root};

/// What a workflow says of them, with real signatures, secrets of the environment, and the clock as it is.
const WORKFLOW: &str = r#"
secrets:
  api: { env: DD_API }
  app: { env: DD_APP }
  newrelic: { env: NEWRELIC }
plugins:
  cloudwatch:
    grants: { http: [ { url: MOTO, methods: [POST], addresses: [127.0.0.0/8], auth: { sigv4: { service: monitoring, region: us-east-1 } } } ] }
  datadog:
    grants:
      http: [ { url: DATADOG/api, addresses: [127.0.0.0/8] } ]
      secrets: { api: [DATADOG/api], app: [DATADOG/api] }
  newrelic:
    grants:
      http: [ { url: NERDGRAPH, methods: [POST], addresses: [127.0.0.0/8], auth: { header: { name: API-Key, value: "${secrets.newrelic}" } } } ]
workflow:
  verify:
    - { plugin: cloudwatch, with: { url: MOTO, alarms: [web-errors, web-latency] } }
    - { plugin: datadog, with: { url: DATADOG, apiKey: "${secrets.api}", applicationKey: "${secrets.app}", query: "avg:system.load.1{*}", max: 1 } }
    - { plugin: newrelic, with: { url: NERDGRAPH, account: 1234567, query: "SELECT count(*) FROM Number", max: 1 } }
"#;

#[tokio::test]
async fn a_deployment_asks_all_of_them_and_shows_no_key() {
    let Some(python) = python() else { return };
    let (moto, datadog, nerdgraph) = (Peer::moto(&python).await, datadog().await, Peer::nerdgraph(&python).await);
    script(&python, "cloudwatch_python.py", &[&moto.url, &NOW.to_string(), "fill"]).await;
    let bench = Bench::new(World::instant()).await;
    let text = std::fs::read_to_string(root().join("docs/examples/basic.yaml")).expect("the workflow");
    let more = WORKFLOW.replace("MOTO", &moto.url).replace("DATADOG", &datadog).replace("NERDGRAPH", &nerdgraph.url);
    let file = bench.home.path().join("workflow.yaml");
    std::fs::write(&file, text.replace("\nworkflow:\n", &more)).expect("a workflow");
    let elastigroup = root().join("docs/examples/elastigroup.json");
    std::fs::copy(elastigroup, bench.home.path().join("elastigroup.json")).expect("a copy");
    let run = async || {
        let mut command = bench.command(&["run", &file.display().to_string(), "--input", "ami=ami-0green"]);
        command.env("DD_API", "key-of-the-api").env("DD_APP", "key-of-the-app").env("NEWRELIC", "key-of-the-user");
        let done = finish(command).await;
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(!said.contains("key-of-the"), "{said}");
        (done.exit, said)
    };
    let (exit, said) = run().await;
    assert_eq!(exit, 0, "{said}");
    for words in ["alarms is 0, wanted <= 0", "value is 0.75, wanted <= 1", "value is 0.25, wanted <= 1"] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    script(&python, "cloudwatch_python.py", &[&moto.url, &NOW.to_string(), "ring"]).await;
    let (exit, said) = run().await;
    assert!(exit != 0 && said.contains("alarms is 1, wanted <= 0"), "{said}");
}

#[tokio::test]
async fn what_the_pages_show_is_taken_by_the_plugins() {
    let bench = Bench::new(World::instant()).await;
    let basic = std::fs::read_to_string(root().join("docs/examples/basic.yaml")).expect("the workflow");
    let elastigroup = root().join("docs/examples/elastigroup.json");
    std::fs::copy(elastigroup, bench.home.path().join("elastigroup.json")).expect("a copy");
    for name in ["cloudwatch", "datadog", "newrelic"] {
        let page = std::fs::read_to_string(root().join(format!("docs/providers/{name}.md"))).expect("a page");
        let shown = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let (top, phases) = shown.split_once("\nworkflow:\n").expect("a workflow");
        let (_, steps) = phases.split_once("      verify:\n").expect("a verification");
        let steps: String = steps.lines().map(|line| format!("{}\n", line.get(4..).unwrap_or_default())).collect();
        let text = basic.replace("\nworkflow:\n", &format!("\n{top}\nworkflow:\n  verify:\n{steps}"));
        let file = bench.home.path().join(format!("{name}.yaml"));
        std::fs::write(&file, text).expect("a workflow");
        let args = ["validate", &file.display().to_string(), "--input", "ami=ami-0green", "--output", "json"];
        let done = bench.run(&args).await;
        assert_eq!(done.exit, 0, "{name}\n{}{}", done.stdout, done.stderr);
        let said: Value = serde_json::from_str(&done.stdout).expect("JSON");
        let phases = said["plan"]["phases"].as_array().expect("phases");
        let steps = phases.iter().flat_map(|phase| phase["steps"].as_array().expect("steps"));
        let step = steps.map(|step| &step["action"]["verify"]).find(|step| !step.is_null()).expect("a verification");
        let accepted = accepts(name, step["with"].clone()).await;
        assert_eq!(accepted, "Accepted", "{name}");
    }
}
