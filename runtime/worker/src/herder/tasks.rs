//! How the herder runs tasks, and a connector's consumer group.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{Properties, TopicPartition};

use crate::metrics::WorkerMetrics;
use crate::task::{self, StatusListener, Stopped, TaskContext, TaskHandle, TaskSpec};

/// Starts tasks.
pub trait TaskRunner: Send + Sync + fmt::Debug {
    /// Starts a task whose states are told to `statuses`; does not wait for any of them.
    fn start(&self, spec: TaskSpec, statuses: Arc<dyn StatusListener>) -> Box<dyn RunningTask>;

    /// What its tasks count, if they do.
    fn metrics(&self) -> Option<&WorkerMetrics> {
        None
    }
}

/// A started task.
#[async_trait]
pub trait RunningTask: Send + Sync + fmt::Debug {
    /// Asks the task to stand still.
    fn pause(&self);
    /// Asks the task to go on.
    fn resume(&self);
    /// Asks the task to end; returns at once.
    fn begin_stop(&self);
    /// Asks the task to end and waits for it, at most `deadline`; then it is abandoned.
    async fn stop(self: Box<Self>, deadline: Duration) -> Stopped;
}

impl TaskRunner for TaskContext {
    fn start(&self, spec: TaskSpec, statuses: Arc<dyn StatusListener>) -> Box<dyn RunningTask> {
        Box::new(task::spawn(
            spec,
            &TaskContext {
                statuses,
                ..self.clone()
            },
        ))
    }

    fn metrics(&self) -> Option<&WorkerMetrics> {
        Some(&self.metrics)
    }
}

#[async_trait]
impl RunningTask for TaskHandle {
    fn pause(&self) {
        TaskHandle::pause(self);
    }

    fn resume(&self) {
        TaskHandle::resume(self);
    }

    fn begin_stop(&self) {
        TaskHandle::begin_stop(self);
    }

    async fn stop(self: Box<Self>, deadline: Duration) -> Stopped {
        TaskHandle::stop(*self, deadline).await
    }
}

/// Why the offsets of a group could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupOffsetsError {
    /// The group still has members.
    #[error("{0}")]
    InUse(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// The committed offsets of sinks' consumer groups.
#[async_trait]
pub trait GroupOffsets: Send + Sync + fmt::Debug {
    /// The committed offsets of a sink's group.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    async fn list(
        &self,
        sink: &Sink<'_>,
    ) -> Result<BTreeMap<TopicPartition, i64>, GroupOffsetsError>;

    /// Sets or, for none, deletes offsets.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    async fn alter(
        &self,
        sink: &Sink<'_>,
        changes: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), GroupOffsetsError>;

    /// Deletes the group; one that does not exist is no error.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    async fn reset(&self, sink: &Sink<'_>) -> Result<(), GroupOffsetsError>;
}

/// A sink whose group is meant.
#[derive(Debug, Clone, Copy)]
pub struct Sink<'a> {
    /// The connector's name.
    pub name: &'a str,
    /// Its configuration.
    pub config: &'a Properties,
}

impl Sink<'_> {
    /// The consumer group: `connect-<name>` unless the connector overrides it.
    pub fn group(&self) -> String {
        let own = self
            .config
            .get("consumer.override.group.id")
            .map(|group| group.trim());
        own.filter(|group| !group.is_empty())
            .map_or_else(|| format!("connect-{}", self.name), str::to_owned)
    }
}
