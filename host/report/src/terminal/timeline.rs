//! The axis of time in characters: a row a step, then the instances of both groups and the share of the requests. Pure.

use owo_colors::OwoColorize as _;
use shiftgate_model::{Millis, Timestamp};

use super::Page;
use crate::story::{Busy, Role, Step, StepState, Story};
use crate::text::Text;
use crate::words::{clock, length};

/// The columns of what stands behind a row.
const BEHIND: usize = 17;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn timeline(page: &mut Page, story: &Story) {
    if story.steps.is_empty() {
        return;
    }
    let names = 23 + page.columns / 10;
    let axis = Axis { from: story.began, until: story.until, names, cells: page.columns - names - BEHIND };
    page.heading("How it went");
    let (from, until) = (clock(story.began), clock(story.until));
    let width = axis.cells.saturating_sub(until.len());
    page.drawn(&format!("{:names$}{from:<width$}{until}", "").dimmed().to_string());
    let mut heading = None;
    for step in &story.steps {
        if step.phase.as_ref() != heading {
            heading = step.phase.as_ref();
            if let Some(phase) = heading {
                page.line(2, &phase.to_string());
            }
        }
        page.drawn(&row(step, story, &axis));
    }
    if let Some(back) = &story.rollback {
        let at = axis.cell(back.at);
        page.drawn(&format!("{:names$}{:at$}{}", "    rollback begins", "", "^".red()));
    }
    page.drawn(&format!("{:names$}{}", "", key(story).dimmed()));
    instances(page, story, &axis);
    traffic(page, story, &axis);
}

/// Cells that each stand for a part of the time.
struct Axis {
    from: Timestamp,
    until: Timestamp,
    /// The columns of names before them.
    names: usize,
    cells: usize,
}

impl Axis {
    fn cell(&self, at: Timestamp) -> usize {
        let span = u128::from(self.until.since(self.from).0.max(1));
        let cell = u128::from(at.since(self.from).0) * self.cells as u128 / span;
        usize::try_from(cell).unwrap_or(usize::MAX).min(self.cells.saturating_sub(1))
    }

    /// The middle of a cell; of the last one its end, so that it shows how things are at the end.
    fn middle(&self, cell: usize) -> Timestamp {
        if cell + 1 == self.cells {
            return self.until;
        }
        let span = u128::from(self.until.since(self.from).0);
        let part = span * (2 * cell as u128 + 1) / (2 * self.cells.max(1) as u128);
        self.from.plus(Millis(u64::try_from(part).unwrap_or(u64::MAX)))
    }
}

fn row(step: &Step, story: &Story, axis: &Axis) -> String {
    let names = axis.names;
    let mut cells = vec![' '; axis.cells];
    // Acts last, so that no wait hides them; then what people were asked.
    for kind in [Busy::Waits, Busy::Drains, Busy::Settles, Busy::Acts, Busy::Asks] {
        for span in step.spans.iter().filter(|span| span.what == kind) {
            let (first, last) = (axis.cell(span.from), axis.cell(span.to.unwrap_or(story.until)));
            let mark = match kind {
                Busy::Acts => '█',
                Busy::Asks => '▒',
                Busy::Settles | Busy::Drains | Busy::Waits => '░',
            };
            let end = if last > first { last } else { first + 1 };
            cells.iter_mut().take(end).skip(first).for_each(|cell| *cell = mark);
        }
    }
    let bar: String = cells.into_iter().collect();
    let bar = match step.state {
        StepState::Failed => bar.red().to_string(),
        StepState::Ignored | StepState::Left => bar.yellow().to_string(),
        StepState::Running => bar.cyan().to_string(),
        StepState::Pending | StepState::NotReached | StepState::Skipped | StepState::Done => bar,
    };
    let title = if step.title.is_empty() { &step.id } else { &step.title };
    let behind = match (step.took, step.state) {
        (Some(took), StepState::Done) => length(took),
        (Some(took), state) => format!("{} {}", state.word(), length(took)),
        (None, state) => state.word().to_owned(),
    };
    let indent = if step.phase.is_some() { 4 } else { 2 };
    let name = format!("{:indent$}{}", "", title.short(names - indent - 1));
    format!("{name:<names$}{bar} {}", Text::of(behind).short(BEHIND - 1))
}

fn key(story: &Story) -> String {
    let busy = |what: &[Busy]| story.steps.iter().any(|step| step.spans.iter().any(|span| what.contains(&span.what)));
    let mut words = vec!["█ acts or measures"];
    if busy(&[Busy::Settles, Busy::Drains, Busy::Waits]) {
        words.push("░ waits");
    }
    if busy(&[Busy::Asks]) {
        words.push("▒ waits for a person");
    }
    words.join("  ")
}

fn instances(page: &mut Page, story: &Story, axis: &Axis) {
    let drawn = || story.groups.iter().filter(|group| group.role != Role::Older && !group.target.is_empty());
    let most = drawn().flat_map(|group| group.target.iter().chain(&group.healthy)).map(|(_, many)| *many).max();
    let Some(most) = most.map(|most| most.max(1)) else { return };
    let names = axis.names;
    page.line(2, &format!("Instances, 0 to {most}"));
    for group in drawn() {
        for (values, what) in
            [(&group.target, "target"), (&group.healthy, "healthy")].into_iter().filter(|(all, _)| !all.is_empty())
        {
            let values: Vec<(Timestamp, f64)> = values.iter().map(|(at, many)| (*at, f64::from(*many))).collect();
            let line = levels(axis, &values, group.deleted, f64::from(most));
            let name = format!("    {} {}", group.role.word(), what);
            let now = values.last().filter(|_| group.deleted.is_none()).map(|(_, value)| format!("{value}")).unwrap_or_default();
            let line = if group.role == Role::New { line.blue().to_string() } else { line };
            page.drawn(&format!("{name:<names$}{line} {now}"));
        }
    }
}

fn traffic(page: &mut Page, story: &Story, axis: &Axis) {
    let Some((_, last)) = story.traffic.last() else { return };
    let names = axis.names;
    page.line(2, "Requests to the new group");
    let line = levels(axis, &story.traffic, None, 100.0);
    page.drawn(&format!("{:<names$}{} {last:.0}%", "    0% to 100%", line.blue()));
}

/// Each value holds until the next.
fn levels(axis: &Axis, values: &[(Timestamp, f64)], deleted: Option<Timestamp>, most: f64) -> String {
    let level = |cell: usize| {
        let at = axis.middle(cell);
        let value = values.iter().take_while(|(from, _)| *from <= at).last().filter(|_| deleted.is_none_or(|gone| at < gone));
        value.and_then(|(_, value)| LEVELS.get((value / most * 7.0).round() as usize)).copied().unwrap_or(' ')
    };
    (0..axis.cells).map(level).collect()
}
