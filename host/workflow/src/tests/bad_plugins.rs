//! Plugins and grants that cannot be. Each with all that is said of it.

use super::{canary, rendered};

#[test]
fn plugins_that_do_not_fit() {
    let text = canary(
        "    - deploy: 100%\n      verify: [ { plugin: errosr }, { plugin: webhook }, { with: { url: x } } ]\n      \
         approve: [ { plugin: prometheus } ]\n",
    );
    let plugins = "plugins:\n  errors: { source: ./errors.wasm }\n  a: { source: promtheus }\n  b: { source: b.cwasm, sha256: abc }\n  \
        c: { sha256: '${service.name}' }\nworkflow:\n";
    insta::assert_snapshot!(rendered(&text.replace("workflow:\n", plugins)), @r#"
    unknown-name

      × shiftgate comes with no plugin `promtheus`
       ╭─[web.yaml:7:16]
     6 │   errors: { source: ./errors.wasm }
     7 │   a: { source: promtheus }
       ·                ────┬────
       ·                    ╰── did you mean `prometheus`?
     8 │   b: { source: b.cwasm, sha256: abc }
       ╰────
      help: write a path that ends in `.wasm`, or one of `http-check`, `prometheus`, `cloudwatch`,
            `datadog`, `newrelic`, `elasticsearch`, `appdynamics`, `http-json`, `manual-approval`,
            `webhook`

    bad-plugin-source

      × a compiled component is never loaded from a file
       ╭─[web.yaml:8:16]
     7 │   a: { source: promtheus }
     8 │   b: { source: b.cwasm, sha256: abc }
       ·                ───┬───
       ·                   ╰── a `.cwasm` file
     9 │   c: { sha256: '${service.name}' }
       ╰────
      help: give the `.wasm` file; it is compiled once and kept

    malformed-digest

      × a SHA-256 has 64 hexadecimal digits, and this has 3 characters
       ╭─[web.yaml:8:33]
     7 │   a: { source: promtheus }
     8 │   b: { source: b.cwasm, sha256: abc }
       ·                                 ─┬─
       ·                                  ╰── not a SHA-256
     9 │   c: { sha256: '${service.name}' }
       ╰────
      help: `shiftgate plugin inspect FILE` prints it

    missing-field

      × a plugin has no `source`
        ╭─[web.yaml:9:6]
      8 │   b: { source: b.cwasm, sha256: abc }
      9 │   c: { sha256: '${service.name}' }
        ·      ──────────────┬──────────────
        ·                    ╰── needs `source`
     10 │ workflow:
        ╰────

    malformed-digest

      × a SHA-256 has 64 hexadecimal digits, and this has 3 characters
        ╭─[web.yaml:9:16]
      8 │   b: { source: b.cwasm, sha256: abc }
      9 │   c: { sha256: '${service.name}' }
        ·                ────────┬────────
        ·                        ╰── not a SHA-256
     10 │ workflow:
        ╰────
      help: `shiftgate plugin inspect FILE` prints it

    unknown-name

      × there is no plugin `errosr`
        ╭─[web.yaml:16:27]
     15 │     - deploy: 100%
     16 │       verify: [ { plugin: errosr }, { plugin: webhook }, { with: { url: x } } ]
        ·                           ───┬──
        ·                              ╰── did you mean `errors`?
     17 │       approve: [ { plugin: prometheus } ]
        ╰────
      help: declare it under `plugins:`, or use one of `a`, `b`, `c`, `errors`, `http-check`,
            `prometheus`, `cloudwatch`, `datadog`, `newrelic`, `elasticsearch`, `appdynamics`,
            `http-json`, `manual-approval` and 1 more

    wrong-plugin-kind

      × `webhook` is a plugin for wrap-ups, and stands where one for verifications is needed
        ╭─[web.yaml:16:47]
     15 │     - deploy: 100%
     16 │       verify: [ { plugin: errosr }, { plugin: webhook }, { with: { url: x } } ]
        ·                                               ───┬───
        ·                                                  ╰── not for verifications
     17 │       approve: [ { plugin: prometheus } ]
        ╰────
      help: shiftgate comes with `http-check`, `prometheus`, `cloudwatch`, `datadog`, `newrelic`,
            `elasticsearch`, `appdynamics`, `http-json`

    missing-field

      × a verification has no `plugin`
        ╭─[web.yaml:16:58]
     15 │     - deploy: 100%
     16 │       verify: [ { plugin: errosr }, { plugin: webhook }, { with: { url: x } } ]
        ·                                                          ──────────┬─────────
        ·                                                                    ╰── needs `plugin`
     17 │       approve: [ { plugin: prometheus } ]
        ╰────

    wrong-plugin-kind

      × `prometheus` is a plugin for verifications, and stands where one for approvals is needed
        ╭─[web.yaml:17:28]
     16 │       verify: [ { plugin: errosr }, { plugin: webhook }, { with: { url: x } } ]
     17 │       approve: [ { plugin: prometheus } ]
        ·                            ─────┬────
        ·                                 ╰── not for approvals
        ╰────
      help: shiftgate comes with `manual-approval`

    9 errors
    "#);
}

#[test]
fn grants_that_grant_nothing() {
    let plugins = "plugins:\n  p:\n    source: p.wasm\n    grants:\n      http:\n        - { url: 'ftp://x' }\n        - { url: 'https://a.*.com' }\n        \
        - { url: 'https://u:p@x' }\n        - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }\n        - {}\n      \
        files: []\nworkflow:\n";
    let text = canary("    - { deploy: 100%, verify: [ { plugin: p } ] }\n").replace("workflow:\n", plugins);
    insta::assert_snapshot!(rendered(&text), @r"
malformed-url

  × `ftp://x` cannot be granted: its scheme is `ftp`
    ╭─[web.yaml:10:18]
  9 │       http:
 10 │         - { url: 'ftp://x' }
    ·                  ────┬────
    ·                      ╰── an origin is expected
 11 │         - { url: 'https://a.*.com' }
    ╰────
  help: write it as `https://metrics.example.com:9090/api`

malformed-url

  × `https://a.*.com` cannot be granted: only the first label of a host can be `*`
    ╭─[web.yaml:11:18]
 10 │         - { url: 'ftp://x' }
 11 │         - { url: 'https://a.*.com' }
    ·                  ────────┬────────
    ·                          ╰── an origin is expected
 12 │         - { url: 'https://u:p@x' }
    ╰────
  help: write it as `https://metrics.example.com:9090/api`

malformed-url

  × `https://u:p@x` cannot be granted: credentials never stand in a workflow
    ╭─[web.yaml:12:18]
 11 │         - { url: 'https://a.*.com' }
 12 │         - { url: 'https://u:p@x' }
    ·                  ───────┬───────
    ·                         ╰── an origin is expected
 13 │         - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }
    ╰────
  help: write it as `https://metrics.example.com:9090/api`

malformed-url

  × `https://x?y=1` cannot be granted: a grant has no query and no fragment
    ╭─[web.yaml:13:18]
 12 │         - { url: 'https://u:p@x' }
 13 │         - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }
    ·                  ───────┬───────
    ·                         ╰── an origin is expected
 14 │         - {}
    ╰────
  help: write it as `https://metrics.example.com:9090/api`

unknown-name

  × `GTE` is no method that can be granted
    ╭─[web.yaml:13:45]
 12 │         - { url: 'https://u:p@x' }
 13 │         - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }
    ·                                             ─┬─
    ·                                              ╰── did you mean `GET`?
 14 │         - {}
    ╰────
  help: the methods are `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`

malformed-address-range

  × `10.0.0.0/33` is no range of addresses
    ╭─[web.yaml:13:63]
 12 │         - { url: 'https://u:p@x' }
 13 │         - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }
    ·                                                               ─────┬─────
    ·                                                                    ╰── a CIDR is expected
 14 │         - {}
    ╰────
  help: write it as `10.0.0.0/8` or `fd00::/8`

missing-field

  × an HTTP grant has no `url`
    ╭─[web.yaml:14:11]
 13 │         - { url: 'https://x?y=1', methods: [GTE], addresses: [10.0.0.0/33] }
 14 │         - {}
    ·           ─┬
    ·            ╰── needs `url`
 15 │       files: []
    ╰────

unknown-field

  × `files` is not a field of `grants`
    ╭─[web.yaml:15:7]
 14 │         - {}
 15 │       files: []
    ·       ──┬──
    ·         ╰── unknown
 16 │ workflow:
    ╰────
  help: its fields are `http`, `secrets`

8 errors
");
}
