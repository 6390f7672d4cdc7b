//! The connector: as many tasks as it may have, each with files of its own partitions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
    TopicPartition,
};

use crate::config::FileSinkConfig;
use crate::recovery;
use crate::task::FileSinkTask;

/// Writes records into files that are complete when they appear.
#[derive(Debug, Default)]
pub struct FileSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for FileSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.FileSinkConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        FileSinkConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        FileSinkConfig::contradictions(properties)
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        FileSinkConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone(); max_tasks.max(1)])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FileSinkTask::default())
    }

    /// The journals would lead the consumer back to their own offsets, so they are told of the new ones.
    async fn alter_offsets(
        &self,
        properties: &Properties,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        let config = FileSinkConfig::read(properties)?;
        let name = properties.get("name").cloned().unwrap_or_default();
        let offsets = offsets.clone();
        tokio::task::spawn_blocking(move || {
            recovery::alter(&config.directory(), &name, &config.layout(), &offsets)
        })
        .await
        .map_err(|error| ConnectError::connect("cannot run on the blocking pool").caused_by(error))?
        .map_err(ConnectError::from)?;
        Ok(true)
    }
}
