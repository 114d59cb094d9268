//! Files that are no YAML, or not one tree of it. Each with all that is said of it.

use super::{basic, rendered};

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(rendered("# nothing\n"), @r#"
    empty-file

      × the file is empty
      help: `shiftgate init --strategy canary` writes a whole one

    1 error
    "#);
}

#[test]
fn no_yaml() {
    insta::assert_snapshot!(rendered("version: 1\nservice: { name: web\nworkflow: {}\n"), @r#"
    malformed-yaml

      × this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
       ╭─[web.yaml:3:9]
     2 │ service: { name: web
     3 │ workflow: {}
       ·         ┬
       ·         ╰── here
       ╰────

    1 error
    "#);
}

#[test]
fn a_tab() {
    insta::assert_snapshot!(rendered("version: 1\nservice:\n\tname: web\n"), @r#"
    malformed-yaml

      × this is not YAML: tabs disallowed within this context (block indentation)
       ╭─[web.yaml:3:2]
     2 │ service:
     3 │     name: web
       ·     ┬
       ·     ╰── here
       ╰────
      help: YAML is indented by blanks, not by tabs

    1 error
    "#);
}

#[test]
fn an_expression_without_quotes_in_braces() {
    insta::assert_snapshot!(rendered("version: 1\nservice: { name: ${input.x}, a: 1 }\n"), @r#"
    malformed-yaml

      × this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'
       ╭─[web.yaml:2:19]
     1 │ version: 1
     2 │ service: { name: ${input.x}, a: 1 }
       ·                   ┬
       ·                   ╰── here
       ╰────
      help: put a text with an expression in quotes: "${input.name}"

    1 error
    "#);
}

#[test]
fn a_key_twice() {
    insta::assert_snapshot!(rendered(&basic("inputs: { x: { default: 1 }, x: { default: 2 } }\n")), @r#"
    duplicate-key

      × `x` stands here twice
       ╭─[web.yaml:5:30]
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
     5 │ inputs: { x: { default: 1 }, x: { default: 2 } }
       ·           ┬                  ┬
       ·           │                  ╰── and again
       ·           ╰── first here
     6 │ workflow:
       ╰────
      help: remove one of them

    1 error
    "#);
}

#[test]
fn a_text_with_a_comma_in_braces() {
    let text = basic("inputs: { ami: { default: ami-1, description: Some text, with a comma } }\n");
    insta::assert_snapshot!(rendered(&text), @r#"
    unknown-field

      × `with a comma` is not a field of an input
       ╭─[web.yaml:5:58]
     4 │ infrastructure: { name: east, region: us-east-1, elastigroup: { group: { compute: { launchSpecification: {} } } } }
     5 │ inputs: { ami: { default: ami-1, description: Some text, with a comma } }
       ·                                                          ──────┬─────
       ·                                                                ╰── part of a text?
     6 │ workflow:
       ╰────
      help: inside of `{` and `}`, a text with a comma needs quotes

    1 error
    "#);
}
