//! Sources: connectors that bring records in.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    Backlog, BacklogListener, ConnectError, ConnectorContext, EventListener, OffsetListener,
    OffsetMap, OffsetReader, Plugin, Properties, SourceBatch, TaskId, config::ConfigDef,
};

/// Whether a source can take part in exactly-once delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    /// Its offsets are exact: a record is never given twice for one offset.
    Supported,
    /// It cannot.
    Unsupported,
}

/// A source connector: checks its configuration and splits the work into tasks.
///
/// One instance lives as long as the connector runs. The worker calls `start`, then `task_configs` (again after
/// [`ConnectorContext::request_reconfiguration`]), then `stop`.
#[async_trait]
pub trait SourceConnector: Send + Sync {
    /// What the registry needs to know of the class.
    fn plugin() -> Plugin
    where
        Self: Sized;

    /// The keys this connector understands.
    fn definition(&self) -> ConfigDef;

    /// Checks the connector's own keys together; the worker has checked each key by the definition before. Returns a
    /// key and a message for each fault.
    async fn validate(&self, _properties: &Properties) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Prepares the connector.
    ///
    /// # Errors
    /// When it cannot run; the connector is then FAILED.
    async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError>;

    /// The configurations of the tasks, at most `max_tasks`.
    ///
    /// # Errors
    /// When the work cannot be split; the connector is then FAILED.
    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError>;

    /// A new task, not yet started.
    fn task(&self) -> Box<dyn SourceTask>;

    /// Lets go of what `start` took.
    async fn stop(&mut self) {}

    /// Whether exactly-once delivery can be had with these properties; none if the connector does not say.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        None
    }

    /// Checks offsets that a user wants to store: pairs of partition and offset, none to drop the partition's offset.
    /// Returns true if the connector has taken care of offsets that it keeps itself.
    ///
    /// # Errors
    /// When a partition or an offset is not one of this connector's.
    async fn alter_offsets(
        &self,
        _properties: &Properties,
        _offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        Ok(false)
    }
}

/// A source task: reads its part of the system and returns batches.
#[async_trait]
pub trait SourceTask: Send {
    /// Prepares the task; committed offsets are read through the context.
    ///
    /// # Errors
    /// When it cannot run; the task is then FAILED.
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError>;

    /// The next records, or none if there are none. May wait for records as long as it returns soon after
    /// [`SourceContext::interrupted`] completes. It is never dropped half way except when the task ends for good.
    ///
    /// # Errors
    /// A retriable error is logged and `poll` called again; any other fails the task.
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError>;

    /// Called after offsets were committed.
    async fn commit(&mut self) {}

    /// Lets go of what `start` took.
    async fn stop(&mut self) {}
}

/// Hears which rows of a batch the broker has acknowledged, on whatever thread the answer arrives; must not block.
///
/// It stands on the batch rather than on the task because acknowledgements arrive while `poll` waits.
pub trait BatchAcks: Send + Sync + fmt::Debug {
    /// Rows (by index in the batch) are stored, or with false were dropped by the pipeline's error policy.
    fn acknowledged(&self, rows: Range<usize>, stored: bool);

    /// Where rows were stored, heard just before they are acknowledged: the topic's partition, and the offset of the
    /// first of them, each next row having the next offset; -1 where the broker does not say. Most sources need not
    /// know.
    fn stored_at(&self, _rows: Range<usize>, _partition: i32, _base_offset: i64) {}
}

/// What a running source task may ask of the worker.
#[derive(Clone, Debug)]
pub struct SourceContext {
    id: TaskId,
    offsets: Arc<dyn OffsetReader>,
    running: watch::Receiver<bool>,
    backlog: Option<Arc<dyn BacklogListener>>,
    events: Option<Arc<dyn EventListener>>,
    offset_listener: Option<Arc<dyn OffsetListener>>,
}

impl SourceContext {
    /// A context for task `id`; `running` is false while the task is to pause or stop.
    pub fn new(id: TaskId, offsets: Arc<dyn OffsetReader>, running: watch::Receiver<bool>) -> Self {
        Self {
            id,
            offsets,
            running,
            backlog: None,
            events: None,
            offset_listener: None,
        }
    }

    /// The same, whose task's backlog somebody wants to hear of.
    #[must_use]
    pub fn with_backlog(mut self, listener: Arc<dyn BacklogListener>) -> Self {
        self.backlog = Some(listener);
        self
    }

    /// The same, of whose task somebody wants to hear what it counts.
    #[must_use]
    pub fn with_events(mut self, listener: Arc<dyn EventListener>) -> Self {
        self.events = Some(listener);
        self
    }

    /// The same, whose task may have offsets committed that no record bears.
    #[must_use]
    pub fn with_offset_listener(mut self, listener: Arc<dyn OffsetListener>) -> Self {
        self.offset_listener = Some(listener);
        self
    }

    /// The task.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// The committed offset of a source partition.
    ///
    /// # Errors
    /// When the offset store cannot be read.
    pub async fn offset(&self, partition: &OffsetMap) -> Result<Option<OffsetMap>, ConnectError> {
        self.offsets.offset(partition).await
    }

    /// All committed offsets of the connector, those of its other tasks too: pairs of partition and offset.
    ///
    /// # Errors
    /// When the offset store cannot be read.
    pub async fn offsets(&self) -> Result<Vec<(OffsetMap, OffsetMap)>, ConnectError> {
        self.offsets.offsets().await
    }

    /// Has an offset committed that no record bears, once every record that earlier calls of `poll` have returned was
    /// answered (and not before). A later offset of the same partition, of a record or not, takes its place. Calls from
    /// [`SourceTask::stop`] come too late, and a preview commits nothing. Does not block.
    pub fn commit_offset(&self, partition: OffsetMap, offset: OffsetMap) {
        if let Some(listener) = &self.offset_listener {
            listener.commit_offset(partition, offset);
        }
    }

    /// Tells what waits in the system and was not read yet, in place of what was told before. A source that knows it tells
    /// it about once a second, and when nothing is left.
    pub fn tell_backlog(&self, backlog: Backlog) {
        if let Some(listener) = &self.backlog {
            listener.backlog(backlog);
        }
    }

    /// Tells how often something has happened since the task was started that no record shows, such as a line that was left
    /// out; `event` names it in lower case, with underscores. Not for each time: about once a second is enough.
    pub fn tell_event(&self, event: &'static str, total: u64) {
        if let Some(listener) = &self.events {
            listener.event(event, total);
        }
    }

    /// Completes once the task is asked to pause or stop; at once if it already is.
    pub async fn interrupted(&self) {
        let mut running = self.running.clone();
        // A closed channel means that the worker is gone: an interruption as well.
        let _gone = running.wait_for(|running| !running).await.is_err();
    }

    /// Whether the task is asked to pause or stop.
    pub fn is_interrupted(&self) -> bool {
        !*self.running.borrow() || self.running.has_changed().is_err()
    }
}
