//! A message without what differs each time: numbers, hexadecimal, UUIDs, addresses, times, quoted text.
//!
//! Pure. Two messages of one template are of one kind. It guesses by shape only, and knows no language.

/// As much of a message as counts, in bytes: a stack trace repeats itself.
const LENGTH: usize = 600;

/// The template of a message.
pub fn template(message: &str) -> String {
    let message = message.get(..message.floor_char_boundary(LENGTH)).unwrap_or(message);
    let mut made = String::with_capacity(message.len());
    let mut rest = message;
    let mut last = ' ';
    while let Some(next) = rest.chars().next() {
        let (part, written) = if next.is_whitespace() {
            (rest.len() - rest.trim_start().len(), " ".to_owned())
        } else if let Some(length) = quoted(rest, last) {
            (length, format!("{next}…{next}"))
        } else {
            let length = rest.find(|letter| !of_a_word(letter)).unwrap_or(rest.len());
            match rest.get(..length).filter(|word| !word.is_empty()) {
                Some(word) => (length, word_as_template(word, last)),
                None => (next.len_utf8(), next.to_string()),
            }
        };
        made.push_str(&written);
        let (done, after) = rest.split_at_checked(part).unwrap_or((rest, ""));
        last = done.chars().next_back().unwrap_or(last);
        rest = after;
    }
    made.trim().to_owned()
}

/// The length of a quoted text at the beginning: it opens behind no letter and closes before none, as an apostrophe would.
fn quoted(text: &str, last: char) -> Option<usize> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    if last.is_alphanumeric() {
        return None;
    }
    let inside = text.get(1..)?;
    let mut from = 0;
    while let Some(found) = inside.get(from..)?.find(quote) {
        let close = from + found;
        let after = inside.get(close + 1..)?;
        if !after.chars().next().is_some_and(char::is_alphanumeric) {
            return Some(close + 2);
        }
        from = close + 1;
    }
    None
}

fn of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | ':' | '-' | '_' | '+' | ',')
}

fn word_as_template(word: &str, last: char) -> String {
    if !word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    let core = word.trim_end_matches(['.', ':', ',', '-', '_', '+']);
    let end = word.get(core.len()..).unwrap_or_default();
    let signed = core.strip_prefix(['-', '+']).filter(|_| !last.is_alphanumeric());
    let core = signed.filter(|core| core.starts_with(|first: char| first.is_ascii_digit())).unwrap_or(core);
    let written = if is_uuid(core) {
        "<uuid>".to_owned()
    } else if is_time(core) {
        "<time>".to_owned()
    } else if is_address(core) {
        "<ip>".to_owned()
    } else {
        pieces(core)
    };
    written + end
}

fn is_uuid(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `2026-01-31`, `2026-01-31T12:00:00.000Z`, `12:00:00,123`, `31-Jan-2026`.
fn is_time(word: &str) -> bool {
    let shape: String = word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let zoned = |text: &str| text.chars().all(|letter| matches!(letter, '0' | ':' | '.' | ',' | 'Z' | '+' | '-'));
    let clock = |text: &str| (text.starts_with("00:00") || text.starts_with("0:00")) && zoned(text);
    match shape.strip_prefix("0000-00-00") {
        Some("") => return true,
        Some(after) => return after.strip_prefix(['T', '_', ':', '-', '.']).is_some_and(clock),
        None => {}
    }
    let month = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let parts: Vec<&str> = shape.split('-').collect();
    clock(&shape) || matches!(parts.as_slice(), ["00" | "0", name, "0000" | "00"] if month(name))
}

/// IPv4 or IPv6, perhaps with a port.
fn is_address(word: &str) -> bool {
    let host = match word.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => word,
    };
    host.parse::<std::net::Ipv4Addr>().is_ok() || (word.matches(':').count() > 1 && word.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Each piece between separators by itself: hexadecimal from eight digits on, else its numbers.
fn pieces(word: &str) -> String {
    let mut made = String::new();
    for piece in word.split_inclusive(['-', '_', ':']) {
        let core = piece.trim_end_matches(['-', '_', ':']);
        let hex = core.strip_prefix("0x").filter(|hex| !hex.is_empty()).unwrap_or(core);
        let marked = hex.len() < core.len();
        let digits = hex.bytes().any(|byte| byte.is_ascii_digit());
        let letters = hex.bytes().any(|byte| byte.is_ascii_alphabetic());
        if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && (marked || (hex.len() >= 8 && digits && letters)) {
            made.push_str("<hex>");
        } else {
            made.push_str(&numbers(core));
        }
        made.push_str(piece.get(core.len()..).unwrap_or_default());
    }
    made
}

/// `v1.2.3` becomes `v<n>`, `12,5ms` becomes `<n>ms`.
fn numbers(word: &str) -> String {
    let mut made = String::new();
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii_digit() {
            made.push(letter);
            continue;
        }
        made.push_str("<n>");
        loop {
            let mut ahead = letters.clone();
            match (ahead.next(), ahead.next()) {
                (Some(next), _) if next.is_ascii_digit() => {}
                (Some('.' | ','), Some(next)) if next.is_ascii_digit() => {}
                _ => break,
            }
            letters.next();
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_each_time_is_left_out() {
        let cases = [
            ("took 12.5ms for 3 items", "took <n>ms for <n> items"),
            ("2026-01-31T12:00:00.123Z worker-12: gone", "<time> worker-<n>: gone"),
            ("2026-01-31 12:00:00,123 ERROR", "<time> <time> ERROR"),
            ("[31-Jan-2026 12:00:00+01:00] x", "[<time> <time>] x"),
            ("request 6f1a2b3c-1111-4222-8333-abcdefabcdef failed.", "request <uuid> failed."),
            ("10.0.0.1:8080 refused, also 192.168.1.20.", "<ip> refused, also <ip>."),
            ("peer 2001:db8::1 left", "peer <ip> left"),
            ("at 0xDEADBEEF in i-0123456789abcdef0", "at <hex> in i-<hex>"),
            ("commit deadbeef1 by decade facade", "commit <hex> by decade facade"),
            ("user \"Ann O'Neil\" can't 'log in' here", "user \"…\" can't '…' here"),
            ("delta -5 of +7, a-1", "delta <n> of <n>, a-<n>"),
            ("v1.2.3,  two\n\tlines ", "v<n>, two lines"),
            ("größe 5 für 日本 7", "größe <n> für 日本 <n>"),
            ("\"open", "\"open"),
        ];
        for (message, expected) in cases {
            assert_eq!(template(message), expected, "{message}");
            assert_eq!(template(expected), expected, "a template is its own");
        }
    }

    #[test]
    fn only_the_begin_of_a_long_message_counts() {
        let long = "é".repeat(1000);
        assert_eq!(template(&long).len(), 600);
        assert_eq!(template(&format!("{long}1")), template(&format!("{long}2")));
    }
}
