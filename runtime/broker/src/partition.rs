//! A partition: its log, and the fetches that wait for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use millrace_storage::{Log, LogListener};
use millrace_wire::error_code::ErrorCode;
use tokio::sync::Notify;

use crate::metrics::Traffic;

/// One partition of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) log: Arc<Log>,
    pub(crate) traffic: Traffic,
    watchers: Arc<Watchers>,
    /// Whether the disk refused the last append.
    refusing: AtomicBool,
}

impl Partition {
    pub(crate) fn new(log: Arc<Log>) -> Self {
        let watchers = Arc::new(Watchers::default());
        log.subscribe(Arc::clone(&watchers) as Arc<dyn LogListener>);
        Self {
            log,
            traffic: Traffic::default(),
            watchers,
            refusing: AtomicBool::new(false),
        }
    }

    /// The partition's number.
    pub(crate) fn index(&self) -> i32 {
        self.log.partition()
    }

    /// Notes whether the disk took an append; true if that changed. Clients come back many times a second, and whoever
    /// runs the broker wants to read once that a disk is full, and once that it takes records again.
    pub(crate) fn note_refusing(&self, refusing: bool) -> bool {
        self.refusing.load(Ordering::Relaxed) != refusing
            && self.refusing.swap(refusing, Ordering::Relaxed) != refusing
    }

    /// Compares the leader epoch that a client knows; -1 is not compared.
    pub(crate) fn check_leader_epoch(&self, known: i32) -> Result<(), ErrorCode> {
        match known {
            -1 => Ok(()),
            known if known < self.log.leader_epoch() => Err(ErrorCode::FENCED_LEADER_EPOCH),
            known if known > self.log.leader_epoch() => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }

    /// Has `changed` told of every change of the log until the watch is dropped.
    pub(crate) fn watch(&self, changed: &Arc<Notify>) -> Watch {
        let key = self.watchers.next_key.fetch_add(1, Ordering::Relaxed);
        self.watchers.lock().insert(key, Arc::clone(changed));
        self.watchers.count.fetch_add(1, Ordering::SeqCst);
        Watch {
            watchers: Arc::clone(&self.watchers),
            key,
        }
    }
}

/// Those who wait for a log to change.
#[derive(Default)]
struct Watchers {
    next_key: AtomicU64,
    /// Lets an append that nobody waits for pass without the lock.
    count: AtomicUsize,
    waiting: Mutex<HashMap<u64, Arc<Notify>>>,
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogListener for Watchers {
    fn log_changed(&self, _log: &Log) {
        if self.count.load(Ordering::SeqCst) > 0 {
            self.lock()
                .values()
                .for_each(|watcher| watcher.notify_one());
        }
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watchers").field(&self.count).finish()
    }
}

/// A place among a partition's watchers.
#[derive(Debug)]
pub(crate) struct Watch {
    watchers: Arc<Watchers>,
    key: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.lock().remove(&self.key);
        self.watchers.count.fetch_sub(1, Ordering::SeqCst);
    }
}
