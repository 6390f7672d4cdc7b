//! Letting go of old segments, and raising the log start offset.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::{Log, Writer};
use crate::config::LogConfig;
use crate::error::{IoContext, StorageError};
use crate::names::{self, DELETED_SUFFIX, FileKind};
use crate::read_error::ReadError;
use crate::segment::Segment;

/// Files that were renamed and may be removed once `due_ms` has come.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) due_ms: i64,
}

impl Log {
    /// Lets go of the segments that the settings do not keep: those below the log start offset, the
    /// oldest ones above `retention.bytes`, and those older than `retention.ms`. The files are renamed.
    ///
    /// # Errors
    ///
    /// Where a file cannot be renamed or a next segment not be created.
    pub(crate) fn apply_retention(&self, now_ms: i64) -> Result<Option<Removed>, StorageError> {
        let config = self.config();
        if self.check_usable().is_err() {
            return Ok(None);
        }
        let _structure = self.lock_structure();
        let mut writer = self.lock_writer();
        let segments = self.segment_list();
        let expired = self.expired(&segments, &config, now_ms)?;
        if expired == 0 {
            return Ok(None);
        }
        if expired == segments.len() {
            self.roll(&mut writer, now_ms)?;
        }
        drop(writer);
        // The segment that comes first then is on the disk before the others go, and so is what its snapshot knows of
        // their producers.
        self.flush().map_err(|error| {
            if error.is_shortage() {
                error
            } else {
                self.shared.fail(&error)
            }
        })?;
        let mut writer = self.lock_writer();
        let expired = expired.min(self.segment_list().len() - 1);
        let removed = self.drop_oldest(&mut writer, expired)?;
        drop(writer);
        self.listeners.notify(self);
        Ok(Some(Removed {
            paths: removed,
            due_ms: now_ms.saturating_add(config.file_delete_delay_ms),
        }))
    }

    /// Raises the log start offset, as DeleteRecords asks; -1 stands for the high watermark. The
    /// segments below it go with the next retention pass. Gives the new log start offset.
    ///
    /// # Errors
    ///
    /// Where the offset is above the high watermark.
    pub fn delete_records(&self, offset: i64) -> Result<i64, ReadError> {
        self.check_usable()?;
        let high_watermark = self.high_watermark();
        let offset = if offset == -1 { high_watermark } else { offset };
        if !(0..=high_watermark).contains(&offset) {
            return Err(ReadError::OutOfRange {
                offset,
                start: self.log_start_offset(),
                end: high_watermark,
            });
        }
        if self.positions.raise_start(offset) {
            let mut writer = self.lock_writer();
            writer.unsynced.epochs |= writer.epochs.truncate_start(offset);
            drop(writer);
            self.shared.queue().request_checkpoint();
            self.listeners.notify(self);
        }
        Ok(self.log_start_offset())
    }

    /// How many of the oldest segments are to go; all of them only where they hold records.
    fn expired(
        &self,
        segments: &[Arc<Segment>],
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<usize, StorageError> {
        let (start, high_watermark) = (self.log_start_offset(), self.high_watermark());
        let total: u64 = segments.iter().map(|segment| segment.size()).sum();
        let mut excess = match u64::try_from(config.retention_bytes) {
            Ok(limit) if config.delete => total.saturating_sub(limit),
            _ => 0,
        };
        let mut count = 0;
        for (index, segment) in segments.iter().enumerate() {
            let next_base = segments
                .get(index + 1)
                .map_or(self.log_end_offset(), |next| next.base_offset);
            let size = segment.size();
            let active = index + 1 == segments.len();
            if next_base > high_watermark || active && size == 0 {
                break;
            }
            let below_start = next_base <= start && !active;
            let too_much = size > 0 && excess >= size;
            if !(below_start || too_much || config.delete && is_old(segment, config, now_ms)?) {
                break;
            }
            excess = excess.saturating_sub(size);
            count += 1;
        }
        Ok(count)
    }

    fn drop_oldest(&self, writer: &mut Writer, count: usize) -> Result<Vec<PathBuf>, StorageError> {
        let (gone, start) = {
            let mut segments = self
                .segments
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let gone: Vec<_> = segments.drain(..count).collect();
            (gone, segments[0].base_offset)
        };
        self.positions.raise_start(start);
        writer.unsynced.epochs |= writer.epochs.truncate_start(start);
        self.damages.retain(|damage| damage.end_offset > start);
        let mut removed = Vec::new();
        for segment in gone {
            for kind in [
                FileKind::Log,
                FileKind::OffsetIndex,
                FileKind::TimeIndex,
                FileKind::Snapshot,
                FileKind::TxnIndex,
            ] {
                removed.extend(self.mark_deleted(segment.base_offset, kind)?);
            }
        }
        Ok(removed)
    }

    /// Renames one file of a segment, where it is there.
    pub(super) fn mark_deleted(
        &self,
        base_offset: i64,
        kind: FileKind,
    ) -> Result<Option<PathBuf>, StorageError> {
        let path = self.path_of(&names::segment_file(base_offset, kind));
        let mut deleted = path.clone().into_os_string();
        deleted.push(DELETED_SUFFIX);
        let deleted = PathBuf::from(deleted);
        match self.shared.files().rename(&path, &deleted) {
            Ok(()) => Ok(Some(deleted)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).during("rename", &path),
        }
    }
}

fn is_old(segment: &Segment, config: &LogConfig, now_ms: i64) -> Result<bool, StorageError> {
    if config.retention_ms < 0 || segment.size() == 0 {
        return Ok(false);
    }
    let newest = match segment.largest()?.timestamp {
        timestamp if timestamp >= 0 => timestamp,
        _ => segment.modified_ms(),
    };
    Ok(now_ms.saturating_sub(newest) > config.retention_ms)
}
