//! The command line as typed. What it means is decided in `commands`; nothing here reads a file or the environment.

mod plugin;
mod runs;
mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::exit::Exit;

pub(crate) use plugin::{BenchPlugin, GrantPlugin, Kind, Language, NewPlugin, Plugin, RunPlugin, TestPlugin};
pub(crate) use runs::{Baseline, Logs, Look, Order, Pin, Prune, Report, Resume, Rollback, Runs, RunsAction, Vote, Worker};
pub(crate) use verify::{Replay, Verify};

/// The command by which the program calls itself to compile a plugin.
pub(crate) const COMPILE: &str = "compile-component";

/// Deploys AMIs onto Spot Elastigroups: in phases, verified between them, and put back when they fail.
#[derive(Debug, Parser)]
#[command(name = "shiftgate", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Try it without an account: shiftgate demo\nExit codes and variables: shiftgate --help")]
#[command(after_long_help = long_help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Where runs are recorded [default: SHIFTGATE_STATE_DIR, else ~/.local/state/shiftgate]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) state_dir: Option<PathBuf>,
    /// A database that many hosts share, postgres://…, instead of a state directory [default: SHIFTGATE_STORE]
    #[arg(long, global = true, value_name = "URL", conflicts_with = "state_dir", help_heading = "Global options")]
    pub(crate) store: Option<String>,
    /// Where plugins named without a path are [default: SHIFTGATE_PLUGIN_DIR, else beside the program]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) plugin_dir: Option<PathBuf>,
    /// What plugins may do here, whatever a workflow says [default: SHIFTGATE_POLICY, else ~/.config/shiftgate/policy.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) policy: Option<PathBuf>,
    /// When to use colours; NO_COLOR turns `auto` off
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub(crate) color: Color,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// What standard output is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// What to do while another run works on the same group family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Busy {
    /// Wait for its end, first come first served
    #[default]
    Wait,
    /// End at once, with nothing touched
    Refuse,
}

/// How a deployment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    /// All at once
    Basic,
    /// In phases, each a share of the instances
    Canary,
    /// A second group behind the same load balancers; with --swap or --shift
    BlueGreen,
}

