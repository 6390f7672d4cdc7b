//! Reading as a range of a segment's file.

use std::sync::Arc;

use millrace_wire::batch::BatchHeader;
use millrace_wire::frame::FileRange;

use super::Log;
use super::position::Mark;
use crate::index::AbortedTransaction;
use crate::read_error::ReadError;
use crate::scan::HeaderScan;
use crate::segment::Segment;

/// Which records a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All below the high watermark.
    #[default]
    ReadUncommitted,
    /// All below the last stable offset.
    ReadCommitted,
}

/// What a read found.
#[derive(Debug, Clone)]
pub struct ReadRange {
    /// Whole batches, the first of which holds the offset; `None` where there is nothing to read yet,
    /// or the first batch does not fit.
    pub records: Option<FileRange>,
    /// First offset of the first batch, or the offset asked for.
    pub first_offset: i64,
    /// First offset behind the records; that of the first batch where they are none.
    pub next_offset: i64,
    /// The high watermark at the time of the read.
    pub high_watermark: i64,
    /// The last stable offset at the time of the read.
    pub last_stable_offset: i64,
    /// The log start offset at the time of the read.
    pub log_start_offset: i64,
    /// The aborted transactions with records in the range, for readers of committed records.
    pub aborted: Vec<AbortedTransaction>,
    /// Whether the range ends where its segment does, and the log goes on in the next: a reader need
    /// not wait for more bytes.
    pub ends_segment: bool,
}

impl ReadRange {
    /// Bytes of the records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.as_ref().map_or(0, |range| range.len)
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A batch found, and where readers have to stop in its segment.
struct Found {
    segment: Arc<Segment>,
    position: u64,
    header: BatchHeader,
    limit: u64,
}

impl Log {
    /// Finds what may be read from `offset` on: a range of one segment's file of at most `max_bytes`,
    /// ending between batches. With `min_one` the first batch is given even where it alone is larger.
    ///
    /// # Errors
    ///
    /// Where the offset is outside the log, the batch that holds it is damaged, or the disk fails.
    pub fn read(
        &self,
        offset: i64,
        max_bytes: usize,
        min_one: bool,
        isolation: Isolation,
    ) -> Result<ReadRange, ReadError> {
        self.check_usable()?;
        self.check_range(offset)?;
        let range = self.range_from(offset, max_bytes, min_one, isolation);
        // Retention may have taken the segment away meanwhile.
        range.or_else(|error| self.check_range(offset).and(Err(error)))
    }

    fn range_from(
        &self,
        offset: i64,
        max_bytes: usize,
        min_one: bool,
        isolation: Isolation,
    ) -> Result<ReadRange, ReadError> {
        let mut range = self.empty_range(offset);
        let upper = match isolation {
            Isolation::ReadUncommitted => range.high_watermark,
            Isolation::ReadCommitted => range.last_stable_offset,
        };
        if offset >= upper {
            return Ok(range);
        }
        let bound = self.bound(upper)?;
        let Some(found) = self.find(offset, &bound)? else {
            return Ok(range);
        };
        let (len, next_offset) = self.len_to_read(&found, &bound, max_bytes, min_one)?;
        range.first_offset = found.header.base_offset;
        range.next_offset = next_offset;
        range.ends_segment =
            found.position + len >= found.limit && found.segment.base_offset < bound.segment;
        if len > 0 && isolation == Isolation::ReadCommitted {
            range.aborted = self.aborted_between(&found, next_offset)?;
        }
        if len > 0 {
            let file = Arc::clone(found.segment.file()?.file());
            range.records = Some(FileRange {
                file,
                offset: found.position,
                len: len as usize,
            });
        }
        Ok(range)
    }

    /// The aborted transactions that have records from a batch on up to `end`; their markers may lie behind it.
    fn aborted_between(
        &self,
        found: &Found,
        end: i64,
    ) -> Result<Vec<AbortedTransaction>, ReadError> {
        let start = found.header.base_offset;
        let mut aborted = Vec::new();
        for segment in self.segment_list() {
            if segment.base_offset >= found.segment.base_offset {
                let entries = segment.transactions.entries(self.shared.files())?;
                let concerned = |entry: &&AbortedTransaction| {
                    entry.last_offset >= start && entry.first_offset < end
                };
                aborted.extend(entries.iter().filter(concerned));
            }
        }
        aborted.sort_unstable_by_key(|entry: &AbortedTransaction| entry.first_offset);
        Ok(aborted)
    }

