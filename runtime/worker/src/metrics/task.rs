//! What one run of a task counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use millrace_api::{TaskId, TopicPartition};
use millrace_client::producer::ProducerMetrics;
use millrace_wire::clock::Clock;
use millrace_wire::held::Held;
use millrace_wire::metrics::{Counter, Gauge, Timing};

use super::ErrorMetrics;
use super::backlog::TaskBacklog;
use super::collect::Recent;
use super::events::TaskEvents;
use super::flow::Progress;
use super::memory::TaskMemory;

/// Which way a task carries records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskKind {
    Source,
    Sink,
}

/// The figures of a task. A source leaves the sink's at nothing, and the other way round.
#[derive(Debug)]
pub(crate) struct TaskMetrics {
    pub(crate) id: TaskId,
    pub(crate) kind: TaskKind,
    pub(crate) batches: Sizes,
    pub(crate) commits: Timing,
    pub(crate) commits_failed: Counter,
    pub(crate) errors: Arc<ErrorMetrics>,
    /// Where the task is.
    pub(crate) progress: Progress,
    pub(crate) source: SourceMetrics,
    /// What its source has not read.
    pub(crate) backlog: Arc<TaskBacklog>,
    /// What its source has counted.
    pub(crate) events: Arc<TaskEvents>,
    pub(crate) sink: SinkMetrics,
    /// What it holds.
    pub(crate) memory: TaskMemory,
    /// What scrapes remember of each other.
    pub(super) recent: Mutex<Recent>,
}

/// How many batches there were, of how many records.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub(super) count: Counter,
    pub(super) sum: Counter,
    max: AtomicU64,
}

impl Sizes {
    /// Notes a batch.
    pub(crate) fn observe(&self, records: usize) {
        self.count.increment();
        self.sum.add(records as u64);
        self.max.fetch_max(records as u64, Ordering::Relaxed);
    }

    /// The largest since the last call.
    pub(super) fn take_max(&self) -> u64 {
        self.max.swap(0, Ordering::Relaxed)
    }
}

/// Records on their way into topics.
#[derive(Debug, Default)]
pub(crate) struct SourceMetrics {
    /// Records that `poll` returned.
    pub(crate) polled: Counter,
    /// How long those polls took that brought records.
    pub(crate) poll: Timing,
    /// Records that the broker has acknowledged.
    pub(crate) written: Counter,
    /// Records that were taken in hand, after the steps that drop and multiply them.
    pub(crate) taken: Counter,
    /// Those of them that are done with: acknowledged or left out.
    pub(crate) done: Counter,
    /// The figures of the task's producer.
    producer: OnceLock<Arc<ProducerMetrics>>,
}

/// Records on their way out of topics.
#[derive(Debug, Default)]
pub(crate) struct SinkMetrics {
    /// Records that were fetched, and their bytes once unpacked.
    pub(crate) read: Counter,
    pub(crate) bytes: Counter,
    /// Records that `put` has taken.
    pub(crate) sent: Counter,
    /// Records of those fetched that are done with, or will be fetched again.
    pub(crate) done: Counter,
    /// The time of the last record that was fetched; 0 for none.
    read_up_to: AtomicI64,
    pub(crate) put: Timing,
    pub(crate) partitions: Gauge,
    /// Records that each partition holds behind those fetched, when they were fetched.
    lag: Mutex<BTreeMap<TopicPartition, i64>>,
    /// What the task's consumer has fetched and can still be reached.
    held: OnceLock<Held>,
}

impl TaskMetrics {
    pub(super) fn new(
        id: TaskId,
        kind: TaskKind,
        clock: Arc<dyn Clock>,
        memory: TaskMemory,
    ) -> Self {
        Self {
            id,
            kind,
            batches: Sizes::default(),
            commits: Timing::default(),
            commits_failed: Counter::default(),
            errors: Arc::default(),
            backlog: Arc::new(TaskBacklog::new(Arc::clone(&clock))),
            events: Arc::default(),
            progress: Progress::new(clock),
            source: SourceMetrics::default(),
            sink: SinkMetrics::default(),
            memory,
            recent: Mutex::default(),
        }
    }

    /// A poll brought records.
    pub(crate) fn polled(&self, records: usize, took: Duration) {
        self.batches.observe(records);
        self.source.polled.add(records as u64);
        self.source.poll.observe(took);
        self.progress.record();
    }

    /// Records are done with; `stored` says whether the broker has them.
    pub(crate) fn answered(&self, records: u64, stored: bool) {
        self.source.done.add(records);
        if stored {
            self.source.written.add(records);
        }
    }

    /// Records were given to the sink.
    pub(crate) fn put(&self, records: usize, took: Duration) {
        if records > 0 {
            self.batches.observe(records);
            self.progress.record();
        }
        self.sink.sent.add(records as u64);
        self.sink.put.observe(took);
    }

    /// Offsets were committed, or could not be.
    pub(crate) fn committed(&self, took: Duration, succeeded: bool) {
        self.commits.observe(took);
        match succeeded {
            true => self.progress.commit(),
            false => self.commits_failed.increment(),
        }
    }
}

impl SourceMetrics {
    /// Shows a producer's figures with the task's; a run has one.
    pub(crate) fn show_producer(&self, metrics: &Arc<ProducerMetrics>) {
        self.producer.get_or_init(|| Arc::clone(metrics));
    }

    pub(super) fn producer(&self) -> Option<&Arc<ProducerMetrics>> {
        self.producer.get()
    }
}

impl SinkMetrics {
    /// Shows what a consumer holds with the task's figures; a run has one.
    pub(crate) fn show_held(&self, held: &Held) {
        self.held.get_or_init(|| held.clone());
    }

    pub(super) fn held(&self) -> Option<&Held> {
        self.held.get()
    }

    /// Records were fetched; `lag` are left in the partition.
    pub(crate) fn read(
        &self,
        partition: &TopicPartition,
        records: usize,
        bytes: usize,
        lag: i64,
        time: Option<i64>,
    ) {
        self.read.add(records as u64);
        if let Some(time) = time {
            self.read_up_to.store(time, Ordering::Relaxed);
        }
        self.bytes.add(bytes as u64);
        let mut lags = self.lags();
        match lags.get_mut(partition) {
            Some(known) => *known = lag.max(0),
            None => drop(lags.insert(partition.clone(), lag.max(0))),
        }
    }

    /// The time of the last record that was fetched.
    pub(super) fn read_up_to(&self) -> Option<i64> {
        match self.read_up_to.load(Ordering::Relaxed) {
            0 => None,
            time => Some(time),
        }
    }

    /// The task now has these partitions.
    pub(crate) fn assigned(&self, partitions: &BTreeSet<TopicPartition>) {
        self.partitions
            .set(i64::try_from(partitions.len()).unwrap_or(i64::MAX));
        self.lags()
            .retain(|partition, _| partitions.contains(partition));
    }

    pub(super) fn lags(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, i64>> {
        self.lag.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
