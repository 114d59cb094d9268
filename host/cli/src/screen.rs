//! The only printer. Standard output is the result, standard error everything else; colours where they are wanted.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use owo_colors::OwoColorize as _;
use serde_json::ser::{Formatter, Serializer};
use shiftgate_model::is_hidden;

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

    /// The columns of the terminal that standard output is; none when it is none.
    pub(crate) fn columns() -> Option<usize> {
        rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
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
        let mut line = Vec::new();
        value
            .serialize(&mut Serializer::with_formatter(&mut line, Visible))
            .map_err(|error| Failure::bug(format!("a value has no JSON: {error}")))?;
        line.push(b'\n');
        self.print(&String::from_utf8_lossy(&line))
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

/// JSON in which nothing acts on a terminal: what JSON leaves as it is (marks that turn or hide text, the second set of control
/// characters) is escaped too.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if is_hidden(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(to, "\\u{unit:04x}")?;
                }
            } else {
                to.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
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

    #[test]
    fn json_holds_no_character_that_acts_on_a_terminal_and_means_the_same() {
        let value = serde_json::json!({ "a\u{202e}b": "\u{9b}2J \u{e0041} ünï \u{1b}\n" });
        let mut line = Vec::new();
        serde::Serialize::serialize(&value, &mut Serializer::with_formatter(&mut line, Visible)).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text, r#"{"a\u202eb":"\u009b2J \udb40\udc41 ünï \u001b\n"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