/// Which example the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// All at once
    Basic,
    /// In phases, each a share of the instances
    Canary,
    /// Blue/green: production and stage exchanged at once
    Swap,
    /// Blue/green: requests shifted by weight
    Shift,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy as a workflow file says, and show it as it happens
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// Show every call that a run would make, in order, with what it changes; touches nothing
    #[command(after_help = PLAN_HELP)]
    Plan(Planned),
    /// Check a workflow file; touches nothing and needs no account
    #[command(after_help = "Example:\n  shiftgate validate workflow.yaml --input ami=ami-0123456789abcdef0")]
    Validate(Validate),
    /// Write a workflow file to start from
    #[command(after_help = "Example:\n  shiftgate init --strategy canary --output-file workflow.yaml")]
    Init(Init),
    /// Show where a run is
    #[command(after_help = "Example:\n  shiftgate status last")]
    Status(Look),
    /// List all runs, newest first; or forget old ones
    #[command(after_help = "Examples:\n  shiftgate runs --output json\n  shiftgate runs prune --older-than 90d")]
    Runs(Runs),
    /// Show what happened in a run
    #[command(after_help = "Example:\n  shiftgate logs last --follow")]
    Logs(Logs),
    /// Show how a run went and why it was judged so: on the terminal, or as a page
    #[command(after_help = "Examples:\n  shiftgate report last\n  shiftgate report last --html report.html")]
    Report(Report),
    /// Go on with a run that was interrupted or aborted
    #[command(after_help = "Example:\n  shiftgate resume 20261123-214501-k3f9")]
    Resume(Resume),
    /// Put everything back that a run has changed, from its record; also of a run that succeeded
    #[command(after_help = "Example:\n  shiftgate rollback 20261123-214501-k3f9 --reason 'orders fail'")]
    Rollback(Rollback),
    /// Stop a run where it stands; `resume` or `rollback` go on from there
    #[command(after_help = "Example:\n  shiftgate abort last --reason 'wrong image'")]
    Abort(Order),
    /// Try the step again that a person is asked about, or that an aborted run failed in
    #[command(after_help = "Example:\n  shiftgate retry last")]
    Retry(Order),
    /// Vote for going on
    #[command(after_help = "Example:\n  shiftgate approve last --as oncall --comment 'error rate is fine'")]
    Approve(Vote),
    /// Vote against going on
    #[command(after_help = "Example:\n  shiftgate reject last --comment 'latency doubled'")]
    Reject(Vote),
    /// Say which earlier run verifications compare with
    #[command(subcommand)]
    Baseline(Baseline),
    /// Look at verifications again that a run has made
    #[command(subcommand)]
    Verify(Verify),
    /// Drive the runs of a database, together with other workers, until interrupted
    #[command(after_help = "Example:\n  SHIFTGATE_STORE=postgres://shiftgate@db.internal:5432/shiftgate shiftgate worker")]
    Worker(Worker),
    /// Run an example against a simulated account in this process: no file, no account, nothing left behind
    #[command(after_help = DEMO_HELP)]
    Demo(Demo),
    /// Serve a simulated account on loopback until interrupted
    #[command(after_help = SIM_HELP)]
    Sim(Simulate),
    /// Compile a component from standard input; the program calls itself so
    #[command(name = COMPILE, hide = true, after_help = "Example:\n  shiftgate compile-component < plugin.wasm")]
    CompileComponent,
    /// Write plugins, and look at them
    #[command(subcommand)]
    Plugin(Plugin),
    /// Print a script that completes commands in a shell
    #[command(after_help = "Example:\n  shiftgate completions bash > ~/.local/share/bash-completion/completions/shiftgate")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A workflow file and what is given to it.
#[derive(Args, Debug)]
pub(crate) struct Workflow {
    /// The workflow file; `-` reads standard input
    pub(crate) file: PathBuf,
    /// A value for an input that the file declares; may be given many times
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = input)]
    pub(crate) inputs: Vec<(String, String)>,
}

/// What a run is told of its load balancers.
#[derive(Args, Debug)]
pub(crate) struct Routes {
    /// A target group that is production whatever its weight is, by ARN or name; may be given many times
    #[arg(long, value_name = "TARGET_GROUP")]
    pub(crate) assume_production: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Planned {
    #[command(flatten)]
    pub(crate) workflow: Workflow,
    #[command(flatten)]
    pub(crate) routes: Routes,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) workflow: Workflow,
    #[command(flatten)]
    pub(crate) routes: Routes,
    /// The digest that `shiftgate plan` printed: refuse to run when the world or the workflow has moved since
    #[arg(long, value_name = "DIGEST")]
    pub(crate) plan: Option<String>,
    /// What standard output carries: lines for people, or each event as a line of JSON
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
    /// What to do while another run works on the same group family
    #[arg(long, value_name = "WHAT", default_value = "wait")]
    pub(crate) when_busy: Busy,
}

#[derive(Args, Debug)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) workflow: Workflow,
    /// The form of the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
}

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// How the deployment goes
    #[arg(long)]
    pub(crate) strategy: StrategyArg,
    /// Blue/green with an instant traffic shift: production and stage are exchanged
    #[arg(long, conflicts_with = "shift")]
    pub(crate) swap: bool,
    /// Blue/green with an incremental traffic shift: requests move by weight
    #[arg(long)]
    pub(crate) shift: bool,
    /// Where to write; `-` is standard output. An example elastigroup.json is written beside it when there is none
    #[arg(long, value_name = "FILE", default_value = "workflow.yaml")]
    pub(crate) output_file: PathBuf,
    /// Replace the workflow file if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Which example
    #[arg(default_value = "canary")]
    pub(crate) scenario: Scenario,
    /// Deploy an image that serves errors: its verification fails, and the run is rolled back
    #[arg(long)]
    pub(crate) bad: bool,
    /// What standard output carries: lines for people, or each event as a line of JSON
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Format,
    /// A simulated account of your own, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Let nothing take time
    #[arg(long)]
    pub(crate) fast: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// Port of the Spot API; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) spot_port: u16,
    /// Port of the AWS API; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) aws_port: u16,
    /// What the account has and how it behaves, as JSON; an empty account without it
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
}

