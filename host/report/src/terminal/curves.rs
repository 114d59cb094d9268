//! What was measured, in characters: each series by itself on one scale, so that no reader has to tell them by colours. Pure.

use owo_colors::OwoColorize as _;
use shiftgate_model::Timestamp;

use super::{Page, word};
use crate::analysis::{Judgement, Mark, Metric, Score, Series, Side};
use crate::chart::{Column, Scale, columns, extent, runs, value_ticks};
use crate::story::Measured;
use crate::text::{Text, number};
use crate::words::clock;

/// The rows of a curve: braille has four dots one above the other.
const ROWS: usize = 4;
/// The columns of the numbers before a curve.
const NUMBERS: usize = 16;
const MOST_SERIES: usize = 4;

pub(super) fn score(page: &mut Page, score: &Score) {
    let limit =
        |word: &str, value: Option<f64>| value.map(|value| format!("; {word} from {}", number(value))).unwrap_or_default();
    let mut line = format!("Score {} of 100, {}", number(score.total), score.classification.short(40));
    line.push_str(&limit("pass", score.pass));
    line.push_str(&limit("marginal", score.marginal));
    page.words(4, "", &Text::of(line));
    let groups = score.groups.iter().take(20).map(|group| {
        let score = group.score.map_or_else(|| "none".to_owned(), number);
        format!("{} {score}", group.name.short(30))
    });
    page.words(6, "", &Text::of(groups.collect::<Vec<_>>().join(", ")));
}

/// What a plugin measured that draws nothing.
pub(super) fn measured(page: &mut Page, one: &Measured) {
    let value = one.value.map_or_else(|| "no data".to_owned(), number);
    let unit = if one.unit.is_empty() { String::new() } else { format!(" {}", one.unit.short(12)) };
    let wanted = if one.threshold.is_empty() { String::new() } else { format!(", wanted {}", one.threshold.short(20)) };
    page.drawn(&format!("    {} = {value}{unit}{wanted}: {}", one.name.short(30), word(one.verdict.into())));
}

pub(super) fn metric(page: &mut Page, metric: &Metric) {
    let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit.short(12)) };
    let flags = [(metric.critical, "  critical"), (metric.dry_run, "  shown only")];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    let name = metric.name.short(40);
    page.drawn(&format!("    {}{unit}  {}{}", name.bold(), word(metric.verdict.into()), flags.dimmed()));
    if !metric.reason.is_empty() {
        page.words(6, "", &metric.reason);
    }
    draw(page, metric);
    if let Some(judgement) = &metric.judgement {
        page.words(6, "", &Text::of(numbers(judgement)));
        if !judgement.digest.is_empty() {
            page.line(6, &format!("samples {}", judgement.digest));
        }
    }
}

