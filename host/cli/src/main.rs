//! `shiftgate`: the command line. The only composition root, the only reader of the environment, the only printer.
//!
//! [`args`] is the command line as typed, [`commands`] has a file a command, [`wiring`] puts the rooms together, and
//! [`drive`] runs a deployment in this process. Everything else here turns events and errors into words; what a
//! deployment does is decided in `engine`.

mod app;
mod args;
mod commands;
mod crash;
mod credentials;
mod drive;
mod env;
mod exit;
mod failure;
mod files;
mod interrupt;
mod judgement;
mod log;
mod no_clouds;
mod preflight;
mod run_id;
mod screen;
mod shared;
mod text;
mod vault;
mod view;
mod wiring;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use shiftgate_model::Vote;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::args::{Cli, Command};
use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;

fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    if let Command::CompileComponent = command {
        return shiftgate_plugin::compile_child();
    }
    let env = Environment::read();
    let screen = Screen::new(global.color, &env);
    let mut app = App { env, global, screen };
    let done = catch_unwind(AssertUnwindSafe(|| log_to_stderr(&app).and_then(|()| perform(&mut app, &command))));
    let failure = match done {
        Ok(Ok(exit)) => return exit.into(),
        Ok(Err(failure)) => failure,
        // The panic itself is on standard error already.
        Err(_) => Failure::bug("it panicked, as shown above"),
    };
    app.screen.failure(&failure);
    failure.exit().into()
}

/// Commands that need no runtime get none: `validate` is to be quick.
fn perform(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Validate(args) => commands::validate::run(app, args),
        Command::Init(args) => commands::init::run(app, args),
        Command::Completions { shell } => commands::completions::run(app, *shell),
        waiting => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            let runtime = builder.enable_all().build();
            let runtime = runtime.map_err(|error| Failure::bug(format!("there is no runtime to be had: {error}")))?;
            let done = runtime.block_on(wait(app, waiting));
            // A name lookup or a disk that hangs holds nobody up any more.
            runtime.shutdown_background();
            done
        }
    }
}

async fn wait(app: &mut App, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => commands::run::run(app, args).await,
        Command::Status(args) => commands::status::run(app, args).await,
        Command::Runs(args) => commands::runs::run(app, args).await,
        Command::Logs(args) => commands::logs::run(app, args).await,
        Command::Report(args) => commands::report::run(app, args).await,
        Command::Plan(args) => commands::plan::run(app, args).await,
        Command::Resume(args) => commands::resume::run(app, args).await,
        Command::Rollback(args) => commands::resume::roll_back(app, args).await,
        Command::Abort(args) => commands::resume::abort(app, args).await,
        Command::Retry(args) => commands::resume::retry(app, args).await,
        Command::Approve(args) => commands::vote::run(app, args, Vote::Approve).await,
        Command::Reject(args) => commands::vote::run(app, args, Vote::Reject).await,
        Command::Baseline(args) => commands::baseline::run(app, args).await,
        Command::Worker(args) => commands::worker::run(app, args).await,
        Command::Demo(args) => commands::demo::run(app, args).await,
        Command::Sim(args) => commands::sim::run(app, args).await,
        Command::Plugin(what) => commands::plugin::run(app, what).await,
        Command::Verify(what) => commands::verify::run(app, what).await,
        Command::Validate(_) | Command::Init(_) | Command::Completions { .. } | Command::CompileComponent => {
            Err(Failure::bug("this command does not wait"))
        }
    }
}

/// Diagnostics for developers go to standard error; the operator's story is the events.
fn log_to_stderr(app: &App) -> Result<(), Failure> {
    let wanted = app.env.get("SHIFTGATE_LOG").unwrap_or("warn");
    let filter = EnvFilter::builder().parse(format!("duroxide=off,sqlx=off,{wanted}")).map_err(|error| {
        Failure::new(Exit::Usage, format!("SHIFTGATE_LOG is `{wanted}`, which is no filter: {error}"))
            .hint("use a level (error, warn, info, debug, trace), or directives as in `shiftgate_cloud=debug`")
    })?;
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(app.screen.color_err());
    subscriber.try_init().map_err(Failure::bug)
}
