//! How the run went, on one axis of time: what each step was busy with, the instances of both groups, the share of the requests.
//! Pure.

use maud::{Markup, PreEscaped, html};
use shiftgate_model::Timestamp;

use super::marks::step_tone;
use super::room::Room;
use super::section;
use crate::chart::{Scale, steps_of, time_ticks, value_ticks};
use crate::story::{Busy, Group, Role, Span, Step, StepState, Story};
use crate::text::Text;
use crate::words::{clock, length};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 200.0;
const RIGHT: f64 = 940.0;
const ROW: f64 = 22.0;
/// Steps that have a row of their own.
const MOST_ROWS: usize = 120;
const INSTANCES: f64 = 96.0;
const TRAFFIC: f64 = 64.0;

/// Hatching for the time of people; in the page once.
const PATTERN: &str = "<defs><pattern id=\"asks\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" fill=\"var(--warn)\" opacity=\".25\"/>\
    <rect width=\"2.5\" height=\"6\" fill=\"var(--warn)\"/></pattern></defs>";

pub(super) fn timeline(story: &Story, room: &Room) -> Markup {
    let drawing = Drawing::of(story);
    if drawing.rows.is_empty() {
        return html! {};
    }
    let hidden = story.steps.len().saturating_sub(MOST_ROWS);
    let body = html! {
        figure {
            (legend(story))
            div.wide { (room.or_say("The drawing", drawing.svg(story))) }
            @if let Some(back) = &story.rollback {
                figcaption {
                    "The dashed line is where the rollback began, at " (clock(back.at))
                    @if back.reason == story.summary { "." } @else { ": " (back.reason) }
                }
            }
            @if hidden > 0 { p.note { (hidden) " more steps have no row here; the events name them." } }
        }
        details { summary { "Steps as a table" } (steps(story, room)) }
        @if !story.groups.is_empty() { details { summary { "Instances and requests as a table" } (changes(story, room)) } }
    };
    section("timeline", "How it went", &body)
}

/// What stands in the rows, from above.
enum Row<'s> {
    Phase(&'s Text),
    Step(&'s Step),
}

struct Drawing<'s> {
    rows: Vec<Row<'s>>,
    x: Scale,
}

impl<'s> Drawing<'s> {
    fn of(story: &'s Story) -> Self {
        let mut rows = Vec::new();
        let mut heading = None;
        for step in story.steps.iter().take(MOST_ROWS) {
            if step.phase.as_ref() != heading {
                heading = step.phase.as_ref();
                rows.extend(heading.map(Row::Phase));
            }
            rows.push(Row::Step(step));
        }
        Self { rows, x: Scale::of_time(story.began, story.until, (LEFT, RIGHT)) }
    }

    fn x(&self, story: &Story, at: Timestamp) -> f64 {
        self.x.at(at.since(story.began).0 as f64)
    }

    fn svg(&self, story: &Story) -> Markup {
        let below = 8.0 + self.rows.len() as f64 * ROW;
        let instances = story.groups.iter().any(|group| group.role != Role::Older && !group.target.is_empty());
        let top_of_instances = below + 26.0;
        let top_of_traffic = if instances { top_of_instances + INSTANCES + 30.0 } else { below + 26.0 };
        let bottom = match (story.traffic.is_empty(), instances) {
            (false, _) => top_of_traffic + TRAFFIC,
            (true, true) => top_of_instances + INSTANCES,
            (true, false) => below,
        };
        let ticks = time_ticks(story.began, story.until, 8);
        html! {
            svg.time role="img" aria-labelledby="time-title time-words" viewBox=(format!("0 0 {WIDTH} {:.0}", bottom + 26.0)) {
                title id="time-title" { "Steps, instances and requests over time" }
                desc id="time-words" { (words(story)) }
                (PreEscaped(PATTERN))
                @if let Some(back) = &story.rollback {
                    @let x = self.x(story, back.at);
                    rect.back x=(tenth(x)) y="0" width=(tenth(RIGHT - x)) height=(tenth(bottom)) {}
                }
                @for (at, word) in &ticks {
                    @let x = self.x(story, *at);
                    path.grid d=(format!("M{x:.1} 0V{:.1}", bottom + 5.0)) {}
                    text x=(tenth(x)) y=(tenth(bottom + 19.0)) text-anchor="middle" { (word) }
                }
                path.grid d=(format!("M{LEFT} {bottom:.1}H{RIGHT}")) {}
                @for (index, row) in self.rows.iter().enumerate() {
                    @let y = 8.0 + index as f64 * ROW;
                    @match row {
                        Row::Phase(name) => text.head x="0" y=(tenth(y + 15.0)) { (name.short(30)) },
                        Row::Step(step) => (self.row(story, step, y)),
                    }
                }
                @if instances { (self.instances(story, top_of_instances)) }
                @if !story.traffic.is_empty() { (self.traffic(story, top_of_traffic)) }
                @if let Some(back) = &story.rollback {
                    path.turn d=(format!("M{:.1} 0V{bottom:.1}", self.x(story, back.at))) {}
                }
            }
        }
    }

