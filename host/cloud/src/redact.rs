//! Words of a server, made fit to be shown: without secrets, without control characters, cut to a sensible length.

use secrecy::{ExposeSecret, SecretString};

/// The longest text of a server that is shown, in characters.
const LONGEST: usize = 400;
const MASK: &str = "[redacted]";
/// The shortest run of base64 that is taken for a key, in characters.
const SHORTEST_KEY: usize = 40;

/// Keeps a secret, where there is one to know, out of every text that leaves this room.
#[derive(Clone, Debug)]
pub(crate) struct Redactor {
    secret: Option<SecretString>,
}

impl Redactor {
    pub(crate) const fn new(secret: SecretString) -> Self {
        Self { secret: Some(secret) }
    }

    /// For a client whose secrets this program never sees.
    pub(crate) const fn blind() -> Self {
        Self { secret: None }
    }

    /// The text without the secret, on one line, cut to its first 400 characters.
    pub(crate) fn clean(&self, text: &str) -> String {
        let secret = self.secret.as_ref().map_or("", |secret| secret.expose_secret().trim());
        let masked = if secret.is_empty() { text.to_owned() } else { text.replace(secret, MASK) };
        let words = masked.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let line = mask_keys(&mask_bearer(&words.collect::<Vec<_>>().join(" ")));
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }
}

/// Masks what follows `Bearer`: a proxy may echo the header of somebody else's call.
fn mask_bearer(line: &str) -> String {
    let mut after_bearer = false;
    let words = line.split(' ').map(|word| {
        let shown = if after_bearer { MASK } else { word };
        after_bearer = ends_in_bearer(word);
        shown
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Masks what may be a key that this program never saw: AWS's secrets are 40 characters of base64, its session tokens and
/// signatures more. A file or a credential process that AWS's chain reads may be quoted in its errors. ARNs stay.
fn mask_keys(line: &str) -> String {
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mask = |word: &str| {
        let looks_like_one = word.split(|c| !of_key(c)).any(|run| run.len() >= SHORTEST_KEY);
        if looks_like_one && !word.contains("arn:") { MASK.to_owned() } else { word.to_owned() }
    };
    line.split(' ').map(mask).collect::<Vec<_>>().join(" ")
}

fn ends_in_bearer(word: &str) -> bool {
    let letters: String = word.chars().rev().take_while(char::is_ascii_alphabetic).collect();
    letters.eq_ignore_ascii_case("reraeb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_echo_of_a_token_survives() {
        // The newline of a token file is not sent, so it is not echoed either.
        let redactor = Redactor::new(SecretString::from("s3cret-token\n".to_owned()));
        let clean = |text: &str| redactor.clean(text);
        assert_eq!(clean("bad token s3cret-token!"), "bad token [redacted]!");
        assert_eq!(clean("{\"Authorization\":\"Bearer \t other\"}"), "{\"Authorization\":\"Bearer [redacted]");
        assert_eq!(clean("the bearer of news"), "the bearer [redacted] news");
        assert_eq!(clean("  two\n\u{1b}[31mlines "), "two [31mlines");
        let long = clean(&"é".repeat(1_000));
        assert_eq!(long.chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_token_on_the_edge_of_the_cut_is_masked_before_the_cut() {
        let redactor = Redactor::new(SecretString::from("s3cret-token".to_owned()));
        let text = format!("{} s3cret-token", "x".repeat(LONGEST - 5));
        assert!(!redactor.clean(&text).contains("s3c"));
    }

    #[test]
    fn its_debug_form_shows_nothing() {
        let redactor = Redactor::new(SecretString::from("s3cret-token".to_owned()));
        assert!(!format!("{redactor:?}").contains("s3cret"));
    }
}
