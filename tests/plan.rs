//! `shiftgate plan` and what is bound to it: it looks and touches nothing, a run of its digest is of that plan or of none, and
//! a vote for another plan does not count. With it the mistakes that only a workflow with load balancers can hold.

use std::fs;

use serde_json::Value;
use shiftgate_sim::{AwsCall, Edit, GroupView, LoadBalancerView, Numbers, World, forward, rule_arn};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::program::{Bench, Finished, finish, plugins, root};

/// Swaps two rules, without a plugin; its world has one group live.
const SWAP: &str = "swap-keeps-old";
/// Shifts 10 %, asks `oncall`, shifts the rest.
const ASKED: &str = "drift-between-shifts";

async fn bench(case: &str) -> Bench {
    let world = fs::read_to_string(root().join(format!("tests/cases/{case}/world.json"))).expect("a world");
    Bench::new(serde_json::from_str::<World>(&world).expect("a world")).await
}

fn file(case: &str) -> String {
    root().join(format!("tests/cases/{case}/workflow.yaml")).to_string_lossy().into_owned()
}

/// A command on a case's workflow.
async fn call(bench: &Bench, command: &str, case: &str, more: &[&str]) -> Finished {
    let file = file(case);
    let args: Vec<&str> = [command, &file, "--input", "ami=ami-0green"].into_iter().chain(more.iter().copied()).collect();
    bench.run(&args).await
}

/// A copy of a case's workflow in the bench's home, with one text replaced.
fn edited(bench: &Bench, case: &str, from: &str, to: &str) -> String {
    let text = fs::read_to_string(file(case)).expect("the workflow");
    assert!(text.contains(from), "the workflow holds `{from}`");
    let file = bench.home.path().join("workflow.yaml");
    fs::write(&file, text.replace(from, to).replace("../elastigroup.json", "elastigroup.json")).expect("a workflow");
    fs::copy(root().join("tests/cases/elastigroup.json"), bench.home.path().join("elastigroup.json")).expect("a copy");
    file.to_string_lossy().into_owned()
}

async fn digest(bench: &Bench, case: &str) -> String {
    let planned = call(bench, "plan", case, &[]).await;
    assert_eq!(planned.exit, 0, "{}", planned.stderr);
    planned.stdout.lines().find_map(|line| line.strip_prefix("Digest ")).expect("a digest").to_owned()
}

fn world(bench: &Bench) -> (Vec<GroupView>, Vec<LoadBalancerView>) {
    (bench.sim.groups(), bench.sim.routes())
}

