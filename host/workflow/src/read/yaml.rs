//! YAML (and so JSON) to a tree. Duplicate keys and aliases that grow are refused; anchors and aliases are followed.
//!
//! A text that is no YAML ends at its first mistake; everything that is YAML is read to its end, mistakes and all.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use super::{Key, Node, Scalar, Tree};
use crate::Diagnostic;
use crate::source::Span;

/// How deep values may nest, aliases followed.
const DEEPEST: usize = 100;
/// How many values a file may have, aliases followed.
const MOST: usize = 50_000;

/// Reads one document. None after a mistake that hides the rest; other mistakes are added to `found`.
pub(crate) fn parse(text: &str, source: usize, found: &mut Vec<Diagnostic>) -> Option<Node> {
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { text, source, parser, anchors: BTreeMap::new(), count: 0, found: Vec::new() };
    let root = builder.document();
    found.append(&mut builder.found);
    match root {
        Ok(root) => Some(root),
        Err(diagnostic) => {
            found.push(*diagnostic);
            None
        }
    }
}

/// Ends the reading of a file.
type Stop = Box<Diagnostic>;

struct Builder<'t> {
    text: &'t str,
    source: usize,
    parser: Parser<'t, StrInput<'t>>,
    /// Anchored values, each with its depth.
    anchors: BTreeMap<usize, (Node, usize)>,
    count: usize,
    found: Vec<Diagnostic>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(0..0);
                Ok((event, Span { source: self.source, start: range.start, end: range.end.max(range.start) }))
            }
            Some(Err(error)) => Err(self.malformed(&error)),
            None => Ok((Event::StreamEnd, Span { source: self.source, start: self.text.len(), end: self.text.len() })),
        }
    }

    fn malformed(&self, error: &ScanError) -> Stop {
        let start = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let width = self.text.get(start..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n').map_or(0, char::len_utf8);
        let span = Span { source: self.source, start, end: start + width };
        let diagnostic =
            Diagnostic::error("malformed-yaml", Some(span), format!("this is not YAML: {}", error.info())).label("here");
        let line = self.text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
        let hint = if line.starts_with([' ', '\t']) && line.trim_start_matches(' ').starts_with('\t') {
            Some("YAML is indented by blanks, not by tabs")
        } else if line.contains("${") {
            Some("put a text with an expression in quotes: \"${input.name}\"")
        } else {
            None
        };
        Box::new(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        })
    }

    fn document(&mut self) -> Result<Node, Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => {
                    let diagnostic = Diagnostic::error("empty-file", None, "the file is empty");
                    return Err(Box::new(diagnostic.hint("`shiftgate init --strategy canary` writes a whole one")));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => {
                    let (node, _) = self.node(event, span, None, 0)?;
                    self.end()?;
                    return Ok(node);
                }
            }
        }
    }

    /// Nothing may follow the document.
    fn end(&mut self) -> Result<(), Stop> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), span) => {
                    let message = "a file holds one document, and here a second one begins";
                    self.found.push(
                        Diagnostic::error("second-document", Some(span), message).hint("remove it, or give it a file of its own"),
                    );
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// The value that `event` begins, and its depth.
    fn node(&mut self, event: Event<'t>, span: Span, key: Option<&Key>, above: usize) -> Result<(Node, usize), Stop> {
        self.grow(1, above + 1, span)?;
        let anchor = event.anchor_id().filter(|id| *id > 0);
        let tag = event.tag().map(granit_parser::Tag::original);
        let (tree, span, depth) = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain && !matches!(tag.as_deref(), Some("!!str" | "!"));
                (Tree::Scalar(Scalar { text: text.into_owned(), plain }), self.trimmed(span), 1)
            }
            Event::SequenceStart(..) => self.list(span, above + 1)?,
            Event::MappingStart(..) => self.map(span, above + 1)?,
            Event::Alias(id) => return self.alias(id, span, key, above),
            _ => (Tree::Scalar(Scalar { text: String::new(), plain: true }), span, 1),
        };
        if let Some(tag) = tag.filter(|tag| !tag.starts_with("!!") && tag != "!") {
            let diagnostic = Diagnostic::error("unknown-tag", Some(span), format!("the tag `{tag}` means nothing in a workflow"));
            self.found.push(diagnostic.hint("remove it"));
        }
        let node = self.placed(tree, span, key);
        if let Some(id) = anchor {
            self.anchors.insert(id, (node.clone(), depth));
        }
        Ok((node, depth))
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<(Tree, Span, usize), Stop> {
        let (mut items, mut deepest) = (Vec::new(), 0);
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, end) => {
                    return Ok((Tree::List(items), self.joined(start, end), deepest + 1));
                }
                (event, span) => {
                    let (item, below) = self.node(event, span, None, depth)?;
                    items.push(item);
                    deepest = deepest.max(below);
                }
            }
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<(Tree, Span, usize), Stop> {
        let (mut entries, mut deepest): (Vec<(Key, Node)>, usize) = (Vec::new(), 0);
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, end) => {
                    return Ok((Tree::Map(entries), self.joined(start, end), deepest + 1));
                }
                key => key,
            };
            let (key, _) = self.node(event, span, None, depth)?;
            let key = match key.tree {
                Tree::Scalar(scalar) => Some(Key { text: scalar.text, span: key.span }),
                Tree::List(_) | Tree::Map(_) => {
                    self.found.push(Diagnostic::error("key-not-text", Some(key.place), "a key has to be text"));
                    None
                }
            };
            let (event, span) = self.next()?;
            let (value, below) = self.node(event, span, key.as_ref(), depth)?;
            deepest = deepest.max(below);
            let Some(key) = key else { continue };
            match entries.iter().find(|(earlier, _)| earlier.text == key.text) {
                Some((earlier, _)) => self.found.push(
                    Diagnostic::error("duplicate-key", Some(key.span), format!("`{}` stands here twice", key.text))
                        .label("and again")
                        .related(earlier.span, "first here")
                        .hint("remove one of them"),
                ),
                None => entries.push((key, value)),
            }
        }
    }

    /// A copy of the anchored value; its places are those of the anchor.
    fn alias(&mut self, id: usize, span: Span, key: Option<&Key>, above: usize) -> Result<(Node, usize), Stop> {
        let Some((node, depth)) = self.anchors.get(&id) else {
            return Err(Box::new(Diagnostic::error("alias-in-itself", Some(span), "this alias stands inside of its own anchor")));
        };
        let (node, depth) = (node.clone(), *depth);
        self.grow(size(&node), above + depth, span)?;
        Ok((Node { field: key.map(|key| key.text.clone()), ..node }, depth))
    }

    fn grow(&mut self, values: usize, depth: usize, span: Span) -> Result<(), Stop> {
        self.count += values;
        let limit = if depth > DEEPEST {
            format!("values nest deeper than {DEEPEST}")
        } else if self.count > MOST {
            format!("the file has more than {MOST} values, aliases followed")
        } else {
            return Ok(());
        };
        Err(Box::new(Diagnostic::error("file-too-large", Some(span), limit).label("at this one")))
    }

    fn joined(&self, start: Span, end: Span) -> Span {
        self.trimmed(Span { end: end.end.max(start.end), ..start })
    }

    /// Without the blanks and line breaks behind it.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or_default();
        Span { end: span.start + text.trim_end().len(), ..span }
    }

    /// Points at the key of a long value, and at all of a short one.
    fn placed(&self, tree: Tree, span: Span, key: Option<&Key>) -> Node {
        let text = self.text.get(span.range()).unwrap_or_default();
        let first = text.find('\n').map_or(text.len(), |at| at);
        let long = first < text.len() || text.is_empty();
        let place = match (long, key) {
            (true, Some(key)) => key.span,
            (true, None) => Span { end: span.start + text.get(..first).unwrap_or_default().trim_end().len(), ..span },
            (false, _) => span,
        };
        Node { tree, span, place, field: key.map(|key| key.text.clone()) }
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.tree {
        Tree::Scalar(_) => 0,
        Tree::List(items) => items.iter().map(size).sum(),
        Tree::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> (Option<serde_json::Value>, Vec<String>) {
        let mut found = Vec::new();
        let node = parse(text, 0, &mut found);
        (node.map(|node| node.value()), found.into_iter().map(|d| d.message).collect())
    }

    #[test]
    fn a_document_becomes_a_tree() {
        let text = "a: [1, '2', \"x\\ty\"]\nb: &it { c: true }\nd: *it\ne: |\n  one\n  two\nf: !!str 5\n";
        let tree = json!({"a": [1, "2", "x\ty"], "b": {"c": true}, "d": {"c": true}, "e": "one\ntwo\n", "f": "5"});
        assert_eq!(read(text), (Some(tree), vec![]));
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "name: web\nrun: |\n  one\n  two\nlist:\n  - a\n  - \"b c\"\n";
        let node = parse(text, 0, &mut Vec::new());
        let Some(Tree::Map(entries)) = node.map(|node| node.tree) else { panic!("a mapping") };
        let places: Vec<_> = entries.iter().map(|(_, node)| (&text[node.place.range()], &text[node.span.range()])).collect();
        assert_eq!(places, [("web", "web"), ("run", "one\n  two"), ("list", "- a\n  - \"b c\"")]);
    }

    #[test]
    fn what_is_not_a_tree_is_refused() {
        let refused = |text: &str| read(text).1.join("; ");
        assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "`a` stands here twice");
        assert_eq!(refused(""), "the file is empty");
        assert_eq!(refused("# only a comment\n"), "the file is empty");
        assert_eq!(refused("a: 1\n---\nb: 2\n"), "a file holds one document, and here a second one begins");
        assert_eq!(refused("a: &x [*x]\n"), "this alias stands inside of its own anchor");
        assert_eq!(refused("a: !env HOME\n"), "the tag `!env` means nothing in a workflow");
        assert_eq!(refused("[a]: 1\n"), "a key has to be text");
        assert!(refused("a: [1, 2\nb: 3").starts_with("this is not YAML: "));
        assert_eq!(refused(&format!("{}{}", "[".repeat(150), "]".repeat(150))), "values nest deeper than 100");
    }

    #[test]
    fn aliases_cannot_make_a_small_file_large() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
        }
        assert_eq!(read(&text).1, ["the file has more than 50000 values, aliases followed"]);
    }
}
