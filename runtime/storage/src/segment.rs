//! A segment: one `.log` file of batches back to back, and its indexes.

mod active;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use millrace_wire::batch::BatchHeader;

pub(crate) use active::ActiveSegment;

use crate::error::StorageError;
use crate::files::{FileSlot, Files, LogFile, NamedFile};
use crate::index::{OffsetIndex, TimeEntry, TimeIndex, TransactionIndex};
use crate::names::FileKind;
use crate::read_error::ReadError;
use crate::scan::{HeaderScan, ScanError};

/// What readers and the writer share of a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    log: FileSlot,
    pub(crate) offsets: OffsetIndex,
    pub(crate) times: TimeIndex,
    pub(crate) transactions: TransactionIndex,
    /// Bytes of whole batches; the file may be longer after a failed write.
    size: AtomicU64,
    /// The largest timestamp and where it is, once it was asked for.
    largest: Mutex<Option<TimeEntry>>,
    /// Last modification, for segments whose records have no time.
    modified_ms: AtomicI64,
}

impl Segment {
    pub(crate) fn new(files: &Arc<dyn Files>, dir: &Arc<Path>, base_offset: i64) -> Self {
        Self::with_suffix(files, dir, base_offset, "")
    }

    /// A segment whose files' names go on with `suffix`.
    pub(crate) fn with_suffix(
        files: &Arc<dyn Files>,
        dir: &Arc<Path>,
        base_offset: i64,
        suffix: &'static str,
    ) -> Self {
        let slot = |kind| FileSlot::new(files, dir, base_offset, kind, suffix);
        Self {
            base_offset,
            log: slot(FileKind::Log),
            offsets: OffsetIndex::new(slot(FileKind::OffsetIndex), base_offset),
            times: TimeIndex::new(slot(FileKind::TimeIndex), base_offset),
            transactions: TransactionIndex::new(slot(FileKind::TxnIndex)),
            size: AtomicU64::new(0),
            largest: Mutex::new(None),
            modified_ms: AtomicI64::new(0),
        }
    }

    /// Creates the three files, empty.
    pub(crate) fn create(&self, now_ms: i64) -> Result<(), StorageError> {
        self.log.create()?;
        self.create_indexes()?;
        self.set_largest(TimeEntry::none(self.base_offset));
        self.set_modified(now_ms);
        Ok(())
    }

    /// Creates both indexes, empty, in place of what is there.
    pub(crate) fn create_indexes(&self) -> Result<(), StorageError> {
        self.offsets.create()?;
        self.times.create()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.log.path()
    }

    pub(crate) fn file(&self) -> Result<Arc<dyn LogFile>, StorageError> {
        self.log.get()
    }

    /// All files of the segment, open.
    pub(crate) fn all_files(&self) -> Result<[NamedFile; 3], StorageError> {
        let open = |slot: &FileSlot| Ok::<_, StorageError>((slot.path(), slot.get()?));
        Ok([
            open(&self.log)?,
            open(self.offsets.slot())?,
            open(self.times.slot())?,
        ])
    }

    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    pub(crate) fn modified_ms(&self) -> i64 {
        self.modified_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_modified(&self, now_ms: i64) {
        self.modified_ms.store(now_ms, Ordering::Relaxed);
    }

    /// The largest timestamp, from memory or from the time index, whose last entry holds it once the
    /// segment was sealed. -1 where there is none.
    pub(crate) fn largest(&self) -> Result<TimeEntry, StorageError> {
        let mut largest = self.largest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *largest {
            return Ok(known);
        }
        let found = self
            .times
            .last()?
            .unwrap_or(TimeEntry::none(self.base_offset));
        *largest = Some(found);
        Ok(found)
    }

    pub(crate) fn set_largest(&self, entry: TimeEntry) {
        *self.largest.lock().unwrap_or_else(PoisonError::into_inner) = Some(entry);
    }

    /// Position and header of the first batch that ends at or behind `offset`, looked for up to `end`.
    /// `start` may move the position from which the walk begins.
    pub(crate) fn find(
        &self,
        offset: i64,
        end: u64,
        start: impl FnOnce(u64) -> u64,
    ) -> Result<Option<(u64, BatchHeader)>, ReadError> {
        let indexed = self.offsets.position_before(offset)?;
        // An index that leads astray costs a walk from the start.
        let start = start(if indexed < end { indexed } else { 0 });
        let file = self.file()?;
        let mut scan = HeaderScan::new(file.file(), start, end);
        while let Some((position, header)) = scan
            .next()
            .map_err(|error| self.read_error(offset, error))?
        {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }

    pub(crate) fn read_error(&self, offset: i64, error: ScanError) -> ReadError {
        let path = self.path();
        match error {
            ScanError::Io(source) => StorageError::io("read", &path, source).into(),
            ScanError::Malformed { position, error } => ReadError::Corrupt {
                path,
                position,
                offset,
                reason: error.to_string(),
            },
        }
    }

    /// Keeps the files open, whatever becomes of their names.
    pub(crate) fn pin(&self) -> Result<(), StorageError> {
        self.log.pin()?;
        self.offsets.slot().pin()?;
        self.times.slot().pin()
    }

    /// Closes files that nothing used since the last call.
    pub(crate) fn release_idle(&self) {
        self.log.release_if_idle();
        self.offsets.slot().release_if_idle();
        self.times.slot().release_if_idle();
    }

    pub(crate) fn close(&self) {
        self.log.close();
        self.offsets.slot().close();
        self.times.slot().close();
    }
}
