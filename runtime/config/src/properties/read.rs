//! Reading a `.properties` text.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use super::lines::{LogicalLine, is_blank, logical_lines};
use crate::Properties;

/// Why a text is not a `.properties` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PropertiesError {
    /// `\u` without four hexadecimal digits.
    #[error(
        "line {line}: malformed \\uxxxx escape: \\u must be followed by four hexadecimal digits"
    )]
    MalformedEscape {
        /// The number of the line, from 1.
        line: usize,
    },
    /// Half of a surrogate pair, which is no character.
    #[error("line {line}: \\u{code:04x} is half of a surrogate pair and no character by itself")]
    LoneSurrogate {
        /// The number of the line, from 1.
        line: usize,
        /// The escaped number.
        code: u32,
    },
    /// A NUL character: the file is not a text.
    #[error("line {line}: a NUL character: this is not a text file")]
    Nul {
        /// The number of the line, from 1.
        line: usize,
    },
}

/// Parses the bytes of a `.properties` file: UTF-8, or Latin-1 where they are not valid UTF-8.
///
/// # Errors
/// Names the line and what is wrong with it.
pub fn parse_bytes(bytes: &[u8]) -> Result<Properties, PropertiesError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    };
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text))
}

/// Parses a `.properties` text.
///
/// # Errors
/// Names the line and what is wrong with it.
pub fn parse(text: &str) -> Result<Properties, PropertiesError> {
    logical_lines(text).iter().map(entry).collect()
}

fn entry(line: &LogicalLine) -> Result<(String, String), PropertiesError> {
    let mut chars = line.text.chars().peekable();
    let key = unescape(&mut chars, line.number, |c| {
        is_blank(c) || c == '=' || c == ':'
    })?;
    skip_blanks(&mut chars);
    if chars.next_if(|c| *c == '=' || *c == ':').is_some() {
        skip_blanks(&mut chars);
    }
    let value = unescape(&mut chars, line.number, |_| false)?;
    Ok((key, value))
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| is_blank(*c)).is_some() {}
}

/// Takes characters up to an unescaped end, with escapes replaced.
fn unescape(
    chars: &mut Peekable<Chars<'_>>,
    line: usize,
    is_end: impl Fn(char) -> bool,
) -> Result<String, PropertiesError> {
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| !is_end(*c)) {
        match c {
            '\0' => return Err(PropertiesError::Nul { line }),
            '\\' => text.extend(escape(chars, line)?),
            c => text.push(c),
        }
    }
    Ok(text)
}

/// The character of an escape whose backslash is taken; none at the end of the text.
fn escape(chars: &mut Peekable<Chars<'_>>, line: usize) -> Result<Option<char>, PropertiesError> {
    Ok(match chars.next() {
        Some('t') => Some('\t'),
        Some('n') => Some('\n'),
        Some('r') => Some('\r'),
        Some('f') => Some('\u{c}'),
        Some('u') => Some(unicode(chars, line)?),
        other => other,
    })
}

fn unicode(chars: &mut Peekable<Chars<'_>>, line: usize) -> Result<char, PropertiesError> {
    let code = hex(chars, line)?;
    let lone = PropertiesError::LoneSurrogate { line, code };
    if let Some(c) = char::from_u32(code) {
        return Ok(c);
    }
    let is_high = (0xd800..0xdc00).contains(&code);
    if !is_high || chars.next() != Some('\\') || chars.next() != Some('u') {
        return Err(lone);
    }
    let low = hex(chars, line)?;
    if !(0xdc00..0xe000).contains(&low) {
        return Err(lone);
    }
    char::from_u32(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)
}

fn hex(chars: &mut Peekable<Chars<'_>>, line: usize) -> Result<u32, PropertiesError> {
    let mut code = 0;
    for _ in 0..4 {
        let digit = chars.next().and_then(|c| c.to_digit(16));
        code = code * 16 + digit.ok_or(PropertiesError::MalformedEscape { line })?;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::{PropertiesError, parse, parse_bytes};

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    #[test]
    fn single_lines_are_read_as_java_reads_them() {
        let cases = [
            ("a=b", "a", "b"),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("  a \t = \u{c} b c ", "a", "b c "),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("a==b", "a", "=b"),
            ("a = : b", "a", ": b"),
            ("a : = b", "a", "= b"),
            (r"a\=b\:c\ d=e", "a=b:c d", "e"),
            (r"a=\t\n\r\f\\\q\#", "a", "\t\n\r\u{c}\\q#"),
            (r"k=\u00e9\u20AC", "k", "é€"),
            (r"k=\ud83d\ude00", "k", "😀"),
            (r"path=C:\\dir", "path", r"C:\dir"),
            ("a=b\\", "a", "b"),
            ("a=b # no comment", "a", "b # no comment"),
            ("größe=1", "größe", "1"),
        ];
        for (text, key, value) in cases {
            assert_eq!(
                pairs(text),
                [(key.to_owned(), value.to_owned())],
                "{text:?}"
            );
        }
    }

    #[test]
    fn comments_blank_lines_and_continuations() {
        let text = "# one \\\n! two\n\n \t\na=1,\\\n   2,\\\r\n\t#3\rb=x\\\\\nc=d\\\n\ne=f\na=last\\\n,one";
        let expected = [("a", "last,one"), ("b", "x\\"), ("c", "d"), ("e", "f")];
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(pairs(text), expected);
        assert_eq!(pairs("a=1,\\\n   2,\\\r\n\t#3")[0].1, "1,2,#3");
        assert!(pairs("# only").is_empty() && pairs("").is_empty());
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            (
                "a=1\nb=\\u12g4",
                PropertiesError::MalformedEscape { line: 2 },
            ),
            (
                "#c\n\na=\\\n\\u12",
                PropertiesError::MalformedEscape { line: 3 },
            ),
            (
                "a=\\ud83dx",
                PropertiesError::LoneSurrogate {
                    line: 1,
                    code: 0xd83d,
                },
            ),
            (
                "a=\\ude00",
                PropertiesError::LoneSurrogate {
                    line: 1,
                    code: 0xde00,
                },
            ),
            ("a=1\n\0", PropertiesError::Nul { line: 2 }),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn bytes_are_utf_8_or_else_latin_1() {
        assert_eq!(parse_bytes("\u{feff}k=é".as_bytes()).unwrap()["k"], "é");
        assert_eq!(parse_bytes(b"k=\xe9").unwrap()["k"], "é");
    }
}
