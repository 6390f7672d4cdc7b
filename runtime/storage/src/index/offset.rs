//! The offset index: where in the segment a batch starts.
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 4 | last offset of the batch, relative to the segment's base |
//! | 4 | 4 | position of the batch's first byte |
//!
//! A segment's first batch gets no entry, so a position of zero ends the index
//! (Kafka's `OffsetIndex`).

use std::ops::Deref;

use super::file::{Entry, IndexFile};
use crate::error::StorageError;
use crate::files::FileSlot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    /// Last offset of the batch.
    pub(crate) offset: i64,
    /// Where the batch starts in the segment.
    pub(crate) position: u32,
}

impl Entry for OffsetEntry {
    const SIZE: usize = 8;

    fn decode(bytes: &[u8], base_offset: i64) -> Option<Self> {
        let (relative, position) = (be32(bytes, 0), be32(bytes, 4));
        (position != 0).then(|| Self {
            offset: base_offset + i64::from(relative),
            position,
        })
    }

    fn encode(self, bytes: &mut [u8], base_offset: i64) {
        bytes[..4].copy_from_slice(&relative(self.offset, base_offset).to_be_bytes());
        bytes[4..8].copy_from_slice(&self.position.to_be_bytes());
    }
}

pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// An offset less the base; a segment rolls before this outgrows 31 bits.
pub(super) fn relative(offset: i64, base_offset: i64) -> u32 {
    let relative = u32::try_from(offset - base_offset);
    debug_assert!(
        relative.is_ok_and(|relative| i32::try_from(relative).is_ok()),
        "offset outside its segment"
    );
    relative.unwrap_or(0)
}

#[derive(Debug)]
pub(crate) struct OffsetIndex(IndexFile<OffsetEntry>);

impl OffsetIndex {
    pub(crate) fn new(slot: FileSlot, base_offset: i64) -> Self {
        Self(IndexFile::new(slot, base_offset))
    }

    /// Entries that a file of `bytes` holds.
    pub(crate) fn capacity(bytes: u32) -> u32 {
        bytes / OffsetEntry::SIZE as u32
    }

    /// A position at or before the batch that holds `offset`.
    pub(crate) fn position_before(&self, offset: i64) -> Result<u64, StorageError> {
        let entry = self.0.last_where(|entry| entry.offset <= offset)?;
        Ok(entry.map_or(0, |entry| u64::from(entry.position)))
    }

    /// The last indexed batch that starts at or before `position`: a boundary between batches.
    pub(crate) fn boundary_before(&self, position: u64) -> Result<Option<u64>, StorageError> {
        let entry = self
            .0
            .last_where(|entry| u64::from(entry.position) <= position)?;
        Ok(entry.map(|entry| u64::from(entry.position)))
    }

    /// Forgets batches at and behind `position`.
    pub(crate) fn truncate_to(&self, position: u64, capacity: u32) -> Result<(), StorageError> {
        self.0
            .truncate_where(capacity, |entry| u64::from(entry.position) < position)
    }
}

impl Deref for OffsetIndex {
    type Target = IndexFile<OffsetEntry>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::files::{Files, OsFiles};
    use crate::names::FileKind;

    fn index(dir: &std::path::Path) -> OffsetIndex {
        let files: Arc<dyn Files> = Arc::new(OsFiles);
        OffsetIndex::new(
            FileSlot::new(&files, &Arc::from(dir), 100, FileKind::OffsetIndex, ""),
            100,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn finds_the_entry_at_or_before(steps in prop::collection::vec((1u32..50, 1u32..9000), 0..400), probe in 0i64..20_000) {
            let dir = tempfile::tempdir().unwrap();
            let written = index(dir.path());
            written.create().unwrap();
            let mut entries = Vec::new();
            let (mut offset, mut position) = (100, 0);
            for (records, bytes) in steps {
                offset += i64::from(records);
                position += bytes;
                written.append(OffsetEntry { offset, position }).unwrap();
                entries.push(OffsetEntry { offset, position });
            }
            let expected = entries.iter().rev().find(|entry| entry.offset <= probe).map_or(0, |entry| u64::from(entry.position));
            prop_assert_eq!(written.position_before(probe).unwrap(), expected);
            // The preallocated file and the trimmed one read alike.
            let untrimmed = index(dir.path());
            prop_assert_eq!(untrimmed.count().unwrap() as usize, entries.len());
            written.trim().unwrap();
            let trimmed = index(dir.path());
            prop_assert_eq!(trimmed.position_before(probe).unwrap(), expected);
            prop_assert_eq!(trimmed.last().unwrap(), entries.last().copied());
        }
    }

    #[test]
    fn cuts_at_a_position() {
        let dir = tempfile::tempdir().unwrap();
        let index = index(dir.path());
        index.create().unwrap();
        for step in 1..=5 {
            index
                .append(OffsetEntry {
                    offset: 100 + i64::from(step),
                    position: step * 10,
                })
                .unwrap();
        }
        index.truncate_to(30, 10).unwrap();
        assert_eq!(
            index.last().unwrap(),
            Some(OffsetEntry {
                offset: 102,
                position: 20
            })
        );
        assert_eq!(index.boundary_before(15).unwrap(), Some(10));
        assert_eq!(index.boundary_before(9).unwrap(), None);
    }
}
