//! Offsets by time.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use millrace_wire::batch::{Batch, BatchHeader};
use millrace_wire::pool::Pool;

use super::position::Mark;
use super::{Isolation, Log};
use crate::error::StorageError;
use crate::read_error::ReadError;
use crate::scan::HeaderScan;
use crate::segment::Segment;

/// What the records of one batch may expand to while one of them is looked for.
const EXPANSION_LIMIT: usize = 256 << 20;

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// The record's offset.
    pub offset: i64,
    /// Its own time, ms.
    pub timestamp: i64,
    /// The leader epoch that its batch was written under.
    pub leader_epoch: i32,
}

impl Log {
    /// The first record, in the order of offsets, with a time of at least `timestamp` that a reader
    /// may see. Decodes one batch.
    ///
    /// # Errors
    ///
    /// Where the batch that holds it is damaged, or the disk fails.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
        isolation: Isolation,
    ) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        self.check_usable()?;
        let (start, bound) = self.visible(isolation)?;
        for segment in self.segment_list() {
            if segment.base_offset > bound.segment {
                break;
            }
            if segment.largest()?.timestamp >= timestamp
                && let Some(found) = self.at_or_after(&segment, timestamp, start, &bound)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the largest time of all that a reader may see. Decodes one batch.
    ///
    /// # Errors
    ///
    /// Where the batch that holds it is damaged, or the disk fails.
    pub fn offset_of_max_timestamp(
        &self,
        isolation: Isolation,
    ) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        self.check_usable()?;
        let (start, bound) = self.visible(isolation)?;
        let mut largest: Option<(i64, Arc<Segment>)> = None;
        for segment in self.segment_list() {
            let timestamp = segment.largest()?.timestamp;
            if segment.size() > 0 && largest.as_ref().is_none_or(|(known, _)| timestamp > *known) {
                largest = Some((timestamp, segment));
            }
        }
        match largest {
            Some((timestamp, segment)) if segment.base_offset <= bound.segment => {
                self.at_or_after(&segment, timestamp, start, &bound)
            }
            _ => Ok(None),
        }
    }

    /// What a reader may see: from which offset, and up to where.
    fn visible(&self, isolation: Isolation) -> Result<(i64, Mark), ReadError> {
        let upper = match isolation {
            Isolation::ReadUncommitted => self.high_watermark(),
            Isolation::ReadCommitted => self.last_stable_offset(),
        };
        Ok((self.log_start_offset(), self.bound(upper)?))
    }

    fn at_or_after(
        &self,
        segment: &Segment,
        timestamp: i64,
        start: i64,
        bound: &Mark,
    ) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        let limit = bound.limit_in(segment);
        let from = segment
            .times
            .offset_before(timestamp)?
            .unwrap_or(segment.base_offset)
            .max(start);
        let position = segment.offsets.position_before(from)?;
        let file = segment.file()?;
        for bytes in self
            .damages
            .intact(segment.base_offset, position.min(limit)..limit)
        {
            let mut scan = HeaderScan::new(file.file(), bytes.start, bytes.end);
            let failed = |error| segment.read_error(from, error);
            while let Some((position, header)) = scan.next().map_err(failed)? {
                if header.max_timestamp >= timestamp
                    && header.last_offset() >= start
                    && let Some(found) = record_in(segment, position, &header, timestamp, start)?
                {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }
}

/// The first record of a batch with a time of at least `timestamp`.
fn record_in(
    segment: &Segment,
    position: u64,
    header: &BatchHeader,
    timestamp: i64,
    start: i64,
) -> Result<Option<OffsetAndTimestamp>, ReadError> {
    let path = segment.path();
    let mut bytes = vec![0; header.total_len()];
    let file = segment.file()?;
    file.file()
        .read_exact_at(&mut bytes, position)
        .map_err(|source| StorageError::io("read", &path, source))?;
    let decoded = Batch::parse(&Bytes::from(bytes))
        .and_then(|batch| batch.check_crc().map(|()| batch))
        .and_then(|batch| batch.decode(EXPANSION_LIMIT, Pool::global()))
        .map_err(|error| ReadError::Corrupt {
            path,
            position,
            offset: header.base_offset,
            reason: error.to_string(),
        })?;
    let found = decoded
        .rows
        .iter()
        .find(|row| row.timestamp >= timestamp && row.offset >= start);
    Ok(found.map(|row| OffsetAndTimestamp {
        offset: row.offset,
        timestamp: row.timestamp,
        leader_epoch: header.partition_leader_epoch,
    }))
}
