//! Cutting the log's end off.

use std::sync::{Arc, PoisonError};

use super::load::replay_producers;
use super::position::Mark;
use super::{Log, Writer};
use crate::error::{IoContext, StorageError};
use crate::index::{OffsetIndex, TimeIndex};
use crate::names::{self, FileKind};
use crate::read_error::ReadError;
use crate::segment::{ActiveSegment, Segment};

impl Log {
    /// Removes every batch that ends at or behind `offset`; where a batch holds the offset in its
    /// middle, the whole batch goes. Gives the new log end offset. Waits for the disk.
    ///
    /// # Errors
    ///
    /// Where the offset is below the log start offset, or the disk fails; the directory is offline
    /// after the latter.
    pub fn truncate_to(&self, offset: i64) -> Result<i64, ReadError> {
        self.check_usable()?;
        let structure = self.lock_structure();
        let flushing = self.pause_flushing();
        let mut writer = self.lock_writer();
        let (start, end) = (self.log_start_offset(), writer.next_offset);
        if offset >= end {
            return Ok(end);
        }
        if offset < start {
            return Err(ReadError::OutOfRange { offset, start, end });
        }
        let new_end = match self.cut(&mut writer, offset) {
            Ok(new_end) => new_end,
            Err(ReadError::Storage(error)) => return Err(self.shared.fail(&error).into()),
            Err(error) => return Err(error),
        };
        drop((writer, flushing, structure));
        self.fail_waiters_above(new_end, &StorageError::Truncated(self.name()));
        self.listeners.notify(self);
        Ok(new_end)
    }

    fn cut(&self, writer: &mut Writer, offset: i64) -> Result<i64, ReadError> {
        let config = self.config();
        let mut segments = self.segment_list();
        while segments.len() > 1
            && segments
                .last()
                .is_some_and(|last| last.base_offset >= offset)
        {
            if let Some(last) = segments.pop() {
                self.remove_segment(&last)?;
            }
        }
        let active = Arc::clone(segments.last().unwrap_or(&writer.active.segment));
        let (position, new_end) = match active.find(offset, active.size(), |start| start)? {
            Some((position, header)) => (
                position,
                header.base_offset.min(offset).max(active.base_offset),
            ),
            None => (active.size(), offset),
        };
        self.cut_segment(&active, position, new_end, &config)?;
        *self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner) = segments.clone();
        self.damages.retain(|damage| damage.end_offset <= new_end);
        writer.active = ActiveSegment::reopen(Arc::clone(&active))?;
        writer.next_offset = new_end;
        writer.changed = true;
        writer.unsynced = super::Unsynced::default();
        writer.unsynced.epochs = writer.epochs.truncate_end(new_end);
        writer.producers = replay_producers(
            self.shared.files(),
            &self.dir,
            &segments,
            new_end,
            &self.damages,
        )?;
        self.positions
            .set_first_open(writer.producers.first_open_transaction());
        self.positions.cut(Mark::at_end(new_end, &active));
        Ok(new_end)
    }

    fn cut_segment(
        &self,
        segment: &Segment,
        position: u64,
        end: i64,
        config: &crate::config::LogConfig,
    ) -> Result<(), StorageError> {
        let path = segment.path();
        let file = segment.file()?;
        file.set_len(position).during("truncate", &path)?;
        file.sync().during("sync", &path)?;
        segment.set_size(position);
        segment
            .offsets
            .truncate_to(position, OffsetIndex::capacity(config.segment_index_bytes))?;
        segment
            .times
            .truncate_to(end, TimeIndex::capacity(config.segment_index_bytes))?;
        let largest = segment
            .times
            .last()?
            .unwrap_or(crate::index::TimeEntry::none(segment.base_offset));
        segment.set_largest(largest);
        Ok(())
    }

    fn remove_segment(&self, segment: &Segment) -> Result<(), StorageError> {
        segment.close();
        for kind in [
            FileKind::Log,
            FileKind::OffsetIndex,
            FileKind::TimeIndex,
            FileKind::Snapshot,
            FileKind::TxnIndex,
        ] {
            let path = self.path_of(&names::segment_file(segment.base_offset, kind));
            match self.shared.files().remove(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StorageError::io("remove", &path, error));
                }
                _ => {}
            }
        }
        self.shared
            .files()
            .sync_dir(&self.dir)
            .during("sync directory", &self.dir)
    }
}
