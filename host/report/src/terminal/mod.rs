//! The story as text for a terminal of 80 to 120 columns. Pure; whoever prints takes the colours out where they are not wanted, and
//! nothing here is said by a colour alone.
//!
//! `timeline` draws the axis of time, `curves` what was measured. Everything that is not here is in the page, and in `logs`.

mod curves;
mod timeline;

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use shiftgate_model::{Ending, Vote};

use crate::analysis::Mark;
use crate::page::{healthy, verdicts};
use crate::story::{Answer, Group, Question, State, Story, Verification};
use crate::text::Text;
use crate::words::{clock, date_time, length};

/// The metrics of a verification that are drawn.
const MOST_METRICS: usize = 12;
/// The characters of a text that are shown.
const MOST_TEXT: usize = 600;

/// The story in lines of at most so many columns; fewer than 80 are taken for 80, more than 120 for 120.
#[must_use]
pub fn terminal(story: &Story, columns: usize) -> String {
    let mut page = Page { text: String::new(), columns: columns.clamp(80, 120) };
    page.head(story);
    page.place(story);
    timeline::timeline(&mut page, story);
    if !story.verifications.is_empty() {
        page.heading("Verifications");
        story.verifications.iter().for_each(|verification| page.verification(verification));
    }
    if !story.questions.is_empty() {
        page.heading("Approvals");
        story.questions.iter().for_each(|question| page.question(question));
    }
    if !story.receipts.is_empty() {
        page.heading("Wrap-up");
        for receipt in &story.receipts {
            page.line(4, &format!("{}  {}", clock(receipt.at), receipt.what));
        }
    }
    if !story.errors.is_empty() {
        page.heading("Errors");
        for trouble in &story.errors {
            page.words(4, "", &trouble.message);
            if let Some(hint) = &trouble.hint {
                page.words(6, "Next: ", hint);
            }
            page.line(6, &format!("{}, {}, {}; {}", trouble.step, clock(trouble.at), trouble.class, trouble.then));
        }
    }
    page.text
}

/// Lines of one width.
struct Page {
    text: String,
    columns: usize,
}

impl Page {
    fn heading(&mut self, words: &str) {
        let _ = writeln!(self.text, "\n{}", words.bold());
    }

    /// One line as it is, cut at the edge; for words without colours.
    fn line(&mut self, indent: usize, words: &str) {
        let _ = writeln!(self.text, "{:indent$}{}", "", Text::of(words).short(self.columns.saturating_sub(indent)));
    }

