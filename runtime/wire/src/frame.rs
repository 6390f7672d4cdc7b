//! A frame: one request or answer as a list of segments, without its four-byte size prefix.
//!
//! A segment is a shared buffer or a range of a file. Large payloads (record batches) stay where they
//! are: a sender writes the segments one after the other, so nothing is copied into one buffer first.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::pool::Pool;

/// A piece of a [`Frame`].
#[derive(Debug, Clone)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// Bytes that lie in a file and have not been read.
    File(FileRange),
}

impl Segment {
    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Segment::Bytes(bytes) => bytes.len(),
            Segment::File(range) => range.len,
        }
    }

    /// Whether the segment holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Two segments are equal if they hold the same bytes in memory or name the same range of the same open file.
impl PartialEq for Segment {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Segment::Bytes(a), Segment::Bytes(b)) => a == b,
            (Segment::File(a), Segment::File(b)) => {
                Arc::ptr_eq(&a.file, &b.file) && a.offset == b.offset && a.len == b.len
            }
            _ => false,
        }
    }
}

/// A range of an open file. The open descriptor keeps the bytes readable after the file is deleted.
#[derive(Debug, Clone)]
pub struct FileRange {
    /// The open file.
    pub file: Arc<File>,
    /// Where the range starts, in bytes from the start of the file.
    pub offset: u64,
    /// Length of the range in bytes.
    pub len: usize,
}

impl FileRange {
    /// Fills `buffer` from the start of the range; `buffer` must not be longer than the range.
    ///
    /// # Errors
    /// What the operating system reports, and `UnexpectedEof` where the file is shorter than the range.
    pub fn read_into(&self, buffer: &mut [u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        debug_assert!(buffer.len() <= self.len);
        self.file.read_exact_at(buffer, self.offset)
    }
}

/// One request or answer: a list of non-empty segments.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    segments: Vec<Segment>,
    len: usize,
}

impl Frame {
    /// A frame without segments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Length of all segments in bytes; this is what the size prefix on the wire says.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the frame holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segments in order, given away.
    pub fn into_segments(self) -> Vec<Segment> {
        self.segments
    }

    /// Appends bytes without copying them.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        self.push(Segment::Bytes(bytes));
    }

    /// Appends a range of a file.
    pub fn push_file(&mut self, range: FileRange) {
        self.push(Segment::File(range));
    }

    /// Appends a segment; an empty one is dropped.
    pub fn push(&mut self, segment: Segment) {
        if !segment.is_empty() {
            self.len += segment.len();
            self.segments.push(segment);
        }
    }

    /// Joins a frame whose parts all lie in memory; file ranges are left out. For small blobs.
    pub(crate) fn into_memory(mut self) -> Bytes {
        if let [Segment::Bytes(_)] = self.segments.as_slice()
            && let Some(Segment::Bytes(bytes)) = self.segments.pop()
        {
            return bytes;
        }
        let mut joined = BytesMut::with_capacity(self.len);
        for segment in &self.segments {
            if let Segment::Bytes(bytes) = segment {
                joined.extend_from_slice(bytes);
            }
        }
        joined.freeze()
    }

    /// Gives the frame as one buffer: the only segment as it is, several copied into one pooled buffer,
    /// file ranges read into it.
    ///
    /// # Errors
    /// A file range that cannot be read in full.
    pub fn into_contiguous(self, pool: &Pool) -> io::Result<Bytes> {
        contiguous(self.segments, pool)
    }
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        let mut frame = Frame::new();
        frame.push_bytes(bytes);
        frame
    }
}

/// Joins segments into one buffer, see [`Frame::into_contiguous`].
pub(crate) fn contiguous(mut segments: Vec<Segment>, pool: &Pool) -> io::Result<Bytes> {
    match segments.as_slice() {
        [] => return Ok(Bytes::new()),
        [Segment::Bytes(_)] => {
            if let Some(Segment::Bytes(bytes)) = segments.pop() {
                return Ok(bytes);
            }
        }
        _ => {}
    }
    let total = segments.iter().map(Segment::len).sum();
    let mut buffer = pool.take(total);
    for segment in &segments {
        match segment {
            Segment::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Segment::File(range) => {
                range.read_into(&mut buffer.spare()[..range.len])?;
                buffer.advance(range.len);
            }
        }
    }
    Ok(buffer.freeze())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::records::Records;

    fn file_of(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    #[test]
    fn segments_of_both_kinds_become_one_buffer() {
        let range = FileRange {
            file: file_of(b"0123456789"),
            offset: 3,
            len: 4,
        };
        let mut frame = Frame::from(Bytes::from_static(b"head "));
        frame.push_file(range);
        frame.push_bytes(Bytes::new());
        frame.push_bytes(Bytes::from_static(b" tail"));
        assert_eq!((frame.len(), frame.segments().len()), (14, 3));
        assert_eq!(
            frame.into_contiguous(Pool::global()).unwrap(),
            "head 3456 tail"
        );
    }

    #[test]
    fn a_single_segment_in_memory_is_not_copied() {
        let bytes = Bytes::from(vec![1; 5000]);
        let address = bytes.as_ptr();
        let whole = Frame::from(bytes).into_contiguous(Pool::global()).unwrap();
        assert_eq!(whole.as_ptr(), address);
    }

    #[test]
    fn a_range_beyond_the_files_end_is_an_error() {
        let range = FileRange {
            file: file_of(b"short"),
            offset: 3,
            len: 4,
        };
        assert!(Records::from(range).into_bytes(Pool::global()).is_err());
    }

    #[test]
    fn records_are_equal_however_they_are_cut() {
        let mut cut = Records::from(Bytes::from_static(b"ab"));
        cut.push(Segment::Bytes(Bytes::from_static(b"cd")));
        assert_eq!(cut, Records::from(Bytes::from_static(b"abcd")));
        assert_ne!(cut, Records::from(Bytes::from_static(b"abce")));
    }
}
