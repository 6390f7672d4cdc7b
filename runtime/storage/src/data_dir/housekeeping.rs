//! What is done now and then: retention, removal of files whose delay is over, forgetting of silent
//! producers, and closing of files that nobody uses.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::data_dir::DataDir;
use crate::error::StorageError;
use crate::files::Files;
use crate::log::Removed;
use crate::registry::Registry;
use crate::shared::Shared;
use crate::stop::Stop;

/// How often removals that are due are looked for, and idle files closed.
const TICK: Duration = Duration::from_secs(10);
/// When retention first looks, as in Apache Kafka.
const FIRST_RETENTION: Duration = Duration::from_secs(30);

/// What the housekeeping thread and the directory share.
#[derive(Debug)]
pub(super) struct Housekeeper {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    removals: Arc<Mutex<Vec<Removed>>>,
    stop: Arc<Stop>,
}

impl Housekeeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        registry: Arc<Registry>,
        removals: Arc<Mutex<Vec<Removed>>>,
        stop: Arc<Stop>,
    ) -> Self {
        Self {
            shared,
            registry,
            removals,
            stop,
        }
    }

    /// The thread's loop.
    pub(super) fn run(&self) {
        let mut retention_due = self.shared.clock().monotonic() + FIRST_RETENTION;
        while !self.stop.wait(TICK) {
            self.remove_due();
            for log in self.registry.all() {
                log.release_idle_files();
            }
            let now = self.shared.clock().monotonic();
            if now >= retention_due {
                self.apply_retention();
                retention_due = now + self.shared.config().retention_check_interval;
            }
        }
    }

    /// One retention pass over all logs. A log whose files resist is logged and left for the next.
    pub(super) fn apply_retention(&self) {
        let now_ms = self.shared.clock().now_ms();
        let expiration_ms = self.shared.config().producer_id_expiration_ms;
        for log in self.registry.all() {
            log.expire_producers(now_ms, expiration_ms);
            match log.apply_retention(now_ms) {
                Ok(Some(removed)) => self
                    .removals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(removed),
                Ok(None) => {}
                Err(error) => log::error!("retention of {} failed: {error}", log.name()),
            }
        }
    }

    /// Removes files and directories whose delay is over.
    pub(super) fn remove_due(&self) {
        let now_ms = self.shared.clock().now_ms();
        let due: Vec<_> = {
            let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
            removals
                .extract_if(.., |removed| removed.due_ms <= now_ms)
                .collect()
        };
        for path in due.iter().flat_map(|removed| &removed.paths) {
            if let Err(error) = remove(self.shared.files(), path) {
                log::warn!("{error}");
            }
        }
    }
}

/// Removes a file, or a directory with all in it. One that is gone already is no error.
fn remove(files: &dyn Files, path: &Path) -> Result<(), StorageError> {
    let removed = if path.is_dir() {
        files.remove_dir(path)
    } else {
        files.remove(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StorageError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

impl DataDir {
    /// Applies retention to all logs now; a thread does so every `log.retention.check.interval.ms`.
    pub fn apply_retention(&self) {
        self.housekeeper.apply_retention();
    }

    /// Removes the deleted files whose delay is over; a thread does so all the while.
    pub fn remove_deleted(&self) {
        self.housekeeper.remove_due();
    }
}
