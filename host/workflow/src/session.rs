//! One reading of a workflow: what was found so far, and typed readers that resolve expressions on the way.
//!
//! A reader returns none when the value is a mistake, which is then reported, or when it depends on an input that was not
//! given. So a caller goes on with what it has, and the whole file is read before anybody is told. Next: `meaning`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use shiftgate_model::Millis;

use crate::duration::{DurationError, duration};
use crate::expression::{Engine, Granted, Outcome, Scope, Text};
use crate::near::{listed, nearest};
use crate::read::{Fields, Key, Node, Plain, Scalar, Table, Tree, table};
use crate::source::{Sources, Span};
use crate::{Diagnostic, Files, Severity};

/// What a reading needs and what it found.
pub(crate) struct Session<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) sources: Sources,
    pub(crate) found: Vec<Diagnostic>,
    engine: Engine,
    used: BTreeSet<String>,
}

/// A scope, and whether facts of the run and secrets may stand in the text.
#[derive(Clone, Copy)]
pub(crate) struct Within<'s> {
    scope: &'s Scope,
    facts: bool,
    secrets: Granted<'s>,
}

impl Scope {
    /// For a text that has to be whole before the run.
    pub(crate) const fn now(&self) -> Within<'_> {
        Within { scope: self, facts: false, secrets: Granted::Nowhere }
    }

    /// For a text that a run completes.
    pub(crate) const fn run(&self) -> Within<'_> {
        Within { scope: self, facts: true, secrets: Granted::Nowhere }
    }

    /// For the config of a plugin, in which the secrets stand that it is granted.
    pub(crate) const fn config<'s>(&'s self, secrets: Granted<'s>) -> Within<'s> {
        Within { scope: self, facts: true, secrets }
    }
}

impl<'a> Session<'a> {
    pub(crate) fn new(files: &'a dyn Files) -> Self {
        Self { files, sources: Sources::default(), found: Vec::new(), engine: Engine::new(), used: BTreeSet::new() }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>, label: impl Into<String>) {
        self.found.push(Diagnostic::error(code, Some(span), message).label(label));
    }

    pub(crate) fn error_hint(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.found.push(Diagnostic::error(code, Some(span), message).label(label).hint(hint));
    }

    pub(crate) fn warn(&mut self, code: &'static str, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic::warning(code, Some(span), message).hint(hint));
    }

    /// Hides a text in everything that is shown from here on.
    pub(crate) fn hide(&mut self, node: &Node) {
        self.sources.mask(node.span);
    }

    /// Whether an expression used a name of `space`, or the space as a whole.
    pub(crate) fn uses(&self, space: &str, name: &str) -> bool {
        self.used.contains(space) || self.used.contains(&format!("{space}.{name}"))
    }

    /// Takes note of a name that was used without an expression.
    pub(crate) fn mark_used(&mut self, dotted: String) {
        self.used.insert(dotted);
    }

    pub(crate) fn table<'n>(&mut self, node: &'n Node, fields: &'static Fields) -> Option<Table<'n>> {
        table(node, fields, &mut self.found)
    }

