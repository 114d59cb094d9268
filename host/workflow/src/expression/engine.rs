//! Evaluates the expressions of one text, and says of each that it cannot why.

use std::collections::BTreeMap;
use std::ops::Range;

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;
use shiftgate_model::{SecretGrant, secret_placeholder};

use super::fill::defer;
use super::pieces::{Piece, pieces};
use super::scope::{FACTS, Found, Scope};
use crate::near::{listed, nearest};

/// The work that one expression may do, in minijinja's steps.
const FUEL: u64 = 20_000;

/// How the shell's own `${X}` is written.
const LITERAL: &str = "write `$NAME` or `${'$'}{NAME}` where the shell's own variable is meant";

/// One minijinja environment for a whole plan.
pub(crate) struct Engine {
    environment: Environment<'static>,
}

/// What a text comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Its value: text, or anything when the whole text is one expression.
    Known(Value),
    /// It depends on something that has no value.
    Unknown,
    /// It cannot be resolved.
    Refused(Vec<Problem>),
}

/// Why an expression cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The part of the text that it is about.
    pub(crate) part: Range<usize>,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) hint: String,
}

/// A text and what it may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'t> {
    pub(crate) text: &'t str,
    pub(crate) scope: &'t Scope,
    /// Whether facts of the run may stand in it.
    pub(crate) facts: bool,
    /// Which secrets may stand in it.
    pub(crate) secrets: Granted<'t>,
}

/// The secrets that may stand in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Granted<'t> {
    /// None: it is no config of a plugin.
    Nowhere,
    /// Those that this plugin is granted.
    To(&'t str, &'t BTreeMap<String, SecretGrant>),
    /// The plugin could not be read, which is told already.
    Unread,
}

/// What one expression comes to.
enum Evaluated {
    Value(Value),
    Unknown,
    Deferred(String),
    Problem(&'static str, String, String, String),
}

impl Engine {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        for function in ["range", "dict", "debug", "namespace"] {
            environment.remove_global(function);
        }
        Self { environment }
    }

    /// Resolves a text; the names that its expressions use are handed to `used`, dotted.
    pub(crate) fn resolve(&self, text: Text<'_>, used: &mut dyn FnMut(&str)) -> Outcome {
        let pieces = pieces(text.text);
        let whole = matches!(pieces.as_slice(), [Piece::Expression { .. }]);
        let (mut joined, mut unknown, mut problems) = (String::with_capacity(text.text.len()), false, Vec::new());
        for piece in pieces {
            match piece {
                Piece::Text(text) => joined.push_str(text),
                Piece::Expression { inside, range } => match self.evaluate(inside, text, used) {
                    Evaluated::Value(value) if whole => return Outcome::Known(value),
                    Evaluated::Value(value) => joined.push_str(&shown(&value)),
                    Evaluated::Deferred(name) => joined.push_str(&defer(&name)),
                    Evaluated::Unknown => unknown = true,
                    Evaluated::Problem(code, message, label, hint) => {
                        problems.push(Problem { part: range, code, message, label, hint })
                    }
                },
                Piece::Open { range } => problems.push(Problem {
                    part: range,
                    code: "malformed-expression",
                    message: "`${` begins an expression that is not closed".to_owned(),
                    label: "no `}` follows".to_owned(),
                    hint: format!("close it with `}}`; {LITERAL}"),
                }),
            }
        }
        match (problems.is_empty(), unknown) {
            (false, _) => Outcome::Refused(problems),
            (true, true) => Outcome::Unknown,
            (true, false) => Outcome::Known(Value::String(joined)),
        }
    }

