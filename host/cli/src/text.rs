//! What the program says in words, beside what a report says in the same: lengths of time, columns, its own commands. Pure.

use std::path::Path;

pub(crate) use shiftgate_model::printable;
use shiftgate_model::{Millis, RunId};
pub(crate) use shiftgate_report::words::{date_time, length, moment};

/// A length of time to the nearest second, for what was meant as a round number.
pub(crate) fn rounded(time: Millis) -> String {
    Millis::seconds(time.0.saturating_add(500) / 1_000).to_string()
}

/// Makes the cells of each column equally wide; those of the last one end their lines, and stay.
pub(crate) fn align<const N: usize>(rows: &mut [[String; N]]) {
    for column in 0..N.saturating_sub(1) {
        let width = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            *cell = format!("{cell:<width$}");
        }
    }
}

/// The program's commands, as a person would type them to reach the same state directory.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    program: String,
}

impl Commands {
    /// `state_dir` is the one that a flag named; none when the surroundings name it.
    pub(crate) fn new(state_dir: Option<&Path>) -> Self {
        let program = match state_dir {
            None => "shiftgate".to_owned(),
            Some(dir) => format!("shiftgate --state-dir {}", quoted(&dir.display().to_string())),
        };
        Self { program }
    }

    /// The same for a database that a flag named; the password is left out, and has to come from elsewhere.
    pub(crate) fn of_database(address: &str) -> Self {
        Self { program: format!("shiftgate --store {}", quoted(address)) }
    }

    /// `shiftgate resume 20261123-214501-k3f9`.
    pub(crate) fn of(&self, command: &str, run: &RunId) -> String {
        format!("{} {command} {run}", self.program)
    }
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_length_is_short() {
        assert_eq!(rounded(Millis(3_599_990)), "1h");
    }

    #[test]
    fn a_command_names_the_same_state_directory() {
        let run = RunId::new("r1");
        assert_eq!(Commands::new(None).of("resume", &run), "shiftgate resume r1");
        assert_eq!(Commands::new(Some(Path::new("/a/b"))).of("resume", &run), "shiftgate --state-dir /a/b resume r1");
        assert_eq!(Commands::new(Some(Path::new("a 'b'"))).of("logs", &run), r"shiftgate --state-dir 'a '\''b'\''' logs r1");
    }
}
