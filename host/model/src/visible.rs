//! Which characters a reader does not see, or sees elsewhere than they stand. Pure.

/// Whether a terminal acts on a character, or whether it hides or reorders text: control characters, marks that turn the
/// writing direction, blanks without width, tags and variation selectors.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Text from a plugin, a cloud or a person: what a terminal acts on, and what turns or hides text, becomes visible. Line feeds stay,
/// tabs become blanks.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            '\t' => shown.push(' '),
            '\r' => {}
            other if is_hidden(other) => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\nb\tc\u{202e}"), "a\\u{1b}[31mred\\u{7}\nb c\\u{202e}");
        assert_eq!(printable("größer ≥ 3"), "größer ≥ 3");
    }
}
