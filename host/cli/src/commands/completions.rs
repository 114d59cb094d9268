//! `shiftgate completions`: a script for a shell, made from the command line's own definition.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::app::App;
use crate::args::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) fn run(app: &mut App, shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shiftgate", &mut script);
    app.screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Succeeded)
}
