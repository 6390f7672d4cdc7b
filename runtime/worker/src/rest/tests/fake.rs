//! A worker without a cluster: connectors that do nothing, tasks that only report their states.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use millrace_api::{
    ConnectError, ConnectorContext, Execution, OffsetMap, Plugin, Properties, SinkBatch,
    SinkConnector, SinkContext, SinkTask, SourceBatch, SourceConnector, SourceContext, SourceTask,
    TaskId, TopicPartition,
};
use millrace_config::{ConfigDef, ConfigKey, Type, Validator};

use crate::herder::{GroupOffsets, GroupOffsetsError, RunningTask, Sink, TaskRunner};
use crate::store::{OffsetChange, OffsetStore, StoreError};
use crate::task::{State, StatusListener, Stopped, TargetState, TaskSpec};

/// A source with the names of Kafka's file source. `fail` says where it fails or hangs.
#[derive(Default)]
pub(super) struct Source {
    config: Properties,
    asked: AtomicBool,
    context: Option<ConnectorContext>,
}

pub(super) const SOURCE: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";
pub(super) const SINK: &str = "org.apache.kafka.connect.file.FileStreamSinkConnector";

fn plugin(class: &'static str) -> Plugin {
    Plugin {
        class,
        aliases: &[],
        version: "1.2.3",
        execution: Execution::Thread,
    }
}

fn definition() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::new("file", Type::String).optional())
        .key(ConfigKey::new("topic", Type::String).validator(Validator::NonEmpty))
        .key(ConfigKey::new("secret", Type::Password).optional())
}

#[async_trait]
impl SourceConnector for Source {
    fn plugin() -> Plugin {
        plugin(SOURCE)
    }

    fn definition(&self) -> ConfigDef {
        definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        self.context = Some(context);
        self.config = properties.clone();
        match properties.get("fail").map(String::as_str) {
            Some("start") => Err(ConnectError::connect("told to fail")),
            Some("panic") => panic!("told to panic"),
            Some("hang") => {
                std::thread::sleep(Duration::from_secs(3));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        if self.config.contains_key("grow") && !self.asked.swap(true, Ordering::Relaxed) {
            self.context
                .iter()
                .for_each(ConnectorContext::request_reconfiguration);
            return Ok(vec![Properties::new()]);
        }
        let count = self
            .config
            .get("count")
            .and_then(|count| count.parse().ok())
            .unwrap_or(max_tasks);
        Ok(vec![
            Properties::from([("file".to_owned(), "f".to_owned())]);
            count
        ])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(NoTask)
    }

    async fn alter_offsets(
        &self,
        _properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        match offsets.iter().all(|(partition, _)| {
            partition
                .as_ref()
                .is_some_and(|map| map.contains_key("filename"))
        }) {
            true => Ok(true),
            false => Err(ConnectError::connect("a partition needs a filename")),
        }
    }
}

/// A sink with the names of Kafka's file sink.
#[derive(Default)]
pub(super) struct FakeSink;

#[async_trait]
impl SinkConnector for FakeSink {
    fn plugin() -> Plugin {
        plugin(SINK)
    }

    fn definition(&self) -> ConfigDef {
        ConfigDef::new().key(ConfigKey::new("file", Type::String).optional())
    }

    async fn start(
        &mut self,
        _properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![Properties::new(); max_tasks])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(NoTask)
    }
}

struct NoTask;

#[async_trait]
impl SourceTask for NoTask {
    async fn start(
        &mut self,
        _properties: &Properties,
        _context: SourceContext,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<SourceBatch>, ConnectError> {
        Ok(None)
    }
}

#[async_trait]
impl SinkTask for NoTask {
    async fn start(
        &mut self,
        _properties: &Properties,
        _context: SinkContext,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    async fn put(&mut self, _batch: &SinkBatch) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// Reports at once what a real task would report in time; `task.fail` in the connector's configuration fails it.
#[derive(Debug)]
pub(super) struct Tasks;

impl TaskRunner for Tasks {
    fn start(&self, spec: TaskSpec, statuses: Arc<dyn StatusListener>) -> Box<dyn RunningTask> {
        let task = Task {
            id: spec.id,
            statuses,
        };
        if spec.connector.contains_key("task.fail") {
            task.report(
                State::Failed,
                Some("java.lang.Exception: told to fail\n".to_owned()),
            );
        } else {
            task.report(
                if spec.target == TargetState::Paused {
                    State::Paused
                } else {
                    State::Running
                },
                None,
            );
            task.statuses.topic(&task.id, "t1");
        }
        Box::new(task)
    }
}

#[derive(Debug)]
struct Task {
    id: TaskId,
    statuses: Arc<dyn StatusListener>,
}

impl Task {
    fn report(&self, state: State, trace: Option<String>) {
        self.statuses.task(&self.id, state, trace);
    }
}

#[async_trait]
impl RunningTask for Task {
    fn pause(&self) {
        self.report(State::Paused, None);
    }

    fn resume(&self) {
        self.report(State::Running, None);
    }

    fn begin_stop(&self) {
        self.report(State::Unassigned, None);
    }

    async fn stop(self: Box<Self>, _deadline: Duration) -> Stopped {
        self.begin_stop();
        Stopped::Graceful
    }
}

/// Source offsets in memory, without regard to which connector's they are.
#[derive(Debug, Default)]
pub(super) struct Offsets(Mutex<Vec<(OffsetMap, OffsetMap)>>);

#[async_trait]
impl OffsetStore for Offsets {
    async fn get(
        &self,
        _connector: &str,
        partition: &OffsetMap,
    ) -> Result<Option<OffsetMap>, StoreError> {
        let known = self.0.lock().unwrap();
        Ok(known
            .iter()
            .find(|(key, _)| key == partition)
            .map(|(_, offset)| offset.clone()))
    }

    async fn put(&self, _connector: &str, changes: Vec<OffsetChange>) -> Result<(), StoreError> {
        let mut known = self.0.lock().unwrap();
        for (partition, offset) in changes {
            known.retain(|(key, _)| *key != partition);
            known.extend(offset.map(|offset| (partition, offset)));
        }
        Ok(())
    }

    async fn list(&self, _connector: &str) -> Result<Vec<(OffsetMap, OffsetMap)>, StoreError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Offsets of one consumer group in memory.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<BTreeMap<TopicPartition, i64>>);

#[async_trait]
impl GroupOffsets for Groups {
    async fn list(
        &self,
        _sink: &Sink<'_>,
    ) -> Result<BTreeMap<TopicPartition, i64>, GroupOffsetsError> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn alter(
        &self,
        _sink: &Sink<'_>,
        changes: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), GroupOffsetsError> {
        let mut known = self.0.lock().unwrap();
        for (partition, offset) in changes {
            match offset {
                Some(offset) => known.insert(partition.clone(), *offset),
                None => known.remove(partition),
            };
        }
        Ok(())
    }

    async fn reset(&self, sink: &Sink<'_>) -> Result<(), GroupOffsetsError> {
        if sink.config.contains_key("busy") {
            return Err(GroupOffsetsError::InUse("NON_EMPTY_GROUP".to_owned()));
        }
        self.0.lock().unwrap().clear();
        Ok(())
    }
}
