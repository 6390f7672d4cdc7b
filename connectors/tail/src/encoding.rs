//! How text is written in a file, and what becomes of it as UTF-8. Pure.
//!
//! Lines are cut from the bytes as they stand in the file, so that offsets are positions in it; only the text of a record
//! is written anew, and only where it is not UTF-8 as it stands.
//!
//! ```text
//! byte order marks    EF BB BF  UTF-8      FF FE  UTF-16, low byte first      FE FF  UTF-16, high byte first
//! ```

use std::borrow::Cow;

use memchr::memchr_iter;
use millrace_api::config::ConfigEnum;

/// What `encoding` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum Encoding {
    /// As the byte order mark of each file says; UTF-8 without one.
    #[default]
    Auto,
    #[config(name = "utf-8")]
    Utf8,
    #[config(name = "utf-16le")]
    Utf16Le,
    #[config(name = "utf-16be")]
    Utf16Be,
    #[config(name = "latin-1")]
    Latin1,
}

/// How the text of one file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    #[default]
    Utf8,
    Latin1,
    Utf16(ByteOrder),
}

/// Which byte of a unit of two comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    LowFirst,
    HighFirst,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const LOW_FIRST_MARK: &[u8] = b"\xff\xfe";
const HIGH_FIRST_MARK: &[u8] = b"\xfe\xff";

impl Encoding {
    /// How a file is written that begins with `head`, and the length of its byte order mark.
    pub(crate) fn of(self, head: &[u8]) -> (Form, usize) {
        let low_first = Form::Utf16(ByteOrder::LowFirst);
        let high_first = Form::Utf16(ByteOrder::HighFirst);
        let (form, mark) = match self {
            Self::Auto if head.starts_with(LOW_FIRST_MARK) => (low_first, LOW_FIRST_MARK),
            Self::Auto if head.starts_with(HIGH_FIRST_MARK) => (high_first, HIGH_FIRST_MARK),
            Self::Auto | Self::Utf8 => (Form::Utf8, UTF8_MARK),
            Self::Utf16Le => (low_first, LOW_FIRST_MARK),
            Self::Utf16Be => (high_first, HIGH_FIRST_MARK),
            Self::Latin1 => (Form::Latin1, &[][..]),
        };
        let len = if head.starts_with(mark) {
            mark.len()
        } else {
            0
        };
        (form, len)
    }
}

impl Form {
    /// Bytes of a unit, of which characters consist.
    pub(crate) fn unit(self) -> usize {
        match self {
            Self::Utf8 | Self::Latin1 => 1,
            Self::Utf16(_) => 2,
        }
    }

    /// The whole units of `bytes`.
    pub(crate) fn whole(self, bytes: &[u8]) -> &[u8] {
        &bytes[..bytes.len() - bytes.len() % self.unit()]
    }

    /// The first line end in `bytes`: its last byte.
    pub(crate) fn line_end(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Utf8 | Self::Latin1 => memchr::memchr(b'\n', bytes),
            Self::Utf16(order) => order.line_ends(bytes).next().map(|end| end + 1),
        }
    }

    /// Whether `bytes` end with the character `ascii`.
    pub(crate) fn ends_with(self, bytes: &[u8], ascii: u8) -> bool {
        match self {
            Self::Utf8 | Self::Latin1 => bytes.last() == Some(&ascii),
            Self::Utf16(order) => bytes
                .last_chunk()
                .is_some_and(|unit| order.unit(*unit) == u16::from(ascii)),
        }
    }

    /// Where to cut at or a little before `at`, so that no character is cut in two; above `start`.
    pub(crate) fn boundary(self, bytes: &[u8], start: usize, at: usize) -> usize {
        match self {
            Self::Latin1 => at,
            Self::Utf8 => {
                let is_inside = |&at: &usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
                (at.saturating_sub(3).max(start + 1)..=at)
                    .rev()
                    .find(|at| !is_inside(at))
                    .unwrap_or(at)
            }
            Self::Utf16(order) => {
                let at = at - (at - start) % 2;
                let next = bytes.get(at..).and_then(<[u8]>::first_chunk);
                let is_inside = next.is_some_and(|unit| order.unit(*unit) & 0xfc00 == 0xdc00);
                if is_inside && at > start + 2 {
                    at - 2
                } else {
                    at
                }
            }
        }
    }

    /// Whether all of `bytes` is UTF-8 as it stands.
    pub(crate) fn is_utf8(self, bytes: &[u8]) -> bool {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).is_ok(),
            Self::Latin1 => bytes.is_ascii(),
            Self::Utf16(_) => false,
        }
    }

    /// The text, as regular expressions read it.
    pub(crate) fn text(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        if self == Self::Utf8 || self.is_utf8(bytes) {
            return bytes.into();
        }
        let mut text = Vec::with_capacity(bytes.len() * 2);
        self.append(bytes, &mut text, |_, text| {
            text.extend_from_slice("\u{FFFD}".as_bytes());
        });
        text.into()
    }

    /// Appends the text as UTF-8 to `text`; `repair` is given what is no character, and `text`. Not for UTF-8 itself.
    pub(crate) fn append(
        self,
        bytes: &[u8],
        text: &mut Vec<u8>,
        mut repair: impl FnMut(&[u8], &mut Vec<u8>),
    ) {
        let Self::Utf16(order) = self else {
            for &byte in bytes {
                append_char(char::from(byte), text);
            }
            return;
        };
        let whole = self.whole(bytes);
        let mut at = 0;
        for unit in char::decode_utf16(
            whole
                .chunks_exact(2)
                .map(|unit| order.unit([unit[0], unit[1]])),
        ) {
            match unit {
                Ok(character) => {
                    append_char(character, text);
                    at += 2 * character.len_utf16();
                }
                Err(_) => {
                    repair(&whole[at..at + 2], text);
                    at += 2;
                }
            }
        }
        if whole.len() < bytes.len() {
            repair(&bytes[whole.len()..], text);
        }
    }

    /// Whether `bytes` hold something that is no character.
    pub(crate) fn is_broken(self, bytes: &[u8]) -> bool {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).is_err(),
            Self::Latin1 => false,
            Self::Utf16(order) => {
                let units = bytes
                    .chunks_exact(2)
                    .map(|unit| order.unit([unit[0], unit[1]]));
                bytes.len() % 2 == 1 || char::decode_utf16(units).any(|unit| unit.is_err())
            }
        }
    }
}