    fn evaluate(&self, inside: &str, text: Text<'_>, used: &mut dyn FnMut(&str)) -> Evaluated {
        let expression = match self.environment.compile_expression_owned(inside.to_owned()) {
            Ok(expression) => expression,
            Err(error) => {
                let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                return problem(
                    "malformed-expression",
                    format!("`{}` is not an expression: {why}", inside.trim()),
                    "not an expression",
                    LITERAL.to_owned(),
                );
            }
        };
        let mut paths: Vec<_> = expression.undeclared_variables(true).into_iter().collect();
        paths.sort();
        let mut unknown = false;
        for path in &paths {
            used(path);
            if FACTS.contains(&path.as_str()) {
                return deferred(path, inside, text.facts);
            }
            if path == "secrets" || path.starts_with("secrets.") {
                return secret(path, inside, text.secrets);
            }
            match text.scope.find(path) {
                Found::Known | Found::Space => {}
                Found::Unknown | Found::PartlyUnknown => unknown = true,
                Found::Later => return later(path),
                Found::Nothing => return unresolved(path, text),
            }
        }
        if unknown {
            return Evaluated::Unknown;
        }
        let value = expression.eval(text.scope.values().clone());
        let value = value.and_then(|value| {
            let undefined = value.is_undefined();
            if undefined { Err(minijinja::ErrorKind::UndefinedError.into()) } else { Ok(value) }
        });
        match value.map_err(|e| (e.kind(), e.detail().map(str::to_owned))).map(|value| serde_json::to_value(&value)) {
            Ok(Ok(value)) => Evaluated::Value(value),
            Ok(Err(error)) => problem(
                "failed-expression",
                format!("`{inside}` has no value that JSON can hold: {error}"),
                "no value",
                String::new(),
            ),
            Err((kind, detail)) => {
                let why = detail.unwrap_or_else(|| kind.to_string());
                let names: Vec<_> = text.scope.dotted().collect();
                let hint = format!("names here: {}", listed(names.iter().map(String::as_str)));
                problem("failed-expression", format!("`{}` has no value: {why}", inside.trim()), "no value", hint)
            }
        }
    }
}

fn problem(code: &'static str, message: String, label: &str, hint: String) -> Evaluated {
    Evaluated::Problem(code, message, label.to_owned(), hint)
}

/// A fact stands alone in its expression: nobody can compute with what nobody knows yet.
fn deferred(path: &str, inside: &str, allowed: bool) -> Evaluated {
    if !allowed {
        let hint = "it can stand in the `with:` of a plugin step and in the message of an approval".to_owned();
        return problem("fact-of-the-run", format!("`{path}` is known only while a run goes on"), "not known yet", hint);
    }
    if inside.trim() != path {
        let message = format!("`{path}` has to stand alone in its expression: it is known only while a run goes on");
        return problem("fact-of-the-run", message, "cannot be computed yet", format!("write `${{{path}}}`"));
    }
    Evaluated::Deferred(path.to_owned())
}

/// A secret stands alone in its expression, as the placeholder that the plugin host replaces.
fn secret(path: &str, inside: &str, granted: Granted<'_>) -> Evaluated {
    let (plugin, secrets) = match granted {
        Granted::To(plugin, secrets) => (plugin, secrets),
        Granted::Unread => return Evaluated::Unknown,
        Granted::Nowhere => {
            let hint =
                "a secret can stand in the `with:` of a plugin that is granted it, in `auth`, and as `infrastructure.spot.token`";
            let message = format!("the secret `{path}` cannot stand here");
            return problem("secret-not-here", message, "a secret", hint.to_owned());
        }
    };
    let name = path.strip_prefix("secrets.").unwrap_or_default();
    if inside.trim() != path {
        let message = format!("`{path}` has to stand alone in its expression: nothing is computed with a secret");
        return problem("secret-not-here", message, "a secret", format!("write `${{{path}}}`"));
    }
    if secrets.contains_key(name) {
        return Evaluated::Value(Value::String(secret_placeholder(name)));
    }
    let message = format!("the plugin `{plugin}` is not granted the secret `{name}`");
    let hint = format!(
        "say where it may be sent: `plugins: {{ {plugin}: {{ grants: {{ secrets: {{ {name}: [\"https://…\"] }} }} }} }}`"
    );
    problem("secret-not-granted", message, "not granted", hint)
}

fn later(path: &str) -> Evaluated {
    let hint = "inputs come first, then names, the region, the artifact, the workflow's variables, the service's variables; each may use those before it";
    problem(
        "unresolved-expression",
        format!("`{path}` cannot be used here: it is resolved later than this text"),
        "resolved later",
        hint.to_owned(),
    )
}

fn unresolved(path: &str, text: Text<'_>) -> Evaluated {
    let mut names: Vec<_> = text.scope.dotted().collect();
    if text.facts {
        names.extend(FACTS.map(str::to_owned));
    }
    let root = path.split('.').next().unwrap_or(path);
    let siblings: Vec<_> = names.iter().map(String::as_str).filter(|name| name.split('.').next() == Some(root)).collect();
    let label = nearest(path, names.iter().map(String::as_str))
        .map_or_else(|| "no such name".to_owned(), |near| format!("did you mean `{near}`?"));
    let mut hint = match (siblings.as_slice(), names.as_slice()) {
        ([], []) => "no names are declared".to_owned(),
        ([], _) => format!("names here: {}", listed(names.iter().map(String::as_str))),
        (siblings, _) => format!("names here: {}", listed(siblings.iter().copied())),
    };
    if !path.contains('.') {
        hint = format!("{LITERAL}; {hint}");
    }
    problem("unresolved-expression", format!("`{path}` does not exist"), &label, hint)
}

