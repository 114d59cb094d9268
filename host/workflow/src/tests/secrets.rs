//! Secrets, what is added to requests, and limits: what they come to, and what cannot be.

use shiftgate_model::{Auth, Limit, SecretRef, secret_placeholder};

use super::{canary, planned, rendered};
use crate::plan::Action;

const PLUGINS: &str = "
secrets:
  hook: { env: HOOK }
  key: { file: key.txt }
  pass: { command: [pass, show, '${service.name}'] }
plugins:
  webhook:
    grants:
      http:
        - { url: 'https://hooks.example.com', methods: [POST] }
        - { url: 'https://a.example.com', auth: { bearer: '${secrets.key}' } }
        - { url: 'https://b.example.com', auth: { basic: { user: ann, password: '${secrets.pass}' } } }
        - { url: 'https://c.example.com', auth: { header: { name: X-Key, value: '${secrets.key}' } } }
        - { url: 'https://d.example.com', auth: { sigv4: { service: monitoring, region: eu-west-1 } } }
      secrets: { hook: ['https://hooks.example.com/services'] }
    limits: { memory: 128 MiB, wall: 2m, requests: 7 }
workflow:
";

fn with(wrap_up: &str) -> String {
    let text = canary("    - deploy: 100%\n");
    let text = text.replace("workflow:\n", PLUGINS.trim_start_matches('\n'));
    format!("{text}  wrapUp: [ {{ plugin: webhook, with: {{ url: '{wrap_up}' }} }} ]\n")
}

#[test]
fn a_plugin_gets_a_placeholder_and_the_plan_the_places() {
    let plan = planned(&with("https://hooks.example.com/services/${secrets.hook}"));
    let Some(Action::WrapUp(step)) = plan.wrap_up.first().map(|step| &step.action) else { panic!("{plan:?}") };
    let url = format!("https://hooks.example.com/services/{}", secret_placeholder("hook"));
    assert_eq!(step.with.get("url").and_then(|url| url.as_str()), Some(url.as_str()));
    let grants = &step.plugin.grants;
    let hook = grants.secrets.get("hook").unwrap();
    assert_eq!(
        (&hook.at, hook.to.as_slice()),
        (&SecretRef::Env("HOOK".into()), ["https://hooks.example.com/services".to_owned()].as_slice())
    );
    let auths: Vec<_> = grants.http.iter().map(|grant| grant.auth.clone()).collect();
    let file = match auths.get(1) {
        Some(Some(Auth::Bearer { secret: file @ SecretRef::File(path) })) if path.ends_with("key.txt") => file.clone(),
        other => panic!("{other:?}"),
    };
    let pass = SecretRef::Command(vec!["pass".into(), "show".into(), "web".into()]);
    assert_eq!(auths.first(), Some(&None));
    assert_eq!(auths.get(2), Some(&Some(Auth::Basic { user: "ann".into(), secret: pass })));
    assert_eq!(auths.get(3), Some(&Some(Auth::Header { name: "X-Key".into(), secret: file })));
    let signed = |profile: Option<&str>| {
        let profile = profile.map(str::to_owned);
        Some(Some(Auth::Sigv4 { service: "monitoring".into(), region: "eu-west-1".into(), profile }))
    };
    assert_eq!(auths.get(4).cloned(), signed(None));
    // It measures where the run acts, unless it is told otherwise.
    let by = |infrastructure: &str, profile: &str| {
        let text = with("https://hooks.example.com/services/${secrets.hook}");
        let text = text.replacen("region: us-east-1,", &format!("region: us-east-1, aws: {{ profile: {infrastructure} }},"), 1);
        let plan = planned(&text.replace("region: eu-west-1 }", &format!("region: eu-west-1{profile} }}")));
        let step = plan.wrap_up.first().map(|step| &step.action).cloned();
        let Some(Action::WrapUp(step)) = step else { panic!("{step:?}") };
        step.plugin.grants.http.get(4).map(|grant| grant.auth.clone())
    };
    assert_eq!(by("ops", ""), signed(Some("ops")));
    assert_eq!(by("ops", ", profile: metrics"), signed(Some("metrics")));
    let limits = [(Limit::Memory, 128 << 20), (Limit::Wall, 120_000), (Limit::Requests, 7)];
    assert_eq!(step.plugin.limits, limits.into());
}

