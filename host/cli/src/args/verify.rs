//! The commands about verifications that were made. Next: `commands/verify`, which says what they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Format, input};

/// Look at verifications again.
#[derive(Debug, Subcommand)]
pub(crate) enum Verify {
    /// Judge again what a verification was told then, with other settings or another plugin; offline, and nothing is changed
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),
}

#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The run: its id, a unique beginning of it, or `last`
    pub(crate) run: String,
    /// The verification step: its id, or a part of it that no other verification of the run has
    pub(crate) step: String,
    /// Which attempt of the step [default: the last one]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// Another value for a setting; dots reach inside (`limits.errors=3`), `null` takes a setting out; may be given many times
    #[arg(long = "with", value_name = "KEY=VALUE", value_parser = input)]
    pub(crate) settings: Vec<(String, String)>,
    /// Another component than the one that judged then: a file, or the bare name of a plugin that comes with shiftgate
    #[arg(long, value_name = "FILE")]
    pub(crate) plugin: Option<PathBuf>,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

const REPLAY_HELP: &str = "\
Examples:
  shiftgate verify replay last phase-1/verify-1
  shiftgate verify replay last verify-1 --with max=0.02
  shiftgate verify replay 20261123-214501-k3f9 verify-1 --plugin ./errors.wasm --output json

What may change is how answers are judged: thresholds, counts, limits. What is asked, and when, has to stay as it was.
Exits with 0 when the verdict is pass, warn or skipped, and with 1 when it is fail or inconclusive.";
