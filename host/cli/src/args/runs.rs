//! The commands that look at runs, and those that order something of one. Next: `commands`, which says what they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shiftgate_model::Millis;

use super::{Busy, Format};

#[derive(Args, Debug)]
pub(crate) struct Look {
    /// The run: its id, a unique beginning of it, or `last`
    pub(crate) run: String,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) action: Option<RunsAction>,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

/// What to do with the runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsAction {
    /// Forget what happened in runs that ended long ago; which groups are shiftgate's own stays known
    #[command(after_help = "Example:\n  shiftgate runs prune --older-than 90d --dry-run")]
    Prune(Prune),
}

#[derive(Args, Debug)]
pub(crate) struct Prune {
    /// How long ago a run has to have ended
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = length)]
    pub(crate) older_than: Millis,
    /// Say which runs would go, and forget nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Go on showing events until the run ends
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Write one HTML file that needs nothing else, instead of text; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) look: Look,
    /// What to do while another run works on the same group family
    #[arg(long, value_name = "WHAT", default_value = "wait")]
    pub(crate) when_busy: Busy,
    /// Go on over what others have changed under the run since it stopped
    #[arg(long)]
    pub(crate) accept_drift: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) resume: Resume,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// What to do with baselines.
#[derive(Debug, Subcommand)]
pub(crate) enum Baseline {
    /// Compare with this run, until another is pinned or this one is unpinned
    ///
    /// Without a pin, a verification that compares with the previous deployment takes the last run of its workflow on its group
    /// family that succeeded with the same step.
    #[command(after_help = "Example:\n  shiftgate baseline pin 20261123-214501-k3f9 --reason 'the last good week'")]
    Pin(Pin),
    /// Compare with the last success again
    #[command(after_help = "Example:\n  shiftgate baseline unpin 20261123-214501-k3f9")]
    Unpin(Pin),
    /// List the runs that are pinned
    #[command(after_help = "Example:\n  shiftgate baseline list")]
    List,
}

/// What `baseline pin` and `baseline unpin` take.
#[derive(Args, Debug)]
pub(crate) struct Pin {
    /// The run: its id, a unique beginning of it, or `last`
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// What `abort` and `retry` take.
#[derive(Args, Debug)]
pub(crate) struct Order {
    #[command(flatten)]
    pub(crate) look: Look,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Args, Debug)]
pub(crate) struct Why {
    /// Why; kept in the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Vote {
    /// The run: its id, a unique beginning of it, or `last`
    pub(crate) run: String,
    /// Who votes [default: the user's name]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) subject: Option<String>,
    /// Why; kept in the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) comment: String,
    /// The digest of the plan that the voter agreed to: the vote counts for a run of that plan only
    #[arg(long, value_name = "DIGEST")]
    pub(crate) plan: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Worker {
    /// How long a step stays this worker's own when it was last heard of; the same for all workers of a database
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = length)]
    pub(crate) lease: Millis,
    /// How many steps may be under way at once; a run that waits for a person or a timer is none
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) steps: u32,
}

fn length(text: &str) -> Result<Millis, String> {
    shiftgate_workflow::duration(text).map_err(|error| error.to_string())
}
