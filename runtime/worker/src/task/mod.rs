//! Tasks: the loops that move records, each an isolated unit that fails alone.
//!
//! The herder describes a task by a [`TaskSpec`] and gets a [`TaskHandle`]. What becomes of the task is told to a
//! [`StatusListener`]. A task whose code returns an error, panics or does not
//! return is FAILED with a trace; nothing else ends with it.

mod acknowledgements;
mod answers;
mod clients;
mod commit;
mod delivery;
mod errors;
mod explained;
mod guard;
mod handle;
mod in_flight;
mod periodic;
mod refused;
mod sink;
mod source;
mod status;
mod threaded;
mod topic_creation;

use std::sync::Arc;
use std::time::Duration;

use millrace_api::{
    Converter, Execution, HeaderConverter, Properties, SinkTask, SourceTask, TaskId,
};
use millrace_wire::clock::Clock;

pub use crate::pipeline::Chain;
pub use clients::{Clients, connector_clients};
pub(crate) use explained::explained;
use guard::Condition;
pub use handle::{Stopped, TaskHandle, spawn};
pub use status::{State, StatusListener, TargetState};
pub(crate) use topic_creation::refusal as topic_creation_refusal;

use crate::actor::Threads;
use crate::metrics::WorkerMetrics;
use crate::store::OffsetStore;

/// The task's code, new and not yet started.
pub enum TaskCode {
    /// Brings records in.
    Source(Box<dyn SourceTask>),
    /// Carries records out.
    Sink(Box<dyn SinkTask>),
}

impl std::fmt::Debug for TaskCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source(_) => "Source",
            Self::Sink(_) => "Sink",
        })
    }
}

/// The converters of a connector, configured, and the steps between them and the connector.
#[derive(Clone, Debug)]
pub struct Converters {
    /// For keys.
    pub key: Arc<dyn Converter>,
    /// For values.
    pub value: Arc<dyn Converter>,
    /// For header values.
    pub header: Arc<dyn HeaderConverter>,
    /// The class for keys, as errors name it.
    pub key_class: &'static str,
    /// The class for values.
    pub value_class: &'static str,
    /// The class for header values.
    pub header_class: &'static str,
    /// The transforms.
    pub chain: Chain,
}

/// Everything a task is made of. Properties are resolved: no `${…}` is left in them.
#[derive(Debug)]
pub struct TaskSpec {
    /// Which task.
    pub id: TaskId,
    /// The connector's configuration.
    pub connector: Properties,
    /// The task's configuration, as the connector made it.
    pub task: Properties,
    /// The code.
    pub code: TaskCode,
    /// How the code runs.
    pub execution: Execution,
    /// The converters.
    pub converters: Converters,
    /// The state to begin in: running or paused.
    pub target: TargetState,
}

/// What a task's loop runs with, beside the code.
struct Parts {
    id: TaskId,
    connector: Properties,
    properties: Properties,
    converters: Converters,
    /// What becomes of the code.
    condition: Condition,
}

/// What all tasks of a worker share.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// Makes the clients of connectors.
    pub clients: Arc<Clients>,
    /// Where source offsets are kept.
    pub offsets: Arc<dyn OffsetStore>,
    /// Hears what becomes of tasks.
    pub statuses: Arc<dyn StatusListener>,
    /// What tasks count.
    pub metrics: Arc<WorkerMetrics>,
    /// Runs tasks.
    pub data: tokio::runtime::Handle,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Pause between two offset commits (`offset.flush.interval.ms`).
    pub flush_interval: Duration,
    /// Longest wait for a commit (`offset.flush.timeout.ms`).
    pub flush_timeout: Duration,
    /// Longest call of a task's code (`connector.call.timeout.ms`).
    pub call_timeout: Duration,
    /// Longest call once a task is asked to stop.
    pub stop_timeout: Duration,
    /// What the tasks of a connector that does not say may hold together, in bytes; none for no bound of their own.
    pub connector_memory_max: Option<u64>,
    /// Counts the threads that were left behind in connectors' code.
    pub(crate) threads: Threads,
}
