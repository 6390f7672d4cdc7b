//! How far the sender is, for those who wait for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far the lines of this process are, by their numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reached {
    /// All up to this one are delivered, refused or dropped.
    pub(crate) done: u64,
    /// All up to this one are that, or in the spill.
    pub(crate) saved: u64,
    /// Lines that an earlier process left in the spill are not delivered yet.
    pub(crate) inherited: bool,
    /// The sender has ended.
    pub(crate) ended: bool,
}

/// Shared by the sender and those who wait.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    reached: Mutex<Reached>,
    moved: Condvar,
}

impl Progress {
    /// Where there may be lines of an earlier process.
    pub(crate) fn with_inherited(inherited: bool) -> Self {
        Self {
            reached: Mutex::new(Reached {
                inherited,
                ..Reached::default()
            }),
            moved: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait, if anything is new.
    pub(crate) fn reach(&self, done: u64, saved: u64, inherited: bool) {
        let mut reached = self.lock();
        if done > reached.done || saved > reached.saved || inherited != reached.inherited {
            reached.inherited = inherited;
            reached.done = reached.done.max(done);
            reached.saved = reached.saved.max(saved).max(reached.done);
            drop(reached);
            self.moved.notify_all();
        }
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.moved.notify_all();
    }

    /// Waits until `enough`, the sender has ended, or the time is over; says how far it is then.
    pub(crate) fn wait(&self, limit: Duration, enough: impl Fn(&Reached) -> bool) -> Reached {
        let waited = self
            .moved
            .wait_timeout_while(self.lock(), limit, |reached| {
                !reached.ended && !enough(reached)
            });
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
