//! What compaction asks of a log, and how its output takes the place of the segments it was made of.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Log, NEVER_COMPACTED, Removed};
use crate::compaction::{CleanedSegment, CompactionError, Plan};
use crate::error::{IoContext, StorageError};
use crate::names::{self, CLEANED_SUFFIX, FileKind, SWAP_SUFFIX};
use crate::producer::LastRecord;
use crate::segment::Segment;

/// The indexes of a segment, which get their names before the log does: as long as there is a
/// `.log.swap`, a start completes the replacement.
const INDEXES: [FileKind; 2] = [FileKind::OffsetIndex, FileKind::TimeIndex];

impl Log {
    /// Offset below which the log is compacted; `None` where it never was.
    pub(crate) fn compacted_offset(&self) -> Option<i64> {
        Some(self.compacted.load(Ordering::Acquire)).filter(|&offset| offset != NEVER_COMPACTED)
    }

    /// Notes that the log is compacted up to `offset`, or has gaps at all.
    pub(crate) fn note_compaction(&self, offset: i64) {
        self.compacted.store(offset, Ordering::Release);
    }

    /// Gives compaction up until the next start.
    pub(crate) fn set_uncleanable(&self) {
        self.uncleanable.store(true, Ordering::Relaxed);
    }

    /// What may be compacted now; `None` where that is nothing.
    ///
    /// # Errors
    ///
    /// Where an index cannot be read.
    pub(crate) fn compaction_plan(&self, now_ms: i64) -> Result<Option<Plan>, StorageError> {
        if self.uncleanable.load(Ordering::Relaxed) || self.check_usable().is_err() {
            return Ok(None);
        }
        let mut segments = self.segment_list();
        let first_dirty = self.first_dirty(&segments);
        let bound = self.compaction_bound(&segments, first_dirty, now_ms)?;
        let next_bases: Vec<i64> = segments
            .iter()
            .skip(1)
            .map(|segment| segment.base_offset)
            .collect();
        let count = next_bases.partition_point(|&next_base| next_base <= bound);
        segments.truncate(count);
        let Some(&end) = next_bases[..count].last() else {
            return Ok(None);
        };
        let is_damaged = |segment: &Arc<Segment>| self.damages.is_in(segment.base_offset);
        if end <= first_dirty || segments.iter().any(is_damaged) {
            return Ok(None);
        }
        Ok(Some(Plan {
            segments,
            first_dirty,
            end,
        }))
    }

    /// Where the compacted part ends. A checkpoint that lies outside the log is another log's.
    fn first_dirty(&self, segments: &[Arc<Segment>]) -> i64 {
        let start = segments.first().map_or(0, |first| first.base_offset);
        let active = segments.last().map_or(0, |active| active.base_offset);
        self.compacted_offset()
            .filter(|offset| (start..=active).contains(offset))
            .unwrap_or(start)
    }

    /// The offset that no compacted segment may pass.
    fn compaction_bound(
        &self,
        segments: &[Arc<Segment>],
        first_dirty: i64,
        now_ms: i64,
    ) -> Result<i64, StorageError> {
        // Readers find the byte of the high watermark in the segment it names.
        let high_watermark = self.positions.high_watermark();
        let mut bound = self
            .last_stable_offset()
            .min(self.durable_offset())
            .min(high_watermark.segment);
        let lag_ms = self.config().min_compaction_lag_ms;
        if lag_ms > 0 {
            let youngest = now_ms.saturating_sub(lag_ms);
            for (index, segment) in segments.iter().enumerate() {
                let is_dirty = segments
                    .get(index + 1)
                    .is_some_and(|next| next.base_offset > first_dirty);
                if is_dirty && segment.largest()?.timestamp > youngest {
                    bound = bound.min(segment.base_offset);
                    break;
                }
            }
        }
        Ok(bound)
    }

    /// The segments from the one that begins at `offset` on, with the bytes of each that lie below the
    /// high watermark.
    pub(crate) fn readable_from(&self, offset: i64) -> Vec<(Arc<Segment>, u64)> {
        let bound = self.positions.high_watermark();
        self.segment_list()
            .into_iter()
            .filter(|segment| segment.base_offset >= offset)
            .map(|segment| {
                let limit = bound.limit_in(&segment);
                (segment, limit)
            })
            .collect()
    }

    /// The last record of each producer that the log remembers.
    pub(crate) fn last_records(&self) -> HashMap<i64, LastRecord> {
        self.lock_writer().producers.last_records()
    }