fn numbers(judgement: &Judgement) -> String {
    let method = if judgement.method.is_empty() { String::new() } else { format!(" ({})", judgement.method.short(20)) };
    let effect = judgement.effect.as_ref().and_then(|effect| effect.value.map(|value| (effect.measure.short(30), number(value))));
    let parts = [
        judgement.sides(number).map(|sides| format!("n {sides}")),
        judgement.u.map(|u| format!("U {}", number(u))),
        judgement.p.map(|p| format!("p {}", number(p))),
        judgement.estimate.map(|estimate| format!("estimate {}", number(estimate))),
        judgement.interval.map(|(low, high)| format!("interval {} to {}", number(low), number(high))),
        effect.map(|(measure, value)| format!("effect {value} {measure}")),
    ];
    format!("found {}{method}: {}", judgement.label.short(20), parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn draw(page: &mut Page, metric: &Metric) {
    let series = || metric.series.iter().take(MOST_SERIES);
    let moments = || {
        let points = series().flat_map(|series| series.points.iter().map(|point| point.0));
        points.chain(metric.measurements.iter().map(|measurement| measurement.at))
    };
    let (Some(from), Some(until)) = (moments().min(), moments().max()) else { return };
    let cells = page.columns - NUMBERS - 14;
    let curves: Vec<(&Series, Vec<Column>)> =
        series().map(|series| (series, columns(&series.points, from, until, cells * 2))).collect();
    let ends = curves.iter().flat_map(|(_, columns)| columns.iter().flat_map(|column| [column.least(), column.greatest()]));
    let limits = [metric.min, metric.max].into_iter().flatten();
    let (low, high) = extent(ends.chain(limits)).unwrap_or((0.0, 1.0));
    let (_, (low, high)) = value_ticks(low, high);
    for (series, columns) in &curves {
        let name = format!("{} {}", series.side.word(), series.label);
        page.line(6, name.trim_end());
        let canvas = Canvas { from, until, low, high, cells };
        canvas.show(page, columns, series.side, metric);
    }
    let (first, last) = (clock(from), clock(until));
    if !metric.measurements.is_empty() {
        let scale = Scale::of_time(from, until, (0.0, cells.saturating_sub(1) as f64));
        let mut marks = vec![' '; cells];
        for measurement in &metric.measurements {
            let place = scale.at(measurement.at.since(from).0 as f64).round() as usize;
            if let Some(mark) = marks.get_mut(place) {
                *mark = sign(measurement.verdict);
            }
        }
        let marks: String = marks.into_iter().collect();
        page.drawn(&format!("{:>NUMBERS$}{marks}", "measured  "));
        let (mut seen, mut words) = (Vec::new(), Vec::new());
        for measurement in &metric.measurements {
            if !seen.contains(&measurement.verdict) {
                seen.push(measurement.verdict);
                words.push(format!("{} {}", sign(measurement.verdict), measurement.verdict.word()));
            }
        }
        page.drawn(&format!("{:NUMBERS$}{}", "", words.join("  ").dimmed()));
    }
    let width = cells.saturating_sub(last.len());
    page.drawn(&format!("{:NUMBERS$}{first:<width$}{last}", "").dimmed().to_string());
}

const fn sign(mark: Mark) -> char {
    match mark {
        Mark::Pass => '✓',
        Mark::Warn => '!',
        Mark::Fail => '✗',
        Mark::Inconclusive => '?',
        Mark::Skipped => '-',
        Mark::Error => 'e',
    }
}

/// A rectangle of braille, two dots wide and four high a cell.
struct Canvas {
    from: Timestamp,
    until: Timestamp,
    low: f64,
    high: f64,
    cells: usize,
}

impl Canvas {
    fn show(&self, page: &mut Page, columns: &[Column], side: Side, metric: &Metric) {
        let dots = self.dots(columns);
        let limits = [(metric.min, "at least"), (metric.max, "at most")];
        let limits: Vec<(usize, String)> = limits
            .into_iter()
            .filter_map(|(limit, word)| limit.map(|limit| (self.row(limit) / 4, format!(" {word} {}", number(limit)))))
            .collect();
        for (index, row) in dots.chunks(self.cells.max(1)).enumerate() {
            let limit = limits.iter().find(|(row, _)| *row == index);
            let empty = if limit.is_some() { '┄' } else { ' ' };
            let shown = |cell: &u8| match cell {
                0 => empty,
                dots => char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '),
            };
            let line: String = row.iter().map(shown).collect();
            let line = if side == Side::Baseline { line } else { line.blue().to_string() };
            let tick = match index {
                0 => number(self.high),
                last if last + 1 == ROWS => number(self.low),
                _ => String::new(),
            };
            let words = limit.map(|(_, words)| Text::of(words).short(14)).unwrap_or_default();
            page.drawn(&format!("{tick:>width$}  {line}{words}", width = NUMBERS - 2));
        }
    }

    /// The row of dots that a value is in, from above.
    fn row(&self, value: f64) -> usize {
        let last = (ROWS * 4 - 1) as f64;
        Scale::new((self.low, self.high), (last, 0.0)).at(value).round() as usize
    }

    fn dots(&self, columns: &[Column]) -> Vec<u8> {
        // The bits of a braille cell, by column and row.
        const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let mut dots = vec![0_u8; self.cells * ROWS];
        let x = Scale::of_time(self.from, self.until, (0.0, (self.cells * 2).saturating_sub(1) as f64));
        let mut set = |across: usize, down: usize| {
            let bit = BITS.get(across % 2).and_then(|bits| bits.get(down % 4)).copied().unwrap_or(0);
            if let Some(cell) = dots.get_mut(down / 4 * self.cells + across / 2) {
                *cell |= bit;
            }
        };
        for run in runs(columns) {
            let places: Vec<(usize, usize)> =
                run.iter().map(|(at, value)| (x.at(at.since(self.from).0 as f64).round() as usize, self.row(*value))).collect();
            for (first, second) in places.iter().zip(places.iter().skip(1).chain(places.last())) {
                let steps = first.0.abs_diff(second.0).max(first.1.abs_diff(second.1)).max(1);
                for step in 0..=steps {
                    let part = step as f64 / steps as f64;
                    let between = |one: usize, other: usize| (one as f64 + (other as f64 - one as f64) * part).round() as usize;
                    set(between(first.0, second.0), between(first.1, second.1));
                }
            }
        }
        dots
    }
}
