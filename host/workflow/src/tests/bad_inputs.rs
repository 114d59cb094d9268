//! Inputs that contradict themselves, or the command line. Each with all that is said of it.

use super::{Memory, basic, inputs, rendered, source};
use crate::{Diagnostics, check, plan};

fn found(text: &str, given: &[(&str, &str)]) -> Diagnostics {
    plan(&source(text), &Memory::example(), &inputs(given)).unwrap_err()
}

#[test]
fn inputs_that_contradict_themselves() {
    let text = basic(
        "inputs:\n  a: { required: true, default: 1 }\n  b: { required: false }\n  c: { type: integer, default: x }\n  d: { type: text }\n  \
         e: { default: z, allowed: [x, y] }\n  f-g: {}\n  h: { default: '${input.a}' }\n",
    );
    insta::assert_snapshot!(rendered(&text), @r#"
    required-with-default

      × the input `a` is required, so its default is never used
       ╭─[web.yaml:6:18]
     5 │ inputs:
     6 │   a: { required: true, default: 1 }
       ·                  ──┬─
       ·                    ╰── required
     7 │   b: { required: false }
       ╰────
      help: remove one of the two

    no-default

      × the input `b` is not required, and has no default
       ╭─[web.yaml:7:18]
     6 │   a: { required: true, default: 1 }
     7 │   b: { required: false }
       ·                  ──┬──
       ·                    ╰── what is it when it is not given?
     8 │   c: { type: integer, default: x }
       ╰────
      help: add a `default`, or remove `required: false`

    wrong-type

      × `default` has to be a whole number, and is text
       ╭─[web.yaml:8:32]
     7 │   b: { required: false }
     8 │   c: { type: integer, default: x }
       ·                                ┬
       ·                                ╰── a whole number is expected
     9 │   d: { type: text }
       ╰────

    unknown-name

      × `type` cannot be `text`
        ╭─[web.yaml:9:14]
      8 │   c: { type: integer, default: x }
      9 │   d: { type: text }
        ·              ──┬─
        ·                ╰── unknown
     10 │   e: { default: z, allowed: [x, y] }
        ╰────
      help: it can be `string`, `integer`, `number`, `boolean`

    not-allowed

      × the default of the input `e` is not among its allowed values
        ╭─[web.yaml:10:17]
      9 │   d: { type: text }
     10 │   e: { default: z, allowed: [x, y] }
        ·                 ┬
        ·                 ╰── not allowed
     11 │   f-g: {}
        ╰────

    bad-name

      × `f-g` cannot name an input
        ╭─[web.yaml:11:3]
     10 │   e: { default: z, allowed: [x, y] }
     11 │   f-g: {}
        ·   ─┬─
        ·    ╰── letters, digits and `_` only
     12 │   h: { default: '${input.a}' }
        ╰────
      help: a name is written in expressions as it is

    malformed-expression

      × an input cannot depend on other names
        ╭─[web.yaml:12:17]
     11 │   f-g: {}
     12 │   h: { default: '${input.a}' }
        ·                 ──────┬─────
        ·                       ╰── no expression can stand here
     13 │ workflow:
        ╰────

    7 errors
    "#);
}

#[test]
fn inputs_on_the_command_line() {
    let text = basic(
        "inputs:\n  count: { type: integer, required: true }\n  size: { default: s, allowed: [s, m] }\n  ami: { required: true }\n",
    );
    let found = found(&text, &[("count", "many"), ("size", "xl"), ("amu", "ami-1"), ("zone", "a")]);
    insta::assert_snapshot!(found.render(false, 100), @r#"
    unknown-input

      × the workflow has no input `amu`
      help: did you mean `ami`? its inputs are `ami`, `count`, `size`

    unknown-input

      × the workflow has no input `zone`
      help: its inputs are `ami`, `count`, `size`

    wrong-type

      × the input `count` has to be a whole number, and `many` is given
       ╭─[web.yaml:6:3]
     5 │ inputs:
     6 │   count: { type: integer, required: true }
       ·   ──┬──
       ·     ╰── declared here
     7 │   size: { default: s, allowed: [s, m] }
       ╰────

    not-allowed

      × the input `size` cannot be `xl`
       ╭─[web.yaml:7:3]
     6 │   count: { type: integer, required: true }
     7 │   size: { default: s, allowed: [s, m] }
       ·   ──┬─
       ·     ╰── declared here
     8 │   ami: { required: true }
       ╰────
      help: it can be `s`, `m`

    missing-input

      × the input `ami` is required and is not given
       ╭─[web.yaml:8:3]
     7 │   size: { default: s, allowed: [s, m] }
     8 │   ami: { required: true }
       ·   ─┬─
       ·    ╰── no value
     9 │ workflow:
       ╰────
      help: give it on the command line: `--input ami=VALUE`

    5 errors
    "#);
}

/// They hold the place of a fact, and nobody may write them.
#[test]
fn reserved_characters() {
    let text = basic("inputs: { x: { required: true } }\n").replace("name: prod", "name: '${input.x}'");
    let given = found(&text, &[("x", "a\u{E9F0}run.id\u{E9F1}")]).to_string();
    let written = found(&text.replace("name: east", "name: \u{E9F0}"), &[("x", "a")]).to_string();
    insta::assert_snapshot!(format!("{given}\n{written}"), @r#"
    error: the input `x` holds a reserved character, U+E9F0 or U+E9F1
    web.yaml:4:25: error: this character is reserved
    "#);
}

#[test]
fn the_same_as_data() {
    let found = check(&source(&basic("inputs: { x: { type: txt } }\n")), &Memory::example(), &inputs(&[])).unwrap_err();
    insta::assert_json_snapshot!(found, @r#"
    [
      {
        "severity": "error",
        "code": "unknown-name",
        "message": "`type` cannot be `txt`",
        "file": "web.yaml",
        "line": 5,
        "column": 22,
        "label": "unknown",
        "hint": "it can be `string`, `integer`, `number`, `boolean`",
        "related": []
      }
    ]
    "#);
}
