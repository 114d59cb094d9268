//! `cargo xtask`: builds the guests, then runs what needs them. Nothing to install but Rust.
//!
//! It calls cargo, rustc and rustup, and copies components; it knows no room of the workspace. `tasks` says what each task
//! does, `tools` calls the programs. The next place to look is `plugins/`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod tasks;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK

Tasks:
  plugins         Build every plugin of plugins/ into <target>/plugins
  demo [ARGS…]    Run `shiftgate demo ARGS…` with these plugins; `canary` when no ARGS are given
  test            Run all tests with these plugins
  bench           Build for release and measure
  campaign        Kill each deployment at every moment and fail every call of a cloud, in a release build
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = match tasks::Task::parse(&arguments) {
        Ok(task) => task,
        Err(tasks::Usage::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(tasks::Usage::Wrong(why)) => {
            eprint!("error: {why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match task.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
