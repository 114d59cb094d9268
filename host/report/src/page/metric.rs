//! One metric of an analysis: its sentence, its curves with the limits that it was held against, what was measured when, the numbers
//! of the judgement, and each question with its answer. Pure.

use maud::{Markup, html};
use shiftgate_model::Timestamp;

use super::marks::{badge, shape};
use super::room::Room;
use super::timeline::tenth;
use crate::analysis::{Judgement, Metric, Query, Series, Side};
use crate::chart::{Column, Scale, columns, extent, runs, time_ticks, value_ticks};
use crate::text::{count, number};
use crate::words::{clock, date_time, length};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 940.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 170.0;
/// The columns of a drawing, and the rows of its table: more points are made few.
const COLUMNS: usize = 400;
const ROWS: usize = 120;
const MOST_SERIES: usize = 8;
const MOST_MEASUREMENTS: usize = 300;

/// The metric; none when the page is full.
pub(super) fn metric(metric: &Metric, id: &str, room: &Room) -> Option<Markup> {
    let frame = room.fit(frame(metric))?;
    Some(html! { (frame) (room.whole(|| below(metric, id, room))) })
}

fn below(metric: &Metric, id: &str, room: &Room) -> Markup {
    let drawing = Drawing::of(metric);
    let picture = drawing.as_ref().map(|drawing| {
        let svg = room.or_say("The drawing", html! { (legend(metric)) (drawing.svg(id)) });
        html! { figure { (svg) @if let Some(note) = drawing.note() { figcaption { (note) } } } }
    });
    html! {
        @if let Some(picture) = picture { (picture) }
        @if let Some(judgement) = &metric.judgement { (room.or_say("The judgement", numbers(judgement))) }
        @if let Some(drawing) = &drawing { details { summary { "Data" } (table(drawing, room)) } }
        @if !metric.queries.is_empty() {
            @let (queries, more) = room.all_raw("answer", metric.queries.iter().map(|query| question(query, room)));
            details {
                summary { (asked(metric.queries.len())) }
                @for query in queries { (query) }
                @if let Some(more) = more { (more) }
            }
        }
    }
}

fn frame(metric: &Metric) -> Markup {
    html! {
        h4 {
            (metric.name)
            @if !metric.unit.is_empty() { span.soft { ", " (metric.unit) } }
            " " (badge(Some(metric.verdict)))
            @if metric.critical { " " span.badge.calm { "critical" } }
            @if metric.dry_run { " " span.badge.calm { "shown only" } }
        }
        @if !metric.reason.is_empty() { p { (metric.reason) } }
        @if !metric.threshold.is_empty() || !metric.group.is_empty() {
            p.note {
                @if !metric.threshold.is_empty() { "wanted " (metric.threshold) }
                @if !metric.threshold.is_empty() && !metric.group.is_empty() { ", " }
                @if !metric.group.is_empty() { "in group " (metric.group) }
            }
        }
    }
}

/// What a metric has to draw, with its scales.
struct Drawing<'m> {
    metric: &'m Metric,
    from: Timestamp,
    until: Timestamp,
    x: Scale,
    y: Scale,
    ticks: Vec<f64>,
    curves: Vec<(&'m Series, Vec<Column>)>,
}

impl<'m> Drawing<'m> {
    /// None when there is nothing to draw.
    fn of(metric: &'m Metric) -> Option<Self> {
        let series = || metric.series.iter().take(MOST_SERIES);
        let moments = series()
            .flat_map(|series| series.points.iter().map(|point| point.0))
            .chain(metric.measurements.iter().map(|measurement| measurement.at));
        let (from, until) = moments.fold((Timestamp(u64::MAX), Timestamp(0)), |(from, until), at| (from.min(at), until.max(at)));
        if from > until {
            return None;
        }
        let limits = [metric.min, metric.max];
        let values = series()
            .flat_map(|series| series.points.iter().filter_map(|point| point.1))
            .chain(metric.measurements.iter().filter_map(|measurement| measurement.value))
            .chain(limits.into_iter().flatten());
        let (low, high) = extent(values).unwrap_or((0.0, 1.0));
        let (ticks, range) = value_ticks(low, high);
        Some(Self {
            metric,
            from,
            until,
            x: Scale::of_time(from, until, (LEFT, RIGHT)),
            y: Scale::new(range, (BOTTOM, TOP)),
            ticks,
            curves: series().map(|series| (series, columns(&series.points, from, until, COLUMNS))).collect(),
        })
    }

    fn x(&self, at: Timestamp) -> f64 {
        self.x.at(at.since(self.from).0 as f64)
    }