/// Every call so far only looked.
fn only_looked(bench: &Bench) {
    let writes: Vec<_> = bench.sim.calls().into_iter().filter(|call| call.method != "GET").collect();
    assert!(writes.is_empty(), "{writes:?}");
    let calls = bench.sim.aws_calls();
    let writes: Vec<&AwsCall> = calls.iter().filter(|call| !call.action.starts_with("Describe")).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

/// The program ended with this code, said these words, and touched nothing.
fn refused(bench: &Bench, done: &Finished, exit: i32, words: &[&str]) {
    assert_eq!(done.exit, exit, "{}{}", done.stdout, done.stderr);
    for word in words {
        assert!(done.stderr.contains(word), "`{word}` is not in:\n{}", done.stderr);
    }
    only_looked(bench);
}

#[tokio::test]
async fn a_plan_shows_every_call_in_order_and_makes_none() {
    let bench = bench(SWAP).await;
    let before = world(&bench);
    let planned = call(&bench, "plan", SWAP, &[]).await;
    assert_eq!(planned.exit, 0, "{}", planned.stderr);
    let calls = ["CreateGroup", "UpdateCapacity", "ModifyRule", "ModifyRule", "RenameGroup", "RenameGroup", "What it comes to"];
    let mut rest = planned.stdout.as_str();
    for word in calls {
        rest = rest.split_once(word).unwrap_or_else(|| panic!("`{word}` is not where it should be in:\n{}", planned.stdout)).1;
    }
    assert!(rest.contains("web-blue -> web-green") && rest.contains("Digest sha256:"), "{}", planned.stdout);
    only_looked(&bench);
    assert!(!bench.sim.aws_calls().is_empty(), "the load balancers are looked at");
    assert_eq!(world(&bench), before);
    assert_eq!(bench.run(&["status", "last"]).await.exit, 15, "a plan is no run");

    let again = call(&bench, "plan", SWAP, &["--output", "json"]).await;
    let json: Value = serde_json::from_str(&again.stdout).expect("one JSON object");
    assert_eq!(json["digest"].as_str(), rest.split("Digest ").nth(1).and_then(|text| text.lines().next()), "a digest holds");
}

#[tokio::test]
async fn what_a_plan_shows_is_what_a_run_does() {
    let bench = bench(SWAP).await;
    let planned = call(&bench, "plan", SWAP, &["--output", "json"]).await;
    let json: Value = serde_json::from_str(&planned.stdout).expect("one JSON object");
    let steps = json["steps"].as_array().expect("steps");
    let calls = steps.iter().flat_map(|step| step["calls"].as_array().expect("calls").clone());
    let planned: Vec<String> = calls.filter_map(|call| call["operation"].as_str().map(str::to_owned)).collect();

    let done = call(&bench, "run", SWAP, &["--plan", json["digest"].as_str().expect("a digest")]).await;
    assert_eq!(done.exit, 0, "{}{}", done.stdout, done.stderr);
    let spot = bench.sim.calls().into_iter().filter(|call| call.method != "GET").count();
    let elb: Vec<AwsCall> = bench.sim.aws_calls().into_iter().filter(|call| call.action.starts_with("Modify")).collect();
    assert_eq!(planned.iter().filter(|operation| operation.starts_with("Modify")).count(), elb.len(), "{planned:?} {elb:?}");
    assert_eq!(planned.len(), spot + elb.len(), "{planned:?}");
}

#[tokio::test]
async fn a_run_of_a_plan_is_refused_once_anything_has_moved() {
    let moved = ["not the one that was agreed on", "shiftgate plan"];

    let group = bench(SWAP).await;
    let agreed = digest(&group, SWAP).await;
    let capacity = Some(Numbers { minimum: 0, target: 5, maximum: 10 });
    group.sim.edit("sig-0000b1e1", &Edit { capacity, name: None }).expect("the group is there");
    refused(&group, &call(&group, "run", SWAP, &["--plan", &agreed]).await, 20, &moved);

    let rule = bench(ASKED).await;
    let agreed = digest(&rule, ASKED).await;
    let sticky = forward(&[("web-blue", 100), ("web-green", 0)]);
    let mut sticky = sticky.as_object().expect("the short form").clone();
    sticky.insert("stickiness_seconds".into(), 60.into());
    rule.sim.set_actions(&rule_arn("web-alb", 80, None), &Value::Object(sticky)).expect("the rule is there");
    refused(&rule, &call(&rule, "run", ASKED, &["--plan", &agreed]).await, 20, &moved);

    let input = bench(SWAP).await;
    let agreed = digest(&input, SWAP).await;
    let args = ["run", &file(SWAP), "--input", "ami=ami-0other", "--plan", &agreed];
    refused(&input, &input.run(&args).await, 20, &moved);
}

/// Somebody who agrees to a plan agrees to a run that can begin, and to the plugins that will judge it.
#[tokio::test]
async fn a_plan_holds_its_plugins_to_what_a_run_does() {
    let bench = bench("approved").await;
    let verify = |with: &str| format!("deploy: 100%\n      verify: [ {{ plugin: judge, with: {with} }} ]");
    let edit = |source: &str, with: &str| {
        let file = edited(&bench, "approved", "deploy: 100%", &verify(with));
        let text = fs::read_to_string(&file).expect("the workflow");
        let declared = format!("plugins:\n  judge: {{ source: {source} }}\nworkflow:\n");
        fs::write(&file, text.replace("workflow:\n", &declared)).expect("a workflow");
        file
    };
    let plan = async |file: &str| bench.run(&["plan", file, "--input", "ami=ami-0green"]).await;
    let url = "{ url: 'http://127.0.0.1:1' }";

    refused(&bench, &plan(&edit("./judge.wasm", url)).await, 11, &["judge.wasm"]);
    let put = |plugin: &str| fs::copy(plugins().join(plugin), bench.home.path().join("judge.wasm")).expect("a copy");
    put("manual-approval.wasm");
    refused(&bench, &plan(&edit("./judge.wasm", url)).await, 11, &["judge.wasm", "approval"]);
    put("http-check.wasm");
    refused(&bench, &plan(&edit("./judge.wasm", "{ url: 'http://127.0.0.1:1', maxx: 1 }")).await, 10, &["maxx"]);
    let file = edit("./judge.wasm", url);
    let agreed = plan(&file).await;
    assert_eq!(agreed.exit, 0, "{}", agreed.stderr);
    let digest = agreed.stdout.lines().find_map(|line| line.strip_prefix("Digest ")).expect("a digest");
    // Another component that does the same: a note more at its end.
    let mut upgraded = fs::read(bench.home.path().join("judge.wasm")).expect("the plugin");
    upgraded.extend(*b"\x00\x05\x04note");
    fs::write(bench.home.path().join("judge.wasm"), upgraded).expect("it is written");
    let moved = bench.run(&["run", &file, "--input", "ami=ami-0green", "--plan", digest]).await;
    refused(&bench, &moved, 20, &["not the one that was agreed on"]);
}

#[tokio::test]
async fn a_digest_that_is_none_is_a_mistake_of_the_command_line() {
    let bench = bench(SWAP).await;
    for text in ["sha256:12ab", "yes", ""] {
        let done = call(&bench, "run", SWAP, &["--plan", text]).await;
        refused(&bench, &done, 2, &["no digest of a plan", "sha256:"]);
    }
}

#[tokio::test]
async fn a_vote_for_another_plan_does_not_count() {
    let bench = bench(ASKED).await;
    let agreed = digest(&bench, ASKED).await;
    let another = format!("sha256:{}", "0".repeat(64));
    let file = file(ASKED);
    let mut run = bench.command(&["run", &file, "--input", "ami=ami-0green", "--plan", &agreed]).spawn().expect("a process");
    let mut output = BufReader::new(run.stdout.take().expect("a pipe")).lines();
    let mut lines = Vec::new();
    // Each of these lines lets somebody vote: first for another plan, then, when that is refused, for this one.
    let mut votes = [("expires in", &another), ("does not count", &agreed)].into_iter();
    let mut next = votes.next();
    while let Some(line) = output.next_line().await.expect("the program writes UTF-8") {
        lines.push(line);
        let Some((_, plan)) = next.filter(|(sees, _)| lines.last().is_some_and(|line| line.contains(sees))) else { continue };
        let voted = bench.run(&["approve", "last", "--as", "oncall", "--plan", plan]).await;
        assert_eq!(voted.exit, 0, "{}{}", voted.stdout, voted.stderr);
        next = votes.next();
    }
    let status = run.wait().await.expect("the program ends");
    let said = lines.join("\n");
    assert!(next.is_none() && status.code() == Some(0), "{status}\n{said}");
    assert!(said.contains(&another) && said.contains("Approved by oncall"), "{said}");
}

#[tokio::test]
async fn without_credentials_for_aws_it_is_said_what_to_set() {
    let bench = bench(SWAP).await;
    for command in ["run", "plan"] {
        let mut bare = bench.command(&[command, &file(SWAP), "--input", "ami=ami-0green"]);
        bare.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        refused(&bench, &finish(bare).await, 12, &["AWS_ACCESS_KEY_ID", "infrastructure.aws.profile"]);
    }
    assert_eq!(bench.run(&["status", "last"]).await.exit, 15, "nothing is recorded");
}

#[tokio::test]
async fn an_aws_api_that_does_not_answer() {
    let bench = bench(SWAP).await;
    for command in ["run", "plan"] {
        let mut away = bench.command(&[command, &file(SWAP), "--input", "ami=ami-0green"]);
        away.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        refused(&bench, &finish(away).await, 13, &["AWS_ENDPOINT_URL", "infrastructure.region"]);
    }
    assert_eq!(bench.run(&["status", "last"]).await.exit, 15, "nothing is recorded");
}

#[tokio::test]
async fn load_balancers_and_regions_that_are_wrong() {
    let bench = bench(SWAP).await;
    let workflow = edited(&bench, SWAP, "region: us-east-1", "region: eu-west-1");
    let done = bench.run(&["run", &workflow, "--input", "ami=ami-0green"]).await;
    refused(&bench, &done, 10, &["wrong-region", "us-east-1"]);

    let workflow = edited(&bench, ASKED, "name: web-alb", "name: wep-alb");
    let done = bench.run(&["plan", &workflow, "--input", "ami=ami-0green"]).await;
    refused(&bench, &done, 1, &["step `setup`", "`wep-alb`", "infrastructure.region"]);
}

#[tokio::test]
async fn production_is_assumed_only_where_traffic_is_shifted() {
    let bench = bench(SWAP).await;
    let done = call(&bench, "run", SWAP, &["--assume-production", "web-blue"]).await;
    refused(&bench, &done, 2, &["--assume-production", "shift traffic by weight"]);
}