    /// A line that has been measured already, with its colours.
    fn drawn(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Words over as many lines as they need.
    fn words(&mut self, indent: usize, first: &str, words: &Text) {
        for line in wrapped(&format!("{first}{}", words.short(MOST_TEXT)), self.columns.saturating_sub(indent)) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }

    /// `Name       value`; further lines of the value stand under its first.
    fn field(&mut self, name: &str, value: &str) {
        for (index, line) in wrapped(value, self.columns - 12).into_iter().enumerate() {
            let _ = writeln!(self.text, "{:<10}  {line}", if index == 0 { name } else { "" });
        }
    }

    fn head(&mut self, story: &Story) {
        let _ = writeln!(self.text, "{:<10}  {}  {}", "Run", story.run.to_string().bold(), state(story.state));
        if let Some(head) = &story.head {
            self.field("Workflow", &format!("{} ({})", head.workflow, head.strategy));
            self.field("Service", &format!("{} to {} on {}", head.service, head.environment, head.infrastructure));
            self.field("Artifact", &head.artifact.to_string());
        }
        self.field("Began", &date_time(story.began));
        match story.ended {
            Some(ended) => self.field("Ended", &format!("{}, after {}", date_time(ended), length(ended.since(story.began)))),
            None => self.field("Seen until", &date_time(story.until)),
        }
        if !story.verifications.is_empty() {
            self.field("Verified", &verdicts(story));
        }
        if let Some(back) = story.rollback.as_ref().filter(|back| back.reason != story.summary) {
            self.field("Rollback", &back.reason.short(MOST_TEXT));
        }
        if !story.summary.is_empty() {
            self.field("Summary", &story.summary.short(MOST_TEXT));
        }
    }

    fn place(&mut self, story: &Story) {
        if !story.groups.is_empty() {
            self.heading("Groups");
            for group in &story.groups {
                self.line(4, &group_line(group));
            }
        }
        if !story.routes.is_empty() {
            self.heading("Routes");
            for route in &story.routes {
                let before =
                    if route.now == route.before { String::new() } else { format!("; before this run {}", route.before) };
                self.line(4, &format!("{}, port {}  {}{before}", route.load_balancer, route.port, route.now));
            }
        }
        if !story.left.is_empty() {
            self.heading("Left");
            story.left.iter().for_each(|what| self.words(4, "", what));
        }
    }

    fn verification(&mut self, verification: &Verification) {
        let phase = verification.phase.as_ref().map(|phase| format!("{phase} · ")).unwrap_or_default();
        let attempt = if verification.attempt > 1 { format!(", attempt {}", verification.attempt) } else { String::new() };
        let name = Text::of(format!("{phase}{}{attempt}", verification.plugin)).short(self.columns - 20);
        let verdict = verification.verdict.map_or_else(|| "no verdict".to_owned(), |verdict| word(verdict.into()));
        self.drawn(&format!("  {}  {verdict}", name.bold()));
        match &verification.error {
            Some(error) if verification.verdict.is_none() => self.words(4, "It failed: ", error),
            _ => self.words(4, "", &verification.summary),
        }
        for (verdict, finding) in verification.findings.iter().take(MOST_METRICS) {
            self.words(4, &format!("{verdict}: "), finding);
        }
        match &verification.analysis {
            Some(analysis) => {
                if let Some(score) = &analysis.score {
                    curves::score(self, score);
                }
                analysis.metrics.iter().take(MOST_METRICS).for_each(|metric| curves::metric(self, metric));
                if analysis.metrics.len() > MOST_METRICS {
                    self.line(4, &format!("{} more metrics are in the page", analysis.metrics.len() - MOST_METRICS));
                }
                analysis.unread.iter().take(MOST_METRICS).for_each(|text| self.words(4, "", text));
            }
            None => verification.measured.iter().take(MOST_METRICS).for_each(|one| curves::measured(self, one)),
        }
    }

    fn question(&mut self, question: &Question) {
        self.words(2, "", &question.what);
        let took = question.answered.map(|at| format!(", after {}", length(at.since(question.at)))).unwrap_or_default();
        let until = match question.answer {
            Answer::Open => format!(", until {}", date_time(question.expires)),
            _ => String::new(),
        };
        self.line(4, &format!("{}{took}; {}, {}{until}", question.answer.word(), question.step, question.terms));
        for cast in &question.votes {
            let vote = match cast.vote {
                Vote::Approve => "approves",
                Vote::Reject => "rejects",
            };
            let comment = if cast.comment.is_empty() { String::new() } else { format!(": {}", cast.comment) };
            let refused = cast.refused.as_ref().map(|why| format!("; does not count: {why}")).unwrap_or_default();
            self.line(4, &format!("{}  {} {vote}{comment}{refused}", clock(cast.at), cast.by));
        }
    }
}

fn group_line(group: &Group) -> String {
    let name = if group.name.is_empty() { String::new() } else { format!(" `{}`", group.name) };
    let now = match (group.deleted, group.capacity) {
        (Some(_), _) => "deleted".to_owned(),
        (None, Some(capacity)) => capacity.to_string(),
        (None, None) => "capacity unknown".to_owned(),
    };
    let healthy = match (healthy(group), group.total) {
        (words, _) if words.is_empty() => words,
        (words, Some(0)) => format!("; {words}"),
        (words, _) => format!("; {words} healthy"),
    };
    format!("{:<5}  {}{name}  {now}{healthy}", group.role.word(), group.id)
}

fn state(state: State) -> String {
    let word = state.word();
    match state {
        State::Ended(Ending::Succeeded) => word.green().to_string(),
        State::Ended(Ending::RolledBack | Ending::Aborted) | State::Asks | State::RollingBack | State::Stopped => {
            word.yellow().to_string()
        }
        State::Ended(Ending::Failed | Ending::Stuck) => word.red().to_string(),
        State::Running => word.cyan().to_string(),
    }
}

/// The word of a verdict in its colour.
fn word(mark: Mark) -> String {
    let word = mark.word();
    match mark {
        Mark::Pass => word.green().to_string(),
        Mark::Warn => word.yellow().to_string(),
        Mark::Fail | Mark::Error => word.red().to_string(),
        Mark::Inconclusive => word.magenta().to_string(),
        Mark::Skipped => word.dimmed().to_string(),
    }
}

/// Lines of at most so many columns; a word that is longer is broken.
fn wrapped(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        while let Some(line) = lines.last_mut() {
            let used = line.chars().count();
            let blank = usize::from(used > 0);
            if used + blank + rest.len() <= columns {
                line.push_str(if blank > 0 { " " } else { "" });
                line.extend(rest);
                break;
            }
            if used == 0 {
                line.extend(rest.drain(..columns.min(rest.len())));
            }
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use shiftgate_model::Verdict;

    use super::*;

    #[test]
    fn lines_end_before_the_edge() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a longer-than-that b", 6), ["a", "longer", "-than-", "that b"]);
        assert_eq!(wrapped("", 6), Vec::<String>::new());
    }

    #[test]
    fn every_verdict_has_a_word() {
        let words = [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Inconclusive, Verdict::Skipped];
        assert!(words.into_iter().all(|verdict| word(verdict.into()).contains(&verdict.to_string())));
    }
}
