//! Files that plan: the examples, the templates, and every way to write a thing.

use std::time::Instant;

use serde_json::{Value, json};
use shiftgate_model::{Amount, Capacity, Sizing};

use super::{Memory, SETUP, inputs, short, source};
use crate::{Action, Plan, Source, Strategy, Template, check, fill, plan, template};

const CANARY: &str = include_str!("../../../../docs/examples/canary.yaml");
const BASIC: &str = include_str!("../../../../docs/examples/basic.yaml");

pub(super) fn planned(source: &Source, given: &[(&str, &str)]) -> Plan {
    plan(source, &Memory::example(), &inputs(given)).unwrap_or_else(|found| panic!("{}", found.render(false, 120)))
}

pub(super) fn steps(plan: &Plan) -> Vec<String> {
    let forward = plan
        .phases
        .iter()
        .flat_map(|phase| phase.steps.iter().map(move |step| format!("{}: {} {}", phase.name, step.id, step.title)));
    let after = plan.rollback.iter().chain(&plan.wrap_up).map(|step| format!("{} {}", step.id, step.title));
    forward.chain(after).collect()
}

#[test]
fn the_canary_example_plans() {
    let plan = planned(&source(CANARY), &[("ami", "ami-0123"), ("prometheus", "http://127.0.0.1:4000"), ("pace", "1s")]);
    insta::assert_snapshot!(steps(&plan).join("\n"), @r#"
    Canary 25%: setup Elastigroup Setup
    Canary 25%: phase-1/deploy Elastigroup Deploy 25%
    Canary 25%: phase-1/verify-1 Verify with `errors`
    Canary 50%: phase-2/deploy Elastigroup Deploy 50%
    Canary 50%: phase-2/verify-1 Verify with `errors`
    Primary: phase-3/deploy Elastigroup Deploy 100%
    "#);
    assert_eq!(plan.setup.sizing, Sizing::Fixed(Capacity { minimum: 0, target: 4, maximum: 10 }));
    assert_eq!(plan.setup.family.as_str(), "web");
    assert_eq!(plan.inputs["count"], json!(3));
    insta::assert_snapshot!(plan.setup.user_data.as_deref().unwrap_or_default(), @r#"
    #!/bin/sh
    # The shell's own variables are written without braces, or as ${NAME}.
    echo "good day from $HOSTNAME" > /var/www/index.html
    systemctl start web
    "#);
    let tags = &plan.setup.template.group().unwrap()["compute"]["launchSpecification"]["tags"];
    assert_eq!(tags[2], json!({"tagKey": "tier", "tagValue": "frontend"}));
    let Action::Verify(verify) = &plan.phases[1].steps[1].action else { panic!("a verification") };
    let facts = json!({"setup": {"newGroup": {"id": "sig-1", "name": "web__2"}, "oldGroup": null}, "run": {"id": "r"}});
    insta::assert_json_snapshot!(json!([fill(&verify.with, &facts).unwrap(), verify.plugin]), @r#"
    [
      {
        "name": "error share",
        "url": "http://127.0.0.1:4000",
        "query": "sum(rate(http_request_errors_total{group=\"sig-1\"}[1m])) / sum(rate(http_requests_total{group=\"sig-1\"}[1m]))",
        "max": 0.01,
        "interval": "1s",
        "count": 3,
        "initialDelay": "1s"
      },
      {
        "name": "errors",
        "file": "prometheus",
        "sha256": null,
        "grants": {
          "http": [
            {
              "url": "http://127.0.0.1:4000",
              "methods": [
                "GET"
              ],
              "addresses": [
                "127.0.0.0/8"
              ]
            }
          ]
        }
      }
    ]
    "#);
}

#[test]
fn the_basic_example_plans() {
    let plan = planned(&source(BASIC), &[("ami", "ami-0123")]);
    insta::assert_snapshot!(steps(&plan).join("\n"), @r#"
    Deploy: setup Elastigroup Setup
    Deploy: phase-1/deploy Elastigroup Deploy 2 instances
    "#);
    let Action::Deploy(deploy) = &plan.phases[0].steps[1].action else { panic!("a deploy") };
    assert_eq!(deploy.amount, Amount::Count(2));
}

#[test]
fn a_plan_survives_its_record() {
    let plan = planned(&source(CANARY), &[("ami", "ami-0123")]);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn the_templates_are_valid_as_they_stand() {
    let templates = [
        (Template::Basic, Strategy::Basic),
        (Template::Canary, Strategy::Canary),
        (Template::Swap, Strategy::BlueGreen),
        (Template::Shift, Strategy::BlueGreen),
    ];
    for (which, strategy) in templates {
        let source = source(&template(which));
        let files = Memory::example();
        let summary = check(&source, &files, &inputs(&[])).unwrap_or_else(|found| panic!("{}", found.render(false, 120)));
        assert_eq!((summary.strategy, summary.plan, summary.warnings.map(|w| w.to_string())), (Some(strategy), None, None));
        assert!(plan(&source, &files, &inputs(&[("ami", "ami-1")])).is_ok());
    }
}

#[test]
fn without_its_inputs_a_file_is_checked_as_far_as_it_goes() {
    let summary = check(&source(CANARY), &Memory::example(), &inputs(&[])).unwrap();
    assert!(summary.plan.is_none());
    insta::assert_json_snapshot!(json!([summary.workflow, summary.inputs, summary.plugins.iter().map(|p| &p.file).collect::<Vec<_>>()]), @r#"
    [
      "web-canary",
      [
        {
          "name": "ami",
          "type": "string",
          "default": null,
          "description": "The image to deploy",
          "allowed": []
        },
        {
          "name": "prometheus",
          "type": "string",
          "default": "http://127.0.0.1:9090",
          "description": "The Prometheus that both groups report to",
          "allowed": []
        },
        {
          "name": "pace",
          "type": "string",
          "default": "30s",
          "description": "The time between two measurements",
          "allowed": []
        },
        {
          "name": "count",
          "type": "integer",
          "default": 3,
          "description": "How many measurements a verification takes",
          "allowed": []
        }
      ],
      [
        "prometheus"
      ]
    ]
    "#);
    let broken = CANARY.replace("target: 4", "target: 40").replace("max: 0.01", "max: ${input.mx}");
    let found = check(&source(&broken), &Memory::example(), &inputs(&[])).unwrap_err();
    insta::assert_snapshot!(found.to_string(), @r#"
    web.yaml:47:34: error: `target` is 40, and `max` is 10
    web.yaml:61:18: error: `input.mx` does not exist
    "#);
}

#[test]
fn every_way_to_write_a_thing_is_read() {
    let rest = "secrets: { t: { env: TOKEN }, f: { file: ./t } }\n\
        plugins:\n  p: { source: ./p.wasm, sha256: 0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef, grants: { http: [ { url: 'https://*.example.com/api', methods: [post], addresses: [10.1.2.3, 'fd00::/8'] } ] } }\n  webhook:\n";
    let workflow = "  strategy: canary\n  variables: { who: ops }\n  setup: { name: 'web app', instances: same-as-running, keepOldGroups: 5, onFailure: abort }\n  \
        phases:\n    - steps: [ { approve: { manual: { message: 'Start ${run.id}?', approvers: ['${workflow.variables.who}'], expires: 1h, onReject: fail } } }, { deploy: { count: 1, order: old-first, timeout: 5m } }, { verify: { plugin: p, name: Look } } ]\n      \
          onFailure: { retry: { count: 2 }, then: fail }\n    \
        - { deploy: 50%, downsizeOld: 30%, order: old-first, verify: [ { plugin: http-check, with: { url: 'http://x/${setup.oldGroup.name}' }, timeout: 1m, onFailure: ignore } ], approve: [ { plugin: p, with: { n: 4 }, quorum: 1, onExpiry: abort } ] }\n    \
        - { deploy: { percent: 100 } }\n  \
        rollback: [ { approve: { manual: { message: Sure? } } }, { verify: { plugin: p } } ]\n  \
        wrapUp: [ { plugin: webhook, onFailure: fail }, { plugin: p } ]\n  \
        onFailure: { default: fail, byClass: { verification: rollback, connectivity: { retry: { count: 3, backoff: 500ms }, then: abort } } }\n";
    let infra = ", spot: { account: act-12345678, token: '${secrets.t}' }, aws: { profile: prod }";
    let text = short(", userData: 'echo hi'", infra, rest, workflow);
    let plan = planned(&source(&text), &[]);
    insta::assert_snapshot!(steps(&plan).join("\n"), @r#"
    Phase 1: setup Elastigroup Setup
    Phase 1: phase-1/approve-1 Approval
    Phase 1: phase-1/deploy Elastigroup Deploy 1 instance
    Phase 1: phase-1/verify-1 Look
    Phase 2: phase-2/deploy Elastigroup Deploy 50%
    Phase 2: phase-2/verify-1 Verify with `http-check`
    Phase 2: phase-2/approve-1 Approval with `p`
    Phase 3: phase-3/deploy Elastigroup Deploy 100%
    rollback/approve-1 Approval
    rollback/verify-1 Verify with `p`
    wrap-up-1 Wrap Up with `webhook`
    wrap-up-2 Wrap Up with `p`
    "#);
    let mut value = serde_json::to_value(&plan).unwrap();
    value.as_object_mut().unwrap().remove("inputs");
    let shown = serde_json::to_string(&value).unwrap().replace('\u{E9F0}', "<").replace('\u{E9F1}', ">");
    insta::assert_snapshot!(shown, @r#"{"version":1,"workflow":"w","strategy":"canary","service":"web","environment":"prod","infrastructure":{"name":"east","region":"us-east-1","aws_profile":"prod","account":"act-12345678","token":{"env":"TOKEN"}},"artifact":"ami-1","setup":{"family":"web__app","sizing":"same_as_running","template":{"group":{"compute":{"launchSpecification":{}}}},"user_data":"echo hi","steady_state_timeout":1200000,"keep_old_groups":5,"routing":null},"phases":[{"name":"Phase 1","steps":[{"id":"setup","title":"Elastigroup Setup","action":"setup","on_failure":{"default":"abort","by_class":{}}},{"id":"phase-1/approve-1","title":"Approval","action":{"approve":{"step":{"plugin":{"name":"manual-approval","file":"manual-approval","sha256":null,"grants":{"http":[]}},"with":{"message":"Start <run.id>?","approvers":["ops"],"quorum":1},"timeout":null},"message":"Start <run.id>?","approvers":["ops"],"quorum":1,"expires":3600000,"on_reject":"fail","on_expiry":"rollback"}},"on_failure":{"default":{"retry":{"count":2,"backoff":10000,"then":"fail"}},"by_class":{}}},{"id":"phase-1/deploy","title":"Elastigroup Deploy 1 instance","action":{"deploy":{"amount":{"count":1},"downsize_old":null,"order":"old-first","timeout":300000}},"on_failure":{"default":{"retry":{"count":2,"backoff":10000,"then":"fail"}},"by_class":{}}},{"id":"phase-1/verify-1","title":"Look","action":{"verify":{"plugin":{"name":"p","file":"/deploy/p.wasm","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","grants":{"http":[{"url":"https://*.example.com/api","methods":["POST"],"addresses":["10.1.2.3/32","fd00::/8"]}]}},"with":{},"timeout":null}},"on_failure":{"default":{"retry":{"count":2,"backoff":10000,"then":"fail"}},"by_class":{}}}]},{"name":"Phase 2","steps":[{"id":"phase-2/deploy","title":"Elastigroup Deploy 50%","action":{"deploy":{"amount":{"percent":50},"downsize_old":{"percent":30},"order":"old-first","timeout":null}},"on_failure":null},{"id":"phase-2/verify-1","title":"Verify with `http-check`","action":{"verify":{"plugin":{"name":"http-check","file":"http-check","sha256":null,"grants":{"http":[]}},"with":{"url":"http://x/<setup.oldGroup.name>"},"timeout":60000}},"on_failure":{"default":"ignore","by_class":{}}},{"id":"phase-2/approve-1","title":"Approval with `p`","action":{"approve":{"step":{"plugin":{"name":"p","file":"/deploy/p.wasm","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","grants":{"http":[{"url":"https://*.example.com/api","methods":["POST"],"addresses":["10.1.2.3/32","fd00::/8"]}]}},"with":{"n":4},"timeout":null},"message":"Go on?","approvers":[],"quorum":1,"expires":604800000,"on_reject":"rollback","on_expiry":"abort"}},"on_failure":null}]},{"name":"Phase 3","steps":[{"id":"phase-3/deploy","title":"Elastigroup Deploy 100%","action":{"deploy":{"amount":{"percent":100},"downsize_old":null,"order":"new-first","timeout":null}},"on_failure":null}]}],"rollback":[{"id":"rollback/approve-1","title":"Approval","action":{"approve":{"step":{"plugin":{"name":"manual-approval","file":"manual-approval","sha256":null,"grants":{"http":[]}},"with":{"message":"Sure?","approvers":[],"quorum":1},"timeout":null},"message":"Sure?","approvers":[],"quorum":1,"expires":604800000,"on_reject":"abort","on_expiry":"abort"}},"on_failure":null},{"id":"rollback/verify-1","title":"Verify with `p`","action":{"verify":{"plugin":{"name":"p","file":"/deploy/p.wasm","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","grants":{"http":[{"url":"https://*.example.com/api","methods":["POST"],"addresses":["10.1.2.3/32","fd00::/8"]}]}},"with":{},"timeout":null}},"on_failure":null}],"wrap_up":[{"id":"wrap-up-1","title":"Wrap Up with `webhook`","action":{"wrap_up":{"plugin":{"name":"webhook","file":"webhook","sha256":null,"grants":{"http":[]}},"with":{},"timeout":null}},"on_failure":{"default":"fail","by_class":{}}},{"id":"wrap-up-2","title":"Wrap Up with `p`","action":{"wrap_up":{"plugin":{"name":"p","file":"/deploy/p.wasm","sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","grants":{"http":[{"url":"https://*.example.com/api","methods":["POST"],"addresses":["10.1.2.3/32","fd00::/8"]}]}},"with":{},"timeout":null}},"on_failure":null}],"on_failure":{"default":"fail","by_class":{"connectivity":{"retry":{"count":3,"backoff":500,"then":"abort"}},"verification":"rollback"}}}"#);
}

#[test]
fn a_phase_overrides_the_environment_which_overrides_the_service() {
    let workflow = "  strategy: canary\n  setup: { instances: same-as-running }\n  phases:\n    \
        - { deploy: 25%, variables: { a: phase }, verify: [ { plugin: prometheus, with: { v: '${serviceVariable.a} ${serviceVariable.b} ${serviceVariable.c}' } } ] }\n    \
        - { deploy: 100%, verify: [ { plugin: prometheus, with: { v: '${serviceVariable.a} ${serviceVariable.b} ${serviceVariable.c}' } } ] }\n";
    let text = short(", variables: { a: service, b: service, c: service }, userData: 'v=${serviceVariable.a}'", "", "", workflow)
        .replace("name: prod }", "name: prod, variables: { a: env, b: env } }");
    let plan = planned(&source(&text), &[]);
    let v = |phase: usize| match &plan.phases[phase].steps.last().unwrap().action {
        Action::Verify(step) => step.with["v"].clone(),
        _ => Value::Null,
    };
    assert_eq!((v(0), v(1)), (json!("phase env service"), json!("env env service")));
    // The setup belongs to the first phase.
    assert_eq!(plan.setup.user_data.as_deref(), Some("v=phase"));
}

#[test]
fn the_elastigroup_may_be_a_mapping_json_text_or_a_file_and_keeps_its_numbers() {
    let workflow = format!("  strategy: basic\n{SETUP}  deploy: 100%\n");
    let json = r#"{"group": {"n": 18446744073709551615, "f": 1.0, "emoji": "\ud83d\ude00 ${service.name}", "compute": {"launchSpecification": {"x": "${input.n}"}}}}"#;
    let inline = "{ group: { compute: { launchSpecification: {} } } }";
    let read = |elastigroup: &str| {
        let text = short("", "", "inputs: { n: { default: 7 } }\n", &workflow).replace(inline, elastigroup);
        let files = Memory::with(&[("g.json", json)]);
        let plan = plan(&source(&text), &files, &inputs(&[])).unwrap_or_else(|found| panic!("{}", found.render(false, 120)));
        serde_json::to_string(&plan.setup.template).unwrap()
    };
    let meant = r#"{"group":{"n":18446744073709551615,"f":1.0,"emoji":"😀 web","compute":{"launchSpecification":{"x":7}}}}"#;
    assert_eq!(read("g.json"), meant);
    assert_eq!(read(&format!("'{json}'")), meant);
    assert_eq!(
        read("{ group: { compute: { launchSpecification: { x: '${input.n}' } } } }"),
        r#"{"group":{"compute":{"launchSpecification":{"x":7}}}}"#
    );
}

#[test]
fn a_long_comment_is_no_obstacle() {
    let text = format!(
        "{}{}",
        "# a line\n".repeat(500),
        short("", "", "", &format!("  strategy: basic\n{SETUP}{}  deploy: 100%\n", "  # more\n".repeat(500)))
    );
    planned(&source(&text), &[]);
}

#[test]
fn checking_is_quick() {
    let (source, files, given) = (source(CANARY), Memory::example(), inputs(&[]));
    let quickest = (0..10).map(|_| {
        let start = Instant::now();
        assert!(check(&source, &files, &given).is_ok());
        start.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest.as_millis() < 25, "checking the canary example takes {quickest:?}");
}
