//! A compaction's output: one segment, as `.cleaned` files.

use std::io::{ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

use millrace_wire::batch::BatchHeader;

use super::{CompactionError, Pace};
use crate::config::LogConfig;
use crate::error::{IoContext, StorageError};
use crate::files::Files;
use crate::index::TimeEntry;
use crate::names::{self, CLEANED_SUFFIX, FileKind};
use crate::segment::{ActiveSegment, Segment};

/// Bytes written at a time.
const CHUNK: usize = 1 << 20;

/// A segment that waits to take the place of others.
#[derive(Debug)]
pub(crate) struct CleanedSegment {
    active: ActiveSegment,
    files: Arc<dyn Files>,
    dir: Arc<Path>,
    /// Batches that are not in the file yet; they end where the segment does.
    pending: Vec<u8>,
}

impl CleanedSegment {
    /// Creates the files, empty.
    pub(super) fn create(
        files: &Arc<dyn Files>,
        dir: &Arc<Path>,
        base_offset: i64,
        now_ms: i64,
    ) -> Result<Self, CompactionError> {
        let segment = Segment::with_suffix(files, dir, base_offset, CLEANED_SUFFIX);
        let segment = Arc::new(segment);
        segment.create(now_ms)?;
        Ok(Self {
            active: ActiveSegment::empty(segment, now_ms),
            files: Arc::clone(files),
            dir: Arc::clone(dir),
            pending: Vec::new(),
        })
    }

    pub(super) fn append(
        &mut self,
        header: &BatchHeader,
        bytes: &[u8],
        config: &LogConfig,
        pace: &Pace<'_>,
    ) -> Result<(), CompactionError> {
        let position = self.active.segment.size();
        let end = position + bytes.len() as u64;
        if i32::try_from(end).is_err() {
            let path = self.active.segment.path();
            return Err(CompactionError::TooLarge { path });
        }
        self.active.note(header, position, config)?;
        self.active.segment.set_size(end);
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            pace.spend(self.pending.len())?;
            self.write_pending()?;
        }
        Ok(())
    }

    fn write_pending(&mut self) -> Result<(), CompactionError> {
        let segment = &self.active.segment;
        let at = segment.size() - self.pending.len() as u64;
        segment
            .file()?
            .write_at(&mut [IoSlice::new(&self.pending)], at)
            .during("write", &segment.path())?;
        self.pending.clear();
        Ok(())
    }

    /// Completes and syncs the files.
    pub(super) fn finish(&mut self) -> Result<(), CompactionError> {
        self.write_pending()?;
        self.active.seal()?;
        for (path, file) in self.active.segment.all_files()? {
            file.sync().during("sync", &path)?;
        }
        self.active.segment.close();
        Ok(())
    }

    pub(crate) fn base_offset(&self) -> i64 {
        self.active.segment.base_offset
    }

    /// The segment as it is once its files have their final names.
    pub(crate) fn into_segment(self) -> Result<Arc<Segment>, StorageError> {
        let written = &self.active.segment;
        let largest: TimeEntry = written.largest()?;
        let segment = Segment::new(&self.files, &self.dir, written.base_offset);
        segment.set_size(written.size());
        segment.set_modified(written.modified_ms());
        segment.set_largest(largest);
        Ok(Arc::new(segment))
    }

    /// Takes the files back.
    pub(crate) fn discard(self) {
        self.active.segment.close();
        for kind in [FileKind::Log, FileKind::OffsetIndex, FileKind::TimeIndex] {
            let mut name = names::segment_file(self.base_offset(), kind);
            name.push_str(CLEANED_SUFFIX);
            let path = self.dir.join(name);
            match self.files.remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    log::warn!("cannot remove {}: {error}", path.display());
                }
                _ => {}
            }
        }
    }
}
