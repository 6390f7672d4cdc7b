//! The batches of a segment from front to back, with every check that a consumer would make.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchError};
use millrace_wire::pool::Pool;

use super::{CompactionError, Pace};
use crate::error::IoContext;
use crate::files::LogFile;
use crate::scan::read_up_to;
use crate::segment::Segment;

/// Bytes read at a time; a larger batch is read whole.
const CHUNK: usize = 1 << 20;

pub(super) struct SegmentReader<'a> {
    segment: &'a Segment,
    file: Arc<dyn LogFile>,
    pace: &'a Pace<'a>,
    /// Where `rest` starts in the file.
    position: u64,
    end: u64,
    /// The least that the next batch's base offset may be, and where the segment's offsets end: neither
    /// is under a batch's checksum.
    next_offset: i64,
    end_offset: i64,
    /// What was read and not given out yet.
    rest: Bytes,
}

impl<'a> SegmentReader<'a> {
    /// `end_offset` is where the next segment starts.
    pub(super) fn new(
        segment: &'a Segment,
        end_offset: i64,
        pace: &'a Pace<'a>,
    ) -> Result<Self, CompactionError> {
        Ok(Self {
            file: segment.file()?,
            segment,
            pace,
            position: 0,
            end: segment.size(),
            next_offset: segment.base_offset,
            end_offset,
            rest: Bytes::new(),
        })
    }

    /// The next batch; `None` at the segment's end.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, CompactionError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let batch = loop {
            match Batch::parse(&self.rest) {
                Ok(batch) => break batch,
                Err(BatchError::Truncated { needed, .. }) if self.has_more(needed) => {
                    self.read(needed)?;
                }
                Err(error) => return Err(self.corrupt(&error)),
            }
        };
        if let Err(error) = batch.check_crc() {
            return Err(self.corrupt(&error));
        }
        let (base, next) = (batch.header().base_offset, batch.header().next_offset());
        if base < self.next_offset || next <= base || next > self.end_offset {
            return Err(self.corrupt(&format_args!(
                "record batch has offsets {base} to {next} where {} to {} are expected",
                self.next_offset, self.end_offset
            )));
        }
        self.next_offset = next;
        self.position += batch.bytes().len() as u64;
        self.rest = self.rest.slice(batch.bytes().len()..);
        Ok(Some(batch))
    }

    /// What is wrong with the batch that was given out last.
    pub(super) fn undecodable(&self, batch: &Batch, error: &BatchError) -> CompactionError {
        CompactionError::Corrupt {
            path: self.segment.path(),
            position: self.position - batch.bytes().len() as u64,
            reason: error.to_string(),
        }
    }

    fn has_more(&self, needed: usize) -> bool {
        self.rest.len() < needed && self.position + needed as u64 <= self.end
    }

    fn read(&mut self, needed: usize) -> Result<(), CompactionError> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = needed.max(CHUNK).min(left);
        self.pace.spend(wanted)?;
        let mut buffer = Pool::global().take(wanted);
        buffer.resize(wanted);
        let read = read_up_to(self.file.file(), &mut buffer, self.position)
            .during("read", &self.segment.path())?;
        if read < needed {
            return Err(CompactionError::Corrupt {
                path: self.segment.path(),
                position: self.position,
                reason: "the file has become shorter".to_owned(),
            });
        }
        buffer.truncate(read);
        self.rest = buffer.freeze();
        Ok(())
    }

    fn corrupt(&self, reason: &dyn Display) -> CompactionError {
        CompactionError::Corrupt {
            path: self.segment.path(),
            position: self.position,
            reason: reason.to_string(),
        }
    }
}
