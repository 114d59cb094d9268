//! The codes that the program ends with: one a class of end, the same in `--help`, in docs/cli.md and here.
//!
//! A code says what a script may do next; the message says the rest. Nothing but this file names a number.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Exit {
    Succeeded,
    Failed,
    Usage,
    RolledBack,
    Aborted,
    Stuck,
    Interrupted,
    InvalidWorkflow,
    PluginRefused,
    Credentials,
    Unreachable,
    State,
    UnknownRun,
    NothingWaits,
    Busy,
    Ended,
    Output,
    Moved,
    NotAsExpected,
    NotBuilt,
    Bug,
}

impl Exit {
    /// Every end, by code.
    pub(crate) const ALL: [Self; 21] = [
        Self::Succeeded,
        Self::Failed,
        Self::Usage,
        Self::RolledBack,
        Self::Aborted,
        Self::Stuck,
        Self::Interrupted,
        Self::InvalidWorkflow,
        Self::PluginRefused,
        Self::Credentials,
        Self::Unreachable,
        Self::State,
        Self::UnknownRun,
        Self::NothingWaits,
        Self::Busy,
        Self::Ended,
        Self::Output,
        Self::Moved,
        Self::NotAsExpected,
        Self::NotBuilt,
        Self::Bug,
    ];

    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::RolledBack => 3,
            Self::Aborted => 4,
            Self::Stuck => 5,
            Self::Interrupted => 6,
            Self::InvalidWorkflow => 10,
            Self::PluginRefused => 11,
            Self::Credentials => 12,
            Self::Unreachable => 13,
            Self::State => 14,
            Self::UnknownRun => 15,
            Self::NothingWaits => 16,
            Self::Busy => 17,
            Self::Ended => 18,
            Self::Output => 19,
            Self::Moved => 20,
            Self::NotAsExpected => 21,
            Self::NotBuilt => 22,
            Self::Bug => 70,
        }
    }

    /// What the number means, in one line.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Succeeded => "the command did what it was asked; a run succeeded",
            Self::Failed => "the run failed, and nothing was put back",
            Self::Usage => "the command line is wrong",
            Self::RolledBack => "the run failed and was rolled back",
            Self::Aborted => "the run stopped where it stood; `resume` goes on",
            Self::Stuck => "the run could not finish its rollback; a person has to look",
            Self::Interrupted => "interrupted by a signal; the run stands where it stood, `resume` goes on",
            Self::InvalidWorkflow => "a workflow or scenario file, or a file or input that it needs, is not valid",
            Self::PluginRefused => "a plugin is missing, of the wrong kind, or refused",
            Self::Credentials => "no credentials for Spot or AWS, or they were refused",
            Self::Unreachable => "the API of Spot or AWS cannot be reached, or does not answer as it should",
            Self::State => "the state directory cannot be used, or its disk is full",
            Self::UnknownRun => "no run has this id, or several do",
            Self::NothingWaits => "the run waits for no vote",
            Self::Busy => "another process works on this run, or another run on this group family",
            Self::Ended => "the run has ended; there is nothing to resume or to roll back",
            Self::Output => "the output cannot be written",
            Self::Moved => "the plan is not the one that was agreed on: the world or the workflow has moved",
            Self::NotAsExpected => "a plugin does not do what its scenarios expect, or what every plugin has to",
            Self::NotBuilt => "a plugin cannot be built",
            Self::Bug => "a bug in shiftgate",
        }
    }

    /// The table for `--help`.
    pub(crate) fn table() -> String {
        let mut text = String::from("Exit codes:\n");
        for exit in Self::ALL {
            text.push_str(&format!("  {:>2}  {}\n", exit.code(), exit.meaning()));
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_manual_and_the_help_name_every_code() {
        let manual = include_str!("../../../docs/cli.md");
        let help = crate::args::Cli::command().render_long_help().to_string();
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(manual.contains(&row), "docs/cli.md lacks the row: {row}");
            let line = format!("{:>2}  {}", exit.code(), exit.meaning());
            assert!(help.contains(&line), "--help lacks the line: {line}");
        }
        let rows = manual.lines().filter(|line| line.starts_with("| ") && line[2..3].parse::<u8>().is_ok()).count();
        assert_eq!(rows, Exit::ALL.len(), "docs/cli.md names a code that the program does not have");
    }

    #[test]
    fn no_two_ends_share_a_code() {
        let codes: HashSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(Exit::ALL.is_sorted_by_key(|exit| exit.code()));
    }
}
