//! Finds a secret in what comes back, however it is spelled there: as it is, in JSON, in a URL, in HTML, in base64 of whatever it is
//! part of, and any mixture of these, since every encoder escapes other characters.
//!
//! A secret is looked for character by character: at each, all the ways to write it are tried. Next: `carry`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Base64 that is shorter than this is too common to be masked.
const SHORTEST: usize = 6;
/// What may stand between two lines of base64.
const BREAKS: [char; 3] = ['\r', '\n', '\t'];
/// Backslashes in front of an escaped character: JSON in JSON, in JSON.
const DEEPEST: usize = 7;

/// What is masked, and with what.
#[derive(Debug, Default)]
pub(super) struct Masks {
    masks: Vec<Mask>,
    /// For each byte whether a spelling may begin with it: most of an answer is passed over by that alone.
    begins: Vec<bool>,
}

#[derive(Debug)]
struct Mask {
    text: Vec<char>,
    shown: String,
    /// Base64: it may be broken into lines, and has two alphabets.
    base64: bool,
}

impl Masks {
    pub(super) const fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    /// From now on, `shown` stands for `secret`, and for base64 of whatever it is part of.
    pub(super) fn learn(&mut self, secret: &str, shown: &str) {
        self.add(secret, shown, false);
        for text in in_base64(secret).iter().filter(|text| text.len() >= SHORTEST) {
            self.add(text, shown, true);
        }
    }

    /// The same for what is sent once, and so not worth to be looked for within base64.
    pub(super) fn learn_once(&mut self, text: &str, shown: &str) {
        self.add(text, shown, false);
    }

    /// What is known already is not looked for twice: a call may send the same secret in each of its requests.
    fn add(&mut self, text: &str, shown: &str, base64: bool) {
        let text: Vec<char> = text.chars().collect();
        if self.masks.iter().any(|mask| mask.base64 == base64 && mask.text == text) {
            return;
        }
        self.masks.push(Mask { text, shown: shown.to_owned(), base64 });
        self.begins = (0..=u8::MAX).map(|byte| self.masks.iter().any(|mask| mask.may_begin(byte))).collect();
    }

    /// The bytes with every spelling of every secret replaced.
    pub(super) fn mask(&self, bytes: Vec<u8>) -> Vec<u8> {
        let mut masked: Option<Vec<u8>> = None;
        let (mut at, mut kept) = (0, 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let Some((length, mask)) = self.longest(rest) else {
                at += 1;
                continue;
            };
            let masked = masked.get_or_insert_default();
            masked.extend_from_slice(bytes.get(kept..at).unwrap_or_default());
            masked.extend_from_slice(mask.shown.as_bytes());
            at += length;
            kept = at;
        }
        match masked {
            Some(mut masked) => {
                masked.extend_from_slice(bytes.get(kept..).unwrap_or_default());
                masked
            }
            None => bytes,
        }
    }

    /// What is spelled at the beginning of `rest`, and in how many bytes.
    fn longest(&self, rest: &[u8]) -> Option<(usize, &Mask)> {
        let begins = *self.begins.get(usize::from(*rest.first()?))?;
        let masks = self.masks.iter().filter(|_| begins);
        masks.filter_map(|mask| Some((mask.length(rest)?, mask))).max_by_key(|(length, _)| *length)
    }
}

