//! Collects the lines of several files in one batch.
//!
//! Files are read into one block, behind one another, so that a thousand files with a line each cost one block and no
//! more. With each block goes a side buffer for what cannot be a range of it: headers, and text that had to be repaired.
//! Blocks of the batch alternate: block `2n` was read from files, block `2n + 1` is its side buffer.

use bytes::Bytes;
use millrace_api::{Row, SourceBatch, SourceRun, Span};

use crate::block::Block;

/// Fewer bytes than this are copied out, so that a slow file does not tie up a whole block for each line.
const SMALL: usize = 16 << 10;

/// A batch that is being filled.
pub(crate) struct Collector {
    batch: SourceBatch,
    /// The block that files are read into; kept for the next batch where little of it is used.
    block: Option<Block>,
    /// Bytes of the block that rows point into.
    used: usize,
    side: Vec<u8>,
    /// Pairs of block and side buffer that the batch has.
    pairs: u32,
    bytes: usize,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self {
            batch: SourceBatch::new(),
            block: None,
            used: 0,
            side: Vec::new(),
            pairs: 0,
            bytes: 0,
        }
    }

    /// Rows collected.
    pub(crate) fn rows(&self) -> usize {
        self.batch.len()
    }

    /// Bytes that rows point into.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.used + self.side.len()
    }

    /// Room for `want` bytes.
    pub(crate) fn room(&mut self, want: usize) -> &mut [u8] {
        let spare = self
            .block
            .as_ref()
            .map_or(0, |block| block.bytes().len() - self.used);
        if spare < want {
            self.seal();
            self.block = None;
        }
        let used = self.used;
        let block = self.block.get_or_insert_with(|| Block::of(want));
        &mut block.bytes_mut()[used..used + want]
    }

    /// The first `len` bytes of the room.
    pub(crate) fn read(&self, len: usize) -> &[u8] {
        self.block
            .as_ref()
            .and_then(|block| block.bytes().get(self.used..self.used + len))
            .unwrap_or_default()
    }

    /// The first `len` bytes of the room, and what goes beside them.
    pub(crate) fn read_and_side(&mut self, len: usize) -> (&[u8], Side<'_>) {
        let bytes = self
            .block
            .as_ref()
            .and_then(|block| block.bytes().get(self.used..self.used + len))
            .unwrap_or_default();
        let side = Side {
            block: 2 * self.pairs + 1,
            bytes: &mut self.side,
        };
        (bytes, side)
    }

    /// Begins a run; rows follow.
    pub(crate) fn begin(&mut self, run: SourceRun) {
        self.batch.begin_run(run);
    }

    /// Adds rows to the run; their spans are made by [`Collector::span`] or lie in the side buffer.
    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.batch.extend(rows);
    }

    /// A range of the room.
    pub(crate) fn spans(&self) -> Spans {
        Spans {
            block: 2 * self.pairs,
            base: self.used,
        }
    }

    /// Rows point into the first `len` bytes of the room.
    pub(crate) fn keep(&mut self, len: usize) {
        self.used += len;
    }

    /// The batch; what comes next goes into another one.
    pub(crate) fn take(&mut self) -> SourceBatch {
        self.seal();
        self.pairs = 0;
        self.bytes = 0;
        std::mem::take(&mut self.batch)
    }

    /// Gives idle memory back.
    pub(crate) fn rest(&mut self) {
        if self.used == 0 {
            self.block = None;
        }
    }

    /// Hands the block to the batch, if anything points into it.
    fn seal(&mut self) {
        if self.used == 0 && self.side.is_empty() {
            return;
        }
        let read = match self.block.take() {
            Some(block) if self.used <= SMALL => {
                let copy = Bytes::copy_from_slice(&block.bytes()[..self.used]);
                self.block = Some(block);
                copy
            }
            Some(block) => Bytes::from_owner(block).slice(..self.used),
            None => Bytes::new(),
        };
        self.batch.push_block(read);
        self.batch.push_block(std::mem::take(&mut self.side).into());
        self.bytes += self.used;
        self.used = 0;
        self.pairs += 1;
    }
}

/// The side buffer.
pub(crate) struct Side<'a> {
    block: u32,
    bytes: &'a mut Vec<u8>,
}

impl Side<'_> {
    /// Appends what `write` writes, and says where it is.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.bytes.len();
        write(self.bytes);
        span(self.block, start, self.bytes.len())
    }
}

/// Makes ranges of the room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    block: u32,
    base: usize,
}

impl Spans {
    #[inline]
    pub(crate) fn of(self, start: usize, end: usize) -> Span {
        span(self.block, self.base + start, self.base + end)
    }
}

/// Blocks and side buffers are some MiB at most: far below 4 GiB.
#[inline]
fn span(block: u32, start: usize, end: usize) -> Span {
    Span {
        block,
        start: start as u32,
        len: (end - start) as u32,
    }
}
