//! The connector: one task, whatever `tasks.max` says, because there is one standard output.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, Execution, Plugin, Properties, SinkConnector, SinkTask,
};

use crate::config::StdoutConfig;
use crate::output::Output;
use crate::task::StdoutSinkTask;

/// Prints records to standard output.
#[derive(Debug, Default)]
pub struct StdoutSink {
    properties: Properties,
    output: Output,
}

impl StdoutSink {
    /// A sink that prints to `output` instead of standard output.
    pub fn printing_to(output: Output) -> Self {
        Self {
            properties: Properties::new(),
            output,
        }
    }
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
        Box::new(StdoutSinkTask::new(self.output.clone()))
    }
}

/// The typed configuration.
pub(crate) fn parse(properties: &Properties) -> Result<StdoutConfig, ConnectError> {
    StdoutConfig::parse(properties).map_err(|errors| ConnectError::config(errors.to_string()))
}
