//! The last segment of a log, which is appended to.

use std::io::IoSlice;
use std::sync::Arc;

use millrace_wire::batch::BatchHeader;

use super::Segment;
use crate::config::LogConfig;
use crate::error::StorageError;
use crate::index::{OffsetEntry, OffsetIndex, TimeEntry, TimeIndex};
use crate::scan::HeaderScan;

/// What only the writer knows of the active segment.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) segment: Arc<Segment>,
    /// Bytes appended since the last index entry.
    unindexed: u64,
    /// Largest timestamp of the first batch, from which `segment.ms` counts.
    first_timestamp: Option<i64>,
    created_ms: i64,
    largest: TimeEntry,
    /// Whether the indexes have their full length, which they get with the first append.
    preallocated: bool,
}

impl ActiveSegment {
    /// A segment that was just created.
    pub(crate) fn empty(segment: Arc<Segment>, now_ms: i64) -> Self {
        let largest = TimeEntry::none(segment.base_offset);
        Self {
            segment,
            unindexed: 0,
            first_timestamp: None,
            created_ms: now_ms,
            largest,
            preallocated: false,
        }
    }

    /// A segment that is there already, with its indexes as they are.
    pub(crate) fn reopen(segment: Arc<Segment>) -> Result<Self, StorageError> {
        let file = segment.file()?;
        let first = HeaderScan::new(file.file(), 0, segment.size())
            .next()
            .ok()
            .flatten();
        let last_entry = segment
            .offsets
            .last()?
            .map_or(0, |entry| u64::from(entry.position));
        Ok(Self {
            unindexed: segment.size().saturating_sub(last_entry),
            first_timestamp: first.map(|(_, header)| header.max_timestamp),
            created_ms: segment.modified_ms(),
            largest: segment.largest()?,
            preallocated: false,
            segment,
        })
    }

    /// Whether a batch has to go to the next segment.
    pub(crate) fn is_full_for(
        &self,
        header: &BatchHeader,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<bool, StorageError> {
        let size = self.segment.size();
        if size == 0 {
            return Ok(false);
        }
        Ok(
            size + header.total_len() as u64 > u64::from(config.segment_bytes)
                || self.is_old(header.max_timestamp, config, now_ms)
                || header.last_offset() - self.segment.base_offset > i64::from(i32::MAX)
                || self.segment.offsets.count()?
                    >= OffsetIndex::capacity(config.segment_index_bytes)
                || self.segment.times.count()? + 1
                    >= TimeIndex::capacity(config.segment_index_bytes),
        )
    }

    fn is_old(&self, timestamp: i64, config: &LogConfig, now_ms: i64) -> bool {
        let age = match self.first_timestamp.filter(|&first| first >= 0) {
            Some(first) => timestamp.saturating_sub(first),
            None => now_ms.saturating_sub(self.created_ms),
        };
        // The active segment is never compacted, so it must end before its records have to be.
        let longest = if config.compact {
            config.segment_ms.min(config.max_compaction_lag_ms)
        } else {
            config.segment_ms
        };
        age > longest
    }

    /// Writes a batch behind the last one, in one system call.
    pub(crate) fn append(
        &mut self,
        header: &BatchHeader,
        parts: &mut [IoSlice<'_>],
        config: &LogConfig,
    ) -> Result<(), StorageError> {
        if !self.preallocated {
            self.segment
                .offsets
                .preallocate(OffsetIndex::capacity(config.segment_index_bytes))?;
            self.segment
                .times
                .preallocate(TimeIndex::capacity(config.segment_index_bytes))?;
            self.preallocated = true;
        }
        let position = self.segment.size();
        let file = self.segment.file()?;
        let written = file
            .write_at(parts, position)
            .map_err(|source| StorageError::io("append to", &self.segment.path(), source))
            .and_then(|()| self.note(header, position, config));
        if let Err(error) = written {
            // What got there may be a whole batch. A later sync must not keep it: where the batch that takes its place
            // is lost in a crash, the refused one would be there instead.
            drop(file.set_len(position));
            return Err(error);
        }
        self.segment.set_size(position + header.total_len() as u64);
        Ok(())
    }

    /// Keeps times and indexes up to date with a batch that lies at `position`.
    pub(crate) fn note(
        &mut self,
        header: &BatchHeader,
        position: u64,
        config: &LogConfig,
    ) -> Result<(), StorageError> {
        self.first_timestamp.get_or_insert(header.max_timestamp);
        // Of a batch that compaction has emptied only the header is left, and its time is nobody's.
        if header.record_count > 0 && header.max_timestamp > self.largest.timestamp {
            self.largest = TimeEntry {
                timestamp: header.max_timestamp,
                offset: header.last_offset(),
            };
            self.segment.set_largest(self.largest);
        }
        if self.unindexed > u64::from(config.index_interval_bytes) {
            // A segment has less than 4 GiB: `segment.bytes` is 32 bits wide.
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            self.segment.offsets.append(OffsetEntry {
                offset: header.last_offset(),
                position,
            })?;
            self.segment.times.append_if_later(self.largest)?;
            self.unindexed = 0;
        }
        self.unindexed += header.total_len() as u64;
        Ok(())
    }

    /// Completes the indexes and cuts them to their entries: the segment will not grow any more, or
    /// not before it is reopened.
    pub(crate) fn seal(&mut self) -> Result<(), StorageError> {
        if self.segment.size() > 0 {
            self.segment.times.append_if_later(self.largest)?;
        }
        self.segment.offsets.trim()?;
        self.segment.times.trim()?;
        self.preallocated = false;
        Ok(())
    }

    /// Cuts the file to the whole batches, where a failed write left more.
    pub(crate) fn trim_file(&self) -> Result<(), StorageError> {
        let file = self.segment.file()?;
        let path = self.segment.path();
        let len = file
            .file()
            .metadata()
            .map_err(|source| StorageError::io("look at", &path, source))?
            .len();
        if len > self.segment.size() {
            file.set_len(self.segment.size())
                .map_err(|source| StorageError::io("resize", &path, source))?;
        }
        Ok(())
    }
}
