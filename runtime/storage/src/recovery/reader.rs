//! Reading a segment batch by batch with every check.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;

use millrace_wire::batch::header::{
    ATTRIBUTES_AT, BASE_OFFSET_AT, LENGTH_AT, LENGTH_OVERHEAD, MAGIC, MAGIC_AT,
};
use millrace_wire::batch::{BatchHeader, HEADER_LEN};
use millrace_wire::crc::crc32c;

use crate::files::LogFile;
use crate::scan::read_up_to;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// What lies at the reader's position.
pub(crate) enum Next {
    Batch {
        position: u64,
        header: BatchHeader,
    },
    /// No batch, or not a whole and sound one.
    Bad {
        position: u64,
        reason: String,
    },
    End,
}

/// What a segment's batches may say of themselves. Offset and leader epoch lie outside a batch's
/// checksum, so a torn write can leave them wrong in a batch that is sound otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The durable point. Above it the batches follow each other without a gap, for nothing was
    /// compacted there.
    pub(crate) durable: i64,
    /// Base offset of the next segment, where there is one.
    pub(crate) next_base: Option<i64>,
    /// The highest leader epoch that was ever in force.
    pub(crate) last_epoch: i32,
    /// Up to where the log was compacted, where it ever was.
    pub(crate) compacted: Option<i64>,
}