    /// The mapping in a field that has to be there.
    pub(crate) fn section<'n>(
        &mut self,
        parent: Option<Table<'n>>,
        field: &str,
        what: &str,
        fields: &'static Fields,
    ) -> Option<Table<'n>> {
        let node = parent?.need(field, what, &mut self.found)?;
        self.table(node, fields)
    }

    fn wrong_type(&mut self, node: &Node, expected: &str, hint: &str) {
        let message = format!("{} has to be {expected}, and is {}", node.called(), node.kind());
        let diagnostic = Diagnostic::error("wrong-type", Some(node.place), message).label(format!("{expected} is expected"));
        self.found.push(if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) });
    }

    /// A value outside of its range.
    pub(crate) fn out_of_range(&mut self, node: &Node, message: impl Into<String>, expected: impl Into<String>) {
        self.error("out-of-range", node.place, message, expected);
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Tree::List(items) = &node.tree {
            return items;
        }
        if !node.is_null() {
            self.wrong_type(node, "a list", "begin each entry with `- `, or put the entries into `[` and `]`");
        }
        &[]
    }

    /// A mapping whose names are the user's own.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node) -> &'n [(Key, Node)] {
        if let Tree::Map(entries) = &node.tree {
            return entries;
        }
        if !node.is_null() {
            self.wrong_type(node, "a mapping", "write `name: value`, one a line");
        }
        &[]
    }

    fn resolve(&mut self, node: &Node, scalar: &Scalar, within: Within<'_>) -> Option<Value> {
        if !scalar.text.contains("${") {
            return Some(scalar.value());
        }
        let text = Text { text: &scalar.text, scope: within.scope, facts: within.facts, secrets: within.secrets };
        let used = &mut self.used;
        match self.engine.resolve(text, &mut |name| {
            used.insert(name.to_owned());
        }) {
            Outcome::Known(value) => Some(value),
            Outcome::Unknown => None,
            Outcome::Refused(problems) => {
                for problem in problems {
                    let span = self.sources.locate(node.span, &scalar.text, problem.part);
                    let diagnostic = Diagnostic::error(problem.code, Some(span), problem.message).label(problem.label);
                    self.found.push(if problem.hint.is_empty() { diagnostic } else { diagnostic.hint(problem.hint) });
                }
                None
            }
        }
    }

    /// Any value, every text in it resolved.
    pub(crate) fn value(&mut self, node: &Node, within: Within<'_>) -> Option<Value> {
        match &node.tree {
            Tree::Scalar(scalar) => self.resolve(node, scalar, within),
            Tree::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(item, within)).collect();
                items.into_iter().collect::<Option<_>>().map(Value::Array)
            }
            Tree::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, node)| (key.text.clone(), self.value(node, within))).collect();
                entries
                    .into_iter()
                    .map(|(key, value)| value.map(|value| (key, value)))
                    .collect::<Option<Map<_, _>>>()
                    .map(Value::Object)
            }
        }
    }

    /// A single value: text, number, true or false.
    fn scalar<'n>(&mut self, node: &'n Node, expected: &str, hint: &str) -> Option<&'n Scalar> {
        if let Tree::Scalar(scalar) = &node.tree {
            return Some(scalar);
        }
        self.wrong_type(node, expected, hint);
        None
    }

    /// Text as it stands there: `1.10` stays `1.10`. Never empty.
    pub(crate) fn text(&mut self, node: &Node, within: Within<'_>) -> Option<String> {
        let scalar = self.scalar(node, "text", "")?;
        let text = if scalar.text.contains("${") {
            match self.resolve(node, scalar, within)? {
                Value::String(text) => text,
                Value::Null => String::new(),
                value @ (Value::Bool(_) | Value::Number(_)) => value.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    self.error(
                        "wrong-type",
                        node.place,
                        format!("{} has to be text, and resolves to more than one value", node.called()),
                        "text is expected",
                    );
                    return None;
                }
            }
        } else {
            scalar.text.clone()
        };
        if text.trim().is_empty() {
            self.error("empty-text", node.place, format!("{} is empty", node.called()), "needs a value");
            return None;
        }
        Some(text)
    }

    /// The text of a field, if it is there.
    pub(crate) fn text_in(&mut self, table: Option<Table<'_>>, field: &str, within: Within<'_>) -> Option<String> {
        let node = table?.get(field)?;
        self.text(node, within)
    }

    /// The text of a field that has to be there.
    pub(crate) fn needed_text(
        &mut self,
        table: Option<Table<'_>>,
        field: &str,
        what: &str,
        within: Within<'_>,
    ) -> Option<String> {
        let node = table?.need(field, what, &mut self.found)?;
        self.text(node, within)
    }

    /// A whole number within `range`. Digits that come out of an expression count as a number; digits in quotes do not.
    pub(crate) fn integer(&mut self, node: &Node, within: Within<'_>, range: RangeInclusive<u32>) -> Option<u32> {
        let scalar = self.scalar(node, "a whole number", "")?;
        let value = self.resolve(node, scalar, within)?;
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if scalar.text.contains("${") => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            let hint = if scalar.text.parse::<i64>().is_ok() { "remove the quotes" } else { "" };
            if scalar.text.contains("${") {
                self.error(
                    "wrong-type",
                    node.place,
                    format!("{} has to be a whole number, and resolves to `{}`", node.called(), plain(&value)),
                    "a whole number is expected",
                );
            } else {
                self.wrong_type(node, "a whole number", hint);
            }
            return None;
        };
        let inside = u32::try_from(number).ok().filter(|number| range.contains(number));
        if inside.is_none() {
            let (least, most) = range.into_inner();
            let expected = if most == u32::MAX { format!("{least} or more") } else { format!("{least} to {most}") };
            self.out_of_range(node, format!("{} is {number}, and has to be {expected}", node.called()), expected);
        }
        inside
    }

    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.tree {
            Tree::Scalar(scalar) if matches!(scalar.plain(), Plain::Bool(_)) => Some(scalar.plain() == Plain::Bool(true)),
            _ => {
                self.wrong_type(node, "true or false", "");
                None
            }
        }
    }

    /// True or false, and an expression may say which.
    pub(crate) fn flag(&mut self, node: &Node, within: Within<'_>) -> Option<bool> {
        let scalar = self.scalar(node, "true or false", "")?;
        if !scalar.text.contains("${") {
            return self.boolean(node);
        }
        let value = self.resolve(node, scalar, within)?;
        let flag = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if flag.is_none() {
            let message = format!("{} has to be true or false, and resolves to `{}`", node.called(), plain(&value));
            self.error("wrong-type", node.place, message, "true or false is expected");
        }
        flag
    }

    /// A length of time, at least `least`.
    pub(crate) fn duration(&mut self, node: &Node, within: Within<'_>, least: Millis) -> Option<Millis> {
        const HINT: &str = "write it as `90s`, `20m`, `1h30m` or `7d`";
        self.scalar(node, "a length of time", HINT)?;
        let text = self.text(node, within)?;
        match duration(&text) {
            Ok(length) if length >= least => Some(length),
            Ok(_) => {
                self.out_of_range(node, format!("{} is `{text}`, and has to be {least} or more", node.called()), "too short");
                None
            }
            Err(error) => {
                let hint = match &error {
                    DurationError::NoUnit(number) => format!("write a unit behind it: `{number}s` or `{number}m`"),
                    DurationError::Malformed(_) | DurationError::TooLong(_) => HINT.to_owned(),
                };
                self.error_hint(
                    "malformed-duration",
                    node.place,
                    format!("{}: {error}", node.called()),
                    "a length of time is expected",
                    hint,
                );
                None
            }
        }
    }

    /// The duration of a field; `default` when it is absent.
    pub(crate) fn duration_in(&mut self, table: Table<'_>, field: &str, within: Within<'_>, default: Millis) -> Option<Millis> {
        match table.get(field) {
            Some(node) => self.duration(node, within, Millis(1)),
            None => Some(default),
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, node: &Node, within: Within<'_>, options: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, within)?;
        let option = options.iter().find(|(name, _)| *name == text).map(|(_, option)| *option);
        if option.is_none() {
            let names = || options.iter().map(|(name, _)| *name);
            self.no_such(node.place, &format!("{} cannot be `{text}`", node.called()), &text, names(), "it can be");
        }
        option
    }

    /// A name that does not exist, with the near match and the names that do.
    pub(crate) fn no_such<'n>(
        &mut self,
        span: Span,
        message: &str,
        typed: &str,
        names: impl Iterator<Item = &'n str> + Clone,
        they_are: impl Display,
    ) {
        let label = nearest(typed, names.clone()).map_or_else(|| "unknown".to_owned(), |name| format!("did you mean `{name}`?"));
        let listed = listed(names);
        let diagnostic = Diagnostic::error("unknown-name", Some(span), message).label(label);
        self.found.push(if listed.is_empty() { diagnostic } else { diagnostic.hint(format!("{they_are} {listed}")) });
    }
}

/// A value in a message.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