impl ByteOrder {
    fn unit(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::LowFirst => u16::from_le_bytes(bytes),
            Self::HighFirst => u16::from_be_bytes(bytes),
        }
    }

    /// Where line ends begin; `bytes` begin with a unit.
    pub(crate) fn line_ends(self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        // The byte `\n` is the low one of its unit.
        let low = usize::from(self == Self::HighFirst);
        memchr_iter(b'\n', bytes)
            .filter(move |at| at % 2 == low && bytes.get(at ^ 1) == Some(&0))
            .map(move |at| at - low)
    }
}

fn append_char(character: char, text: &mut Vec<u8>) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: ByteOrder) -> Vec<u8> {
        let bytes = |unit: u16| match order {
            ByteOrder::LowFirst => unit.to_le_bytes(),
            ByteOrder::HighFirst => unit.to_be_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn byte_order_marks() {
        let low_first = Form::Utf16(ByteOrder::LowFirst);
        let high_first = Form::Utf16(ByteOrder::HighFirst);
        for (encoding, head, expected) in [
            (Encoding::Auto, &b"plain"[..], (Form::Utf8, 0)),
            (Encoding::Auto, b"", (Form::Utf8, 0)),
            (Encoding::Auto, b"\xef\xbb\xbfx", (Form::Utf8, 3)),
            (Encoding::Auto, b"\xff\xfex\0", (low_first, 2)),
            (Encoding::Auto, b"\xfe\xff\0x", (high_first, 2)),
            (Encoding::Utf8, b"\xff\xfex\0", (Form::Utf8, 0)),
            (Encoding::Utf16Le, b"x\0", (low_first, 0)),
            (Encoding::Utf16Be, b"\xfe\xff", (high_first, 2)),
            (Encoding::Latin1, b"\xef\xbb\xbfx", (Form::Latin1, 0)),
        ] {
            assert_eq!(encoding.of(head), expected, "{encoding:?} {head:?}");
        }
    }

    #[test]
    fn text_becomes_utf8() {
        let told = "aé日😀\u{FFFD}";
        for order in [ByteOrder::LowFirst, ByteOrder::HighFirst] {
            let form = Form::Utf16(order);
            assert_eq!(*form.text(&utf16(told, order)), *told.as_bytes());
            let mut broken = utf16("a", order);
            let half = match order {
                ByteOrder::LowFirst => 0xd83d_u16.to_le_bytes(),
                ByteOrder::HighFirst => 0xd83d_u16.to_be_bytes(),
            };
            broken.extend(half);
            broken.extend(utf16("b", order));
            assert!(form.is_broken(&broken) && form.is_broken(b"a"));
            assert!(!form.is_broken(&utf16(told, order)));
            let mut parts = Vec::new();
            form.append(&broken, &mut Vec::new(), |part, _| {
                parts.push(part.to_vec())
            });
            assert_eq!(parts, [half.to_vec()]);
        }
        assert_eq!(*Form::Latin1.text(b"caf\xe9\xff"), *"caféÿ".as_bytes());
    }

    #[test]
    fn line_ends_of_two_bytes() {
        for order in [ByteOrder::LowFirst, ByteOrder::HighFirst] {
            // U+0A0A and U+0A00 have the byte of a line end, and are none.
            let bytes = utf16("\u{0A0A}a\u{0A00}\nb\n", order);
            assert_eq!(order.line_ends(&bytes).collect::<Vec<_>>(), [6, 10]);
            assert_eq!(Form::Utf16(order).line_end(&bytes), Some(7));
            let cut = utf16("a😀", order);
            assert_eq!(Form::Utf16(order).boundary(&cut, 0, 5), 2);
            assert_eq!(Form::Utf16(order).boundary(&cut, 0, 3), 2);
        }
    }
}
