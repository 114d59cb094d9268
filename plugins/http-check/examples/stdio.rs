//! The plugin's config check as a native program over standard input and output: what a plugin call is measured against.
//! Reads one JSON config, writes the problems as a JSON list.

use std::io::{self, Read as _, Write as _};

use http_check::HttpCheck;
use shiftgate_sdk::Verification as _;

fn main() -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let problems: Vec<(String, String)> = match serde_json::from_str(&text) {
        Ok(config) => HttpCheck::validate(&config).into_iter().map(|p| (p.pointer, p.message)).collect(),
        Err(error) => vec![(String::new(), error.to_string())],
    };
    let answer = serde_json::to_string(&problems)?;
    io::stdout().write_all(answer.as_bytes())
}
