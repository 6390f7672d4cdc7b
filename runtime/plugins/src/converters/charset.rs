//! The character encodings of StringConverter, under the names that Java knows them by.
//!
//! As in Java, what cannot be encoded becomes `?`, and what cannot be decoded becomes U+FFFD.

use millrace_api::utf8_lossy;

/// A character encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charset {
    /// UTF-8.
    #[default]
    Utf8,
    /// ISO-8859-1: the byte is the code point.
    Latin1,
    /// US-ASCII: seven bits.
    Ascii,
    /// UTF-16 with a byte order mark: written big-endian, read by the mark, big-endian without one.
    Utf16,
    /// UTF-16, big-endian, without a mark.
    Utf16Be,
    /// UTF-16, little-endian, without a mark.
    Utf16Le,
}

/// Each encoding with its names, its own first. Case does not count.
const NAMES: [(Charset, &[&str]); 6] = [
    (Charset::Utf8, &["UTF-8", "UTF8", "unicode-1-1-utf-8"]),
    (
        Charset::Latin1,
        &[
            "ISO-8859-1",
            "ISO8859_1",
            "ISO8859-1",
            "ISO_8859-1",
            "ISO_8859_1",
            "8859_1",
            "latin1",
            "l1",
            "cp819",
            "IBM819",
        ],
    ),
    (
        Charset::Ascii,
        &[
            "US-ASCII",
            "ASCII",
            "ISO646-US",
            "ANSI_X3.4-1968",
            "646",
            "cp367",
        ],
    ),
    (
        Charset::Utf16,
        &["UTF-16", "UTF_16", "UTF16", "unicode", "UnicodeBig"],
    ),
    (
        Charset::Utf16Be,
        &["UTF-16BE", "UTF_16BE", "X-UTF-16BE", "UnicodeBigUnmarked"],
    ),
    (
        Charset::Utf16Le,
        &[
            "UTF-16LE",
            "UTF_16LE",
            "X-UTF-16LE",
            "UnicodeLittleUnmarked",
        ],
    ),
];

const BIG_ENDIAN_MARK: [u8; 2] = [0xfe, 0xff];
const LITTLE_ENDIAN_MARK: [u8; 2] = [0xff, 0xfe];

impl Charset {
    /// The encoding of a name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
            .map(|(charset, _)| *charset)
    }

    /// The names of all encodings, one each.
    pub(crate) fn all() -> String {
        NAMES.map(|(_, names)| names[0]).join(", ")
    }

    /// Appends the bytes of `text`.
    pub(crate) fn encode(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Latin1 => out.extend(text.chars().map(|c| u8::try_from(c).unwrap_or(b'?'))),
            Self::Ascii => out.extend(
                text.chars()
                    .map(|c| if c.is_ascii() { c as u8 } else { b'?' }),
            ),
            Self::Utf16 if text.is_empty() => {}
            Self::Utf16 => {
                out.extend(BIG_ENDIAN_MARK);
                Self::Utf16Be.encode(text, out);
            }
            Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Self::Utf16Le => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        }
    }

    /// The text of `bytes`.
    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => utf8_lossy(bytes),
            Self::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Self::Ascii => bytes
                .iter()
                .map(|byte| match byte.is_ascii() {
                    true => char::from(*byte),
                    false => char::REPLACEMENT_CHARACTER,
                })
                .collect(),
            Self::Utf16 => {
                if let Some(rest) = bytes.strip_prefix(&LITTLE_ENDIAN_MARK) {
                    utf16(rest, u16::from_le_bytes)
                } else {
                    let rest = bytes.strip_prefix(&BIG_ENDIAN_MARK).unwrap_or(bytes);
                    utf16(rest, u16::from_be_bytes)
                }
            }
            Self::Utf16Be => utf16(bytes, u16::from_be_bytes),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes),
        }
    }
}

/// The text of two-byte units; a unit without its other half, and a last odd byte, are one U+FFFD each.
fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(odd.iter().map(|_| char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Charset;

    #[test]
    fn names_are_java_s() {
        for (name, expected) in [
            ("utf-8", Some(Charset::Utf8)),
            ("Latin1", Some(Charset::Latin1)),
            ("ascii", Some(Charset::Ascii)),
            ("UTF-16", Some(Charset::Utf16)),
            ("utf-16le", Some(Charset::Utf16Le)),
            ("UnicodeBigUnmarked", Some(Charset::Utf16Be)),
            ("klingon", None),
            ("", None),
        ] {
            assert_eq!(Charset::named(name), expected, "{name}");
        }
    }

    #[test]
    fn bytes_are_those_of_java() {
        let cases: [(Charset, &str, &[u8]); 8] = [
            (Charset::Latin1, "é", &[0xe9]),
            (Charset::Ascii, "ab", b"ab"),
            (Charset::Utf16, "aé", &[0xfe, 0xff, 0, 0x61, 0, 0xe9]),
            (Charset::Utf16, "", &[]),
            (Charset::Utf16Be, "😀", &[0xd8, 0x3d, 0xde, 0x00]),
            (Charset::Utf16Le, "a", &[0x61, 0]),
            (Charset::Utf16Le, "\u{FEFF}", &[0xff, 0xfe]),
            (Charset::Utf8, "é", &[0xc3, 0xa9]),
        ];
        for (charset, text, bytes) in cases {
            let mut out = Vec::new();
            charset.encode(text, &mut out);
            assert_eq!(out, bytes, "{charset:?} {text}");
            assert_eq!(charset.decode(bytes), text, "{charset:?} {bytes:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_replaced() {
        let mut out = Vec::new();
        Charset::Latin1.encode("€😀x", &mut out);
        Charset::Ascii.encode("éx", &mut out);
        assert_eq!(out, b"??x?x");
        assert_eq!(Charset::Ascii.decode(b"a\x80b"), "a\u{FFFD}b");
        assert_eq!(Charset::Utf16.decode(&[0xff, 0xfe, 0x61, 0]), "a");
        assert_eq!(Charset::Utf16.decode(&[0, 0x61, 0]), "a\u{FFFD}");
        assert_eq!(Charset::Utf16Be.decode(&[0xdc, 0, 0, 0x61]), "\u{FFFD}a");
    }

    proptest! {
        #[test]
        fn unicode_survives(text in ".*") {
            for charset in [Charset::Utf8, Charset::Utf16, Charset::Utf16Be, Charset::Utf16Le] {
                let mut out = Vec::new();
                charset.encode(&text, &mut out);
                prop_assert_eq!(charset.decode(&out), text.clone());
            }
        }
    }
}
