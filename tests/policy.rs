//! What an operator allows, as an operator meets it: a policy, what it keeps from running, and secrets that nobody sees.

use std::fs;
use std::path::Path;

use shiftgate_sim::World;

use crate::hostile::server::Server;
use crate::program::{Bench, Finished, finish, plugins};

const SECRET: &str = "T000/B000/s3cret-path";

/// A server that refuses everything, and echoes it.
async fn hook() -> Server {
    Server::start(|request| format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{request}", request.len())).await
}

/// A basic deployment that tells a webhook, whose path is a secret.
fn workflow(bench: &Bench, origin: &str, to: &str) -> String {
    let text = format!(
        r#"
version: 1
service: {{ name: web, artifact: {{ ami: ami-0green }} }}
environment: {{ name: prod }}
infrastructure: {{ name: east, region: us-east-1, elastigroup: {{ group: {{ compute: {{ launchSpecification: {{}} }} }} }} }}
secrets: {{ hook: {{ env: HOOK }} }}
plugins:
  notify:
    source: webhook
    grants:
      http: [ {{ url: "{origin}", methods: [POST], addresses: [127.0.0.0/8] }} ]
      secrets: {{ hook: ["{to}"] }}
workflow:
  name: web
  strategy: basic
  setup: {{ name: web, instances: {{ min: 1, target: 2, max: 4 }} }}
  deploy: 100%
  wrapUp: [ {{ plugin: notify, with: {{ url: "{origin}/services/${{secrets.hook}}", retries: 0, body: {{ key: "${{secrets.hook}}" }} }} }} ]
"#
    );
    let file = bench.home.path().join("hook.yaml");
    fs::write(&file, text).expect("a workflow");
    file.display().to_string()
}

async fn run(bench: &Bench, args: &[&str]) -> Finished {
    let mut command = bench.command(args);
    command.env("HOOK", SECRET);
    finish(command).await
}

/// Every file below a folder that holds a text.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_secret_reaches_its_destination_and_nobody_else() {
    let bench = Bench::new(World::instant()).await;
    let server = hook().await;
    let origin = server.origin();
    let file = workflow(&bench, &origin, &origin);
    let done = run(&bench, &["run", &file]).await;
    assert_eq!(done.exit, 0, "{}\n{}", done.stdout, done.stderr);
    let request = server.seen().pop().expect("a request");
    assert!(request.starts_with(&format!("POST /services/{SECRET} HTTP/1.1\r\n")), "{request}");
    assert!(request.ends_with(&format!("{{\"key\":\"{SECRET}\"}}")), "{request}");
    let logs = run(&bench, &["logs", "last", "--output", "json"]).await;
    let shown = [done.stdout, done.stderr, logs.stdout].concat();
    assert!(shown.contains("400"), "the echo is told of: {shown}");
    for part in [SECRET, "s3cret-path"] {
        assert!(!shown.contains(part), "{shown}");
        assert_eq!(holding(bench.home.path(), part), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_secret_that_may_not_go_there_stays() {
    let bench = Bench::new(World::instant()).await;
    let server = hook().await;
    let origin = server.origin();
    let file = workflow(&bench, &origin, "https://hooks.example.com");
    let done = run(&bench, &["run", &file]).await;
    let shown = [done.stdout, done.stderr].concat();
    assert!(shown.contains("the secret `hook` may not go to"), "{shown}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn with_a_policy_a_plugin_runs_once_it_is_granted() {
    let bench = Bench::new(World::instant()).await;
    let server = hook().await;
    let origin = server.origin();
    let file = workflow(&bench, &origin, &origin);
    let policy = bench.home.path().join("policy.toml");
    let at = policy.display().to_string();
    fs::write(&policy, "version = 1\n# ours\n").expect("a policy");
    let refused = run(&bench, &["run", &file, "--policy", &at]).await;
    assert_eq!(refused.exit, 11, "{}", refused.stderr);
    assert!(refused.stderr.contains("does not name the component with sha256"), "{}", refused.stderr);
    assert!(refused.stderr.contains("shiftgate plugin grant"), "{}", refused.stderr);

    let unnamed = run(&bench, &["plugin", "grant", "manual-approval", "--review", "--policy", &at]).await;
    assert_eq!(unnamed.exit, 11, "nothing is asked for, and nothing is named: {}", unnamed.stdout);
    let destination = format!("POST {origin} 127.0.0.0/8");
    let review = run(&bench, &["plugin", "grant", "webhook", "--review", "--http", &destination, "--policy", &at]).await;
    assert_eq!(review.exit, 11, "it asks for more than it has: {}", review.stdout);
    assert!(review.stdout.contains(&format!("+ POST {origin} at 127.0.0.0/8")), "{}", review.stdout);
    let granted = run(&bench, &["plugin", "grant", "webhook", "--http", &destination, "--policy", &at]).await;
    assert_eq!(granted.exit, 0, "{}", granted.stderr);
    let review = run(&bench, &["plugin", "grant", "webhook", "--review", "--http", &destination, "--policy", &at]).await;
    assert_eq!(review.exit, 0, "{}", review.stdout);

    let secret = run(&bench, &["run", &file, "--policy", &at]).await;
    assert_eq!(secret.exit, 11, "{}", secret.stderr);
    assert!(secret.stderr.contains("secrets = [\"env:HOOK\"]"), "{}", secret.stderr);
    let text = fs::read_to_string(&policy).expect("a policy");
    assert!(text.contains("# ours"), "{text}");
    fs::write(&policy, format!("{text}secrets = [\"env:HOOK\"]\n")).expect("a policy");
    let done = run(&bench, &["run", &file, "--policy", &at]).await;
    assert_eq!(done.exit, 0, "{}\n{}", done.stdout, done.stderr);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_policy_with_a_mistake_stops_everything() {
    let bench = Bench::new(World::instant()).await;
    let server = hook().await;
    let origin = server.origin();
    let file = workflow(&bench, &origin, &origin);
    let usual = bench.home.path().join(".config/shiftgate/policy.toml");
    fs::create_dir_all(usual.parent().expect("a folder")).expect("a folder");
    fs::write(&usual, "version = 1\nplugins = []\n").expect("a policy");
    let done = run(&bench, &["run", &file]).await;
    assert_eq!(done.exit, 11, "{}", done.stderr);
    assert!(
        done.stderr.contains("policy.toml cannot be used") && done.stderr.contains("unknown field `plugins`"),
        "{}",
        done.stderr
    );
    let gone = run(&bench, &["run", &file, "--policy", "/nowhere/policy.toml"]).await;
    assert!(gone.stderr.contains("cannot read the policy /nowhere/policy.toml"), "{}", gone.stderr);
    assert!(bench.groups().is_empty());
}

#[tokio::test]
async fn a_run_goes_on_with_the_plugin_that_it_began_with() {
    let bench = Bench::new(World::instant()).await;
    let mine = bench.home.path().join("mine.wasm");
    fs::copy(plugins().join("http-check.wasm"), &mine).expect("a plugin");
    let file = bench.home.path().join("wait.yaml");
    let text = r#"
version: 1
service: { name: web, artifact: { ami: ami-0green } }
environment: { name: prod }
infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
plugins: { mine: { source: mine.wasm, grants: { http: [ { url: "http://127.0.0.1:9", addresses: [127.0.0.0/8] } ] } } }
workflow:
  name: web
  strategy: basic
  setup: { name: web, instances: { min: 1, target: 2, max: 4 } }
  steps:
    - deploy: 100%
    - approve: { manual: { message: "Go?" } }
    - verify: { plugin: mine, with: { url: "http://127.0.0.1:9/" }, onFailure: ignore }
"#;
    fs::write(&file, text).expect("a workflow");
    let child = bench.command(&["run", &file.display().to_string()]).spawn().expect("the program starts");
    let (mut child, _) = crate::program::until(child, "shiftgate approve").await;
    child.kill().await.expect("it is killed");
    // Replaced by something else, as an upgrade in place does.
    fs::copy(plugins().join("webhook.wasm"), &mine).expect("another plugin");
    let voted = run(&bench, &["approve", "last"]).await;
    assert_eq!(voted.exit, 0, "{}", voted.stderr);
    let resumed = run(&bench, &["resume", "last"]).await;
    assert_eq!(resumed.exit, 0, "{}\n{}", resumed.stdout, resumed.stderr);
    assert!(resumed.stdout.contains("fail"), "http-check found nobody at that port: {}", resumed.stdout);
    // A new run looks at what is there now.
    let again = run(&bench, &["run", &file.display().to_string()]).await;
    assert_eq!(again.exit, 11, "{}", again.stderr);
}
