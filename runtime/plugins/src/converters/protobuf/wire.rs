//! The wire format: numbered fields of four kinds.
//!
//! Facts: the Protocol Buffers documentation, "Encoding".

use millrace_api::ConnectError;

/// What a field's value looks like on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The rest of a message.
#[derive(Debug)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

/// Groups within groups are passed over so far.
const DEPTH_MAX: usize = 100;

fn short() -> ConnectError {
    ConnectError::data("the message ends early")
}

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ConnectError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(short)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A number of 7 bits a byte.
    pub(super) fn varint(&mut self) -> Result<u64, ConnectError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ConnectError::data("a number has more than 10 bytes"))
    }

    /// A number whose sign is its lowest bit.
    pub(super) fn zigzag(&mut self) -> Result<i64, ConnectError> {
        Ok(unzigzag(self.varint()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ConnectError> {
        let len = usize::try_from(self.varint()?).map_err(|_| short())?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and value; groups are passed over.
    pub(super) fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, ConnectError> {
        loop {
            if self.0.is_empty() {
                return Ok(None);
            }
            let (number, kind) = self.tag()?;
            if kind == 3 {
                self.skip_group(number, 0)?;
                continue;
            }
            return Ok(Some((number, self.value(kind)?)));
        }
    }

    fn tag(&mut self) -> Result<(u32, u32), ConnectError> {
        let tag = u32::try_from(self.varint()?)
            .ok()
            .filter(|tag| tag >> 3 > 0);
        let tag = tag.ok_or_else(|| ConnectError::data("a field has a number out of range"))?;
        Ok((tag >> 3, tag & 7))
    }

    /// A value of a kind.
    pub(super) fn value(&mut self, kind: u32) -> Result<Wire<'a>, ConnectError> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Wire::Bytes(self.bytes()?),
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            other => {
                return Err(ConnectError::data(format!(
                    "a field has the unknown wire type {other}"
                )));
            }
        })
    }

    fn skip_group(&mut self, group: u32, depth: usize) -> Result<(), ConnectError> {
        if depth > DEPTH_MAX {
            return Err(ConnectError::data("groups are nested too deeply"));
        }
        loop {
            match self.tag()? {
                (number, 4) if number == group => return Ok(()),
                (number, 3) => self.skip_group(number, depth + 1)?,
                (_, kind) => {
                    self.value(kind)?;
                }
            }
        }
    }
}

/// The number that a zigzag number stands for.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A number as its sign's bit comes last.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Appends a number of 7 bits a byte.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field's number and the kind of its value.
pub(super) fn put_tag(number: u32, kind: u32, out: &mut Vec<u8>) {
    put_varint(u64::from(number << 3 | kind), out);
}

/// Appends bytes with their length, which `write` appends.
pub(super) fn put_nested(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ConnectError>,
) -> Result<(), ConnectError> {
    let start = out.len();
    write(out)?;
    let mut len = Vec::with_capacity(5);
    put_varint((out.len() - start) as u64, &mut len);
    out.splice(start..start, len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_are_passed_over() {
        // Field 1 as a group with a field 2 in it, then field 3 = 1.
        let mut input = Input(&[0x0b, 0x10, 0x05, 0x0c, 0x18, 0x01]);
        assert_eq!(input.field().unwrap(), Some((3, Wire::Varint(1))));
        assert_eq!(input.field().unwrap(), None);
        for bytes in [
            &[0x0b][..],
            &[0x0c],
            &[0x00],
            &[0x0f],
            &[0x0a, 0x05],
            &[0xff; 11],
        ] {
            assert!(Input(bytes).field().is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_survive(value: i64) {
            let mut out = Vec::new();
            put_varint(zigzag(value), &mut out);
            prop_assert_eq!(Input(&out).zigzag().unwrap(), value);
        }

        #[test]
        fn any_bytes_are_fields_or_refused(bytes: Vec<u8>) {
            let mut input = Input(&bytes);
            while let Ok(Some(_)) = input.field() {}
        }
    }
}