impl Mask {
    /// How many bytes at the beginning of `rest` spell it; none when they do not.
    fn length(&self, rest: &[u8]) -> Option<usize> {
        if !self.may_begin(*rest.first()?) {
            return None;
        }
        // Every place up to which the text so far may reach: some characters can be read in two ways.
        let mut ends = self.spelled(*self.text.first()?, rest);
        for wanted in self.text.iter().skip(1) {
            if ends.is_empty() {
                return None;
            }
            let mut next = Vec::new();
            for end in ends {
                for end in self.breaks(rest, end) {
                    let here = rest.get(end..).unwrap_or_default();
                    next.extend(self.spelled(*wanted, here).into_iter().map(|length| end + length));
                }
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
        }
        ends.last().copied()
    }

    /// A quick no for most bytes.
    fn may_begin(&self, byte: u8) -> bool {
        let Some(&first) = self.text.first() else { return false };
        let mut bytes = [0; 4];
        let raw = first.encode_utf8(&mut bytes).as_bytes().first() == Some(&byte);
        raw || matches!(byte, b'%' | b'\\' | b'&') || first == ' ' && byte == b'+' || self.base64 && matches!(byte, b'-' | b'_')
    }

    /// Behind which line breaks the next character may stand.
    fn breaks(&self, rest: &[u8], end: usize) -> Vec<usize> {
        let mut ends = vec![end];
        let mut at = end;
        while self.base64
            && let Some(here) = rest.get(at..)
            && let Some(length) = BREAKS.into_iter().find_map(|character| spellings(character, here).pop())
        {
            at += length;
            ends.push(at);
        }
        ends
    }

    /// How long the spellings of a character are that stand at the beginning of `rest`.
    fn spelled(&self, wanted: char, rest: &[u8]) -> Vec<usize> {
        let mut lengths = spellings(wanted, rest);
        if self.base64 {
            match wanted {
                '+' => lengths.extend(spellings('-', rest)),
                '/' => lengths.extend(spellings('_', rest)),
                _ => {}
            }
        }
        lengths
    }
}

fn spellings(wanted: char, rest: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut buffer = [0; 4];
    let raw = wanted.encode_utf8(&mut buffer).as_bytes();
    if rest.starts_with(raw) {
        lengths.push(raw.len());
    }
    match rest.first() {
        Some(b'%') => lengths.extend(in_percents(raw, rest)),
        Some(b'\\') => {
            // Each level of JSON in JSON doubles a backslash.
            lengths.extend([2, 4].into_iter().filter(|length| wanted == '\\' && *length <= slashes(rest)));
            lengths.extend(escaped(wanted, rest));
        }
        Some(b'&') => lengths.extend(entity(wanted, rest)),
        Some(b'+') if wanted == ' ' => lengths.push(1),
        _ => {}
    }
    lengths
}

/// `%2F`, in small digits too, a byte each.
fn in_percents(raw: &[u8], rest: &[u8]) -> Option<usize> {
    let spelled = raw.iter().enumerate().all(|(index, byte)| {
        let part = rest.get(index * 3..index * 3 + 3);
        part.is_some_and(|part| part.first() == Some(&b'%') && part.get(1..).and_then(hex) == Some(u32::from(*byte)))
    });
    spelled.then_some(raw.len() * 3)
}

fn slashes(rest: &[u8]) -> usize {
    rest.iter().take(DEEPEST).take_while(|byte| **byte == b'\\').count()
}

/// `\"`, `\/`, `\n`, `\u002f`; with more backslashes where JSON stands in JSON.
fn escaped(wanted: char, rest: &[u8]) -> Option<usize> {
    let slashes = slashes(rest);
    let behind = rest.get(slashes..)?;
    let short = match wanted {
        '"' | '/' | '\'' => u8::try_from(wanted).ok(),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\t' => Some(b't'),
        _ => None,
    };
    if short.is_some() && behind.first().copied() == short {
        return Some(slashes + 1);
    }
    let mut units = [0; 2];
    let mut at = 0;
    for (index, unit) in wanted.encode_utf16(&mut units).iter().enumerate() {
        if index > 0 {
            at += behind.get(at..)?.iter().take_while(|byte| **byte == b'\\').count();
        }
        let digits = behind.get(at..at + 5).filter(|part| part.first() == Some(&b'u'))?;
        if digits.get(1..).and_then(hex) != Some(u32::from(*unit)) {
            return None;
        }
        at += 5;
    }
    Some(slashes + at)
}

/// `&amp;`, `&#43;`, `&#x2b;`.
fn entity(wanted: char, rest: &[u8]) -> Option<usize> {
    let end = rest.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(rest.get(1..end)?).ok()?;
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    });
    let named = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    };
    (number == Some(u32::from(wanted)) || named == Some(wanted)).then_some(end + 1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// What is sure to stand in base64 of a text that the secret is part of: at each of the three places where it may begin.
fn in_base64(secret: &str) -> Vec<String> {
    let encoded = |before: usize| {
        let mut padded = vec![0_u8; before];
        padded.extend_from_slice(secret.as_bytes());
        let encoded = STANDARD_NO_PAD.encode(&padded);
        // The characters at both ends also hold bits of what stands beside.
        let start = [0, 2, 3].get(before).copied().unwrap_or_default();
        let end = if padded.len().is_multiple_of(3) { encoded.len() } else { encoded.len().saturating_sub(1) };
        encoded.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHOWN: &str = "***";

    fn masked(secret: &str, echo: &str) -> String {
        let mut masks = Masks::default();
        masks.learn(secret, SHOWN);
        String::from_utf8(masks.mask(echo.as_bytes().to_vec())).unwrap()
    }

    /// As encoders of many languages write it: serde_json, Go, .NET, PHP, Python, `encodeURIComponent`, HTML pages.
    #[test]
    fn every_spelling_of_a_secret_is_found() {
        let secret = "wJal/K7M\"D!EN+bPx&Rf==ü";
        let echoes = [
            secret,
            r#"wJal/K7M\"D!EN+bPx&Rf==ü"#,
            r#"wJal\/K7M\"D!EN+bPx&Rf==\u00fc"#,
            r#"wJal/K7M\"D!EN+bPx\u0026Rf==\u00FC"#,
            r#"wJal/K7M\u0022D!EN\u002BbPx\u0026Rf==\u00FC"#,
            r#"wJal\\/K7M\\\"D!EN\\u002bbPx&Rf==ü"#,
            "wJal/K7M%22D%21EN%2BbPx%26Rf%3D%3D%C3%BC",
            "wJal%2FK7M%22D!EN%2BbPx%26Rf%3D%3D%C3%BC",
            "wJal%2fK7M%22D!EN+bPx&Rf==%c3%bc",
            "wJal/K7M&quot;D!EN+bPx&amp;Rf==ü",
            "wJal&#x2F;K7M&#34;D!EN&#43;bPx&amp;Rf&#61;&#61;&#252;",
            "%77%4A%61%6C%2F%4B%37%4D%22%44%21%45%4E%2B%62%50%78%26%52%66%3D%3D%C3%BC",
        ];
        for echo in echoes {
            assert_eq!(masked(secret, &format!("[{echo}]")), "[***]", "{echo}");
        }
        assert_eq!(masked("a b\\c\nd", r"x a+b\\c\nd y a%20b\\\\c%0Ad"), "x *** y ***");
        assert_eq!(masked("p%25%41\\\\", r"p%25%41\\ p%2525%2541\\\\"), "*** ***");
        // A character beyond the first 65,536.
        assert_eq!(masked("key-🔑-key", r"key-\ud83d\udd11-key"), "***");
    }

    #[test]
    fn base64_is_found_in_both_alphabets_and_broken_into_lines() {
        let secret = "s3cr\"et/+ü-key?>?>";
        for before in ["", "u", "us", "user:xx"] {
            let standard = STANDARD_NO_PAD.encode(format!("{before}{secret}tail"));
            let in_urls = standard.replace('+', "-").replace('/', "_");
            let (head, tail) = standard.split_at(9);
            for echo in [standard.clone(), in_urls, standard.replace('/', "\\/"), standard.replace('+', "%2B")] {
                assert!(masked(secret, &echo).contains(SHOWN), "{echo}");
            }
            for line in ["\n", "\r\n", "\\n", "\\r\\n\t", "%0A", "%0d%0a", "\\\\n", "\\u000a", "&#10;"] {
                assert!(masked(secret, &format!("{head}{line}{tail}")).contains(SHOWN), "{head}{line}{tail}");
            }
        }
    }

    #[test]
    fn what_is_known_is_not_looked_for_twice() {
        let mut masks = Masks::default();
        for _ in 0..100 {
            masks.learn("s3cr\"et/+ü-key", SHOWN);
        }
        assert_eq!(masks.masks.len(), 4);
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for text in ["", "s3cr", "nothing here", "s3cr%22e", r"\\\\\", "&&&&&;", "%%%%", "s3cr\"et/+ü-kez", "%7", r"\u00"] {
            assert_eq!(masked("s3cr\"et/+ü-key", text), text);
        }
        let long = "%25\\\\&amp;".repeat(20_000);
        assert_eq!(masked("%%%%%%%%%%%%%%%%%%%%%%%%\\&", &long), long);
    }

    /// A character as one of the encoders would write it.
    fn written(character: char, way: u8) -> String {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        match way {
            0 => character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
            1 => units.iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            2 => units.iter().map(|unit| format!("\\\\u{unit:04X}")).collect(),
            3 => format!("&#{};", u32::from(character)),
            4 => format!("&#x{:x};", u32::from(character)),
            _ => character.to_string(),
        }
    }

    proptest! {
        /// Whoever wrote it, and whoever wrote over that.
        #[test]
        fn a_secret_is_found_in_any_mixture_of_spellings(
            spelled in proptest::collection::vec((prop::sample::select("aZ09%\\/+&;#\"'= ü🔑u25x".chars().collect::<Vec<_>>()), 0_u8..8), 6..20),
        ) {
            let secret: String = spelled.iter().map(|(character, _)| *character).collect();
            let echo: String = spelled.iter().map(|(character, way)| written(*character, *way)).collect();
            let masked = masked(&secret, &format!("<{echo}>"));
            prop_assert!(masked.contains(SHOWN), "{secret:?} as {echo:?}: {masked}");
            prop_assert!(!masked.contains(&echo));
        }
    }
}
