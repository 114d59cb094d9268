//! The only printer. Standard output is the result, standard error everything else; colours where they are wanted.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use owo_colors::OwoColorize as _;

use crate::args::Color;
use crate::env::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::printable;

/// Standard output and standard error.
pub(crate) struct Screen {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    color_err: bool,
}

impl Screen {
    /// Decides about colours once.
    pub(crate) fn new(color: Color, env: &Environment) -> Self {
        let out = choose(color, env, io::stdout().is_terminal());
        let err = choose(color, env, io::stderr().is_terminal());
        Self {
            out: AutoStream::new(io::stdout(), out),
            err: AutoStream::new(io::stderr(), err),
            color_err: err == ColorChoice::Always,
        }
    }

    /// Whether standard error shows colours, for texts that colour themselves.
    pub(crate) const fn color_err(&self) -> bool {
        self.color_err
    }

    /// A part of the result, newline included.
    ///
    /// Errors: a reader that went away ends the command quietly; a full disk does not.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Shown(Exit::Succeeded),
            _ => Failure::new(Exit::Output, format!("cannot write to standard output: {error}")),
        })
    }

    /// A value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_string(value).map_err(|error| Failure::bug(format!("a value has no JSON: {error}")))?;
        line.push('\n');
        self.print(&line)
    }

    /// A line on standard error. One that cannot be written is lost: nobody is left to be told.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Why the command did not do what it was asked.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let Failure::Told { message, hint, .. } = failure else { return };
        let error = "error:".red().bold().to_string();
        self.note(&format!("{error} {}", printable(message)));
        if let Some(hint) = hint {
            let label = "hint:".cyan().bold().to_string();
            self.note(&format!("{label} {}", printable(hint)));
        }
    }
}

fn choose(color: Color, env: &Environment, terminal: bool) -> ColorChoice {
    let auto = || terminal && env.get("NO_COLOR").is_none() && env.get("TERM") != Some("dumb");
    let wanted = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => auto(),
    };
    if wanted { ColorChoice::Always } else { ColorChoice::Never }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let none = Environment::of(&[], "/bin/shiftgate");
        let quiet = Environment::of(&[("NO_COLOR", "1")], "/bin/shiftgate");
        assert_eq!(choose(Color::Auto, &none, true), ColorChoice::Always);
        assert_eq!(choose(Color::Auto, &none, false), ColorChoice::Never);
        assert_eq!(choose(Color::Auto, &quiet, true), ColorChoice::Never);
        assert_eq!(choose(Color::Always, &quiet, false), ColorChoice::Always);
    }
}
