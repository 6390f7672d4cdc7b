//! Drives the first task of a sink.

use std::sync::Arc;

use bytes::Bytes;
use millrace_api::{
    Column, ConnectError, ConnectorContext, Properties, Row, Schema, SinkBatch, SinkConnector,
    SinkContext, SinkOffsets, SinkRequest, SinkTask, Span, TaskId, TopicPartition,
};
use tokio::sync::watch;

use crate::hold::within;
use crate::source::PATIENCE;

/// A started sink connector with its first task.
pub struct SinkRun<C> {
    connector: C,
    task: Box<dyn SinkTask>,
    context: SinkContext,
    running: watch::Sender<bool>,
}

impl<C: SinkConnector> SinkRun<C> {
    /// Starts `connector` and its first task, and opens `partitions`.
    ///
    /// # Errors
    /// What the connector or the task refuses.
    pub async fn start(
        mut connector: C,
        properties: &Properties,
        partitions: &[TopicPartition],
    ) -> Result<Self, ConnectError> {
        let name: Arc<str> = Arc::from("test");
        connector
            .start(properties, ConnectorContext::new(Arc::clone(&name), || {}))
            .await?;
        let task_properties = connector.task_configs(1).await?.into_iter().next();
        let task_properties =
            task_properties.ok_or_else(|| ConnectError::connect("the connector has no task"))?;
        let (running, is_running) = watch::channel(true);
        let context = SinkContext::new(
            TaskId {
                connector: name,
                task: 0,
            },
            is_running,
        );
        let mut task = connector.task();
        task.start(&task_properties, context.clone()).await?;
        task.open(partitions).await?;
        Ok(Self {
            connector,
            task,
            context,
            running,
        })
    }

    /// Gives the task a batch.
    ///
    /// # Errors
    /// What the task says.
    pub async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        within(PATIENCE, "put", self.task.put(batch)).await
    }

    /// Asks what of `offsets` may be committed.
    ///
    /// # Errors
    /// What the task says.
    pub async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        within(PATIENCE, "pre_commit", self.task.pre_commit(offsets)).await
    }

    /// What the task has asked for.
    pub fn requests(&self) -> SinkRequest {
        self.context.take_request()
    }

    /// The task, to be called at will.
    pub fn task(&mut self) -> &mut dyn SinkTask {
        self.task.as_mut()
    }

    /// Takes `partitions` away and stops task and connector.
    ///
    /// # Errors
    /// What the task says to losing its partitions.
    pub async fn stop(mut self, partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.running.send_replace(false);
        let closed = within(PATIENCE, "close", self.task.close(partitions)).await;
        within(PATIENCE, "stopping the task", self.task.stop()).await;
        within(PATIENCE, "stopping the connector", self.connector.stop()).await;
        closed
    }
}

impl<C: std::fmt::Debug> std::fmt::Debug for SinkRun<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkRun")
            .field("connector", &self.connector)
            .finish_non_exhaustive()
    }
}

/// Makes batches of text values in one partition, as a consumer with the string converter does.
#[derive(Debug)]
pub struct TextSinkBatch {
    partition: TopicPartition,
    next_offset: i64,
}

impl TextSinkBatch {
    /// Batches of `partition`, from offset 0 on.
    pub fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            next_offset: 0,
        }
    }

    /// A batch of `values`.
    pub fn next<'a>(&mut self, values: impl IntoIterator<Item = Option<&'a str>>) -> SinkBatch {
        let mut text = Vec::new();
        let mut rows = Vec::new();
        for value in values {
            let start = text.len() as u32;
            text.extend_from_slice(value.unwrap_or_default().as_bytes());
            let value = value.map_or(Span::NULL, |value| Span {
                block: 0,
                start,
                len: value.len() as u32,
            });
            let timestamp = 1_700_000_000_000 + self.next_offset;
            rows.push(Row {
                key: Span::NULL,
                value,
                headers: Span::EMPTY,
                timestamp,
                mark: self.next_offset,
            });
            self.next_offset += 1;
        }
        let mut batch = SinkBatch::new();
        batch.push_block(Bytes::from(text));
        batch.begin_run(millrace_api::SinkRun {
            end: 0,
            topic: Arc::clone(&self.partition.topic),
            original_topic: None,
            partition: self.partition.partition,
            log_append_time: false,
            key: Column::Null,
            value: Column::Text(Some(Schema::optional_string())),
            headers: None,
        });
        batch.extend(rows);
        batch
    }

    /// The offsets behind what was made.
    pub fn offsets(&self) -> SinkOffsets {
        SinkOffsets::from([(self.partition.clone(), self.next_offset)])
    }
}
