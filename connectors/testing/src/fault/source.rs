//! A source that counts, and fails as it is told to.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    BatchAcks, ConnectError, ConnectorContext, Datum, Execution, OffsetMap, Plugin, Properties,
    Schema, SourceBatch, SourceConnector, SourceContext, SourcePartition, SourceRecord, SourceTask,
    Value,
};

use super::board::{FaultBoard, Injector};
use super::config::{FaultSourceConfig, parse};
use super::connector::FaultConnector;
use super::rule::{Fault, Place};
use crate::pace::Pace;
use crate::sequence;

/// Records of one batch at most.
const BATCH: usize = 500;
/// Records of one batch of a flood, and bytes of each.
const FLOOD: usize = 5_000;
const FLOOD_BYTES: usize = 200;
/// A partition that no topic of a test has.
const NO_PARTITION: i32 = 1_000_000;

/// The connector: `tasks.max` tasks, each of which counts for itself.
#[derive(Debug)]
pub struct FaultSource(FaultConnector<FaultSourceConfig>);

impl FaultSource {
    /// A source whose faults are on `board`.
    pub fn new(board: FaultBoard) -> Self {
        Self(FaultConnector::new(board))
    }
}

#[async_trait]
impl SourceConnector for FaultSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.FaultSourceConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Thread,
        }
    }

    fn definition(&self) -> ConfigDef {
        FaultSourceConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        self.0.validate(properties).await
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.0.start(properties).await
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        self.0.meet(Place::TaskConfigs).await?;
        let config = self.0.config.as_ref();
        let surplus = config.and_then(|config| usize::try_from(config.surplus_tasks).ok());
        let tasks = max_tasks + surplus.unwrap_or(0);
        Ok(crate::verifiable::with_ids(&self.0.properties, tasks))
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FaultSourceTask {
            board: self.0.task(),
            running: None,
        })
    }

    async fn stop(&mut self) {
        self.0.stop().await;
    }

    async fn alter_offsets(
        &self,
        properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        self.0.alter_offsets(properties).await?;
        for offset in offsets.iter().filter_map(|(_, offset)| offset.as_ref()) {
            if offset
                .get("seqno")
                .and_then(|seqno| seqno.as_u64())
                .is_none()
            {
                return Err(ConnectError::connect(format!(
                    "the offset {} has no whole number 'seqno' from 0",
                    serde_json::Value::Object(offset.clone())
                )));
            }
        }
        Ok(true)
    }
}

#[derive(Debug)]
struct FaultSourceTask {
    board: FaultBoard,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    faults: Injector,
    context: SourceContext,
    topic: Arc<str>,
    source: SourcePartition,
    schema: Arc<Schema>,
    pace: Pace,
    next: i64,
    /// The first number of the last batch.
    last: i64,
}

#[async_trait]
impl SourceTask for FaultSourceTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SourceContext,
    ) -> Result<(), ConnectError> {
        let config: FaultSourceConfig = parse(properties)?;
        let task = context.id().task;
        let faults = Injector::new(self.board.clone(), &context.id().connector, Some(task));
        faults.meet(Place::Start).await?;
        let source = sequence::partition(task.into());
        let next = sequence::next(&context, &source).await?;
        self.running = Some(Running {
            faults,
            context,
            topic: config.topic.into(),
            source,
            schema: Schema::string(),
            pace: Pace::new(config.rate as f64),
            next,
            last: next,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match &mut self.running {
            Some(running) => running.poll().await,
            None => Err(ConnectError::connect(
                "cannot poll a task that is not started",
            )),
        }
    }

    async fn commit(&mut self) {
        if let Some(running) = &self.running {
            super::told(running.faults.meet(Place::Commit).await);
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            super::told(running.faults.meet(Place::Stop).await);
        }
    }
}

impl Running {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        match self.faults.meet(Place::Poll).await? {
            Some(Fault::Flood) => return Ok(Some(self.batch(FLOOD, FLOOD_BYTES, None))),
            Some(Fault::Duplicate) => self.next = self.last,
            Some(Fault::Backward) => self.next /= 2,
            Some(Fault::Foreign) => return Ok(Some(self.batch(1, 0, Some(NO_PARTITION)))),
            _ => {}
        }
        let count = self.pace.due(BATCH, &self.context).await;
        Ok((count > 0).then(|| self.batch(count, 0, None)))
    }

    /// The next numbers, with blanks behind them up to `width`.
    fn batch(&mut self, count: usize, width: usize, partition: Option<i32>) -> SourceBatch {
        let first = self.next;
        let records = (first..first + count as i64).map(|seqno| SourceRecord {
            topic: Arc::clone(&self.topic),
            partition,
            key: Datum::schemaless(Value::Null),
            value: Datum::new(
                Arc::clone(&self.schema),
                Value::String(format!("{seqno:<width$}")),
            ),
            timestamp: None,
            headers: Vec::new(),
            source: self.source.clone(),
            mark: seqno,
        });
        let mut batch = SourceBatch::from_records(records);
        batch.notify(Arc::new(Answers(self.faults.clone())));
        self.last = first;
        self.next = first + count as i64;
        batch
    }
}

/// Hears of acknowledgements, and fails as told.
#[derive(Debug)]
struct Answers(Injector);

impl BatchAcks for Answers {
    fn acknowledged(&self, _rows: Range<usize>, _stored: bool) {
        self.0.meet_now(Place::Acknowledged);
    }
}
