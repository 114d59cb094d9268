//! JSON put together at compile time: the schema of a config and the manifest of a plugin are constants.
//!
//! Nothing here runs in a plugin. The tree exists because associated constants of type parameters cannot size an array,
//! but can stand in a tree.

/// A piece of JSON text.
#[derive(Clone, Copy, Debug)]
pub enum Json {
    /// JSON as it is.
    Raw(&'static str),
    /// Text that becomes a JSON string.
    Text(&'static str),
    /// Numbers, with commas between.
    Numbers(&'static [u32]),
    /// One piece after the other.
    All(&'static [Json]),
}

impl Json {
    /// No text.
    pub const EMPTY: Self = Self::Raw("");
}

/// How many bytes the text has.
#[must_use]
pub const fn json_len(json: &Json) -> usize {
    write(json, &mut [], 0)
}

/// The text as bytes. `N` is [`json_len`].
#[must_use]
pub const fn json_bytes<const N: usize>(json: &Json) -> [u8; N] {
    let mut bytes = [0; N];
    write(json, &mut bytes, 0);
    bytes
}

/// The bytes as text.
#[must_use]
pub const fn json_str(bytes: &'static [u8]) -> &'static str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        // Pieces are whole texts, so their sequence is one.
        Err(_) => "",
    }
}

/// The text as an array for a custom section. `N` is its length.
#[must_use]
pub const fn section<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    write_bytes(text.as_bytes(), &mut bytes, 0);
    bytes
}

/// Writes at `at` and returns the position after; with an empty `out` it only counts.
const fn write(json: &Json, out: &mut [u8], at: usize) -> usize {
    match json {
        Json::Raw(text) => write_bytes(text.as_bytes(), out, at),
        Json::Text(text) => write_string(text.as_bytes(), out, at),
        Json::Numbers(numbers) => write_numbers(numbers, out, at),
        Json::All(pieces) => {
            let (mut at, mut i) = (at, 0);
            while i < pieces.len() {
                at = write(&pieces[i], out, at);
                i += 1;
            }
            at
        }
    }
}

const fn write_bytes(bytes: &[u8], out: &mut [u8], at: usize) -> usize {
    let mut i = 0;
    while i < bytes.len() {
        put(bytes[i], out, at + i);
        i += 1;
    }
    at + i
}

const fn put(byte: u8, out: &mut [u8], at: usize) {
    if at < out.len() {
        out[at] = byte;
    }
}

const fn write_string(text: &[u8], out: &mut [u8], at: usize) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (mut at, mut i) = (write_bytes(b"\"", out, at), 0);
    while i < text.len() {
        let byte = text[i];
        if byte == b'"' || byte == b'\\' {
            at = write_bytes(&[b'\\', byte], out, at);
        } else if byte < 0x20 {
            at = write_bytes(&[b'\\', b'u', b'0', b'0', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]], out, at);
        } else {
            at = write_bytes(&[byte], out, at);
        }
        i += 1;
    }
    write_bytes(b"\"", out, at)
}

const fn write_numbers(numbers: &[u32], out: &mut [u8], at: usize) -> usize {
    let (mut at, mut i) = (at, 0);
    while i < numbers.len() {
        if i > 0 {
            at = write_bytes(b",", out, at);
        }
        at = write_number(numbers[i], out, at);
        i += 1;
    }
    at
}

const fn write_number(number: u32, out: &mut [u8], at: usize) -> usize {
    let at = if number >= 10 { write_number(number / 10, out, at) } else { at };
    write_bytes(&[b'0' + (number % 10) as u8], out, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one_text() {
        const JSON: Json = Json::All(&[
            Json::Raw("{\"a\":"),
            Json::Text("say \"hé\"\\\n"),
            Json::Raw(",\"b\":["),
            Json::Numbers(&[0, 7, 1024, u32::MAX]),
            Json::Raw("]}"),
            Json::EMPTY,
        ]);
        const BYTES: [u8; json_len(&JSON)] = json_bytes(&JSON);
        assert_eq!(json_str(&BYTES), r#"{"a":"say \"hé\"\\\u000a","b":[0,7,1024,4294967295]}"#);
        assert_eq!(section::<2>("ok"), *b"ok");
    }
}
