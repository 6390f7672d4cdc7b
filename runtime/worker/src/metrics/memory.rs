//! Memory budgets in bytes: what each task can reach, what its connector may, and what the worker may.
//!
//! What a task can reach is counted in whole blocks, until the last slice of each is gone: those its source has brought,
//! its producer's open and unanswered batches, the rows that wait for an answer, the answers its consumer has fetched and
//! the batches unpacked from them. Values that a step has made of bytes are not counted.
//!
//! A task looks at the budgets before it takes more ([`WorkerMetrics::has_room`]). Where one is used up, who has more than
//! its share waits: a source is not polled, a sink's consumer asks for nothing further. Shares are even, so that nobody
//! is held up by a neighbour, and a task that holds nothing always goes on. What is taken at once is the bound to which a
//! budget may be exceeded: a batch of a source, an answer of each broker of a sink.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use millrace_api::Row;
use millrace_wire::held::Held;
use serde::Serialize;

use super::WorkerMetrics;
use super::task::{TaskKind, TaskMetrics};

/// What a task, its connector and the worker hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// The task.
    pub bytes: u64,
    /// All tasks of its connector on this worker.
    pub connector_bytes: u64,
    /// What these may hold together; none without a bound of their own.
    pub connector_max_bytes: Option<u64>,
    /// All tasks of this worker.
    pub worker_bytes: u64,
    /// What these may hold together; none without a bound.
    pub worker_max_bytes: Option<u64>,
}

/// What somebody may hold, and holds.
#[derive(Debug, Default)]
struct Budget {
    /// 0 for no bound.
    max: AtomicU64,
    used: AtomicU64,
    /// Among how many it is shared.
    sharers: AtomicU64,
}

impl Budget {
    /// Whether it is used up, and who holds `own` has more than an even share.
    fn refuses(&self, own: u64) -> bool {
        let max = self.max.load(Ordering::Relaxed);
        let sharers = self.sharers.load(Ordering::Relaxed);
        max > 0
            && own > 0
            && self.used.load(Ordering::Relaxed) >= max
            && own.saturating_mul(sharers) >= max
    }

    fn change(&self, before: u64, now: u64) {
        // Wraps around where it is less.
        self.used
            .fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    fn shown(&self) -> (u64, Option<u64>) {
        let max = self.max.load(Ordering::Relaxed);
        (self.used.load(Ordering::Relaxed), (max > 0).then_some(max))
    }
}

/// The budget of a connector, part of the worker's.
#[derive(Debug)]
struct ConnectorBudget {
    own: Budget,
    worker: Arc<Budget>,
}

impl Drop for ConnectorBudget {
    fn drop(&mut self) {
        self.worker.sharers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The budgets of a worker and its connectors.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    worker: Arc<Budget>,
    connectors: Mutex<BTreeMap<Arc<str>, Weak<ConnectorBudget>>>,
}

impl Budgets {
    /// Budgets of which the worker's is `max`.
    pub(super) fn of(max: Option<u64>) -> Self {
        let budgets = Self::default();
        budgets
            .worker
            .max
            .store(max.unwrap_or(0), Ordering::Relaxed);
        budgets
    }

    /// The part of a new task.
    pub(super) fn task(&self, connector: &Arc<str>) -> TaskMemory {
        let mut connectors = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = connectors.get(connector).and_then(Weak::upgrade);
        let budget = known.unwrap_or_else(|| {
            self.worker.sharers.fetch_add(1, Ordering::Relaxed);
            let budget = Arc::new(ConnectorBudget {
                own: Budget::default(),
                worker: Arc::clone(&self.worker),
            });
            connectors.retain(|_, known| known.strong_count() > 0);
            connectors.insert(Arc::clone(connector), Arc::downgrade(&budget));
            budget
        });
        budget.own.sharers.fetch_add(1, Ordering::Relaxed);
        TaskMemory {
            connector: budget,
            noted: AtomicU64::new(0),
            blocks: Held::default(),
        }
    }
}

/// What a task holds.
#[derive(Debug)]
pub(crate) struct TaskMemory {
    connector: Arc<ConnectorBudget>,
    /// What the sums have of it.
    noted: AtomicU64,
    /// Counts the blocks of a source.
    pub(crate) blocks: Held,
}

impl TaskMemory {
    /// Bounds what the tasks of the connector hold together; none for no bound of their own.
    pub(crate) fn bound_connector(&self, max: Option<u64>) {
        let own = &self.connector.own;
        own.max.store(max.unwrap_or(0), Ordering::Relaxed);
    }

    fn note(&self, now: u64) {
        let before = self.noted.swap(now, Ordering::Relaxed);
        if before != now {
            self.connector.own.change(before, now);
            self.connector.worker.change(before, now);
        }
    }

    fn has_room(&self) -> bool {
        let connector = &self.connector;
        let of_connector = connector.own.used.load(Ordering::Relaxed);
        let own = self.noted.load(Ordering::Relaxed);
        let worker_refuses =
            connector.worker.refuses(of_connector) && own > 0 && !self.is_below_its_share(own);
        !connector.own.refuses(own) && !worker_refuses
    }

