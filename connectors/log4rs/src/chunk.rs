//! Lines that travel together: the unit of the queue, of the spill and of what is in flight.

use crate::line::{Draft, Lines};

/// Bytes of a chunk; a longer line has one of its own.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Frames in a row, and what is counted of them.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: u32,
    /// How many of the lines may be dropped.
    pub(crate) droppable: u32,
    /// The number of its last line.
    pub(crate) last_sequence: u64,
}

impl Chunk {
    /// An empty chunk on a buffer that was used before.
    pub(crate) fn on(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// A chunk of encoded frames; none where they are not frames from end to end.
    pub(crate) fn of(bytes: Vec<u8>) -> Option<Self> {
        let mut chunk = Self::default();
        let mut length = 0;
        for line in Lines::new(&bytes) {
            length += line.frame.len();
            chunk.lines += 1;
            chunk.droppable += u32::from(!line.exempt);
            chunk.last_sequence = line.sequence;
        }
        let whole = length == bytes.len() && length > 0;
        chunk.bytes = bytes;
        whole.then_some(chunk)
    }

    pub(crate) fn push(&mut self, draft: &Draft<'_>, sequence: u64) {
        draft.write(sequence, &mut self.bytes);
        self.lines += 1;
        self.droppable += u32::from(!draft.exempt);
        self.last_sequence = sequence;
    }

    /// Whether a frame fits without a larger buffer.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= bytes
    }

    pub(crate) fn lines(&self) -> Lines<'_> {
        Lines::new(&self.bytes)
    }

    /// The lines of it that may not be dropped, in as few bytes as they need.
    pub(crate) fn exempt_only(&self) -> Self {
        let exempt = || self.lines().filter(|line| line.exempt);
        let length = exempt().map(|line| line.frame.len()).sum();
        let mut bytes = Vec::with_capacity(length);
        exempt().for_each(|line| bytes.extend_from_slice(line.frame));
        Self {
            bytes,
            lines: self.lines - self.droppable,
            droppable: 0,
            last_sequence: exempt().last().map_or(0, |line| line.sequence),
        }
    }
}
