//! Files with wrong fields and values of the wrong type. Each with all that is said of it.

use super::{SETUP, basic, rendered, short};

#[test]
fn every_section_is_missing() {
    insta::assert_snapshot!(rendered("version: 2\nservise: {}\n"), @r#"
    missing-field

      × the file has no `environment`
       ╭─[web.yaml:1:1]
     1 │ version: 2
       · ─────┬────
       ·      ╰── needs `environment`
     2 │ servise: {}
       ╰────

    missing-field

      × the file has no `infrastructure`
       ╭─[web.yaml:1:1]
     1 │ version: 2
       · ─────┬────
       ·      ╰── needs `infrastructure`
     2 │ servise: {}
       ╰────

    missing-field

      × the file has no `workflow`
       ╭─[web.yaml:1:1]
     1 │ version: 2
       · ─────┬────
       ·      ╰── needs `workflow`
     2 │ servise: {}
       ╰────

    unknown-version

      × this release reads version 1 of the format, and this is version 2
       ╭─[web.yaml:1:10]
     1 │ version: 2
       ·          ┬
       ·          ╰── 1 is expected
     2 │ servise: {}
       ╰────

    unknown-field

      × `servise` is not a field of the file
       ╭─[web.yaml:2:1]
     1 │ version: 2
     2 │ servise: {}
       · ───┬───
       ·    ╰── did you mean `service`?
       ╰────

    5 errors
    "#);
}

#[test]
fn fields_that_are_not_fields() {
    let text = basic("").replace("artifact: { ami: ami-1 }", "user_data: x, phases: [], artifact: { ami: ami-1, colour: red }");
    insta::assert_snapshot!(rendered(&text), @r#"
    unknown-field

      × `user_data` is not a field of `service`
       ╭─[web.yaml:2:23]
     1 │ version: 1
     2 │ service: { name: web, user_data: x, phases: [], artifact: { ami: ami-1, colour: red } }
       ·                       ────┬────
       ·                           ╰── did you mean `userData`?
     3 │ environment: { name: prod }
       ╰────

    unknown-field

      × `phases` is not a field of `service`
       ╭─[web.yaml:2:37]
     1 │ version: 1
     2 │ service: { name: web, user_data: x, phases: [], artifact: { ami: ami-1, colour: red } }
       ·                                     ───┬──
       ·                                        ╰── not here
     3 │ environment: { name: prod }
       ╰────
      help: `phases` is a field of a canary workflow; here, its fields are `name`, `artifact`,
            `userData`, `userDataFile`, `variables`

    unknown-field

      × `colour` is not a field of `artifact`
       ╭─[web.yaml:2:73]
     1 │ version: 1
     2 │ service: { name: web, user_data: x, phases: [], artifact: { ami: ami-1, colour: red } }
       ·                                                                         ───┬──
       ·                                                                            ╰── unknown
     3 │ environment: { name: prod }
       ╰────
      help: its fields are `ami`, `metadata`, `tags`

    3 errors
    "#);
}

#[test]
fn values_of_the_wrong_type() {
    let workflow = "  strategy: basic\n  setup:\n    instances: { min: '0', target: four, max: [10] }\n    keepOldGroups: true\n    \
        steadyStateTimeout: 20\n  deploy: lots\n  verify: { plugin: prometheus }\n";
    insta::assert_snapshot!(rendered(&short("", "", "", workflow)), @r#"
    wrong-type

      × `min` has to be a whole number, and is text
        ╭─[web.yaml:9:23]
      8 │   setup:
      9 │     instances: { min: '0', target: four, max: [10] }
        ·                       ─┬─
        ·                        ╰── a whole number is expected
     10 │     keepOldGroups: true
        ╰────
      help: remove the quotes

    wrong-type

      × `target` has to be a whole number, and is text
        ╭─[web.yaml:9:36]
      8 │   setup:
      9 │     instances: { min: '0', target: four, max: [10] }
        ·                                    ──┬─
        ·                                      ╰── a whole number is expected
     10 │     keepOldGroups: true
        ╰────

    wrong-type

      × `max` has to be a whole number, and is a list
        ╭─[web.yaml:9:47]
      8 │   setup:
      9 │     instances: { min: '0', target: four, max: [10] }
        ·                                               ──┬─
        ·                                                 ╰── a whole number is expected
     10 │     keepOldGroups: true
        ╰────

    wrong-type

      × `keepOldGroups` has to be a whole number, and is true or false
        ╭─[web.yaml:10:20]
      9 │     instances: { min: '0', target: four, max: [10] }
     10 │     keepOldGroups: true
        ·                    ──┬─
        ·                      ╰── a whole number is expected
     11 │     steadyStateTimeout: 20
        ╰────

    malformed-duration

      × `steadyStateTimeout`: `20` has no unit
        ╭─[web.yaml:11:25]
     10 │     keepOldGroups: true
     11 │     steadyStateTimeout: 20
        ·                         ─┬
        ·                          ╰── a length of time is expected
     12 │   deploy: lots
        ╰────
      help: write a unit behind it: `20s` or `20m`

    wrong-type

      × `deploy` is `lots`, which is neither a share nor a count
        ╭─[web.yaml:12:11]
     11 │     steadyStateTimeout: 20
     12 │   deploy: lots
        ·           ──┬─
        ·             ╰── a share or a count is expected
     13 │   verify: { plugin: prometheus }
        ╰────
      help: write whole percents as `25%`, or a count as `2`

    wrong-type

      × `verify` has to be a list, and is a mapping
        ╭─[web.yaml:13:11]
     12 │   deploy: lots
     13 │   verify: { plugin: prometheus }
        ·           ───────────┬──────────
        ·                      ╰── a list is expected
        ╰────
      help: begin each entry with `- `, or put the entries into `[` and `]`

    7 errors
    "#);
}

#[test]
fn credentials_and_what_a_later_release_does() {
    let text = short(
        ", userData: a, userDataFile: b",
        "\n  , spot: { account: '12345', token: 1a2b3c }",
        "secrets: { t: {}, u: { env: U } }\n",
        &format!("  strategy: basic\n{SETUP}  deploy: 100%\n"),
    );
    let text = text.replace("region: us-east-1", "region: virginia").replace("ami: ami-1", "tags: { release: 7 }");
    insta::assert_snapshot!(rendered(&text), @r#"
not-in-this-release

  × an image cannot be found by its tags yet
   ╭─[web.yaml:2:35]
 1 │ version: 1
 2 │ service: { name: web, artifact: { tags: { release: 7 } }, userData: a, userDataFile: b }
   ·                                   ──┬─
   ·                                     ╰── not supported yet
 3 │ environment: { name: prod }
   ╰────
  help: give the image itself: `ami: "${input.ami}"`

conflicting-fields

  × `userData` and `userDataFile` stand side by side
   ╭─[web.yaml:2:86]
 1 │ version: 1
 2 │ service: { name: web, artifact: { tags: { release: 7 } }, userData: a, userDataFile: b }
   ·                                                                                      ┬
   ·                                                                                      ╰── one of the two
 3 │ environment: { name: prod }
   ╰────
  help: remove one of them

malformed-region

  × `virginia` is not an AWS region
   ╭─[web.yaml:4:39]
 3 │ environment: { name: prod }
 4 │ infrastructure: { name: east, region: virginia, elastigroup: { group: { compute: { launchSpecification: {} } } }
   ·                                       ────┬───
   ·                                           ╰── a region is expected
 5 │   , spot: { account: '12345', token: ****** } }
   ╰────
  help: regions look like `us-east-1`

malformed-account

  × `12345` is not a Spot account
   ╭─[web.yaml:5:22]
 4 │ infrastructure: { name: east, region: virginia, elastigroup: { group: { compute: { launchSpecification: {} } } }
 5 │   , spot: { account: '12345', token: ****** } }
   ·                      ───┬───
   ·                         ╰── an account id is expected
 6 │ secrets: { t: {}, u: { env: U } }
   ╰────
  help: accounts look like `act-12345678`

secret-in-file

  × a token never stands in a workflow file
   ╭─[web.yaml:5:38]
 4 │ infrastructure: { name: east, region: virginia, elastigroup: { group: { compute: { launchSpecification: {} } } }
 5 │   , spot: { account: '12345', token: ****** } }
   ·                                      ───┬──
   ·                                         ╰── a reference is expected
 6 │ secrets: { t: {}, u: { env: U } }
   ╰────
  help: declare `secrets: { spot_token: { env: SPOTINST_TOKEN } }` and write `token:
        ${secrets.spot_token}`

missing-field

  × a secret names neither `env` nor `file` nor `command`
   ╭─[web.yaml:6:15]
 5 │   , spot: { account: '12345', token: ****** } }
 6 │ secrets: { t: {}, u: { env: U } }
   ·               ─┬
   ·                ╰── where is it?
 7 │ workflow:
   ╰────
  help: write `{ env: NAME }`, `{ file: path }` or `{ command: [program, argument] }`

6 errors
"#);
}

#[test]
fn warnings_do_not_stop_a_workflow() {
    let rest = "inputs: { x: { default: 1 } }\nplugins: { p: { source: p.wasm } }\nsecrets: { t: { env: T } }\n";
    let text = short("", "", rest, &format!("  strategy: basic\n{SETUP}  deploy: 2\n"));
    insta::assert_snapshot!(rendered(&text), @r"
unused-input

  ⚠ nothing uses the input `x`
   ╭─[web.yaml:5:11]
 4 │ infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
 5 │ inputs: { x: { default: 1 } }
   ·           ─
 6 │ plugins: { p: { source: p.wasm } }
   ╰────
  help: remove it, or write `${input.x}` where it belongs

unused-plugin

  ⚠ no step uses the plugin `p`
   ╭─[web.yaml:6:12]
 5 │ inputs: { x: { default: 1 } }
 6 │ plugins: { p: { source: p.wasm } }
   ·            ─
 7 │ secrets: { t: { env: T } }
   ╰────
  help: remove it, or name it in a step

unused-secret

  ⚠ nothing uses the secret `t`
   ╭─[web.yaml:7:12]
 6 │ plugins: { p: { source: p.wasm } }
 7 │ secrets: { t: { env: T } }
   ·            ─
 8 │ workflow:
   ╰────
  help: remove it, or grant it to a plugin, or write `token: ${secrets.NAME}`

not-the-whole

  ⚠ this deploys 2 instances, so the old group keeps the rest
    ╭─[web.yaml:12:11]
 11 │   setup: { instances: { min: 0, target: 4, max: 10 } }
 12 │   deploy: 2
    ·           ─
    ╰────
  help: write `deploy: 100%` to replace the old group

4 warnings
");
}
