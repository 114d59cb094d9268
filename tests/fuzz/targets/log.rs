//! Whatever a guest writes, a line of its log holds no hidden character, no line is longer than its budget, and the log as a
//! whole stays within its own.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use shiftgate_model::is_hidden;
use shiftgate_plugin::{Budgets, fuzz};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    lines: u8,
    bytes: u16,
    line: u8,
    /// What comes by the host's function, and what on standard error.
    said: Vec<&'a str>,
    written: Vec<&'a [u8]>,
}

fuzz_target!(|input: Input<'_>| {
    let budgets = Budgets {
        log_lines: input.lines.into(),
        log_bytes: input.bytes.into(),
        log_line_bytes: input.line.into(),
        ..Budgets::default()
    };
    let lines = fuzz::logged(&budgets, &input.said, &input.written);
    // One more says how many were left out.
    assert!(lines.len() <= usize::from(input.lines) + 1);
    let told = lines.iter().filter(|line| !line.contains("more lines were left out"));
    let sum: usize = told.clone().map(|line| line.len()).sum();
    // A cut line ends in a mark of three bytes.
    assert!(sum <= usize::from(input.bytes) + 3, "{sum} bytes");
    for line in told {
        assert!(line.len() <= usize::from(input.line).max(3), "{} bytes", line.len());
        assert!(!line.chars().any(is_hidden), "{line:?}");
    }
});
