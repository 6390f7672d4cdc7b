//! Replaces malformed UTF-8 as Java's decoder does, so that text reads the same on both sides of a migration.

use std::str;

const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Appends `bytes` to `text`, every malformed sequence replaced by U+FFFD.
///
/// The sequences are those of the Unicode standard's recommendation, with Java's one exception: a surrogate in three
/// bytes is one malformed sequence, not three.
pub fn append_utf8_lossy(mut bytes: &[u8], text: &mut Vec<u8>) {
    while let Err(error) = str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        text.extend_from_slice(valid);
        text.extend_from_slice(REPLACEMENT);
        let malformed = surrogate_len(rest)
            .or(error.error_len())
            .unwrap_or(rest.len());
        bytes = &rest[malformed..];
    }
    text.extend_from_slice(bytes);
}

/// The text of `bytes`, every malformed sequence replaced by U+FFFD; see [`append_utf8_lossy`].
pub fn utf8_lossy(bytes: &[u8]) -> String {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut text = Vec::with_capacity(bytes.len());
    append_utf8_lossy(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Length of a surrogate in UTF-8 form, whole or cut, at the start of `bytes`.
fn surrogate_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => Some(3),
        [0xED, 0xA0..=0xBF, ..] => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_sequences_are_replaced_as_in_java() {
        let cases: [(&[u8], &str); 9] = [
            (b"plain \xC3\xA9", "plain é"),
            (b"a\xFFb", "a\u{FFFD}b"),
            (b"\xC3", "\u{FFFD}"),
            (b"\xC3(", "\u{FFFD}("),
            (b"\xE2\x82", "\u{FFFD}"),
            (b"\xE2\x82x", "\u{FFFD}x"),
            (b"\xC0\x80", "\u{FFFD}\u{FFFD}"),
            (b"<\xED\xA0\x80>", "<\u{FFFD}>"),
            (b"\xF0\x80\x80\x80", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
        ];
        for (bytes, expected) in cases {
            let mut text = Vec::new();
            append_utf8_lossy(bytes, &mut text);
            assert_eq!(str::from_utf8(&text).unwrap(), expected, "{bytes:02x?}");
        }
    }
}