    fn empty_range(&self, offset: i64) -> ReadRange {
        ReadRange {
            records: None,
            first_offset: offset,
            next_offset: offset,
            high_watermark: self.high_watermark(),
            last_stable_offset: self.last_stable_offset(),
            log_start_offset: self.log_start_offset(),
            aborted: Vec::new(),
            ends_segment: false,
        }
    }

    pub(super) fn check_range(&self, offset: i64) -> Result<(), ReadError> {
        let (start, end) = (self.log_start_offset(), self.log_end_offset());
        if (start..=end).contains(&offset) {
            return self.damages.check(offset);
        }
        Err(ReadError::OutOfRange { offset, start, end })
    }

    /// The byte at which readers of records below `upper` have to stop.
    pub(super) fn bound(&self, upper: i64) -> Result<Mark, ReadError> {
        let high_watermark = self.positions.high_watermark();
        if upper >= high_watermark.offset {
            return Ok(high_watermark);
        }
        Ok(match self.find(upper, &high_watermark)? {
            Some(found) => Mark {
                offset: upper,
                segment: found.segment.base_offset,
                position: found.position,
            },
            None => high_watermark,
        })
    }

    /// The first batch at or behind `offset`; a compacted segment may hold none.
    fn find(&self, offset: i64, bound: &Mark) -> Result<Option<Found>, ReadError> {
        let mut next = self
            .segment_at(offset)
            .or_else(|| self.segment_after(offset));
        while let Some(segment) = next {
            if segment.base_offset > bound.segment {
                return Ok(None);
            }
            let limit = bound.limit_in(&segment);
            if let Some((position, header)) = self.find_in(&segment, offset, limit)? {
                return Ok(Some(Found {
                    segment,
                    position,
                    header,
                    limit,
                }));
            }
            next = self.segment_after(segment.base_offset);
        }
        Ok(None)
    }

    fn find_in(
        &self,
        segment: &Segment,
        offset: i64,
        limit: u64,
    ) -> Result<Option<(u64, BatchHeader)>, ReadError> {
        segment.find(offset, limit, |start| {
            self.damages
                .start_behind(segment.base_offset, start, offset)
        })
    }

    /// The bytes to read, and the offset behind them.
    fn len_to_read(
        &self,
        found: &Found,
        bound: &Mark,
        max_bytes: usize,
        min_one: bool,
    ) -> Result<(u64, i64), ReadError> {
        let first_end = found.position + found.header.total_len() as u64;
        let damage = self
            .damages
            .next_in(found.segment.base_offset, found.position);
        let limit = damage
            .map_or(found.limit, |damage| damage.min(found.limit))
            .max(first_end);
        let wanted = found.position + max_bytes as u64;
        if wanted >= limit {
            return Ok((limit - found.position, self.offset_at_limit(found, bound)));
        }
        if wanted < first_end {
            return Ok(if min_one {
                (first_end - found.position, found.header.next_offset())
            } else {
                (0, found.header.base_offset)
            });
        }
        let (end, next_offset) = last_boundary(&found.segment, first_end, wanted, limit)?;
        let next_offset = next_offset.unwrap_or_else(|| self.offset_at_limit(found, bound));
        Ok((end - found.position, next_offset))
    }

    /// The offset at which readers of a segment have to stop.
    fn offset_at_limit(&self, found: &Found, bound: &Mark) -> i64 {
        let next = self.segment_after(found.segment.base_offset);
        next.map_or(bound.offset, |next| next.base_offset.min(bound.offset))
    }
}

/// The last position up to `wanted` at which a batch ends, from `first_end` on, where one does; and the offset of the
/// batch there, unless it is the limit.
fn last_boundary(
    segment: &Segment,
    first_end: u64,
    wanted: u64,
    limit: u64,
) -> Result<(u64, Option<i64>), ReadError> {
    let indexed = segment
        .offsets
        .boundary_before(wanted)?
        .filter(|&boundary| boundary < limit);
    let mut end = indexed.map_or(first_end, |boundary| boundary.max(first_end));
    let file = segment.file()?;
    let mut scan = HeaderScan::new(file.file(), end, limit);
    // A batch that does not parse ends the range before it; who asks for it hears why.
    while let Ok(Some((position, header))) = scan.next() {
        let batch_end = position + header.total_len() as u64;
        if batch_end > wanted {
            return Ok((end, Some(header.base_offset)));
        }
        end = batch_end;
    }
    Ok((end, None))
}