    fn row(&self, story: &Story, step: &Step, y: f64) -> Markup {
        let end = |span: &Span| self.x(story, span.to.unwrap_or(story.until));
        let last = step.spans.last().map(end);
        let word = match (step.took, step.state) {
            (Some(took), StepState::Done) => length(took),
            (Some(took), state) => format!("{}, {}", state.word(), length(took)),
            (None, StepState::Running) => step.spans.last().map_or("running", |span| span.what.word()).to_owned(),
            (None, state) => state.word().to_owned(),
        };
        let title = if step.title.is_empty() { &step.id } else { &step.title };
        let after = last.map_or(LEFT, |last| last) + 6.0;
        let first = step.spans.first().map_or(LEFT, |first| self.x(story, first.from));
        // Words that would leave the paper stand before the bar.
        let (place, anchor) = if after + word.len() as f64 * 6.6 > RIGHT { (first - 6.0, "end") } else { (after, "start") };
        html! {
            text.name x=(if step.phase.is_some() { "10" } else { "0" }) y=(tenth(y + 15.0)) { (title.short(28)) title { (step.id) ": " (title) } }
            g.(step_tone(step.state)) {
                @for span in step.spans.iter().take(200) {
                    @let from = self.x(story, span.from);
                    rect.bar.light[matches!(span.what, Busy::Settles | Busy::Drains | Busy::Waits)].asks[span.what == Busy::Asks]
                        x=(tenth(from)) y=(tenth(y + 5.0)) width=(tenth((end(span) - from).max(2.0))) height="12" {
                        title { (step.id) " " (span.what.word()) ", " (length(span.to.unwrap_or(story.until).since(span.from))) }
                    }
                }
            }
            text x=(tenth(place)) y=(tenth(y + 15.0)) text-anchor=(anchor) .fail[step.state == StepState::Failed] { (word) }
        }
    }

    fn instances(&self, story: &Story, top: f64) -> Markup {
        let drawn = || story.groups.iter().filter(|group| group.role != Role::Older);
        let most = drawn().flat_map(|group| group.target.iter().chain(&group.healthy)).map(|(_, many)| *many).max().unwrap_or(1);
        let (ticks, range) = value_ticks(0.0, f64::from(most.max(1)));
        let y = Scale::new(range, (top + INSTANCES, top));
        let whole: Vec<f64> = ticks.into_iter().filter(|tick| tick.fract().abs() < 1e-9).collect();
        html! {
            text.head x="0" y=(tenth(top + 10.0)) { "Instances" }
            @for tick in whole {
                path.grid d=(format!("M{LEFT} {0:.1}H{RIGHT}", y.at(tick))) {}
                text x=(tenth(LEFT - 8.0)) y=(tenth(y.at(tick) + 4.0)) text-anchor="end" { (tick) }
            }
            @for group in drawn() {
                g.(tone(group.role)) {
                    path.line.thin d=(self.stairs(story, &group.target, group.deleted, &y)) { title { (group.id) " target" } }
                    path.line d=(self.stairs(story, &group.healthy, group.deleted, &y)) { title { (group.id) " healthy" } }
                }
            }
        }
    }

