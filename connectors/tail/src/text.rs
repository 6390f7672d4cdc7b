//! What becomes of bytes that are no UTF-8.

use millrace_api::config::ConfigEnum;

/// What becomes of bytes that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum InvalidBytes {
    /// U+FFFD stands for them.
    #[default]
    Replace,
    /// `\xHH` stands for each.
    Escape,
    /// They are left out.
    Remove,
    /// Records are bytes, as they stand in the file.
    Keep,
    /// The record is left out.
    Drop,
}

impl InvalidBytes {
    /// Appends what stands for `bytes`, which are no text.
    pub(crate) fn repair(self, bytes: &[u8], text: &mut Vec<u8>) {
        match self {
            Self::Replace => text.extend_from_slice("\u{FFFD}".as_bytes()),
            Self::Escape => append_hex(bytes, text),
            Self::Remove | Self::Keep | Self::Drop => {}
        }
    }
}

/// Appends `bytes` with `\xHH` for each byte that is no text.
pub(crate) fn append_escaped(bytes: &[u8], text: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        append_hex(chunk.invalid(), text);
    }
}

fn append_hex(bytes: &[u8], text: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        text.extend_from_slice(b"\\x");
        text.extend_from_slice(&digits);
    }
}

/// Appends those of `bytes` that are text.
pub(crate) fn append_valid(bytes: &[u8], text: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text() {
        for (bytes, escaped, valid) in [
            (&b"plain"[..], "plain", "plain"),
            (b"a\xffb", "a\\xffb", "ab"),
            (b"\xe2\x82x", "\\xe2\\x82x", "x"),
        ] {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            append_escaped(bytes, &mut one);
            append_valid(bytes, &mut other);
            assert_eq!(
                (&one[..], &other[..]),
                (escaped.as_bytes(), valid.as_bytes())
            );
        }
    }
}