/// A value inside of a longer text.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

/// `x`, when the text is `${secrets.x}` and nothing else.
pub(crate) fn secret_name(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${")?.strip_suffix('}')?.trim().strip_prefix("secrets.").filter(|name| super::is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn scope(value: &str) -> Scope {
        Scope::empty()
            .with("input", [("x".to_owned(), Some(json!(value))), ("n".to_owned(), Some(json!(4))), ("late".to_owned(), None)])
            .with("service", [("name".to_owned(), Some(json!("web")))])
    }

    fn resolve(engine: &Engine, text: &str, value: &str) -> Outcome {
        engine.resolve(Text { text, scope: &scope(value), facts: true, secrets: Granted::Nowhere }, &mut |_| {})
    }

    #[test]
    fn a_whole_expression_keeps_its_type_and_a_part_becomes_text() {
        let engine = Engine::new();
        let known = |text| match resolve(&engine, text, "v") {
            Outcome::Known(value) => value,
            other => json!(format!("{other:?}")),
        };
        assert_eq!(known("${input.n}"), json!(4));
        assert_eq!(known("${input.n * 2 + 1}"), json!(9));
        assert_eq!(known("n=${input.n}, x=${input.x|upper}"), json!("n=4, x=V"));
        assert_eq!(known("${'$'}{HOME} $HOME {{ x }} %"), json!("${HOME} $HOME {{ x }} %"));
        assert_eq!(known("${'yes' if input.n > 3 else 'no'}"), json!("yes"));
        assert_eq!(resolve(&engine, "a ${input.late}", "v"), Outcome::Unknown);
        assert_eq!(resolve(&engine, "a ${input['late']}", "v"), Outcome::Unknown);
    }

    #[test]
    fn a_fact_of_the_run_stays_and_stands_alone() {
        let engine = Engine::new();
        let outcome = resolve(&engine, "${input.x}: ${ setup.newGroup.id }", "v");
        assert_eq!(outcome, Outcome::Known(json!("v: \u{E9F0}setup.newGroup.id\u{E9F1}")));
        let why = |text: &str| match resolve(&engine, text, "v") {
            Outcome::Refused(problems) => problems.into_iter().map(|p| p.message).collect::<Vec<_>>().join("; "),
            other => format!("{other:?}"),
        };
        assert!(why("${setup.newGroup.id|upper}").contains("has to stand alone"));
        assert_eq!(why("${setup.newGroup.size} ${HOME}"), "`setup.newGroup.size` does not exist; `HOME` does not exist");
        assert!(why("${VAR:-default}").starts_with("`VAR:-default` is not an expression: "));
        assert!(why("${range(9)}").contains("`range` does not exist"));
        assert!(why("${input.x|nofilter}").contains("has no value"));
        assert!(why("${input.missing|default('a')}").contains("`input.missing` does not exist"));
        assert!(why("${service['missing']}").contains("has no value"));
        assert!(why("${'x' * 100000000}").contains("has no value"));
        assert!(why("${secrets.token}").contains("cannot stand here"));
    }

    #[test]
    fn a_secret_is_named_by_the_whole_text() {
        assert_eq!(secret_name("${ secrets.spot_token }"), Some("spot_token"));
        assert_eq!([secret_name("x${secrets.a}"), secret_name("${input.a}"), secret_name("${secrets.a|upper}")], [None; 3]);
    }

    proptest! {
        #[test]
        fn what_an_input_holds_is_never_expanded(value in "(\\PC|\\$\\{input\\.n\\}|\\$\\{)*") {
            let engine = Engine::new();
            prop_assert_eq!(resolve(&engine, "<${input.x}>", &value), Outcome::Known(json!(format!("<{value}>"))));
            prop_assert_eq!(resolve(&engine, "${input.x}", &value), Outcome::Known(json!(value)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\\$\\{|\\}|'|\\.)*") {
            drop(resolve(&Engine::new(), &text, "v"));
        }

        #[test]
        fn a_text_without_expressions_stays_as_it_is(text in "[^$]*") {
            prop_assert_eq!(resolve(&Engine::new(), &text, "v"), Outcome::Known(json!(text)));
        }
    }
}
