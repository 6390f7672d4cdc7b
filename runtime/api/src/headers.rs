//! Record headers: owned, and in the encoded form in which rows carry them.
//!
//! The encoded form is the header section of a Kafka v2 record (contract broker, section 2.1): a zig-zag varint count,
//! then for each header a varint key length, the key, a varint value length (-1 for null) and the value. An empty
//! range means no headers. Names may repeat and their order is kept.

use crate::{Schema, Value};
use std::sync::Arc;

/// One header with its value in Connect's data model.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The name; names may repeat.
    pub name: String,
    /// The schema, or none for a schemaless value.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

/// The headers of one record, in order.
pub type Headers = Vec<Header>;

/// A header section of a record, read without copying.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeaders<'a> {
    section: &'a [u8],
}

impl<'a> EncodedHeaders<'a> {
    /// Wraps an encoded header section; empty means no headers.
    pub fn new(section: &'a [u8]) -> Self {
        Self { section }
    }

    /// The section as it stands in a record; empty means no headers.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.section
    }

    /// The headers as name and value; iteration ends at the first byte that is not part of a header.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.section;
        let mut left = read_varint(&mut rest).unwrap_or(0).max(0);
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            left -= 1;
            let name = read_field(&mut rest)??;
            let value = read_field(&mut rest)?;
            Some((name, value))
        })
    }
}

/// Appends one header to `section` in the encoded form. The caller has written the count before.
pub fn encode_header(section: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    write_varint(section, i32::try_from(name.len()).unwrap_or(i32::MAX));
    section.extend_from_slice(name);
    match value {
        Some(value) => {
            write_varint(section, i32::try_from(value.len()).unwrap_or(i32::MAX));
            section.extend_from_slice(value);
        }
        None => write_varint(section, -1),
    }
}

impl EncodedHeaders<'_> {
    /// Starts a section that will hold `count` headers.
    pub fn begin(section: &mut Vec<u8>, count: usize) {
        write_varint(section, i32::try_from(count).unwrap_or(i32::MAX));
    }
}

/// A field that may be null: outer `None` when the bytes end early.
fn read_field<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = read_varint(rest)?;
    let Ok(len) = usize::try_from(len) else {
        return Some(None);
    };
    let (field, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(Some(field))
}

fn read_varint(rest: &mut &[u8]) -> Option<i32> {
    let mut raw: u32 = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        raw |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((raw >> 1) as i32 ^ -((raw & 1) as i32));
        }
    }
    None
}

fn write_varint(out: &mut Vec<u8>, value: i32) {
    let mut raw = ((value << 1) ^ (value >> 31)) as u32;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_nulls_and_order_survive() {
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, 3);
        encode_header(&mut section, b"a", Some(b"1"));
        encode_header(&mut section, b"a", None);
        encode_header(&mut section, b"", Some(&[0xff; 200]));
        let read: Vec<_> = EncodedHeaders::new(&section).iter().collect();
        assert_eq!(
            read,
            [
                (&b"a"[..], Some(&b"1"[..])),
                (&b"a"[..], None),
                (&b""[..], Some(&[0xff; 200][..]))
            ]
        );
    }

    #[test]
    fn cut_sections_end_the_iteration() {
        let mut section = Vec::new();
        EncodedHeaders::begin(&mut section, 2);
        encode_header(&mut section, b"name", Some(b"value"));
        for cut in 0..section.len() {
            let read = EncodedHeaders::new(&section[..cut]).iter().count();
            assert!(read <= 1, "{cut}");
        }
        assert_eq!(EncodedHeaders::new(&[]).iter().count(), 0);
    }
}
