//! Commits source offsets in the background: those of acknowledged rows only (contract connect-internals, 3.1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use millrace_api::{OffsetListener, OffsetMap, TaskId};
use millrace_wire::clock::Clock;
use tokio::sync::Notify;

use super::in_flight::{BareOffsets, InFlight};
use crate::causes::chain;
use crate::metrics::TaskMetrics;
use crate::store::{OffsetChange, OffsetStore};

/// Offsets on their way into the store.
#[derive(Debug)]
pub(crate) struct Committer {
    id: TaskId,
    store: Arc<dyn OffsetStore>,
    timeout: Duration,
    metrics: Arc<TaskMetrics>,
    clock: Arc<dyn Clock>,
    in_flight: Mutex<InFlight>,
    /// Offsets that no row bears, also part of `in_flight`.
    bare: Arc<BareOffsets>,
    /// Offsets of a write that failed; newer ones of the same partition replace them.
    kept: Mutex<Vec<OffsetChange>>,
    /// Wakes whoever waits for acknowledgements.
    answered: Notify,
    /// Says that there is something new to commit.
    due: Notify,
    /// Whether there was a commit since the source was last told.
    committed: AtomicBool,
    /// One commit at a time.
    committing: tokio::sync::Mutex<()>,
}

impl Committer {
    pub(crate) fn new(
        store: Arc<dyn OffsetStore>,
        timeout: Duration,
        metrics: Arc<TaskMetrics>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let in_flight = InFlight::default();
        Self {
            id: metrics.id.clone(),
            store,
            timeout,
            metrics,
            clock,
            bare: Arc::clone(in_flight.bare()),
            in_flight: Mutex::new(in_flight),
            kept: Mutex::default(),
            answered: Notify::new(),
            due: Notify::new(),
            committed: AtomicBool::new(false),
            committing: tokio::sync::Mutex::default(),
        }
    }

    /// The task.
    pub(crate) fn id(&self) -> &TaskId {
        &self.id
    }

    /// The rows on their way; the lock is held for moments only.
    pub(crate) fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks rows as answered and wakes those who wait for it.
    pub(crate) fn acknowledge(&self, tickets: std::ops::Range<u64>, stored: bool) {
        let records = tickets.end - tickets.start;
        self.in_flight().acknowledge(tickets, stored);
        self.metrics.answered(records, stored);
        self.answered.notify_waiters();
        self.due.notify_one();
    }

    /// Marks rows as stored, the first of them at `base_offset` of `partition`, and wakes those who wait for it.
    pub(crate) fn stored(&self, tickets: std::ops::Range<u64>, partition: i32, base_offset: i64) {
        self.in_flight().stored_at(&tickets, partition, base_offset);
        self.acknowledge(tickets, true);
    }

    /// Wakes those who wait for answers, because none will come.
    pub(crate) fn wake(&self) {
        self.answered.notify_waiters();
    }

    /// Waits until fewer than `rows` rows are without an answer, or `give_up` says so.
    pub(crate) async fn below(&self, rows: u64, give_up: impl Fn() -> bool) {
        self.until(|| self.in_flight().outstanding() < rows || give_up())
            .await;
    }

