//! Character sets of bodies, as `Content-Type` names them, into UTF-8.

use bytes::Bytes;

/// What Windows-1252 has at 0x80 to 0x9F; where it has nothing, as the Encoding Standard does, the control character.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    /// Also under the name of ISO-8859-1, as the web reads it.
    Windows1252,
    Utf16 {
        big_endian: bool,
    },
}

impl Charset {
    /// The character set of a `Content-Type`; UTF-8 where it names none.
    ///
    /// # Errors
    /// The name of one that is not known.
    pub(crate) fn of(content_type: Option<&str>) -> Result<Self, String> {
        let parameters = content_type.unwrap_or_default().split(';').skip(1);
        let named = parameters
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        let Some((_, label)) = named else {
            return Ok(Self::Utf8);
        };
        let label = label.trim().trim_matches('"').to_ascii_lowercase();
        match label.as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" | "" => Ok(Self::Utf8),
            "iso-8859-1" | "latin1" | "iso8859-1" | "windows-1252" | "cp1252" => {
                Ok(Self::Windows1252)
            }
            "utf-16" | "utf-16le" => Ok(Self::Utf16 { big_endian: false }),
            "utf-16be" => Ok(Self::Utf16 { big_endian: true }),
            _ => Err(label),
        }
    }

    /// The same text in UTF-8, without a byte order mark. What is UTF-8 already passes as it is, right or wrong; in
    /// UTF-16 what is no character becomes U+FFFD.
    pub(crate) fn decode(self, bytes: Bytes) -> Bytes {
        match self {
            Self::Utf8 => match bytes.starts_with(b"\xef\xbb\xbf") {
                true => bytes.slice(3..),
                false => bytes,
            },
            Self::Windows1252 if bytes.is_ascii() => bytes,
            Self::Windows1252 => {
                let text: String = bytes.iter().map(|&byte| windows_1252(byte)).collect();
                text.into()
            }
            Self::Utf16 { big_endian } => utf16(&bytes, big_endian).into(),
        }
    }
}

fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

fn utf16(bytes: &[u8], big_endian: bool) -> String {
    let (big_endian, bytes) = match bytes {
        [0xfe, 0xff, rest @ ..] => (true, rest),
        [0xff, 0xfe, rest @ ..] => (false, rest),
        all => (big_endian, all),
    };
    let units = bytes.chunks(2).map(|pair| match (pair, big_endian) {
        (&[first, second], true) => u16::from_be_bytes([first, second]),
        (&[first, second], false) => u16::from_le_bytes([first, second]),
        _ => 0xfffd,
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(content_type: &str, bytes: &'static [u8]) -> Result<String, String> {
        let decoded = Charset::of(Some(content_type))?.decode(Bytes::from_static(bytes));
        Ok(String::from_utf8_lossy(&decoded).into_owned())
    }

    #[test]
    fn texts_become_utf8() {
        for (content_type, bytes, expected) in [
            ("text/plain", &b"\xef\xbb\xbfa\xc3\xa9"[..], "aé"),
            ("text/plain; charset=\"UTF-8\"", b"a", "a"),
            ("text/plain;Charset=ISO-8859-1", b"caf\xe9 \x80", "café €"),
            (
                "a/b; x=y; charset=utf-16",
                b"\xfe\xff\0a\xd8\x3d\xde\0",
                "a😀",
            ),
            ("a/b; charset=utf-16le", b"a\0\0\xdc", "a\u{fffd}"),
            ("a/b; charset=utf-16be", b"\0a\0", "a\u{fffd}"),
        ] {
            assert_eq!(
                decoded(content_type, bytes).as_deref(),
                Ok(expected),
                "{content_type}"
            );
        }
        assert_eq!(
            decoded("a/b; charset=koi8-r", b""),
            Err("koi8-r".to_owned())
        );
    }
}
