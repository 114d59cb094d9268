//! Ends of a step in a sentence, for who compares it with what was expected.

use shiftgate_model::{Millis, ReceiptAction, Report, Tally, Vote};

use crate::drive::End;

/// The ballots of an approval.
pub(super) fn tally_of(end: &End) -> Option<&Tally> {
    match end {
        End::Counted(tally) => Some(tally),
        End::Waiting { tally, .. } => tally.as_ref(),
        _ => None,
    }
}

pub(super) fn summary_of(end: &End) -> &str {
    match end {
        End::Reported(report) => &report.summary,
        End::Error { message, .. } => message,
        _ => tally_of(end).map_or("", |tally| &tally.summary),
    }
}

/// Why a report became inconclusive though the plugin said otherwise: the host says so in its first findings.
pub(crate) fn broken_promises(report: &Report) -> impl Iterator<Item = &str> {
    let findings = report.findings.iter().map(|finding| finding.message.as_str());
    findings.take_while(|text| text.starts_with("the plugin broke the contract"))
}

/// An end in a sentence.
pub(crate) fn told(end: &End) -> String {
    match end {
        End::Refused(problems) => {
            let told =
                problems.iter().map(|(place, why)| format!("{}: {why}", if place.is_empty() { "the whole" } else { place }));
            format!("the config refused: {}", told.collect::<Vec<_>>().join("; "))
        }
        End::Reported(report) => {
            let why = broken_promises(report).map(|why| format!("; {why}")).collect::<String>();
            format!("`{}`: {}{why}", report.verdict, report.summary)
        }
        End::Counted(tally) => ballots_of(tally),
        End::Received(receipt) if receipt.actions.is_empty() => "no actions".to_owned(),
        End::Received(receipt) => {
            let told = receipt.actions.iter().map(|action| match action {
                ReceiptAction::Planned(text) => format!("planned `{text}`"),
                ReceiptAction::Done(text) => format!("done `{text}`"),
                ReceiptAction::AlreadyDone(text) => format!("already-done `{text}`"),
                ReceiptAction::Failed(text) => format!("failed `{text}`"),
            });
            told.collect::<Vec<_>>().join(", ")
        }
        End::Waiting { tally, signals } => {
            let what = if signals.is_empty() { "for time".to_owned() } else { format!("for {}", list(signals)) };
            let ballots = tally.as_ref().map(|tally| format!("; {}", ballots_of(tally))).unwrap_or_default();
            format!("that it still waits {what}{ballots}")
        }
        End::Late => "`timeout`: the step's time was over, and it was cancelled".to_owned(),
        End::Cancelled => "that it was cancelled".to_owned(),
        End::Endless(wakes) => format!("no end after {wakes} wakes"),
        End::Error { code: Some(code), message, .. } => format!("the error `{code}`: {message}"),
        End::Error { code: None, message, .. } => format!("that it failed: {message}"),
    }
}

fn ballots_of(tally: &Tally) -> String {
    let told: Vec<String> = tally.ballots.iter().map(|ballot| vote(&ballot.subject, ballot.vote)).collect();
    if told.is_empty() { "no ballots".to_owned() } else { told.join(", ") }
}

pub(super) fn vote(subject: &str, vote: Vote) -> String {
    match vote {
        Vote::Approve => format!("{subject} approves"),
        Vote::Reject => format!("{subject} rejects"),
    }
}

pub(super) fn lengths(waits: &[Millis]) -> String {
    if waits.is_empty() { "none".to_owned() } else { waits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") }
}

pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ") }
}
