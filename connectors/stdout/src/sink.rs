//! The connector: one task, whatever `tasks.max` says, because there is one standard output.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
};

use crate::config::StdoutConfig;
use crate::task::StdoutSinkTask;

/// Prints records to standard output.
#[derive(Debug, Default)]
pub struct StdoutSink {
    properties: Properties,
}

#[async_trait]
impl SinkConnector for StdoutSink {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.StdoutSinkConnector",
            aliases: &["Stdout"],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        StdoutConfig::definition()
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

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(StdoutSinkTask::default())
    }
}

/// The typed configuration.
pub(crate) fn parse(properties: &Properties) -> Result<StdoutConfig, ConnectError> {
    StdoutConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}
