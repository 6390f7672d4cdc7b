//! The connector: one task, whatever `tasks.max` says, because a file is read by one reader.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    CONNECT_VERSION, ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, OffsetMap,
    Plugin, Properties, SourceConnector, SourceTask, check_altered,
};

use super::{FileStreamSourceTask, offsets};
use crate::config::SourceConfig;

/// Reads lines of a file, or of standard input, into a topic.
#[derive(Debug, Default)]
pub struct FileStreamSource {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for FileStreamSource {
    fn plugin() -> Plugin {
        Plugin {
            class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
            aliases: &[],
            version: CONNECT_VERSION,
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        SourceConfig::definition()
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

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FileStreamSourceTask::default())
    }

    fn exactly_once_support(&self, properties: &Properties) -> Option<ExactlyOnceSupport> {
        let file = properties
            .get("file")
            .is_some_and(|file| !file.trim().is_empty());
        Some(if file {
            ExactlyOnceSupport::Supported
        } else {
            ExactlyOnceSupport::Unsupported
        })
    }

    async fn alter_offsets(
        &self,
        properties: &Properties,
        offsets: &[(Option<OffsetMap>, Option<OffsetMap>)],
    ) -> Result<bool, ConnectError> {
        if parse(properties)?.file().is_none() {
            return Err(ConnectError::connect(
                "offsets of standard input are not tracked and cannot be altered; set 'file' to read a file",
            ));
        }
        check_altered(offsets, offsets::check_one)?;
        Ok(true)
    }
}

/// The typed configuration.
pub(crate) fn parse(properties: &Properties) -> Result<SourceConfig, ConnectError> {
    SourceConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}
