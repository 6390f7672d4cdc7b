//! The connector.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
};

use crate::config::LogConfig;
use crate::task::LogSinkTask;

/// Logs records.
#[derive(Debug, Default)]
pub struct LogSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for LogSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.LogSinkConnector",
            aliases: &["Log"],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Thread,
        }
    }

    fn definition(&self) -> ConfigDef {
        LogConfig::definition()
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        LogConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone(); max_tasks.max(1)])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(LogSinkTask::default())
    }
}
