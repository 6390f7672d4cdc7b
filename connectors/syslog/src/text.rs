//! What becomes of bytes that are no UTF-8.

use millrace_api::append_utf8_lossy;
use millrace_api::config::ConfigEnum;

/// What becomes of bytes that are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum InvalidBytes {
    /// U+FFFD stands for them.
    #[default]
    Replace,
    /// The whole text is read as Latin-1.
    #[config(name = "latin-1")]
    Latin1,
    /// Records are bytes, as they were sent.
    Keep,
    /// The message is left out.
    Drop,
}

impl InvalidBytes {
    /// Appends `bytes`, made text unless they are to be kept, and says whether that changed them; none if the message is
    /// to be left out.
    pub(crate) fn append(self, bytes: &[u8], text: &mut Vec<u8>) -> Option<bool> {
        if self == Self::Keep || std::str::from_utf8(bytes).is_ok() {
            text.extend_from_slice(bytes);
            return Some(false);
        }
        match self {
            Self::Drop => return None,
            Self::Latin1 => append_latin1(bytes, text),
            Self::Replace | Self::Keep => append_utf8_lossy(bytes, text),
        }
        Some(true)
    }
}

fn append_latin1(bytes: &[u8], text: &mut Vec<u8>) {
    for &byte in bytes {
        let mut buffer = [0; 4];
        text.extend_from_slice(char::from(byte).encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text() {
        for (policy, expected) in [
            (InvalidBytes::Replace, Some((true, "a\u{fffd}b"))),
            (InvalidBytes::Latin1, Some((true, "aéb"))),
            (InvalidBytes::Drop, None),
        ] {
            let mut text = Vec::new();
            let appended = policy.append(b"a\xe9b", &mut text);
            let text = String::from_utf8(text).unwrap();
            let appended = appended.map(|is_changed| (is_changed, text.as_str()));
            assert_eq!(appended, expected, "{policy:?}");
        }
        let mut text = Vec::new();
        assert_eq!(InvalidBytes::Keep.append(b"\xe9", &mut text), Some(false));
        assert_eq!(
            InvalidBytes::Drop.append("é".as_bytes(), &mut text),
            Some(false)
        );
        assert_eq!(text, b"\xe9\xc3\xa9");
    }
}
