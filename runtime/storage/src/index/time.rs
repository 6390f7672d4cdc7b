//! The time index: up to which offset no later time than this occurs.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | largest timestamp of the segment so far, ms |
//! | 8 | 4 | last offset of the batch that holds it, relative to the segment's base |
//!
//! Timestamps grow strictly (Kafka's `TimeIndex`).

use std::ops::Deref;

use super::file::{Entry, IndexFile};
use super::offset::{be32, relative};
use crate::error::StorageError;
use crate::files::FileSlot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    /// Milliseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    /// Last offset of the batch with that time.
    pub(crate) offset: i64,
}

impl TimeEntry {
    /// What a segment without a timestamp has.
    pub(crate) fn none(base_offset: i64) -> Self {
        Self {
            timestamp: -1,
            offset: base_offset,
        }
    }
}

impl Entry for TimeEntry {
    const SIZE: usize = 12;

    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self> {
        let timestamp = i64::from(be32(bytes, 0).cast_signed()) << 32 | i64::from(be32(bytes, 4));
        let relative = be32(bytes, 8);
        (timestamp != 0 || relative != 0).then(|| Self {
            timestamp,
            offset: base_offset + i64::from(relative),
        })
    }

    fn encode(self, bytes: &mut [u8], base_offset: i64) {
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&relative(self.offset, base_offset).to_be_bytes());
    }
}

#[derive(Debug)]
pub(crate) struct TimeIndex(IndexFile<TimeEntry>);

impl TimeIndex {
    pub(crate) fn new(slot: FileSlot, base_offset: i64) -> Self {
        Self(IndexFile::new(slot, base_offset))
    }

    /// Entries that a file of `bytes` holds.
    pub(crate) fn capacity(bytes: u32) -> u32 {
        bytes / TimeEntry::SIZE as u32
    }

    /// Adds an entry where its time is later than the last one's.
    pub(crate) fn append_if_later(&self, entry: TimeEntry) -> Result<(), StorageError> {
        let later = match self.0.last()? {
            Some(last) => entry.timestamp > last.timestamp,
            // A zero entry would end the index.
            None => entry.timestamp > 0,
        };
        if later { self.0.append(entry) } else { Ok(()) }
    }

    /// An offset at or before which every record is older than `timestamp`, as far as is known.
    pub(crate) fn offset_before(&self, timestamp: i64) -> Result<Option<i64>, StorageError> {
        let entry = self.0.last_where(|entry| entry.timestamp <= timestamp)?;
        Ok(entry.map(|entry| entry.offset))
    }

    /// Forgets times of batches at and behind `offset`.
    pub(crate) fn truncate_to(&self, offset: i64, capacity: u32) -> Result<(), StorageError> {
        self.0
            .truncate_where(capacity, |entry| entry.offset < offset)
    }
}

impl Deref for TimeIndex {
    type Target = IndexFile<TimeEntry>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::files::{Files, OsFiles};
    use crate::names::FileKind;

    #[test]
    fn keeps_strictly_growing_times() {
        let dir = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(OsFiles);
        let index = TimeIndex::new(
            FileSlot::new(&files, &Arc::from(dir.path()), 7, FileKind::TimeIndex, ""),
            7,
        );
        index.create().unwrap();
        for (timestamp, offset) in [(1_000, 8), (1_000, 9), (900, 10), (i64::MAX, 11)] {
            index
                .append_if_later(TimeEntry { timestamp, offset })
                .unwrap();
        }
        assert_eq!(index.count().unwrap(), 2);
        assert_eq!(index.offset_before(999).unwrap(), None);
        assert_eq!(index.offset_before(1_000).unwrap(), Some(8));
        assert_eq!(
            index.last().unwrap(),
            Some(TimeEntry {
                timestamp: i64::MAX,
                offset: 11
            })
        );
        index.truncate_to(11, 16).unwrap();
        assert_eq!(
            index.last().unwrap(),
            Some(TimeEntry {
                timestamp: 1_000,
                offset: 8
            })
        );
    }
}
