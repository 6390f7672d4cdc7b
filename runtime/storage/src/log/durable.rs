//! Waiting for the disk.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Log;
use crate::config::Durability;
use crate::error::StorageError;

/// Called once with the outcome, on the flusher's thread or, where there is nothing to wait for, on the
/// caller's. It must be short: it holds up everyone else who waits.
pub type OnDurable = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// Those who wait, in the order in which they asked.
#[derive(Default)]
pub(super) struct Waiters(Mutex<Vec<(i64, OnDurable)>>);

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_tuple("Waiters").field(&waiting).finish()
    }
}

impl Log {
    /// Calls `callback` once everything below `offset` is acknowledged as durable, in the sense of
    /// `log.durability`; with an error where that will never be. For an appended batch, `offset` is its
    /// last offset + 1.
    pub fn on_durable(&self, offset: i64, callback: OnDurable) {
        if let Err(error) = self.check_usable() {
            return callback(Err(error));
        }
        if self.acknowledged() >= offset {
            return callback(Ok(()));
        }
        let mut waiters = self
            .waiters
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiters.push((offset, callback));
        drop(waiters);
        // The sync, or the end of the log, may have come between the looks and the push.
        if let Err(error) = self.check_usable() {
            self.fail_waiters(&error);
        } else if self.acknowledged() >= offset {
            self.complete_waiters();
        }
    }

    /// Offset below which acknowledgements may go out.
    fn acknowledged(&self) -> i64 {
        match self.shared.durability() {
            Durability::Fsync => self.positions.durable(),
            Durability::PageCache => self.positions.end(),
        }
    }

    /// Answers those whose records are durable by now.
    pub(super) fn complete_waiters(&self) {
        let acknowledged = self.acknowledged();
        let mut waiters = self
            .waiters
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let done: Vec<_> = waiters
            .extract_if(.., |(offset, _)| *offset <= acknowledged)
            .collect();
        drop(waiters);
        for (_, callback) in done {
            callback(Ok(()));
        }
    }

    /// Answers all who wait that it will not be.
    pub(crate) fn fail_waiters(&self, error: &StorageError) {
        self.fail_waiters_above(i64::MIN, error);
    }

    /// Answers those who wait for records that were cut off.
    pub(super) fn fail_waiters_above(&self, end: i64, error: &StorageError) {
        let mut waiters = self
            .waiters
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let failed: Vec<_> = waiters
            .extract_if(.., |(offset, _)| *offset > end)
            .collect();
        drop(waiters);
        for (_, callback) in failed {
            callback(Err(error.clone()));
        }
    }
}
