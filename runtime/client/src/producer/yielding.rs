//! A lock whose holder hears that somebody waits for it.
//!
//! Rows are appended in runs of thousands under the accumulator's lock, while the sender needs it several times a batch
//! for a microsecond each. Behind an ordinary lock the sender would sleep through the run, and often through the next
//! one too, for the thread that appends is awake and takes the lock again before the sleeper has come to. So a run makes
//! way between two rows when it is told that somebody waits, and whoever waits stays awake for a moment.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// How often a waiting thread looks before it sleeps, or goes on: some microseconds.
const LOOKS: usize = 1000;

/// A value that is held long by some and shortly by others.
#[derive(Debug)]
pub(super) struct YieldingLock<T> {
    value: Mutex<T>,
    waiting: AtomicUsize,
}

impl<T> YieldingLock<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The value, as soon as nobody else has it.
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.free().unwrap_or_else(|| self.wait())
    }

    /// Whether somebody waits: a long holder is to let go soon.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Lets those go first who wait, for a moment.
    pub(super) fn make_way(&self) {
        for _ in 0..LOOKS {
            if !self.is_wanted() {
                return;
            }
            spin_loop();
        }
    }

    fn free(&self) -> Option<MutexGuard<'_, T>> {
        match self.value.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    #[cold]
    fn wait(&self) -> MutexGuard<'_, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let awake = (0..LOOKS).find_map(|_| {
            spin_loop();
            self.free()
        });
        let guard =
            awake.unwrap_or_else(|| self.value.lock().unwrap_or_else(PoisonError::into_inner));
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_holder_hears_that_somebody_waits_and_can_let_him_go_first() {
        let lock = Arc::new(YieldingLock::new(0));
        let held = lock.lock();
        assert!(!lock.is_wanted());
        let other = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || *lock.lock() += 1)
        };
        while !lock.is_wanted() {
            thread::yield_now();
        }
        drop(held);
        other.join().unwrap();
        lock.make_way();
        assert_eq!((*lock.lock(), lock.is_wanted()), (1, false));
    }

    #[test]
    fn many_threads_lose_no_turn() {
        let lock = Arc::new(YieldingLock::new(0u32));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    for _ in 0..10_000 {
                        *lock.lock() += 1;
                        lock.make_way();
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(*lock.lock(), 40_000);
    }
}
