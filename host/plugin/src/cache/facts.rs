//! What an entry keeps of its component beside the code: the SHA-256 of the file, and what the file says of itself.
//!
//! These are the component's words, not a judgement of them: `loader.rs` judges them at every load, by the rules of the
//! program that runs then. The bytes here are read only after the entry's MAC was checked, and are still read with care.

use shiftgate_model::Digest;

use crate::component::Anatomy;

/// What is known of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// SHA-256 of its file.
    pub(crate) digest: Digest,
    /// Its outside.
    pub(crate) anatomy: Anatomy,
}

impl Facts {
    /// As bytes: the digest, then imports, exports and manifests. A text is its length and its bytes, a list its length and
    /// its texts; lengths have 4 bytes, little-endian. None where a length does not fit.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let Anatomy { imports, exports, manifests } = &self.anatomy;
        let mut bytes = Vec::new();
        put(&mut bytes, self.digest.0.as_bytes())?;
        put_list(&mut bytes, imports.iter().map(String::as_bytes))?;
        put_list(&mut bytes, exports.iter().map(String::as_bytes))?;
        put_list(&mut bytes, manifests.iter().map(Vec::as_slice))?;
        Some(bytes)
    }

    /// What `encode` wrote; none for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let facts = Self {
            digest: Digest(rest.text()?),
            anatomy: Anatomy {
                imports: rest.list(Rest::text)?,
                exports: rest.list(Rest::text)?,
                manifests: rest.list(|rest| rest.bytes().map(<[u8]>::to_vec))?,
            },
        };
        rest.0.is_empty().then_some(facts)
    }
}

fn put_length(into: &mut Vec<u8>, length: usize) -> Option<()> {
    into.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    Some(())
}

fn put(into: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    put_length(into, text.len())?;
    into.extend_from_slice(text);
    Some(())
}

fn put_list<'a>(into: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a [u8]>) -> Option<()> {
    put_length(into, texts.len())?;
    texts.into_iter().try_for_each(|text| put(into, text))
}

/// What is still to be decoded.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn length(&mut self) -> Option<usize> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*length)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    /// Grows as it reads, so that a wrong length asks for no memory.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(one(self)?);
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let anatomy = Anatomy {
            imports: vec!["wasi:cli/exit@0.2.6".to_owned(), "é".to_owned()],
            exports: vec![String::new()],
            manifests: vec![b"{}".to_vec(), vec![0xff]],
        };
        Facts { digest: Digest("ab".repeat(32)), anatomy }
    }

    #[test]
    fn what_was_written_is_read() {
        let nothing = Facts { digest: Digest(String::new()), anatomy: Anatomy::default() };
        for facts in [facts(), nothing] {
            assert_eq!(Facts::decode(&facts.encode().unwrap()), Some(facts));
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        let whole = facts().encode().unwrap();
        for length in 0..whole.len() {
            assert_eq!(Facts::decode(whole.get(..length).unwrap()), None, "{length} bytes");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(Facts::decode(&longer), None);
        // A length that no memory could hold.
        let mut huge = whole;
        huge.get_mut(68..72).unwrap().fill(0xff);
        assert_eq!(Facts::decode(&huge), None);
    }
}
