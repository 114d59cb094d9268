//! A text, cut into what stands outside of `${…}` and what stands inside.

use std::ops::Range;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Kept as it is.
    Text(&'t str),
    /// `${…}`: what is inside, and where all of it stands in the text.
    Expression { inside: &'t str, range: Range<usize> },
    /// `${` without its `}`.
    Open { range: Range<usize> },
}

/// Cuts a text. A `}` inside of quotes or of other brackets does not end an expression.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = 0;
    while let Some(start) = text.get(rest..).and_then(|tail| tail.find("${")).map(|at| rest + at) {
        if start > rest {
            pieces.extend(text.get(rest..start).map(Piece::Text));
        }
        let inside = text.get(start + 2..).unwrap_or_default();
        let Some(length) = closing(inside) else {
            let line = inside.find('\n').unwrap_or(inside.len());
            pieces.push(Piece::Open { range: start..start + 2 + line });
            return pieces;
        };
        pieces.extend(inside.get(..length).map(|inside| Piece::Expression { inside, range: start..start + 2 + length + 1 }));
        rest = start + 2 + length + 1;
    }
    if rest < text.len() {
        pieces.extend(text.get(rest..).map(Piece::Text));
    }
    pieces
}

/// Where the `}` is that ends the expression.
fn closing(inside: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (at, character) in inside.char_indices() {
        match (quote, character) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '{' | '[' | '(') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}' | ']' | ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_expressions() {
        let insides = |text| {
            let inside = pieces(text).into_iter().map(|piece| match piece {
                Piece::Text(text) => format!("'{text}'"),
                Piece::Expression { inside, range } => format!("{inside}@{range:?}"),
                Piece::Open { range } => format!("open@{range:?}"),
            });
            inside.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(insides("a ${b.c} d"), "'a ' b.c@2..8 ' d'");
        assert_eq!(insides("${a}${b}"), "a@0..4 b@4..8");
        assert_eq!(insides("${ '}' ~ {\"x\": 1}.x }!"), " '}' ~ {\"x\": 1}.x @0..21 '!'");
        assert_eq!(insides("no $HOME here, {{ x }}"), "'no $HOME here, {{ x }}'");
        assert_eq!(insides("ok ${open\nnext"), "'ok ' open@3..9");
    }
}
