//! Whatever a grant lets through goes, read by somebody else's rules (RFC 3986, and the habits of careless servers), to the
//! granted scheme, host and port, and to a path at or below the granted one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use shiftgate_plugin::fuzz;

const GRANT: &str = "https://api.example.com/v1";

fuzz_target!(|url: &str| {
    let Some(sent) = fuzz::sent(GRANT, url) else { return };
    let rest = sent.strip_prefix("https://").unwrap_or_else(|| panic!("another scheme: {sent}"));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    assert!(matches!(authority, "api.example.com" | "api.example.com:443"), "another host: {sent}");
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    // Decoded twice, backslashes as slashes, `;…` cut off, empty segments dropped: as any server may.
    let once = percent_decode_str(path).decode_utf8_lossy().into_owned();
    for reading in [path.to_owned(), once.clone(), percent_decode_str(&once).decode_utf8_lossy().into_owned()] {
        let mut at: Vec<&str> = Vec::new();
        for segment in reading.split(['/', '\\']).map(|segment| segment.split(';').next().unwrap_or_default()) {
            match segment {
                "" | "." => {}
                ".." => drop(at.pop()),
                segment => at.push(segment),
            }
        }
        let first = reading.split('/').find(|segment| !segment.is_empty());
        assert!(at.first() == Some(&"v1") && first == Some("v1"), "outside: {sent} read as {reading}");
        assert!(!reading.contains(['\r', '\n', '\0']), "a line break: {sent}");
    }
});
