//! Cuts what is read into lines.
//!
//! Bytes are read into a block. Once it holds the end of a line, all its complete lines become one shared buffer, and
//! the begun line behind them starts the next block. A line ends at `\n`, `\r\n` or a lone `\r`; a `\r` that is the
//! last byte read so far waits, because a `\n` may follow.

use bytes::Bytes;
use memchr::{Memchr2, memchr2_iter, memrchr2};
use millrace_api::{ConnectError, Row, SourceBatch, Span, append_utf8_lossy};

use super::block::{BLOCK, Block};

/// A longer line is an error: it fits no topic, and memory is bounded.
pub(crate) const LINE_MAX: usize = 128 << 20;

/// Fewer bytes than this are copied out, so that a slow file does not tie up a whole block for each line.
const SMALL: usize = 16 << 10;

/// Turns bytes into lines, one source from one position on.
pub(crate) struct LineSplitter {
    /// Where `begun` starts in the source.
    position: u64,
    /// The line that has begun but not ended.
    begun: Option<Block>,
    complete: Option<CompleteLines>,
}

/// A buffer of whole lines and how far it is handed out.
struct CompleteLines {
    buffer: Bytes,
    /// Where `buffer` starts in the source.
    position: u64,
    handed_out: usize,
    is_utf8: bool,
}

impl LineSplitter {
    /// Starts at `position`, which is the first byte of a line.
    pub(crate) fn new(position: u64) -> Self {
        Self {
            position,
            begun: None,
            complete: None,
        }
    }

    /// Where the next byte to read stands in the source.
    pub(crate) fn read_position(&self) -> u64 {
        self.position + self.begun_len() as u64
    }

    /// Bytes of the line that has begun but not ended.
    pub(crate) fn begun_len(&self) -> usize {
        self.begun.as_ref().map_or(0, |block| block.filled().len())
    }

    /// Room for the next read, at most [`BLOCK`] bytes.
    pub(crate) fn room(&mut self) -> Result<&mut [u8], ConnectError> {
        let block = self.begun.get_or_insert_with(Block::take);
        if block.filled().len() == block.capacity() {
            if block.capacity() >= LINE_MAX {
                let position = self.position;
                return Err(ConnectError::data(format!(
                    "the line at byte {position} is longer than {LINE_MAX} bytes"
                )));
            }
            *block = block.grown(block.capacity() * 2);
        }
        Ok(block.spare())
    }

    /// Takes in `count` bytes read into the room. All complete lines have been taken before.
    pub(crate) fn advance(&mut self, count: usize) {
        let Some(block) = &mut self.begun else { return };
        let searched = block.filled().len().saturating_sub(1);
        block.advance(count);
        let Some(end) = lines_end(block.filled(), searched) else {
            return;
        };
        let buffer = take_lines(&mut self.begun, end);
        let is_utf8 = std::str::from_utf8(&buffer).is_ok();
        self.complete = Some(CompleteLines {
            buffer,
            position: self.position,
            handed_out: 0,
            is_utf8,
        });
        self.position += end as u64;
    }

    /// Gives idle memory back.
    pub(crate) fn rest(&mut self) {
        if self.begun_len() == 0 {
            self.begun = None;
        }
    }

    /// Appends at most `limit` complete lines to the run that `batch` has begun, as records of the time `timestamp`.
    pub(crate) fn take(&mut self, limit: usize, timestamp: i64, batch: &mut SourceBatch) {
        let Some(lines) = &mut self.complete else {
            return;
        };
        let block = batch.push_block(lines.buffer.clone());
        let before = batch.len();
        let source = lines.position;
        let row = |value, next| row(value, timestamp, source, next);
        let mut handed_out = lines.handed_out;
        let ranges = Lines::new(&lines.buffer, lines.handed_out)
            .take(limit)
            .inspect(|line| handed_out = line.next);
        if lines.is_utf8 {
            batch.extend(ranges.map(|line| row(span(block, line.start, line.end), line.next)));
        } else {
            let mut replaced = Vec::new();
            batch.extend(ranges.map(|line| {
                let span = replace(
                    &lines.buffer[line.start..line.end],
                    block + 1,
                    &mut replaced,
                )
                .unwrap_or_else(|| span(block, line.start, line.end));
                row(span, line.next)
            }));
            batch.push_block(replaced.into());
        }
        debug_assert!(
            batch.len() > before,
            "complete lines hold at least one line"
        );
        lines.handed_out = handed_out;
        if handed_out == lines.buffer.len() {
            self.complete = None;
        }
    }
}

/// Where the last complete line in `bytes` ends; bytes before `searched` hold no line end.
fn lines_end(bytes: &[u8], searched: usize) -> Option<usize> {
    let settled = match bytes {
        [before @ .., b'\r'] => before.len(),
        _ => bytes.len(),
    };
    let unsearched = bytes.get(searched..settled)?;
    memrchr2(b'\n', b'\r', unsearched).map(|at| searched + at + 1)
}

/// Cuts the first `end` bytes off the block and keeps the rest as the begun line.
fn take_lines(begun: &mut Option<Block>, end: usize) -> Bytes {
    match begun.take() {
        Some(mut block) if end <= SMALL => {
            let lines = Bytes::copy_from_slice(&block.filled()[..end]);
            block.discard(end);
            *begun = Some(block);
            lines
        }
        Some(block) => {
            let rest = &block.filled()[end..];
            if !rest.is_empty() {
                let mut next = Block::take();
                debug_assert!(rest.len() <= BLOCK, "a read is at most a block");
                next.append(rest);
                *begun = Some(next);
            }
            Bytes::from_owner(block).slice(..end)
        }
        None => Bytes::new(),
    }
}

fn span(block: u32, start: usize, end: usize) -> Span {
    // Blocks are at most LINE_MAX and one read long, replaced text three times that: far below 4 GiB.
    Span {
        block,
        start: start as u32,
        len: (end - start) as u32,
    }
}

fn row(value: Span, timestamp: i64, source: u64, next: usize) -> Row {
    Row {
        key: Span::NULL,
        value,
        headers: Span::EMPTY,
        timestamp,
        mark: (source + next as u64) as i64,
    }
}

/// The repaired text of `line` in `replaced`, or none if it needs no repair.
fn replace(line: &[u8], block: u32, replaced: &mut Vec<u8>) -> Option<Span> {
    if std::str::from_utf8(line).is_ok() {
        return None;
    }
    let start = replaced.len();
    append_utf8_lossy(line, replaced);
    Some(span(block, start, replaced.len()))
}

/// One line of a buffer: its text, and where the next one starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
}

/// The lines of a buffer that ends with a line end.
struct Lines<'a> {
    buffer: &'a [u8],
    base: usize,
    start: usize,
    ends: Memchr2<'a>,
}

impl<'a> Lines<'a> {
    fn new(buffer: &'a [u8], start: usize) -> Self {
        Self {
            buffer,
            base: start,
            start,
            ends: memchr2_iter(b'\n', b'\r', &buffer[start..]),
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    #[inline]
    fn next(&mut self) -> Option<Line> {
        let mut end = self.base + self.ends.next()?;
        if end < self.start {
            // The `\n` of a `\r\n`, which the line before has taken.
            end = self.base + self.ends.next()?;
        }
        let mut next = end + 1;
        if self.buffer[end] == b'\r' && self.buffer.get(next) == Some(&b'\n') {
            next += 1;
        }
        let line = Line {
            start: self.start,
            end,
            next,
        };
        self.start = next;
        Some(line)
    }
}

#[cfg(test)]
mod tests;
