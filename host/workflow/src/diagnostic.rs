//! Mistakes in a workflow, with their places. All of them at once, as text for people or as data for programs.
//!
//! Knows nothing of what a workflow means. The next module is `read`, which finds the first kinds of mistakes.

use std::fmt;
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use textwrap::WordSplitter;

use crate::Source;
use crate::source::{Sources, Span};

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The workflow cannot run.
    Error,
    /// It can run, and is probably not what was meant.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Stable, kebab-case: `unknown-field`.
    pub code: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Which text it is in: an index into [`Diagnostics::sources`].
    pub source: usize,
    /// Where, in bytes of that text; none when it has no place, as an input of the command line.
    pub span: Option<Range<usize>>,
    /// A word or two for the place.
    pub label: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Other places that belong to it, in the same text, with a word for each.
    pub related: Vec<(Range<usize>, String)>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, code: &'static str, span: Option<Span>, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            source: span.map_or(0, |span| span.source),
            span: span.map(Span::range),
            label: None,
            hint: None,
            related: Vec::new(),
        }
    }

    pub(crate) fn error(code: &'static str, span: Option<Span>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message)
    }

    pub(crate) fn warning(code: &'static str, span: Option<Span>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message)
    }

    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Another place; kept only when it is in the same text.
    #[must_use]
    pub(crate) fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        if span.source == self.source {
            self.related.push((span.range(), label.into()));
        }
        self
    }
}

/// Every mistake of one workflow, in the order of the file. Never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Vec<Source>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None when there is nothing to say.
    pub(crate) fn new(sources: Sources, mut list: Vec<Diagnostic>) -> Option<Self> {
        list.sort_by_key(|d| (d.span.is_some(), d.source, d.span.as_ref().map(|span| span.start)));
        list.dedup();
        (!list.is_empty()).then(|| Self { sources: sources.into_vec(), list })
    }

    /// One mistake that hides all others.
    pub(crate) fn just(sources: Sources, diagnostic: Diagnostic) -> Self {
        Self { sources: sources.into_vec(), list: vec![diagnostic] }
    }

    /// The mistakes, in the order of the file; those without a place come first.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The texts that they are in; the workflow file comes first.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Whether the workflow cannot run.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// `2 errors, 1 warning`.
    #[must_use]
    pub fn count(&self) -> String {
        let errors = self.list.iter().filter(|d| d.severity == Severity::Error).count();
        let parts = [(errors, "error"), (self.list.len() - errors, "warning")];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        parts.map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" })).collect::<Vec<_>>().join(", ")
    }

    /// The mistakes with the lines that they are in, `width` columns wide, for a person.
    #[must_use]
    pub fn render(&self, color: bool, width: usize) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(width)
            .with_word_splitter(WordSplitter::NoHyphenation)
            .with_links(false)
            .without_syntax_highlighting();
        let texts: Vec<_> = self.sources.iter().map(|s| NamedSource::new(&s.name, s.text.clone())).collect();
        let mut out = String::new();
        for diagnostic in &self.list {
            let shown = Shown { diagnostic, text: texts.get(diagnostic.source) };
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&diagnostic.message);
            }
            out.push('\n');
        }
        out.push_str(&self.count());
        out.push('\n');
        out
    }

    fn to_json(&self, diagnostic: &Diagnostic) -> Value {
        let source = self.sources.get(diagnostic.source);
        let place = diagnostic.span.as_ref().zip(source).map(|(span, source)| line_and_column(&source.text, span.start));
        let related = diagnostic.related.iter().zip(source.into_iter().cycle());
        json!({
            "severity": diagnostic.severity,
            "code": diagnostic.code,
            "message": diagnostic.message,
            "file": place.and(source).map(|source| &source.name),
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
            "label": diagnostic.label,
            "hint": diagnostic.hint,
            "related": related.map(|((span, label), source)| {
                let (line, column) = line_and_column(&source.text, span.start);
                json!({"line": line, "column": column, "message": label})
            }).collect::<Vec<_>>(),
        })
    }
}

/// Both from 1; a column is a character.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before.get(line_start..).map_or(0, |line| line.chars().count()) + 1)
}

impl Serialize for Diagnostics {
    /// A list of `{severity, code, message, file, line, column, label, hint, related}`; what is absent is null.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.list.len()))?;
        for diagnostic in &self.list {
            list.serialize_element(&self.to_json(diagnostic))?;
        }
        list.end()
    }
}

impl fmt::Display for Diagnostics {
    /// One line a mistake: `canary.yaml:3:5: error: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, diagnostic) in self.list.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            if let (Some(span), Some(source)) = (&diagnostic.span, self.sources.get(diagnostic.source)) {
                let (line, column) = line_and_column(&source.text, span.start);
                write!(f, "{}:{line}:{column}: ", source.name)?;
            }
            let word = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            write!(f, "{word}: {}", diagnostic.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A diagnostic in the shape that miette renders.
#[derive(Debug)]
struct Shown<'d> {
    diagnostic: &'d Diagnostic,
    text: Option<&'d NamedSource<String>>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.diagnostic.span.as_ref().and(self.text).map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.diagnostic.span.clone()?;
        let first = LabeledSpan::new_primary_with_span(self.diagnostic.label.clone(), span);
        let others = self.diagnostic.related.iter();
        Some(Box::new(
            std::iter::once(first)
                .chain(others.map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()))),
        ))
    }
}