    fn traffic(&self, story: &Story, top: f64) -> Markup {
        let y = Scale::new((0.0, 100.0), (top + TRAFFIC, top));
        let line = self.stairs_of(story, &story.traffic, None, &y);
        let first = story.traffic.first().map_or(LEFT, |(at, _)| self.x(story, *at));
        let last = self.x(story, story.until);
        html! {
            text.head x="0" y=(tenth(top + 10.0)) { "Requests to the" }
            text.head x="0" y=(tenth(top + 25.0)) { "new group" }
            @for (tick, word) in [(0.0, "0 %"), (50.0, "50 %"), (100.0, "100 %")] {
                path.grid d=(format!("M{LEFT} {0:.1}H{RIGHT}", y.at(tick))) {}
                text x=(tenth(LEFT - 8.0)) y=(tenth(y.at(tick) + 4.0)) text-anchor="end" { (word) }
            }
            g.new {
                path.area d=(format!("{line}L{last:.1} {:.1}L{first:.1} {0:.1}Z", top + TRAFFIC)) {}
                path.line d=(line) { title { "Share of the requests that the new group got" } }
            }
        }
    }

    fn stairs(&self, story: &Story, values: &[(Timestamp, u32)], deleted: Option<Timestamp>, y: &Scale) -> String {
        let values: Vec<(Timestamp, f64)> = values.iter().map(|(at, many)| (*at, f64::from(*many))).collect();
        self.stairs_of(story, &values, deleted, y)
    }

    /// Each value holds until the next, the last one until the end.
    fn stairs_of(&self, story: &Story, values: &[(Timestamp, f64)], deleted: Option<Timestamp>, y: &Scale) -> String {
        let end = self.x(story, deleted.unwrap_or(story.until));
        let places: Vec<(f64, f64)> = values.iter().map(|(at, value)| (self.x(story, *at), *value)).collect();
        let mut path = String::new();
        for (index, (x, value)) in steps_of(&places, RIGHT - LEFT).into_iter().enumerate() {
            let (x, y) = (tenth(x), tenth(y.at(value)));
            path.push_str(&if index == 0 { format!("M{x} {y}") } else { format!("H{x}V{y}") });
        }
        if !path.is_empty() {
            path.push_str(&format!("H{}", tenth(end)));
        }
        path
    }
}

pub(super) fn tenth(value: f64) -> String {
    format!("{value:.1}")
}

const fn tone(role: Role) -> &'static str {
    match role {
        Role::New => "new",
        Role::Old | Role::Older => "old",
    }
}

/// The drawing in a sentence or two, for those who do not see it.
fn words(story: &Story) -> String {
    let mut words = format!("{} steps over {}.", story.steps.len(), length(story.until.since(story.began)));
    for group in story.groups.iter().filter(|group| group.role != Role::Older) {
        if let Some((_, last)) = group.target.last() {
            words.push_str(&format!(" The {} group {} ends with a target of {last}.", group.role.word(), group.id.short(40)));
        }
    }
    if let Some((_, last)) = story.traffic.last() {
        words.push_str(&format!(" The new group gets {last:.0} percent of the requests at the end."));
    }
    if let Some(back) = &story.rollback {
        words.push_str(&format!(" The rollback begins after {}.", length(back.at.since(story.began))));
    }
    words
}

