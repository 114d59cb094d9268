//! Words for moments and lengths of time, and text from elsewhere made printable. Pure.

use std::path::Path;

use shiftgate_model::{Millis, RunId, Timestamp, is_hidden};

/// A moment in UTC, in strftime's words.
pub(crate) fn moment(at: Timestamp, format: &str) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map_or_else(|| format!("{}ms", at.0), |stamp| stamp.strftime(format).to_string())
}

/// `2026-11-23 21:45:01 UTC`.
pub(crate) fn date_time(at: Timestamp) -> String {
    moment(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// A length of time to the second; under ten seconds to the tenth.
pub(crate) fn length(time: Millis) -> String {
    if time.0 < 10_000 {
        return format!("{}.{}s", time.0 / 1_000, time.0 % 1_000 / 100);
    }
    Millis::seconds(time.0 / 1_000).to_string()
}

/// A length of time to the nearest second, for what was meant as a round number.
pub(crate) fn rounded(time: Millis) -> String {
    Millis::seconds(time.0.saturating_add(500) / 1_000).to_string()
}

/// Text from a plugin, a cloud or a person: what a terminal acts on, and what turns or hides text, becomes visible.
/// Line feeds stay.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => shown.push('\n'),
            '\t' => shown.push(' '),
            '\r' => {}
            other if is_hidden(other) => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    shown
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
    fn nothing_from_elsewhere_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{7}\r\nb\tc\u{202e}"), "a\\u{1b}[31mred\\u{7}\nb c\\u{202e}");
        assert_eq!(printable("größer ≥ 3"), "größer ≥ 3");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(date_time(Timestamp(1_795_470_301_250)), "2026-11-23 21:45:01 UTC");
        assert_eq!([0, 250, 9_999, 61_500].map(|ms| length(Millis(ms))), ["0.0s", "0.2s", "9.9s", "1m 1s"]);
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
