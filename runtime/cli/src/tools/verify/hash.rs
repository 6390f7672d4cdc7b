//! What is compared of a line: a hash of its text, of 64 bits, with a key of this run. A wrong line passes with a
//! probability of one in 2^64.

use std::{borrow::Cow, hash::BuildHasher, hash::RandomState};

/// The mark that text files may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Hashes lines of files and of records alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Hashing(RandomState);

impl Hashing {
    /// The hash of a line, without its line end. What is no UTF-8 counts as U+FFFD, as converters make it.
    pub(super) fn of(&self, line: &[u8]) -> u64 {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let text: Cow<'_, str> = String::from_utf8_lossy(line);
        self.0.hash_one(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Hashing;

    #[test]
    fn line_ends_marks_and_broken_characters_do_not_count() {
        let hashing = Hashing::default();
        assert_eq!(hashing.of(b"a\r"), hashing.of(b"a"));
        assert_eq!(hashing.of(b"\xEF\xBB\xBFa"), hashing.of(b"a"));
        assert_eq!(hashing.of(b"a\xFF"), hashing.of("a\u{FFFD}".as_bytes()));
        assert_ne!(hashing.of(b"a"), hashing.of(b"b"));
        assert_ne!(hashing.of(b""), hashing.of(b" "));
    }
}
