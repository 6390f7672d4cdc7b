//! The records field of Produce requests and Fetch answers: whole record batches that nobody parses here.

use std::io;

use bytes::Bytes;

use crate::frame::{self, FileRange, Segment};
use crate::pool::Pool;

/// Encoded record batches as a list of segments, in memory or in a file.
#[derive(Debug, Clone, Default)]
pub struct Records {
    segments: Vec<Segment>,
}

impl Records {
    /// No records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a segment; an empty one is dropped.
    pub fn push(&mut self, segment: Segment) {
        if !segment.is_empty() {
            self.segments.push(segment);
        }
    }

    /// The segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Length of all segments in bytes.
    pub fn len(&self) -> usize {
        self.segments.iter().map(Segment::len).sum()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The records as one buffer. A single segment in memory is given as it is; anything else is copied or
    /// read into one pooled buffer.
    ///
    /// # Errors
    /// A file range that cannot be read in full.
    pub fn into_bytes(self, pool: &Pool) -> io::Result<Bytes> {
        frame::contiguous(self.segments, pool)
    }

    fn memory_bytes(&self) -> Option<impl Iterator<Item = u8> + '_> {
        let in_memory = self
            .segments
            .iter()
            .all(|segment| matches!(segment, Segment::Bytes(_)));
        in_memory
            .then(|| {
                self.segments.iter().flat_map(|segment| match segment {
                    Segment::Bytes(bytes) => bytes.as_ref(),
                    Segment::File(_) => &[],
                })
            })
            .map(Iterator::copied)
    }
}

/// Equal contents, however the bytes in memory are cut; file ranges are compared as ranges.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        match (self.memory_bytes(), other.memory_bytes()) {
            (Some(a), Some(b)) => a.eq(b),
            _ => self.segments == other.segments,
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        let mut records = Records::new();
        records.push(Segment::Bytes(bytes));
        records
    }
}

impl From<FileRange> for Records {
    fn from(range: FileRange) -> Self {
        let mut records = Records::new();
        records.push(Segment::File(range));
        records
    }
}