    /// Waits until `holds`, which is asked again after every answer.
    pub(crate) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            if holds() {
                return;
            }
            answered.await;
        }
    }

    /// Waits until rows were answered or an offset that no row bears was left since the last call, or a commit has
    /// failed: a task without either wakes nobody.
    pub(crate) async fn due(&self) {
        self.due.notified().await;
    }

    /// Whether offsets were committed since this was last asked.
    pub(crate) fn has_committed(&self) -> bool {
        self.committed.swap(false, Ordering::AcqRel)
    }

    /// Writes what may be committed; what could not be written is kept for the next time. True when all is stored.
    pub(crate) async fn commit(&self) -> bool {
        let _one = self.committing.lock().await;
        let changes = self.take();
        if changes.is_empty() {
            return true;
        }
        let started = self.clock.monotonic();
        let write = self.store.put(&self.id.connector, changes.clone());
        let outcome = tokio::time::timeout(self.timeout, write).await;
        let took = self.clock.monotonic().saturating_sub(started);
        self.metrics.committed(took, matches!(outcome, Ok(Ok(()))));
        match outcome {
            Ok(Ok(())) => {
                self.committed.store(true, Ordering::Release);
                return true;
            }
            Ok(Err(error)) => log::error!(
                "{} could not commit source offsets: {}",
                self.id,
                chain(&error)
            ),
            Err(_) => log::error!(
                "{} could not commit source offsets within offset.flush.timeout.ms={}",
                self.id,
                self.timeout.as_millis()
            ),
        }
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(changes);
        self.due.notify_one();
        false
    }

    fn take(&self) -> Vec<OffsetChange> {
        let fresh = self.in_flight().take_committable();
        let mut changes =
            std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        changes.retain(|(partition, _)| !fresh.iter().any(|(newer, _)| newer == partition));
        changes.extend(fresh);
        changes
    }
}

impl OffsetListener for Committer {
    fn commit_offset(&self, partition: OffsetMap, offset: OffsetMap) {
        self.bare.add(partition, offset);
        self.due.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use millrace_wire::clock::ManualClock;

    use super::*;
    use crate::metrics::{TaskKind, WorkerMetrics};
    use crate::store::StoreError;

    /// A store whose writes fail while it is told to refuse them.
    #[derive(Debug, Default)]
    struct Refusing {
        refuses: AtomicBool,
        written: Mutex<Vec<Vec<OffsetChange>>>,
    }

    #[async_trait]
    impl OffsetStore for Refusing {
        async fn get(
            &self,
            _connector: &str,
            _partition: &OffsetMap,
        ) -> Result<Option<OffsetMap>, StoreError> {
            Ok(None)
        }

        async fn put(
            &self,
            _connector: &str,
            changes: Vec<OffsetChange>,
        ) -> Result<(), StoreError> {
            if self.refuses.load(Ordering::Relaxed) {
                return Err(StoreError::Io {
                    action: "write",
                    path: "offsets".to_owned(),
                    source: std::io::ErrorKind::StorageFull.into(),
                });
            }
            self.written.lock().unwrap().push(changes);
            Ok(())
        }

        async fn list(&self, _connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>, StoreError> {
            Ok(Vec::new())
        }
    }

    fn map(key: &str, value: i64) -> OffsetMap {
        [(key.to_owned(), value.into())].into_iter().collect()
    }

    #[tokio::test]
    async fn an_offset_that_no_row_bears_outlives_a_failed_write_unless_a_newer_one_comes() {
        let cases: [(&[i64], i64); 2] = [(&[], 1), (&[2, 3], 3)];
        for (newer, last) in cases {
            let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(0));
            let id = TaskId {
                connector: "c".into(),
                task: 0,
            };
            let metrics = WorkerMetrics::default().begin(&id, TaskKind::Source, Arc::clone(&clock));
            let store = Arc::new(Refusing::default());
            let timeout = Duration::from_secs(60);
            let committer = Committer::new(
                Arc::clone(&store) as _,
                timeout,
                metrics,
                Arc::clone(&clock),
            );
            store.refuses.store(true, Ordering::Relaxed);
            committer.commit_offset(map("inode", 7), map("position", 1));
            committer.due().await;
            assert!(!committer.commit().await);
            committer.due().await;
            for position in newer {
                committer.commit_offset(map("inode", 7), map("position", *position));
            }
            store.refuses.store(false, Ordering::Relaxed);
            assert!(committer.commit().await);
            assert!(committer.has_committed());
            assert!(committer.commit().await);
            assert_eq!(
                *store.written.lock().unwrap(),
                [[(map("inode", 7), Some(map("position", last)))]]
            );
        }
    }
}
