//! Names that do not exist, in the file and in the files that it names. Each with all that is said of it.

use shiftgate_model::StepId;

use super::{Memory, SETUP, canary, inputs, rendered, short, source};
use crate::{ConfigProblem, check};

#[test]
fn names_that_do_not_exist() {
    let text = short(
        "\n  , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}'",
        "",
        "inputs: { ami: { required: true } }\n",
        &format!("  strategy: basic\n{SETUP}  deploy: 100%\n"),
    );
    let text = text.replace("ami: ami-1", "ami: '${input.ami}'").replace("name: east", "name: '${workflow.variables.x}'");
    insta::assert_snapshot!(rendered(&text), @r"
unresolved-expression

  × `HOME` does not exist
   ╭─[web.yaml:3:21]
 2 │ service: { name: web, artifact: { ami: '${input.ami}' }
 3 │   , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}' }
   ·                     ───┬───
   ·                        ╰── no such name
 4 │ environment: { name: prod }
   ╰────
  help: write `$NAME` or `${'$'}{NAME}` where the shell's own variable is meant; names here:
        `artifact.ami`, `env.name`, `infra.name`, `infra.region`, `input.ami`, `service.name`,
        `workflow.name`

malformed-expression

  × `VAR:-x` is not an expression: unexpected input after expression
   ╭─[web.yaml:3:29]
 2 │ service: { name: web, artifact: { ami: '${input.ami}' }
 3 │   , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}' }
   ·                             ────┬────
   ·                                 ╰── not an expression
 4 │ environment: { name: prod }
   ╰────
  help: write `$NAME` or `${'$'}{NAME}` where the shell's own variable is meant

unresolved-expression

  × `input.amu` does not exist
   ╭─[web.yaml:3:39]
 2 │ service: { name: web, artifact: { ami: '${input.ami}' }
 3 │   , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}' }
   ·                                       ──────┬─────
   ·                                             ╰── did you mean `input.ami`?
 4 │ environment: { name: prod }
   ╰────
  help: names here: `input.ami`

secret-not-here

  × the secret `secrets.t` cannot stand here
   ╭─[web.yaml:3:52]
 2 │ service: { name: web, artifact: { ami: '${input.ami}' }
 3 │   , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}' }
   ·                                                    ──────┬─────
   ·                                                          ╰── a secret
 4 │ environment: { name: prod }
   ╰────
  help: a secret can stand in the `with:` of a plugin that is granted it, in `auth`, and as
        `infrastructure.spot.token`

fact-of-the-run

  × `run.id` is known only while a run goes on
   ╭─[web.yaml:3:65]
 2 │ service: { name: web, artifact: { ami: '${input.ami}' }
 3 │   , userData: 'echo ${HOME} ${VAR:-x} ${input.amu} ${secrets.t} ${run.id}' }
   ·                                                                 ────┬────
   ·                                                                     ╰── not known yet
 4 │ environment: { name: prod }
   ╰────
  help: it can stand in the `with:` of a plugin step and in the message of an approval

unresolved-expression

  × `workflow.variables.x` cannot be used here: it is resolved later than this text
   ╭─[web.yaml:5:26]
 4 │ environment: { name: prod }
 5 │ infrastructure: { name: '${workflow.variables.x}', region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
   ·                          ───────────┬───────────
   ·                                     ╰── resolved later
 6 │ inputs: { ami: { required: true } }
   ╰────
  help: inputs come first, then names, the region, the artifact, the workflow's variables, the
        service's variables; each may use those before it

6 errors
");
}

const GROUP: &str = "{ group: { compute: { launchSpecification: {} } } }";

#[test]
fn a_name_in_the_elastigroup_json() {
    let text = canary("    - deploy: 100%\n").replace(GROUP, "./elastigroup.json");
    insta::assert_snapshot!(rendered(&text), @r#"
    unresolved-expression

      × `serviceVariable.tier` does not exist
        ╭─[./elastigroup.json:57:44]
     56 │           { "tagKey": "environment", "tagValue": "${env.name}" },
     57 │           { "tagKey": "tier", "tagValue": "${serviceVariable.tier}" }
        ·                                            ───────────┬───────────
        ·                                                       ╰── no such name
     58 │         ]
        ╰────
      help: names here: `artifact.ami`, `env.name`, `infra.name`, `infra.region`, `service.name`,
            `workflow.name`

    1 error
    "#);
}

#[test]
fn elastigroup_json_that_is_none() {
    let files = Memory::with(&[
        ("no-group.json", "{\"name\": \"web\"}"),
        ("broken.json", "{\"group\": {\n  \"capacity\": {\"target\": ${input.n}}\n}}"),
        ("hidden.json", "{\"group\": {\"compute\": {\"launchSpecification\": {\"userData\": \"__hidden__\"}}}}"),
    ]);
    let said = ["missing.json", "no-group.json", "broken.json", "hidden.json", "'{\"group\": 4'"].map(|name| {
        let text = canary("    - deploy: 100%\n").replace(GROUP, name);
        check(&source(&text), &files, &inputs(&[])).unwrap_err().render(false, 100)
    });
    insta::assert_snapshot!(said.concat(), @r#"
    unreadable-file

      × cannot read `missing.json`: no such file
       ╭─[web.yaml:4:63]
     3 │ environment: { name: prod }
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: missing.json }
       ·                                                               ──────┬─────
       ·                                                                     ╰── named here
     5 │ workflow:
       ╰────
      help: paths are relative to the workflow file

    1 error
    bad-elastigroup

      × the Elastigroup JSON has no `group` object
       ╭─[web.yaml:4:63]
     3 │ environment: { name: prod }
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: no-group.json }
       ·                                                               ──────┬──────
       ·                                                                     ╰── the Elastigroup JSON
     5 │ workflow:
       ╰────
      help: paste what Spot's console shows under Actions, View Configuration

    1 error
    malformed-json

      × the Elastigroup JSON cannot be read: expected value at line 2 column 26
       ╭─[broken.json:2:26]
     1 │ {"group": {
     2 │   "capacity": {"target": ${input.n}}
       ·                          ┬
       ·                          ╰── here
     3 │ }}
       ╰────
      help: put an expression in quotes: "${serviceVariable.name}"

    1 error
    bad-elastigroup

      × the Elastigroup JSON masks its user data as `__hidden__`, and the service has no user data of
      │ its own
       ╭─[web.yaml:4:63]
     3 │ environment: { name: prod }
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: hidden.json }
       ·                                                               ─────┬─────
       ·                                                                    ╰── the Elastigroup JSON
     5 │ workflow:
       ╰────
      help: paste what Spot's console shows under Actions, View Configuration

    1 error
    malformed-json

      × the Elastigroup JSON cannot be read: EOF while parsing an object at line 1 column 11
       ╭─[web.yaml:4:63]
     3 │ environment: { name: prod }
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: '{"group": 4' }
       ·                                                               ──────┬──────
       ·                                                                     ╰── lines are counted in this text
     5 │ workflow:
       ╰────
      help: put an expression in quotes: "${serviceVariable.name}"

    1 error
    "#);
}

#[test]
fn what_a_plugin_says_of_its_config_has_a_place() {
    let with = "    - { deploy: 100%, verify: [ { plugin: prometheus, with: { url: 'http://x', max: high } } ] }\n";
    let summary = check(&source(&canary(with)), &Memory::example(), &inputs(&[])).unwrap();
    let problem = |pointer: &str| ConfigProblem {
        step: StepId::new("phase-1/verify-1"),
        pointer: pointer.to_owned(),
        message: "a number is expected".to_owned(),
    };
    let found = summary.configs.diagnostics(&[problem("/max"), problem("/url/x")]).unwrap();
    insta::assert_snapshot!(found.to_string(), @r#"
    web.yaml:10:68: error: the plugin of step `phase-1/verify-1` refuses its config at `/url/x`: a number is expected
    web.yaml:10:85: error: the plugin of step `phase-1/verify-1` refuses its config at `/max`: a number is expected
    "#);
    assert!(summary.configs.diagnostics(&[]).is_none());
}
