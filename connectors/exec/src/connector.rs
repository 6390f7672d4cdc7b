//! The connector: one task, since there is one command.

use async_trait::async_trait;
use millrace_api::config::{Config, ConfigDef};
use millrace_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, Execution, Plugin, Properties,
    SourceConnector, SourceTask,
};

use crate::config::ExecConfig;
use crate::task::ExecTask;

/// Writes the lines that a command prints into a topic.
#[derive(Debug, Default)]
pub struct Exec {
    properties: Properties,
}

#[async_trait]
impl SourceConnector for Exec {
    fn plugin() -> Plugin {
        Plugin {
            class: "millrace.ExecConnector",
            aliases: &[],
            version: env!("CARGO_PKG_VERSION"),
            execution: Execution::Async,
        }
    }

    fn definition(&self) -> ConfigDef {
        ExecConfig::definition()
    }

    async fn validate(&self, properties: &Properties) -> Vec<(String, String)> {
        // What each key has wrong, the worker has found already.
        let mut wrong = ExecConfig::contradictions(properties);
        wrong.extend(ExecConfig::impossibilities(properties).await);
        wrong
    }

    async fn start(
        &mut self,
        properties: &Properties,
        _context: ConnectorContext,
    ) -> Result<(), ConnectError> {
        ExecConfig::read(properties)?;
        self.properties = properties.clone();
        Ok(())
    }

    async fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Properties>, ConnectError> {
        Ok(vec![self.properties.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(ExecTask::default())
    }

    /// What a command has printed it does not print again.
    fn exactly_once_support(&self, _properties: &Properties) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Unsupported)
    }
}
