//! What the worker counts of its tasks, and how it shows it.
//!
//! A task adds to its [`TaskMetrics`] once a poll, a put or a commit. The states of connectors and tasks are asked of the
//! herder when somebody scrapes. The names are those under which Prometheus' JMX exporter shows Kafka Connect's own
//! metrics with its usual rules (`kafka_connect_…`, `kafka_producer_…`, `kafka_consumer_…`); what Connect has no name for
//! is called `millrace_…`.

mod backlog;
mod collect;
mod errors;
mod events;
mod families;
mod flow;
mod memory;
mod rebalance;
mod states;
mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use millrace_api::TaskId;
use millrace_wire::clock::Clock;

use memory::Budgets;

pub use backlog::{Unread, UnreadPart};
pub(crate) use collect::TaskCollector;
pub(crate) use errors::ErrorMetrics;
pub(crate) use flow::Limits;
pub use flow::{Condition, Flow, FlowStage};
pub use memory::MemoryUse;
pub(crate) use rebalance::{Generation, RebalanceMetrics};
pub(crate) use states::StateCollector;
pub(crate) use task::{TaskKind, TaskMetrics};

/// The figures of a worker's tasks: of those that run, and of those that have failed and were not stopped since.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    tasks: Mutex<BTreeMap<TaskId, Weak<TaskMetrics>>>,
    budgets: Budgets,
}

impl WorkerMetrics {
    /// Figures of tasks that may hold so many bytes together; none for no bound.
    pub(crate) fn with_budget(max: Option<u64>) -> Self {
        Self {
            tasks: Mutex::default(),
            budgets: Budgets::of(max),
        }
    }

    /// Figures for a new run of a task; they are shown for as long as somebody holds them.
    pub(crate) fn begin(
        &self,
        id: &TaskId,
        kind: TaskKind,
        clock: Arc<dyn Clock>,
    ) -> Arc<TaskMetrics> {
        let memory = self.budgets.task(&id.connector);
        let metrics = Arc::new(TaskMetrics::new(id.clone(), kind, clock, memory));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(id.clone(), Arc::downgrade(&metrics));
        metrics
    }

    /// The figures of a task, if it has any here.
    pub(crate) fn task(&self, id: &TaskId) -> Option<Arc<TaskMetrics>> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.get(id).and_then(Weak::upgrade)
    }

    /// All that are held.
    fn tasks(&self) -> Vec<Arc<TaskMetrics>> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, task| task.strong_count() > 0);
        tasks.values().filter_map(Weak::upgrade).collect()
    }
}
