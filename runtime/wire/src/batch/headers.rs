//! The header section of a record: a varint count, then for each header a varint key length, the
//! key, a varint value length (-1 for null) and the value. Order is kept and keys may repeat.

use thiserror::Error;

use crate::varint::{MAX_VARINT_LEN, read_varint, varint_len, write_varint};

/// The section does not parse, or ends early or late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("record headers are malformed")]
pub struct InvalidHeaders;

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name; UTF-8 by convention.
    pub key: &'a [u8],
    /// The value, or null.
    pub value: Option<&'a [u8]>,
}

/// A checked header section, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    section: &'a [u8],
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Self = Self { section: &[] };

    /// Takes an encoded section; an empty one means no headers.
    ///
    /// # Errors
    ///
    /// Where the bytes are not exactly one section.
    #[inline]
    pub fn parse(section: &'a [u8]) -> Result<Self, InvalidHeaders> {
        if section.is_empty() {
            Ok(Self::NONE)
        } else {
            Self::check(section)
        }
    }

    fn check(section: &'a [u8]) -> Result<Self, InvalidHeaders> {
        if section == [0] {
            return Ok(Self::NONE);
        }
        let (count, used) = read_varint(section).ok_or(InvalidHeaders)?;
        let mut rest = &section[used..];
        for _ in 0..u32::try_from(count).map_err(|_| InvalidHeaders)? {
            rest = split_header(rest).ok_or(InvalidHeaders)?.1;
        }
        if rest.is_empty() {
            Ok(Self { section })
        } else {
            Err(InvalidHeaders)
        }
    }

    /// The encoded section; empty where there are no headers.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.section
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.section.is_empty()
    }

    /// The headers in order.
    pub fn iter(self) -> impl Iterator<Item = Header<'a>> {
        let mut rest =
            read_varint(self.section).map_or(self.section, |(_, used)| &self.section[used..]);
        std::iter::from_fn(move || {
            let (header, after) = split_header(rest)?;
            rest = after;
            Some(header)
        })
    }
}

fn split_header(input: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (key, rest) = split_field(input)?;
    let (value, rest) = split_field(rest)?;
    Some((Header { key: key?, value }, rest))
}

/// A length-prefixed field (`None` inside for null) and what follows it.
fn split_field(input: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (len, used) = read_varint(input)?;
    let rest = &input[used..];
    if len == -1 {
        return Some((None, rest));
    }
    let (field, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((Some(field), rest))
}

/// Builds a header section.
#[derive(Debug, Clone, Default)]
pub struct HeadersBuf {
    count: i32,
    encoded: Vec<u8>,
}

impl HeadersBuf {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one header.
    pub fn push(&mut self, key: &str, value: Option<&[u8]>) {
        self.count += 1;
        self.push_field(Some(key.as_bytes()));
        self.push_field(value);
    }

    /// The encoded section; empty where nothing was pushed.
    #[must_use]
    pub fn into_section(self) -> Vec<u8> {
        if self.count == 0 {
            return Vec::new();
        }
        let mut section = Vec::with_capacity(varint_len(self.count) + self.encoded.len());
        push_varint(&mut section, self.count);
        section.extend_from_slice(&self.encoded);
        section
    }

    fn push_field(&mut self, field: Option<&[u8]>) {
        // A record of 2 GiB is refused long before its headers are built.
        let len = field.map_or(-1, |field| i32::try_from(field.len()).unwrap_or(i32::MAX));
        push_varint(&mut self.encoded, len);
        self.encoded.extend_from_slice(field.unwrap_or_default());
    }
}

fn push_varint(out: &mut Vec<u8>, value: i32) {
    let mut bytes = [0; MAX_VARINT_LEN];
    let used = write_varint(&mut bytes, value);
    out.extend_from_slice(&bytes[..used]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_duplicates_and_nulls_survive() {
        let mut buf = HeadersBuf::new();
        buf.push("trace", Some(b"1"));
        buf.push("trace", None);
        buf.push("", Some(b""));
        let section = buf.into_section();
        let headers = Headers::parse(&section).unwrap();
        let list: Vec<_> = headers
            .iter()
            .map(|header| (header.key, header.value))
            .collect();
        assert_eq!(
            list,
            [
                (&b"trace"[..], Some(&b"1"[..])),
                (b"trace", None),
                (b"", Some(b""))
            ]
        );
    }

    #[test]
    fn malformed_sections_are_refused() {
        for section in [
            &[2][..],
            &[1],
            &[2, 1, 0],
            &[2, 0, 4, 1],
            &[2, 0, 0, 9],
            &[0, 0],
            &[0x80],
        ] {
            assert_eq!(Headers::parse(section), Err(InvalidHeaders), "{section:?}");
        }
        assert!(Headers::parse(&[]).unwrap().is_empty());
        assert!(Headers::parse(&[0]).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(section: Vec<u8>) {
            if let Ok(headers) = Headers::parse(&section) {
                headers.iter().count();
            }
        }
    }
}
