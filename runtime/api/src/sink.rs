//! Sinks: connectors that carry records out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::{
    ConnectError, ConnectorContext, ConsumedRecord, Plugin, Properties, SinkBatch, SinkRow, TaskId,
    TopicPartition, config::ConfigDef,
};

/// The offset to consume next, by partition.
pub type SinkOffsets = BTreeMap<TopicPartition, i64>;

/// A sink connector: checks its configuration and splits the work into tasks.
#[async_trait]
pub trait SinkConnector: Send + Sync {
    /// What the registry needs to know of the class.
    fn plugin() -> Plugin
    where
        Self: Sized;

    /// The keys this connector understands.
    fn definition(&self) -> ConfigDef;

    /// Checks the connector's own keys together; returns a key and a message for each fault.
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
    fn task(&self) -> Box<dyn SinkTask>;

    /// Lets go of what `start` took.
    async fn stop(&mut self) {}

    /// Checks offsets that a user wants to set for the consumer group; none resets a partition. Returns true if the
    /// connector has taken care of offsets that it keeps itself.
    ///
    /// # Errors
    /// When an offset cannot be used.
    async fn alter_offsets(
        &self,
        _properties: &Properties,
        _offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        Ok(false)
    }
}

/// What a [`put`](SinkTask::put) that has failed for good leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedPut {
    /// Some of the records may have been written, nobody knows which.
    #[default]
    Unknown,
    /// Nothing: a batch is written as a whole or not at all.
    Nothing,
    /// Some of the records may have been written, and writing them once more changes nothing.
    Repeatable,
}

/// A sink task. Its life: `start`, `open` (partitions assigned), `put` and `pre_commit` any number of times, `close`
/// (partitions taken away), `stop`.
#[async_trait]
pub trait SinkTask: Send {
    /// Prepares the task.
    ///
    /// # Errors
    /// When it cannot run; the task is then FAILED.
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError>;

    /// Partitions have been assigned.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Takes a batch by reference, so that redelivery is free. The batch may be empty.
    ///
    /// # Errors
    /// After a retriable error the same batch is given again; any other fails the task.
    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError>;

    /// Says, once the task has started, what a `put` that failed for good leaves behind. Where it is nothing, or nothing
    /// that a repetition would change, the worker finds the record at fault by halves, which goes to the dead letter
    /// queue while the rest is written; else the task fails.
    fn failed_put(&self) -> FailedPut {
        FailedPut::Unknown
    }

    /// Makes what was put safe and returns what may be committed of `offsets`: all of them by default.
    ///
    /// # Errors
    /// Nothing is committed, and the consumer goes back to the last committed offsets.
    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        Ok(offsets)
    }

    /// Partitions are being taken away.
    ///
    /// # Errors
    /// Any error fails the task.
    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Lets go of what `start` took.
    async fn stop(&mut self) {}
}

/// What a sink task has asked for since the worker last looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SinkRequest {
    /// Offsets to go on from instead.
    pub rewind: SinkOffsets,
    /// Partitions to stop reading (true) or to read again (false).
    pub pause: BTreeMap<TopicPartition, bool>,
    /// Whether offsets should be committed soon.
    pub commit: bool,
}

/// A record that a sink could not write, and why.
#[derive(Debug)]
pub struct ErrantRecord {
    /// The record as it was consumed.
    pub record: ConsumedRecord,
    /// Why it could not be written.
    pub error: ConnectError,
}

/// Takes records that a sink cannot write, each for itself, so that the rest of a batch goes through: they are logged or
/// go to the dead letter queue, as the connector's `errors.*` settings say.
#[derive(Clone, Debug)]
pub struct ErrantRecordReporter {
    reported: Arc<Mutex<Vec<ErrantRecord>>>,
}

impl ErrantRecordReporter {
    /// Reports a record of the batch that `put` is given. The worker acts on it once `put` has returned well: with
    /// `errors.tolerance=none` the task then fails. What is reported by a `put` that fails counts for nothing, for the
    /// batch is given again or the task ends.
    pub fn report(&self, row: &SinkRow<'_>, error: ConnectError) {
        self.report_consumed(row.consumed(), error);
    }

    /// The same for a record of an earlier `put`, by a sink that goes on writing after `put` has returned. Until a `put`
    /// has reported the record, `pre_commit` must not name an offset behind it.
    pub fn report_consumed(&self, record: ConsumedRecord, error: ConnectError) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.push(ErrantRecord { record, error });
    }
}

/// What a running sink task may ask of the worker.
#[derive(Clone)]
pub struct SinkContext {
    id: TaskId,
    running: watch::Receiver<bool>,
    request: Arc<Mutex<SinkRequest>>,
    errant: Option<ErrantRecordReporter>,
    awake: Arc<Notify>,
}

impl SinkContext {
    /// A context for task `id`; `running` is false while the task is to pause or stop.
    pub fn new(id: TaskId, running: watch::Receiver<bool>) -> Self {
        Self {
            id,
            running,
            request: Arc::default(),
            errant: None,
            awake: Arc::default(),
        }
    }

    /// The same, in which records can be reported that cannot be written.
    #[must_use]
    pub fn with_errant_records(mut self) -> Self {
        self.errant = Some(ErrantRecordReporter {
            reported: Arc::default(),
        });
        self
    }

    /// Takes records that cannot be written; none where the connector neither logs errors nor has a dead letter queue,
    /// in which case a record that cannot be written is an error of `put`.
    pub fn errant_records(&self) -> Option<&ErrantRecordReporter> {
        self.errant.as_ref()
    }

    /// Takes the records that were reported since the last call; called by the worker.
    pub fn take_errant_records(&self) -> Vec<ErrantRecord> {
        let Some(errant) = &self.errant else {
            return Vec::new();
        };
        std::mem::take(
            &mut *errant
                .reported
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The task.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// Goes on from `offsets` at the next poll.
    pub fn rewind(&self, offsets: SinkOffsets) {
        self.with(|request| request.rewind.extend(offsets));
    }

    /// Stops reading from partitions.
    pub fn pause(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.with(|request| {
            request
                .pause
                .extend(partitions.into_iter().map(|partition| (partition, true)))
        });
    }

    /// Reads from partitions again.
    pub fn resume(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.with(|request| {
            request
                .pause
                .extend(partitions.into_iter().map(|partition| (partition, false)))
        });
    }

    /// Asks for an offset commit soon.
    pub fn request_commit(&self) {
        self.with(|request| request.commit = true);
    }

    /// Asks for a call of `put` soon, without records if none have come: for a sink that goes on writing after `put` has
    /// returned, and has something to say.
    pub fn wake(&self) {
        self.awake.notify_one();
    }

    /// Completes once the task has asked for a call of `put`; called by the worker.
    pub async fn woken(&self) {
        self.awake.notified().await;
    }

    /// Takes what the task has asked for; called by the worker.
    pub fn take_request(&self) -> SinkRequest {
        self.with(std::mem::take)
    }

    /// Completes once the task is asked to pause or stop.
    pub async fn interrupted(&self) {
        let mut running = self.running.clone();
        let _gone = running.wait_for(|running| !running).await.is_err();
    }

    fn with<T>(&self, change: impl FnOnce(&mut SinkRequest) -> T) -> T {
        change(&mut self.request.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for SinkContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkContext")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