#[test]
fn a_secret_stands_where_it_is_granted_and_by_itself() {
    insta::assert_snapshot!(rendered(&with("https://x/${secrets.key}")), @r#"
secret-not-granted

  × the plugin `webhook` is not granted the secret `key`
    ╭─[web.yaml:26:56]
 25 │     - deploy: 100%
 26 │   wrapUp: [ { plugin: webhook, with: { url: 'https://x/${secrets.key}' } } ]
    ·                                                        ───────┬──────
    ·                                                               ╰── not granted
    ╰────
  help: say where it may be sent: `plugins: { webhook: { grants: { secrets: { key:
        ["https://…"] } } } }`

1 error
"#);
    insta::assert_snapshot!(rendered(&with("https://x/${secrets.hook | upper}")), @r"
secret-not-here

  × `secrets.hook` has to stand alone in its expression: nothing is computed with a secret
    ╭─[web.yaml:26:56]
 25 │     - deploy: 100%
 26 │   wrapUp: [ { plugin: webhook, with: { url: 'https://x/${secrets.hook | upper}' } } ]
    ·                                                        ───────────┬───────────
    ·                                                                   ╰── a secret
    ╰────
  help: write `${secrets.hook}`

1 error
");
}

#[test]
fn what_cannot_be_granted_is_told() {
    let text = with("https://x")
        .replace("bearer: '${secrets.key}'", "bearer: 'a-token'")
        .replace("{ user: ann, password: '${secrets.pass}' }", "{ user: ann, password: '${secrets.gone}' }")
        .replace("{ header: { name: X-Key, value: '${secrets.key}' } }", "{}")
        .replace("hook: ['https://hooks.example.com/services']", "hook: [], other: ['https://x']")
        .replace("memory: 128 MiB, wall: 2m, requests: 7", "memory: much, wall: 5, requests: 0, memroy: 1 MiB")
        .replace("command: [pass, show, '${service.name}']", "command: []");
    insta::assert_snapshot!(rendered(&text), @r#"
empty-list

  × a command without words prints no secret
   ╭─[web.yaml:8:20]
 7 │   key: { file: key.txt }
 8 │   pass: { command: [] }
   ·                    ─┬
   ·                     ╰── needs a program
 9 │ plugins:
   ╰────

secret-in-file

  × a credential never stands in a workflow file
    ╭─[web.yaml:14:59]
 13 │         - { url: 'https://hooks.example.com', methods: [POST] }
 14 │         - { url: 'https://a.example.com', auth: { bearer: ********* } }
    ·                                                           ────┬────
    ·                                                               ╰── a reference is expected
 15 │         - { url: 'https://b.example.com', auth: { basic: { user: ann, password: '${secrets.gone}' } } }
    ╰────
  help: declare `secrets: { api_key: { env: API_KEY } }` and write `${secrets.api_key}`

unknown-name

  × there is no secret `gone`
    ╭─[web.yaml:15:81]
 14 │         - { url: 'https://a.example.com', auth: { bearer: ********* } }
 15 │         - { url: 'https://b.example.com', auth: { basic: { user: ann, password: '${secrets.gone}' } } }
    ·                                                                                 ────────┬────────
    ·                                                                                         ╰── unknown
 16 │         - { url: 'https://c.example.com', auth: {} }
    ╰────
  help: the file declares `hook`, `key`, `pass`

missing-field

  × `auth` is one way to prove who asks
    ╭─[web.yaml:16:49]
 15 │         - { url: 'https://b.example.com', auth: { basic: { user: ann, password: '${secrets.gone}' } } }
 16 │         - { url: 'https://c.example.com', auth: {} }
    ·                                                 ─┬
    ·                                                  ╰── needs one
 17 │         - { url: 'https://d.example.com', auth: { sigv4: { service: monitoring, region: eu-west-1 } } }
    ╰────
  help: write `auth: { bearer: "${secrets.NAME}" }`, or `basic`, `header` or `sigv4`

empty-list

  × the secret `hook` may be sent nowhere
    ╭─[web.yaml:18:24]
 17 │         - { url: 'https://d.example.com', auth: { sigv4: { service: monitoring, region: eu-west-1 } } }
 18 │       secrets: { hook: [], other: ['https://x'] }
    ·                        ─┬
    ·                         ╰── needs a URL
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ╰────

unknown-name

  × there is no secret `other`
    ╭─[web.yaml:18:35]
 17 │         - { url: 'https://d.example.com', auth: { sigv4: { service: monitoring, region: eu-west-1 } } }
 18 │       secrets: { hook: [], other: ['https://x'] }
    ·                                   ──────┬──────
    ·                                         ╰── unknown
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ╰────
  help: the file declares `hook`, `key`, `pass`

malformed-size

  × `memory` is `much`, which is no size
    ╭─[web.yaml:19:23]
 18 │       secrets: { hook: [], other: ['https://x'] }
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ·                       ──┬─
    ·                         ╰── a size is expected
 20 │ workflow:
    ╰────
  help: write it as `512 KiB` or `128 MiB`

malformed-duration

  × `wall`: `5` has no unit
    ╭─[web.yaml:19:35]
 18 │       secrets: { hook: [], other: ['https://x'] }
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ·                                   ┬
    ·                                   ╰── a length of time is expected
 20 │ workflow:
    ╰────
  help: write a unit behind it: `5s` or `5m`

out-of-range

  × `requests` is 0, and has to be 1 or more
    ╭─[web.yaml:19:48]
 18 │       secrets: { hook: [], other: ['https://x'] }
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ·                                                ┬
    ·                                                ╰── 1 or more
 20 │ workflow:
    ╰────

unknown-field

  × `memroy` is not a field of `limits`
    ╭─[web.yaml:19:51]
 18 │       secrets: { hook: [], other: ['https://x'] }
 19 │     limits: { memory: much, wall: 5, requests: 0, memroy: 1 MiB }
    ·                                                   ───┬──
    ·                                                      ╰── did you mean `memory`?
 20 │ workflow:
    ╰────

10 errors
"#);
}