fn legend(story: &Story) -> Markup {
    let busy = |what: Busy| story.steps.iter().any(|step| step.spans.iter().any(|span| span.what == what));
    let group = |role: Role| story.groups.iter().find(|group| group.role == role && !group.target.is_empty());
    let entry = |tone: &str, shape: &str, words: &str| {
        html! { li.(tone) { svg viewBox="0 0 24 12" aria-hidden="true" { (PreEscaped(shape)) } span.soft { (words) } } }
    };
    let name = |group: &Group, role: &str| format!("{role} group {}", group.name.short(40));
    html! {
        ul.legend {
            (entry("done", "<rect class=\"bar\" y=\"1\" width=\"24\" height=\"10\"/>", "acts or measures"))
            @if busy(Busy::Settles) || busy(Busy::Drains) || busy(Busy::Waits) {
                (entry("done", "<rect class=\"bar light\" y=\"1\" width=\"24\" height=\"10\"/>", "waits"))
            }
            @if busy(Busy::Asks) { (entry("warn", "<rect class=\"bar asks\" y=\"1\" width=\"24\" height=\"10\"/>", "waits for a person")) }
            @if let Some(new) = group(Role::New) { (entry("new", "<path class=\"line\" d=\"M0 6H24\"/>", &name(new, "new"))) }
            @if let Some(old) = group(Role::Old) { (entry("old", "<path class=\"line\" d=\"M0 6H24\"/>", &name(old, "old"))) }
            @if group(Role::New).or(group(Role::Old)).is_some() {
                (entry("calm", "<path class=\"line thin\" d=\"M0 6H24\"/>", "instances asked for"))
            }
        }
    }
}

fn steps(story: &Story, room: &Room) -> Markup {
    let rows = story.steps.iter().map(|step| {
        let waits = |what: Busy| {
            let spans = step.spans.iter().filter(|span| span.what == what);
            spans.map(|span| span.to.unwrap_or(story.until).since(span.from).0).sum::<u64>()
        };
        let busy = [Busy::Settles, Busy::Drains, Busy::Asks, Busy::Waits];
        let parts = busy.map(|what| (waits(what), what.word())).into_iter().filter(|(time, _)| *time >= 100);
        let parts: Vec<String> = parts.map(|(time, word)| format!("{word} {}", length(shiftgate_model::Millis(time)))).collect();
        html! {
            tr {
                th scope="row" { code { (step.id) } }
                td { (step.title) }
                td { (step.state.word()) }
                td { @if let Some(first) = step.spans.first() { (clock(first.from)) } }
                td { @if let Some(took) = step.took { (length(took)) } }
                td { (parts.join(", ")) }
            }
        }
    });
    let (rows, more) = room.all("step", rows);
    html! {
        div.wide { table {
            thead { tr { th scope="col" { "Step" } th scope="col" { "What" } th scope="col" { "State" } th scope="col" { "Began" } th scope="col" { "Took" } th scope="col" { "Of that" } } }
            tbody { @for row in rows { (row) } }
        } }
        @if let Some(more) = more { (more) }
    }
}

fn changes(story: &Story, room: &Room) -> Markup {
    let mut all: Vec<(Timestamp, String, String)> = Vec::new();
    for group in &story.groups {
        let name = |what: &str| format!("{} {}: {what}", group.role.word(), group.id.short(40));
        for (values, what) in [(&group.target, "target"), (&group.healthy, "healthy")] {
            let mut last = None;
            for (at, many) in values.iter().filter(|(_, many)| last.replace(*many) != Some(*many)) {
                all.push((*at, name(what), many.to_string()));
            }
        }
    }
    let mut last = None;
    let moved = story.traffic.iter().filter(|(_, share)| last.replace(share.to_bits()) != Some(share.to_bits()));
    all.extend(moved.map(|(at, share)| (*at, "requests to the new group".to_owned(), format!("{share:.0} %"))));
    all.sort_by_key(|(at, ..)| *at);
    let rows = all.iter().map(|(at, what, value)| html! { tr { td { (clock(*at)) } td { (what) } td.number { (value) } } });
    let (rows, more) = room.all("change", rows);
    html! {
        div.wide { table {
            thead { tr { th scope="col" { "Time, UTC" } th scope="col" { "What" } th.number scope="col" { "From then on" } } }
            tbody { @for row in rows { (row) } }
        } }
        @if let Some(more) = more { (more) }
    }
}
