//! A file that is opened when it is needed and closed when it was not used for a while, so that idle
//! partitions and old segments cost no descriptors.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Files, LogFile};
use crate::error::{IoContext, StorageError};
use crate::names::{self, FileKind};

/// One of a segment's files.
pub(crate) struct FileSlot {
    files: Arc<dyn Files>,
    dir: Arc<std::path::Path>,
    base_offset: i64,
    kind: FileKind,
    /// What the name has behind that of a segment's file; empty for one that is in its place.
    suffix: &'static str,
    used: AtomicBool,
    /// Whether the file stays open for good: its name has gone, or belongs to another file.
    pinned: AtomicBool,
    open: Mutex<Option<Arc<dyn LogFile>>>,
}

impl FileSlot {
    pub(crate) fn new(
        files: &Arc<dyn Files>,
        dir: &Arc<std::path::Path>,
        base_offset: i64,
        kind: FileKind,
        suffix: &'static str,
    ) -> Self {
        Self {
            files: Arc::clone(files),
            dir: Arc::clone(dir),
            base_offset,
            kind,
            suffix,
            used: AtomicBool::new(false),
            pinned: AtomicBool::new(false),
            open: Mutex::new(None),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        let mut name = names::segment_file(self.base_offset, self.kind);
        name.push_str(self.suffix);
        self.dir.join(name)
    }

    /// The open file; opens it where it is closed, which may block for a short while.
    pub(crate) fn get(&self) -> Result<Arc<dyn LogFile>, StorageError> {
        self.used.store(true, Ordering::Relaxed);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*open {
            return Ok(Arc::clone(file));
        }
        let path = self.path();
        let file = self.files.open(&path).during("open", &path)?;
        *open = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Creates the file, empty.
    pub(crate) fn create(&self) -> Result<Arc<dyn LogFile>, StorageError> {
        let path = self.path();
        let file = self.files.create(&path).during("create", &path)?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Closes the file where nothing used it since the last call.
    pub(crate) fn release_if_idle(&self) {
        if !self.used.swap(false, Ordering::Relaxed) {
            self.close();
        }
    }

    /// Opens the file and keeps it open for as long as the slot is there: whoever still reads from it
    /// must not get what takes its name next.
    pub(crate) fn pin(&self) -> Result<(), StorageError> {
        self.pinned.store(true, Ordering::Relaxed);
        self.get().map(drop)
    }

    /// Closes the file; ranges handed out keep their descriptor.
    pub(crate) fn close(&self) {
        // The lock comes first: a pin that is under way opens the file after this, or is seen here.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.pinned.load(Ordering::Relaxed) {
            *open = None;
        }
    }
}

impl fmt::Debug for FileSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileSlot").field(&self.path()).finish()
    }
}