    /// Puts a compaction's output in the place of the segments it was made of. Gives the files that are
    /// to be removed, and the bytes of the new segment.
    ///
    /// A crash at any moment leaves either the old segments or what a start makes the new one of.
    ///
    /// # Errors
    ///
    /// Where the segments are not there any more, or a file cannot be renamed: past the point of no
    /// return that takes the directory offline.
    pub(crate) fn replace_segments(
        &self,
        old: &[Arc<Segment>],
        cleaned: CleanedSegment,
        now_ms: i64,
    ) -> Result<(Removed, u64), CompactionError> {
        let _structure = self.lock_structure();
        let ready = self
            .check_replaceable(old)
            .and_then(|()| Ok(old.iter().try_for_each(|segment| segment.pin())?));
        if let Err(error) = ready {
            cleaned.discard();
            return Err(error);
        }
        let base_offset = cleaned.base_offset();
        if let Err(error) = self.rename_cleaned(base_offset) {
            self.discard_swap(base_offset);
            cleaned.discard();
            return Err(error.into());
        }
        let replaced = self
            .take_place(old, base_offset)
            .and_then(|removed| Ok((removed, cleaned.into_segment()?)));
        let (paths, segment) = replaced.map_err(|error| self.shared.fail(&error))?;
        let size = segment.size();
        self.exchange(old, segment);
        let due_ms = now_ms.saturating_add(self.config().file_delete_delay_ms);
        Ok((Removed { paths, due_ms }, size))
    }

    fn check_replaceable(&self, old: &[Arc<Segment>]) -> Result<(), CompactionError> {
        self.check_usable()?;
        let segments = self.segment_list();
        let first = segments
            .iter()
            .position(|segment| old.first().is_some_and(|first| Arc::ptr_eq(first, segment)));
        let there = first.and_then(|first| segments.get(first..first + old.len()));
        let same = there.is_some_and(|there| {
            there
                .iter()
                .zip(old)
                .all(|(one, other)| Arc::ptr_eq(one, other))
        });
        let has_active = first.is_some_and(|first| first + old.len() >= segments.len());
        if same && !has_active {
            Ok(())
        } else {
            Err(CompactionError::Changed)
        }
    }

    /// From `.cleaned` to `.swap`, the log last: that it is there says that all the others are.
    fn rename_cleaned(&self, base_offset: i64) -> Result<(), StorageError> {
        for kind in INDEXES.into_iter().chain([FileKind::Log]) {
            self.rename_file(base_offset, kind, CLEANED_SUFFIX, SWAP_SUFFIX)?;
        }
        self.sync_names()
    }

    /// Takes back what [`Log::rename_cleaned`] did half-way.
    fn discard_swap(&self, base_offset: i64) {
        // The log first, as long as the rest is there.
        for kind in [FileKind::Log].into_iter().chain(INDEXES) {
            let mut name = names::segment_file(base_offset, kind);
            name.push_str(SWAP_SUFFIX);
            let path = self.path_of(&name);
            match self.shared.files().remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    log::warn!("cannot remove {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }

    /// Marks the old segments' files deleted and gives the new ones their names, the log's last.
    fn take_place(
        &self,
        old: &[Arc<Segment>],
        base_offset: i64,
    ) -> Result<Vec<PathBuf>, StorageError> {
        let mut removed = Vec::new();
        for segment in old {
            let base = segment.base_offset;
            // No transaction of what was compacted is aborted any more: its records are gone.
            removed.extend(self.mark_deleted(base, FileKind::TxnIndex)?);
            if base == base_offset {
                continue;
            }
            for kind in [FileKind::Log, FileKind::Snapshot]
                .into_iter()
                .chain(INDEXES)
            {
                removed.extend(self.mark_deleted(base, kind)?);
            }
        }
        for kind in INDEXES {
            self.rename_file(base_offset, kind, SWAP_SUFFIX, "")?;
        }
        self.sync_names()?;
        self.rename_file(base_offset, FileKind::Log, SWAP_SUFFIX, "")?;
        self.sync_names()?;
        Ok(removed)
    }

    fn rename_file(
        &self,
        base_offset: i64,
        kind: FileKind,
        from: &str,
        to: &str,
    ) -> Result<(), StorageError> {
        let name = names::segment_file(base_offset, kind);
        let from = self.path_of(&format!("{name}{from}"));
        let to = self.path_of(&format!("{name}{to}"));
        self.shared
            .files()
            .rename(&from, &to)
            .during("rename", &from)
    }

    fn sync_names(&self) -> Result<(), StorageError> {
        self.shared
            .files()
            .sync_dir(&self.dir)
            .during("sync directory", &self.dir)
    }

    fn exchange(&self, old: &[Arc<Segment>], segment: Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let first = segments.partition_point(|known| known.base_offset < segment.base_offset);
        segments.splice(first..first + old.len(), [segment]);
    }
}
