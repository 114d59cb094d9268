//! How much a page may hold. What does not fit is left out, and that is said. Pure.

use std::cell::Cell;

use maud::{Markup, Render as _, html};

use crate::text::{Text, Whole, count};

/// The bytes that all sentences, drawings and events have together.
const SHOWN: usize = 1_100 << 10;

/// The bytes that all data and raw answers have together: they are much, and take no drawing's place.
const RAW: usize = 600 << 10;

/// The bytes of one answer.
const ANSWER: usize = 16 << 10;

/// What is left.
pub(super) struct Room {
    shown: Cell<usize>,
    raw: Cell<usize>,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { shown: Cell::new(SHOWN), raw: Cell::new(RAW) }
    }

    /// The part, where there is room for it.
    pub(super) fn fit(&self, part: Markup) -> Option<Markup> {
        fit(&self.shown, part)
    }

    /// The part, or that it is left out.
    pub(super) fn or_say(&self, what: &str, part: Markup) -> Markup {
        self.fit(part).unwrap_or_else(|| html! { p.note { (what) " is left out: the page is full." } })
    }

    /// The parts that there is room for, and how many there was none for.
    pub(super) fn all(&self, thing: &str, parts: impl ExactSizeIterator<Item = Markup>) -> (Vec<Markup>, Option<Markup>) {
        all(&self.shown, thing, parts)
    }

    /// The same for parts that hold raw data.
    pub(super) fn all_raw(&self, thing: &str, parts: impl ExactSizeIterator<Item = Markup>) -> (Vec<Markup>, Option<Markup>) {
        all(&self.raw, thing, parts)
    }

    /// A part that is made of parts: what stands around those takes room too.
    pub(super) fn whole(&self, build: impl FnOnce() -> Markup) -> Markup {
        let left = || self.shown.get() + self.raw.get();
        let before = left();
        let part = build();
        let around = part.0.len().saturating_sub(before - left());
        self.shown.set(self.shown.get().saturating_sub(around));
        part
    }

    /// A raw answer, or its beginning; the part that it stands in takes the room.
    pub(super) fn raw(&self, text: &Text, was_cut: bool) -> Markup {
        let beginning = text.cut(ANSWER.min(self.raw.get()));
        let missing = text.len() - beginning.len();
        html! {
            @if text.is_empty() { p.note { "Empty." } } @else { pre { (Whole(&beginning).render()) } }
            @if missing > 0 { p.note { "The last " (missing) " bytes are left out here; " code { "--output json" } " has them." } }
            @if was_cut { p.note { "There was more of it than is kept." } }
        }
    }
}

fn fit(left: &Cell<usize>, part: Markup) -> Option<Markup> {
    left.set(left.get().checked_sub(part.0.len())?);
    Some(part)
}

fn all(left: &Cell<usize>, thing: &str, parts: impl ExactSizeIterator<Item = Markup>) -> (Vec<Markup>, Option<Markup>) {
    let many = parts.len();
    let shown: Vec<Markup> = parts.map_while(|part| fit(left, part)).collect();
    let rest = many - shown.len();
    let said = (rest > 0).then(|| html! { p.note { "The page is full: " (count(rest, thing)) " more left out." } });
    (shown, said)
}