pub(crate) struct BatchReader<'a> {
    file: &'a File,
    bounds: Bounds,
    position: u64,
    end: u64,
    epoch: i32,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<'a> BatchReader<'a> {
    /// Reads the file's first `end` bytes.
    pub(crate) fn new(file: &'a File, end: u64, bounds: Bounds) -> Self {
        Self {
            file,
            bounds,
            position: 0,
            end,
            epoch: -1,
            buffer: Vec::new(),
            buffer_at: 0,
        }
    }

    /// Begins at a byte where a batch starts.
    pub(crate) fn starting_at(mut self, position: u64) -> Self {
        self.position = position;
        self
    }

    /// The next batch, whose base offset must not be below `expected`.
    pub(crate) fn next(&mut self, expected: i64) -> io::Result<Next> {
        let position = self.position;
        if position >= self.end {
            return Ok(Next::End);
        }
        match self.batch_at(position, expected)? {
            Ok(header) => {
                self.position = position + header.total_len() as u64;
                self.epoch = self.epoch.max(header.partition_leader_epoch);
                Ok(Next::Batch { position, header })
            }
            Err(reason) => Ok(Next::Bad { position, reason }),
        }
    }

    /// Looks for the next sound batch behind the bad one at `bad`, and goes on from there. Gives its
    /// position and base offset.
    pub(crate) fn resync(&mut self, bad: u64, expected: i64) -> io::Result<Option<(u64, i64)>> {
        let found = match self.behind_declared_length(bad, expected)? {
            Some(found) => Some(found),
            None => self.search(bad + 1, expected)?,
        };
        self.position = found.map_or(self.end, |(position, _)| position);
        Ok(found)
    }

    /// Damage inside a batch leaves its length alone more often than not.
    fn behind_declared_length(
        &mut self,
        bad: u64,
        expected: i64,
    ) -> io::Result<Option<(u64, i64)>> {
        let bytes = self.bytes(bad, LENGTH_AT + 4)?;
        let Some(length) = bytes
            .get(LENGTH_AT..LENGTH_AT + 4)
            .and_then(|length| length.try_into().ok())
        else {
            return Ok(None);
        };
        let Ok(length) = u64::try_from(i32::from_be_bytes(length)) else {
            return Ok(None);
        };
        let next = bad + LENGTH_OVERHEAD as u64 + length;
        if next >= self.end {
            return Ok(None);
        }
        Ok(self
            .batch_at(next, expected)?
            .ok()
            .map(|header| (next, header.base_offset)))
    }

    fn search(&mut self, from: u64, expected: i64) -> io::Result<Option<(u64, i64)>> {
        let mut at = from;
        while at + HEADER_LEN as u64 <= self.end {
            let window = self.bytes(at, CHUNK)?;
            let candidate = window
                .windows(HEADER_LEN)
                .position(|bytes| is_plausible(bytes, expected));
            let skipped = window.len().saturating_sub(HEADER_LEN - 1).max(1) as u64;
            let Some(candidate) = candidate else {
                at += skipped;
                continue;
            };
            let position = at + candidate as u64;
            if let Ok(header) = self.batch_at(position, expected)? {
                return Ok(Some((position, header.base_offset)));
            }
            at = position + 1;
        }
        Ok(None)
    }

    /// The header at `position`, or why there is no sound batch.
    fn batch_at(
        &mut self,
        position: u64,
        expected: i64,
    ) -> io::Result<Result<BatchHeader, String>> {
        let header = match BatchHeader::parse(self.bytes(position, HEADER_LEN)?) {
            Ok(header) => header,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let have = self.end - position;
        if header.total_len() as u64 > have {
            let needed = header.total_len();
            return Ok(Err(format!(
                "record batch is cut off: {have} bytes of {needed}"
            )));
        }
        if let Some(reason) = self.misplaced(position, &header, expected)? {
            return Ok(Err(reason));
        }
        let bytes = self.bytes(position, header.total_len())?;
        let actual = crc32c(&bytes[ATTRIBUTES_AT..header.total_len()]);
        if actual != header.crc {
            let declared = header.crc;
            return Ok(Err(format!(
                "record batch has checksum {actual:08x} where its header says {declared:08x}"
            )));
        }
        Ok(Ok(header))
    }

    /// Why a batch cannot have been written here.
    fn misplaced(
        &mut self,
        position: u64,
        header: &BatchHeader,
        expected: i64,
    ) -> io::Result<Option<String>> {
        let (offset, epoch) = (header.base_offset, header.partition_leader_epoch);
        let gap = offset > expected && !self.is_compacted_before(position, header)?;
        if offset < expected || gap || header.last_offset_delta < 0 {
            return Ok(Some(format!(
                "record batch has offset {offset} where {expected} is expected"
            )));
        }
        if expected >= self.bounds.durable
            && !(self.epoch..=self.bounds.last_epoch).contains(&epoch)
        {
            return Ok(Some(format!(
                "record batch has leader epoch {epoch}, which never was"
            )));
        }
        Ok(None)
    }

    /// Whether the gap before a batch may be a compaction's work: what follows must go on from there.
    fn is_compacted_before(&mut self, position: u64, header: &BatchHeader) -> io::Result<bool> {
        let next = position + header.total_len() as u64;
        if next < self.end
            && let Ok(next) = BatchHeader::parse(self.bytes(next, HEADER_LEN)?)
        {
            return Ok(next.base_offset >= header.next_offset());
        }
        Ok(header.next_offset() <= self.bounds.next_base.unwrap_or(self.bounds.durable))
    }

    /// At least `needed` bytes from `position` on, fewer only at the file's end.
    fn bytes(&mut self, position: u64, needed: usize) -> io::Result<&[u8]> {
        let needed = usize::try_from(self.end.saturating_sub(position))
            .unwrap_or(usize::MAX)
            .min(needed);
        let buffer_end = self.buffer_at + self.buffer.len() as u64;
        if position < self.buffer_at || position + needed as u64 > buffer_end {
            let wanted = usize::try_from(self.end.saturating_sub(position))
                .unwrap_or(usize::MAX)
                .min(CHUNK.max(needed));
            self.buffer.resize(wanted, 0);
            let filled = read_up_to(self.file, &mut self.buffer, position)?;
            if filled < wanted {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer_at = position;
        }
        Ok(&self.buffer[(position - self.buffer_at) as usize..])
    }
}

/// Whether a batch might start here: cheap enough to ask of every byte.
fn is_plausible(bytes: &[u8], expected: i64) -> bool {
    let base_offset = bytes[BASE_OFFSET_AT..]
        .first_chunk()
        .map_or(-1, |field| i64::from_be_bytes(*field));
    bytes[MAGIC_AT].cast_signed() == MAGIC
        && base_offset >= expected
        && base_offset - expected < i64::from(i32::MAX)
}

/// Copies a range of `from` to the start of `to`.
pub(crate) fn copy_range(from: &File, range: Range<u64>, to: &dyn LogFile) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).unwrap_or(CHUNK).min(CHUNK);
        let read = read_up_to(from, &mut buffer[..wanted], at)?;
        if read == 0 {
            return Ok(());
        }
        to.write_at(&mut [IoSlice::new(&buffer[..read])], at - range.start)?;
        at += read as u64;
    }
    Ok(())
}