const RUN_HELP: &str = "\
Examples:
  shiftgate run workflow.yaml --input ami=ami-0123456789abcdef0
  shiftgate run workflow.yaml -i ami=ami-0123456789abcdef0 -i target=6 --output json > events.ndjson

Ctrl-C leaves the run where it is; `shiftgate resume` goes on from there.";

const PLAN_HELP: &str = "\
Examples:
  shiftgate plan workflow.yaml --input ami=ami-0123456789abcdef0
  shiftgate run workflow.yaml --input ami=ami-0123456789abcdef0 --plan sha256:…";

const DEMO_HELP: &str = "\
Examples:
  shiftgate demo                 a canary deployment in phases of 25 %, 50 % and 100 %
  shiftgate demo --bad           the same with an image that fails its verification
  shiftgate demo swap            blue/green: production and stage exchanged at once
  shiftgate demo shift           blue/green: 10 %, 50 %, 100 % of the requests, which somebody sends meanwhile
  shiftgate demo basic --fast    all at once, in a world without waiting

Exits with 0 when the run ends as the example says: succeeded, or rolled back with --bad.";

const SIM_HELP: &str = "\
Prints one line of JSON when it is ready: {\"spot_url\": …, \"aws_url\": …, \"metrics_url\": …, \"load_balancers\": …}

Example:
  shiftgate sim --spot-port 8600 &
  SHIFTGATE_SPOT_URL=http://127.0.0.1:8600 SPOTINST_TOKEN=any SPOTINST_ACCOUNT=act-12345678 \\
    shiftgate run workflow.yaml --input ami=ami-0123456789abcdef0";

fn long_help() -> String {
    format!(
        "{}\n\
         Environment:\n  \
           SPOTINST_TOKEN, SPOTINST_ACCOUNT   credentials, unless the workflow's infrastructure names its own\n  \
           SPOTINST_SHARED_CREDENTIALS_FILE   else this file [default: ~/.spotinst/credentials]\n  \
           SPOTINST_PROFILE                   and this profile in it [default: default]\n  \
           SHIFTGATE_SPOT_URL                 another base URL of Spot's API\n  \
           AWS_PROFILE, AWS_ACCESS_KEY_ID, …  AWS's own variables and files, for blue/green only\n  \
           AWS_ENDPOINT_URL                   another base URL of AWS's API\n  \
           SHIFTGATE_PROPAGATION              how long a rule takes to reach every node of a load balancer [default: 20s]\n  \
           SHIFTGATE_STATE_DIR                where runs are recorded\n  \
           SHIFTGATE_STORE                    the same in a database that many hosts share: postgres://…\n  \
           SHIFTGATE_PLUGIN_DIR               where plugins named without a path are\n  \
           SHIFTGATE_CACHE_DIR                where compiled plugins are kept [default: ~/.cache/shiftgate]\n  \
           SHIFTGATE_LOG                      diagnostics on standard error: error, warn, info, debug, trace\n  \
           NO_COLOR                           no colours",
        Exit::table()
    )
}

fn input(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, as in ami=ami-0123456789abcdef0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(sub.has_subcommands() || help.contains("Example"), "`{}` shows no example", sub.get_name());
                check(sub);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn an_input_is_a_name_and_a_value() {
        assert_eq!(input("ami=ami-1"), Ok(("ami".into(), "ami-1".into())));
        assert_eq!(input("q=a=b"), Ok(("q".into(), "a=b".into())));
        assert!(input("ami").is_err() && input("=x").is_err());
    }
}
