//! Words from outside, which are shown but never obeyed, and words for numbers. Pure. Those for moments are in `words`.

use std::fmt;

use maud::{Escaper, Render};
use serde::{Deserialize, Serialize};
use shiftgate_model::{is_hidden, printable};

/// The bytes in a page that words have which are not raw data.
const SENTENCE: usize = 2_000;

/// Words from a plugin, a cloud or a person. It can be shown only with what acts on a terminal, and what turns or hides text,
/// made visible; in a page it is escaped too. JSON carries it as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The words of a thing.
    pub fn of(thing: impl fmt::Display) -> Self {
        Self(thing.to_string())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes that the words have, as they came.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// As much of the beginning as takes `room` bytes in a page at most.
    pub(crate) fn cut(&self, room: usize) -> Self {
        let mut taken = 0;
        for (at, character) in self.0.char_indices() {
            let size = cost(character);
            if taken + size > room {
                return Self(self.0.get(..at).unwrap_or_default().to_owned());
            }
            taken += size;
        }
        self.clone()
    }

    /// The same, in at most so many characters of one line.
    pub(crate) fn short(&self, most: usize) -> String {
        let line = self.to_string();
        if line.chars().count() <= most {
            return line;
        }
        line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
    }
}

/// The bytes of a character in a page, rounded up.
fn cost(character: char) -> usize {
    match character {
        '&' | '<' | '>' | '"' => 6,
        '\n' => 1,
        other if is_hidden(other) => 10,
        other => other.len_utf8(),
    }
}

/// One line: line breaks are blanks.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line: String = printable(&self.0).chars().map(|c| if c == '\n' { ' ' } else { c }).collect();
        f.pad(&line)
    }
}

/// Escaped, for a page, and cut where it is no sentence any more; line breaks stay.
impl Render for Text {
    fn render_to(&self, buffer: &mut String) {
        let beginning = self.cut(SENTENCE);
        let _ = fmt::Write::write_str(&mut Escaper::new(buffer), &printable(&beginning.0));
        if beginning.len() < self.len() {
            buffer.push('…');
        }
    }
}

/// Escaped, for a page, to its last character.
pub(crate) struct Whole<'t>(pub(crate) &'t Text);

impl Render for Whole<'_> {
    fn render_to(&self, buffer: &mut String) {
        let _ = fmt::Write::write_str(&mut Escaper::new(buffer), &printable(&self.0.0));
    }
}

/// A number in four significant digits or fewer; whole ones as they are.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "no number".to_owned();
    }
    if size < f64::MIN_POSITIVE {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let whole = size.log10().floor();
    let digits = if whole >= 3.0 { 0 } else { (3.0 - whole) as usize };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1 verification`, `3 verifications`.
pub(crate) fn count(many: usize, thing: &str) -> String {
    if many == 1 { format!("1 {thing}") } else { format!("{many} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_obeyed() {
        let text = Text::of("a\u{1b}[31m<b>\r\n\u{202e}\"&");
        assert_eq!(text.to_string(), "a\\u{1b}[31m<b> \\u{202e}\"&");
        assert_eq!(text.render().into_string(), "a\\u{1b}[31m&lt;b&gt;\n\\u{202e}&quot;&amp;");
    }

    #[test]
    fn a_text_is_cut_by_what_it_takes_in_a_page() {
        let text = Text::of("<<<ab");
        assert_eq!(text.cut(12), Text::of("<<"));
        assert_eq!(text.cut(100), text);
        assert_eq!(text.short(3), "<<…");
        for character in ['<', '"', '\u{202e}', '\u{10ffff}', '\u{e0041}', 'ü', '\u{7}'] {
            assert!(Text::of(character).render().into_string().len() <= cost(character), "{character:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.01, 0.123_456, 12.0, 1234.5, 66.6667, 1e9, -0.002, 1e-9, f64::NAN].map(number);
        assert_eq!(shown, ["0", "0.01", "0.1235", "12", "1234", "66.67", "1.00e9", "-0.002", "1.00e-9", "no number"]);
    }
}
