//! How much a page may hold. What does not fit is left out, and that is said. Pure.

use std::cell::Cell;

use maud::{Markup, Render as _, html};

use crate::text::{Text, Whole, count};

/// The bytes that all lists, drawings and answers have together; the frame around them is small.
const ALL: usize = 1_600 << 10;

/// The bytes of one answer.
const ANSWER: usize = 16 << 10;

/// What is left.
pub(super) struct Room {
    left: Cell<usize>,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { left: Cell::new(ALL) }
    }

    /// The part, where there is room for it.
    pub(super) fn fit(&self, part: Markup) -> Option<Markup> {
        let left = self.left.get().checked_sub(part.0.len())?;
        self.left.set(left);
        Some(part)
    }

    /// The part, or that it is left out.
    pub(super) fn or_say(&self, what: &str, part: Markup) -> Markup {
        self.fit(part).unwrap_or_else(|| html! { p.note { (what) " is left out: the page is full." } })
    }

    /// The parts that there is room for, and how many there was none for.
    pub(super) fn all(&self, thing: &str, parts: impl ExactSizeIterator<Item = Markup>) -> (Vec<Markup>, Option<Markup>) {
        let many = parts.len();
        let shown: Vec<Markup> = parts.map_while(|part| self.fit(part)).collect();
        let rest = many - shown.len();
        let said = (rest > 0).then(|| html! { p.note { "The page is full: " (count(rest, thing)) " more left out." } });
        (shown, said)
    }

    /// A raw answer, or its beginning; the part that it stands in takes the room.
    pub(super) fn raw(&self, text: &Text, was_cut: bool) -> Markup {
        let beginning = text.cut(ANSWER.min(self.left.get()));
        let missing = text.len() - beginning.len();
        html! {
            @if text.is_empty() { p.note { "Empty." } } @else { pre { (Whole(&beginning).render()) } }
            @if missing > 0 { p.note { "The last " (missing) " bytes are left out here; " code { "--output json" } " has them." } }
            @if was_cut { p.note { "There was more of it than is kept." } }
        }
    }
}
