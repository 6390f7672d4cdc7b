//! Reading and writing the plain fields of coordinator records.

use bytes::Bytes;

use super::RecordError;

/// Reads fields from the front of a record; `flexible` switches to compact lengths and tagged fields.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    left: &'a [u8],
    part: &'static str,
    flexible: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], part: &'static str) -> Cursor<'a> {
        Cursor {
            left: bytes,
            part,
            flexible: false,
        }
    }

    /// From here on lengths are compact, as in flexible versions.
    pub(super) fn set_flexible(&mut self) {
        self.flexible = true;
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (head, tail) = self
            .left
            .split_at_checked(len)
            .ok_or(RecordError::Truncated { part: self.part })?;
        self.left = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_be_bytes)
    }

    fn uvarint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0_u32;
        for shift in (0..32).step_by(7) {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::Truncated { part: self.part })
    }

    /// A length: `None` is null.
    fn len(
        &mut self,
        plain: impl Fn(&mut Self) -> Result<i32, RecordError>,
    ) -> Result<Option<usize>, RecordError> {
        if self.flexible {
            return Ok(self.uvarint()?.checked_sub(1).map(|len| len as usize));
        }
        Ok(usize::try_from(plain(self)?).ok())
    }

    /// The number of elements of an array, null counting as none.
    pub(super) fn array_len(&mut self) -> Result<usize, RecordError> {
        Ok(self.len(Cursor::i32)?.unwrap_or(0))
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        let Some(len) = self.len(|cursor| cursor.i16().map(i32::from))? else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.take(len)?)
            .map_err(|_| RecordError::NotText { part: self.part })?;
        Ok(Some(text.to_owned()))
    }

    /// A string, null counting as empty.
    pub(super) fn string(&mut self) -> Result<String, RecordError> {
        Ok(self.nullable_string()?.unwrap_or_default())
    }

    /// A byte string of its own: a slice would keep the whole replayed batch in memory. Null counts as empty.
    pub(super) fn bytes(&mut self) -> Result<Bytes, RecordError> {
        let len = self.len(Cursor::i32)?.unwrap_or(0);
        Ok(Bytes::copy_from_slice(self.take(len)?))
    }

    /// Steps over the tagged fields that end a struct of a flexible version.
    pub(super) fn skip_tags(&mut self) -> Result<(), RecordError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let len = self.uvarint()? as usize;
            self.take(len)?;
        }
        Ok(())
    }
}

/// Appends a string with its 16-bit length. What was decoded from the wire fits; longer text is cut at a character.
pub(super) fn put_string(out: &mut Vec<u8>, text: &str) {
    let len = text.floor_char_boundary(i16::MAX as usize);
    out.extend_from_slice(&(len as u16).to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..len]);
}

/// Appends a string that may be null.
pub(super) fn put_nullable_string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.extend_from_slice(&(-1_i16).to_be_bytes()),
    }
}

/// Appends a byte string with its 32-bit length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a 32-bit length; everything counted here came from a frame, whose size is an i32.
pub(super) fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_be_bytes());
}
