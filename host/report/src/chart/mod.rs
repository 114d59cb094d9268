//! The arithmetic of charts: scales, round numbers for their axes, and many points made few. Pure, and without a word of SVG:
//! the page and the terminal draw with the same numbers.

mod reduce;
mod scale;

pub(crate) use reduce::{Column, columns, runs, steps_of};
pub(crate) use scale::{Scale, extent, time_ticks, value_ticks};