    fn svg(&self, id: &str) -> Markup {
        let limits = [(self.metric.min, "at least"), (self.metric.max, "at most")];
        // What is deployed is drawn over what it is compared with.
        let curves = || {
            let deployed = |side: &Side| *side != Side::Baseline;
            let (above, below): (Vec<_>, Vec<_>) = self.curves.iter().partition(|(series, _)| deployed(&series.side));
            below.into_iter().chain(above)
        };
        let drawn = self.metric.measurements.len().saturating_sub(MOST_MEASUREMENTS);
        html! {
            svg role="img" aria-labelledby=(format!("{id}-title {id}-words")) viewBox=(format!("0 0 {WIDTH} 196")) {
                title id=(format!("{id}-title")) { (self.metric.name) " over time" }
                desc id=(format!("{id}-words")) { (self.words()) }
                @for tick in &self.ticks {
                    @let y = self.y.at(*tick);
                    path.grid d=(format!("M{LEFT} {y:.1}H{RIGHT}")) {}
                    text x=(tenth(LEFT - 8.0)) y=(tenth(y + 4.0)) text-anchor="end" { (number(*tick)) }
                }
                @for (at, word) in time_ticks(self.from, self.until, 8) {
                    path.grid d=(format!("M{0:.1} {BOTTOM}v5", self.x(at))) {}
                    text x=(tenth(self.x(at).clamp(LEFT + 12.0, RIGHT - 20.0))) y=(tenth(BOTTOM + 19.0)) text-anchor="middle" { (word) }
                }
                @for (series, columns) in curves() {
                    g.(tone(series.side)) {
                        path.line.side[series.side == Side::Baseline] d=(self.path(columns)) { title { (series.side.word()) " " (series.label) } }
                    }
                }
                @for (limit, word) in limits {
                    @if let Some(limit) = limit {
                        @let y = self.y.at(limit);
                        path.limit d=(format!("M{LEFT} {y:.1}H{RIGHT}")) {}
                        text.fail x=(tenth(RIGHT)) y=(tenth(if y < TOP + 14.0 { y + 14.0 } else { y - 5.0 })) text-anchor="end" { (word) " " (number(limit)) }
                    }
                }
                @for measurement in self.metric.measurements.iter().skip(drawn) {
                    @let y = measurement.value.filter(|value| value.is_finite()).map_or(BOTTOM, |value| self.y.at(value));
                    (shape(measurement.verdict, self.x(measurement.at), y, &format!("{} {}: {}", clock(measurement.at), measurement.verdict.word(), measurement.text.short(80))))
                }
            }
        }
    }

