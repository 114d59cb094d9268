//! Texts that a plan is made from, and places in them.
//!
//! This room opens no file: the caller hands in [`Files`]. Every text that was read is kept, so that a diagnostic can
//! show the line it is about, be it in the workflow file, the Elastigroup JSON or the user data. Next: `diagnostic`.

use std::ops::Range;

use crate::Diagnostic;

/// The largest text that is read, in bytes. A workflow has kilobytes.
const LARGEST: usize = 1 << 20;

/// Around the name of a fact that only a run has. Private-use characters, refused in everything that a user writes.
pub(crate) const DEFER_OPEN: char = '\u{E9F0}';
/// Behind it.
pub(crate) const DEFER_CLOSE: char = '\u{E9F1}';

/// A text and the name that messages call it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the operator typed it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Files that a workflow names. Paths are relative to the workflow file.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words: `no such file`.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The absolute path, whether there is such a file or not.
    fn resolve(&self, path: &str) -> String;
}

/// A place in one of the [`Sources`], in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which source.
    pub(crate) source: usize,
    /// First byte.
    pub(crate) start: usize,
    /// Behind the last byte.
    pub(crate) end: usize,
}

impl Span {
    pub(crate) const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Every text read so far; the workflow file is number 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Keeps a text, if it is one that can be used.
    pub(crate) fn add(&mut self, source: Source) -> Result<usize, Box<Diagnostic>> {
        let index = self.0.len();
        let Source { name, text } = &source;
        let refused = if text.len() > LARGEST {
            Some(Diagnostic::error(
                "file-too-large",
                None,
                format!("`{name}` has {} bytes, and {LARGEST} are the most", text.len()),
            ))
        } else {
            text.find([DEFER_OPEN, DEFER_CLOSE]).map(|start| {
                let span = Span { source: index, start, end: start + DEFER_OPEN.len_utf8() };
                Diagnostic::error("reserved-character", Some(span), "this character is reserved")
                    .label("U+E9F0 or U+E9F1")
                    .hint("remove it")
            })
        };
        self.0.push(source);
        refused.map_or(Ok(index), |refused| Err(Box::new(refused)))
    }

    /// Writes `*` over a text that nobody is to see; every place stays where it is.
    pub(crate) fn mask(&mut self, span: Span) {
        let source = self.0.get_mut(span.source);
        if let Some((text, hidden)) =
            source.and_then(|source| source.text.get(span.range()).map(str::len).map(|n| (&mut source.text, n)))
        {
            text.replace_range(span.range(), &"*".repeat(hidden));
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Source> {
        self.0
    }

    /// The text of a place; empty when there is no such place.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.0.get(span.source).and_then(|source| source.text.get(span.range())).unwrap_or_default()
    }

    /// Where a part of a scalar's text stands in the source, by the part's own words: escapes and indentation make a
    /// scalar's text differ from what the file has. The whole scalar when the words do not occur.
    pub(crate) fn locate(&self, scalar: Span, text: &str, part: Range<usize>) -> Span {
        let (Some(words), Some(before)) = (text.get(part.clone()), text.get(..part.start)) else { return scalar };
        let earlier = before.matches(words).count();
        match self.slice(scalar).match_indices(words).nth(earlier) {
            Some((offset, _)) => {
                let start = scalar.start + offset;
                Span { source: scalar.source, start, end: start + words.len() }
            }
            None => scalar,
        }
    }
}
