//! The connector: any number of tasks, all appending to the same file.

use std::collections::BTreeMap;

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    CONNECT_VERSION, ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector,
    SinkTask, TopicPartition,
};

use super::FileStreamSinkTask;
use crate::config::SinkConfig;

/// Appends records to a file, or writes them to standard output.
#[derive(Debug, Default)]
pub struct FileStreamSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for FileStreamSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
            aliases: &[],
            version: CONNECT_VERSION,
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SinkConfig::definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        parse(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone(); max_tasks])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FileStreamSinkTask::default())
    }

    async fn alter_offsets(
        &self,
        _properties: &Properties,
        _offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool, ConnectError> {
        Ok(true)
    }
}

/// The typed configuration.
pub(crate) fn parse(properties: &Properties) -> Result<SinkConfig, ConnectError> {
    SinkConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}
