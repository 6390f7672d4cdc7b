//! Writes primitives into a growing head and takes record data over as segments of its own.

use bytes::{BufMut, Bytes, BytesMut};

use super::EncodeError;
use crate::frame::{Frame, Segment};
use crate::records::Records;

/// Bytes up to this size are copied into the head: cheaper than a segment, which costs an `iovec` and a reference count.
const COPY_BYTES_MAX: usize = 1024;
const HEAD_CAPACITY: usize = 256;

/// Builds a [`Frame`] out of fields.
#[derive(Debug)]
pub struct Encoder {
    frame: Frame,
    head: BytesMut,
    flexible: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An empty encoder for non-flexible fields.
    pub fn new() -> Self {
        Self {
            frame: Frame::new(),
            head: BytesMut::with_capacity(HEAD_CAPACITY),
            flexible: false,
        }
    }

    /// Chooses between flexible (compact) and older encodings for what follows.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Whether what follows is written in the flexible encodings.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.frame.len() + self.head.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives what was written.
    pub fn finish(mut self) -> Frame {
        self.flush_head();
        self.frame
    }

    /// Writes a boolean as one byte.
    pub fn put_bool(&mut self, value: bool) {
        self.head.put_u8(u8::from(value));
    }

    /// Writes one byte.
    pub fn put_i8(&mut self, value: i8) {
        self.head.put_i8(value);
    }

    /// Writes two bytes.
    pub fn put_i16(&mut self, value: i16) {
        self.head.put_i16(value);
    }

    /// Writes four bytes.
    pub fn put_i32(&mut self, value: i32) {
        self.head.put_i32(value);
    }

    /// Writes eight bytes.
    pub fn put_i64(&mut self, value: i64) {
        self.head.put_i64(value);
    }

    /// Writes an unsigned varint.
    pub fn put_uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.head.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.head.put_u8(value as u8);
    }

    /// Copies bytes without a length.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.head.put_slice(bytes);
    }

    /// Writes bytes without a length; long ones become a segment and are not copied.
    pub fn put_segment(&mut self, segment: Segment) {
        match segment {
            Segment::Bytes(bytes) if bytes.len() <= COPY_BYTES_MAX => self.head.put_slice(&bytes),
            segment => {
                self.flush_head();
                self.frame.push(segment);
            }
        }
    }

    /// Writes a string, or null.
    ///
    /// # Errors
    /// A string longer than its length field can say.
    pub fn put_string(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        if self.flexible {
            self.put_length(value.map(str::len))?;
        } else {
            let length = match value {
                None => -1,
                Some(text) => {
                    i16::try_from(text.len()).map_err(|_| EncodeError::TooLong(text.len()))?
                }
            };
            self.put_i16(length);
        }
        self.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// Writes a string that keeps its `i16` length in flexible messages too: the client id of a request header.
    ///
    /// # Errors
    /// A string longer than its length field can say.
    pub fn put_short_string(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let result = self.put_string(value);
        self.flexible = flexible;
        result
    }

    /// Writes a byte field, or null.
    ///
    /// # Errors
    /// A field longer than its length field can say.
    pub fn put_bytes(&mut self, value: Option<&Bytes>) -> Result<(), EncodeError> {
        self.put_length(value.map(Bytes::len))?;
        if let Some(bytes) = value {
            self.put_segment(Segment::Bytes(bytes.clone()));
        }
        Ok(())
    }

    /// Writes a records field, or null, without copying the batches.
    ///
    /// # Errors
    /// Records longer than their length field can say.
    pub fn put_records(&mut self, value: Option<&Records>) -> Result<(), EncodeError> {
        self.put_length(value.map(Records::len))?;
        for segment in value.map(Records::segments).unwrap_or_default() {
            self.put_segment(segment.clone());
        }
        Ok(())
    }

    /// Writes the length of a byte field or the count of an array; `None` is null.
    ///
    /// # Errors
    /// A length that does not fit.
    pub fn put_length(&mut self, length: Option<usize>) -> Result<(), EncodeError> {
        let value = match length {
            None => -1,
            Some(length) => i32::try_from(length)
                .ok()
                .filter(|length| *length < i32::MAX)
                .ok_or(EncodeError::TooLong(length))?,
        };
        if self.flexible {
            self.put_uvarint((value + 1) as u32);
        } else {
            self.put_i32(value);
        }
        Ok(())
    }

    /// Writes one tagged field: its tag, its size, and what `write` writes.
    ///
    /// # Errors
    /// What `write` gives.
    pub fn put_tagged(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut body = Encoder::new();
        body.set_flexible(true);
        write(&mut body)?;
        let body = body.finish();
        self.put_uvarint(tag);
        self.put_uvarint(u32::try_from(body.len()).map_err(|_| EncodeError::TooLong(body.len()))?);
        for segment in body.into_segments() {
            self.put_segment(segment);
        }
        Ok(())
    }

    fn flush_head(&mut self) {
        if !self.head.is_empty() {
            let head = self.head.split().freeze();
            self.frame.push_bytes(head);
        }
    }
}
