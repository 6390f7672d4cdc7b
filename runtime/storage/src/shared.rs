//! What all logs of a data directory share.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use millrace_wire::clock::Clock;
use millrace_wire::metrics::Histogram;

use crate::config::{DataDirConfig, Durability};
use crate::error::StorageError;
use crate::files::Files;
use crate::flusher::FlushQueue;

/// The directory, how its files are reached, and whether it is still to be trusted.
pub(crate) struct Shared {
    path: Arc<Path>,
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    config: DataDirConfig,
    queue: FlushQueue,
    flush_times: Histogram,
    offline: OnceLock<Arc<str>>,
}

impl Shared {
    pub(crate) fn new(
        path: &Path,
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
        config: DataDirConfig,
    ) -> Self {
        let queue = FlushQueue::default();
        Self {
            path: Arc::from(path),
            files,
            clock,
            config,
            queue,
            flush_times: Histogram::latency(),
            offline: OnceLock::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn files(&self) -> &dyn Files {
        &*self.files
    }

    pub(crate) fn files_arc(&self) -> &Arc<dyn Files> {
        &self.files
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn config(&self) -> &DataDirConfig {
        &self.config
    }

    pub(crate) fn durability(&self) -> Durability {
        self.config.durability
    }

    pub(crate) fn queue(&self) -> &FlushQueue {
        &self.queue
    }

    /// How long the syncs took.
    pub(crate) fn flush_times(&self) -> &Histogram {
        &self.flush_times
    }

    /// Takes the directory offline for good: nothing is known of its files any more.
    pub(crate) fn fail(&self, reason: &StorageError) -> StorageError {
        let reason = self.offline.get_or_init(|| Arc::from(reason.to_string()));
        StorageError::Offline {
            dir: self.path.to_path_buf(),
            reason: Arc::clone(reason),
        }
    }

    pub(crate) fn check_online(&self) -> Result<(), StorageError> {
        match self.offline.get() {
            None => Ok(()),
            Some(reason) => Err(StorageError::Offline {
                dir: self.path.to_path_buf(),
                reason: Arc::clone(reason),
            }),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("path", &self.path)
            .field("offline", &self.offline.get())
            .finish_non_exhaustive()
    }
}
