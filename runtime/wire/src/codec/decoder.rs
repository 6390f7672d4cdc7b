//! Reads primitives from the byte segments of a frame; long fields come out as slices of them.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

use super::DecodeError;
use crate::frame::{Frame, Segment};
use crate::records::Records;

/// Takes fields from the front of a frame.
#[derive(Debug, Clone)]
pub struct Decoder {
    current: Bytes,
    rest: VecDeque<Bytes>,
    rest_len: usize,
    flexible: bool,
}

impl Decoder {
    /// A decoder over one buffer.
    pub fn new(bytes: Bytes) -> Self {
        Self {
            current: bytes,
            rest: VecDeque::new(),
            rest_len: 0,
            flexible: false,
        }
    }

    /// A decoder over the segments of a frame.
    ///
    /// # Errors
    /// A segment that lies in a file.
    pub fn from_frame(frame: Frame) -> Result<Self, DecodeError> {
        let mut rest = VecDeque::new();
        let mut rest_len = 0;
        for segment in frame.into_segments() {
            let Segment::Bytes(bytes) = segment else {
                return Err(DecodeError::FileSegment);
            };
            rest_len += bytes.len();
            rest.push_back(bytes);
        }
        let mut decoder = Self {
            current: Bytes::new(),
            rest,
            rest_len,
            flexible: false,
        };
        decoder.refill();
        Ok(decoder)
    }

    /// Chooses between flexible (compact) and older encodings for what follows.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Whether what follows is read in the flexible encodings.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        self.current.len() + self.rest_len
    }

    /// Reads one byte as a boolean; anything but zero is true.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.get_i8()? != 0)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_i8(&mut self) -> Result<i8, DecodeError> {
        self.get_array().map(i8::from_be_bytes)
    }

    /// Reads two bytes.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_i16(&mut self) -> Result<i16, DecodeError> {
        self.get_array().map(i16::from_be_bytes)
    }

    /// Reads four bytes.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_i32(&mut self) -> Result<i32, DecodeError> {
        self.get_array().map(i32::from_be_bytes)
    }

    /// Reads eight bytes.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_i64(&mut self) -> Result<i64, DecodeError> {
        self.get_array().map(i64::from_be_bytes)
    }

    /// Reads an unsigned varint of at most 32 bits.
    ///
    /// # Errors
    /// The end of the frame, or a varint that is too long.
    pub fn get_uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.get_i8()? as u8;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(DecodeError::VarintOverflow);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintOverflow)
    }

    /// Reads exactly `N` bytes.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        if self.current.len() >= N {
            array.copy_from_slice(&self.current[..N]);
            self.advance(N);
            return Ok(array);
        }
        self.require(N)?;
        for byte in &mut array {
            *byte = self.current[0];
            self.advance(1);
        }
        Ok(array)
    }

    /// Reads a string, or null.
    ///
    /// # Errors
    /// The end of the frame, or bytes that are not UTF-8.
    pub fn get_string(&mut self) -> Result<Option<String>, DecodeError> {
        let length = if self.flexible {
            self.get_length()?
        } else {
            self.get_short_length()?
        };
        length.map(|length| self.take_string(length)).transpose()
    }

    /// Reads a string that keeps its `i16` length in flexible messages too: the client id of a request header.
    ///
    /// # Errors
    /// The end of the frame, or bytes that are not UTF-8.
    pub fn get_short_string(&mut self) -> Result<Option<String>, DecodeError> {
        let length = self.get_short_length()?;
        length.map(|length| self.take_string(length)).transpose()
    }

    /// Reads a byte field, or null; no copy where it lies inside one segment.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_bytes(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let length = self.get_length()?;
        length.map(|length| self.take(length)).transpose()
    }

    /// Reads a records field, or null; never copies.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn get_records(&mut self) -> Result<Option<Records>, DecodeError> {
        let Some(mut left) = self.get_length()? else {
            return Ok(None);
        };
        self.require(left)?;
        let mut records = Records::new();
        while left > 0 {
            let part = left.min(self.current.len());
            records.push(Segment::Bytes(self.take(part)?));
            left -= part;
        }
        Ok(Some(records))
    }

    /// Reads the length of a byte field or the count of an array; `None` is null.
    ///
    /// # Errors
    /// The end of the frame, or a length below -1 or above `i32::MAX`.
    pub fn get_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible {
            i64::from(self.get_uvarint()?) - 1
        } else {
            i64::from(self.get_i32()?)
        };
        match length {
            -1 => Ok(None),
            0..=0x7fff_ffff => Ok(Some(length as usize)),
            _ => Err(DecodeError::NegativeLength(length)),
        }
    }

    /// Takes the next `length` bytes; a slice where they lie inside one segment, else a copy.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        self.require(length)?;
        if length <= self.current.len() {
            let taken = self.current.split_to(length);
            self.refill();
            return Ok(taken);
        }
        let mut joined = BytesMut::with_capacity(length);
        while joined.len() < length {
            let part = (length - joined.len()).min(self.current.len());
            joined.extend_from_slice(&self.current[..part]);
            self.advance(part);
        }
        Ok(joined.freeze())
    }

    /// Passes over `length` bytes.
    ///
    /// # Errors
    /// The end of the frame.
    pub fn skip(&mut self, mut length: usize) -> Result<(), DecodeError> {
        self.require(length)?;
        while length > 0 {
            let part = length.min(self.current.len());
            self.advance(part);
            length -= part;
        }
        Ok(())
    }

    /// Reads the tagged fields at the end of a struct. `read` is given each tag; it reads the field and says
    /// true, or says false for a tag it does not know, which is then skipped.
    ///
    /// # Errors
    /// The end of the frame, a field that does not fill the size it claims, and what `read` gives.
    pub fn get_tagged(
        &mut self,
        mut read: impl FnMut(&mut Decoder, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.get_uvarint()? {
            let tag = self.get_uvarint()?;
            let size = self.get_uvarint()? as usize;
            self.require(size)?;
            let left_after = self.remaining() - size;
            if !read(self, tag)? {
                self.skip(size)?;
            }
            if self.remaining() != left_after {
                return Err(DecodeError::TaggedFieldSize { tag });
            }
        }
        Ok(())
    }

    fn get_short_length(&mut self) -> Result<Option<usize>, DecodeError> {
        match self.get_i16()? {
            -1 => Ok(None),
            length if length < 0 => Err(DecodeError::NegativeLength(i64::from(length))),
            length => Ok(Some(length as usize)),
        }
    }

    fn take_string(&mut self, length: usize) -> Result<String, DecodeError> {
        self.require(length)?;
        if let Some(bytes) = self.current.get(..length) {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| DecodeError::InvalidUtf8)?
                .to_owned();
            self.advance(length);
            return Ok(text);
        }
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| DecodeError::InvalidUtf8)
    }

    fn require(&self, wanted: usize) -> Result<(), DecodeError> {
        let left = self.remaining();
        if wanted > left {
            Err(DecodeError::UnexpectedEnd { wanted, left })
        } else {
            Ok(())
        }
    }

    /// Drops bytes from the front; `length` is at most what the current segment holds.
    fn advance(&mut self, length: usize) {
        self.current.advance(length);
        self.refill();
    }

    /// Keeps the invariant that the current segment is empty only at the end.
    fn refill(&mut self) {
        while self.current.is_empty() {
            let Some(next) = self.rest.pop_front() else {
                return;
            };
            self.rest_len -= next.len();
            self.current = next;
        }
    }
}
