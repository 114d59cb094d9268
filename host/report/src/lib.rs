//! What a person sees of a run, after it or while it goes on: its story, as a page and as text.
//!
//! [`Story::of`] folds the events and the evidence of one run into what happened when; [`page`] draws it as one HTML file that
//! needs nothing else, [`terminal`] as text. Pure: facts in, text out; who reads the record and writes the file is `cli`. All
//! that comes from outside is a [`Text`], which cannot be shown but escaped. Read `story` first, then `page`.

mod analysis;
mod chart;
mod page;
mod story;
mod terminal;
mod text;
pub mod words;

pub use page::page;
pub use story::{Facts, Heading, Planned, Story};
pub use terminal::terminal;
pub use text::Text;

#[cfg(test)]
mod tests;
