//! What sources and sinks share: plugins, task ids, the connector's context.

use std::fmt;
use std::sync::Arc;

/// A task of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The connector's name.
    pub connector: Arc<str>,
    /// The task's number, from 0.
    pub task: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The release of Kafka Connect that this project behaves as. Plugins under the names of Kafka's own classes have its
/// version, so that configurations which ask for one find it.
pub const CONNECT_VERSION: &str = "4.1.0";

/// How the worker runs a plugin's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Execution {
    /// On the worker's data runtime: the calls never hold their thread for long.
    Async,
    /// On a thread and a small runtime of its own: the calls may block.
    #[default]
    Thread,
}

/// What the registry knows of a connector class.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// The name under which it is listed: Java's full class name for Kafka's own connectors.
    pub class: &'static str,
    /// Further full names that are accepted. Simple names, with and without `Connector`, follow from the names.
    pub aliases: &'static [&'static str],
    /// The version shown by REST.
    pub version: &'static str,
    /// How its calls run.
    pub execution: Execution,
}

type Notify = dyn Fn() + Send + Sync;

/// What a running connector may ask of the worker.
#[derive(Clone)]
pub struct ConnectorContext {
    name: Arc<str>,
    reconfigure: Arc<Notify>,
}

impl ConnectorContext {
    /// A context for connector `name`; `reconfigure` is called when the connector wants new task configurations.
    pub fn new(name: Arc<str>, reconfigure: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            name,
            reconfigure: Arc::new(reconfigure),
        }
    }

    /// The connector's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the worker to fetch the task configurations again, because the work has changed.
    pub fn request_reconfiguration(&self) {
        (self.reconfigure)();
    }
}

impl fmt::Debug for ConnectorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorContext")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
