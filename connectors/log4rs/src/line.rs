//! A log line as it lies in memory and in the spill.
//!
//! A frame is a fixed head and three parts, all numbers little-endian:
//!
//! ```text
//! length u32 | sequence u64 | timestamp i64 | flags u8 | key length u32 | headers length u32 | key | headers | value
//! ```
//!
//! The length counts the whole frame. The lowest three bits of the flags are the level (1 error to 5 trace), bit 7 says
//! that the line is exempt from dropping; a key length of `u32::MAX` means no key. The headers are a section as records
//! have it ([`millrace_wire::batch::Headers`]), so that a frame becomes a record without being taken apart.

use std::sync::Arc;

use log::Level;
use millrace_client::producer::RecordRef;
use millrace_wire::varint::{MAX_VARINT_LEN, varint_len, write_varint};

/// Bytes of a frame before its key.
pub(crate) const HEAD: usize = 29;
const EXEMPT: u8 = 0x80;
const LEVEL: u8 = 0x07;
const NO_KEY: u32 = u32::MAX;
const SEQUENCE: &str = "sequence";
/// Digits of the largest sequence number.
const MAX_DIGITS: usize = 20;

/// A line before it has its place, and with that its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) level: Level,
    pub(crate) exempt: bool,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    /// The number of encoded headers.
    pub(crate) header_count: i32,
    /// Encoded headers, without their count.
    pub(crate) headers: &'a [u8],
    /// Whether its number becomes a header, too.
    pub(crate) numbered: bool,
    pub(crate) value: &'a [u8],
}

impl Draft<'_> {
    /// No fewer bytes than its frame takes.
    pub(crate) fn room(&self) -> usize {
        HEAD + self.key.map_or(0, <[u8]>::len)
            + self.headers.len()
            + self.value.len()
            + MAX_VARINT_LEN
            + if self.numbered {
                2 + SEQUENCE.len() + MAX_DIGITS
            } else {
                0
            }
    }

    /// Appends its frame.
    pub(crate) fn write(&self, sequence: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let key_len = self.key.map_or(NO_KEY, |key| narrow(key.len()));
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&sequence.to_le_bytes());
        out.extend_from_slice(&self.timestamp.to_le_bytes());
        out.push(self.level as u8 | if self.exempt { EXEMPT } else { 0 });
        out.extend_from_slice(&key_len.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.key.unwrap_or_default());
        let headers_start = out.len();
        let count = self.header_count + i32::from(self.numbered);
        if count > 0 {
            push_varint(out, count);
            out.extend_from_slice(self.headers);
            if self.numbered {
                push_number(out, SEQUENCE, sequence);
            }
        }
        let headers_len = narrow(out.len() - headers_start);
        out[start + 25..start + HEAD].copy_from_slice(&headers_len.to_le_bytes());
        out.extend_from_slice(self.value);
        let length = narrow(out.len() - start);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A frame, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) frame: &'a [u8],
    pub(crate) sequence: u64,
    pub(crate) timestamp: i64,
    pub(crate) level: Level,
    pub(crate) exempt: bool,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) headers: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Line<'a> {
    /// The frame that bytes begin with; none where they end early or make no sense.
    pub(crate) fn first(bytes: &'a [u8]) -> Option<Self> {
        let length = number(bytes, 0)? as usize;
        let frame = bytes.get(..length)?;
        let (head, parts) = frame.split_at_checked(HEAD)?;
        let flags = head[20];
        let key_len = number(head, 21)?;
        let (key, parts) = if key_len == NO_KEY {
            (None, parts)
        } else {
            let (key, parts) = parts.split_at_checked(key_len as usize)?;
            (Some(key), parts)
        };
        let (headers, value) = parts.split_at_checked(number(head, 25)? as usize)?;
        Some(Self {
            frame,
            sequence: u64::from_le_bytes(head[4..12].try_into().ok()?),
            timestamp: i64::from_le_bytes(head[12..20].try_into().ok()?),
            level: level(flags & LEVEL)?,
            exempt: flags & EXEMPT != 0,
            key,
            headers,
            value,
        })
    }

    /// The same as a record.
    pub(crate) fn record(&self) -> RecordRef<'a> {
        RecordRef {
            timestamp: self.timestamp,
            key: self.key,
            value: Some(self.value),
            headers: self.headers,
        }
    }
}

/// The frames of a chunk, in order; ends at the first that makes no sense.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let line = Line::first(self.rest)?;
        self.rest = &self.rest[line.frame.len()..];
        Some(line)
    }
}

/// The topic of each level, from error to trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topics([Arc<str>; 5]);

impl Topics {
    pub(crate) fn new(of: impl FnMut(Level) -> Arc<str>) -> Self {
        let levels = [
            Level::Error,
            Level::Warn,
            Level::Info,
            Level::Debug,
            Level::Trace,
        ];
        Self(levels.map(of))
    }

    pub(crate) fn of(&self, level: Level) -> &Arc<str> {
        &self.0[level as usize - 1]
    }
}

/// Appends an encoded header.
pub(crate) fn push_header(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    push_varint(out, narrow_signed(key.len()));
    out.extend_from_slice(key.as_bytes());
    push_varint(out, narrow_signed(value.len()));
    out.extend_from_slice(value);
}

fn push_number(out: &mut Vec<u8>, key: &str, mut number: u64) {
    let mut digits = [0; MAX_DIGITS];
    let mut at = MAX_DIGITS;
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    push_header(out, key, &digits[at..]);
}

fn push_varint(out: &mut Vec<u8>, value: i32) {
    let start = out.len();
    out.resize(start + varint_len(value), 0);
    write_varint(&mut out[start..], value);
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// A length that the queue's bound keeps far below this.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NO_KEY - 1)
}

fn narrow_signed(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn level(number: u8) -> Option<Level> {
    Level::iter().find(|level| *level as u8 == number)
}

#[cfg(test)]
mod tests {
    use millrace_wire::batch::Headers;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_gives_back_what_was_written(
            sequence: u64,
            timestamp: i64,
            exempt: bool,
            numbered: bool,
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
            named in prop::option::of(".{0,20}"),
            value in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut headers = Vec::new();
            if let Some(name) = &named {
                push_header(&mut headers, name, b"v");
            }
            let draft = Draft {
                level: Level::Debug, exempt, timestamp, key: key.as_deref(),
                header_count: i32::from(named.is_some()), headers: &headers, numbered, value: &value,
            };
            let mut bytes = Vec::new();
            draft.write(sequence, &mut bytes);
            prop_assert!(bytes.len() <= draft.room());
            let line = Line::first(&bytes).unwrap();
            prop_assert_eq!(
                (line.sequence, line.timestamp, line.level, line.exempt, line.key, line.value),
                (sequence, timestamp, Level::Debug, exempt, key.as_deref(), &value[..])
            );
            let found: Vec<_> = Headers::parse(line.headers).unwrap().iter().collect();
            prop_assert_eq!(found.len(), usize::from(named.is_some()) + usize::from(numbered));
            if numbered {
                let digits = sequence.to_string();
                prop_assert_eq!(found.last().unwrap().value, Some(digits.as_bytes()));
            }
        }

        #[test]
        fn bytes_that_are_no_frame_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let lines: usize = Lines::new(&bytes).map(|line| line.frame.len()).sum();
            prop_assert!(lines <= bytes.len());
        }
    }
}
