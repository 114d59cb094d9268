//! Events as lines for people: the time in UTC, the step, and the event's own words. Phases stand as headings, and the
//! last line names the end. Pure; colour codes are taken out by whoever prints where there is no terminal.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use shiftgate_model::{Event, EventKind, Level, RunId, StepError, Verdict};
use shiftgate_workflow::Plan;

use crate::text::{Commands, moment, printable, rounded};
use crate::view::{self, View};

/// Turns the events of one run into lines, in order.
pub(crate) struct Log {
    view: View,
    commands: Commands,
    width: usize,
}

impl Log {
    /// The log of a run; the plan gives the column for steps its width.
    pub(crate) fn new(run: RunId, plan: Option<&Plan>, commands: Commands) -> Self {
        let view = View::new(run, plan);
        let width = view.step_width();
        Self { view, commands, width }
    }

    /// Where the run is after the events so far.
    pub(crate) const fn view(&self) -> &View {
        &self.view
    }

    /// The lines of the next event; empty for what only a plugin's author wants to see.
    pub(crate) fn lines(&mut self, event: &Event) -> String {
        self.view.apply(event);
        match &event.kind {
            EventKind::PluginLogged { level: Level::Debug, .. } => String::new(),
            EventKind::PhaseStarted { .. } => format!("\n{}\n", printable(&event.kind.to_string()).bold()),
            EventKind::RollbackStarted { .. } => format!("\n{}\n", printable(&event.kind.to_string()).yellow().bold()),
            EventKind::RunEnded { .. } => view::closing(&self.view, &self.commands),
            EventKind::ApprovalRequested { expires_at, .. } => {
                let mut lines = self.line(event);
                let run = &event.run;
                for command in ["approve", "reject"].map(|command| self.commands.of(command, run)) {
                    self.continued(&mut lines, &command.bold().to_string());
                }
                self.continued(&mut lines, &format!("expires in {}", rounded(expires_at.since(event.at))));
                lines
            }
            EventKind::InterventionRequested { expires_at, error, otherwise } => {
                let mut lines = self.failure(event, error);
                let no = format!("leads to: {otherwise}");
                let ways = [("retry", "tries the step again"), ("approve", "goes on without it"), ("reject", no.as_str())];
                for (verb, what) in ways {
                    let command = self.commands.of(verb, &event.run);
                    self.continued(&mut lines, &format!("{}  {what}", command.bold()));
                }
                self.continued(&mut lines, &format!("expires in {}", rounded(expires_at.since(event.at))));
                lines
            }
            EventKind::StepFailed { error } | EventKind::StepIgnored { error } => self.failure(event, error),
            _ => self.line(event),
        }
    }

    /// The line of an event, and what to do next under it.
    fn failure(&self, event: &Event, error: &StepError) -> String {
        let mut lines = self.line(event);
        if let Some(hint) = &error.hint {
            self.continued(&mut lines, &format!("hint: {}", printable(hint)));
        }
        lines
    }

    fn line(&self, event: &Event) -> String {
        let time = moment(event.at, "%H:%M:%S");
        let step = event.step.as_ref().map(|step| printable(step.as_str())).unwrap_or_default();
        let step = format!("{step:<width$}", width = self.width);
        let words = printable(&event.kind.to_string());
        let mut parts = words.lines();
        let first = parts.next().unwrap_or_default();
        let mut lines = format!("{}  {}  {}\n", time.dimmed(), step.cyan(), paint(&event.kind, first));
        for part in parts {
            self.continued(&mut lines, part);
        }
        lines
    }

    /// A line under the words of the one before.
    fn continued(&self, lines: &mut String, text: &str) {
        let indent = "HH:MM:SS".len() + 2 + self.width + 2;
        let _ = writeln!(lines, "{:indent$}  {text}", "");
    }
}

fn paint(kind: &EventKind, words: &str) -> String {
    match kind {
        EventKind::StepStarted { .. } | EventKind::RunStarted { .. } => words.bold().to_string(),
        EventKind::StepSucceeded { .. }
        | EventKind::SteadyStateReached { .. }
        | EventKind::GroupEmptied { .. }
        | EventKind::SetupCompleted
        | EventKind::Approved { .. } => words.green().to_string(),
        EventKind::StepFailed { .. } | EventKind::Rejected { .. } | EventKind::PluginLogged { level: Level::Error, .. } => {
            words.red().to_string()
        }
        EventKind::StepIgnored { .. }
        | EventKind::StepRetried { .. }
        | EventKind::LockWaited { .. }
        | EventKind::ApprovalRequested { .. }
        | EventKind::ApprovalExpired
        | EventKind::InterventionRequested { .. }
        | EventKind::InterventionExpired { .. }
        | EventKind::DriftAccepted { .. }
        | EventKind::BallotRefused { .. }
        | EventKind::Left { .. }
        | EventKind::PluginLogged { level: Level::Warn, .. } => words.yellow().to_string(),
        EventKind::Verified { verdict, .. } => verdict_paint(*verdict, words),
        EventKind::Measured { metric } => verdict_paint(metric.verdict, words),
        EventKind::Found { finding } => verdict_paint(finding.verdict, words),
        _ => words.to_owned(),
    }
}

fn verdict_paint(verdict: Verdict, words: &str) -> String {
    match verdict {
        Verdict::Pass => words.green().to_string(),
        Verdict::Warn | Verdict::Inconclusive => words.yellow().to_string(),
        Verdict::Fail => words.red().to_string(),
        Verdict::Skipped => words.dimmed().to_string(),
    }
}
