//! A sink that appends values to a file, and fails as it is told to.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    Cell, ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkBatch, SinkConnector,
    SinkContext, SinkOffsets, SinkTask, TopicPartition,
};

use super::board::{FaultBoard, Injector};
use super::config::{FaultSinkConfig, parse};
use super::connector::FaultConnector;
use super::rule::{Fault, Place};

/// How far ahead of what it was given a sink goes that is told to.
const AHEAD: i64 = 1_000;

/// The connector: `tasks.max` tasks, which append to the same file.
#[derive(Debug)]
pub struct FaultSink(FaultConnector<FaultSinkConfig>);

impl FaultSink {
    /// A sink whose faults are on `board`.
    pub fn new(board: FaultBoard) -> Self {
        Self(FaultConnector::new(board))
    }
}

#[async_trait]
impl SinkConnector for FaultSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.FaultSinkConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Thread,
        }
    }

    fn definition(&self) -> ConfigDef {
        FaultSinkConfig::definition()
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
        Ok(vec![self.0.properties.clone(); max_tasks])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FaultSinkTask {
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
        _offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        self.0.alter_offsets(properties).await?;
        Ok(true)
    }
}

#[derive(Debug)]
struct FaultSinkTask {
    board: FaultBoard,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    faults: Injector,
    context: SinkContext,
    file: Option<File>,
    /// What `pre_commit` said the last time.
    said: SinkOffsets,
}

#[async_trait]
impl SinkTask for FaultSinkTask {
    async fn start(
        &mut self,
        properties: &Properties,
        context: SinkContext,
    ) -> Result<(), ConnectError> {
        let config: FaultSinkConfig = parse(properties)?;
        let task = context.id().task;
        let faults = Injector::new(self.board.clone(), &context.id().connector, Some(task));
        faults.meet(Place::Start).await?;
        let file = config.file.as_deref().map(open).transpose()?;
        self.running = Some(Running {
            faults,
            context,
            file,
            said: SinkOffsets::new(),
        });
        Ok(())
    }

    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        self.running()?.faults.meet(Place::Open).await.map(drop)
    }

    async fn put(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        if batch.is_empty() {
            return Ok(());
        }
        let running = self.running()?;
        let fault = running.faults.meet(Place::Put).await?;
        running.append(batch)?;
        match fault {
            Some(Fault::Flood) => running.context.request_commit(),
            Some(fault) => running.context.rewind(wrong_place(fault, batch)),
            None => {}
        }
        Ok(())
    }

    async fn pre_commit(&mut self, mut offsets: SinkOffsets) -> Result<SinkOffsets, ConnectError> {
        let running = self.running()?;
        match running.faults.meet(Place::PreCommit).await? {
            Some(Fault::Duplicate) => offsets.clone_from(&running.said),
            Some(Fault::Backward) => offsets.values_mut().for_each(|offset| *offset = 0),
            Some(Fault::Ahead) => offsets.values_mut().for_each(|offset| *offset += AHEAD),
            Some(Fault::Foreign) => {
                offsets.insert(nobodys(), 7);
            }
            _ => {}
        }
        running.said.clone_from(&offsets);
        Ok(offsets)
    }

    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<(), ConnectError> {
        match &self.running {
            Some(running) => running.faults.meet(Place::Close).await.map(drop),
            None => Ok(()),
        }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            super::told(running.faults.meet(Place::Stop).await);
        }
    }
}

impl FaultSinkTask {
    fn running(&mut self) -> Result<&mut Running, ConnectError> {
        self.running
            .as_mut()
            .ok_or_else(|| ConnectError::connect("the task is not started"))
    }
}

impl Running {
    fn append(&mut self, batch: &SinkBatch) -> Result<(), ConnectError> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut lines = Vec::new();
        for row in batch.rows() {
            match row.value() {
                Cell::Null => {}
                Cell::Text(bytes) | Cell::Bytes(bytes) => lines.extend_from_slice(bytes),
                Cell::Value(datum) => lines.extend_from_slice(datum.value.to_string().as_bytes()),
            }
            lines.push(b'\n');
        }
        file.write_all(&lines)
            .map_err(|error| ConnectError::connect("cannot append to the file").caused_by(error))
    }
}

/// Offsets that a sink has no reason to go on from.
fn wrong_place(fault: Fault, batch: &SinkBatch) -> SinkOffsets {
    let firsts = batch.rows().map(|row| {
        let partition = TopicPartition {
            topic: row.topic().clone(),
            partition: row.partition(),
        };
        (partition, row.offset())
    });
    let mut first = SinkOffsets::new();
    for (partition, offset) in firsts {
        first.entry(partition).or_insert(offset);
    }
    match fault {
        Fault::Backward => first.values_mut().for_each(|offset| *offset = 0),
        Fault::Ahead => first
            .values_mut()
            .for_each(|offset| *offset += AHEAD * AHEAD),
        Fault::Foreign => first = SinkOffsets::from([(nobodys(), 7)]),
        _ => {}
    }
    first
}

/// A partition that no task has.
fn nobodys() -> TopicPartition {
    TopicPartition {
        topic: "nobody-s".into(),
        partition: 7,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this plugin runs on a thread of its own, because it is one that may block"
)]
fn open(path: &str) -> Result<File, ConnectError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| ConnectError::connect(format!("cannot open {path}")).caused_by(error))
}