    /// Whether a task has less than an even part of its connector's even part of the worker's budget.
    fn is_below_its_share(&self, own: u64) -> bool {
        let worker = &self.connector.worker;
        let parts = worker.sharers.load(Ordering::Relaxed).max(1)
            * self.connector.own.sharers.load(Ordering::Relaxed).max(1);
        own < worker.max.load(Ordering::Relaxed) / parts
    }
}

impl Drop for TaskMemory {
    fn drop(&mut self) {
        self.note(0);
        self.connector.own.sharers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl TaskMetrics {
    /// The bytes that the task can reach now.
    fn memory_bytes(&self) -> u64 {
        match self.kind {
            TaskKind::Source => {
                let producer = self.source.producer().map_or(0, |producer| {
                    producer.buffer_total() - producer.buffer_available()
                });
                // What is done is read first: it never overtakes what was taken.
                let done = self.source.done.get();
                let rows = self.source.taken.get().saturating_sub(done);
                let rows = rows.saturating_mul(size_of::<Row>() as u64);
                self.memory.blocks.bytes() + producer as u64 + rows
            }
            TaskKind::Sink => self.sink.held().map_or(0, Held::bytes),
        }
    }

    /// Brings the sums up to date with what the task holds.
    pub(crate) fn note_memory(&self) {
        self.memory.note(self.memory_bytes());
    }

    /// What the task, its connector and its worker hold.
    pub(super) fn memory_use(&self) -> MemoryUse {
        self.note_memory();
        let connector = &self.memory.connector;
        let (connector_bytes, connector_max_bytes) = connector.own.shown();
        let (worker_bytes, worker_max_bytes) = connector.worker.shown();
        MemoryUse {
            bytes: self.memory.noted.load(Ordering::Relaxed),
            connector_bytes,
            connector_max_bytes,
            worker_bytes,
            worker_max_bytes,
        }
    }
}

impl WorkerMetrics {
    /// Whether a task may take more than it holds.
    pub(crate) fn has_room(&self, task: &TaskMetrics) -> bool {
        task.note_memory();
        if task.memory.has_room() {
            return true;
        }
        // Others may have let go of much since they looked last.
        for other in self.tasks() {
            other.note_memory();
        }
        task.memory.has_room()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use millrace_api::TaskId;
    use millrace_wire::clock::{Clock, ManualClock};

    use crate::metrics::{TaskKind, TaskMetrics, WorkerMetrics};

    fn source(metrics: &WorkerMetrics, connector: &str, task: u32) -> Arc<TaskMetrics> {
        let id = TaskId {
            connector: connector.into(),
            task,
        };
        let clock = Arc::new(ManualClock::new(0)) as Arc<dyn Clock>;
        metrics.begin(&id, TaskKind::Source, clock)
    }

    fn take(task: &TaskMetrics, bytes: usize) -> Bytes {
        task.memory.blocks.block(Bytes::from(vec![0; bytes]))
    }

    #[test]
    fn who_has_more_than_its_share_of_a_connector_waits_until_something_is_let_go() {
        let metrics = WorkerMetrics::default();
        let (greedy, modest) = (source(&metrics, "c", 0), source(&metrics, "c", 1));
        greedy.memory.bound_connector(Some(100));
        let block = take(&greedy, 90);
        assert!(metrics.has_room(&greedy));
        let small = take(&modest, 20);
        assert!(metrics.has_room(&modest), "it has less than half");
        assert!(!metrics.has_room(&greedy));
        let shown = greedy.memory_use();
        assert_eq!((shown.bytes, shown.connector_bytes), (90, 110));
        assert_eq!(shown.connector_max_bytes, Some(100));
        let slice = block.slice(..1);
        drop(block);
        assert!(!metrics.has_room(&greedy), "a slice keeps the whole block");
        drop(slice);
        assert!(metrics.has_room(&greedy));
        drop((small, modest));
        assert_eq!(greedy.memory_use().worker_bytes, 0);
    }

    #[test]
    fn a_connector_that_floods_the_worker_does_not_hold_up_its_neighbour() {
        let metrics = WorkerMetrics::with_budget(Some(1000));
        let flood: Vec<_> = (0..4).map(|task| source(&metrics, "flood", task)).collect();
        let neighbour = source(&metrics, "neighbour", 0);
        let blocks: Vec<_> = flood.iter().map(|task| take(task, 300)).collect();
        let own = take(&neighbour, 400);
        for task in flood.iter().chain([&neighbour]) {
            task.note_memory();
        }
        for task in &flood {
            assert!(!metrics.has_room(task));
        }
        assert!(metrics.has_room(&neighbour));
        drop(blocks);
        assert!(flood.iter().all(|task| metrics.has_room(task)));
        drop(own);
    }

    #[test]
    fn a_task_that_holds_nothing_goes_on_however_small_the_budget() {
        let metrics = WorkerMetrics::with_budget(Some(1));
        let (full, empty) = (source(&metrics, "c", 0), source(&metrics, "c", 1));
        full.memory.bound_connector(Some(1));
        let block = take(&full, 10);
        assert!(!metrics.has_room(&full));
        assert!(metrics.has_room(&empty));
        drop(block);
    }
}