    fn path(&self, columns: &[Column]) -> String {
        let mut path = String::new();
        for run in runs(columns) {
            for (index, (at, value)) in run.iter().enumerate() {
                let (x, y) = (self.x(*at), self.y.at(*value));
                path.push_str(&format!("{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' }));
            }
            // A point between two gaps is a dot.
            if run.len() == 1 {
                path.push_str("h.1");
            }
        }
        path
    }

    /// That many points were made few.
    fn note(&self) -> Option<String> {
        let mut notes = Vec::new();
        let most = self.metric.series.iter().map(|series| series.points.len()).max().unwrap_or(0);
        if most > COLUMNS {
            notes.push(format!("Of {most} points a series, the least and the greatest of each of {COLUMNS} columns are drawn."));
        }
        if self.metric.series.len() > MOST_SERIES {
            notes.push(format!("Of {} series, the first {MOST_SERIES} are drawn.", self.metric.series.len()));
        }
        if self.metric.measurements.len() > MOST_MEASUREMENTS {
            let all = self.metric.measurements.len();
            notes.push(format!("Of {all} measurements, the last {MOST_MEASUREMENTS} are marked."));
        }
        (!notes.is_empty()).then(|| notes.join(" "))
    }

    fn words(&self) -> String {
        let mut words = format!("From {} to {}.", date_time(self.from), date_time(self.until));
        for (series, columns) in &self.curves {
            let low = columns.iter().map(Column::least).fold(f64::INFINITY, f64::min);
            let high = columns.iter().map(Column::greatest).fold(f64::NEG_INFINITY, f64::max);
            if low <= high {
                words.push_str(&format!(" {} lies between {} and {}.", series.side.word(), number(low), number(high)));
            }
        }
        words
    }
}

const fn tone(side: Side) -> &'static str {
    match side {
        Side::Canary | Side::Value => "new",
        Side::Baseline => "old",
    }
}

fn legend(metric: &Metric) -> Markup {
    let entry = |series: &Series| {
        html! {
            li.(tone(series.side)) {
                svg viewBox="0 0 24 12" aria-hidden="true" { path.line d="M0 6H24" {} }
                span.soft { (series.side.word()) @if !series.label.is_empty() { " " (series.label.short(60)) } }
            }
        }
    };
    let mut verdicts: Vec<_> = metric.measurements.iter().map(|measurement| measurement.verdict).collect();
    verdicts.sort_by_key(|verdict| verdict.word());
    verdicts.dedup();
    html! {
        ul.legend {
            @for series in metric.series.iter().take(MOST_SERIES) { (entry(series)) }
            @for verdict in verdicts {
                li { svg viewBox="0 0 24 12" aria-hidden="true" { (shape(verdict, 12.0, 6.0, "")) } "measured: " (verdict.word()) }
            }
        }
    }
}

fn numbers(judgement: &Judgement) -> Markup {
    let words = |text: &crate::text::Text| (!text.is_empty()).then(|| text.short(80));
    let effect = judgement.effect.as_ref().and_then(|effect| effect.value.map(|value| (effect.measure.short(40), number(value))));
    let all = [
        ("Found", words(&judgement.label)),
        ("Method", words(&judgement.method)),
        ("Values, n", judgement.sides(number)),
        ("U", judgement.u.map(number)),
        ("p", judgement.p.map(number)),
        ("Estimate", judgement.estimate.map(number)),
        ("Interval", judgement.interval.map(|(low, high)| format!("{} to {}", number(low), number(high)))),
    ];
    html! {
        dl.numbers {
            @for (name, value) in all { @if let Some(value) = value { div { dt { (name) } dd { (value) } } } }
            @if let Some((measure, value)) = effect { div { dt { "Effect, " (measure) } dd { (value) } } }
            @if !judgement.digest.is_empty() { div { dt { "Digest of the samples" } dd { code { (judgement.digest) } } } }
        }
    }
}

/// The values as a table, in the columns of a coarser drawing.
fn table(drawing: &Drawing<'_>, room: &Room) -> Markup {
    let metric = drawing.metric;
    let measured = metric.measurements.iter().rev().take(MOST_MEASUREMENTS).rev().map(|measurement| {
        html! {
            tr {
                th scope="row" { (clock(measurement.at)) }
                td.number { (measurement.value.map_or_else(|| "no data".to_owned(), number)) }
                td { (measurement.verdict.word()) }
                td { (measurement.text) }
            }
        }
    });
    let (measured, more) = room.all_raw("measurement", measured.collect::<Vec<_>>().into_iter());
    html! {
        @if !measured.is_empty() {
            div.wide { table {
                caption { "Measurements" }
                thead { tr { th scope="col" { "Time, UTC" } th.number scope="col" { "Value" } th scope="col" { "Verdict" } th scope="col" { "In words" } } }
                tbody { @for row in measured { (row) } }
            } }
            @if let Some(more) = more { (more) }
        }
        div.sides { @for (series, _) in &drawing.curves { (points(series, drawing, room)) } }
    }
}

fn points(series: &Series, drawing: &Drawing<'_>, room: &Room) -> Markup {
    let rows = columns(&series.points, drawing.from, drawing.until, ROWS);
    let few = series.points.len() <= ROWS;
    let drawn = rows.iter().map(|column| {
        html! {
            tr {
                th scope="row" { (clock(column.first)) }
                @if few { td.number { (number(column.least())) } } @else {
                    td.number { (number(column.least())) }
                    td.number { (number(column.greatest())) }
                    td.number { (column.count) }
                }
            }
        }
    });
    let (drawn, more) = room.all_raw("row", drawn);
    html! {
        div.wide { table.small {
            caption {
                (series.side.word()) " " (series.label.short(60))
                @if !few { ": " (series.points.len()) " points in " (count(rows.len(), "row")) }
            }
            thead { tr {
                th scope="col" { "Time, UTC" }
                @if few { th.number scope="col" { "Value" } } @else {
                    th.number scope="col" { "Least" } th.number scope="col" { "Greatest" } th.number scope="col" { "Points" }
                }
            } }
            tbody { @for row in drawn { (row) } }
        } }
        @if let Some(more) = more { (more) }
    }
}

fn asked(many: usize) -> String {
    if many == 1 { "1 query with its raw answer".to_owned() } else { format!("{many} queries with their raw answers") }
}

fn question(query: &Query, room: &Room) -> Markup {
    let range = match (query.from, query.to) {
        (Some(from), Some(to)) => Some(format!("from {} to {}, {}", clock(from), clock(to), length(to.since(from)))),
        (None, Some(to)) => Some(format!("at {}", clock(to))),
        (Some(from), None) => Some(format!("from {}", clock(from))),
        (None, None) => None,
    };
    html! {
        p { code { (query.query) } }
        p.note {
            @if let Some(side) = query.side { (side.word()) ", " }
            @if let Some(at) = query.at { "asked " (date_time(at)) }
            @if let Some(range) = range { ", " (range) }
            @if let Some(step) = query.step { ", a point each " (number(step / 1_000.0)) "s" }
        }
        (room.raw(&query.answer, query.cut))
    }
}
